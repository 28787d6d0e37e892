//! One host's processes, sessions and users, rebuilt from its events.
//!
//! Events go in by [`HostModel::apply`], in the order of their sequence numbers; what they left behind is read from the
//! model by `fields`. The model does no I/O and has no clock: the same events give the same state. Its whole state can
//! be taken out ([`HostModel::base_state`] and [`HostModel::base_facts`]) and put into another model
//! ([`HostModel::restore`]), which then carries on exactly as the first would have: that is what lets any engine take
//! over any host. The agent runs the same model up to the acked position and the engine up to the newest event, so that
//! there is one definition of what an event does to the state.
//!
//! It holds no file descriptors: live events describe theirs themselves.
//!
//! # Which news wins
//!
//! Events count in the order in which they come, also where their times differ from it a little. A snapshot stands
//! outside that order: it counts as of its own `as_of_boot_ns`. So an event from before does not change what a snapshot
//! said, and a snapshot from before the last change of a process only fills in what was not known. That a process ended
//! is final: late news of it do not bring it back.
#![forbid(unsafe_code)]

mod ancestors;
mod base_parts;
mod base_state;
mod comm;
mod facts;
mod limits;
mod losses;
pub mod paths;
mod process;
mod program;
mod table;
mod timeline;
mod transitions;

use std::time::Duration;

use self::{facts::Facts, losses::Losses, table::ProcessTable, timeline::Timeline};
pub use self::{
    limits::{Counters, Limits},
    process::{Process, Thread},
    program::MemoryUse,
};
use eyrie_proto::event::{
    CgroupFact, Event, EventClass, Group, HostIdentityFact, InterfacesFact, LossPlace, LossRecord,
    MountsFact, NamesFact, ProcessKey, Task, User, event::Kind,
};

/// The state of one origin.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub struct HostModel {
    table: ProcessTable,
    facts: Facts,
    losses: Losses,
    timeline: Timeline,
}

/// Whether a process is in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerId<'model> {
    /// It is: the whole id that the runtime gave.
    Container(&'model str),
    /// Its control group is known to be the host's own.
    Host,
    /// No fact about its control group has come (yet).
    Unknown,
}

// === impl HostModel ===

impl Default for HostModel {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl HostModel {
    /// An empty model.
    pub fn new(limits: Limits) -> Self {
        Self {
            table: ProcessTable::new(limits),
            facts: Facts::new(&limits),
            losses: Losses::new(limits.max_recent_losses),
            timeline: Timeline::default(),
        }
    }

    /// Applies one event. Afterwards the model is as an evaluation of this very event should see it: a process that
    /// ended by it is still there and goes with the next event.
    pub fn apply(&mut self, event: &Event) {
        self.table.remove_ended();
        self.timeline.advance(event);
        match &event.kind {
            Some(Kind::Fact(fact)) => self.facts.apply(fact),
            Some(Kind::Loss(loss)) => self.losses.apply(loss),
            Some(Kind::ProcessSnapshot(snapshot)) => {
                transitions::apply_snapshot(&mut self.table, snapshot, event.boot_ns);
            }
            Some(Kind::SourceEvent(_) | Kind::PlanSwitch(_)) => {}
            _ => transitions::apply_task_event(&mut self.table, event),
        }
    }

    /// The process that has this pid now.
    pub fn process(&self, pid: u32) -> Option<&Process> {
        self.table.get(pid)
    }

    /// The process that a task belongs to: never a later one that got the same pid.
    pub fn process_of(&self, task: &Task) -> Option<&Process> {
        let key = task.process?;
        self.table.get(key.pid).filter(|process| process::is_same(process.key(), key))
    }

    /// The processes above `process`, its parent first; ends where the chain is broken or would repeat itself, and after
    /// 512.
    pub fn ancestors<'model>(
        &'model self,
        process: &Process,
    ) -> impl Iterator<Item = &'model Process> + use<'model> {
        ancestors::Ancestors::new(&self.table, process)
    }

    /// The processes whose parent is `pid`, ascending by pid.
    pub fn children(&self, pid: u32) -> impl Iterator<Item = &Process> {
        self.table.children(pid).filter_map(|child| self.table.get(child))
    }

    /// All processes, ascending by pid.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.table.ascending()
    }

    /// How many processes there are.
    pub fn process_count(&self) -> usize {
        self.table.len()
    }

    /// The processes that were found to be incomplete since this was last called, each once: their state is to be asked
    /// for.
    pub fn take_unknown(&mut self) -> Vec<ProcessKey> {
        self.table.take_unknown()
    }

    /// Lists all incomplete processes for [`Self::take_unknown`] once more: what was asked may have been lost.
    pub fn list_unknown_again(&mut self) {
        self.table.list_unknown_again();
    }

    /// Which container the process is in, by its control group in the hierarchy that the origin's agent told of.
    pub fn container_id(&self, process: &Process) -> ContainerId<'_> {
        match self.cgroup(process) {
            Some(fact) if fact.container_id.is_empty() => ContainerId::Host,
            Some(fact) => ContainerId::Container(&fact.container_id),
            None => ContainerId::Unknown,
        }
    }

    /// What is known of the process's control group.
    pub fn cgroup(&self, process: &Process) -> Option<&CgroupFact> {
        self.facts.cgroup(process.cgroup_hierarchy(), process.cgroup_id())
    }

    /// What is known of the control group with this id in this hierarchy.
    pub fn cgroup_fact(&self, hierarchy: u32, cgroup_id: u64) -> Option<&CgroupFact> {
        self.facts.cgroup(hierarchy, cgroup_id)
    }

    /// Grows with every fact about a control group: as long as it is the same, so are [`Self::cgroup`]'s answers for a control group.
    pub fn cgroup_changes(&self) -> u64 {
        self.facts.cgroup_changes()
    }

    /// Whether any control group has been told of: then its agent tells of them all.
    pub fn has_cgroups(&self) -> bool {
        self.facts.has_cgroups()
    }

    /// The host's user with this id, as the newest users fact has it.
    pub fn user(&self, uid: u32) -> Option<&User> {
        self.facts.user("", uid)
    }

    /// The host's group with this id.
    pub fn group(&self, gid: u32) -> Option<&Group> {
        self.facts.group("", gid)
    }

    /// A container's own user with this id.
    pub fn container_user(&self, container_id: &str, uid: u32) -> Option<&User> {
        self.facts.user(container_id, uid)
    }

    /// A container's own group with this id.
    pub fn container_group(&self, container_id: &str, gid: u32) -> Option<&Group> {
        self.facts.group(container_id, gid)
    }

    /// Whether the users of a container (empty: of the host) have been told, so that one who is not among them is known
    /// not to exist.
    pub fn has_users(&self, container_id: &str) -> bool {
        self.facts.has_users(container_id)
    }

    /// The interfaces of a network namespace.
    pub fn interfaces(&self, network_namespace: u64) -> Option<&InterfacesFact> {
        self.facts.interfaces(network_namespace)
    }

    /// The interfaces of all network namespaces that are known, ascending by namespace.
    pub fn all_interfaces(&self) -> impl Iterator<Item = &InterfacesFact> {
        self.facts.all_interfaces()
    }

    /// The mounts of a mount namespace.
    pub fn mounts(&self, mount_namespace: u64) -> Option<&MountsFact> {
        self.facts.mounts(mount_namespace)
    }

    /// What a name that rules mention resolves to, as the host's agent saw it; the reader minds until when.
    pub fn names(&self, name: &str) -> Option<&NamesFact> {
        self.facts.names(name)
    }

    /// All names that are known, in alphabetical order.
    pub fn all_names(&self) -> impl Iterator<Item = &NamesFact> {
        self.facts.all_names()
    }

    /// What the host is.
    pub fn host(&self) -> Option<&HostIdentityFact> {
        self.facts.host()
    }

    /// The losses whose time range comes within `window` of a moment, oldest news first.
    pub fn recent_loss(&self, at_boot_ns: u64, window: Duration) -> impl Iterator<Item = &LossRecord> {
        self.losses.around(at_boot_ns, window)
    }

    /// When the first event of the stream was made, nanoseconds since boot; `None` before it.
    pub fn first_event_boot_ns(&self) -> Option<u64> {
        self.timeline.first()
    }

    /// When the event before the newest one was made, nanoseconds since boot; `None` on the first, and on what is no event.
    pub fn previous_event_boot_ns(&self) -> Option<u64> {
        self.timeline.previous()
    }

    /// How many events were lost, of those that this model was told of or took over as recent.
    pub fn total_loss(&self, place: LossPlace, class: EventClass) -> u64 {
        self.losses.total(place, class)
    }

    /// What was given up to stay within the limits.
    pub fn counters(&self) -> Counters {
        let mut counters = Counters { evicted_facts: self.facts.evicted(), ..Counters::default() };
        self.table.add_to(&mut counters);
        counters
    }
}

#[cfg(test)]
mod tests;
