//! What metadata did to matches, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number a reason; all count from the engine's start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) refused_entities: Counter,
    pub(crate) relayed_facts: Counter,
    pub(crate) relay_overflows: Counter,
}

/// A reading of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetadataCounters {
    /// Events in containers whose metadata was there.
    pub hits: u64,
    /// Events in containers whose metadata was not there.
    pub misses: u64,
    /// Entities of the metadata service that name no container of an origin that is watched.
    pub refused_entities: u64,
    /// Late facts that the metadata service has taken durably.
    pub relayed_facts: u64,
    /// Sessions whose late facts were more than may wait for the metadata service.
    pub relay_overflows: u64,
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
    pub(crate) fn read(&self) -> MetadataCounters {
        MetadataCounters {
            hits: self.hits.get(),
            misses: self.misses.get(),
            refused_entities: self.refused_entities.get(),
            relayed_facts: self.relayed_facts.get(),
            relay_overflows: self.relay_overflows.get(),
        }
    }
}
