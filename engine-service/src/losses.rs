//! Losses of one origin: what was lost in all, and what was lost around an event.

use std::collections::{BTreeMap, VecDeque};

use eyrie_proto::{
    alert::LossState,
    capture::LossTotal,
    event::{EventClass, LossPlace, LossReason, LossRecord},
};

/// Records that are remembered to be attached to alerts; about 200 bytes each, with the sources cut off.
const RECENT_RECORDS: usize = 16;
/// A loss is near an event if it happened within this time before or after it.
const NEAR_NS: u64 = 30_000_000_000;
/// Sources of a loss that an alert shows.
const SOURCES_SHOWN: usize = 4;

/// Counts and remembers loss records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses {
    totals: BTreeMap<(i32, i32, i32), LossTotal>,
    recent: VecDeque<LossRecord>,
}

// === impl Losses ===

impl Losses {
    /// Takes a record; `last_ns` is its end in nanoseconds since the epoch.
    pub(crate) fn record(&mut self, record: &LossRecord, last_ns: u64) {
        // Values that we do not know are counted as unspecified, so that the keys stay few.
        let place = LossPlace::try_from(record.place).unwrap_or_default();
        let class = EventClass::try_from(record.event_class).unwrap_or_default();
        let reason = LossReason::try_from(record.reason).unwrap_or_default();
        let key = (place.into(), class.into(), reason.into());
        let total = self.totals.entry(key).or_insert(LossTotal {
            place: key.0,
            event_class: key.1,
            reason: key.2,
            count: 0,
            last_ns: 0,
        });
        total.count = total.count.saturating_add(record.count);
        total.last_ns = total.last_ns.max(last_ns);
        if self.recent.len() == RECENT_RECORDS {
            self.recent.pop_front();
        }
        let mut kept = record.clone();
        kept.top_sources.truncate(SOURCES_SHOWN);
        self.recent.push_back(kept);
    }

    /// Whether anything was lost around an event that happened at `boot_ns`, as far as it is known by now.
    pub(crate) fn is_near(&self, boot_ns: u64) -> bool {
        self.recent.iter().any(|record| is_near(record, boot_ns))
    }

    /// What was lost around an event that happened at `boot_ns`, as far as it is known by now.
    pub(crate) fn near(&self, boot_ns: u64) -> LossState {
        let recent: Vec<LossRecord> =
            self.recent.iter().filter(|record| is_near(record, boot_ns)).cloned().collect();
        LossState { is_evidence_lost: !recent.is_empty(), recent }
    }

    /// The totals since the epoch began.
    pub(crate) fn totals(&self) -> Vec<LossTotal> {
        self.totals.values().copied().collect()
    }
}

fn is_near(record: &LossRecord, boot_ns: u64) -> bool {
    record.last_boot_ns.saturating_add(NEAR_NS) >= boot_ns
        && record.first_boot_ns <= boot_ns.saturating_add(NEAR_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(first_s: u64, last_s: u64, count: u64) -> LossRecord {
        LossRecord {
            place: LossPlace::Ring.into(),
            event_class: EventClass::Plain.into(),
            reason: LossReason::Full.into(),
            count,
            first_boot_ns: first_s * 1_000_000_000,
            last_boot_ns: last_s * 1_000_000_000,
            ..LossRecord::default()
        }
    }

    /// Scenario: a loss of ten seconds. Guarantees: events near it carry it, events far from it do not.
    #[test]
    fn alerts_near_a_loss_say_so() {
        let mut losses = Losses::default();
        losses.record(&record(100, 110, 5), 1);
        for (second, is_lost) in [(69, false), (70, true), (105, true), (140, true), (141, false)] {
            let state = losses.near(second * 1_000_000_000);
            assert_eq!((state.is_evidence_lost, state.recent.len()), (is_lost, usize::from(is_lost)), "{second}");
        }
    }

    /// Scenario: many records, also of unknown kinds. Guarantees: counts add up by kind; memory stays bounded.
    #[test]
    fn totals_add_up_and_memory_is_bounded() {
        let mut losses = Losses::default();
        for number in 0..1_000 {
            losses.record(&record(number, number, 2), number);
            losses.record(&LossRecord { place: 1_000 + number as i32, count: 1, ..record(0, 0, 1) }, 0);
        }
        let totals = losses.totals();
        assert_eq!(totals.len(), 2);
        assert_eq!(totals.iter().map(|total| total.count).sum::<u64>(), 3_000);
        assert_eq!(totals.iter().map(|total| total.last_ns).max(), Some(999));
        assert!(losses.recent.len() <= RECENT_RECORDS);
    }
}
