//! What is known of containers, by origin and by the id that the runtime gave.
//!
//! An agent's own facts and the metadata service's entities meet here. An entity of the service has a version and counts
//! as newer than anything told with a lower one; an agent's fact counts at once, unless it says less than what is there.

mod clusters;
mod entry;
mod hosts;
mod in_force;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use dashmap::DashMap;
use eyrie_proto::{event::Origin, metadata::Container};
use prost::Message as _;
use tokio::time::Instant;

use self::entry::{ContainerState, Entry};
pub(crate) use self::hosts::KnownHost;

/// What an entry takes besides its container.
const ENTRY_BYTES: usize = 256;

/// How much is kept. What is too much leaves by age, within the origin that it belongs to.
#[derive(Clone, Debug)]
pub struct CacheLimits {
    /// Containers of one origin.
    pub max_containers: usize,
    /// Bytes of one origin's containers, as on the wire.
    pub max_origin_bytes: usize,
    /// Bytes of all.
    pub max_bytes: usize,
    /// How long an origin without a session is remembered.
    pub keep_for: Duration,
}

/// A container, so that no other one can be meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ContainerName {
    /// The canonical name of its origin.
    pub(crate) origin: Arc<str>,
    /// The whole id that the runtime gave.
    pub(crate) runtime_id: Arc<str>,
}

/// What the cache says of a container.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Known(Arc<Container>),
    /// An answer may come.
    Unknown,
    /// Known not to exist.
    Absent,
}

/// What the cache says of a container at a moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) answer: Answer,
    /// The service should be asked.
    pub(crate) is_to_be_asked: bool,
    /// The last moment, in the host's boot time, that the answer is for, if it is known.
    pub(crate) holds_until_ns: u64,
}

/// Grows with everything that becomes known of an origin's containers, or is known no more: as long as it is the same, so are known answers.
/// Read before the answer that is to be remembered.
#[derive(Clone, Debug, Default)]
pub(crate) struct News(Arc<AtomicU64>);

/// Who says something of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Teller {
    /// The agent on its host.
    Agent,
    /// The metadata service, whose entities have versions.
    Service { version: u64 },
}

/// See the module.
#[derive(Debug)]
pub(crate) struct ContainerCache {
    origins: DashMap<Arc<str>, OriginContainers>,
    bytes: AtomicUsize,
    limits: CacheLimits,
    /// For how long more may come of a host; without one, for as long as it takes.
    pending_for: Option<Duration>,
}

#[derive(Debug)]
struct OriginContainers {
    origin: Origin,
    entries: HashMap<Arc<str>, Entry>,
    bytes: usize,
    sessions: usize,
    /// When the last session ended.
    left: Instant,
    /// Counts what was stored, for the order of eviction.
    stored: u64,
    /// The host itself.
    host: KnownHost,
    news: News,
    /// Where its pods are from.
    clusters: Arc<BTreeSet<Arc<str>>>,
}

// === impl CacheLimits ===

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            max_containers: 4_096,
            max_origin_bytes: 16 * 1024 * 1024,
            max_bytes: 512 * 1024 * 1024,
            keep_for: Duration::from_secs(3_600),
        }
    }
}

// === impl ContainerCache ===

impl ContainerCache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self::with_patience(limits, Some(hosts::PENDING_FOR))
    }

    /// One that measures no time: what is said to be on its way is waited for until whoever asks has had enough.
    pub(crate) fn timeless(limits: CacheLimits) -> Self {
        Self::with_patience(limits, None)
    }

    fn with_patience(limits: CacheLimits, pending_for: Option<Duration>) -> Self {
        Self { origins: DashMap::new(), bytes: AtomicUsize::new(0), limits, pending_for }
    }

    /// A session of the origin begins; gives whether it is the only one, so that the origin is new to watch.
    pub(crate) fn enter(&self, name: &Arc<str>, origin: &Origin) -> bool {
        let mut known = self.origins.entry(Arc::clone(name)).or_insert_with(|| OriginContainers {
            origin: origin.clone(),
            entries: HashMap::new(),
            bytes: 0,
            sessions: 0,
            left: Instant::now(),
            stored: 0,
            host: KnownHost::expected(self.pending_until()),
            news: News::default(),
            clusters: Arc::default(),
        });
        known.sessions += 1;
        known.sessions == 1
    }

    /// A session of the origin has ended; gives whether it was the last.
    pub(crate) fn leave(&self, name: &str) -> bool {
        let Some(mut known) = self.origins.get_mut(name) else { return false };
        known.sessions = known.sessions.saturating_sub(1);
        known.left = Instant::now();
        known.sessions == 0
    }

    /// The origins that have a session.
    pub(crate) fn watched(&self) -> Vec<Origin> {
        let with_session = self.origins.iter().filter(|known| known.sessions > 0);
        with_session.map(|known| known.origin.clone()).collect()
    }

    /// The origin of this name, if it has a session.
    pub(crate) fn watched_origin(&self, name: &str) -> Option<Origin> {
        let known = self.origins.get(name).filter(|known| known.sessions > 0)?;
        Some(known.origin.clone())
    }

    /// Forgets the origins that have been away too long.
    pub(crate) fn sweep(&self, now: Instant) {
        self.origins.retain(|_, known| {
            let is_kept =
                known.sessions > 0 || now.saturating_duration_since(known.left) < self.limits.keep_for;
            if !is_kept {
                self.bytes.fetch_sub(known.bytes, Ordering::Relaxed);
            }
            is_kept
        });
    }

    /// Forgets an origin that has no session.
    pub(crate) fn forget(&self, name: &str) {
        if let Some((_, known)) = self.origins.remove_if(name, |_, known| known.sessions == 0) {
            self.bytes.fetch_sub(known.bytes, Ordering::Relaxed);
        }
    }

    /// What is known of a container at a moment of its host's boot time. An origin that nobody entered has no answers.
    pub(crate) fn find(&self, origin: &str, runtime_id: &str, at_boot_ns: u64) -> Found {
        let now = Instant::now();
        if let Some(known) = self.origins.get(origin)
            && let Some(entry) = known.entries.get(runtime_id)
            && let Some(answer) = entry.answer(runtime_id, at_boot_ns, now)
        {
            return Found { answer, is_to_be_asked: false, holds_until_ns: entry.holds_until_ns(runtime_id) };
        }
        let unknown = |is_to_be_asked| Found { answer: Answer::Unknown, is_to_be_asked, holds_until_ns: 0 };
        let Some(mut known) = self.origins.get_mut(origin) else { return unknown(false) };
        let is_new = known.entries.get(runtime_id).is_none_or(|entry| entry.is_to_be_asked(now));
        if is_new {
            let is_only_services = known.entries.get(runtime_id).is_none_or(|entry| entry.is_only_services);
            let bytes = runtime_id.len();
            self.store(&mut known, runtime_id, Entry { bytes, is_only_services, ..Entry::pending() });
        }
        unknown(is_new)
    }

    /// What tells whether an answer about a container of the origin still holds; of one that nobody entered, nothing ever does.
    pub(crate) fn news(&self, origin: &str) -> News {
        self.origins.get(origin).map(|known| known.news.clone()).unwrap_or_default()
    }

    /// Takes what somebody says of a container of an origin that was entered; gives whether its pod is of a cluster that the origin
    /// was not known to be in.
    pub(crate) fn learn(&self, name: &ContainerName, container: Container, teller: Teller) -> bool {
        let Some(mut known) = self.origins.get_mut(&*name.origin) else { return false };
        let is_cluster_new = known.join_cluster(&container);
        self.take(&mut known, name, container, teller);
        is_cluster_new
    }

    fn take(&self, known: &mut OriginContainers, name: &ContainerName, container: Container, teller: Teller) {
        let last = known.entries.get(&*name.runtime_id);
        let container = clusters::with_context(last, container, teller);
        if last.is_some_and(|last| !last.is_newer(&container, teller)) {
            if let Some(entry) = known.entries.get_mut(&*name.runtime_id) {
                entry.is_stale = false;
            }
            return;
        }
        if let (Some(last), Teller::Service { version }) = (last, teller)
            && last.is_better_known_here(&container)
        {
            if let Some(entry) = known.entries.get_mut(&*name.runtime_id) {
                entry.set_version(version);
            }
            return;
        }
        let version = match (teller, last.map(|last| &last.state)) {
            (Teller::Service { version }, _) => version,
            (Teller::Agent, Some(ContainerState::Known { version, .. })) => *version,
            (Teller::Agent, _) => 0,
        };
        let is_only_services = teller != Teller::Agent && last.is_none_or(|last| last.is_only_services);
        let ended_boot_ns = container.validity.map_or(0, |validity| validity.until_ns);
        let bytes = container.encoded_len();
        let state = ContainerState::Known { container: Arc::new(container), version };
        let entry = Entry { state, bytes, ended_boot_ns, is_only_services, ..Entry::pending() };
        self.store(known, &name.runtime_id, entry);
    }

    /// A container has ended. It stays, for events from before.
    pub(crate) fn end(&self, name: &ContainerName, ended_boot_ns: u64, teller: Teller) {
        let Some(mut known) = self.origins.get_mut(&*name.origin) else { return };
        let Some(entry) = known.entries.get_mut(&*name.runtime_id) else { return };
        match (&mut entry.state, teller) {
            (ContainerState::Known { version, .. }, Teller::Service { version: newer }) => {
                if newer < *version {
                    return;
                }
                *version = newer;
            }
            (ContainerState::Known { .. }, Teller::Agent) => {}
            _ => return,
        }
        entry.is_stale = false;
        entry.ended_boot_ns = ended_boot_ns.max(1);
        known.news.add();
    }

    /// The service says that there is no such container, for a while.
    pub(crate) fn deny(&self, name: &ContainerName, expires_after: Duration) {
        let state = ContainerState::Absent { until: Instant::now() + expires_after };
        self.replace_unless_known(name, state);
    }

    /// The service cannot tell now.
    pub(crate) fn give_up(&self, name: &ContainerName) {
        self.replace_unless_known(name, ContainerState::Unavailable { since: Instant::now() });
    }

    /// The service starts over: its versions count no more, and what its next snapshot does not name is not so.
    pub(crate) fn begin_snapshot(&self) {
        for mut known in self.origins.iter_mut() {
            for entry in known.entries.values_mut() {
                if let ContainerState::Known { version, .. } = &mut entry.state {
                    *version = 0;
                    entry.is_stale = entry.is_only_services;
                }
            }
        }
    }

    /// The service's snapshot is whole.
    pub(crate) fn end_snapshot(&self) {
        for mut known in self.origins.iter_mut() {
            let known = &mut *known;
            let mut freed = 0;
            known.entries.retain(|_, entry| {
                freed += if entry.is_stale { entry.bytes + ENTRY_BYTES } else { 0 };
                !entry.is_stale
            });
            known.bytes = known.bytes.saturating_sub(freed);
            self.bytes.fetch_sub(freed, Ordering::Relaxed);
            known.news.add();
        }
    }

    fn replace_unless_known(&self, name: &ContainerName, state: ContainerState) {
        let Some(mut known) = self.origins.get_mut(&*name.origin) else { return };
        if let Some(entry) = known.entries.get_mut(&*name.runtime_id)
            && !matches!(entry.state, ContainerState::Known { .. })
        {
            entry.state = state;
        }
    }

    /// Stores an entry within the bounds: what was stored first leaves first, and an entry that is too large alone is
    /// not stored.
    fn store(&self, known: &mut OriginContainers, runtime_id: &str, mut entry: Entry) {
        self.remove(known, runtime_id);
        let size = entry.bytes + ENTRY_BYTES;
        let is_too_much = |known: &OriginContainers| {
            known.entries.len() >= self.limits.max_containers
                || known.bytes + size > self.limits.max_origin_bytes
                || self.bytes.load(Ordering::Relaxed) + size > self.limits.max_bytes
        };
        while is_too_much(known) {
            let oldest = known.entries.iter().min_by_key(|(_, entry)| entry.stored);
            let Some(oldest) = oldest.map(|(id, _)| Arc::clone(id)) else { return };
            self.remove(known, &oldest);
        }
        known.stored += 1;
        entry.stored = known.stored;
        known.bytes += size;
        self.bytes.fetch_add(size, Ordering::Relaxed);
        let is_known = entry.is_known();
        known.entries.insert(runtime_id.into(), entry);
        if is_known {
            known.news.add();
        }
    }

    fn remove(&self, known: &mut OriginContainers, runtime_id: &str) {
        if let Some(removed) = known.entries.remove(runtime_id) {
            known.bytes -= removed.bytes + ENTRY_BYTES;
            self.bytes.fetch_sub(removed.bytes + ENTRY_BYTES, Ordering::Relaxed);
            if removed.is_known() {
                known.news.add();
            }
        }
    }
}

// === impl News ===

impl News {
    /// How much there was so far.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Whether both are of the same entrance of the same origin.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// After what has become known is there to be found.
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
