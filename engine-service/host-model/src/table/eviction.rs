//! Making room in a full table.

use super::ProcessTable;

// === impl ProcessTable ===

impl ProcessTable {
    /// Removes a sixteenth of the processes, so that the sorting is paid once for thousands of insertions: those
    /// without children first (others are links of chains), among them who was not seen for the longest. Who is alive
    /// after all comes back, incomplete, with its next event.
    pub(super) fn evict(&mut self, keep: [u32; 3]) {
        let ended = self.ended.map(|(key, _)| key.pid);
        let mut candidates: Vec<(bool, u64, u32)> = self
            .by_pid
            .values()
            .filter(|process| !keep.contains(&process.key.pid) && ended != Some(process.key.pid))
            .map(|process| {
                let pid = process.key.pid;
                (self.children(pid).next().is_some(), process.last_seen_boot_ns, pid)
            })
            .collect();
        candidates.sort_unstable();
        for (_, _, pid) in candidates.into_iter().take((self.limits.max_processes / 16).max(1)) {
            self.take(pid);
            self.evicted_processes += 1;
        }
    }
}
