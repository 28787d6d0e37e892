//! One section of a file: everything that is known of its host at a place in it.

use eyrie_proto::{
    event::{
        CgroupFact, Event, EventClass, LossPlace, LossReason, LossRecord, event::Kind as EventKind,
        ordered_fact,
    },
    metadata::late_fact,
};
use scap::Machine;

use super::{
    accounts::{Accounts, interfaces},
    base::{Base, fact_event},
    cgroups::Cgroups,
    containers::{Containers, Told},
    counts::Counts,
    descriptors::Descriptors,
    identity::Identity,
    output::Output,
    tasks::Tasks,
};
use eyrie_proto::recording::recording_entry::Kind;

/// Containers that are told before the first event that has a time.
const MAX_EARLY: usize = 1024;

/// Who did something, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) tid: u32,
    pub(crate) boot_ns: u64,
}

/// A section.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) machine: Machine,
    pub(crate) tasks: Tasks,
    pub(crate) descriptors: Descriptors,
    pub(crate) cgroups: Cgroups,
    pub(crate) accounts: Accounts,
    pub(crate) containers: Containers,
    pub(crate) base: Base,
    /// Set by the first event.
    pub(crate) identity: Option<Identity>,
    interfaces: Vec<scap::Interface>,
    /// Facts that are to be told before the next event.
    news: Vec<ordered_fact::Kind>,
    early: Vec<Told>,
    /// The recording that the section carries speaks for it.
    pub(crate) is_carried: bool,
    last_ns: u64,
    dropping_since_ns: Option<u64>,
    /// When a caller told, and was to be shown, what its child tells better: the child's word stands for it.
    pub(crate) left_to_child: Option<u64>,
}

// === impl Section ===

impl Section {
    /// Adds what there was no room for.
    pub(crate) fn count(&self, counts: &mut Counts) {
        let refused = [
            ("threads", self.tasks.refused()),
            ("beginnings of calls", self.tasks.refused_enters()),
            ("directories", self.tasks.refused_directories()),
            ("descriptors", self.descriptors.refused()),
            ("control groups", self.cgroups.refused()),
            ("users and groups", self.accounts.refused()),
            ("containers", self.containers.refused()),
            ("processes", self.base.refused()),
        ];
        for (what, count) in refused.into_iter().filter(|(_, count)| *count != 0) {
            *counts.refused.entry(what).or_default() += count;
        }
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.identity.is_some()
    }

    /// Nanoseconds since boot; before the first event there is no such time.
    pub(crate) fn boot_ns(&self, epoch_ns: u64) -> u64 {
        self.identity.as_ref().map_or(0, |identity| identity.boot_ns(epoch_ns))
    }

    /// The time of an event: its own, or that of the last one; `None` before all times.
    pub(crate) fn time_of(&mut self, told_ns: Option<u64>) -> Option<u64> {
        self.last_ns = told_ns.unwrap_or(self.last_ns);
        (self.last_ns != 0).then_some(self.last_ns)
    }

    pub(crate) fn interfaces(&mut self, entries: Vec<scap::Interface>) {
        if self.has_begun() {
            // Only the last word before an event counts: a file may have any number of them.
            self.news.retain(|fact| !matches!(fact, ordered_fact::Kind::Interfaces(_)));
            self.news.push(interfaces(&entries));
        }
        self.interfaces = entries;
    }

    /// A recording that it carries says everything that the rest of the section says: nothing of that is kept.
    pub(crate) fn carry(&mut self) {
        if !self.is_carried {
            *self = Self { is_carried: true, ..Self::default() };
        }
    }

    pub(crate) fn new_cgroup(&mut self, fact: CgroupFact) {
        self.news.push(ordered_fact::Kind::Cgroup(fact));
    }

    /// A container before there is a time.
    pub(crate) fn early(&mut self, told: Told) {
        if self.early.len() < MAX_EARLY {
            self.early.push(told);
        }
    }

    /// Header and base state, as of the first event.
    pub(crate) fn begin(&mut self, tenant: &str, first_event_ns: u64, output: &mut Output) {
        let identity = Identity::new(tenant, &self.machine, first_event_ns);
        output.begin(identity.epoch, identity.clock());
        output.push(Kind::Header(identity.header()));
        self.tell_ends();
        let at_boot_ns = identity.boot_ns(first_event_ns);
        let mut facts = std::mem::take(&mut self.news);
        facts.extend(self.accounts.take_changed());
        if !self.interfaces.is_empty() {
            facts.push(interfaces(&self.interfaces));
        }
        let containers = container_ids(&facts);
        for part in self.base_state(&identity, at_boot_ns, facts) {
            output.push(part);
        }
        self.identity = Some(identity);
        for told in std::mem::take(&mut self.early) {
            self.tell_container(told, output);
        }
        self.tell_found(&containers, output);
    }

    /// Facts that have to be known before the next event.
    pub(crate) fn tell_news(&mut self, boot_ns: u64, output: &mut Output) {
        self.news.extend(self.accounts.take_changed());
        if self.news.is_empty() {
            return;
        }
        let news = std::mem::take(&mut self.news);
        let containers = container_ids(&news);
        for fact in news {
            output.event(fact_event(fact, boot_ns));
        }
        self.tell_found(&containers, output);
    }

    pub(crate) fn tell_container(&mut self, told: Told, output: &mut Output) {
        let Some(identity) = &self.identity else { return };
        if let Some(container) = self.containers.identify(told, &self.cgroups, &identity.origin) {
            output.late_fact(late_fact::Kind::Container(container));
        }
    }

    /// Containers that waited for their control groups.
    fn tell_found(&mut self, ids: &[String], output: &mut Output) {
        let Some(identity) = &self.identity else { return };
        for id in ids {
            if let Some(container) = self.containers.found(id, &self.cgroups, &identity.origin) {
                output.late_fact(late_fact::Kind::Container(container));
            }
        }
    }

    /// The driver began to leave out events, or ended it. How many it left out nobody counts: it is one or more.
    pub(crate) fn dropped(&mut self, is_begin: bool, boot_ns: u64) -> Event {
        let first_boot_ns = self.dropping_since_ns.take().filter(|_| !is_begin).unwrap_or(boot_ns);
        self.dropping_since_ns = is_begin.then_some(boot_ns);
        let loss = LossRecord {
            place: LossPlace::Ring.into(),
            event_class: EventClass::Plain.into(),
            reason: LossReason::Degraded.into(),
            count: 1,
            first_boot_ns,
            last_boot_ns: boot_ns,
            ..LossRecord::default()
        };
        Event { boot_ns, kind: Some(EventKind::Loss(loss)), ..Event::default() }
    }
}

fn container_ids(facts: &[ordered_fact::Kind]) -> Vec<String> {
    let id = |fact: &ordered_fact::Kind| match fact {
        ordered_fact::Kind::Cgroup(fact) if !fact.container_id.is_empty() => Some(fact.container_id.clone()),
        _ => None,
    };
    facts.iter().filter_map(id).collect()
}
