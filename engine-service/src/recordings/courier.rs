//! Carries the pieces of one recording to its target, on a thread of its own.
//!
//! Whoever hands over pieces never waits: the queue is bounded in bytes, and when it is full the recording ends there. The
//! thread ends by itself when the stream stalls, when the target takes no more, and when the engine stops.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use eyrie_proto::{
    capture::LateFacts,
    recording::{RecordingEnd, RecordingHeader, RecordingTrailer, RecordingTrigger, recording_entry::Kind},
};
use recording::Redactor;
use tokio_util::{sync::CancellationToken, task::task_tracker::TaskTrackerToken};

use super::{slice::Slice, window::Beginning};

/// Of one part of the base state.
const PART_BYTES: usize = 512 * 1024;
/// Facts in one entry.
const FACTS_AN_ENTRY: usize = 64;
/// Alerts that are listed; each about 150 bytes.
const MAX_TRIGGERS: usize = 1_024;
/// The reason of an end that is none before its time.
const COMPLETE: &str = "complete";
/// Pieces that may wait, whatever their size: some hundred bytes each besides the events.
const QUEUED_PIECES: usize = 8_192;
/// What a killed engine loses of a recording.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// Between two looks whether the engine stops.
const TICK: Duration = Duration::from_millis(200);

/// Where pieces go.
pub(crate) trait Target: Send + 'static {
    /// Takes a piece, or says why the recording ends before it.
    fn write(&mut self, kind: Kind) -> Result<(), Cut>;

    /// Makes what was written visible to readers; called at least every second while pieces come.
    fn flush(&mut self) -> Result<(), Cut>;

    /// There are no more; the trailer was the last, unless it was refused.
    fn finish(self: Box<Self>, outcome: Outcome);
}

/// Why a recording ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// For metrics.
    pub(crate) reason: &'static str,
    /// As the trailer has it.
    pub(crate) end: RecordingEnd,
    /// For people.
    pub(crate) message: String,
    /// Nothing can be written any more, not even the trailer.
    pub(crate) is_final: bool,
}

/// How a recording went.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) event_count: u64,
    pub(crate) first_event_ns: u64,
    pub(crate) last_event_ns: u64,
    pub(crate) triggers: Vec<RecordingTrigger>,
    pub(crate) end: RecordingEnd,
    pub(crate) message: String,
    /// For metrics, if it ended early.
    pub(crate) cut: Option<&'static str>,
    /// Its trailer is written.
    pub(crate) has_trailer: bool,
}

/// How a recording begins.
pub(crate) struct Departure {
    pub(crate) header: RecordingHeader,
    pub(crate) beginning: Beginning,
    /// What is known of containers and host.
    pub(crate) facts: LateFacts,
    pub(crate) max_queued_bytes: u64,
    /// How long it waits for a further piece.
    pub(crate) stall_wait: Duration,
    /// It is complete after so long.
    pub(crate) lasts: Option<Duration>,
    /// What there is to say of its beginning.
    pub(crate) note: String,
    pub(crate) redactor: Arc<Redactor>,
    /// The engine's end waits for it.
    pub(crate) token: TaskTrackerToken,
    pub(crate) stop: CancellationToken,
}

enum Piece {
    Slice(Slice),
    LateFacts(LateFacts),
    Trigger(RecordingTrigger),
}

/// The giving end. Dropped without an end, the recording ends as its stream did.
#[derive(Debug)]
pub(crate) struct Courier {
    pieces: SyncSender<Piece>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queued_bytes: AtomicU64,
    max_queued_bytes: u64,
    has_ended: AtomicBool,
    ending: OnceLock<Cut>,
}

/// The taking end.
struct Carrier {
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

// === impl Cut ===

impl Cut {
    /// The stream ends before its time.
    pub(crate) fn stream(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, end: RecordingEnd::Stream, message: message.into(), is_final: false }
    }

    /// A budget is used up.
    pub(crate) fn budget(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, end: RecordingEnd::Budget, message: message.into(), is_final: false }
    }

    /// The target has failed.
    pub(crate) fn target(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, end: RecordingEnd::Unspecified, message: message.into(), is_final: true }
    }

    /// All that was wanted is there.
    fn complete(message: String) -> Self {
        Self { reason: COMPLETE, end: RecordingEnd::Complete, message, is_final: false }
    }
}

// === impl Courier ===

impl Courier {
    /// Begins a recording on a thread of its own.
    pub(crate) fn depart(departure: Departure, target: Box<dyn Target>) -> std::io::Result<Self> {
        let (sender, pieces) = sync_channel(QUEUED_PIECES);
        let shared = Arc::new(Shared {
            queued_bytes: AtomicU64::new(0),
            max_queued_bytes: departure.max_queued_bytes,
            has_ended: AtomicBool::new(false),
            ending: OnceLock::new(),
        });
        let carrier = Carrier {
            pieces,
            shared: Arc::clone(&shared),
            target,
            event_count: 0,
            first_event_ns: 0,
            last_event_ns: 0,
            triggers: departure.header.trigger.iter().cloned().collect(),
            note: departure.note.clone(),
            redactor: Arc::clone(&departure.redactor),
            clock: Deadlines::new(departure.stall_wait, departure.lasts),
            stop: departure.stop.clone(),
        };
        let token = departure.token.clone();
        let carry = move || {
            carrier.carry(departure);
            drop(token);
        };
        std::thread::Builder::new().name("recording".to_owned()).spawn(carry)?;
        Ok(Self { pieces: sender, shared })
    }

    /// Nothing is taken any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.shared.has_ended.load(Ordering::Acquire)
    }

    pub(crate) fn send(&self, slice: Slice) {
        let queued = self.shared.queued_bytes.fetch_add(slice.bytes, Ordering::AcqRel);
        if queued.saturating_add(slice.bytes) > self.shared.max_queued_bytes {
            self.overflow();
        } else {
            self.put(Piece::Slice(slice));
        }
    }

    pub(crate) fn send_facts(&self, facts: LateFacts) {
        self.put(Piece::LateFacts(facts));
    }

    /// Another alert that the recording is about.
    pub(crate) fn send_trigger(&self, trigger: RecordingTrigger) {
        self.put(Piece::Trigger(trigger));
    }

    /// All that was wanted is on its way.
    pub(crate) fn complete(self) {
        let _ = self.shared.ending.set(Cut::complete(String::new()));
    }

    fn put(&self, piece: Piece) {
        if !self.has_ended() && self.pieces.try_send(piece).is_err() {
            self.overflow();
        }
    }

    /// What comes next is left out, so nothing may come after it.
    fn overflow(&self) {
        let message = "its target was too slow, and what waited had no room";
        let _ = self.shared.ending.set(Cut::budget("slow", message));
        self.shared.has_ended.store(true, Ordering::Release);
    }
}

// === impl Carrier ===

impl Carrier {
    fn carry(mut self, departure: Departure) {
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
        for some in facts.facts.chunks(FACTS_AN_ENTRY) {
            let first_fact_sequence = facts.first_fact_sequence;
            self.hand_over(Kind::LateFacts(LateFacts { first_fact_sequence, facts: some.to_vec() }))?;
        }
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
        match piece {
            Piece::Slice(slice) => {
                let written = self.write_slice(&slice);
                self.shared.queued_bytes.fetch_sub(slice.bytes, Ordering::AcqRel);
                written
            }
            Piece::LateFacts(facts) => self.hand_over(Kind::LateFacts(facts)),
            Piece::Trigger(trigger) => {
                if self.triggers.len() < MAX_TRIGGERS {
                    self.triggers.push(trigger);
                }
                Ok(())
            }
        }
    }

    fn write_slice(&mut self, slice: &Slice) -> Result<(), Cut> {
        self.hand_over(Kind::Batch(slice.recorded()))?;
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
