//! Consecutive events of one batch: what windows and recordings are made of.

use std::{ops::Range, sync::Arc};

use eyrie_proto::{
    capture::{Batch, ClockReading},
    event::Event,
    recording::RecordedBatch,
};
use host_model::HostModel;
use prost::Message as _;

use crate::origin_state::{clock_offset, event_time};

/// See the module. Clones share the batch.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    batch: Arc<Batch>,
    range: Range<usize>,
    /// Events of the stream before the first that nobody has any more.
    left_out: u64,
    /// Wall clock minus boot clock.
    offset: i64,
    /// Its share of the batch, as on the wire.
    pub(crate) bytes: u64,
    /// When the newest of them happened.
    pub(crate) newest_ns: u64,
    /// The same by the host's boot clock, which nobody sets.
    pub(crate) newest_boot_ns: u64,
}

// === impl Slice ===

impl Slice {
    /// The events of `batch` after the one with the sequence number `after`, up to `through`; `bytes` are the batch's.
    pub(crate) fn new(
        batch: &Arc<Batch>,
        (after, through): (u64, u64),
        bytes: u64,
        clock: &ClockReading,
    ) -> Option<Self> {
        let index = |sequence: u64| {
            let taken = (sequence + 1).saturating_sub(batch.first_sequence);
            usize::try_from(taken).unwrap_or(usize::MAX).min(batch.events.len())
        };
        let range = index(after)..index(through);
        let offset = clock_offset(batch.clock.as_ref().unwrap_or(clock));
        let whole = Self {
            batch: Arc::clone(batch),
            range: 0..batch.events.len(),
            left_out: 0,
            offset,
            bytes,
            newest_ns: 0,
            newest_boot_ns: 0,
        };
        (!range.is_empty()).then(|| whole.part(range))
    }

    /// One event that stands for those that were to come after `after` and will not; it has the last one's place.
    pub(crate) fn gap(
        batch: &Batch,
        event: Event,
        (after, through): (u64, u64),
        clock: &ClockReading,
    ) -> Self {
        let bytes = event.encoded_len() as u64;
        let stand_in = Batch {
            batch_id: batch.batch_id,
            epoch: batch.epoch,
            first_sequence: after + 1,
            events: vec![event],
            event_count: 1,
            clock: batch.clock,
            plan_generation: batch.plan_generation,
            ..Batch::default()
        };
        let offset = clock_offset(stand_in.clock.as_ref().unwrap_or(clock));
        let left_out = through.saturating_sub(after + 1);
        let batch = Arc::new(stand_in);
        let whole = Self { batch, range: 0..1, left_out, offset, bytes, newest_ns: 0, newest_boot_ns: 0 };
        whole.part(0..1)
    }

    /// These of its batch's events.
    fn part(&self, range: Range<usize>) -> Self {
        let mut part = Self { range, ..self.clone() };
        part.bytes = self.bytes.saturating_mul(part.len() as u64) / (self.len().max(1) as u64);
        part.newest_ns = part.times().max().unwrap_or(0);
        part.newest_boot_ns = part.boot_times().max().unwrap_or(0);
        if part.range.start != self.range.start {
            part.left_out = 0;
        }
        part
    }

    pub(crate) fn events(&self) -> &[Event] {
        self.batch.events.get(self.range.clone()).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.range.len()
    }

    /// When each event happened, nanoseconds since the epoch.
    pub(crate) fn times(&self) -> impl Iterator<Item = u64> + '_ {
        self.events().iter().map(|event| event_time(event, self.offset))
    }

    /// The same by the host's boot clock.
    pub(crate) fn boot_times(&self) -> impl Iterator<Item = u64> + '_ {
        self.events().iter().map(|event| event.boot_ns)
    }

    /// When the event of this sequence number happened by the boot clock, if it is one of these.
    pub(crate) fn boot_time_of(&self, sequence: u64) -> Option<u64> {
        let place = usize::try_from(sequence.checked_sub(self.first_sequence())?).ok()?;
        self.boot_times().nth(place)
    }

    /// A moment by the wall clock, as its host's boot clock has it.
    pub(crate) fn boot_time_at(&self, time_ns: u64) -> u64 {
        time_ns.saturating_add_signed(self.offset.saturating_neg())
    }

    /// Of its first event.
    pub(crate) fn first_sequence(&self) -> u64 {
        self.first_in_batch().saturating_add(self.left_out)
    }

    /// Of its last event.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.first_in_batch()
            .saturating_add(self.left_out)
            .saturating_add(self.len() as u64)
            .saturating_sub(1)
    }

    fn first_in_batch(&self) -> u64 {
        self.batch.first_sequence.saturating_add(self.range.start as u64)
    }

    /// Those before the event `index`, and those from it on.
    pub(crate) fn split_at(&self, index: usize) -> (Option<Self>, Option<Self>) {
        let middle = self.range.start + index.min(self.len());
        let part = |range: Range<usize>| (!range.is_empty()).then(|| self.part(range));
        (part(self.range.start..middle), part(middle..self.range.end))
    }

    /// Brings a model from before the first event to after the last.
    pub(crate) fn apply_to(&self, model: &mut HostModel) {
        for event in self.events() {
            model.apply(event);
        }
        // Nobody is asked on its behalf.
        drop(model.take_unknown());
    }

    /// As it is recorded.
    pub(crate) fn recorded(&self) -> RecordedBatch {
        let batch = &*self.batch;
        let batch = Batch {
            batch_id: batch.batch_id,
            epoch: batch.epoch,
            first_sequence: self.first_in_batch(),
            events: self.events().to_vec(),
            packed_events: Vec::new(),
            encoding: 0,
            event_count: u32::try_from(self.len()).unwrap_or(u32::MAX),
            clock: batch.clock,
            trace: batch.trace.clone(),
            timings: batch.timings,
            plan_generation: batch.plan_generation,
        };
        let left_out_before = match self.left_out {
            0 => Vec::new(),
            left_out => std::iter::once(u32::try_from(left_out).unwrap_or(u32::MAX))
                .chain(std::iter::repeat(0))
                .take(self.len())
                .collect(),
        };
        RecordedBatch { batch: Some(batch), left_out_before }
    }
}
