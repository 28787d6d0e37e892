//! Prints what a process costs in resident memory, by how it came to be: forked only, executed with the environment of
//! its parent, executed with an environment of its own (30 variables).
#![allow(missing_docs)]

use eyrie_proto::event::{
    Credentials, Event, Exec, Executable, Fork, ProcessKey, Session, Task, event::Kind,
};
use host_model::{HostModel, Limits};

const PROCESSES: u32 = 60_000;

fn main() -> std::io::Result<()> {
    for (name, has_exec, has_own) in
        [("forked", false, false), ("executed", true, false), ("executed, own environment", true, true)]
    {
        let before = resident_bytes()?;
        let model = model(has_exec, has_own);
        let bytes = resident_bytes()?.saturating_sub(before);
        println!("{name}: {} bytes a process", bytes / model.process_count().max(1) as u64);
        // The next one must not find this one's memory free for its use.
        std::mem::forget(model);
    }
    Ok(())
}

fn model(has_exec: bool, has_own: bool) -> HostModel {
    let mut model = HostModel::new(Limits::default());
    model.apply(&exec(1, 0));
    for pid in 2..=PROCESSES {
        let fork = Fork { child_process: Some(key(pid)), child_tid: pid, ..Fork::default() };
        model.apply(&event(pid / 2, pid / 4, Kind::Fork(fork)));
        if has_exec {
            model.apply(&exec(pid, if has_own { pid } else { 0 }));
        }
    }
    model
}

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_boot_ns: u64::from(pid) * 1_000_001 }
}

fn event(pid: u32, parent_pid: u32, kind: Kind) -> Event {
    let task = Task {
        process: Some(key(pid)),
        tid: pid,
        comm: b"memory".to_vec(),
        credentials: Some(Credentials::default()),
        session: Some(Session::default()),
        parent_pid,
        ..Task::default()
    };
    Event { boot_ns: 1 << 40, task: Some(task), kind: Some(kind), ..Event::default() }
}

fn exec(pid: u32, value: u32) -> Event {
    let variable = |number: u32| format!("VARIABLE_{number}=some value of it {value}").into_bytes();
    let exec = Exec {
        exe: b"/usr/bin/cat".to_vec(),
        arguments: vec![b"-n".to_vec(), b"/etc/hostname".to_vec()],
        environment: (0..30).map(variable).collect(),
        executable: Some(Executable { path: b"/usr/bin/cat".to_vec(), ..Executable::default() }),
        working_directory: b"/home/someone".to_vec(),
        ..Exec::default()
    };
    event(pid, pid / 2, Kind::Exec(exec))
}

/// The second number of proc_pid_statm(5), in pages of 4 KiB.
fn resident_bytes() -> std::io::Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    Ok(statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096)
}
