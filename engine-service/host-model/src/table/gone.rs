//! Processes that are no more.

use std::collections::BTreeSet;

use eyrie_proto::event::ProcessKey;

use crate::process::is_same;

/// How many are remembered: 24 bytes each.
const MAX_GONE: usize = 1024;
/// For how long. Events of different processors are out of order by microseconds, a snapshot is as old as its reading
/// and the queue behind the agent's drain.
const REMEMBERED_NS: u64 = 2_000_000_000;

/// Who ended a moment ago. An event or a snapshot from before the end may come after it, and must not bring the process
/// back: nothing would ever remove it again.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    /// (end, pid, start), so that the first is the first to be forgotten.
    by_end: BTreeSet<(u64, u32, u64)>,
}

// === impl Gone ===

impl Gone {
    pub(crate) fn insert(&mut self, key: ProcessKey, ended_boot_ns: u64) {
        self.by_end.insert((ended_boot_ns, key.pid, key.start_boot_ns));
        let too_old = ended_boot_ns.saturating_sub(REMEMBERED_NS);
        while self.by_end.len() > MAX_GONE || self.by_end.first().is_some_and(|first| first.0 < too_old) {
            self.by_end.pop_first();
        }
    }

    /// Puts one back as it was, which must not make others be forgotten.
    pub(crate) fn restore(&mut self, key: ProcessKey, ended_boot_ns: u64) {
        if self.by_end.len() < MAX_GONE {
            self.by_end.insert((ended_boot_ns, key.pid, key.start_boot_ns));
        }
    }

    /// Looks at each: it is asked only for processes that the table does not have.
    pub(crate) fn contains(&self, key: ProcessKey) -> bool {
        self.iter().any(|(gone, _)| is_same(gone, key))
    }

    /// Who is gone, and since when, the longest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (ProcessKey, u64)> + '_ {
        let entry = |&(end, pid, start_boot_ns): &(u64, u32, u64)| (ProcessKey { pid, start_boot_ns }, end);
        self.by_end.iter().map(entry)
    }
}
