//! What went through a source or a sink.

use std::collections::BTreeMap;

use eyrie_proto::recording::recording_entry::Kind;

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
    /// Events of the stream that were not recorded because a filter left them out.
    pub left_out_events: u64,
    /// Late facts.
    pub late_facts: u64,
    /// What a file of another format has that became no event, by what it is.
    pub not_understood: BTreeMap<String, u64>,
}

// === impl Counts ===

impl Counts {
    pub(crate) fn add(&mut self, kind: &Kind) {
        let of = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        match kind {
            Kind::Header(_) => self.streams += 1,
            Kind::BaseState(part) => self.processes += of(part.processes.len()),
            Kind::Batch(recorded) => {
                self.events += recorded.batch.as_ref().map_or(0, |batch| of(batch.events.len()));
                let left_out = recorded.left_out_before.iter().map(|count| u64::from(*count)).sum();
                self.left_out_events = self.left_out_events.saturating_add(left_out);
            }
            Kind::LateFacts(late) => self.late_facts += of(late.facts.len()),
            Kind::Trailer(_) => {}
        }
    }
}
