//! What lies in the rings, as events.

use eyrie_bpf::{Connect, DecodeError, Record, decode, flag};
use eyrie_proto::event::{Event, EventClass, LossPlace, LossReason, LossRecord, event::Kind};

use super::{
    call_costs::CallCosts, limit_readings::LimitReadings, started::StartedConnects, uring::UringRequests,
};
use crate::{cgroups::Cgroups, clock, record_to_event, source::Drained, stream::LossLedger};

/// Where events go; see [`EventSource::drain`](crate::EventSource::drain).
pub(super) type Sink<'a> = dyn FnMut(Event) -> Option<u64> + 'a;

/// Reads records.
#[derive(Default)]
pub(super) struct Records {
    /// Records that could not be understood.
    losses: LossLedger,
    pub(super) costs: CallCosts,
    pub(super) limit_readings: LimitReadings,
    started: StartedConnects,
    requests: UringRequests,
    is_ending: bool,
}

// === impl Records ===

impl Records {
    /// Hands over the events that a record makes.
    pub(super) fn read(&mut self, bytes: &[u8], cgroups: &mut Cgroups, sink: &mut Sink<'_>) {
        let record = match decode(bytes) {
            Ok(record) => record,
            Err(error) => return count(&mut self.losses, error, bytes),
        };
        self.costs.count(record.header());
        if self.limit_readings.leaves_out(&record) {
            return;
        }
        match record {
            Record::Cgroup(record) => {
                if let Some(fact) = cgroups.record(&record) {
                    let (boot_ns, cpu) = (record.header.boot_ns, record.header.cpu);
                    sink(Event { boot_ns, cpu, kind: Some(Kind::Fact(fact)), ..Event::default() });
                }
            }
            Record::Connect(record) => tell_connect(&mut self.started, &record, sink),
            Record::UringRequest(record) => self.requests.submitted(bytes, &record, sink),
            Record::UringCompletion(record) => self.requests.completed(&record, sink),
            record => {
                if let Record::Exit(exit) = &record {
                    self.started.forget(exit.header.tid);
                    if exit.is_process_end() {
                        self.requests.process_ended(exit.header.tgid, sink);
                    }
                }
                if let Some(event) = record_to_event::event(&record) {
                    sink(event);
                }
            }
        }
    }

    /// Hands over what has waited for its end for long enough, after a drain.
    pub(super) fn tell_due(&mut self, drained: Drained, sink: &mut Sink<'_>) {
        let is_last = self.is_ending && !drained.is_more;
        self.requests.tell_due(if is_last { u64::MAX } else { clock::boot_ns() }, sink);
    }

    /// Nothing more comes into the rings: what has not ended when they are empty is told as it is.
    pub(super) fn end(&mut self) {
        self.is_ending = true;
    }

    pub(super) fn take_losses(&mut self) -> Vec<LossRecord> {
        self.losses.take().collect()
    }
}

/// An interrupted connect says nothing that its start did not say; where the start was not recorded, it counts as one.
fn tell_connect(started: &mut StartedConnects, record: &Connect<'_>, sink: &mut Sink<'_>) {
    let started_sequence = started.sequence_of(record);
    if started_sequence != 0 && record_to_event::is_interrupted(&record.header) {
        return;
    }
    let Some(mut event) = record_to_event::event(&Record::Connect(*record)) else { return };
    let is_end = !record.header.has(flag::STARTED_ONLY);
    if let Some(call) = event.call.as_mut().filter(|_| is_end) {
        call.started_sequence = started_sequence;
    }
    // No rule looks at a marked event: what was its start is none to the end.
    let is_marked = record.header.has(flag::FILTER_MARKED);
    started.told(record, sink(event).filter(|_| !is_marked));
}

/// Counts a record that could not be understood. Whether it bears state is in a flag that all kinds of records have at the same place.
fn count(losses: &mut LossLedger, error: DecodeError, bytes: &[u8]) {
    /// Where `flags` lie in every record, behind size and kind.
    const FLAGS: std::ops::Range<usize> = 8..12;
    let flags = bytes.get(FLAGS).and_then(|flags| flags.try_into().ok()).map_or(0, u32::from_ne_bytes);
    let class = if flags & flag::STATE_BEARING != 0 { EventClass::StateBearing } else { EventClass::Plain };
    let reason = match error {
        DecodeError::UnknownKind { .. } => LossReason::UnknownKind,
        _ => LossReason::Undecodable,
    };
    if losses.is_empty() {
        tracing::warn!("a record cannot be understood and is counted as lost: {error}");
    }
    let now = clock::boot_ns();
    losses.count((LossPlace::Ring, class, reason), 1, bytes.len() as u64, (now, now));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a record of an unknown kind that bears state, one cut short, and no bytes at all. Guarantees: each is counted under
    /// its reason and class.
    #[test]
    fn what_cannot_be_understood_is_counted() {
        let mut losses = LossLedger::default();
        let mut record = [0_u8; 200];
        record[..4].copy_from_slice(&200_u32.to_ne_bytes());
        record[4..6].copy_from_slice(&0x7fff_u16.to_ne_bytes());
        record[8..12].copy_from_slice(&flag::STATE_BEARING.to_ne_bytes());
        for bytes in [&record[..], &record[..100], &[]] {
            count(&mut losses, decode(bytes).unwrap_err(), bytes);
        }
        let counted: Vec<_> =
            losses.take().map(|loss| (loss.event_class(), loss.reason(), loss.count)).collect();
        assert_eq!(
            counted,
            [
                (EventClass::Plain, LossReason::Undecodable, 1),
                (EventClass::StateBearing, LossReason::Undecodable, 1),
                (EventClass::StateBearing, LossReason::UnknownKind, 1),
            ]
        );
    }
}
