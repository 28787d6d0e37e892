//! How many events of a file become events of ours in a second. The file lies in memory, plain, so that neither a disk nor gzip is measured.
#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use scap::{Compression, EventDraft, Reader, Thread, Writer, table, value::Value};
use scap_events::import::{Import, ImportOptions};

/// Times that the activity below is repeated; each is eight events.
const ROUNDS: u64 = 12_500;
const EVENTS_OF_ROUND: u64 = 8;

fn bench(criterion: &mut Criterion) {
    let file = file();
    let mut group = criterion.benchmark_group("import");
    group.throughput(Throughput::Elements(ROUNDS * EVENTS_OF_ROUND)).sample_size(10);
    group.bench_function("opens, reads, closes and short processes", |bencher| {
        bencher.iter_batched(
            || Reader::new(&*file).unwrap(),
            |reader| {
                let mut import = Import::new(reader, ImportOptions::default());
                while let Some(kind) = import.next().unwrap() {
                    black_box(kind);
                }
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn file() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), Compression::None).unwrap();
    let threads = (1..500).map(|pid| Thread {
        tid: pid,
        pid,
        comm: b"worker".to_vec(),
        working_directory: b"/srv".to_vec(),
        namespace_tid: pid.cast_signed(),
        namespace_pid: pid.cast_signed(),
        ..Thread::default()
    });
    writer.threads(&mut threads.into_iter()).unwrap();
    for round in 0..ROUNDS {
        let (parent, child) = ((1 + round % 400).cast_signed(), (10_000 + round).cast_signed());
        let (int, text) = (Value::Signed, |text: &str| Value::Text(text.into()));
        let ids = |of: i64, result| {
            [
                ("res", int(result)),
                ("tid", int(of)),
                ("pid", int(of)),
                ("ptid", int(parent)),
                ("comm", text("worker")),
            ]
        };
        let mut number = round * EVENTS_OF_ROUND * 1_000 + 1_700_000_000_000_000_000;
        let mut event = |event_type: &str, tid: i64, parameters: &[(&str, Value)]| {
            let mut draft = EventDraft::new(table::exit_event(event_type).unwrap().code, number, tid);
            parameters.iter().for_each(|(name, value)| draft.set(name, value).unwrap());
            number += 1_000;
            writer.event(&draft).unwrap();
        };
        event("clone", parent, &ids(parent, child));
        event("clone", child, &ids(child, 0));
        event(
            "execve",
            child,
            &[
                ("res", int(0)),
                ("exe", text("ls")),
                ("comm", text("ls")),
                ("args", Value::Bytes(b"-l\0/tmp\0".to_vec())),
            ],
        );
        let open = [
            ("fd", int(3)),
            ("dirfd", int(-100)),
            ("name", text("../etc/ld.so.cache")),
            ("flags", Value::Unsigned(4097)),
        ];
        event("openat", child, &open);
        let data = Value::Bytes(vec![7; 80]);
        event(
            "read",
            child,
            &[("res", int(80)), ("data", data), ("fd", int(3)), ("size", Value::Unsigned(4096))],
        );
        event("mmap", child, &[("res", int(0x7000)), ("length", Value::Unsigned(4096)), ("fd", int(3))]);
        event("close", child, &[("res", int(0)), ("fd", int(3))]);
        event("procexit", child, &[("status", int(0))]);
    }
    writer.finish().unwrap()
}

criterion_group!(benches, bench);
criterion_main!(benches);
