//! The programs' own counters, as losses since the last look.

use std::sync::{Arc, Mutex, PoisonError};

use aya::{
    Ebpf,
    maps::{MapData, MapError, PerCpuArray},
};
use eyrie_bpf::{COUNTERS_MAP, Counter, Counts};
use eyrie_proto::event::{EventClass, LossPlace, LossReason, LossRecord};
use telemetry::{
    KeyValue, Meter,
    observe::{self, Name},
};

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

    /// For each ring the records so far that found it more than half full or without room. Counters are of processors, and so
    /// tell the ring.
    pub(super) fn pressure(&self, processors_per_ring: u32) -> Result<Vec<u64>, MapError> {
        let mut rings = Vec::new();
        for (class, _) in CLASSES {
            for counter in [Counter::AboveHalf, Counter::LostFull] {
                let processors = self.map.get(&counter.index(class), 0)?;
                let lots = processors.chunks(usize::try_from(processors_per_ring.max(1)).unwrap_or(1));
                rings.resize(lots.len(), 0_u64);
                for (ring, lot) in rings.iter_mut().zip(lots) {
                    *ring = lot.iter().fold(*ring, |sum, count| sum.wrapping_add(*count));
                }
            }
        }
        Ok(rings)
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
                        ("lost_degraded", counts.lost_degraded),
                        // Calls of this process, left out on purpose.
                        ("own", counts.own),
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
        self.show_filters(meter);
    }

    fn show_filters(&self, meter: &Meter) {
        let sum = |of: fn(&Counts) -> u64| {
            let seen = Arc::downgrade(&self.seen);
            move || {
                let seen = *seen.upgrade()?.lock().unwrap_or_else(PoisonError::into_inner);
                Some(seen.iter().map(of).sum())
            }
        };
        let name = "eyrie.agent.filtered";
        let description = "Calls that the plan's filters left out in the kernel";
        observe::counter(meter, Name { name, description }, sum(|counts| counts.filtered));
        let name = "eyrie.agent.filter_marked";
        let description = "Calls that the plan's filters would have left out, and that were recorded and marked to verify them";
        observe::counter(meter, Name { name, description }, sum(|counts| counts.marked));
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
    let range = |first: Option<u64>, last: Option<u64>| {
        let last = last.unwrap_or(read_boot_ns);
        (first.unwrap_or(last).min(last), last)
    };
    let in_ring = range(now.first_loss_ns, now.last_loss_ns);
    let degraded = range(now.first_degraded_ns, now.last_degraded_ns);
    [
        (LossReason::Full, full(now).wrapping_sub(full(before)), in_ring),
        (LossReason::Undecodable, now.lost_bug.wrapping_sub(before.lost_bug), in_ring),
        (LossReason::Degraded, now.lost_degraded.wrapping_sub(before.lost_degraded), degraded),
    ]
    .into_iter()
    .filter(|(_, count, _)| *count > 0)
    .map(move |(reason, count, (first_boot_ns, last_boot_ns))| LossRecord {
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
            lost_degraded: 8,
            first_degraded_ns: Some(110),
            last_degraded_ns: Some(290),
            ..before
        };
        let losses: Vec<_> = difference(&before, &now, EventClass::Plain, 300).collect();
        let figures: Vec<_> = losses.iter().map(|loss| (loss.reason(), loss.count)).collect();
        assert_eq!(figures, [(LossReason::Full, 5), (LossReason::Undecodable, 1), (LossReason::Degraded, 8)]);
        let times: Vec<_> = losses.iter().map(|loss| (loss.first_boot_ns, loss.last_boot_ns)).collect();
        assert_eq!(times, [(100, 200), (100, 200), (110, 290)]);
        assert_eq!(difference(&now, &now, EventClass::Plain, 300).count(), 0);
    }
}
