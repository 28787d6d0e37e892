//! Matches that wait for metadata.
//!
//! A match that hangs on what metadata has still to say does not hold up the stream: what is left of it is stored with the
//! batch's alerts, and the batch is acked. Here it waits for the container's name, for a bounded time; then it goes out
//! marked as partial, and when the answer comes after all, an amendment follows. Unknown is never taken for false, and
//! nothing is guessed.
//!
//! ```text
//!  evaluation ─▶ ParkedGroup ─▶ alert log (durable) ─▶ Table ─▶ worker ─▶ alerts, amendments ─▶ alert log
//!                                                        ▲
//!                             metadata, cgroup facts ────┘ "something is known of this container"
//! ```
//!
//! All that is here is idempotent: a crash between two steps repeats one of them, and the log knows its entries by alert id
//! and amendment number.

mod group;
mod parker;
mod record;
mod scene;
mod table;
#[cfg(test)]
mod tests;
mod worker;

use std::time::Duration;

pub(crate) use self::{
    group::{Awaited, ParkedGroup, metadata_state},
    parker::Parker,
    table::Table,
    worker::Worker,
};

/// How much may wait for metadata, and how long.
#[derive(Clone, Debug)]
pub struct ParkingLimits {
    /// How long an alert is held back for its metadata.
    pub wait: Duration,
    /// The same for what waited when the engine ended: agents have to come back first.
    pub wait_after_restart: Duration,
    /// How long after that an alert can still be amended.
    pub amend_for: Duration,
    /// Events whose matches wait; what is beyond goes out marked at once.
    pub max_groups: usize,
    /// Of one container.
    pub max_groups_per_container: usize,
    /// Bytes of all, as they are stored.
    pub max_bytes: usize,
}

// === impl ParkingLimits ===

impl Default for ParkingLimits {
    fn default() -> Self {
        Self {
            wait: Duration::from_millis(500),
            wait_after_restart: Duration::from_secs(5),
            amend_for: Duration::from_secs(600),
            max_groups: 16_384,
            max_groups_per_container: 2_048,
            max_bytes: 64 * 1024 * 1024,
        }
    }
}
