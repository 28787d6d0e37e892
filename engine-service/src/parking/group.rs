//! The matches of one event that hang on its container or its host.
//!
//! Where only the first match in load order counts, an uncertain match holds back those behind it, so all of them wait as
//! one group. Where all count, each is a group of its own.

use std::sync::Arc;

use evaluator::{Residual, Truth, to_alert_value};
use eyrie_proto::{
    alert::{Alert, MetadataState},
    capture::TraceContext,
    event::{CgroupFact, CgroupKey},
    metadata::{Container, Host},
};
use fields::EventView;
use prost::Message as _;

use super::scene::Scene;
use crate::metadata::{Answer, ContainerName, InGroup, Joined, KnownHost};

/// What a group takes besides its alerts.
const GROUP_BYTES: usize = 512;

/// What a group waits for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Awaited {
    /// What metadata says of the container that this control group belongs to, or of the host. An empty id: the event happened
    /// in no container.
    Container(CgroupFact),
    /// The fact about this control group.
    Cgroup(CgroupKey),
}

/// A match that may become an alert.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// As it was when the event was evaluated.
    pub(crate) alert: Alert,
    /// What is left to decide and to fill in.
    pub(crate) residual: Residual,
}

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParkedGroup {
    /// Made like the first alert's id, of the event's own sequence: the same event makes the same group again.
    pub(crate) id: String,
    pub(crate) origin: Arc<str>,
    /// When the event happened.
    pub(crate) boot_ns: u64,
    pub(crate) awaited: Awaited,
    /// In load order; never empty.
    pub(crate) candidates: Vec<Candidate>,
    /// Its alerts went out marked; what comes now is an amendment.
    pub(crate) is_told: bool,
}

/// What became of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Settled {
    /// Alerts that hold.
    pub(crate) confirmed: Vec<Alert>,
    /// Amendments that take alerts back.
    pub(crate) retracted: Vec<Alert>,
}

/// What is known by now of where an event happened.
struct Around<'a> {
    joined: &'a Joined<'a>,
    host: &'a KnownHost,
    scene: &'a Scene,
}

/// What is known of one candidate.
enum Verdict {
    Holds { is_whole: bool },
    Dismissed,
    Open,
}

// === impl ParkedGroup ===

impl ParkedGroup {
    /// The trace of the batch that it came with.
    pub(crate) fn trace(&self) -> Option<&TraceContext> {
        self.candidates.first()?.alert.trace.as_ref()
    }

    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        let alerts = self.candidates.iter().map(|candidate| candidate.alert.encoded_len());
        alerts.sum::<usize>() * 2 + GROUP_BYTES
    }

    /// The container that it waits for, if that is known.
    pub(crate) fn container(&self) -> Option<ContainerName> {
        match &self.awaited {
            Awaited::Container(fact) if !fact.container_id.is_empty() => Some(ContainerName {
                origin: Arc::clone(&self.origin),
                runtime_id: fact.container_id.as_str().into(),
            }),
            Awaited::Container(_) | Awaited::Cgroup(_) => None,
        }
    }

    /// Whether it waits for this container.
    pub(super) fn is_of(&self, name: &ContainerName) -> bool {
        let id = match &self.awaited {
            Awaited::Container(fact) => fact.container_id.as_str(),
            Awaited::Cgroup(_) => "",
        };
        *id == *name.runtime_id && self.origin == name.origin
    }

    /// What became of it, if the answer decides everything: the first that holds and none after it, or none at all. What
    /// holds waits until the container is known whole, so that the alert shows all of it.
    pub(crate) fn settle(&self, answer: &Answer, host: &KnownHost) -> Option<Settled> {
        let joined = self.joined(answer);
        let verdicts = self.verdicts(&joined, host);
        let is_decided = verdicts.iter().all(|verdict| match verdict {
            Verdict::Dismissed => true,
            Verdict::Holds { is_whole } => *is_whole && joined.is_whole(),
            Verdict::Open => false,
        });
        if !is_decided {
            return None;
        }
        let mut settled = Settled::default();
        for (candidate, verdict) in self.candidates.iter().zip(verdicts) {
            match verdict {
                Verdict::Dismissed if self.is_told => settled.retracted.push(retraction(candidate)),
                Verdict::Dismissed => {}
                Verdict::Holds { .. } | Verdict::Open => {
                    settled.confirmed.push(self.finished(candidate, &joined, host));
                }
            }
        }
        Some(settled)
    }

    /// Nothing is on its way that could decide it: what it hangs on could not be had. It need not wait, though an answer may come against all
    /// expectation.
    pub(crate) fn is_unanswerable(&self, answer: &Answer, host: &KnownHost) -> bool {
        self.joined(answer).is_final() && !host.is_pending()
    }

    /// Nothing is waited for any longer: what is not ruled out goes out marked, and the rest of the group can still be amended.
    pub(crate) fn tell(&mut self, answer: &Answer, host: &KnownHost) -> Vec<Alert> {
        let joined = self.joined(answer);
        let is_left: Vec<bool> = self
            .verdicts(&joined, host)
            .iter()
            .map(|verdict| !matches!(verdict, Verdict::Dismissed))
            .collect();
        let left = self.candidates.iter().zip(&is_left).filter(|(_, is_left)| **is_left);
        let around = Around { joined: &joined, host, scene: &self.scene() };
        let alerts = marked(left.map(|(candidate, _)| candidate), &around);
        let mut is_left = is_left.into_iter();
        self.candidates.retain(|_| is_left.next().unwrap_or(true));
        self.is_told = true;
        alerts
    }

    fn joined<'a>(&'a self, answer: &'a Answer) -> Joined<'a> {
        match &self.awaited {
            Awaited::Container(fact) if fact.container_id.is_empty() => Joined::None,
            Awaited::Container(fact) => Joined::Container(InGroup::Of(fact), answer),
            Awaited::Cgroup(cgroup) => Joined::Untold(*cgroup),
        }
    }

    fn scene(&self) -> Scene {
        match &self.awaited {
            Awaited::Container(fact) => Scene::new(Some(fact)),
            Awaited::Cgroup(_) => Scene::new(None),
        }
    }

    /// In order: a candidate behind one that holds is dismissed, behind an open one it is open.
    fn verdicts(&self, joined: &Joined<'_>, host: &KnownHost) -> Vec<Verdict> {
        let scene = self.scene();
        let view = scene.view(joined.view(), host.view(None));
        let (mut is_won, mut is_open) = (false, false);
        let mut verdict = |candidate: &Candidate| {
            if is_won {
                return Verdict::Dismissed;
            }
            match candidate.residual.truth(&view, &mut Vec::new()) {
                Truth::False => Verdict::Dismissed,
                Truth::True if !is_open => {
                    is_won = true;
                    let mut unknown = Vec::new();
                    candidate.residual.fill(&view, &mut unknown);
                    Verdict::Holds { is_whole: unknown.is_empty() }
                }
                Truth::True | Truth::Unknown => {
                    is_open = true;
                    Verdict::Open
                }
            }
        };
        self.candidates.iter().map(&mut verdict).collect()
    }

    fn finished(&self, candidate: &Candidate, joined: &Joined<'_>, host: &KnownHost) -> Alert {
        let around = Around { joined, host, scene: &self.scene() };
        let mut alert = filled(candidate, &around, &mut Vec::new());
        alert.metadata_state = joined.state().into();
        if self.is_told {
            alert.is_amendment = true;
            alert.amendment_number = 1;
        }
        alert
    }
}

// === impl Around ===

impl Around<'_> {
    fn view(&self) -> EventView<'_> {
        self.scene.view(self.joined.view(), self.host.view(None))
    }
}

/// What an alert says of a match that hangs on `unknown` fields.
pub(crate) fn metadata_state(is_certain: bool, unknown: &[String], joined: &Joined<'_>) -> MetadataState {
    if is_certain && unknown.is_empty() { joined.state() } else { MetadataState::Partial }
}

/// Alerts that go out although something is unknown. A later candidate hangs on what the earlier ones hang on.
fn marked<'c>(candidates: impl Iterator<Item = &'c Candidate>, around: &Around<'_>) -> Vec<Alert> {
    let mut unknown_before: Vec<&'static str> = Vec::new();
    let mark = |candidate: &Candidate| {
        let mut unknown = unknown_before.clone();
        candidate.residual.truth(&around.view(), &mut unknown);
        unknown_before.clone_from(&unknown);
        let mut alert = filled(candidate, around, &mut unknown);
        unknown.sort_unstable();
        unknown.dedup();
        alert.unknown_fields = unknown.into_iter().map(str::to_owned).collect();
        alert.metadata_state = MetadataState::Partial.into();
        alert
    };
    candidates.map(mark).collect()
}

/// The alert with everything put in that is known by now.
fn filled(candidate: &Candidate, around: &Around<'_>, unknown: &mut Vec<&'static str>) -> Alert {
    let (message, gaps) = candidate.residual.fill(&around.view(), unknown);
    let mut alert = Alert { message, unknown_fields: Vec::new(), ..candidate.alert.clone() };
    let gaps = gaps.into_iter().map(|(name, value)| (name, to_alert_value(value.as_ref())));
    alert.output_fields.extend(gaps);
    alert.container = shown(&alert, around.joined);
    if let Some(host) = &around.host.host {
        alert.host = Some(Host::clone(host));
    }
    alert
}

fn shown(alert: &Alert, joined: &Joined<'_>) -> Option<Container> {
    joined.shown(alert.origin.as_ref()?)
}

fn retraction(candidate: &Candidate) -> Alert {
    Alert { is_amendment: true, amendment_number: 1, is_retracted: true, ..candidate.alert.clone() }
}
