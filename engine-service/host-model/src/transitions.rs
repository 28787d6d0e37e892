//! What each kind of event does to the processes.

mod life;
mod snapshot;

use eyrie_proto::event::{
    ChangeDirectory, ChangeRoot, ChangeSession, Event, ProcessControl, ProcessKey, ResourceLimit, Task,
    event::Kind,
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

/// The process that an event's task belongs to.
#[derive(Clone, Copy)]
struct Acting {
    pid: u32,
    /// It is incomplete and nobody was asked for it yet.
    is_unlisted: bool,
}

/// Applies an event that a task caused.
pub(crate) fn apply_task_event(table: &mut ProcessTable, event: &Event) {
    let task = event.task.as_ref();
    let acting = task.and_then(|task| heal(table, task, event.boot_ns));
    let pid = acting.map(|acting| acting.pid);
    let has_failed = event.call.as_ref().is_some_and(|call| call.result < 0);
    match &event.kind {
        Some(Kind::Exit(exit)) => return life::exit(table, event, exit, pid),
        Some(Kind::Fork(fork)) if !has_failed => life::fork(table, event, fork, pid),
        Some(kind) if !has_failed => {
            if let (Some(task), Some(pid)) = (task, pid) {
                change(table, task, pid, event.boot_ns, kind);
            }
        }
        _ => {}
    }
    if let Some(acting) = acting.filter(|acting| acting.is_unlisted) {
        table.note_if_unknown(acting.pid);
    }
}

/// Takes over what the event's task tells, and makes the process if it is not known. Nothing is acting where the table
/// has a later process by this pid, or knows that this one has ended.
fn heal(table: &mut ProcessTable, task: &Task, boot_ns: u64) -> Option<Acting> {
    let key = task.process.filter(|key| key.pid != 0)?;
    let known = table.get_mut(key.pid);
    let known_start = known.as_ref().map(|known| known.key.start_boot_ns);
    let process = match known.filter(|known| is_same(known.key, key)) {
        Some(known) => known,
        None => make(table, task, key, known_start, boot_ns)?,
    };
    let new_parent = refresh(process, task, key, boot_ns);
    let acting = Acting { pid: key.pid, is_unlisted: process.is_incomplete && !process.is_requested };
    // The kernel gives children to another parent only a while after it has told of the end: until then they still name the old one.
    if let Some(parent) = new_parent
        && (table.get(parent).is_some() || !table.gone().has_pid(parent))
    {
        table.set_parent(key.pid, parent, None);
    }
    Some(acting)
}

/// A process of which this is the first news, in place of an earlier one by its pid.
fn make<'table>(
    table: &'table mut ProcessTable,
    task: &Task,
    key: ProcessKey,
    known_start: Option<u64>,
    boot_ns: u64,
) -> Option<&'table mut Process> {
    match known_start {
        Some(start) if start > key.start_boot_ns => return None,
        Some(_) => table.retire(key.pid, boot_ns),
        None if table.gone().contains(key) => return None,
        None => {}
    }
    table.insert(Process::unknown(key, boot_ns), task.parent_pid);
    table.get_mut(key.pid)
}

/// Takes over what the task tells of its process; answers with its parent if that is another one now.
fn refresh(process: &mut Process, task: &Task, key: ProcessKey, boot_ns: u64) -> Option<u32> {
    process.last_seen_boot_ns = process.last_seen_boot_ns.max(boot_ns);
    if process.is_newer_than(boot_ns) {
        return None;
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
    let parent = task.parent_pid;
    let is_new = parent != 0 && parent != process.parent_pid && parent != key.pid;
    (is_new && boot_ns >= process.parent_since_boot_ns).then_some(parent)
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
