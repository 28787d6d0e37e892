//! The groups that wait, by what they wait for.

mod round;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use eyrie_proto::event::{CgroupFact, CgroupKey};
use tokio::{sync::Notify, time::Instant};

pub(super) use self::round::{Round, Wait};
use super::{
    ParkingLimits,
    group::{Awaited, ParkedGroup},
};
use crate::{
    host_status::HostStatus,
    metadata::{Answer, ContainerName, KnownHost},
};

/// Groups that one round decides: some 50 µs each.
const GROUPS_A_ROUND: usize = 64;

/// What the groups wait for, as far as it is known by now.
pub(super) trait Knowledge {
    /// What is known of a container at a moment of its host's boot time.
    fn container(&self, name: &ContainerName, at_boot_ns: u64) -> Answer;
    /// What is known of the host of an origin.
    fn host(&self, origin: &str) -> KnownHost;
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Table {
    inner: Mutex<Inner>,
    /// There is something for the worker to do.
    changed: Notify,
    /// How many groups there are, to be read without the lock.
    count: AtomicUsize,
    limits: ParkingLimits,
}

#[derive(Debug, Default)]
struct Inner {
    /// By arrival.
    groups: BTreeMap<u64, Parked>,
    arrivals: u64,
    by_id: HashMap<String, u64>,
    by_container: HashMap<ContainerName, BTreeSet<u64>>,
    /// Groups whose container is still to be told, by origin.
    by_origin: HashMap<Arc<str>, BTreeSet<u64>>,
    deadlines: BTreeSet<(Instant, u64)>,
    /// Groups of which something may be known by now.
    dirty: BTreeSet<u64>,
    told: BTreeSet<u64>,
    bytes: usize,
    /// Stored groups that made room for others.
    given_up: Vec<String>,
}

#[derive(Debug)]
struct Parked {
    group: ParkedGroup,
    since: SystemTime,
    deadline: Instant,
    bytes: usize,
    status: Option<Arc<Mutex<HostStatus>>>,
}

// === impl Table ===

impl Table {
    pub(crate) fn new(limits: ParkingLimits) -> Self {
        Self { inner: Mutex::default(), changed: Notify::new(), count: AtomicUsize::new(0), limits }
    }

    /// Whether a further group of the container may wait beside those `before` it, which are not here yet. Told groups make room
    /// for new ones.
    pub(crate) fn has_room(&self, container: Option<&ContainerName>, before: &[ParkedGroup]) -> bool {
        let inner = self.inner();
        let is_same = |group: &&ParkedGroup| container.is_some_and(|name| group.is_of(name));
        let of_container = container.and_then(|name| inner.by_container.get(name)).map_or(0, BTreeSet::len)
            + before.iter().filter(is_same).count();
        let untold_before = before.iter().filter(|group| !group.is_told).count();
        let untold = inner.groups.len() - inner.told.len() + untold_before;
        // Those before it, one stretch of a batch at most, are not weighed.
        let is_too_heavy = inner.bytes >= self.limits.max_bytes && inner.told.is_empty();
        of_container < self.limits.max_groups_per_container
            && untold < self.limits.max_groups
            && !is_too_heavy
    }

    /// Lets groups wait that are stored already; those whose alerts are out, for what may complete them.
    pub(crate) fn park(&self, groups: Vec<ParkedGroup>, status: &Arc<Mutex<HostStatus>>) {
        if groups.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut inner = self.inner();
        for group in groups {
            let wait = if group.is_told { self.limits.amend_for } else { self.limits.wait };
            inner.make_room(&self.limits);
            inner.insert(group, now + wait, Some(Arc::clone(status)));
        }
        self.tell_worker(&inner);
    }

    /// Lets groups go on waiting that were stored before a restart.
    pub(super) fn restore(&self, groups: Vec<ParkedGroup>) {
        let now = Instant::now();
        let mut inner = self.inner();
        for group in groups {
            let wait = if group.is_told { self.limits.amend_for } else { self.limits.wait_after_restart };
            inner.insert(group, now + wait, None);
        }
        self.tell_worker(&inner);
    }

    /// Something was said of a container.
    pub(crate) fn container_changed(&self, name: &ContainerName) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut inner = self.inner();
        let Some(waiting) = inner.by_container.get(name).cloned() else { return };
        inner.dirty.extend(waiting);
        self.changed.notify_one();
    }

    /// Something was said of a host, or nothing more will be. That is rare, so that all its groups are looked at.
    pub(crate) fn host_changed(&self, origin: &str) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut inner = self.inner();
        let of_host =
            |(arrival, parked): (&u64, &Parked)| (*parked.group.origin == *origin).then_some(*arrival);
        let waiting: Vec<u64> = inner.groups.iter().filter_map(of_host).collect();
        inner.dirty.extend(waiting);
        self.changed.notify_one();
    }

    /// Facts about control groups of an origin may have come.
    pub(crate) fn look_for_cgroups<'f>(
        &self,
        origin: &str,
        find: impl Fn(&CgroupKey) -> Option<&'f CgroupFact>,
    ) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut inner = self.inner();
        let Some(waiting) = inner.by_origin.get(origin).cloned() else { return };
        for arrival in waiting {
            inner.find_container(arrival, &find);
        }
        self.changed.notify_one();
    }

    /// How long a group waits before it goes out marked.
    pub(crate) fn wait(&self) -> Duration {
        self.limits.wait
    }

    /// How many groups wait, told ones included.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Until there is something to do.
    pub(super) async fn changed(&self) {
        let due = self.inner().deadlines.first().map(|(due, _)| *due);
        let due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.changed.notified() => {}
            () = due => {}
        }
    }

    /// Decides what can be decided, and tells what has waited for long enough: everything at the `end`. Blocks for some
    /// milliseconds. Gives nothing if nothing is to be done.
    pub(super) fn round(&self, is_end: bool, knowledge: &impl Knowledge) -> Option<Round> {
        let mut inner = self.inner();
        let mut round = Round::default();
        round.batch.settled.append(&mut inner.given_up);
        round.unanswered += round.batch.settled.len() as u64;
        let due = inner.due(is_end);
        let dirty: Vec<u64> = inner.dirty.iter().copied().take(GROUPS_A_ROUND).collect();
        for arrival in dirty.into_iter().chain(due) {
            inner.dirty.remove(&arrival);
            inner.decide(arrival, is_end, self.limits.amend_for, knowledge, &mut round);
        }
        let is_more = !inner.dirty.is_empty() || !inner.due(is_end).is_empty();
        self.count.store(inner.groups.len(), Ordering::Relaxed);
        if is_more {
            self.changed.notify_one();
        }
        (!round.is_empty() || is_more).then_some(round)
    }

    fn tell_worker(&self, inner: &Inner) {
        self.count.store(inner.groups.len(), Ordering::Relaxed);
        self.changed.notify_one();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    /// A group that came twice counts once, as it came last, unless its alerts are out: were that forgotten, they could not
    /// be taken back.
    fn insert(&mut self, group: ParkedGroup, deadline: Instant, status: Option<Arc<Mutex<HostStatus>>>) {
        if let Some(before) = self.by_id.get(&group.id).copied() {
            if self.told.contains(&before) {
                return self.find_container(before, |_| match &group.awaited {
                    Awaited::Container(fact) => Some(fact),
                    Awaited::Cgroup(_) => None,
                });
            }
            self.remove(before);
        }
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.by_id.insert(group.id.clone(), arrival);
        self.index(arrival, &group);
        self.deadlines.insert((deadline, arrival));
        if group.is_told {
            self.told.insert(arrival);
        }
        // The answer may have come between evaluation and now.
        self.dirty.insert(arrival);
        let bytes = group.size();
        self.bytes += bytes;
        self.groups.insert(arrival, Parked { group, since: SystemTime::now(), deadline, bytes, status });
    }

    fn index(&mut self, arrival: u64, group: &ParkedGroup) {
        match (group.container(), &group.awaited) {
            (Some(name), _) => {
                self.by_container.entry(name).or_default().insert(arrival);
            }
            (None, Awaited::Cgroup(_)) => {
                self.by_origin.entry(Arc::clone(&group.origin)).or_default().insert(arrival);
            }
            (None, Awaited::Container(_)) => {}
        }
    }

    fn remove(&mut self, arrival: u64) -> Option<Parked> {
        let parked = self.groups.remove(&arrival)?;
        self.by_id.remove(&parked.group.id);
        self.unindex(arrival, &parked.group);
        self.deadlines.remove(&(parked.deadline, arrival));
        self.dirty.remove(&arrival);
        self.told.remove(&arrival);
        self.bytes -= parked.bytes;
        Some(parked)
    }

    fn unindex(&mut self, arrival: u64, group: &ParkedGroup) {
        if let Some(name) = group.container()
            && let Some(waiting) = self.by_container.get_mut(&name)
        {
            waiting.remove(&arrival);
            if waiting.is_empty() {
                self.by_container.remove(&name);
            }
        }
        if let Some(waiting) = self.by_origin.get_mut(&group.origin) {
            waiting.remove(&arrival);
            if waiting.is_empty() {
                self.by_origin.remove(&group.origin);
            }
        }
    }

    /// The oldest told groups leave first: their alerts are out.
    fn make_room(&mut self, limits: &ParkingLimits) {
        while self.groups.len() >= limits.max_groups || self.bytes >= limits.max_bytes {
            let Some(oldest) = self.told.first().copied() else { return };
            if let Some(parked) = self.remove(oldest) {
                self.given_up.push(parked.group.id);
            }
        }
    }

    fn find_container<'f>(&mut self, arrival: u64, find: impl Fn(&CgroupKey) -> Option<&'f CgroupFact>) {
        let Some(parked) = self.groups.get(&arrival) else { return };
        let Awaited::Cgroup(cgroup) = &parked.group.awaited else { return };
        let Some(fact) = find(cgroup).cloned() else { return };
        let Some(mut parked) = self.groups.remove(&arrival) else { return };
        self.unindex(arrival, &parked.group);
        parked.group.awaited = Awaited::Container(fact);
        self.index(arrival, &parked.group);
        self.groups.insert(arrival, parked);
        self.dirty.insert(arrival);
    }

    /// The groups whose time is over; at the end, all whose alerts are not out.
    fn due(&self, is_end: bool) -> Vec<u64> {
        let now = Instant::now();
        if is_end {
            let untold = self.groups.keys().filter(|arrival| !self.told.contains(arrival));
            return untold.take(GROUPS_A_ROUND).copied().collect();
        }
        let over = self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now);
        over.take(GROUPS_A_ROUND).map(|(_, arrival)| *arrival).collect()
    }

    fn decide(
        &mut self,
        arrival: u64,
        is_end: bool,
        amend_for: Duration,
        knowledge: &impl Knowledge,
        round: &mut Round,
    ) {
        let Some(parked) = self.groups.get_mut(&arrival) else { return };
        let group = &mut parked.group;
        let asked = group.container().map(|name| knowledge.container(&name, group.boot_ns));
        let (answer, host) = (asked.unwrap_or(Answer::Unknown), knowledge.host(&group.origin));
        let is_told = group.is_told;
        if let Some(settled) = group.settle(&answer, &host) {
            if let Some(parked) = self.remove(arrival) {
                round.settle(&parked, settled);
            }
            return;
        }
        let is_over = parked.deadline <= Instant::now();
        if is_told && is_over {
            round.unanswered += 1;
            round.batch.settled.extend(self.remove(arrival).map(|parked| parked.group.id));
        } else if !is_told {
            let is_unanswerable = group.is_unanswerable(&answer, &host);
            if is_end || is_over || is_unanswerable {
                let alerts = group.tell(&answer, &host);
                let deadline = Instant::now() + amend_for;
                self.deadlines.remove(&(parked.deadline, arrival));
                self.deadlines.insert((deadline, arrival));
                self.told.insert(arrival);
                parked.deadline = deadline;
                round.tell(parked, alerts, is_unanswerable);
            }
        }
    }
}
