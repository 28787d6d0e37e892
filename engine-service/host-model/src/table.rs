//! The processes of a host with the indices that fork, exit and eviction need.
//!
//! Everything here depends on the processes alone and never on the order of a hash map, so that a table made from
//! another one's processes goes on in the same way.

mod eviction;
mod gone;
mod pid_hash;

use std::collections::{BTreeSet, HashMap};

use eyrie_proto::event::ProcessKey;

use self::{gone::Gone, pid_hash::PidHash};
use crate::{
    Counters, Limits,
    process::{Process, Thread, is_same},
};

/// Fewer processes than this make no host: there must be room besides those that an event is about.
const MIN_PROCESSES: usize = 16;
/// Where orphans go that no one else takes.
const INIT_PID: u32 = 1;

/// The processes of one host.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct ProcessTable {
    /// Boxed: a hash table is up to half empty, and moves all it has when it grows.
    by_pid: HashMap<u32, Box<Process>, PidHash>,
    /// (parent, child) of all processes, also where the parent is not known.
    children: BTreeSet<(u32, u32)>,
    /// Who ended by the last event, and when.
    ended: Option<(ProcessKey, u64)>,
    gone: Gone,
    thread_count: usize,
    /// Incomplete processes to ask for.
    unknown: Vec<ProcessKey>,
    limits: Limits,
    evicted_processes: u64,
    refused_threads: u64,
    deferred_unknown: u64,
}

// === impl ProcessTable ===

impl ProcessTable {
    pub(crate) fn new(limits: Limits) -> Self {
        let limits = Limits { max_processes: limits.max_processes.max(MIN_PROCESSES), ..limits };
        Self {
            by_pid: HashMap::default(),
            children: BTreeSet::new(),
            ended: None,
            gone: Gone::default(),
            thread_count: 0,
            unknown: Vec::new(),
            limits,
            evicted_processes: 0,
            refused_threads: 0,
            deferred_unknown: 0,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn add_to(&self, counters: &mut Counters) {
        counters.evicted_processes += self.evicted_processes;
        counters.refused_threads += self.refused_threads;
        counters.deferred_unknown += self.deferred_unknown;
    }

    pub(crate) fn get(&self, pid: u32) -> Option<&Process> {
        self.by_pid.get(&pid).map(Box::as_ref)
    }

    /// For changes of anything but the parent and the threads.
    pub(crate) fn get_mut(&mut self, pid: u32) -> Option<&mut Process> {
        self.by_pid.get_mut(&pid).map(Box::as_mut)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_pid.len()
    }

    /// All processes, ascending by pid.
    pub(crate) fn ascending(&self) -> impl Iterator<Item = &Process> {
        let mut processes: Vec<&Process> = self.by_pid.values().map(Box::as_ref).collect();
        processes.sort_unstable_by_key(|process| process.key.pid);
        processes.into_iter()
    }

    pub(crate) fn children(&self, pid: u32) -> impl Iterator<Item = u32> + use<'_> {
        self.children.range((pid, 0)..=(pid, u32::MAX)).map(|(_, child)| *child)
    }

    /// Puts a process in the place of whatever had its pid, making room if need be; `keep` is not evicted for it.
    pub(crate) fn insert(&mut self, mut process: Process, keep: u32) {
        let pid = process.key.pid;
        self.take(pid);
        if self.by_pid.len() >= self.limits.max_processes {
            self.evict([INIT_PID, keep, process.parent_pid]);
        }
        if process.parent_pid != 0 {
            self.children.insert((process.parent_pid, pid));
        }
        let threads = std::mem::take(&mut process.threads);
        self.by_pid.insert(pid, Box::new(process));
        for thread in threads {
            self.add_thread(pid, thread);
        }
    }

    /// Makes `parent` the parent from `since_boot_ns` on. Nobody is its own parent.
    pub(crate) fn set_parent(&mut self, pid: u32, parent: u32, since_boot_ns: Option<u64>) {
        let Some(process) = self.by_pid.get_mut(&pid) else { return };
        if let Some(since) = since_boot_ns {
            process.parent_since_boot_ns = process.parent_since_boot_ns.max(since);
        }
        let parent = if parent == pid { 0 } else { parent };
        if process.parent_pid == parent {
            return;
        }
        self.children.remove(&(process.parent_pid, pid));
        process.parent_pid = parent;
        if parent != 0 {
            self.children.insert((parent, pid));
        }
    }

    pub(crate) fn add_thread(&mut self, pid: u32, thread: Thread) {
        let Some(process) = self.by_pid.get_mut(&pid).filter(|_| thread.tid != pid) else { return };
        match process.threads.binary_search_by_key(&thread.tid, |thread| thread.tid) {
            Ok(at) => process.threads.get_mut(at).into_iter().for_each(|known| *known = thread),
            Err(_) if self.thread_count >= self.limits.max_threads => self.refused_threads += 1,
            Err(at) => {
                process.threads.insert(at, thread);
                self.thread_count += 1;
            }
        }
    }

    pub(crate) fn remove_thread(&mut self, pid: u32, tid: u32) {
        let Some(process) = self.by_pid.get_mut(&pid) else { return };
        if let Ok(at) = process.threads.binary_search_by_key(&tid, |thread| thread.tid) {
            process.threads.remove(at);
            self.thread_count -= 1;
        }
    }

    pub(crate) fn clear_threads(&mut self, pid: u32) {
        let Some(process) = self.by_pid.get_mut(&pid) else { return };
        self.thread_count -= std::mem::take(&mut process.threads).len();
    }

    /// The process has ended: its children go to `reaper`, or, where that is 0, to whom the kernel would choose. It
    /// stays until [`Self::remove_ended`].
    pub(crate) fn end(&mut self, pid: u32, reaper: u32, boot_ns: u64) {
        let Some(key) = self.by_pid.get(&pid).map(|process| process.key) else { return };
        self.orphan_children(pid, reaper, boot_ns);
        self.ended = Some((key, boot_ns));
    }

    /// Marks a process as ended by the last event, without doing again what its end did.
    pub(crate) fn restore_ended(&mut self, key: ProcessKey, boot_ns: u64) {
        self.ended = Some((key, boot_ns));
    }

    /// Who ended by the last event, and when.
    pub(crate) fn ended(&self) -> Option<(ProcessKey, u64)> {
        self.ended
    }

    /// Removes who ended by the last event.
    pub(crate) fn remove_ended(&mut self) {
        if let Some((key, boot_ns)) = self.ended.take() {
            self.take(key.pid);
            self.gone.insert(key, boot_ns);
        }
    }

    /// Removes a process whose end was not reported.
    pub(crate) fn retire(&mut self, pid: u32, boot_ns: u64) {
        let Some(key) = self.by_pid.get(&pid).map(|process| process.key) else { return };
        self.orphan_children(pid, 0, boot_ns);
        self.take(pid);
        self.gone.insert(key, boot_ns);
    }

    pub(crate) fn gone(&self) -> &Gone {
        &self.gone
    }

    pub(crate) fn gone_mut(&mut self) -> &mut Gone {
        &mut self.gone
    }

    /// Lists the process to be asked for, if it is incomplete and was not listed before.
    pub(crate) fn note_if_unknown(&mut self, pid: u32) {
        let Some(process) = self.by_pid.get_mut(&pid) else { return };
        if !process.is_incomplete || process.is_requested {
            return;
        }
        if self.unknown.len() < self.limits.max_unknown {
            process.is_requested = true;
            self.unknown.push(process.key);
        } else {
            self.deferred_unknown += 1;
        }
    }

    /// The listed processes that are still there and incomplete.
    pub(crate) fn take_unknown(&mut self) -> Vec<ProcessKey> {
        let mut listed = std::mem::take(&mut self.unknown);
        listed.retain(|key| {
            self.by_pid
                .get(&key.pid)
                .is_some_and(|process| process.is_incomplete && is_same(process.key, *key))
        });
        listed
    }

    /// Lists all incomplete processes, as if none had been listed before.
    pub(crate) fn list_unknown_again(&mut self) {
        self.unknown.clear();
        let mut incomplete: Vec<u32> = Vec::new();
        for process in self.by_pid.values_mut().filter(|process| process.is_incomplete) {
            process.is_requested = false;
            incomplete.push(process.key.pid);
        }
        incomplete.sort_unstable();
        for pid in incomplete {
            self.note_if_unknown(pid);
        }
    }

    fn take(&mut self, pid: u32) -> Option<Box<Process>> {
        let process = self.by_pid.remove(&pid)?;
        self.children.remove(&(process.parent_pid, pid));
        self.thread_count -= process.threads.len();
        Some(process)
    }

    fn orphan_children(&mut self, pid: u32, reaper: u32, boot_ns: u64) {
        let orphans: Vec<u32> = self.children(pid).collect();
        if orphans.is_empty() {
            return;
        }
        let reaper = if reaper == 0 || reaper == pid { self.reaper(pid) } else { reaper };
        for orphan in orphans {
            self.set_parent(orphan, reaper, Some(boot_ns));
        }
    }

    /// Who takes the children of `pid`, as find_new_reaper in the kernel's kernel/exit.c: the nearest ancestor of the
    /// same pid namespace that asked for it, otherwise that namespace's init.
    fn reaper(&self, pid: u32) -> u32 {
        let Some(process) = self.by_pid.get(&pid) else { return INIT_PID };
        let namespace = process.pid_namespace;
        let is_init = |other: &Process| other.namespace_pid == INIT_PID && other.pid_namespace == namespace;
        let nearest = crate::ancestors::Ancestors::new(self, process)
            .take_while(|ancestor| ancestor.pid_namespace == namespace)
            .find(|ancestor| ancestor.is_child_subreaper || is_init(ancestor));
        if let Some(ancestor) = nearest {
            return ancestor.key.pid;
        }
        // Who entered the namespace from outside (docker exec) has not its init among its ancestors. This looks at
        // every process, but only where the kernel did not say who takes the children.
        let inits = self.by_pid.values().filter(|other| is_init(other) && other.key.pid != pid);
        inits.map(|init| init.key.pid).min().unwrap_or(INIT_PID)
    }
}
