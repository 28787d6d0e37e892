//! One container, as far as somebody has told of it.

use std::{sync::Arc, time::Duration};

use eyrie_proto::metadata::{Completeness, Container};
use tokio::time::Instant;

use super::{Answer, Teller};

/// Before the service is asked again for what it could not tell.
pub(super) const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The same for what it said to be on its way: no news come of something that turns out never to have been.
pub(super) const ASK_PENDING_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// From so many hexadecimal digits on, a runtime's id is random and never given twice.
const UNIQUE_ID_DIGITS: usize = 32;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) state: ContainerState,
    pub(super) bytes: usize,
    pub(super) stored: u64,
    /// Nothing but the service has told of it; what it takes back is gone.
    pub(super) is_only_services: bool,
    /// The service's snapshot that is on its way has not named it so far.
    pub(super) is_stale: bool,
    /// When it ended, in the host's boot time; 0 while it runs.
    pub(super) ended_boot_ns: u64,
}

#[derive(Debug)]
pub(super) enum ContainerState {
    Known { container: Arc<Container>, version: u64 },
    Pending { since: Instant },
    Absent { until: Instant },
    Unavailable { since: Instant },
}

// === impl Entry ===

impl Entry {
    pub(super) fn pending() -> Self {
        Self {
            state: ContainerState::Pending { since: Instant::now() },
            bytes: 0,
            stored: 0,
            is_only_services: true,
            is_stale: false,
            ended_boot_ns: 0,
        }
    }

    /// The answer, if there is one that holds. An id that can be given again does not name the container that had it
    /// before.
    pub(super) fn answer(&self, runtime_id: &str, at_boot_ns: u64, now: Instant) -> Option<Answer> {
        match &self.state {
            ContainerState::Known { container, .. } => {
                let is_so = at_boot_ns <= self.holds_until_ns(runtime_id);
                is_so.then(|| Answer::Known(Arc::clone(container)))
            }
            ContainerState::Absent { until } => (now < *until).then_some(Answer::Absent),
            ContainerState::Pending { .. } | ContainerState::Unavailable { .. } => None,
        }
    }

    /// The last moment, in the host's boot time, for which a known container is the answer.
    pub(super) fn holds_until_ns(&self, runtime_id: &str) -> u64 {
        let is_endless = self.ended_boot_ns == 0 || is_unique(runtime_id);
        if is_endless { u64::MAX } else { self.ended_boot_ns }
    }

    /// Somebody may remember what it says; see [`super::News`].
    pub(super) fn is_known(&self) -> bool {
        matches!(self.state, ContainerState::Known { .. })
    }

    pub(super) fn is_to_be_asked(&self, now: Instant) -> bool {
        match &self.state {
            ContainerState::Known { .. } => false,
            ContainerState::Pending { since } => {
                now.saturating_duration_since(*since) >= ASK_PENDING_AGAIN_AFTER
            }
            ContainerState::Absent { until } => now >= *until,
            ContainerState::Unavailable { since } => now.saturating_duration_since(*since) >= ASK_AGAIN_AFTER,
        }
    }

    /// The agent has told more than the service knows so far: its fact is on its way there.
    pub(super) fn is_better_known_here(&self, container: &Container) -> bool {
        match &self.state {
            ContainerState::Known { container: last, version: 0 } => {
                !self.is_only_services && completeness(container) < completeness(last)
            }
            _ => false,
        }
    }

    pub(super) fn set_version(&mut self, newer: u64) {
        if let ContainerState::Known { version, .. } = &mut self.state {
            *version = newer;
        }
    }

    /// Whether what is told now stands above what was told before.
    pub(super) fn is_newer(&self, container: &Container, teller: Teller) -> bool {
        let ContainerState::Known { container: last, version } = &self.state else { return true };
        match teller {
            Teller::Service { version: newer } => newer > *version,
            Teller::Agent => self.ended_boot_ns != 0 || completeness(container) >= completeness(last),
        }
    }
}

fn completeness(container: &Container) -> u8 {
    match container.completeness() {
        Completeness::Unspecified | Completeness::Pending => 0,
        Completeness::FinalPartial => 1,
        Completeness::Complete => 2,
    }
}

/// Whether an id is one that a runtime drew at random, and not a name that somebody chose.
fn is_unique(runtime_id: &str) -> bool {
    runtime_id.len() >= UNIQUE_ID_DIGITS && runtime_id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
