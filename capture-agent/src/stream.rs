//! What is on its way to an engine, and the state before it.
//!
//! The capture thread pushes events into an [`Outbox`]; the session takes sealed batches out of it, and what an engine
//! acked goes from the outbox into the [`Base`]. So the base is the host's state just before the oldest event
//! that the outbox still has, at any time, by construction. Everything in here is synchronous and has no clock of
//! its own; [`Stream`] only puts it behind locks.

mod base;
mod batch;
mod class;
mod losses;
mod outbox;
mod row;
#[cfg(test)]
mod tests;
mod trace;

pub(crate) use self::losses::merge_sources;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub use self::{
    base::Base,
    batch::{AckedBatch, BatchFrame},
    class::class_of,
    losses::{LossKey, LossLedger},
    outbox::{Limits, Outbox, Refused, Rejection, Resume, StreamError, Totals},
    trace::{BatchSpans, BatchTrace},
};

/// The outbox and the base, shared by the capture thread and the session.
///
/// They have a lock each, so that folding acked events (decoding, tens of milliseconds after a long outage)
/// never holds up the drain of the ring. Neither lock is held across an await.
#[derive(Debug)]
pub struct Stream {
    outbox: Mutex<Outbox>,
    base: Mutex<Base>,
    /// Rung when a batch may have become ready to be sent.
    ready: Notify,
    /// Rung when an engine has acked something.
    acked: Notify,
}

// === impl Stream ===

impl Stream {
    /// A stream that starts with nothing to send.
    pub fn new(outbox: Outbox, base: Base) -> Self {
        Self {
            outbox: Mutex::new(outbox),
            base: Mutex::new(base),
            ready: Notify::new(),
            acked: Notify::new(),
        }
    }

    /// The outbox, locked.
    pub fn outbox(&self) -> MutexGuard<'_, Outbox> {
        // A panic while it was held is a bug of ours, but losing everything that is queued would be worse.
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The base, locked. Never take the outbox's lock while holding it.
    pub fn base(&self) -> MutexGuard<'_, Base> {
        self.base.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the session.
    pub fn notify(&self) {
        self.ready.notify_one();
    }

    /// Returns when [`Stream::notify`] was called since the last time.
    pub async fn notified(&self) {
        self.ready.notified().await;
    }

    /// Tells who waits for room or for the end that an engine has acked something.
    pub fn notify_acked(&self) {
        self.acked.notify_one();
    }

    /// Returns when [`Stream::notify_acked`] was called since the last time.
    pub async fn acked(&self) {
        self.acked.notified().await;
    }
}
