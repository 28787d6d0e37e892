//! Which origins there are, which session owns each, and the states that wait for their agents to come back.

use std::{
    collections::{HashMap, hash_map},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use eyrie_proto::{capture::Host, event::Origin};
use tokio_util::sync::CancellationToken;

use crate::{error::RpcError, host_status::HostStatus, origin_state::OriginState};

/// How many origins and states are kept, and how long.
#[derive(Clone, Debug)]
pub(crate) struct OriginLimits {
    /// Origins, connected or not: some tens of KiB each with their plans and what those cost, at most some MiB, without their
    /// states.
    pub(crate) max_origins: usize,
    /// States of origins that are not connected: some MiB each.
    pub(crate) max_held_states: usize,
    /// How long a state waits for its agent.
    pub(crate) hold_state_for: Duration,
    /// How long a disconnected origin is listed.
    pub(crate) list_for: Duration,
    /// How long a new session waits for the end of the one before.
    pub(crate) wait_for_predecessor: Duration,
}

/// What is told of an origin, while its session counts on.
pub(crate) type SharedStatus = Arc<Mutex<HostStatus>>;

/// All origins of this engine.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    entries: Arc<Mutex<HashMap<String, Entry>>>,
    limits: OriginLimits,
}

#[derive(Debug)]
struct Entry {
    status: Arc<Mutex<HostStatus>>,
    session: Option<ActiveSession>,
    held: Option<HeldState>,
    /// When the last session ended.
    ended: Instant,
}

#[derive(Clone, Debug)]
struct ActiveSession {
    /// Cancelled to make the session end.
    superseded: CancellationToken,
    /// Who wants to take over.
    successor: Arc<OnceLock<String>>,
    /// Cancelled when it has ended.
    ended: CancellationToken,
}

/// How much there is to remember.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OriginCounts {
    /// Origins, connected or not.
    pub(crate) known: usize,
    /// States that are held for their return.
    pub(crate) held: usize,
}

/// A state as of a durable position.
#[derive(Debug)]
pub(crate) struct HeldState {
    pub(crate) epoch: u64,
    pub(crate) state: OriginState,
}

/// The right of one session to its origin; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    origins: Origins,
    name: String,
    session: ActiveSession,
    pub(crate) status: Arc<Mutex<HostStatus>>,
    /// What was held of the origin, whatever its epoch.
    pub(crate) held: Option<HeldState>,
}

// === impl Origins ===

impl Origins {
    pub(crate) fn new(limits: OriginLimits) -> Self {
        Self { entries: Arc::default(), limits }
    }

    /// Takes the origin for a session. A session that has it already is told to end, and waited for.
    pub(crate) async fn claim(&self, origin: &Origin, peer: &str) -> Result<Claim, RpcError> {
        let name = origin.to_string();
        let deadline = tokio::time::Instant::now() + self.limits.wait_for_predecessor;
        loop {
            let predecessor = match self.try_claim(origin, &name)? {
                Ok(claim) => return Ok(claim),
                Err(predecessor) => predecessor,
            };
            // The first successor is the one that is named.
            let _ = predecessor.successor.set(peer.to_owned());
            predecessor.superseded.cancel();
            tokio::time::timeout_at(deadline, predecessor.ended.cancelled())
                .await
                .map_err(|_| RpcError::PredecessorBusy { waited: self.limits.wait_for_predecessor })?;
        }
    }

    fn try_claim(&self, origin: &Origin, name: &str) -> Result<Result<Claim, ActiveSession>, RpcError> {
        let mut entries = self.lock();
        if !entries.contains_key(name) && entries.len() >= self.limits.max_origins {
            make_room(&mut entries, self.limits.max_origins)?;
        }
        let entry = match entries.entry(name.to_owned()) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(entry) => entry.insert(Entry {
                status: Arc::new(Mutex::new(HostStatus::new(origin.clone()))),
                session: None,
                held: None,
                ended: Instant::now(),
            }),
        };
        if let Some(session) = &entry.session {
            return Ok(Err(session.clone()));
        }
        let session = ActiveSession {
            superseded: CancellationToken::new(),
            successor: Arc::default(),
            ended: CancellationToken::new(),
        };
        entry.session = Some(session.clone());
        Ok(Ok(Claim {
            origins: self.clone(),
            name: name.to_owned(),
            session,
            status: Arc::clone(&entry.status),
            held: entry.held.take(),
        }))
    }

    /// Forgets what has waited long enough.
    pub(crate) fn sweep(&self, now: Instant) {
        let age = |entry: &Entry| now.saturating_duration_since(entry.ended);
        self.lock().retain(|_, entry| {
            if age(entry) >= self.limits.hold_state_for {
                entry.held = None;
            }
            entry.session.is_some() || age(entry) < self.limits.list_for
        });
    }

    /// The origins by host name.
    pub(crate) fn hosts(&self, includes_disconnected: bool) -> Vec<Host> {
        let statuses: Vec<_> = self.lock().values().map(|entry| Arc::clone(&entry.status)).collect();
        let now = Instant::now();
        let mut hosts: Vec<Host> = statuses
            .iter()
            .map(|status| status.lock().unwrap_or_else(PoisonError::into_inner).to_host(now))
            .filter(|host| host.is_connected || (includes_disconnected && host.epoch != 0))
            .collect();
        let hostname = |host: &Host| host.agent.as_ref().map(|agent| agent.hostname.clone());
        hosts.sort_by_cached_key(|host| (hostname(host), host.origin.as_ref().map(ToString::to_string)));
        hosts
    }

    /// Those of the origins that are `wanted`, by host name.
    pub(crate) fn statuses(&self, wanted: impl Fn(&HostStatus) -> bool) -> Vec<SharedStatus> {
        let mut statuses: Vec<_> = self.lock().values().map(|entry| Arc::clone(&entry.status)).collect();
        let lock = |status: &SharedStatus| status.lock().unwrap_or_else(PoisonError::into_inner).name();
        statuses.retain(|status| {
            let status = status.lock().unwrap_or_else(PoisonError::into_inner);
            status.epoch != 0 && wanted(&status)
        });
        statuses.sort_by_cached_key(lock);
        statuses
    }

    /// For metrics.
    pub(crate) fn counts(&self) -> OriginCounts {
        let entries = self.lock();
        OriginCounts {
            known: entries.len(),
            held: entries.values().filter(|entry| entry.held.is_some()).count(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops the origin that has been away longest.
fn make_room(entries: &mut HashMap<String, Entry>, limit: usize) -> Result<(), RpcError> {
    let oldest = entries
        .iter()
        .filter(|(_, entry)| entry.session.is_none())
        .min_by_key(|(_, entry)| entry.ended)
        .map(|(name, _)| name.clone());
    let oldest = oldest.ok_or(RpcError::TooMany { limit, what: "origins" })?;
    entries.remove(&oldest);
    Ok(())
}

// === impl Claim ===

impl Claim {
    /// Resolves when another session wants the origin.
    pub(crate) async fn superseded(&self) -> RpcError {
        self.session.superseded.cancelled().await;
        RpcError::Superseded { peer: self.session.successor.get().cloned().unwrap_or_default() }
    }

    /// The session's figures.
    pub(crate) fn status(&self) -> MutexGuard<'_, HostStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the origin back with a state that is as of a durable position.
    pub(crate) fn hold(self, state: HeldState) {
        let mut entries = self.origins.lock();
        let held_states = entries.values().filter(|entry| entry.held.is_some()).count();
        if held_states >= self.origins.limits.max_held_states {
            let oldest =
                entries.values_mut().filter(|entry| entry.held.is_some()).min_by_key(|entry| entry.ended);
            if let Some(oldest) = oldest {
                oldest.held = None;
            }
        }
        if self.origins.limits.max_held_states > 0
            && let Some(entry) = entries.get_mut(&self.name)
        {
            entry.held = Some(state);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.status().is_connected = false;
        if let Some(entry) = self.origins.lock().get_mut(&self.name) {
            entry.session = None;
            entry.ended = Instant::now();
        }
        self.session.ended.cancel();
    }
}
