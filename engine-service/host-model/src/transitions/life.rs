//! Fork, exec and exit.

use std::sync::Arc;

use eyrie_proto::event::{Event, Exec, Exit, Fork, ProcessKey};

use super::update;
use crate::{
    comm::Comm,
    process::{Process, Thread, is_same, set_path},
    program::Program,
    table::ProcessTable,
};

/// linux/sched.h
const CLONE_THREAD: u64 = 0x0001_0000;

/// A new process or thread. It is made by the caller's event, before it runs itself.
pub(super) fn fork(table: &mut ProcessTable, event: &Event, fork: &Fork, caller: Option<u32>) {
    let Some(key) = fork.child_process.filter(|key| key.pid != 0) else { return };
    let is_thread = fork.flags & CLONE_THREAD != 0 || fork.child_tid != 0 && fork.child_tid != key.pid;
    if is_thread {
        return fork_thread(table, event, fork, key);
    }
    let child = new_child(table, event, fork, key, caller);
    match table.get(key.pid) {
        Some(known) if is_same(known.key, key) => {
            // A snapshot, or an event of the child that overtook this one, was first.
            if known.is_incomplete && !child.is_incomplete {
                update(table, key.pid, event.boot_ns, |known| known.complete_from(&child));
            }
            return;
        }
        Some(known) if known.key.start_boot_ns > key.start_boot_ns => return,
        Some(_) => table.retire(key.pid, event.boot_ns),
        None if table.gone().contains(key) => return,
        None => {}
    }
    table.insert(child, caller.unwrap_or(0));
    table.note_if_unknown(key.pid);
}

fn fork_thread(table: &mut ProcessTable, event: &Event, fork: &Fork, key: ProcessKey) {
    let is_known = |process: &&Process| is_same(process.key, key) && !process.is_newer_than(event.boot_ns);
    if table.get(key.pid).filter(is_known).is_some() {
        let thread = Thread {
            tid: fork.child_tid,
            namespace_tid: fork.child_namespace_tid,
            start_boot_ns: fork.child_thread_start_boot_ns,
            comm: child_comm(event, fork),
        };
        table.add_thread(key.pid, thread);
    }
}

/// The child as fork leaves it: everything from the caller as it is now, then what the event tells of the child.
fn new_child(
    table: &ProcessTable,
    event: &Event,
    fork: &Fork,
    key: ProcessKey,
    caller: Option<u32>,
) -> Process {
    let mut child = match (caller.and_then(|pid| table.get(pid)), &event.task) {
        (Some(parent), _) => parent.fork(key, event.boot_ns),
        (None, Some(task)) => {
            let mut parent = Process::unknown(task.process.unwrap_or_default(), event.boot_ns);
            parent.heal(task);
            parent.fork(key, event.boot_ns)
        }
        (None, None) => Process::unknown(key, event.boot_ns).fork(key, event.boot_ns),
    };
    if fork.child_parent_pid != 0 {
        child.parent_pid = fork.child_parent_pid;
    }
    if child.parent_pid == key.pid {
        child.parent_pid = 0;
    }
    child.comm = child_comm(event, fork);
    child.namespace_pid = if fork.child_namespace_pid == 0 { key.pid } else { fork.child_namespace_pid };
    if fork.child_pid_namespace != 0 {
        child.pid_namespace = fork.child_pid_namespace;
    }
    if fork.pid_namespace_start_boot_ns != 0 {
        child.pid_namespace_start_boot_ns = fork.pid_namespace_start_boot_ns;
    }
    if fork.child_cgroup_id != 0 {
        child.cgroup_id = fork.child_cgroup_id;
        child.cgroup_hierarchy =
            event.task.as_ref().map_or(child.cgroup_hierarchy, |task| task.cgroup_hierarchy);
    }
    child
}

/// A thread is called as the thread that made it, which need not be its process's main one.
fn child_comm(event: &Event, fork: &Fork) -> Comm {
    let caller = event.task.as_ref().map(|task| &*task.comm).unwrap_or_default();
    Comm::new(if fork.child_comm.is_empty() { caller } else { &fork.child_comm })
}

/// The process runs another program. Whichever thread called it is the only one left, and has become the main one.
pub(super) fn exec(table: &mut ProcessTable, pid: u32, boot_ns: u64, exec: &Exec) {
    let limits = *table.limits();
    let Some(process) = table.get(pid).filter(|process| !process.is_newer_than(boot_ns)) else { return };
    let program = Arc::new(Program::from_exec(exec, boot_ns, &limits, &process.program));
    update(table, pid, boot_ns, |process| {
        process.program = program;
        if !exec.working_directory.is_empty() {
            set_path(&mut process.working_directory, &exec.working_directory);
        }
        set_path(&mut process.root_directory, &exec.root_directory);
        if exec.open_files_limit != 0 {
            process.open_files_limit = exec.open_files_limit;
        }
        process.is_incomplete = false;
        process.is_leader_dead = false;
    });
    table.clear_threads(pid);
}

/// A thread, or with it the whole process, ended. That a process ended is final: unlike other changes it counts also if
/// a snapshot claims to be newer, for a zombie still has a snapshot.
pub(super) fn exit(table: &mut ProcessTable, event: &Event, exit: &Exit, acting: Option<u32>) {
    let Some((task, pid)) = event.task.as_ref().zip(acting) else { return };
    if exit.is_process_end {
        table.end(pid, exit.reaper_pid, event.boot_ns);
        return;
    }
    if task.tid == pid {
        update(table, pid, event.boot_ns, |process| process.is_leader_dead = true);
    } else if table.get(pid).is_some_and(|process| !process.is_newer_than(event.boot_ns)) {
        table.remove_thread(pid, task.tid);
    }
    table.note_if_unknown(pid);
}
