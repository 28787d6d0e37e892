//! Processes that are no more.

use std::collections::BTreeSet;

use eyrie_proto::event::ProcessKey;

use crate::process::is_same;

/// How many are remembered: about 64 bytes each.
const MAX_GONE: usize = 1024;
/// For how long. Events of different processors are out of order by microseconds, a snapshot is as old as its reading
/// and the queue behind the agent's drain.
const REMEMBERED_NS: u64 = 2_000_000_000;

/// Who ended a moment ago. An event or a snapshot from before the end may come after it, and must not bring the process
/// back: nothing would ever remove it again.
#[derive(Clone, Debug, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Gone {
    /// (end, pid, start), so that the first is the first to be forgotten.
    by_end: BTreeSet<(u64, u32, u64)>,
    /// The same as (pid, start, end).
    by_pid: BTreeSet<(u32, u64, u64)>,
}

// === impl Gone ===

impl Gone {
    pub(crate) fn insert(&mut self, key: ProcessKey, ended_boot_ns: u64) {
        self.add(key, ended_boot_ns);
        let too_old = ended_boot_ns.saturating_sub(REMEMBERED_NS);
        while self.by_end.len() > MAX_GONE || self.by_end.first().is_some_and(|first| first.0 < too_old) {
            let Some((end, pid, start)) = self.by_end.pop_first() else { break };
            self.by_pid.remove(&(pid, start, end));
        }
    }

    /// Puts one back as it was, which must not make others be forgotten.
    pub(crate) fn restore(&mut self, key: ProcessKey, ended_boot_ns: u64) {
        if self.by_end.len() < MAX_GONE {
            self.add(key, ended_boot_ns);
        }
    }

    pub(crate) fn contains(&self, key: ProcessKey) -> bool {
        let of_pid = self.by_pid.range((key.pid, 0, 0)..=(key.pid, u64::MAX, u64::MAX));
        of_pid.into_iter().any(|&(pid, start_boot_ns, _)| is_same(ProcessKey { pid, start_boot_ns }, key))
    }

    /// Whether one with this pid ended a moment ago.
    pub(crate) fn has_pid(&self, pid: u32) -> bool {
        self.by_pid.range((pid, 0, 0)..=(pid, u64::MAX, u64::MAX)).next().is_some()
    }

    /// Who is gone, and since when, the longest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ProcessKey, u64)> + '_ {
        let entry = |&(end, pid, start_boot_ns): &(u64, u32, u64)| (ProcessKey { pid, start_boot_ns }, end);
        self.by_end.iter().map(entry)
    }

    fn add(&mut self, key: ProcessKey, ended_boot_ns: u64) {
        self.by_end.insert((ended_boot_ns, key.pid, key.start_boot_ns));
        self.by_pid.insert((key.pid, key.start_boot_ns, ended_boot_ns));
    }
}
