//! What each kind of event does to the processes.

mod life;
mod snapshot;

use eyrie_proto::event::{
    ChangeDirectory, ChangeRoot, ChangeSession, Event, ProcessControl, ResourceLimit, Task, event::Kind,
};

pub(crate) use self::snapshot::apply_snapshot;
use crate::{
    comm::Comm,
    process::{Process, TICK_NS, is_same, set_path},
    table::ProcessTable,
};

/// linux/prctl.h
const PR_SET_NAME: i32 = 15;
const PR_SET_CHILD_SUBREAPER: i32 = 36;
/// asm-generic/resource.h; x86 and ARM have the same.
const RLIMIT_NOFILE: u32 = 7;

/// Applies an event that a task caused.
pub(crate) fn apply_task_event(table: &mut ProcessTable, event: &Event) {
    let task = event.task.as_ref();
    let acting = task.and_then(|task| heal(table, task, event.boot_ns));
    let has_failed = event.call.as_ref().is_some_and(|call| call.result < 0);
    match &event.kind {
        Some(Kind::Exit(exit)) => return life::exit(table, event, exit, acting),
        Some(Kind::Fork(fork)) if !has_failed => life::fork(table, event, fork, acting),
        Some(kind) if !has_failed => {
            if let (Some(task), Some(pid)) = (task, acting) {
                change(table, task, pid, event.boot_ns, kind);
            }
        }
        _ => {}
    }
    if let Some(pid) = acting {
        table.note_if_unknown(pid);
    }
}

/// Takes over what the event's task tells, and makes the process if it is not known. Answers with the pid of the acting
/// process, or nothing where the table has a later process by this pid, or knows that this one has ended.
fn heal(table: &mut ProcessTable, task: &Task, boot_ns: u64) -> Option<u32> {
    let key = task.process.filter(|key| key.pid != 0)?;
    match table.get(key.pid) {
        Some(known) if is_same(known.key, key) => {}
        Some(known) if known.key.start_boot_ns > key.start_boot_ns => return None,
        Some(_) => {
            table.retire(key.pid, boot_ns);
            table.insert(Process::unknown(key, boot_ns), task.parent_pid);
        }
        None if table.gone().contains(key) => return None,
        None => table.insert(Process::unknown(key, boot_ns), task.parent_pid),
    }
    let process = table.get_mut(key.pid)?;
    process.last_seen_boot_ns = process.last_seen_boot_ns.max(boot_ns);
    if process.is_newer_than(boot_ns) {
        return Some(key.pid);
    }
    if process.key.start_boot_ns.is_multiple_of(TICK_NS) {
        // The event has the exact start, a snapshot from /proc may not.
        process.key = key;
    }
    process.heal(task);
    if process.is_incomplete && process.comm.as_slice().is_empty() {
        // The name of the main thread is not known; most threads are called as it is.
        process.comm = Comm::new(&task.comm);
    }
    // A process that has a parent never loses it without getting another: 0 is a parent that was not told.
    let is_news = task.parent_pid != 0 && task.parent_pid != process.parent_pid;
    if is_news && task.parent_pid != key.pid && boot_ns >= process.parent_since_boot_ns {
        table.set_parent(key.pid, task.parent_pid, None);
    }
    Some(key.pid)
}

/// What changes the acting process, or another one by its hand, for good. Credentials, capabilities and sessions ride
/// on the event's task, as they are after the call, and need nothing here.
fn change(table: &mut ProcessTable, task: &Task, pid: u32, boot_ns: u64, kind: &Kind) {
    match kind {
        Kind::Exec(exec) => life::exec(table, pid, boot_ns, exec),
        Kind::ChangeDirectory(ChangeDirectory { working_directory, .. }) if !working_directory.is_empty() => {
            update(table, pid, boot_ns, |process| {
                set_path(&mut process.working_directory, working_directory)
            });
        }
        Kind::ChangeRoot(ChangeRoot { root_directory, .. }) => {
            update(table, pid, boot_ns, |process| set_path(&mut process.root_directory, root_directory));
        }
        Kind::ChangeSession(change) => change_session(table, task, boot_ns, change),
        Kind::ProcessControl(control) => control_process(table, task, pid, boot_ns, control),
        Kind::ResourceLimit(limit) => limit_resource(table, task, boot_ns, limit),
        _ => {}
    }
}

/// Changes a process, unless a snapshot already accounts for it.
fn update(table: &mut ProcessTable, pid: u32, boot_ns: u64, change: impl FnOnce(&mut Process)) {
    if let Some(process) = table.get_mut(pid).filter(|process| !process.is_newer_than(boot_ns)) {
        change(process);
        process.changed_boot_ns = process.changed_boot_ns.max(boot_ns);
    }
}

/// setpgid of another process: its own events will tell, but a shell's child may act for the first time much later.
fn change_session(table: &mut ProcessTable, task: &Task, boot_ns: u64, change: &ChangeSession) {
    if let Some(target) = other_process(task, change.pid) {
        let group = if change.process_group_id == 0 { target } else { change.process_group_id };
        update(table, target, boot_ns, |process| {
            process.session.process_group_id = group;
            if process.namespace_pid == process.key.pid {
                process.session.namespace_process_group_id = group;
            }
        });
    }
}

fn control_process(table: &mut ProcessTable, task: &Task, pid: u32, boot_ns: u64, control: &ProcessControl) {
    match control.option {
        // The kernel's own name, on the task, is better than what could be read from the program's memory.
        PR_SET_NAME if task.comm.is_empty() && task.tid == pid => {
            let name = control.text.split(|byte| *byte == 0).next().unwrap_or_default();
            update(table, pid, boot_ns, |process| process.comm = Comm::new(name));
        }
        PR_SET_CHILD_SUBREAPER => {
            let is_subreaper = control.arguments.first().is_some_and(|argument| *argument != 0);
            update(table, pid, boot_ns, |process| process.is_child_subreaper = is_subreaper);
        }
        _ => {}
    }
}

fn limit_resource(table: &mut ProcessTable, task: &Task, boot_ns: u64, limit: &ResourceLimit) {
    let (RLIMIT_NOFILE, Some(soft), Some(key)) = (limit.resource, limit.new_soft, task.process) else {
        return;
    };
    let is_own = limit.pid == 0 || limit.pid == task.namespace_pid;
    let target = if is_own { Some(key.pid) } else { other_process(task, limit.pid) };
    if let Some(target) = target {
        update(table, target, boot_ns, |process| process.open_files_limit = soft);
    }
}

/// The process that a call's argument names, if that is not the caller and the caller's numbers are the host's.
fn other_process(task: &Task, pid: u32) -> Option<u32> {
    let caller = task.process?.pid;
    (pid != 0 && pid != caller && task.namespace_pid == caller).then_some(pid)
}
