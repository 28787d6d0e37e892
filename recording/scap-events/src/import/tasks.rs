//! Threads and processes, as far as the tasks of events need them.

use std::collections::{BTreeSet, HashMap};

use eyrie_proto::event::{Capabilities, Credentials, ProcessKey, Session, Task};

use super::parameters::Enter;

/// Threads that are known at a time, of some 200 bytes each and as much for its process: as many as Falco knows.
const MAX_THREADS: usize = 262_144;
/// Working and root directories of all processes together: 256 bytes for each of as many processes as there may be threads.
const MAX_DIRECTORIES_BYTES: usize = 64 << 20;
/// Enter events that wait, together.
const MAX_ENTERS_BYTES: usize = 64 << 20;
/// Bytes of a thread's name (TASK_COMM_LEN of linux/sched.h).
const MAX_COMM_BYTES: usize = 15;
/// For how long a thread that ended is not made again by a late word of its parent, as in Falco.
const ENDED_NS: u64 = 2_000_000_000;
/// For how long the second word of a new task is of the same one as the first, as in Falco.
const NEW_NS: u64 = 2_000_000_000;
/// Threads that ended and are remembered, as in Falco.
const MAX_ENDED: usize = 8192;

/// Of who is not in the file and has not told yet: as in Falco an id that nobody has, and not root's.
const UNKNOWN_CREDENTIALS: Credentials = Credentials {
    uid: u32::MAX,
    gid: u32::MAX,
    effective_uid: u32::MAX,
    effective_gid: u32::MAX,
    login_uid: u32::MAX,
    capabilities: None,
};

/// A thread.
#[derive(Debug, Default)]
pub(crate) struct Thread {
    pub(crate) pid: u32,
    pub(crate) namespace_tid: u32,
    pub(crate) comm: Vec<u8>,
    /// When it was made, nanoseconds since boot; 0 if before the file.
    born_boot_ns: u64,
    enter: Option<Enter>,
}

/// A process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    pub(crate) key: ProcessKey,
    pub(crate) parent_pid: u32,
    pub(crate) namespace_pid: u32,
    pub(crate) credentials: Credentials,
    pub(crate) session: Session,
    pub(crate) cgroup_id: u64,
    pub(crate) working_directory: Vec<u8>,
    /// Empty for that of its mount namespace.
    pub(crate) root_directory: Vec<u8>,
    /// How many of its threads are known; [`Tasks`] counts them.
    pub(crate) threads: u32,
    /// What its directories take, as [`Tasks`] has counted it.
    pub(super) counted_bytes: usize,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    threads: HashMap<u32, Thread>,
    processes: HashMap<u32, Process>,
    /// Process and thread.
    of_process: BTreeSet<(u32, u32)>,
    /// When threads ended, nanoseconds since boot.
    ended: HashMap<u32, u64>,
    enters_bytes: usize,
    directories_bytes: usize,
    refused: u64,
    refused_directories: u64,
    refused_enters: u64,
}

// === impl Tasks ===

impl Tasks {
    /// Threads that there was no room for.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// Enter events that there was no room for.
    pub(crate) fn refused_enters(&self) -> u64 {
        self.refused_enters
    }

    /// Directories of processes that there was no room for.
    pub(crate) fn refused_directories(&self) -> u64 {
        self.refused_directories
    }

    pub(crate) fn thread(&self, tid: u32) -> Option<&Thread> {
        self.threads.get(&tid)
    }

    pub(crate) fn thread_mut(&mut self, tid: u32) -> Option<&mut Thread> {
        self.threads.get_mut(&tid)
    }

    pub(crate) fn process(&self, pid: u32) -> Option<&Process> {
        self.processes.get(&pid)
    }

    /// Whoever may have changed its directories calls [`Tasks::count_directories`] behind that.
    pub(crate) fn process_mut(&mut self, pid: u32) -> Option<&mut Process> {
        self.processes.get_mut(&pid)
    }

    /// Counts what the directories of a process take. Those that there is no room for are as if the file did not tell them.
    pub(crate) fn count_directories(&mut self, pid: u32) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let bytes = process.working_directory.capacity() + process.root_directory.capacity();
        if bytes == process.counted_bytes {
            return;
        }
        let others = self.directories_bytes.saturating_sub(process.counted_bytes);
        let has_room = others.saturating_add(bytes) <= MAX_DIRECTORIES_BYTES;
        if !has_room {
            (process.working_directory, process.root_directory) = (Vec::new(), Vec::new());
            self.refused_directories += 1;
        }
        process.counted_bytes = if has_room { bytes } else { 0 };
        self.directories_bytes = others + process.counted_bytes;
    }

    /// The process of a thread.
    pub(crate) fn pid_of(&self, tid: u32) -> Option<u32> {
        self.threads.get(&tid).map(|thread| thread.pid)
    }

    /// The process of a thread, which is made if nothing is known of it: then it is its own process, and when it started is
    /// known only if an earlier one had its number. `None` if there is no room.
    pub(crate) fn seen(&mut self, tid: u32, boot_ns: u64) -> Option<u32> {
        if let Some(thread) = self.threads.get(&tid) {
            return Some(thread.pid);
        }
        // Whoever has the number of one that ended is another one, and would be taken for the dead one without a start of its own.
        let start_boot_ns = if self.ended.contains_key(&tid) { boot_ns } else { 0 };
        let process = Process {
            key: ProcessKey { pid: tid, start_boot_ns },
            namespace_pid: tid,
            credentials: UNKNOWN_CREDENTIALS,
            ..Process::default()
        };
        let thread = Thread { pid: tid, namespace_tid: tid, ..Thread::default() };
        self.insert(tid, thread, || process).then_some(tid)
    }

    /// A new thread; its process is made if it is not known. One that had the number is forgotten. Whether there was room.
    pub(crate) fn insert(&mut self, tid: u32, thread: Thread, process: impl FnOnce() -> Process) -> bool {
        self.remove(tid);
        if self.threads.len() >= MAX_THREADS {
            self.refused += 1;
            return false;
        }
        let made = || Process { threads: 0, counted_bytes: 0, ..process() };
        self.processes.entry(thread.pid).or_insert_with(made).threads += 1;
        self.of_process.insert((thread.pid, tid));
        let pid = thread.pid;
        self.threads.insert(tid, thread);
        self.ended.remove(&tid);
        self.count_directories(pid);
        true
    }

    /// A thread is gone; whether its process went with it. A thread that is not known was a process.
    pub(crate) fn end(&mut self, tid: u32, boot_ns: u64) -> bool {
        if self.ended.len() >= MAX_ENDED {
            self.ended.retain(|_, ended| boot_ns.saturating_sub(*ended) < ENDED_NS);
            if self.ended.len() >= MAX_ENDED {
                self.ended.clear();
            }
        }
        self.ended.insert(tid, boot_ns);
        self.remove(tid)
    }

    /// Whether a thread of this number was made just now: then word of its making is of the same.
    pub(crate) fn is_new(&self, tid: u32, boot_ns: u64) -> bool {
        let born = self.threads.get(&tid).map_or(0, |thread| thread.born_boot_ns);
        born != 0 && boot_ns.abs_diff(born) < NEW_NS
    }

    /// Whether a thread of this number ended just now.
    pub(crate) fn has_just_ended(&self, tid: u32, boot_ns: u64) -> bool {
        self.ended.get(&tid).is_some_and(|ended| boot_ns.saturating_sub(*ended) < ENDED_NS)
    }

    /// After exec the thread that called it is the only one, and has the number of its process.
    pub(crate) fn exec(&mut self, pid: u32) {
        let own = self.of_process.range((pid, 0)..=(pid, u32::MAX)).map(|(_, tid)| *tid);
        let others: Vec<u32> = own.filter(|tid| *tid != pid).collect();
        for tid in others {
            self.remove(tid);
        }
    }

    /// Whatever had this number is gone, with all its threads.
    pub(crate) fn retire(&mut self, pid: u32) {
        self.exec(pid);
        self.remove(pid);
        self.processes.remove(&pid);
    }

    /// How many threads of a process are known.
    pub(crate) fn thread_count(&self, pid: u32) -> u32 {
        self.processes.get(&pid).map_or(0, |process| process.threads)
    }

    /// Keeps the beginning of a thread's call until its end.
    pub(crate) fn keep_enter(&mut self, tid: u32, enter: Enter) {
        self.take_enter(tid);
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        if self.enters_bytes + enter.size() > MAX_ENTERS_BYTES {
            self.refused_enters += 1;
            return;
        }
        self.enters_bytes += enter.size();
        thread.enter = Some(enter);
    }

    /// The beginning of the call that a thread is in.
    pub(crate) fn take_enter(&mut self, tid: u32) -> Option<Enter> {
        let enter = self.threads.get_mut(&tid)?.enter.take()?;
        self.enters_bytes = self.enters_bytes.saturating_sub(enter.size());
        Some(enter)
    }

    /// A thread as its events have it.
    pub(crate) fn task(&self, tid: u32) -> Option<Task> {
        let thread = self.threads.get(&tid)?;
        let process = self.processes.get(&thread.pid)?;
        Some(Task {
            process: Some(process.key),
            tid,
            comm: thread.comm.clone(),
            credentials: Some(process.credentials),
            session: Some(process.session),
            cgroup_id: process.cgroup_id,
            namespace_pid: process.namespace_pid,
            namespace_tid: thread.namespace_tid,
            parent_pid: process.parent_pid,
            ..Task::default()
        })
    }

    /// Whether the process went with the thread.
    fn remove(&mut self, tid: u32) -> bool {
        self.take_enter(tid);
        let Some(thread) = self.threads.remove(&tid) else { return true };
        self.of_process.remove(&(thread.pid, tid));
        let Some(process) = self.processes.get_mut(&thread.pid) else { return true };
        process.threads = process.threads.saturating_sub(1);
        let is_last = process.threads == 0;
        if is_last && let Some(process) = self.processes.remove(&thread.pid) {
            self.directories_bytes = self.directories_bytes.saturating_sub(process.counted_bytes);
        }
        is_last
    }
}

// === impl Process ===

impl Process {
    /// Everything but its threads is this.
    pub(crate) fn update_from(&mut self, told: Self) {
        *self = Self { threads: self.threads, counted_bytes: self.counted_bytes, ..told };
    }

    /// The ids that it acts with; a file has no others.
    pub(crate) fn set_ids(&mut self, uid: Option<u32>, gid: Option<u32>) {
        let credentials = &mut self.credentials;
        if let Some(uid) = uid {
            (credentials.uid, credentials.effective_uid) = (uid, uid);
        }
        if let Some(gid) = gid {
            (credentials.gid, credentials.effective_gid) = (gid, gid);
        }
    }
}

// === impl Thread ===

impl Thread {
    pub(crate) fn new(pid: u32, namespace_tid: u32, comm: &[u8]) -> Self {
        Self { pid, namespace_tid, comm: clipped(comm), ..Self::default() }
    }

    pub(crate) fn born(self, boot_ns: u64) -> Self {
        Self { born_boot_ns: boot_ns, ..self }
    }

    pub(crate) fn rename(&mut self, comm: &[u8]) {
        if self.comm != comm {
            self.comm = clipped(comm);
        }
    }
}

/// A name as the kernel keeps it.
pub(crate) fn clipped(comm: &[u8]) -> Vec<u8> {
    comm.get(..MAX_COMM_BYTES).unwrap_or(comm).to_vec()
}

/// The sets of an event's three parameters.
pub(crate) fn capabilities(inheritable: u64, permitted: u64, effective: u64) -> Capabilities {
    Capabilities { effective, permitted, inheritable }
}
