//! What went through a source or a sink.

use std::collections::BTreeMap;

use eyrie_proto::recording::{RecordedBatch, recording_entry::Kind};

/// What was read or written so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Headers.
    pub streams: u64,
    /// Streams that ended without a trailer: whoever recorded them was cut off.
    pub cut_off_streams: u64,
    /// Processes of base states.
    pub processes: u64,
    /// Events in batches; facts and losses in the stream are among them.
    pub events: u64,
    /// Events of the stream that were not recorded because a filter left them out; the last of them show by the trailer alone.
    pub left_out_events: u64,
    /// Late facts.
    pub late_facts: u64,
    /// What a file of another format has that became no event, by what it is.
    pub not_understood: BTreeMap<String, u64>,
}

/// Counts what goes through, with what of a stream has to be known for that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    /// The stream's gaps are what its filter left out.
    is_filtered: bool,
    /// Of the event that comes next if none is left out; before the base state that is not known.
    next_sequence: Option<u64>,
    /// Of the recording that its trailer will speak of.
    left_out: u64,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn add(&mut self, kind: &Kind) {
        self.counts.add(kind);
        let left_out = match kind {
            Kind::Header(header) => {
                (self.is_filtered, self.next_sequence) = (!header.filter.is_empty(), None);
                0
            }
            Kind::BaseState(part) => {
                self.next_sequence = Some(part.as_of_sequence.saturating_add(1));
                0
            }
            Kind::Batch(recorded) => self.left_out_of(recorded),
            Kind::LateFacts(_) => 0,
            // It alone knows of what was left out behind the last batch.
            Kind::Trailer(trailer) => {
                trailer.left_out_events.saturating_sub(std::mem::take(&mut self.left_out))
            }
        };
        self.counts.left_out_events = self.counts.left_out_events.saturating_add(left_out);
        if !matches!(kind, Kind::Trailer(_)) {
            self.left_out = self.left_out.saturating_add(left_out);
        }
    }

    /// What was left out before the batch and in it. Batches of which nothing was kept are not in a file.
    fn left_out_of(&mut self, recorded: &RecordedBatch) -> u64 {
        let Some(batch) = &recorded.batch else { return 0 };
        let inside = recorded.left_out_before.iter().map(|count| u64::from(*count)).sum();
        let expected = self.next_sequence.filter(|_| self.is_filtered).unwrap_or(batch.first_sequence);
        let before = batch.first_sequence.saturating_sub(expected);
        let events = u64::try_from(batch.events.len()).unwrap_or(u64::MAX);
        self.next_sequence = Some(batch.first_sequence.saturating_add(inside).saturating_add(events));
        before.saturating_add(inside)
    }
}

// === impl Counts ===

impl Counts {
    fn add(&mut self, kind: &Kind) {
        let of = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        match kind {
            Kind::Header(_) => self.streams += 1,
            Kind::BaseState(part) => self.processes += of(part.processes.len()),
            Kind::Batch(recorded) => {
                self.events += recorded.batch.as_ref().map_or(0, |batch| of(batch.events.len()));
            }
            Kind::LateFacts(late) => self.late_facts += of(late.facts.len()),
            Kind::Trailer(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::{
        capture::{BaseState, Batch},
        event::Event,
        recording::{RecordingHeader, RecordingTrailer},
    };

    use super::*;

    fn batch(first_sequence: u64, gaps: &[u32]) -> Kind {
        let events = vec![Event::default(); gaps.len()];
        let batch = Batch { first_sequence, events, ..Batch::default() };
        Kind::Batch(RecordedBatch { batch: Some(batch), left_out_before: gaps.to_vec() })
    }

    /// Scenario: a filtered stream whose events are left out within batches, behind a batch's last one, as whole batches and behind the
    /// last batch, followed by another such recording; and the same without a filter, where a gap is a loss. Guarantees: every
    /// event that was left out is counted once, and no other.
    #[test]
    fn everything_that_was_left_out_is_counted() {
        let recording = |filter: &str, left_out_events| {
            let as_of = BaseState { as_of_sequence: 4, is_last: true, ..BaseState::default() };
            let trailer = RecordingTrailer { left_out_events, ..RecordingTrailer::default() };
            [
                Kind::Header(RecordingHeader { filter: filter.to_owned(), ..RecordingHeader::default() }),
                Kind::BaseState(as_of),
                // 5 and 6 are missing, 8 is left out; then 10 to 19.
                batch(7, &[0, 1]),
                batch(20, &[2]),
                Kind::Trailer(trailer),
            ]
        };
        let count = |kinds: &[&[Kind]]| {
            let mut tally = Tally::default();
            kinds.iter().copied().flatten().for_each(|kind| tally.add(kind));
            tally.counts.left_out_events
        };
        // The trailer knows of four more at the end.
        let filtered = recording("evt.type = open", 19);
        assert_eq!(count(&[&filtered[..4]]), 15);
        assert_eq!(count(&[&filtered]), 19);
        assert_eq!(count(&[&filtered, &filtered]), 38);
        assert_eq!(count(&[&recording("", 0)]), 3);
    }
}
