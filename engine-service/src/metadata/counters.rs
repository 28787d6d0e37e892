//! What metadata did to matches, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number a reason; all count from the engine's start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) partial: Counter,
    pub(crate) refused_entities: Counter,
    pub(crate) relayed_facts: Counter,
    pub(crate) relay_overflows: Counter,
    pub(crate) relay_refused: Counter,
    pub(crate) relay_gaps: Counter,
    pub(crate) parked: Counter,
    pub(crate) answered_in_time: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) unanswerable: Counter,
    pub(crate) not_parked: Counter,
    pub(crate) amended: Counter,
    pub(crate) retracted: Counter,
    pub(crate) unanswered: Counter,
    pub(crate) peers_left_out: Counter,
}

/// A reading of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetadataCounters {
    /// Events in containers whose metadata was there.
    pub hits: u64,
    /// Events in containers whose metadata was not there.
    pub misses: u64,
    /// Of the hits, those in containers of which something cannot be known any more: alerts of rules that ask for it go out marked.
    pub partial: u64,
    /// Entities of the metadata service that name no container of an origin that is watched.
    pub refused_entities: u64,
    /// Late facts that the metadata service has taken durably.
    pub relayed_facts: u64,
    /// Sessions whose late facts were more than may wait for the metadata service.
    pub relay_overflows: u64,
    /// Late facts that the metadata service will never take, and that were given up.
    pub relay_refused: u64,
    /// Times that facts before those that were relayed were lost: an agent gave them up, or the service's store is older than its acks.
    pub relay_gaps: u64,
    /// Events whose matches had to wait for metadata.
    pub parked: u64,
    /// Of these, those that were decided before they had waited for long enough.
    pub answered_in_time: u64,
    /// Of these, those whose alerts went out marked.
    pub timed_out: u64,
    /// Events whose alerts went out marked without a wait: what they hang on could not be had, and nothing more was to come.
    pub unanswerable: u64,
    /// Events whose alerts went out marked at once: too many waited already, or the match hung on more than metadata.
    pub not_parked: u64,
    /// Alerts that were completed by an amendment.
    pub amended: u64,
    /// Alerts that were taken back by an amendment.
    pub retracted: u64,
    /// Events whose alerts stay as they are: the answer did not come in all the time that amendments may take.
    pub unanswered: u64,
    /// Pods, services and nodes that were told of and did not fit.
    pub peers_left_out: u64,
    /// Events that wait now, or whose alerts can still be amended.
    pub waiting: u64,
}

/// A number that grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

// === impl Counter ===

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Counters ===

impl Counters {
    pub(crate) fn read(&self, waiting: u64) -> MetadataCounters {
        MetadataCounters {
            hits: self.hits.get(),
            misses: self.misses.get(),
            partial: self.partial.get(),
            refused_entities: self.refused_entities.get(),
            relayed_facts: self.relayed_facts.get(),
            relay_overflows: self.relay_overflows.get(),
            relay_refused: self.relay_refused.get(),
            relay_gaps: self.relay_gaps.get(),
            parked: self.parked.get(),
            answered_in_time: self.answered_in_time.get(),
            timed_out: self.timed_out.get(),
            unanswerable: self.unanswerable.get(),
            not_parked: self.not_parked.get(),
            amended: self.amended.get(),
            retracted: self.retracted.get(),
            unanswered: self.unanswered.get(),
            peers_left_out: self.peers_left_out.get(),
            waiting,
        }
    }
}
