//! The thread of one recording.

use std::{
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use eyrie_proto::{
    capture::LateFacts,
    metadata::LateFact,
    recording::{RecordingTrailer, RecordingTrigger, recording_entry::Kind},
};
use prost::Message as _;
use recording::Redactor;
use tokio_util::sync::CancellationToken;

use super::{COMPLETE, Cut, Departure, Outcome, Piece, Shared, Target};
use crate::recordings::slice::Slice;

/// Of one part of the base state.
const PART_BYTES: usize = 512 * 1024;
/// Facts in one entry, of [`PART_BYTES`] at most unless one alone has more.
const FACTS_AN_ENTRY: usize = 64;
/// Of one entry, far below what files and clients take: redaction may make it a little larger.
const MAX_ENTRY_BYTES: usize = 2 << 20;
/// Alerts that are listed; each about 150 bytes.
const MAX_TRIGGERS: usize = 1_024;
/// What a killed engine loses of a recording.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// Between two looks whether the engine stops.
const TICK: Duration = Duration::from_millis(200);

/// The taking end.
pub(super) struct Carrier {
    pieces: Receiver<Piece>,
    shared: Arc<Shared>,
    target: Box<dyn Target>,
    event_count: u64,
    first_event_ns: u64,
    last_event_ns: u64,
    triggers: Vec<RecordingTrigger>,
    note: String,
    redactor: Arc<Redactor>,
    clock: Deadlines,
    stop: CancellationToken,
}

/// When the thread looks up from the queue.
struct Deadlines {
    stall_wait: Duration,
    last_piece: Instant,
    last_flush: Instant,
    /// It is complete then.
    end: Option<Instant>,
}

// === impl Carrier ===

impl Carrier {
    pub(super) fn new(
        departure: &Departure,
        pieces: Receiver<Piece>,
        shared: Arc<Shared>,
        target: Box<dyn Target>,
    ) -> Self {
        Self {
            pieces,
            shared,
            target,
            event_count: 0,
            first_event_ns: 0,
            last_event_ns: 0,
            triggers: departure.header.trigger.iter().cloned().collect(),
            note: departure.note.clone(),
            redactor: Arc::clone(&departure.redactor),
            clock: Deadlines::new(departure.stall_wait, departure.lasts),
            stop: departure.stop.clone(),
        }
    }

    pub(super) fn carry(mut self, departure: Departure) {
        let cut = match self.begin(departure) {
            Ok(()) => self.go_on(),
            Err(cut) => cut,
        };
        self.shared.has_ended.store(true, Ordering::Release);
        let trailer = self.trailer(&cut);
        let has_trailer = !cut.is_final && self.hand_over(Kind::Trailer(trailer)).is_ok();
        let message = self.message(&cut);
        let outcome = Outcome {
            event_count: self.event_count,
            first_event_ns: self.first_event_ns,
            last_event_ns: self.last_event_ns,
            triggers: self.triggers,
            end: cut.end,
            message,
            cut: (cut.reason != COMPLETE).then_some(cut.reason),
            has_trailer,
        };
        self.target.finish(outcome);
    }

    fn begin(&mut self, departure: Departure) -> Result<(), Cut> {
        let Departure { header, mut beginning, facts, .. } = departure;
        self.hand_over(Kind::Header(header))?;
        let (model, through) = beginning.settle();
        for part in model.base_parts(through, PART_BYTES) {
            self.hand_over(Kind::BaseState(part))?;
        }
        self.write_facts(facts)?;
        for slice in beginning.slices {
            self.write_slice(&slice)?;
        }
        Ok(())
    }

    /// Takes pieces until there are no more.
    fn go_on(&mut self) -> Cut {
        loop {
            let taken = match self.pieces.recv_timeout(TICK) {
                Ok(piece) => {
                    self.clock.last_piece = Instant::now();
                    self.write(piece)
                }
                Err(RecvTimeoutError::Disconnected) => return self.ending(),
                Err(RecvTimeoutError::Timeout) => self.idle(),
            };
            if let Err(cut) = taken.and_then(|()| self.look_at_the_clock()) {
                return cut;
            }
        }
    }

    /// Nothing came for a tick.
    fn idle(&mut self) -> Result<(), Cut> {
        if self.shared.has_ended.load(Ordering::Acquire) {
            return Err(self.ending());
        }
        if self.stop.is_cancelled() {
            return Err(Cut::stream("engine_stopped", "the engine stopped"));
        }
        if self.clock.last_piece.elapsed() >= self.clock.stall_wait {
            let message = format!("no event came for {:?}", self.clock.stall_wait);
            return Err(Cut::stream("stalled", message));
        }
        Ok(())
    }

    fn look_at_the_clock(&mut self) -> Result<(), Cut> {
        let now = Instant::now();
        if self.clock.end.is_some_and(|end| now >= end) {
            return Err(Cut::complete(String::new()));
        }
        if now.saturating_duration_since(self.clock.last_flush) >= FLUSH_INTERVAL {
            self.clock.last_flush = now;
            return self.target.flush();
        }
        Ok(())
    }

    fn ending(&self) -> Cut {
        let ending = self.shared.ending.get().cloned();
        ending.unwrap_or_else(|| Cut::stream("stream_ended", "the stream ended"))
    }

    fn write(&mut self, piece: Piece) -> Result<(), Cut> {
        let bytes = piece.bytes();
        let written = match piece {
            Piece::Slice(slice) => self.write_slice(&slice),
            Piece::LateFacts { facts, .. } => self.write_facts(facts),
            Piece::Trigger(trigger) => {
                if self.triggers.len() < MAX_TRIGGERS {
                    self.target.add_trigger(&trigger);
                    self.triggers.push(trigger);
                }
                Ok(())
            }
        };
        self.shared.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
        written
    }

    /// In entries of bounded size. How large a fact is, whoever starts containers has a say in.
    fn write_facts(&mut self, facts: LateFacts) -> Result<(), Cut> {
        let first_fact_sequence = facts.first_fact_sequence;
        let (mut entry, mut bytes): (Vec<LateFact>, usize) = (Vec::new(), 0);
        for fact in facts.facts {
            let length = fact.encoded_len();
            if length > MAX_ENTRY_BYTES {
                self.leave_out_fact(length);
                continue;
            }
            if !entry.is_empty() && (entry.len() >= FACTS_AN_ENTRY || bytes + length > PART_BYTES) {
                let facts = std::mem::take(&mut entry);
                self.hand_over(Kind::LateFacts(LateFacts { first_fact_sequence, facts }))?;
                bytes = 0;
            }
            bytes += length;
            entry.push(fact);
        }
        if entry.is_empty() {
            return Ok(());
        }
        self.hand_over(Kind::LateFacts(LateFacts { first_fact_sequence, facts: entry }))
    }

    /// The first one is told in the trailer.
    fn leave_out_fact(&mut self, length: usize) {
        const LEFT_OUT: &str = "facts of containers are left out that were too large";
        if !self.note.contains(LEFT_OUT) {
            let separator = if self.note.is_empty() { "" } else { "; " };
            self.note = format!("{}{separator}{LEFT_OUT} ({length} bytes)", self.note);
        }
    }

    fn write_slice(&mut self, slice: &Slice) -> Result<(), Cut> {
        let recorded = slice.recorded();
        if recorded.encoded_len() > MAX_ENTRY_BYTES && slice.len() > 1 {
            let (first, second) = slice.split_at(slice.len() / 2);
            return first.iter().chain(&second).try_for_each(|half| self.write_slice(half));
        }
        self.hand_over(Kind::Batch(recorded))?;
        self.event_count += slice.len() as u64;
        if self.first_event_ns == 0 {
            self.first_event_ns = slice.times().next().unwrap_or(0);
        }
        self.last_event_ns = self.last_event_ns.max(slice.newest_ns);
        Ok(())
    }

    /// With that blotted out which must not be there.
    fn hand_over(&mut self, mut kind: Kind) -> Result<(), Cut> {
        self.redactor.apply(&mut kind);
        self.target.write(kind)
    }

    fn trailer(&self, cut: &Cut) -> RecordingTrailer {
        RecordingTrailer {
            event_count: self.event_count,
            left_out_events: 0,
            end: cut.end.into(),
            message: self.message(cut),
            further_triggers: self.triggers.iter().skip(1).cloned().collect(),
        }
    }

    /// What there is to say of its beginning and of its end.
    fn message(&self, cut: &Cut) -> String {
        let parts = [self.note.as_str(), cut.message.as_str()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

// === impl Deadlines ===

impl Deadlines {
    fn new(stall_wait: Duration, lasts: Option<Duration>) -> Self {
        let now = Instant::now();
        let end = lasts.and_then(|lasts| now.checked_add(lasts));
        Self { stall_wait, last_piece: now, last_flush: now, end }
    }
}
