//! What one origin lost in all, by kind; what was lost around an event is the model's to say.

use std::collections::BTreeMap;

use eyrie_proto::{
    capture::LossTotal,
    event::{EventClass, LossPlace, LossReason, LossRecord},
};

/// Counts loss records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses {
    totals: BTreeMap<(i32, i32, i32), LossTotal>,
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
    }

    /// The totals since the epoch began.
    pub(crate) fn totals(&self) -> Vec<LossTotal> {
        self.totals.values().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(place: i32, count: u64) -> LossRecord {
        LossRecord { place, event_class: EventClass::Plain.into(), count, ..LossRecord::default() }
    }

    /// Scenario: many records, also of unknown kinds. Guarantees: counts add up by kind; memory stays bounded.
    #[test]
    fn totals_add_up_and_memory_is_bounded() {
        let mut losses = Losses::default();
        for number in 0..1_000 {
            losses.record(&record(LossPlace::Ring.into(), 2), number);
            losses.record(&record(1_000 + i32::try_from(number).unwrap(), 1), 0);
        }
        let totals = losses.totals();
        assert_eq!(totals.len(), 2);
        assert_eq!(totals.iter().map(|total| total.count).sum::<u64>(), 3_000);
        assert_eq!(totals.iter().map(|total| total.last_ns).max(), Some(999));
    }
}
