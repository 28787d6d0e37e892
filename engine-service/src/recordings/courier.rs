//! Carries the pieces of one recording to its target, on a thread of its own.
//!
//! Whoever hands over pieces never waits: the queue is bounded in bytes, and when it is full the recording ends there. The
//! thread ends by itself when the stream stalls, when the target takes no more, and when the engine stops.

mod carrier;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    time::Duration,
};

use eyrie_proto::{
    capture::LateFacts,
    recording::{RecordingEnd, RecordingHeader, RecordingTrigger, recording_entry::Kind},
};
use prost::Message as _;
use recording::Redactor;
use tokio_util::{sync::CancellationToken, task::task_tracker::TaskTrackerToken};

use self::carrier::Carrier;
use super::{slice::Slice, window::Beginning};

/// The reason of an end that is none before its time.
const COMPLETE: &str = "complete";
/// Pieces that may wait, whatever their size: some hundred bytes each besides events and facts.
const QUEUED_PIECES: usize = 8_192;

/// Where pieces go.
pub(crate) trait Target: Send + 'static {
    /// Takes a piece, or says why the recording ends before it.
    fn write(&mut self, kind: Kind) -> Result<(), Cut>;

    /// Makes what was written visible to readers; called at least every second while pieces come.
    fn flush(&mut self) -> Result<(), Cut>;

    /// It is about one more alert.
    fn add_trigger(&mut self, _trigger: &RecordingTrigger) {}

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
    LateFacts { facts: LateFacts, bytes: u64 },
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

// === impl Piece ===

impl Piece {
    /// What counts of it as long as it waits.
    fn bytes(&self) -> u64 {
        match self {
            Self::Slice(slice) => slice.bytes,
            Self::LateFacts { bytes, .. } => *bytes,
            // The number of pieces is bound enough.
            Self::Trigger(_) => 0,
        }
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
        let carrier = Carrier::new(&departure, pieces, Arc::clone(&shared), target);
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
        self.put(Piece::Slice(slice));
    }

    pub(crate) fn send_facts(&self, facts: LateFacts) {
        let bytes = facts.encoded_len() as u64;
        self.put(Piece::LateFacts { facts, bytes });
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
        if self.has_ended() {
            return;
        }
        let bytes = piece.bytes();
        let queued = self.shared.queued_bytes.fetch_add(bytes, Ordering::AcqRel);
        let has_room = bytes == 0 || queued.saturating_add(bytes) <= self.shared.max_queued_bytes;
        if !has_room || self.pieces.try_send(piece).is_err() {
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

#[cfg(test)]
mod tests;
