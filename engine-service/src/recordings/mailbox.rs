//! Late facts on their way from a session's reader to its recorder.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use eyrie_proto::{capture::LateFacts, metadata::LateFact};

/// Messages that wait for the next batch; at most 1 MiB each, mostly some KiB. What is more is not recorded.
const WAITING: usize = 64;

/// Clones are the same box.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mailbox(Arc<Contents>);

#[derive(Debug, Default)]
struct Contents {
    /// Somebody records.
    is_open: AtomicBool,
    facts: Mutex<Vec<LateFacts>>,
}

// === impl Mailbox ===

impl Mailbox {
    /// Takes facts, if somebody records.
    pub(crate) fn put(&self, first_fact_sequence: u64, facts: &[LateFact]) {
        if !self.0.is_open.load(Ordering::Acquire) {
            return;
        }
        let mut waiting = self.0.facts.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING {
            waiting.push(LateFacts { first_fact_sequence, facts: facts.to_vec() });
        }
    }

    /// What came since the last time; from now on facts are kept only if somebody records.
    pub(super) fn take(&self, is_open: bool) -> Vec<LateFacts> {
        self.0.is_open.store(is_open, Ordering::Release);
        std::mem::take(&mut *self.0.facts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
