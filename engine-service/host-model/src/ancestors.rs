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
    /// Where the chain is; 0 at first.
    last_pid: u32,
    /// Those before it that started in this tick: only among them could the chain come round again. Mostly none, so that a look at
    /// a parent allocates nothing.
    same_tick: Vec<u32>,
    left: usize,
}

// === impl Ancestors ===

impl<'model> Ancestors<'model> {
    pub(crate) fn new(table: &'model ProcessTable, process: &Process) -> Self {
        let tick = process.key.start_boot_ns / TICK_NS;
        let mut chain =
            Self { table, next_pid: 0, tick, last_pid: 0, same_tick: Vec::new(), left: MAX_ANCESTORS };
        chain.pass(process);
        chain
    }

    /// Remembers that the chain passed here.
    fn pass(&mut self, process: &Process) {
        let tick = process.key.start_boot_ns / TICK_NS;
        if tick != self.tick {
            self.same_tick.clear();
        } else if self.last_pid != 0 {
            self.same_tick.push(self.last_pid);
        }
        self.tick = tick;
        self.next_pid = process.parent_pid;
        self.last_pid = process.key.pid;
    }
}

impl<'model> Iterator for Ancestors<'model> {
    type Item = &'model Process;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let process = self.table.get(self.next_pid)?;
        let is_parent = process.key.start_boot_ns / TICK_NS <= self.tick;
        let pid = process.key.pid;
        if !is_parent || pid == self.last_pid || self.same_tick.contains(&pid) {
            self.left = 0;
            return None;
        }
        self.pass(process);
        Some(process)
    }
}
