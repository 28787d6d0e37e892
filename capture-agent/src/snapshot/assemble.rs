//! Puts the threads that the iterator tells of together to processes.

use std::collections::BTreeMap;

use eyrie_bpf::{Record, Task, flag, task_flag};
use eyrie_proto::event::{ProcessState, ThreadState};

use crate::record_to_event::{
    credentials, executable, process_key, session, split_arguments, standard_streams,
};

/// Processes being put together.
pub(super) struct Assembly<'pids> {
    pids: &'pids [u32],
    processes: BTreeMap<u32, ProcessState>,
    /// Threads that came before their main one.
    early: BTreeMap<u32, Vec<ThreadState>>,
}

// === impl Assembly ===

impl<'pids> Assembly<'pids> {
    /// Takes only processes with these pids; all if there are none.
    pub(super) fn new(pids: &'pids [u32]) -> Self {
        Self { pids, processes: BTreeMap::new(), early: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, record: &Record<'_>) {
        let Record::Task(task) = record else { return };
        let header = &task.header;
        if !self.pids.is_empty() && !self.pids.contains(&header.tgid) {
            return;
        }
        if task.is_main_thread() {
            self.processes.insert(header.tgid, process(task));
            return;
        }
        if task.has_ended() {
            return;
        }
        match self.processes.get_mut(&header.tgid) {
            Some(process) => process.threads.push(thread(task)),
            None => self.early.entry(header.tgid).or_default().push(thread(task)),
        }
    }

    pub(super) fn finish(mut self) -> Vec<ProcessState> {
        for (pid, threads) in self.early {
            if let Some(process) = self.processes.get_mut(&pid) {
                process.threads.extend(threads);
            }
        }
        // A zombie has no thread that runs: it has ended as far as events go.
        self.processes
            .into_values()
            .filter(|process| !process.is_leader_dead || !process.threads.is_empty())
            .collect()
    }
}

fn process(task: &Task<'_>) -> ProcessState {
    let header = &task.header;
    let (exe, arguments) = split_arguments(task.argument_list());
    ProcessState {
        process: Some(process_key(header)),
        parent_pid: header.parent_tgid,
        comm: header.comm().to_vec(),
        exe,
        arguments,
        environment: task.environment_list().map(<[u8]>::to_vec).collect(),
        executable: executable(&task.executable, task.executable_path),
        working_directory: task.working_directory.to_vec(),
        root_directory: task.root_directory.to_vec(),
        credentials: Some(credentials(header)),
        session: Some(session(header)),
        cgroup_id: header.cgroup_id,
        cgroup_hierarchy: header.cgroup_hierarchy,
        namespace_pid: header.namespace_tgid,
        pid_namespace: header.pid_namespace.into(),
        mount_namespace: header.mount_namespace.into(),
        as_of_boot_ns: header.boot_ns,
        is_child_subreaper: task.flags & task_flag::CHILD_SUBREAPER != 0,
        standard_streams: standard_streams([
            &task.standard_input,
            &task.standard_output,
            &task.standard_error,
        ]),
        open_files_limit: task.open_files_limit,
        is_truncated: header.has(flag::ARGUMENTS_TRUNCATED) || header.has(flag::ENVIRONMENT_TRUNCATED),
        is_leader_dead: task.has_ended(),
        pid_namespace_start_boot_ns: task.pid_namespace_start_boot_ns,
        ..ProcessState::default()
    }
}

fn thread(task: &Task<'_>) -> ThreadState {
    ThreadState {
        tid: task.header.tid,
        namespace_tid: task.header.namespace_tid,
        comm: task.header.comm().to_vec(),
        start_boot_ns: task.thread_start_boot_ns,
    }
}
