//! Names and images of the host's containers, as facts that may be late.
//!
//! The capture thread hands over the control groups of containers that it told of; a thread of its own reads the files of their
//! runtimes, which may be slow or hostile without any harm to capture, and puts what it learns into the queue of late
//! facts. Users and groups of containers are read beside, and are ordered facts that the capture thread fetches. Files that are not there yet are tried again for some seconds; then what is known goes out as final, with the
//! reasons why the rest is missing.

mod accounts;
mod bundle;
mod files;
mod reading;
mod runtime_state;
mod runtimes;
mod storage;
mod told;

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use eyrie_proto::{
    event::{CgroupFact, Origin},
    metadata::{Completeness, ContainerRemoval, late_fact::Kind},
};
use tracing::{debug, warn};

pub use self::runtimes::Sockets;
pub(crate) use self::{accounts::ContainerAccounts, reading::Places};
use self::{reading::Noticed, runtime_state::RuntimeState};
use crate::{cgroups::container_of, late_facts::LateFacts};

/// Control groups that wait for the thread: at most 1500 bytes each.
const MAX_WAITING: usize = 1_024;
/// Containers that are kept in mind, of 200 bytes each. More than any node runs.
const MAX_CONTAINERS: usize = 8_192;
/// Pauses between attempts: most is there at once, and what is not after 7 seconds will not come.
const PAUSES_MS: [u64; 8] = [20, 50, 100, 250, 500, 1_000, 2_000, 3_000];
/// How long the thread sleeps when there is nothing to try again.
const IDLE: Duration = Duration::from_secs(60);
/// How often users and groups of a container are read again: programs add some when they are installed.
const ACCOUNTS_AGAIN: Duration = Duration::from_secs(60);

/// The capture thread's end.
#[derive(Debug)]
pub(crate) struct Containers {
    news: SyncSender<(CgroupFact, u64)>,
    is_overflowing: AtomicBool,
    accounts: Arc<ContainerAccounts>,
}

/// The thread's.
struct Reader {
    origin: Origin,
    places: Places,
    facts: Arc<LateFacts>,
    accounts: Arc<ContainerAccounts>,
    /// By the runtime's id.
    containers: HashMap<String, Tracked>,
}

struct Tracked {
    noticed: Noticed,
    /// Attempts that were made.
    attempts: usize,
    /// When to try again; `None` once there is nothing more to learn.
    next: Option<Instant>,
    /// When to read its users and groups (again).
    next_accounts: Instant,
    accounts_attempts: usize,
}

// === impl Containers ===

impl Containers {
    /// Starts the thread. It ends when this is dropped, or later if a file that it reads hangs.
    pub(crate) fn start(origin: Origin, places: Places, facts: Arc<LateFacts>) -> io::Result<Self> {
        let (news, receiver) = sync_channel(MAX_WAITING);
        let accounts = Arc::new(ContainerAccounts::default());
        let reader =
            Reader { origin, places, facts, accounts: Arc::clone(&accounts), containers: HashMap::new() };
        thread::Builder::new().name("containers".to_owned()).spawn(move || reader.run(&receiver))?;
        Ok(Self { news, is_overflowing: AtomicBool::new(false), accounts })
    }

    /// Users and groups of the containers that there are.
    pub(crate) fn accounts(&self) -> &ContainerAccounts {
        &self.accounts
    }

    /// Takes notice of a control group that was told. Never waits.
    pub(crate) fn observe(&self, fact: &CgroupFact, boot_ns: u64) {
        if fact.container_id.is_empty() {
            return;
        }
        let is_full = self.news.try_send((fact.clone(), boot_ns)).is_err();
        if is_full && !self.is_overflowing.swap(true, Ordering::Relaxed) {
            warn!("containers come faster than their files can be read: names of some will be missing");
        } else if !is_full {
            self.is_overflowing.store(false, Ordering::Relaxed);
        }
    }
}

// === impl Reader ===

impl Reader {
    fn run(mut self, news: &Receiver<(CgroupFact, u64)>) {
        loop {
            let times = |tracked: &Tracked| tracked.next.into_iter().chain([tracked.next_accounts]);
            let next = self.containers.values().flat_map(times).min();
            let pause = next.map_or(IDLE, |next| next.saturating_duration_since(Instant::now()));
            match news.recv_timeout(pause) {
                Ok((fact, boot_ns)) if fact.is_removed => self.removed(&fact, boot_ns),
                Ok((fact, _)) => self.noticed(fact),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.read_due();
            self.read_accounts();
        }
    }

    fn noticed(&mut self, fact: CgroupFact) {
        let Some(cgroup) = fact.cgroup else { return };
        let is_outermost = container_of(&fact.path).is_none_or(|named| named.is_outermost);
        if let Some(known) = self.containers.get(&fact.container_id)
            && (!is_outermost || known.noticed.cgroup.cgroup_id == cgroup.cgroup_id)
        {
            // One within the container, or told again.
            return;
        }
        if self.containers.len() >= MAX_CONTAINERS && !self.containers.contains_key(&fact.container_id) {
            warn!(
                container = fact.container_id,
                "more than {MAX_CONTAINERS} containers: its name is not read"
            );
            return;
        }
        let noticed = Noticed { id: fact.container_id, runtime: fact.runtime, cgroup };
        let now = Instant::now();
        let tracked =
            Tracked { noticed, attempts: 0, next: Some(now), next_accounts: now, accounts_attempts: 0 };
        self.containers.insert(tracked.noticed.id.clone(), tracked);
    }

    /// Only the end of the group that a container was noticed by is its end.
    fn removed(&mut self, fact: &CgroupFact, removed_boot_ns: u64) {
        let id = fact.cgroup.map(|cgroup| cgroup.cgroup_id);
        let is_it = |tracked: &Tracked| Some(tracked.noticed.cgroup.cgroup_id) == id;
        if !self.containers.get(&fact.container_id).is_some_and(is_it) {
            return;
        }
        let Some(Tracked { noticed, next, .. }) = self.containers.remove(&fact.container_id) else { return };
        self.accounts.remove(&noticed.id);
        if next.is_some() {
            // Nobody shall wait for what will not come any more.
            let mut container = noticed.read(&self.origin, &self.places);
            if container.completeness() == Completeness::Pending {
                container.set_completeness(Completeness::FinalPartial);
                container.reasons.push("it ended before its files could be read".to_owned());
            }
            self.facts.push(Kind::Container(container));
        }
        let key = Some(noticed.key(&self.origin));
        self.facts.push(Kind::ContainerRemoval(ContainerRemoval { key, removed_boot_ns }));
    }

    fn read_accounts(&mut self) {
        let now = Instant::now();
        for tracked in self.containers.values_mut().filter(|tracked| tracked.next_accounts <= now) {
            let id = &tracked.noticed.id;
            let found =
                RuntimeState::find(&self.places.run, id).and_then(|state| accounts::read(state.pid, id));
            // Most containers have entered their root after the first of the pauses.
            let pause = PAUSES_MS.get(tracked.accounts_attempts).filter(|_| found.is_none());
            tracked.accounts_attempts += 1;
            tracked.next_accounts = now + pause.map_or(ACCOUNTS_AGAIN, |&pause| Duration::from_millis(pause));
            found.into_iter().for_each(|fact| self.accounts.put(fact));
        }
    }

    fn read_due(&mut self) {
        let now = Instant::now();
        for tracked in self.containers.values_mut().filter(|tracked| tracked.next.is_some_and(|at| at <= now))
        {
            let mut container = tracked.noticed.read(&self.origin, &self.places);
            let is_pending = container.completeness() == Completeness::Pending;
            let pause =
                PAUSES_MS.get(tracked.attempts).filter(|_| is_pending && tracked.noticed.may_be_read());
            tracked.attempts += 1;
            tracked.next = pause.map(|&pause| Instant::now() + Duration::from_millis(pause));
            if is_pending && pause.is_none() {
                container.set_completeness(Completeness::FinalPartial);
                debug!(container = tracked.noticed.id, "not all is known: {}", container.reasons.join("; "));
            }
            // What is still pending is told once.
            if pause.is_none() || tracked.attempts == 1 {
                self.facts.push(Kind::Container(container));
            }
        }
    }
}

#[cfg(test)]
mod tests;
