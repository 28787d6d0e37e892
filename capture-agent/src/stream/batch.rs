//! Batches as they lie in memory: serialised rows, so that an event waits in the size that it has on the wire (a
//! few hundred bytes rather than the thousand or more of the decoded message) and is encoded once however often it is sent.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use eyrie_proto::{
    capture::{Batch, BatchEncoding, BatchTimings, ClockReading},
    event::Event,
};
use prost::Message;

use super::{
    BatchSpans, BatchTrace,
    row::{EVENTS_KEY, RowEncoder},
};

/// Key of `CaptureRequest.batch` (field 3, length-delimited).
const BATCH_KEY: u8 = 3 << 3 | 2;
/// What a batch costs besides its rows, so that many small ones cannot outgrow the queue's bound unseen.
pub(super) const BATCH_OVERHEAD_BYTES: usize = 256;

/// The batch that is being filled.
#[derive(Debug, Default)]
pub(super) struct OpenBatch {
    rows: BytesMut,
    /// Its events, as long as all of them were given away; none otherwise.
    kept: Vec<Event>,
    pub(super) event_count: u32,
    first_event_boot_ns: u64,
    /// When its first event was pushed.
    pub(super) opened_boot_ns: u64,
    plan_generation: u64,
    /// How the host's clocks stand for these events and those that come; `None` for those of this host, as they are when it is sent.
    pub(super) clock: Option<ClockReading>,
}

/// A closed batch that waits to be sent or acked. Its first sequence number is its id as well: unique, ascending, and
/// still so when it is split.
#[derive(Clone, Debug)]
pub(super) struct SealedBatch {
    pub(super) first_sequence: u64,
    pub(super) event_count: u32,
    pub(super) rows: Bytes,
    /// The events of the rows, where they were kept: who needs them need not decode.
    kept: Option<Arc<Vec<Event>>>,
    /// The engine refused it for good. Blank events go in place of these rows, so that sequence numbers stay without a
    /// gap; the rows stay for the base, since what they tell did happen.
    pub(super) is_set_aside: bool,
    /// The engine keeps its trace.
    pub(super) is_sampled: bool,
    timings: BatchTimings,
    plan_generation: u64,
    /// Of a recording.
    clock: Option<ClockReading>,
}

/// A batch as it goes out: everything but the events, and the events as serialised rows.
#[derive(Clone, Debug)]
pub struct BatchFrame {
    /// The batch without events, or with packed ones.
    pub header: Batch,
    /// The rows of `Batch.events`; none if they are packed.
    pub rows: Bytes,
}

/// Events that were acked, to be folded into the base.
#[derive(Clone, Debug)]
pub struct AckedBatch {
    /// The sequence number of the last of them.
    pub last_sequence: u64,
    /// If its trace is kept.
    pub spans: Option<BatchSpans>,
    rows: Bytes,
    kept: Option<Arc<Vec<Event>>>,
}

// === impl OpenBatch ===

impl OpenBatch {
    /// Takes an event that `encoder` has just written.
    pub(super) fn push(&mut self, event: &Event, encoder: &RowEncoder, now_boot_ns: u64) {
        if self.event_count == 0 {
            self.first_event_boot_ns = event.boot_ns;
            self.opened_boot_ns = now_boot_ns;
        }
        let message = encoder.message();
        self.rows.put_u8(EVENTS_KEY);
        // A growing buffer cannot run out of room, the only error there is.
        let _ = prost::encode_length_delimiter(message.len(), &mut self.rows);
        self.rows.put_slice(message);
        self.event_count += 1;
        self.plan_generation = self.plan_generation.max(event.plan_generation);
    }

    /// Keeps the event that was pushed last, if those before it are kept as well.
    pub(super) fn keep(&mut self, event: Event) {
        if self.kept.len() + 1 == self.event_count as usize {
            self.kept.push(event);
        }
    }

    /// Keeps none.
    pub(super) fn keep_none(&mut self) {
        self.kept = Vec::new();
    }

    pub(super) fn size(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn seal(&mut self, first_sequence: u64, now_boot_ns: u64) -> SealedBatch {
        let clock = self.clock;
        // The next one will hardly be much larger.
        let (rows, kept) = (BytesMut::with_capacity(self.rows.len()), Vec::with_capacity(self.kept.len()));
        let open = std::mem::replace(self, Self { rows, kept, clock, ..Self::default() });
        // Where events are of another boot's clock, this host's would make nonsense of times between them.
        let at = |boot_ns| clock.map_or(boot_ns, |clock| clock.boot_ns);
        SealedBatch {
            first_sequence,
            event_count: open.event_count,
            rows: open.rows.freeze(),
            kept: (open.kept.len() == open.event_count as usize).then(|| Arc::new(open.kept)),
            is_set_aside: false,
            is_sampled: false,
            timings: BatchTimings {
                first_event_boot_ns: open.first_event_boot_ns,
                drained_boot_ns: at(open.opened_boot_ns),
                sealed_boot_ns: at(now_boot_ns),
                sent_boot_ns: 0,
            },
            plan_generation: open.plan_generation,
            clock,
        }
    }
}

// === impl SealedBatch ===

impl SealedBatch {
    pub(super) fn last_sequence(&self) -> u64 {
        self.first_sequence + u64::from(self.event_count) - 1
    }

    /// What it counts against the queue's bound.
    pub(super) fn cost(&self) -> usize {
        self.rows.len() + BATCH_OVERHEAD_BYTES
    }

    /// The batch as it is sent now.
    pub(super) fn frame(&mut self, epoch: u64, now: ClockReading) -> BatchFrame {
        let clock = self.clock.unwrap_or(now);
        self.timings.sent_boot_ns = clock.boot_ns;
        let header = Batch {
            batch_id: self.first_sequence,
            epoch,
            first_sequence: self.first_sequence,
            event_count: self.event_count,
            clock: Some(clock),
            trace: Some(BatchTrace::of(epoch, self.first_sequence).context()),
            timings: Some(self.timings),
            plan_generation: self.plan_generation,
            ..Batch::default()
        };
        BatchFrame { header, rows: if self.is_set_aside { self.blank_rows() } else { self.rows.clone() } }
    }

    pub(super) fn acked(self, epoch: u64) -> AckedBatch {
        let spans = self.is_sampled.then(|| BatchSpans {
            trace: BatchTrace::of(epoch, self.first_sequence),
            timings: self.timings,
            first_sequence: self.first_sequence,
            event_count: self.event_count,
            bytes: self.rows.len(),
        });
        AckedBatch { last_sequence: self.last_sequence(), spans, rows: self.rows, kept: self.kept }
    }

    /// Its events, decoded.
    pub(super) fn events(&self) -> impl Iterator<Item = Event> + use<> {
        rows_to_events(self.rows.clone())
    }

    /// Cuts it in pieces of at most `max_bytes` of rows; a single larger event stays whole.
    pub(super) fn split(self, max_bytes: usize) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut open = OpenBatch { clock: self.clock, ..OpenBatch::default() };
        let mut first_sequence = self.first_sequence;
        let mut encoder = RowEncoder::default();
        for event in self.events() {
            let size = encoder.encode(&event);
            if open.event_count > 0 && open.size() + size > max_bytes {
                pieces.push(self.piece(&mut open, first_sequence));
                first_sequence = pieces.last().map_or(first_sequence, |piece| piece.last_sequence() + 1);
            }
            open.push(&event, &encoder, self.timings.drained_boot_ns);
        }
        if open.event_count > 0 {
            pieces.push(self.piece(&mut open, first_sequence));
        }
        pieces
    }

    fn piece(&self, open: &mut OpenBatch, first_sequence: u64) -> Self {
        let piece = open.seal(first_sequence, self.timings.sealed_boot_ns);
        let timings = BatchTimings { first_event_boot_ns: piece.timings.first_event_boot_ns, ..self.timings };
        Self { is_set_aside: self.is_set_aside, timings, ..piece }
    }

    /// As many events without content as it has events.
    fn blank_rows(&self) -> Bytes {
        let mut rows = BytesMut::new();
        let blank = Event { boot_ns: self.timings.first_event_boot_ns, ..Event::default() };
        for _ in 0..self.event_count {
            rows.put_u8(EVENTS_KEY);
            let _ = blank.encode_length_delimited(&mut rows);
        }
        rows.freeze()
    }
}

// === impl BatchFrame ===

impl BatchFrame {
    /// The size of the serialised batch: what credit is counted in.
    pub fn batch_size(&self) -> usize {
        self.header.encoded_len() + self.rows.len()
    }

    /// The same with these in place of its rows.
    pub fn packed(self, encoding: BatchEncoding, packed_events: Vec<u8>) -> Self {
        let header = Batch { packed_events, encoding: encoding.into(), ..self.header };
        Self { header, rows: Bytes::new() }
    }

    /// Writes it as the `CaptureRequest` that has this batch.
    pub fn encode(&self, buffer: &mut impl BufMut) -> Result<(), prost::EncodeError> {
        buffer.put_u8(BATCH_KEY);
        prost::encode_length_delimiter(self.batch_size(), buffer)?;
        self.header.encode(buffer)?;
        buffer.put_slice(&self.rows);
        Ok(())
    }
}

// === impl AckedBatch ===

impl AckedBatch {
    /// Hands over each of its events: those that were kept, or else what its rows say.
    pub fn each_event(&self, mut take: impl FnMut(&Event)) {
        match &self.kept {
            Some(events) => events.iter().for_each(take),
            None => rows_to_events(self.rows.clone()).for_each(|event| take(&event)),
        }
    }
}

/// Decodes rows that we encoded; ends early only if they were not ours.
fn rows_to_events(mut rows: Bytes) -> impl Iterator<Item = Event> {
    std::iter::from_fn(move || {
        if !rows.has_remaining() || rows.get_u8() != EVENTS_KEY {
            return None;
        }
        Event::decode_length_delimited(&mut rows).ok()
    })
}
