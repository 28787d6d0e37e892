//! The chain of parents.

use crate::{
    process::{Process, TICK_NS},
    table::ProcessTable,
};

/// The longest chain that is followed. Real ones have a dozen links; who builds a longer one has to keep every link
/// alive, and each evaluation would pay for it.
const MAX_ANCESTORS: usize = 512;

/// The processes above one, its parent first.
pub(crate) struct Ancestors<'model> {
    table: &'model ProcessTable,
    next_pid: u32,
    /// When the last one started, in clock ticks. No parent starts after its child: where one seems to, its pid was
    /// used again and the chain is broken there.
    tick: u64,
    /// Those that started in this tick: only among them could the chain come round again.
    same_tick: Vec<u32>,
    left: usize,
}

// === impl Ancestors ===

impl<'model> Ancestors<'model> {
    pub(crate) fn new(table: &'model ProcessTable, process: &Process) -> Self {
        let tick = process.key.start_boot_ns / TICK_NS;
        let mut chain = Self { table, next_pid: 0, tick, same_tick: Vec::new(), left: MAX_ANCESTORS };
        chain.pass(process);
        chain
    }

    /// Remembers that the chain passed here.
    fn pass(&mut self, process: &Process) {
        let tick = process.key.start_boot_ns / TICK_NS;
        if tick != self.tick {
            self.same_tick.clear();
        }
        self.tick = tick;
        self.next_pid = process.parent_pid;
        self.same_tick.push(process.key.pid);
    }
}

impl<'model> Iterator for Ancestors<'model> {
    type Item = &'model Process;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let process = self.table.get(self.next_pid)?;
        let is_parent = process.key.start_boot_ns / TICK_NS <= self.tick;
        if !is_parent || self.same_tick.contains(&process.key.pid) {
            self.left = 0;
            return None;
        }
        self.pass(process);
        Some(process)
    }
}
