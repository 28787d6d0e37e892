//! A model's state as the messages that carry it: an agent sends them before its events, a recording begins with them.

use eyrie_proto::capture::BaseState;
use prost::Message as _;

use crate::HostModel;

/// Parts of a base state being filled.
#[derive(Debug, Default)]
struct Parts {
    part_bytes: usize,
    as_of_sequence: u64,
    done: Vec<BaseState>,
    current: BaseState,
    current_bytes: usize,
}

// === impl HostModel ===

impl HostModel {
    /// The state, in parts of about `part_bytes` at most, the last one marked. `as_of_sequence` is the last event that was
    /// applied. [`HostModel::restore`] takes them in this order.
    pub fn base_parts(&self, as_of_sequence: u64, part_bytes: usize) -> Vec<BaseState> {
        let mut parts = Parts { part_bytes, as_of_sequence, ..Parts::default() };
        for fact in self.base_facts() {
            parts.room_for(fact.encoded_len()).facts.push(fact);
        }
        for process in self.base_state() {
            parts.room_for(process.encoded_len()).processes.push(process);
        }
        parts.finish()
    }
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
