//! The queue of events that are not acked, and the rules by which they are sent.

mod limits;
mod rejection;

use std::collections::{BTreeMap, VecDeque};

use eyrie_proto::{
    capture::ClockReading,
    event::{Event, EventClass, LossPlace, LossReason, LossRecord, ProcessKey, event::Kind},
};
use prost::Message as _;
use thiserror::Error;

pub use self::{limits::Limits, rejection::Rejection};
use super::{
    AckedBatch, BatchFrame, LossKey, LossLedger,
    batch::{BATCH_OVERHEAD_BYTES, OpenBatch, SealedBatch},
    class_of,
    row::{RowEncoder, row_size},
};

/// Ends of processes that were refused and are to be told by a repair: 16 bytes each, at most 1 MiB.
const MAX_LOST_ENDS: usize = 65_536;
/// Of so many bytes of rows are the events kept beside them, some times that: where acks come soon, nobody has to decode what was just
/// encoded.
const KEPT_BYTES: usize = 128 << 10;

/// Why an event was not taken; it has been counted as a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What its loss means.
    pub class: EventClass,
}

/// What an engine said cannot be.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum StreamError {
    /// An ack of what was never sent.
    #[error("the engine acked event {through}, but only events up to {sent_through} were sent")]
    AckBeyondSent {
        /// What it acked.
        through: u64,
        /// The newest event that was sent.
        sent_through: u64,
    },
    /// It keeps refusing batches as out of order.
    #[error("the engine refused batch {batch_id} as out of order again and again")]
    OrderDisagreement {
        /// The last one that it refused.
        batch_id: u64,
    },
}

/// How a new session has to begin.
#[derive(Debug)]
pub struct Resume {
    /// Events that turn out to be acked, to be folded into the base first.
    pub acked: Vec<AckedBatch>,
    /// The base state has to be sent.
    pub is_base_wanted: bool,
}

/// Counters since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events that were offered.
    pub produced_events: u64,
    /// Of these, those that bear state.
    pub state_bearing_events: u64,
    /// Events of the stream that an engine acked.
    pub acked_events: u64,
    /// Events that wait for an ack.
    pub unacked_events: u64,
    /// Bytes that they take.
    pub unacked_bytes: usize,
    /// Losses by place, class and reason.
    pub losses: BTreeMap<LossKey, u64>,
}

/// Everything that was captured and is not acked, in order.
#[derive(Debug)]
pub struct Outbox {
    limits: Limits,
    epoch: u64,
    encoder: RowEncoder,
    open: OpenBatch,
    /// Nothing more is to be had for the open batch just now.
    is_open_whole: bool,
    queue: VecDeque<SealedBatch>,
    /// Cost of `queue` and `open`.
    queued_bytes: usize,
    next_sequence: u64,
    acked_through: u64,
    /// The newest event that any session sent.
    sent_through: u64,
    /// Index in `queue` of the batch to send next.
    send_index: usize,
    is_connected: bool,
    credit_bytes: u64,
    max_batch_bytes: usize,
    /// Nothing is sent before, nanoseconds since boot.
    retry_at_boot_ns: Option<u64>,
    order_disagreements: u32,
    losses: LossLedger,
    produced_events: u64,
    state_bearing_events: u64,
    is_repair_wanted: bool,
    are_facts_wanted: bool,
    lost_ends: Vec<ProcessKey>,
}

// === impl Outbox ===

impl Outbox {
    /// An empty one; `epoch` is random per start of the agent.
    pub fn new(epoch: u64, limits: Limits) -> Self {
        Self {
            limits,
            epoch,
            encoder: RowEncoder::default(),
            open: OpenBatch::default(),
            is_open_whole: false,
            queue: VecDeque::new(),
            queued_bytes: 0,
            next_sequence: 1,
            acked_through: 0,
            sent_through: 0,
            send_index: 0,
            is_connected: false,
            credit_bytes: 0,
            max_batch_bytes: limits.batch_bytes,
            retry_at_boot_ns: None,
            order_disagreements: 0,
            losses: LossLedger::default(),
            produced_events: 0,
            state_bearing_events: 0,
            is_repair_wanted: false,
            are_facts_wanted: false,
            lost_ends: Vec::new(),
        }
    }

    /// Random per start of the agent.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Everything up to here was acked. The oldest event that can still be sent is the next one.
    pub fn acked_through(&self) -> u64 {
        self.acked_through
    }

    /// The newest event that was taken.
    pub fn last_sequence(&self) -> u64 {
        self.next_sequence - 1
    }

    /// Takes an event into the stream and returns its sequence number; counts it as lost if there is no room.
    pub fn push(&mut self, event: &Event, now_boot_ns: u64) -> Result<u64, Refused> {
        let sequence = self.take(event, now_boot_ns)?;
        self.open.keep_none();
        self.seal_if_full(now_boot_ns);
        Ok(sequence)
    }

    /// The same with an event that nobody else needs any more.
    pub fn push_owned(&mut self, event: Event, now_boot_ns: u64) -> Result<u64, Refused> {
        let sequence = self.take(&event, now_boot_ns)?;
        if self.queued_bytes <= KEPT_BYTES {
            self.open.keep(event);
        } else {
            self.open.keep_none();
        }
        self.seal_if_full(now_boot_ns);
        Ok(sequence)
    }

    fn take(&mut self, event: &Event, now_boot_ns: u64) -> Result<u64, Refused> {
        self.produced_events += 1;
        let class = class_of(event);
        self.state_bearing_events += u64::from(class == EventClass::StateBearing);
        let size = self.encoder.encode(event);
        let bound = match class {
            EventClass::StateBearing => self.limits.queue_bytes + self.limits.reserve_bytes,
            _ => self.limits.queue_bytes,
        };
        if self.queued_bytes + size > bound {
            self.refuse(event, class, size);
            return Err(Refused { class });
        }
        if self.place_losses(now_boot_ns) {
            self.encoder.encode(event);
        }
        Ok(self.append(event, size, now_boot_ns))
    }

    /// Whether [`Outbox::push`] would take the event. One that no queue has room for is taken by none.
    pub fn has_room(&self, event: &Event) -> bool {
        self.is_empty() || self.queued_bytes + row_size(event.encoded_len()) <= self.limits.queue_bytes
    }

    /// The events that come are of a recording: turns their boot time into wall time. Those before stay with what was set before.
    pub fn set_recorded_clock(&mut self, clock: ClockReading, now_boot_ns: u64) {
        let offset = |clock: ClockReading| clock.epoch_ns.wrapping_sub(clock.boot_ns);
        if self.open.clock.map(offset) != Some(offset(clock)) {
            self.seal(now_boot_ns);
        }
        self.open.clock = Some(clock);
    }

    /// Counts losses that happened before the outbox; they go into the stream as soon as there is room.
    pub fn report_loss(&mut self, record: LossRecord) {
        if record.count > 0 && record.event_class() == EventClass::StateBearing {
            self.is_repair_wanted = true;
        }
        self.losses.add(record);
    }

    /// Puts waiting loss records into the stream if there is room; whether it has put any.
    pub fn place_losses(&mut self, now_boot_ns: u64) -> bool {
        if self.losses.is_empty() || self.queued_bytes >= self.limits.queue_bytes {
            return false;
        }
        for record in self.losses.take() {
            let event = Event { boot_ns: now_boot_ns, kind: Some(Kind::Loss(record)), ..Event::default() };
            let size = self.encoder.encode(&event);
            self.append(&event, size, now_boot_ns);
            self.open.keep_none();
            self.seal_if_full(now_boot_ns);
        }
        true
    }

    /// Whether state was lost that fresh snapshots have to repair, and there is room for them.
    pub fn is_repair_due(&self) -> bool {
        self.is_repair_wanted && self.queued_bytes <= self.limits.queue_bytes / 2
    }

    /// Takes on the repair that is due: the processes whose end is among what was lost.
    pub fn take_repair(&mut self) -> Option<Vec<ProcessKey>> {
        if !self.is_repair_due() {
            return None;
        }
        self.is_repair_wanted = false;
        Some(std::mem::take(&mut self.lost_ends))
    }

    /// Whether ordered facts were lost and have to be sent again. It is true once per loss.
    pub fn take_facts_wanted(&mut self) -> bool {
        std::mem::take(&mut self.are_facts_wanted)
    }

    /// All that there is was pushed. What waits is sent as soon as everything before it is acked: there is nothing to wait for, but
    /// many small batches on their way would cost more than one.
    pub fn is_drained(&mut self) {
        self.is_open_whole = self.open.event_count > 0;
    }

    /// Closes the open batch, whatever its size.
    pub fn seal(&mut self, now_boot_ns: u64) {
        if self.open.event_count == 0 {
            return;
        }
        self.is_open_whole = false;
        let first_sequence = self.next_sequence - u64::from(self.open.event_count);
        self.queue.push_back(self.open.seal(first_sequence, now_boot_ns));
        self.queued_bytes += BATCH_OVERHEAD_BYTES;
    }

    /// Takes the next batch to send, if the engine's credit and patience allow it.
    pub fn next_to_send(&mut self, clock: ClockReading) -> Option<BatchFrame> {
        if !self.is_connected || self.retry_at_boot_ns.is_some_and(|at| clock.boot_ns < at) {
            return None;
        }
        self.retry_at_boot_ns = None;
        // While something else waits to be sent, the open batch is better filled than closed.
        if self.send_index == self.queue.len() && self.is_open_due(clock.boot_ns) {
            self.seal(clock.boot_ns);
        }
        let batch = self.queue.get_mut(self.send_index)?;
        let frame = batch.frame(self.epoch, clock);
        let size = frame.batch_size() as u64;
        self.credit_bytes = self.credit_bytes.checked_sub(size)?;
        self.sent_through = self.sent_through.max(batch.last_sequence());
        self.send_index += 1;
        Some(frame)
    }

    /// When [`Outbox::next_to_send`] may have something that it does not have now, without another call in between.
    pub fn next_deadline_boot_ns(&self) -> Option<u64> {
        if !self.is_connected {
            return None;
        }
        let age = (self.open.event_count > 0 && self.send_index == self.queue.len())
            .then(|| self.open.opened_boot_ns.saturating_add(self.limits.batch_age_ns));
        self.retry_at_boot_ns.or(age)
    }

    /// Takes an ack. Batches that it covers whole leave the queue; the caller folds them into the base.
    ///
    /// A batch that is covered in part stays: sending it again has no second effect, and the base stays the state
    /// before its first event.
    pub fn acknowledge(&mut self, through_sequence: u64) -> Result<Vec<AckedBatch>, StreamError> {
        if through_sequence > self.sent_through {
            return Err(StreamError::AckBeyondSent {
                through: through_sequence,
                sent_through: self.sent_through,
            });
        }
        let covered = self.queue.partition_point(|batch| batch.last_sequence() <= through_sequence);
        let acked: Vec<_> = self.queue.drain(..covered).collect();
        self.send_index = self.send_index.saturating_sub(covered);
        for batch in &acked {
            self.queued_bytes -= batch.cost();
            self.acked_through = batch.last_sequence();
            self.order_disagreements = 0;
        }
        Ok(acked.into_iter().map(|batch| batch.acked(self.epoch)).collect())
    }

    /// The engine keeps the trace of a batch; one that is acked already is none of ours any more.
    pub fn keep_trace(&mut self, batch_id: u64) {
        if let Ok(index) = self.queue.binary_search_by_key(&batch_id, |batch| batch.first_sequence)
            && let Some(batch) = self.queue.get_mut(index)
        {
            batch.is_sampled = true;
        }
    }

    /// A session begins: everything that is not acked will be sent to it, from the oldest on.
    pub fn resume(
        &mut self,
        held_through_sequence: Option<u64>,
        initial_credit_bytes: u64,
        max_message_bytes: u64,
    ) -> Result<Resume, StreamError> {
        let acked = held_through_sequence.map(|held| self.acknowledge(held)).transpose()?;
        self.is_connected = true;
        self.send_index = 0;
        self.retry_at_boot_ns = None;
        self.order_disagreements = 0;
        self.credit_bytes = initial_credit_bytes;
        self.fit_batches(initial_credit_bytes, max_message_bytes);
        // An engine that holds an older state than ours is acked cannot be caught up by events.
        let is_held = held_through_sequence.is_some_and(|held| held >= self.acked_through);
        Ok(Resume { acked: acked.unwrap_or_default(), is_base_wanted: !is_held })
    }

    /// The session has ended; what it sent and was not acked will be sent again.
    pub fn disconnect(&mut self) {
        self.is_connected = false;
        self.send_index = 0;
        self.credit_bytes = 0;
        self.retry_at_boot_ns = None;
    }

    /// The engine takes more bytes.
    pub fn add_credit(&mut self, additional_bytes: u64) {
        self.credit_bytes = self.credit_bytes.saturating_add(additional_bytes);
    }

    /// Whether something was sent in this session and is not acked.
    pub fn is_waiting_for_ack(&self) -> bool {
        self.is_connected && self.send_index > 0
    }

    /// Whether everything that was taken is acked.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.open.event_count == 0
    }

    /// Counters since the start.
    pub fn totals(&self) -> Totals {
        Totals {
            produced_events: self.produced_events,
            state_bearing_events: self.state_bearing_events,
            acked_events: self.acked_through,
            unacked_events: self.last_sequence() - self.acked_through,
            unacked_bytes: self.queued_bytes,
            losses: self.losses.totals().clone(),
        }
    }

    /// Appends an event that was just encoded.
    fn append(&mut self, event: &Event, size: usize, now_boot_ns: u64) -> u64 {
        let max_bytes = self.max_batch_bytes.min(self.limits.batch_bytes);
        if self.open.event_count > 0 && self.open.size() + size > max_bytes {
            self.seal(now_boot_ns);
        }
        self.open.push(event, &self.encoder, now_boot_ns);
        self.queued_bytes += size;
        self.next_sequence += 1;
        self.next_sequence - 1
    }

    fn seal_if_full(&mut self, now_boot_ns: u64) {
        if self.open.event_count >= self.limits.batch_events {
            self.seal(now_boot_ns);
        }
    }

    fn refuse(&mut self, event: &Event, class: EventClass, size: usize) {
        let key = (LossPlace::AgentQueue, class, LossReason::Full);
        self.losses.count(key, 1, size as u64, (event.boot_ns, event.boot_ns));
        self.note_lost_state(event, class);
    }

    fn note_lost_state(&mut self, event: &Event, class: EventClass) {
        if class != EventClass::StateBearing {
            return;
        }
        self.is_repair_wanted = true;
        match &event.kind {
            Some(Kind::Fact(_)) => self.are_facts_wanted = true,
            Some(Kind::Exit(exit)) if exit.is_process_end && self.lost_ends.len() < MAX_LOST_ENDS => {
                self.lost_ends.extend(event.task.as_ref().and_then(|task| task.process));
            }
            _ => {}
        }
    }

    fn is_open_due(&self, now_boot_ns: u64) -> bool {
        let is_of_age = now_boot_ns.saturating_sub(self.open.opened_boot_ns) >= self.limits.batch_age_ns;
        self.open.event_count > 0 && (is_of_age || (self.is_open_whole && self.queue.is_empty()))
    }
}
