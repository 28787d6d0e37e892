//! Puts alerts in the order of their events, though some of them wait.
//!
//! What was decided goes on at once as long as nothing before it waits. What waits holds up everything behind it, up to a
//! bound; then the oldest goes out as it is.

use std::collections::{HashSet, VecDeque};

use eyrie_proto::{
    alert::Alert,
    event::{CgroupFact, CgroupKey},
};
use prost::Message as _;

use crate::{
    metadata::{Answer, ContainerName, KnownHost, Metadata},
    origin_state::Evaluated,
    parking::{Awaited, ParkedGroup},
};

/// Bytes of what is held back, as on the wire; some times that in memory.
const MAX_HELD_BYTES: usize = 32 * 1024 * 1024;
/// Matches that wait at a time: each is looked at with every fact about its container.
const MAX_WAITING: usize = 4_096;
/// Alerts whose ids are remembered, 16 bytes each and some for the table: the start and the end of a call that takes long share one, and
/// are rarely far apart.
const REMEMBERED_IDS: usize = 16_384;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Held {
    queue: VecDeque<Entry>,
    waiting: usize,
    bytes: usize,
    seen: Seen,
}

#[derive(Debug)]
enum Entry {
    /// What became of one event's match; may be nothing.
    Decided {
        alerts: Vec<Alert>,
        bytes: usize,
    },
    Waiting {
        group: Box<ParkedGroup>,
        bytes: usize,
    },
}

/// The ids of the last alerts.
#[derive(Debug, Default)]
struct Seen {
    ids: HashSet<u128>,
    order: VecDeque<u128>,
}

// === impl Held ===

impl Held {
    /// Takes what became of a stretch. Of one event's matches, those that are decided come first.
    pub(super) fn take(&mut self, evaluated: Evaluated) {
        let mut alerts = evaluated.alerts.into_iter().peekable();
        // Of what was told already nothing more is to be said.
        for group in evaluated.parked.into_iter().filter(|group| !group.is_told) {
            let sequence = group.candidates.first().map_or(0, |candidate| candidate.alert.sequence);
            while let Some(alert) = alerts.next_if(|alert| alert.sequence <= sequence) {
                self.push(alert);
            }
            let bytes = group.size();
            self.bytes += bytes;
            self.waiting += 1;
            self.queue.push_back(Entry::Waiting { group: Box::new(group), bytes });
        }
        alerts.for_each(|alert| self.push(alert));
    }

    /// Gives the alerts that nothing waits before.
    pub(super) fn release(&mut self, metadata: &Metadata, alerts: &mut Vec<Alert>) {
        self.bound(metadata);
        while matches!(self.queue.front(), Some(Entry::Decided { .. })) {
            let Some(Entry::Decided { alerts: decided, bytes }) = self.queue.pop_front() else { return };
            self.bytes = self.bytes.saturating_sub(bytes);
            alerts.extend(decided.into_iter().filter(|alert| self.seen.is_new(&alert.id)));
        }
    }

    /// The oldest wait no longer than there is room: for them, and for what is held up behind them.
    pub(super) fn bound(&mut self, metadata: &Metadata) {
        if self.waiting <= MAX_WAITING && self.bytes <= MAX_HELD_BYTES {
            return;
        }
        let excess = if self.waiting > MAX_WAITING { self.waiting - MAX_WAITING / 2 } else { 0 };
        let (mut told, mut from_here) = (0, self.bytes);
        for entry in &mut self.queue {
            let held = entry.bytes();
            if let Entry::Waiting { group, .. } = entry {
                if told >= excess && from_here <= MAX_HELD_BYTES {
                    break;
                }
                *entry = Entry::decided(tell(group, metadata));
                self.bytes = self.bytes.saturating_sub(held) + entry.bytes();
                told += 1;
            }
            from_here = from_here.saturating_sub(held);
        }
        self.waiting = self.waiting.saturating_sub(told);
    }

    /// Nothing that is waited for will come.
    pub(super) fn tell_all(&mut self, metadata: &Metadata) {
        self.change(|group| Some(tell(group, metadata)));
    }

    /// No fact that is still to come says more of containers and hosts; which container a control group is of may still be told.
    pub(super) fn tell_what_waits_for_facts(&mut self, metadata: &Metadata) {
        let is_one = |group: &ParkedGroup| matches!(group.awaited, Awaited::Container(_));
        self.change(|group| if is_one(group) { Some(tell(group, metadata)) } else { None });
    }

    /// Something was said of these containers, and of the host maybe.
    pub(super) fn settle(&mut self, is_of_host: bool, containers: &[ContainerName], metadata: &Metadata) {
        let is_concerned = |group: &ParkedGroup| {
            is_of_host || group.container().is_some_and(|name| containers.contains(&name))
        };
        self.change(|group| if is_concerned(group) { settle(group, metadata) } else { None });
    }

    /// Facts about control groups may have come.
    pub(super) fn look_for_cgroups<'f>(
        &mut self,
        find: impl Fn(&CgroupKey) -> Option<&'f CgroupFact>,
        metadata: &Metadata,
    ) {
        self.change(|group| {
            let Awaited::Cgroup(cgroup) = &group.awaited else { return None };
            group.awaited = Awaited::Container(find(cgroup)?.clone());
            settle(group, metadata)
        });
    }

    fn push(&mut self, alert: Alert) {
        let entry = Entry::decided(vec![alert]);
        self.bytes += entry.bytes();
        self.queue.push_back(entry);
    }

    /// Replaces groups by what `decide` says that they come to.
    fn change(&mut self, mut decide: impl FnMut(&mut ParkedGroup) -> Option<Vec<Alert>>) {
        if self.waiting == 0 {
            return;
        }
        for entry in &mut self.queue {
            let Entry::Waiting { group, bytes: before } = entry else { continue };
            let Some(alerts) = decide(group) else { continue };
            self.bytes = self.bytes.saturating_sub(*before);
            self.waiting -= 1;
            *entry = Entry::decided(alerts);
            self.bytes += entry.bytes();
        }
    }
}

// === impl Entry ===

impl Entry {
    fn decided(alerts: Vec<Alert>) -> Self {
        let bytes = alerts.iter().map(Alert::encoded_len).sum();
        Self::Decided { alerts, bytes }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Decided { bytes, .. } | Self::Waiting { bytes, .. } => *bytes,
        }
    }
}

/// What is known of where a group's event happened.
fn known(group: &ParkedGroup, metadata: &Metadata) -> (Answer, KnownHost) {
    let asked =
        group.container().map(|name| metadata.container(&name.origin, &name.runtime_id, group.boot_ns));
    (asked.map_or(Answer::Unknown, |found| found.answer), metadata.host(&group.origin))
}

fn settle(group: &ParkedGroup, metadata: &Metadata) -> Option<Vec<Alert>> {
    let (answer, host) = known(group, metadata);
    group.settle(&answer, &host).map(|settled| settled.confirmed)
}

fn tell(group: &mut ParkedGroup, metadata: &Metadata) -> Vec<Alert> {
    let (answer, host) = known(group, metadata);
    match group.settle(&answer, &host) {
        Some(settled) => settled.confirmed,
        None => group.tell(&answer, &host),
    }
}

// === impl Seen ===

impl Seen {
    /// Whether no alert had the id; from now on one has.
    fn is_new(&mut self, id: &str) -> bool {
        // Ids are 32 hexadecimal digits.
        let Ok(id) = u128::from_str_radix(id, 16) else { return true };
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}
