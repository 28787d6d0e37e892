//! The state of the host before the oldest event that is not acked.

use eyrie_proto::{
    capture::BaseState,
    event::{ProcessKey, ProcessState},
};
use host_model::{HostModel, Limits, Process};
use prost::Message;

use super::AckedBatch;

/// A [`HostModel`] that has applied exactly the events up to the acked position.
///
/// Events are applied when their ack arrives, in order, by the same code that an engine uses. So an engine that is given
/// the base and then what was not acked has, before each of those events, the state that was.
#[derive(Debug)]
pub struct Base {
    model: HostModel,
    through_sequence: u64,
}

// === impl Base ===

impl Base {
    /// The state at the start of the agent: the processes of a snapshot, before the first event.
    pub fn new(processes: Vec<ProcessState>) -> Self {
        let mut model = HostModel::new(Limits::default());
        model.restore(processes, []);
        Self { model, through_sequence: 0 }
    }

    /// Applies events that were acked; they follow those before without a gap.
    pub fn fold(&mut self, batch: &AckedBatch) {
        for event in batch.events() {
            self.model.apply(&event);
        }
        self.through_sequence = batch.last_sequence;
    }

    /// The base state, in parts of about `part_bytes` at most, the last one marked.
    pub fn parts(&self, part_bytes: usize) -> Vec<BaseState> {
        let mut parts = Parts { part_bytes, as_of_sequence: self.through_sequence, ..Parts::default() };
        for fact in self.model.base_facts() {
            parts.room_for(fact.encoded_len()).facts.push(fact);
        }
        for process in self.model.base_state() {
            parts.room_for(process.encoded_len()).processes.push(process);
        }
        parts.finish()
    }

    /// How many processes there are as of the base, also those that have ended and are still referred to.
    pub fn process_count(&self) -> usize {
        self.model.process_count()
    }

    /// The processes that live as of the base.
    pub fn processes(&self) -> Vec<ProcessKey> {
        self.model.processes().map(Process::key).collect()
    }
}

/// Parts of a base state being filled.
#[derive(Debug, Default)]
struct Parts {
    part_bytes: usize,
    as_of_sequence: u64,
    done: Vec<BaseState>,
    current: BaseState,
    current_bytes: usize,
}

// === impl Parts ===

impl Parts {
    /// The part that has room for an entry of this size; a larger one than fits any part gets one of its own.
    fn room_for(&mut self, entry_bytes: usize) -> &mut BaseState {
        /// Key and length of an entry.
        const ENTRY_OVERHEAD: usize = 8;
        if self.current_bytes > 0 && self.current_bytes + entry_bytes + ENTRY_OVERHEAD > self.part_bytes {
            self.close(false);
        }
        self.current_bytes += entry_bytes + ENTRY_OVERHEAD;
        &mut self.current
    }

    fn close(&mut self, is_last: bool) {
        let part = std::mem::take(&mut self.current);
        self.done.push(BaseState { as_of_sequence: self.as_of_sequence, is_last, ..part });
        self.current_bytes = 0;
    }

    fn finish(mut self) -> Vec<BaseState> {
        self.close(true);
        self.done
    }
}
