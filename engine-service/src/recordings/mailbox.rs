//! Late facts on their way from a session's reader to its recorder.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use eyrie_proto::{capture::LateFacts, metadata::LateFact};
use prost::Message as _;

/// Messages that wait for the next batch. What is more is not recorded.
const WAITING: usize = 64;
/// Of them together, as on the wire: one has up to 1 MiB, mostly some KiB.
const WAITING_BYTES: usize = 4 << 20;

/// Clones are the same box.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mailbox(Arc<Contents>);

#[derive(Debug, Default)]
struct Contents {
    /// Somebody records.
    is_open: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    facts: Vec<LateFacts>,
    bytes: usize,
}

// === impl Mailbox ===

impl Mailbox {
    /// Takes facts, if somebody records.
    pub(crate) fn put(&self, first_fact_sequence: u64, facts: &[LateFact]) {
        if !self.0.is_open.load(Ordering::Acquire) {
            return;
        }
        let bytes: usize = facts.iter().map(LateFact::encoded_len).sum();
        let mut waiting = self.lock();
        if waiting.facts.len() < WAITING && waiting.bytes + bytes <= WAITING_BYTES {
            waiting.bytes += bytes;
            waiting.facts.push(LateFacts { first_fact_sequence, facts: facts.to_vec() });
        }
    }

    /// From now on facts are kept. Before what is in force is looked up, so that each fact is in one of both.
    pub(super) fn open(&self) {
        self.0.is_open.store(true, Ordering::Release);
    }

    /// What came since the last time; from now on facts are kept only if somebody records.
    pub(super) fn take(&self, is_open: bool) -> Vec<LateFacts> {
        self.0.is_open.store(is_open, Ordering::Release);
        std::mem::take(&mut *self.lock()).facts
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
