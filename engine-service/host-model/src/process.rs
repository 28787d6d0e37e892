//! A process as the model knows it.

mod state;

use std::sync::Arc;

use eyrie_proto::event::{Credentials, Executable, ProcessKey, Session, StandardStream, Task};

use crate::{
    comm::Comm,
    program::{MemoryUse, Program, clip_path},
};

/// What /proc rounds a start time down to: a clock tick (USER_HZ is 100 on every architecture that we run on).
pub(crate) const TICK_NS: u64 = 10_000_000;

/// A process (a thread group).
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    pub(crate) key: ProcessKey,
    /// Changed by the process table alone, which has an index of it.
    pub(crate) parent_pid: u32,
    pub(crate) namespace_pid: u32,
    pub(crate) comm: Comm,
    pub(crate) program: Arc<Program>,
    pub(crate) working_directory: Arc<[u8]>,
    pub(crate) root_directory: Arc<[u8]>,
    pub(crate) credentials: Credentials,
    pub(crate) session: Session,
    pub(crate) cgroup_id: u64,
    pub(crate) cgroup_hierarchy: u32,
    pub(crate) pid_namespace: u64,
    pub(crate) pid_namespace_start_boot_ns: u64,
    pub(crate) mount_namespace: u64,
    pub(crate) open_files_limit: u64,
    pub(crate) as_of_boot_ns: u64,
    pub(crate) changed_boot_ns: u64,
    pub(crate) parent_since_boot_ns: u64,
    pub(crate) last_seen_boot_ns: u64,
    /// Ascending by tid; changed by the process table alone, which counts them.
    pub(crate) threads: Vec<Thread>,
    pub(crate) is_incomplete: bool,
    pub(crate) is_child_subreaper: bool,
    pub(crate) is_leader_dead: bool,
    /// It is, or was, on the list of processes to ask for. No part of the state: who restores it asks again.
    pub(crate) is_requested: bool,
}

/// A thread other than the main one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    pub(crate) tid: u32,
    pub(crate) namespace_tid: u32,
    pub(crate) start_boot_ns: u64,
    pub(crate) comm: Comm,
}

// === impl Process ===

impl Process {
    /// Its pid and start time.
    pub fn key(&self) -> ProcessKey {
        self.key
    }

    /// The pid of its parent in the initial pid namespace; 0 for none.
    pub fn parent_pid(&self) -> u32 {
        self.parent_pid
    }

    /// The name of its main thread, at most 15 bytes.
    pub fn comm(&self) -> &[u8] {
        self.comm.as_slice()
    }

    /// The first argument as given to exec.
    pub fn exe(&self) -> &[u8] {
        &self.program.exe
    }

    /// The arguments after the first.
    pub fn arguments(&self) -> &[Vec<u8>] {
        &self.program.arguments
    }

    /// NAME=value each.
    pub fn environment(&self) -> &[Vec<u8>] {
        &self.program.environment
    }

    /// The file that it executes; `None` for kernel threads and where it is not known.
    pub fn executable(&self) -> Option<&Executable> {
        self.program.executable.as_ref()
    }

    /// What its descriptors 0 to 2 were when it executed its program.
    pub fn standard_streams(&self) -> &[StandardStream] {
        &self.program.standard_streams
    }

    /// Arguments or environment are not whole.
    pub fn is_truncated(&self) -> bool {
        self.program.is_truncated
    }

    /// The working directory, relative to its root; empty if not known.
    pub fn working_directory(&self) -> &[u8] {
        &self.working_directory
    }

    /// Its root directory; empty means `/`.
    pub fn root_directory(&self) -> &[u8] {
        &self.root_directory
    }

    /// Who it acts as.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Session, process group and terminal.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Its control group in [`Self::cgroup_hierarchy`]; 0 if not known.
    pub fn cgroup_id(&self) -> u64 {
        self.cgroup_id
    }

    /// The hierarchy of its control group: 0 for the default (v2) one, otherwise the number in `/proc/cgroups`.
    pub fn cgroup_hierarchy(&self) -> u32 {
        self.cgroup_hierarchy
    }

    /// Its pid inside its own pid namespace.
    pub fn namespace_pid(&self) -> u32 {
        self.namespace_pid
    }

    /// Inode number of its pid namespace.
    pub fn pid_namespace(&self) -> u64 {
        self.pid_namespace
    }

    /// When the init of its pid namespace started, nanoseconds since boot; 0 if not known.
    pub fn pid_namespace_start_boot_ns(&self) -> u64 {
        self.pid_namespace_start_boot_ns
    }

    /// Inode number of its mount namespace.
    pub fn mount_namespace(&self) -> u64 {
        self.mount_namespace
    }

    /// When its program was executed, nanoseconds since boot; 0 if not known.
    pub fn exec_boot_ns(&self) -> u64 {
        self.program.exec_boot_ns
    }

    /// Soft limit of RLIMIT_NOFILE; 0 if not known.
    pub fn open_files_limit(&self) -> u64 {
        self.open_files_limit
    }

    /// What it took up when it executed its program; `None` where that was not seen.
    pub fn memory_at_exec(&self) -> Option<MemoryUse> {
        Some(self.program.memory).filter(|memory| *memory != MemoryUse::default())
    }

    /// The threads that are known besides the main one, ascending by tid.
    pub fn threads(&self) -> &[Thread] {
        &self.threads
    }

    /// The main thread has ended and others still run.
    pub fn is_leader_dead(&self) -> bool {
        self.is_leader_dead
    }

    /// It was only seen causing events; its arguments and executable are not known (yet).
    pub fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }

    /// A process of which nothing is known but its key.
    pub(crate) fn unknown(key: ProcessKey, boot_ns: u64) -> Self {
        Self {
            key,
            parent_pid: 0,
            namespace_pid: 0,
            comm: Comm::default(),
            program: Program::unknown(),
            working_directory: Arc::default(),
            root_directory: Arc::default(),
            credentials: Credentials::default(),
            session: Session::default(),
            cgroup_id: 0,
            cgroup_hierarchy: 0,
            pid_namespace: 0,
            pid_namespace_start_boot_ns: 0,
            mount_namespace: 0,
            open_files_limit: 0,
            as_of_boot_ns: 0,
            changed_boot_ns: 0,
            parent_since_boot_ns: 0,
            last_seen_boot_ns: boot_ns,
            threads: Vec::new(),
            is_incomplete: true,
            is_child_subreaper: false,
            is_leader_dead: false,
            is_requested: false,
        }
    }

    /// What a fork leaves: the parent as it is now, except what belongs to a process alone. That it takes over orphans
    /// is not inherited (PR_SET_CHILD_SUBREAPER in prctl(2)).
    pub(crate) fn fork(&self, key: ProcessKey, boot_ns: u64) -> Self {
        Self {
            parent_pid: self.key.pid,
            namespace_pid: self.namespace_pid,
            comm: self.comm,
            program: Arc::clone(&self.program),
            working_directory: Arc::clone(&self.working_directory),
            root_directory: Arc::clone(&self.root_directory),
            credentials: self.credentials,
            session: self.session,
            cgroup_id: self.cgroup_id,
            cgroup_hierarchy: self.cgroup_hierarchy,
            pid_namespace: self.pid_namespace,
            pid_namespace_start_boot_ns: self.pid_namespace_start_boot_ns,
            mount_namespace: self.mount_namespace,
            open_files_limit: self.open_files_limit,
            changed_boot_ns: boot_ns,
            parent_since_boot_ns: boot_ns,
            is_incomplete: self.is_incomplete,
            ..Self::unknown(key, boot_ns)
        }
    }

    /// Takes over what rides on every event. Zero ids are those that were not told; the parent is the table's matter.
    pub(crate) fn heal(&mut self, task: &Task) {
        if let Some(credentials) = task.credentials {
            let capabilities = credentials.capabilities.or(self.credentials.capabilities);
            self.credentials = Credentials { capabilities, ..credentials };
        }
        if let Some(session) = task.session {
            self.session = session;
        }
        if task.cgroup_id != 0 {
            (self.cgroup_hierarchy, self.cgroup_id) = (task.cgroup_hierarchy, task.cgroup_id);
        }
        set_if_told(&mut self.namespace_pid, task.namespace_pid);
        set_if_told(&mut self.pid_namespace, task.pid_namespace);
        set_if_told(&mut self.mount_namespace, task.mount_namespace);
        if task.tid == self.key.pid {
            self.comm = Comm::new(&task.comm);
        } else if let Ok(at) = self.threads.binary_search_by_key(&task.tid, |thread| thread.tid)
            && let Some(thread) = self.threads.get_mut(at)
        {
            thread.comm = Comm::new(&task.comm);
            set_if_told(&mut thread.namespace_tid, task.namespace_tid);
        }
    }

    /// Takes from `other` what only fork, exec and snapshots tell.
    pub(crate) fn complete_from(&mut self, other: &Self) {
        self.program = Arc::clone(&other.program);
        if self.working_directory.is_empty() {
            self.working_directory = Arc::clone(&other.working_directory);
        }
        if self.root_directory.is_empty() {
            self.root_directory = Arc::clone(&other.root_directory);
        }
        if self.pid_namespace_start_boot_ns == 0 && self.pid_namespace == other.pid_namespace {
            self.pid_namespace_start_boot_ns = other.pid_namespace_start_boot_ns;
        }
        if self.open_files_limit == 0 {
            self.open_files_limit = other.open_files_limit;
        }
        self.is_child_subreaper |= other.is_child_subreaper;
        self.is_incomplete = other.is_incomplete;
    }

    /// Uses `other`'s allocations for what is equal.
    pub(crate) fn share_with(&mut self, other: &Self) {
        if self.program == other.program {
            self.program = Arc::clone(&other.program);
        } else if self.program.environment == other.program.environment
            && let Some(program) = Arc::get_mut(&mut self.program)
        {
            program.environment = Arc::clone(&other.program.environment);
        }
        for (own, others) in [
            (&mut self.working_directory, &other.working_directory),
            (&mut self.root_directory, &other.root_directory),
        ] {
            if own == others {
                *own = Arc::clone(others);
            }
        }
    }

    /// Whether a snapshot that it got already accounts for an event of this time.
    pub(crate) fn is_newer_than(&self, boot_ns: u64) -> bool {
        boot_ns < self.as_of_boot_ns
    }
}

// === impl Thread ===

impl Thread {
    /// Thread id in the initial pid namespace.
    pub fn tid(&self) -> u32 {
        self.tid
    }

    /// Thread id inside the process's own pid namespace.
    pub fn namespace_tid(&self) -> u32 {
        self.namespace_tid
    }

    /// When it started, nanoseconds since boot; 0 if not known.
    pub fn start_boot_ns(&self) -> u64 {
        self.start_boot_ns
    }

    /// Its name, at most 15 bytes.
    pub fn comm(&self) -> &[u8] {
        self.comm.as_slice()
    }
}

/// Whether two keys mean the same process. One of them may come from /proc and have its start in whole clock ticks.
pub(crate) fn is_same(one: ProcessKey, other: ProcessKey) -> bool {
    let (a, b) = (one.start_boot_ns, other.start_boot_ns);
    let is_coarse = || a.is_multiple_of(TICK_NS) || b.is_multiple_of(TICK_NS);
    one.pid == other.pid && (a == b || a / TICK_NS == b / TICK_NS && is_coarse())
}

/// Replaces a path, without an allocation if it stays the same.
pub(crate) fn set_path(path: &mut Arc<[u8]>, new: &[u8]) {
    let new = clip_path(new);
    if **path != *new {
        *path = new.into();
    }
}

fn set_if_told<Id: PartialEq + Default>(known: &mut Id, told: Id) {
    if told != Id::default() {
        *known = told;
    }
}
