//! The thread that learns of containers and tells of them.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use eyrie_proto::{
    event::CgroupFact,
    metadata::{Completeness, ContainerRemoval, late_fact::Kind},
};
use grpc_transport::log_limit::LogLimit;
use tracing::{debug, warn};

use super::{
    accounts::{AccountWorker, ContainerAccounts},
    early::Early,
    reading::Noticed,
    told::ToldBox,
    tracked::{PAUSES_MS, Sources, Tracked},
};
use crate::{
    cgroups::{Maker, container_of},
    late_facts::LateFacts,
};

/// Containers that are kept in mind, of a few KiB each. More than any node runs.
const MAX_CONTAINERS: usize = 8_192;
/// Of which so many may be of users' own runtimes: control groups cost a user nothing.
const MAX_OF_USERS: usize = 2_048;
/// What they may take together; of containers beyond that nothing is told but their ids.
const MAX_BYTES: usize = 64 << 20;
/// Of these, those that have ended and of which something may still be told. The first to have ended leave first.
const MAX_ENDED: usize = 512;
/// How long the thread sleeps when there is nothing to try again.
const IDLE: Duration = Duration::from_secs(60);
/// How often users and groups of a container are read again: programs add some when they are installed.
const ACCOUNTS_AGAIN: Duration = Duration::from_secs(60);

/// When those of a container that has let us wait for them are: no sooner than it ends.
const NOT_AGAIN: Duration = Duration::from_secs(365 * 24 * 3_600);
/// How often the log says what there was no room for; all of it is counted.
const LOG_INTERVAL: Duration = Duration::from_secs(30);
static TOO_MANY: LogLimit = LogLimit::new(LOG_INTERVAL);
static TOLD_TOO_MUCH: LogLimit = LogLimit::new(LOG_INTERVAL);

/// What the thread is woken by.
#[derive(Debug)]
pub(super) enum News {
    /// A control group was told, with the time of it.
    Cgroup(CgroupFact, u64),
    /// The outermost control groups of all containers, unless there are more than that, at a time.
    All { groups: Vec<CgroupFact>, is_all: bool, boot_ns: u64 },
    /// There is something in the box.
    Told,
}

/// The thread's.
pub(super) struct Reader {
    sources: Sources,
    facts: Arc<LateFacts>,
    accounts: Arc<ContainerAccounts>,
    worker: AccountWorker,
    told: Arc<ToldBox>,
    early: Early,
    /// By the runtime's id.
    containers: HashMap<String, Tracked>,
    bytes: usize,
    /// Which of them have ended, with their control groups, in this order.
    ended: VecDeque<(String, u64)>,
}

// === impl Reader ===

impl Reader {
    pub(super) fn new(
        sources: Sources,
        facts: Arc<LateFacts>,
        accounts: Arc<ContainerAccounts>,
        worker: AccountWorker,
        told: Arc<ToldBox>,
    ) -> Self {
        let (early, containers) = (Early::default(), HashMap::new());
        Self { sources, facts, accounts, worker, told, early, containers, bytes: 0, ended: VecDeque::new() }
    }

    pub(super) fn run(mut self, news: &Receiver<News>) {
        loop {
            let times = |tracked: &Tracked| {
                let last = tracked.forgotten_at().unwrap_or(tracked.next_accounts);
                tracked.next().into_iter().chain([last])
            };
            let next = self.containers.values().flat_map(times).min();
            let pause = next.map_or(IDLE, |next| next.saturating_duration_since(Instant::now()));
            match news.recv_timeout(pause) {
                Ok(News::Cgroup(fact, boot_ns)) if fact.is_removed => self.removed(&fact, boot_ns),
                Ok(News::Cgroup(fact, _)) => self.noticed(fact),
                Ok(News::All { groups, is_all, boot_ns }) => self.caught_up(groups, is_all, boot_ns),
                Ok(News::Told) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.take_told();
            self.read_due();
            self.read_accounts();
            self.forget_ended();
        }
    }

    /// Makes good for news that were missed.
    fn caught_up(&mut self, groups: Vec<CgroupFact>, is_all: bool, boot_ns: u64) {
        let there: HashSet<_> = groups.iter().filter_map(|fact| Some(fact.cgroup?.cgroup_id)).collect();
        let tracked = self.containers.values().map(|tracked| &tracked.noticed);
        let gone = tracked.filter(|noticed| is_all && !there.contains(&noticed.cgroup.cgroup_id));
        let gone: Vec<_> = gone.map(|noticed| (noticed.id.clone(), noticed.cgroup)).collect();
        for (container_id, cgroup) in gone {
            let fact =
                CgroupFact { cgroup: Some(cgroup), container_id, is_removed: true, ..CgroupFact::default() };
            self.removed(&fact, boot_ns);
        }
        groups.into_iter().for_each(|fact| self.noticed(fact));
    }

    fn noticed(&mut self, fact: CgroupFact) {
        let Some(cgroup) = fact.cgroup else { return };
        let named = container_of(&fact.path);
        let is_outermost = named.as_ref().is_none_or(|named| named.is_outermost);
        let known = self.containers.get(&fact.container_id);
        let is_same =
            |known: &Tracked| known.noticed.cgroup.cgroup_id == cgroup.cgroup_id && !known.has_ended();
        if known.is_some_and(|known| !is_outermost || is_same(known)) {
            // One within the container, or told again.
            return;
        }
        let is_new = known.is_none();
        let is_hosts = known.is_some_and(|known| !known.noticed.is_users());
        let outermost = named.as_ref().map_or(&fact.path, |named| &named.outermost);
        let maker = Maker::of(self.sources.places.cgroups.as_deref(), outermost);
        let pod_uid = named.and_then(|named| named.pod_uid).unwrap_or_default();
        let noticed = Noticed::new(fact.container_id, fact.runtime, cgroup, pod_uid).made_by(maker);
        if is_new && !self.has_room_for(&noticed) {
            return self.leave_out(&noticed.id);
        }
        if is_hosts && noticed.is_users() {
            return;
        }
        let early = if noticed.is_users() { Vec::new() } else { self.early.take(&noticed.id) };
        let tracked = Tracked::new(noticed, early);
        self.bytes += tracked.bytes();
        if let Some(before) = self.containers.insert(tracked.noticed.id.clone(), tracked) {
            self.bytes -= before.bytes();
            if !before.has_ended() {
                // The end of its group was not told, or is told later: the next one's beginning is one.
                let key = Some(before.noticed.key(&self.sources.origin));
                let removed_boot_ns = cgroup.birth_boot_ns;
                self.facts.push(Kind::ContainerRemoval(ContainerRemoval { key, removed_boot_ns }));
            }
        }
    }

    fn has_room_for(&self, noticed: &Noticed) -> bool {
        let of_users = || self.containers.values().filter(|tracked| tracked.noticed.is_users()).count();
        let is_full = self.containers.len() >= MAX_CONTAINERS || self.bytes >= MAX_BYTES;
        !is_full && (!noticed.is_users() || of_users() < MAX_OF_USERS)
    }

    fn leave_out(&self, id: &str) {
        self.told.left_out().too_many.increment();
        if let Some(suppressed) = TOO_MANY.pass() {
            let (containers, bytes) = (self.containers.len(), self.bytes);
            warn!(
                container = id,
                containers,
                bytes,
                suppressed,
                "too many containers, or too many of users: its name is not read"
            );
        }
    }

    /// Only the end of the group that a container was noticed by is its end.
    fn removed(&mut self, fact: &CgroupFact, removed_boot_ns: u64) {
        let id = fact.cgroup.map(|cgroup| cgroup.cgroup_id);
        let is_it = |tracked: &Tracked| Some(tracked.noticed.cgroup.cgroup_id) == id && !tracked.has_ended();
        if !self.containers.get(&fact.container_id).is_some_and(is_it) {
            return;
        }
        let Some(mut tracked) = self.containers.remove(&fact.container_id) else { return };
        self.bytes -= tracked.bytes();
        self.accounts.remove(&tracked.noticed.id);
        if let Some(container) = tracked.last(&self.sources, removed_boot_ns) {
            // Nobody shall wait for what will not come any more.
            self.facts.push(Kind::Container(container));
        }
        let key = Some(tracked.noticed.key(&self.sources.origin));
        self.facts.push(Kind::ContainerRemoval(ContainerRemoval { key, removed_boot_ns }));
        if tracked.lacks_something() {
            // Its runtime may answer yet, or its files be found.
            self.bytes += tracked.bytes();
            self.ended.push_back((tracked.noticed.id.clone(), tracked.noticed.cgroup.cgroup_id));
            self.containers.insert(tracked.noticed.id.clone(), tracked);
        }
    }

    /// Forgets of those that have ended what is known whole by now or was for too long, and what is too much.
    fn forget_ended(&mut self) {
        let (now, count) = (Instant::now(), self.ended.len());
        for number in 0..count {
            let Some((id, cgroup_id)) = self.ended.pop_front() else { return };
            let is_it =
                |tracked: &&Tracked| tracked.has_ended() && tracked.noticed.cgroup.cgroup_id == cgroup_id;
            // A container that was started again is another one.
            let Some(tracked) = self.containers.get(&id).filter(is_it) else { continue };
            let is_over = tracked.forgotten_at().is_some_and(|at| at <= now) || count - number > MAX_ENDED;
            if is_over || !tracked.lacks_something() {
                self.bytes -= tracked.bytes();
                self.containers.remove(&id);
            } else {
                self.ended.push_back((id, cgroup_id));
            }
        }
    }

    fn take_told(&mut self) {
        for (interface, told) in self.told.take() {
            let tracked = self.containers.get_mut(&told.id);
            let Some(tracked) = tracked.filter(|tracked| !tracked.noticed.is_users()) else {
                self.early.put(interface, told);
                continue;
            };
            if self.bytes >= MAX_BYTES {
                self.told.left_out().told_too_much.increment();
                if let Some(suppressed) = TOLD_TOO_MUCH.pass() {
                    warn!(
                        container = told.id,
                        source = told.source,
                        suppressed,
                        "too many containers: what its runtime says is left out"
                    );
                }
                continue;
            }
            let before = tracked.bytes();
            tracked.take(interface, told);
            self.bytes = self.bytes + tracked.bytes() - before;
        }
    }

    fn read_accounts(&mut self) {
        // Of one that has ended meanwhile nobody wants to know.
        let read = self.worker.take().into_iter();
        let runs = |id: &str| self.containers.get(id).is_some_and(|tracked| !tracked.has_ended());
        read.filter(|fact| runs(&fact.container_id)).for_each(|fact| self.accounts.put(fact));
        let now = Instant::now();
        if let Some(stuck) = self.worker.take_stuck()
            && let Some(tracked) = self.containers.get_mut(&stuck)
        {
            tracked.next_accounts = now + NOT_AGAIN;
        }
        for tracked in self.containers.values_mut() {
            if tracked.has_ended() || tracked.next_accounts > now {
                continue;
            }
            if let Some(state) = tracked.noticed.runtime_state(&self.sources.places) {
                self.worker.read(state.pid, &tracked.noticed.id);
            }
            // Most containers have entered their root after the first of the pauses.
            let is_known = self.accounts.is_known(&tracked.noticed.id);
            let pause = PAUSES_MS.get(tracked.accounts_attempts).filter(|_| !is_known);
            tracked.accounts_attempts += 1;
            tracked.next_accounts = now + pause.map_or(ACCOUNTS_AGAIN, |&pause| Duration::from_millis(pause));
        }
    }

    fn read_due(&mut self) {
        let now = Instant::now();
        let due = |tracked: &&mut Tracked| tracked.next().is_some_and(|at| at <= now);
        for tracked in self.containers.values_mut().filter(due) {
            let before = tracked.bytes();
            let container = tracked.attempt(&self.sources);
            self.bytes = self.bytes + tracked.bytes() - before;
            let Some(container) = container else { continue };
            if container.completeness() == Completeness::FinalPartial {
                debug!(container = tracked.noticed.id, "not all is known: {}", container.reasons.join("; "));
            }
            self.facts.push(Kind::Container(container));
        }
    }
}

#[cfg(test)]
mod tests;
