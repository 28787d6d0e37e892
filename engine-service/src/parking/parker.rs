//! Decides which matches wait.

use std::sync::Arc;

use evaluator::Residual;
use eyrie_proto::{
    alert::Alert,
    event::{CgroupFact, Event},
};

use super::group::{Awaited, Candidate, ParkedGroup};
use crate::{
    alert::alert_id,
    metadata::{Answer, Joined, KnownHost, Metadata},
    origin_state::Evaluated,
};

/// For the matches of one event, of which some may hang on what is not known yet of its container or host.
pub(crate) struct Parker<'a> {
    pub(crate) metadata: &'a Metadata,
    pub(crate) joined: Joined<'a>,
    pub(crate) host: &'a KnownHost,
    pub(crate) event: &'a Event,
}

/// The id that the first alert has if its event is the only one of its call. The start and the end of one call may share an
/// alert, but wait as two groups, as different rules may match them.
fn group_id(origin: &str, first: &Alert) -> String {
    alert_id(origin, first.epoch, first.sequence, &first.rule)
}

// === impl Parker ===

impl Parker<'_> {
    /// Lets the matches wait: each that is not held back with those behind it that are. Where there is no room, or one
    /// hangs on more than metadata, its group goes out as it is, which its alerts say. Where nothing is on its way that could be waited for, it goes
    /// out marked, and can be amended like one that has waited.
    pub(crate) fn park(
        &self,
        origin: &str,
        matches: &mut dyn Iterator<Item = (bool, Option<Residual>, Alert)>,
        evaluated: &mut Evaluated,
    ) {
        let mut groups: Vec<Vec<(Option<Residual>, Alert)>> = Vec::new();
        for (is_held_back, residual, alert) in matches {
            match groups.last_mut() {
                Some(group) if is_held_back => group.push((residual, alert)),
                _ => groups.push(vec![(residual, alert)]),
            }
        }
        let origin: Arc<str> = origin.into();
        for group in groups {
            if self.is_decided(&group) {
                evaluated.alerts.extend(group.into_iter().map(|(_, alert)| alert));
                continue;
            }
            let counters = &self.metadata.counters;
            match self.group(&origin, group) {
                Ok(group) if group.is_unanswerable(&self.answer(), self.host) => {
                    counters.unanswerable.add(1);
                    self.tell(group, evaluated);
                }
                Ok(group) if self.has_room(&group, evaluated) => {
                    counters.parked.add(1);
                    evaluated.parked.push(group);
                }
                Ok(group) => {
                    counters.not_parked.add(1);
                    let alerts = group.candidates.into_iter().map(|candidate| candidate.alert);
                    evaluated.alerts.extend(alerts);
                }
                Err(alerts) => {
                    counters.not_parked.add(1);
                    evaluated.alerts.extend(alerts);
                }
            }
        }
    }

    /// Alerts and what they can be amended by become durable together.
    fn tell(&self, mut group: ParkedGroup, evaluated: &mut Evaluated) {
        evaluated.alerts.extend(group.tell(&self.answer(), self.host));
        if !group.candidates.is_empty() && self.has_room(&group, evaluated) {
            evaluated.parked.push(group);
        }
    }

    fn answer(&self) -> Answer {
        match self.joined {
            Joined::Container(_, answer) => answer.clone(),
            Joined::None | Joined::Untold(_) => Answer::Unknown,
        }
    }

    fn has_room(&self, group: &ParkedGroup, evaluated: &Evaluated) -> bool {
        self.metadata.parked.has_room(group.container().as_ref(), &evaluated.parked)
    }

    /// Nothing more is to be waited for.
    fn is_decided(&self, group: &[(Option<Residual>, Alert)]) -> bool {
        self.joined.is_whole() && group.iter().all(|(_, alert)| alert.unknown_fields.is_empty())
    }

    fn group(
        &self,
        origin: &Arc<str>,
        matches: Vec<(Option<Residual>, Alert)>,
    ) -> Result<ParkedGroup, Vec<Alert>> {
        let can_wait = matches.iter().all(|(residual, _)| residual.is_some());
        let awaited = match self.joined {
            Joined::Container(group, _) if can_wait => {
                Awaited::Container(group.fact().cloned().unwrap_or_default())
            }
            Joined::Untold(cgroup) if can_wait => Awaited::Cgroup(cgroup),
            Joined::None if can_wait => Awaited::Container(CgroupFact::default()),
            _ => return Err(matches.into_iter().map(|(_, alert)| alert).collect()),
        };
        let id = matches.first().map(|(_, alert)| group_id(origin, alert)).unwrap_or_default();
        let candidates = matches
            .into_iter()
            .filter_map(|(residual, alert)| Some(Candidate { alert, residual: residual? }))
            .collect();
        Ok(ParkedGroup {
            id,
            origin: Arc::clone(origin),
            boot_ns: self.event.boot_ns,
            awaited,
            candidates,
            is_told: false,
        })
    }
}
