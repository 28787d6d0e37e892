//! Prints what a process costs in memory, by how it came to be and how many there are: as the allocator is asked for it, as it is
//! resident, and as the allocator is asked for it by a model that was given the state of the first (an engine that takes over).
//!
//! Tables grow by doubling, so that a figure depends on where between two powers of two the number of processes lies.
#![allow(missing_docs, reason = "nothing here comes from outside")]

use std::{alloc::System, mem::forget};

use eyrie_proto::event::{
    Capabilities, Credentials, Event, Exec, Executable, Fork, ProcessKey, Session, StandardStream, Task,
    event::Kind,
};
use host_model::{HostModel, Limits};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NUMBERS: [u32; 3] = [1_000, 10_000, 100_000];
/// Threads other than the main one, in the kind of processes that has some.
const THREADS: u32 = 8;
/// Variables of an environment, of 50 bytes each.
const VARIABLES: u32 = 30;

/// How a process came to be.
#[derive(Clone, Copy)]
struct Origin {
    name: &'static str,
    program: Option<Environment>,
    threads: u32,
}

/// The environment that a program was executed with.
#[derive(Clone, Copy)]
enum Environment {
    None,
    Parents,
    Own,
}

const ORIGINS: [Origin; 5] = [
    Origin { name: "forked, its parent's program", program: None, threads: 0 },
    Origin { name: "forked, with 8 threads more", program: None, threads: THREADS },
    Origin { name: "own program, no environment", program: Some(Environment::None), threads: 0 },
    Origin { name: "own program, its parent's environment", program: Some(Environment::Parents), threads: 0 },
    Origin { name: "own program, own environment", program: Some(Environment::Own), threads: 0 },
];

fn main() -> std::io::Result<()> {
    println!("| process | processes | bytes allocated | bytes resident | bytes allocated after a handover |");
    println!("|---|---|---|---|---|");
    for origin in ORIGINS {
        for number in NUMBERS {
            let resident_before = resident_bytes()?;
            let region = Region::new(ALLOCATOR);
            let model = model(origin, number);
            let each = |bytes: usize| bytes / number as usize;
            let allocated = in_use(&region);
            let resident = resident_bytes()?.saturating_sub(resident_before);
            let handed_over = handed_over(&model);
            println!(
                "| {} | {number} | {} | {} | {} |",
                origin.name,
                each(allocated),
                each(resident),
                each(handed_over)
            );
            // The next one must not find this one's memory free for its use.
            forget(model);
        }
    }
    Ok(())
}

/// What grew or shrank in place is among what was allocated and deallocated.
fn in_use(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change.bytes_allocated.saturating_sub(change.bytes_deallocated)
}

/// What another model takes that is given the state, a process at a time.
fn handed_over(model: &HostModel) -> usize {
    let region = Region::new(ALLOCATOR);
    let mut other = HostModel::new(limits());
    for state in model.base_state() {
        other.restore([state], []);
    }
    let bytes = in_use(&region);
    assert_eq!(other.process_count(), model.process_count());
    forget(other);
    bytes
}

fn limits() -> Limits {
    Limits { max_processes: 1 << 17, max_threads: 1 << 20, ..Limits::default() }
}

fn model(origin: Origin, number: u32) -> HostModel {
    let mut model = HostModel::new(limits());
    model.apply(&exec(1, 1));
    for pid in 2..=number {
        let parent = pid / 2;
        let fork = |child: u32, tid: u32| Fork {
            child_process: Some(key(child)),
            child_tid: tid,
            ..Fork::default()
        };
        model.apply(&event(parent, Kind::Fork(fork(pid, pid))));
        for thread in 0..origin.threads {
            model.apply(&event(pid, Kind::Fork(fork(pid, 10_000_000 + pid * THREADS + thread))));
        }
        if let Some(environment) = origin.program {
            model.apply(&exec(
                pid,
                match environment {
                    Environment::None => 0,
                    Environment::Parents => 1,
                    Environment::Own => pid,
                },
            ));
        }
    }
    model
}

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_boot_ns: u64::from(pid) * 1_000_001 }
}

fn event(pid: u32, kind: Kind) -> Event {
    let task = Task {
        process: Some(key(pid)),
        tid: pid,
        comm: b"memory".to_vec(),
        credentials: Some(Credentials {
            capabilities: Some(Capabilities::default()),
            ..Credentials::default()
        }),
        session: Some(Session::default()),
        cgroup_id: 7,
        namespace_pid: pid,
        parent_pid: pid / 2,
        ..Task::default()
    };
    Event { boot_ns: 1 << 40, task: Some(task), kind: Some(kind), ..Event::default() }
}

/// The execution of a program with six arguments; `value` tells environments apart, 0 is none.
fn exec(pid: u32, value: u32) -> Event {
    let variable =
        |number: u32| format!("SOME_VARIABLE_{number:02}=and what it is worth {value:010}").into_bytes();
    let argument = |number: u32| format!("--some-option-{number}=value-{pid:08}").into_bytes();
    let stream = |fd: u32| StandardStream {
        fd,
        r#type: "pipe".to_owned(),
        name: format!("pipe:[{}]", 1_000_000 + pid).into_bytes(),
    };
    let exec = Exec {
        exe: b"/usr/lib/service/bin/service".to_vec(),
        arguments: (0..6).map(argument).collect(),
        environment: (0..if value == 0 { 0 } else { VARIABLES }).map(variable).collect(),
        executable: Some(Executable {
            path: b"/usr/lib/service/bin/service".to_vec(),
            ..Executable::default()
        }),
        standard_streams: (0..3).map(stream).collect(),
        working_directory: b"/var/lib/service".to_vec(),
        ..Exec::default()
    };
    event(pid, Kind::Exec(exec))
}

/// The second number of proc_pid_statm(5), in pages of 4 KiB.
fn resident_bytes() -> std::io::Result<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    Ok(statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096)
}
