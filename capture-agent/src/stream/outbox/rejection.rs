//! What becomes of batches that the engine does not take as they are: they are sent again, cut smaller, or set aside.

use eyrie_proto::{
    capture::{BatchRejection, RejectionReason},
    event::{LossPlace, LossReason, event::Kind},
};

use prost::Message as _;

use super::{Outbox, StreamError};
use crate::stream::{class_of, row::row_size};

/// What the header of a batch and of the message around it may take.
const HEADER_BYTES: usize = 512;
/// Disagreements about order in a row before the session is given up.
const MAX_ORDER_DISAGREEMENTS: u32 = 8;

/// What became of a rejected batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It was acked, or sent anew, in the meantime.
    Stale,
    /// It will be sent again.
    Retry,
    /// It will not; this many events are lost.
    SetAside {
        /// Events of the batch that count as lost.
        lost_events: u64,
    },
}

// === impl Outbox ===

impl Outbox {
    /// Takes a rejection of a batch.
    pub fn reject(&mut self, rejection: &BatchRejection, now_boot_ns: u64) -> Result<Rejection, StreamError> {
        let Ok(index) = self.queue.binary_search_by_key(&rejection.batch_id, |batch| batch.first_sequence)
        else {
            return Ok(Rejection::Stale);
        };
        if index >= self.send_index {
            return Ok(Rejection::Stale);
        }
        if let Some(after_ms) = rejection.retry_after_ms {
            let at = now_boot_ns.saturating_add(after_ms.saturating_mul(1_000_000));
            self.retry_at_boot_ns = Some(self.retry_at_boot_ns.map_or(at, |earlier| earlier.max(at)));
            self.send_index = index;
            return Ok(Rejection::Retry);
        }
        match rejection.reason() {
            RejectionReason::OutOfOrder | RejectionReason::WrongEpoch => self.order_disagreement(rejection),
            RejectionReason::TooLarge if self.halve(index) => {
                self.send_index = index;
                Ok(Rejection::Retry)
            }
            _ => Ok(self.set_aside(index)),
        }
    }

    fn order_disagreement(&mut self, rejection: &BatchRejection) -> Result<Rejection, StreamError> {
        self.order_disagreements += 1;
        if self.order_disagreements > MAX_ORDER_DISAGREEMENTS {
            return Err(StreamError::OrderDisagreement { batch_id: rejection.batch_id });
        }
        // Usually the echo of an earlier rejection: what was under way behind it no longer follows.
        self.send_index = 0;
        Ok(Rejection::Retry)
    }

    fn set_aside(&mut self, index: usize) -> Rejection {
        let Some(batch) = self.queue.get_mut(index) else { return Rejection::Stale };
        if std::mem::replace(&mut batch.is_set_aside, true) {
            // Its blank stand-in was refused as well: nothing more is lost by that.
            return Rejection::SetAside { lost_events: 0 };
        }
        let events: Vec<_> = batch.events().collect();
        self.send_index = index;
        let mut lost_events = 0;
        for event in events {
            if let Some(Kind::Loss(record)) = event.kind {
                self.losses.put_back(record);
                continue;
            }
            let class = class_of(&event);
            let key = (LossPlace::Network, class, LossReason::Rejected);
            self.losses.count(key, 1, row_size(event.encoded_len()) as u64, (event.boot_ns, event.boot_ns));
            self.note_lost_state(&event, class);
            lost_events += 1;
        }
        Rejection::SetAside { lost_events }
    }

    /// Cuts a batch in two; false if it has but one event.
    fn halve(&mut self, index: usize) -> bool {
        let half = match self.queue.get(index) {
            Some(batch) if batch.event_count > 1 => batch.rows.len().div_ceil(2),
            _ => return false,
        };
        self.split(index, half) > 1
    }

    /// Makes the batches small enough for the engine's messages and for its credit, which would never suffice otherwise.
    pub(super) fn fit_batches(&mut self, initial_credit_bytes: u64, max_message_bytes: u64) {
        // Not below: each batch costs memory of its own, and credit that is smaller at first may grow.
        let least = self.limits.batch_bytes / 16;
        let bound = |bytes: u64| match usize::try_from(bytes) {
            Ok(0) | Err(_) => self.limits.batch_bytes,
            Ok(bytes) => bytes.saturating_sub(HEADER_BYTES).max(least),
        };
        self.max_batch_bytes =
            bound(initial_credit_bytes).min(bound(max_message_bytes)).min(self.limits.batch_bytes);
        let mut index = 0;
        while let Some(batch) = self.queue.get(index) {
            let is_too_large = batch.event_count > 1 && batch.rows.len() > self.max_batch_bytes;
            index += if is_too_large { self.split(index, self.max_batch_bytes) } else { 1 };
        }
    }

    /// Replaces a batch by pieces of at most `max_bytes`, and returns how many those are.
    fn split(&mut self, index: usize, max_bytes: usize) -> usize {
        let Some(batch) = self.queue.remove(index) else { return 1 };
        self.queued_bytes -= batch.cost();
        let pieces = batch.split(max_bytes);
        let count = pieces.len();
        for (offset, piece) in pieces.into_iter().enumerate() {
            self.queued_bytes += piece.cost();
            self.queue.insert(index + offset, piece);
        }
        count
    }
}
