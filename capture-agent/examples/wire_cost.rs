//! What batches cost on the wire: `cargo run --release -p capture-agent --example wire_cost -- RECORDING...`
//!
//! Takes the events of recordings, makes batches of several sizes of them, and tells bytes and time an event with and without zstd.
#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "a measurement that cannot be made has nothing better to do"
)]

use std::time::{Duration, Instant};

use eyrie_proto::{capture::Batch, event::Event, recording::recording_entry::Kind};
use prost::Message as _;
use zstd::bulk::{Compressor, Decompressor};

/// As often is each batch packed and unpacked.
const TIMES: u32 = 30;

fn events(path: &str) -> Vec<Event> {
    let file = std::fs::File::open(path).expect("the recording is there");
    let mut reader = recording::Reader::new(file).expect("a recording of ours");
    let mut events = Vec::new();
    while let Some(kind) = recording::Source::next(&mut reader).expect("a whole recording") {
        if let Kind::Batch(recorded) = kind {
            events.extend(recorded.batch.unwrap_or_default().events);
        }
    }
    events
}

fn main() {
    let events: Vec<_> = std::env::args().skip(1).flat_map(|path| events(&path)).collect();
    let count = events.len();
    println!("{count} events");
    println!(
        "| events a batch | level | bytes an event | packed | of it | pack, ns an event | unpack, ns an event |"
    );
    println!("|---|---|---|---|---|---|---|");
    for size in [20, 100, 1_000] {
        for level in [1, 3] {
            let mut compressor = Compressor::new(level).expect("a compressor");
            let mut decompressor = Decompressor::new().expect("a decompressor");
            let (mut raw, mut packed) = (0, 0);
            let (mut packing, mut unpacking) = (Duration::ZERO, Duration::ZERO);
            for events in events.chunks(size) {
                let rows = Batch { events: events.to_vec(), ..Batch::default() }.encode_to_vec();
                let mut small = Vec::new();
                let begun = Instant::now();
                for _ in 0..TIMES {
                    small = compressor.compress(&rows).expect("it can be compressed");
                }
                packing += begun.elapsed();
                let begun = Instant::now();
                for _ in 0..TIMES {
                    let large = decompressor.decompress(&small, rows.len()).expect("it can be unpacked");
                    assert_eq!(large.len(), rows.len());
                }
                unpacking += begun.elapsed();
                raw += rows.len();
                packed += small.len();
            }
            let each = |sum: usize| sum as f64 / count as f64;
            let time = |time: Duration| time.as_nanos() as f64 / f64::from(TIMES) / count as f64;
            println!(
                "| {size} | {level} | {:.0} | {:.0} | {:.0} % | {:.0} | {:.0} |",
                each(raw),
                each(packed),
                100.0 * packed as f64 / raw as f64,
                time(packing),
                time(unpacking)
            );
        }
    }
}
