//! A process's state on the wire, and back.

use std::sync::Arc;

use eyrie_proto::event::{ProcessState, ThreadState};

use super::{Process, Thread};
use crate::{
    Limits,
    comm::Comm,
    program::{Program, clip_path},
};

// === impl Process ===

impl Process {
    /// All that is known of it.
    pub fn to_state(&self) -> ProcessState {
        let memory = self.program.memory;
        ProcessState {
            process: Some(self.key),
            parent_pid: self.parent_pid,
            comm: self.comm().to_vec(),
            exe: self.exe().to_vec(),
            arguments: self.arguments().to_vec(),
            environment: self.environment().to_vec(),
            executable: self.executable().cloned(),
            working_directory: self.working_directory.to_vec(),
            root_directory: self.root_directory.to_vec(),
            credentials: Some(self.credentials),
            session: Some(self.session),
            cgroup_id: self.cgroup_id,
            namespace_pid: self.namespace_pid,
            pid_namespace: self.pid_namespace,
            mount_namespace: self.mount_namespace,
            exec_boot_ns: self.exec_boot_ns(),
            as_of_boot_ns: self.as_of_boot_ns,
            is_child_subreaper: self.is_child_subreaper,
            standard_streams: self.standard_streams().to_vec(),
            open_files_limit: self.open_files_limit,
            is_truncated: self.is_truncated(),
            threads: self.threads.iter().copied().map(Thread::to_state).collect(),
            is_leader_dead: self.is_leader_dead,
            pid_namespace_start_boot_ns: self.pid_namespace_start_boot_ns,
            is_incomplete: self.is_incomplete,
            changed_boot_ns: self.changed_boot_ns,
            parent_since_boot_ns: self.parent_since_boot_ns,
            last_seen_boot_ns: self.last_seen_boot_ns,
            cgroup_hierarchy: self.cgroup_hierarchy,
            virtual_memory_kib: memory.virtual_kib,
            major_faults: memory.major_faults,
            minor_faults: memory.minor_faults,
            ..ProcessState::default()
        }
    }

    /// The process of a state, `None` where it does not say which.
    pub(crate) fn from_state(state: &ProcessState, limits: &Limits) -> Option<Self> {
        let key = state.process.filter(|key| key.pid != 0)?;
        let mut threads: Vec<Thread> = state.threads.iter().map(Thread::from_state).collect();
        threads.sort_by_key(|thread| thread.tid);
        threads.dedup_by_key(|thread| thread.tid);
        threads.retain(|thread| thread.tid != key.pid);
        Some(Self {
            parent_pid: if state.parent_pid == key.pid { 0 } else { state.parent_pid },
            namespace_pid: state.namespace_pid,
            comm: Comm::new(&state.comm),
            program: Arc::new(Program::from_state(state, limits)),
            working_directory: clip_path(&state.working_directory).into(),
            root_directory: clip_path(&state.root_directory).into(),
            credentials: state.credentials.unwrap_or_default(),
            session: state.session.unwrap_or_default(),
            cgroup_id: state.cgroup_id,
            cgroup_hierarchy: state.cgroup_hierarchy,
            pid_namespace: state.pid_namespace,
            pid_namespace_start_boot_ns: state.pid_namespace_start_boot_ns,
            mount_namespace: state.mount_namespace,
            open_files_limit: state.open_files_limit,
            as_of_boot_ns: state.as_of_boot_ns,
            changed_boot_ns: state.changed_boot_ns,
            parent_since_boot_ns: state.parent_since_boot_ns,
            threads,
            is_incomplete: state.is_incomplete,
            is_child_subreaper: state.is_child_subreaper,
            is_leader_dead: state.is_leader_dead,
            ..Self::unknown(key, state.last_seen_boot_ns)
        })
    }
}

// === impl Thread ===

impl Thread {
    fn to_state(self) -> ThreadState {
        ThreadState {
            tid: self.tid,
            namespace_tid: self.namespace_tid,
            comm: self.comm().to_vec(),
            start_boot_ns: self.start_boot_ns,
        }
    }

    fn from_state(state: &ThreadState) -> Self {
        Self {
            tid: state.tid,
            namespace_tid: state.namespace_tid,
            start_boot_ns: state.start_boot_ns,
            comm: Comm::new(&state.comm),
        }
    }
}
