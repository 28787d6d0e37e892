//! Pieces of a recording as they become whole.

use std::collections::VecDeque;

use eyrie_proto::{
    capture::{Batch, ClockReading, LateFacts},
    event::Event,
    metadata::{LateFact, late_fact},
    recording::{RecordedBatch, RecordingEnd, RecordingTrailer, recording_entry::Kind},
};
use prost::Message as _;

/// Events of a batch.
const MAX_EVENTS: usize = 512;
/// Bytes of a batch's events as a message, unless a single one has more: an agent's message stays under 1 MiB.
const MAX_BYTES: usize = 512 << 10;

/// What is to be given out.
#[derive(Debug, Default)]
pub(crate) struct Output {
    done: VecDeque<Kind>,
    events: Vec<Event>,
    bytes: usize,
    epoch: u64,
    clock: ClockReading,
    batches: u64,
    /// Of the events that were given out or wait.
    sequence: u64,
    late_facts: u64,
}

// === impl Output ===

impl Output {
    pub(crate) fn next(&mut self) -> Option<Kind> {
        self.done.pop_front()
    }

    /// A stream begins.
    pub(crate) fn begin(&mut self, epoch: u64, clock: ClockReading) {
        *self = Self { done: std::mem::take(&mut self.done), epoch, clock, ..Self::default() };
    }

    /// Something that is whole by itself.
    pub(crate) fn push(&mut self, kind: Kind) {
        self.flush();
        self.done.push_back(kind);
    }

    /// An event. What the call itself has is the smaller part of some: the names of descriptors and directories are in it as well.
    pub(crate) fn event(&mut self, event: Event) {
        let bytes = event.encoded_len();
        if self.bytes + bytes > MAX_BYTES {
            self.flush();
        }
        if self.events.is_empty() {
            self.events.reserve_exact(MAX_EVENTS);
        }
        self.sequence += 1;
        self.bytes += bytes;
        self.events.push(event);
        if self.events.len() >= MAX_EVENTS {
            self.flush();
        }
    }

    pub(crate) fn late_fact(&mut self, fact: late_fact::Kind) {
        self.late_facts += 1;
        let facts = vec![LateFact { kind: Some(fact) }];
        self.push(Kind::LateFacts(LateFacts { first_fact_sequence: self.late_facts, facts }));
    }

    /// The stream ends whole.
    pub(crate) fn finish(&mut self) {
        let end = RecordingEnd::Complete.into();
        self.push(Kind::Trailer(RecordingTrailer {
            event_count: self.sequence,
            end,
            ..RecordingTrailer::default()
        }));
    }

    pub(crate) fn flush(&mut self) {
        if self.events.is_empty() {
            return;
        }
        let events = std::mem::take(&mut self.events);
        self.bytes = 0;
        self.batches += 1;
        let count = events.len();
        let batch = Batch {
            batch_id: self.batches,
            epoch: self.epoch,
            first_sequence: self.sequence + 1 - count as u64,
            event_count: u32::try_from(count).unwrap_or(u32::MAX),
            events,
            clock: Some(self.clock),
            ..Batch::default()
        };
        self.done.push_back(Kind::Batch(RecordedBatch { batch: Some(batch), left_out_before: Vec::new() }));
    }
}
