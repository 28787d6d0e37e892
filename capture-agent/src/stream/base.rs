//! The state of the host before the oldest event that is not acked.

use eyrie_proto::{
    capture::BaseState,
    event::{ProcessKey, ProcessState},
};
use host_model::{HostModel, Limits, Process};

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

    /// Takes more of the state before the first event: of a recording, whose base state comes in parts.
    pub fn restore(&mut self, part: BaseState) {
        self.model.restore(part.processes, part.facts);
    }

    /// Applies events that were acked; they follow those before without a gap.
    pub fn fold(&mut self, batch: &AckedBatch) {
        batch.each_event(|event| self.model.apply(event));
        self.through_sequence = batch.last_sequence;
    }

    /// The base state, in parts of about `part_bytes` at most, the last one marked.
    pub fn parts(&self, part_bytes: usize) -> Vec<BaseState> {
        self.model.base_parts(self.through_sequence, part_bytes)
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
