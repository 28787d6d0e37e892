//! What each kind of event does, and that a state can be handed over anywhere.

mod ancestry;
mod arbitrary;
mod facts;
mod handover;
mod heal;
mod hostile;
mod identity;
mod life;
mod limits;
mod memory;
mod simulation;
mod snapshots;
mod threads;

use eyrie_proto::event::{
    Capabilities, Credentials, Event, Exec, Executable, Exit, Fork, ProcessKey, ProcessSnapshot,
    ProcessState, Session, SystemCall, Task, event::Kind,
};

use crate::{ContainerId, HostModel, Limits, Process};

/// The key of the only process that has this pid in most tests. Its start is no whole clock tick.
fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_boot_ns: u64::from(pid) * 1_000_001 }
}

/// A main thread of the initial namespaces.
fn task(pid: u32, parent_pid: u32) -> Task {
    Task {
        process: Some(key(pid)),
        tid: pid,
        comm: format!("comm-{pid}").into_bytes(),
        credentials: Some(Credentials {
            uid: 1000,
            login_uid: 1000,
            capabilities: Some(Capabilities { effective: 1, ..Capabilities::default() }),
            ..Credentials::default()
        }),
        session: Some(Session { session_id: 1, process_group_id: pid, ..Session::default() }),
        cgroup_id: 77,
        namespace_pid: pid,
        namespace_tid: pid,
        pid_namespace: 4_026_531_836,
        parent_pid,
        mount_namespace: 4_026_531_840,
        cgroup_hierarchy: 0,
    }
}

fn event(boot_ns: u64, task: Task, kind: Kind) -> Event {
    Event { boot_ns, task: Some(task), kind: Some(kind), ..Event::default() }
}

fn failed(event: Event) -> Event {
    Event { call: Some(SystemCall { result: -2, ..SystemCall::default() }), ..event }
}

/// An event that bears no state of its own.
fn plain(boot_ns: u64, task: Task) -> Event {
    event(boot_ns, task, Kind::Open(Default::default()))
}

fn fork(boot_ns: u64, parent: Task, child: ProcessKey) -> Event {
    let fork = Fork { child_process: Some(child), child_tid: child.pid, ..Fork::default() };
    event(boot_ns, parent, Kind::Fork(fork))
}

fn exec(boot_ns: u64, task: Task, path: &str) -> Event {
    let exec = Exec {
        exe: path.into(),
        arguments: vec![b"-c".to_vec(), path.into()],
        environment: vec![b"HOME=/root".to_vec(), b"TERM=xterm".to_vec()],
        executable: Some(Executable { path: path.into(), inode: 5, ..Executable::default() }),
        working_directory: b"/home".to_vec(),
        old_tid: task.tid,
        open_files_limit: 1024,
        ..Exec::default()
    };
    event(boot_ns, task, Kind::Exec(exec))
}

fn exit(boot_ns: u64, task: Task, reaper_pid: u32) -> Event {
    event(boot_ns, task, Kind::Exit(Exit { is_process_end: true, reaper_pid, ..Exit::default() }))
}

fn snapshot(boot_ns: u64, state: ProcessState) -> Event {
    let snapshot = ProcessSnapshot { state: Some(state), ..ProcessSnapshot::default() };
    Event { boot_ns, kind: Some(Kind::ProcessSnapshot(snapshot)), ..Event::default() }
}

fn absent(boot_ns: u64, process: ProcessKey) -> Event {
    let snapshot = ProcessSnapshot { absent: Some(process), ..ProcessSnapshot::default() };
    Event { boot_ns, kind: Some(Kind::ProcessSnapshot(snapshot)), ..Event::default() }
}

fn after(events: impl IntoIterator<Item = Event>) -> HostModel {
    let mut model = HostModel::default();
    events.into_iter().for_each(|event| model.apply(&event));
    model
}

fn get(model: &HostModel, pid: u32) -> &Process {
    model.process(pid).unwrap_or_else(|| panic!("no process {pid}"))
}
