//! The programs' own counters, as losses since the last look.

use std::sync::{Arc, Mutex, PoisonError};

use aya::{
    Ebpf,
    maps::{MapData, MapError, PerCpuArray},
};
use eyrie_bpf::{COUNTERS_MAP, Counts};
use eyrie_proto::event::{EventClass, LossPlace, LossReason, LossRecord};
use telemetry::{KeyValue, Meter};

use super::KernelError;
use crate::clock;

const CLASSES: [(eyrie_bpf::EventClass, EventClass); 2] = [
    (eyrie_bpf::EventClass::Plain, EventClass::Plain),
    (eyrie_bpf::EventClass::StateBearing, EventClass::StateBearing),
];

/// The counters and what they were.
pub(super) struct LossCounters {
    map: PerCpuArray<MapData, u64>,
    before: [Counts; 2],
    /// The last reading, for metrics.
    seen: Arc<Mutex<[Counts; 2]>>,
}

// === impl LossCounters ===

impl LossCounters {
    pub(super) fn new(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        let map = ebpf.take_map(COUNTERS_MAP).ok_or_else(KernelError::no_map(COUNTERS_MAP))?;
        let map = PerCpuArray::try_from(map).map_err(KernelError::map(COUNTERS_MAP))?;
        Ok(Self { map, before: [Counts::default(); 2], seen: Arc::default() })
    }

    /// The losses since the last call; `epoch` is the one that the programs have.
    pub(super) fn take(&mut self, epoch: u64) -> Result<Vec<LossRecord>, MapError> {
        let mut losses = Vec::new();
        for ((bpf_class, class), before) in CLASSES.into_iter().zip(&mut self.before) {
            let read = |index: u32| self.map.get(&index, 0).map(|values| values.to_vec());
            let now = Counts::sum(bpf_class, epoch, read)?;
            losses.extend(difference(before, &now, class, clock::boot_ns()));
            *before = now;
        }
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = self.before;
        Ok(losses)
    }

    /// Makes them visible, as they were when it was last looked for losses.
    pub(super) fn show(&self, meter: &Meter) {
        let seen = Arc::downgrade(&self.seen);
        meter
            .u64_observable_counter("eyrie.agent.ring.records")
            .with_description("Records of the BPF programs, by class and what became of them")
            .with_callback(move |observer| {
                let Some(seen) = seen.upgrade() else { return };
                let seen = *seen.lock().unwrap_or_else(PoisonError::into_inner);
                for ((_, class), counts) in CLASSES.into_iter().zip(seen) {
                    let class = class.as_str_name();
                    let class = class.strip_prefix("EVENT_CLASS_").unwrap_or(class);
                    for (outcome, count) in [
                        ("produced", counts.produced),
                        ("lost_full", counts.lost_full),
                        ("lost_refused", counts.lost_refused),
                        ("lost_bug", counts.lost_bug),
                        // Among the produced.
                        ("fault", counts.faults),
                    ] {
                        observer.observe(
                            count,
                            &[KeyValue::new("class", class), KeyValue::new("outcome", outcome)],
                        );
                    }
                }
            })
            .build();
    }
}

/// What was lost between two readings.
fn difference<'counts>(
    before: &'counts Counts,
    now: &'counts Counts,
    class: EventClass,
    read_boot_ns: u64,
) -> impl Iterator<Item = LossRecord> + 'counts {
    let full = |counts: &Counts| counts.lost_full.wrapping_add(counts.lost_refused);
    let last_boot_ns = now.last_loss_ns.unwrap_or(read_boot_ns);
    let first_boot_ns = now.first_loss_ns.unwrap_or(last_boot_ns).min(last_boot_ns);
    [
        (LossReason::Full, full(now).wrapping_sub(full(before))),
        (LossReason::Undecodable, now.lost_bug.wrapping_sub(before.lost_bug)),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(move |(reason, count)| LossRecord {
        place: LossPlace::Ring.into(),
        event_class: class.into(),
        reason: reason.into(),
        count,
        first_boot_ns,
        last_boot_ns,
        ..LossRecord::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: counters before and after some losses. Guarantees: what was lost in between is reported once, by reason, with the
    /// time range that the programs noted; nothing lost is no record.
    #[test]
    fn losses_are_differences() {
        let before = Counts { lost_full: 5, lost_refused: 1, produced: 9, ..Counts::default() };
        let now = Counts {
            lost_full: 7,
            lost_refused: 4,
            lost_bug: 1,
            first_loss_ns: Some(100),
            last_loss_ns: Some(200),
            ..before
        };
        let losses: Vec<_> = difference(&before, &now, EventClass::Plain, 300).collect();
        let figures: Vec<_> = losses.iter().map(|loss| (loss.reason(), loss.count)).collect();
        assert_eq!(figures, [(LossReason::Full, 5), (LossReason::Undecodable, 1)]);
        assert!(losses.iter().all(|loss| (loss.first_boot_ns, loss.last_boot_ns) == (100, 200)));
        assert_eq!(difference(&now, &now, EventClass::Plain, 300).count(), 0);
    }
}
