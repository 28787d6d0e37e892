//! What applying an event costs, on a host with ten thousand processes.
// Nothing here comes from outside.
#![allow(missing_docs, clippy::indexing_slicing)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use eyrie_proto::event::{
    Credentials, Event, Exec, Executable, Exit, Fork, ProcessKey, Session, Task, event::Kind,
};
use host_model::HostModel;

const PROCESSES: u32 = 10_000;

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_boot_ns: u64::from(pid) * 1_000_001 }
}

fn event(pid: u32, parent_pid: u32, kind: Kind) -> Event {
    let task = Task {
        process: Some(key(pid)),
        tid: pid,
        comm: b"bench".to_vec(),
        credentials: Some(Credentials::default()),
        session: Some(Session::default()),
        cgroup_id: 7,
        namespace_pid: pid,
        parent_pid,
        ..Task::default()
    };
    Event { boot_ns: 1 << 40, task: Some(task), kind: Some(kind), ..Event::default() }
}

fn exec(pid: u32, parent_pid: u32, variables: usize) -> Event {
    let exec = Exec {
        exe: b"/usr/bin/cat".to_vec(),
        arguments: vec![b"-n".to_vec(), b"/etc/hostname".to_vec()],
        environment: (0..variables)
            .map(|number| format!("VARIABLE_{number}=some value of it").into())
            .collect(),
        executable: Some(Executable { path: b"/usr/bin/cat".to_vec(), ..Executable::default() }),
        working_directory: b"/home/someone".to_vec(),
        ..Exec::default()
    };
    event(pid, parent_pid, Kind::Exec(exec))
}

fn host() -> HostModel {
    let mut model = HostModel::default();
    model.apply(&exec(1, 0, 30));
    (2..PROCESSES).for_each(|pid| model.apply(&exec(pid, pid / 2, 30)));
    model
}

fn apply(criterion: &mut Criterion) {
    let mut model = host();
    let opens: Vec<Event> =
        (1..PROCESSES).map(|pid| event(pid, pid / 2, Kind::Open(Default::default()))).collect();
    let mut at = 0;
    criterion.bench_function("plain event of a known process, the same one", |bencher| {
        bencher.iter(|| model.apply(black_box(&opens[4_000])));
    });
    criterion.bench_function("plain event of a known process, any", |bencher| {
        bencher.iter(|| {
            at = (at + 7_919) % opens.len();
            model.apply(black_box(&opens[at]));
        });
    });

    let child = 1 << 20;
    let fork = Fork { child_process: Some(key(child)), child_tid: child, ..Fork::default() };
    let exit = Exit { is_process_end: true, ..Exit::default() };
    let mut life = [
        event(5_000, 2_500, Kind::Fork(fork)),
        exec(child, 5_000, 30),
        event(child, 5_000, Kind::Exit(exit)),
    ];
    criterion.bench_function("fork, exec (30 variables), exit", |bencher| {
        bencher.iter(|| {
            // A process of its own each time: who is gone does not come back.
            for event in &mut life {
                event.boot_ns += 1_000_000;
                let boot_ns = event.boot_ns;
                match &mut event.kind {
                    Some(Kind::Fork(fork)) => {
                        fork.child_process = Some(ProcessKey { pid: child, start_boot_ns: boot_ns })
                    }
                    _ => event.task.iter_mut().for_each(|task| {
                        task.process = Some(ProcessKey { pid: child, start_boot_ns: boot_ns })
                    }),
                }
                model.apply(black_box(event));
            }
        });
    });
    let deepest = model.process(PROCESSES - 1).map(|process| model.ancestors(process).count());
    criterion.bench_function(&format!("{deepest:?} ancestors"), |bencher| {
        bencher.iter(|| model.process(PROCESSES - 1).map(|process| model.ancestors(process).count()));
    });
    criterion.bench_function("base state of 10,000 processes", |bencher| {
        bencher.iter(|| model.base_state().count());
    });
}

criterion_group!(benches, apply);
criterion_main!(benches);
