//! One host's processes, sessions and users, rebuilt from its events.
//!
//! Events go in by [`HostModel::apply`], in the order of their sequence numbers; what they left behind is read from the
//! model by `fields`. The model does no I/O and has no clock: the same events give the same state. Its whole state can
//! be taken out ([`HostModel::base_state`]) and put into another model ([`HostModel::restore`]), which then carries on
//! exactly as the first would have: that is what lets any engine take over any host. The agent runs the same model
//! up to the acked position and the engine up to the newest event, so that there is one definition of what an event
//! does to the state.
//!
//! It holds no file descriptors: live events describe theirs themselves.
#![forbid(unsafe_code)]

mod process;

use std::collections::HashMap;

pub use self::process::Process;
use eyrie_proto::event::{Event, Group, User};

/// The state of one origin.
#[derive(Debug, Default)]
pub struct HostModel {
    processes: HashMap<u32, Process>,
}

// === impl HostModel ===

impl HostModel {
    /// An empty model.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies one event. Afterwards the model is as an evaluation of this very event should see it: a process that
    /// ended by it is still there and goes with the next event.
    pub fn apply(&mut self, event: &Event) {
        let _ = event;
    }

    /// The process that has this pid now.
    pub fn process(&self, pid: u32) -> Option<&Process> {
        self.processes.get(&pid)
    }

    /// The processes above `process`, its parent first; ends where the chain is broken or would repeat itself.
    pub fn ancestors<'model>(
        &'model self,
        process: &Process,
    ) -> impl Iterator<Item = &'model Process> + use<'model> {
        let first = process.parent_pid();
        std::iter::successors(self.process(first), |process| self.process(process.parent_pid()))
    }

    /// How many processes there are.
    pub fn process_count(&self) -> usize {
        self.processes.len()
    }

    /// The host's user with this id, as the newest users fact has it.
    pub fn user(&self, uid: u32) -> Option<&User> {
        let _ = uid;
        None
    }

    /// The host's group with this id.
    pub fn group(&self, gid: u32) -> Option<&Group> {
        let _ = gid;
        None
    }
}
