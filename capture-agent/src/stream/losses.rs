//! The book of what was lost and not yet told.

use std::collections::BTreeMap;

use eyrie_proto::event::{EventClass, LossPlace, LossReason, LossRecord, LossSource};

/// Sources that a merged record keeps.
const TOP_SOURCES: usize = 8;

/// Place, class and reason of a loss: losses that differ in one of them are never merged.
pub type LossKey = (i32, i32, i32);

/// Losses that wait for room in the stream. Its size is bounded by the number of places, classes and reasons.
#[derive(Debug, Default)]
pub struct LossLedger {
    waiting: BTreeMap<LossKey, LossRecord>,
    totals: BTreeMap<LossKey, u64>,
}

// === impl LossLedger ===

impl LossLedger {
    /// Counts `count` lost events of together `bytes`, lost between two moments in nanoseconds since boot.
    pub fn count(
        &mut self,
        (place, class, reason): (LossPlace, EventClass, LossReason),
        count: u64,
        bytes: u64,
        (first_boot_ns, last_boot_ns): (u64, u64),
    ) {
        self.add(LossRecord {
            place: place.into(),
            event_class: class.into(),
            reason: reason.into(),
            count,
            first_boot_ns,
            last_boot_ns,
            top_sources: Vec::new(),
            bytes,
        });
    }

    /// Counts a loss that was recorded elsewhere.
    pub fn add(&mut self, record: LossRecord) {
        if record.count == 0 {
            return;
        }
        let total = self.totals.entry(key_of(&record)).or_default();
        *total = total.saturating_add(record.count);
        self.wait(record);
    }

    /// Puts a record back that was in the stream but did not arrive; it is in the totals already.
    pub fn put_back(&mut self, record: LossRecord) {
        self.wait(record);
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes what is to be told.
    pub fn take(&mut self) -> impl Iterator<Item = LossRecord> + use<> {
        std::mem::take(&mut self.waiting).into_values()
    }

    /// All losses so far, told or not.
    pub fn totals(&self) -> &BTreeMap<LossKey, u64> {
        &self.totals
    }

    fn wait(&mut self, record: LossRecord) {
        match self.waiting.get_mut(&key_of(&record)) {
            None => {
                self.waiting.insert(key_of(&record), record);
            }
            Some(waiting) => merge(waiting, record),
        }
    }
}

fn key_of(record: &LossRecord) -> LossKey {
    (record.place, record.event_class, record.reason)
}

fn merge(into: &mut LossRecord, record: LossRecord) {
    into.count = into.count.saturating_add(record.count);
    into.bytes = into.bytes.saturating_add(record.bytes);
    into.first_boot_ns = into.first_boot_ns.min(record.first_boot_ns);
    into.last_boot_ns = into.last_boot_ns.max(record.last_boot_ns);
    merge_sources(&mut into.top_sources, record.top_sources);
}

/// Adds shares of a loss to others: those of one source as one, the most first, no more than are kept.
pub(crate) fn merge_sources(into: &mut Vec<LossSource>, sources: impl IntoIterator<Item = LossSource>) {
    for source in sources {
        merge_source(into, source);
    }
    into.sort_by_key(|source| std::cmp::Reverse(source.count));
    into.truncate(TOP_SOURCES);
}

fn merge_source(sources: &mut Vec<LossSource>, source: LossSource) {
    let key = |source: &LossSource| (source.kind, source.syscall_number);
    let same = |other: &&mut LossSource| other.comm == source.comm && key(other) == key(&source);
    match sources.iter_mut().find(same) {
        Some(known) => known.count = known.count.saturating_add(source.count),
        None => sources.push(source),
    }
}
