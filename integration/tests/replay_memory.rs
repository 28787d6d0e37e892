//! Recordings of any length are replayed in bounded memory.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::path::Path;

use integration::{long_recording, program, replayed::Replayed};
use serde_json::Value;

/// Our own rules: what they keep is what any rules would make an engine keep.
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rules");
/// As many as a host's state needs to be as large as it gets.
const SHORT: u64 = 20_000;
const LONG: u64 = 200_000;
/// What the longer one may take more. If 100 bytes were kept of each event, it would be 18 MB.
const MAX_GROWTH_BYTES: u64 = 12 * 1024 * 1024;

fn replay(folder: &Path, format: &str, events: u64) -> Value {
    let file = folder.join(format!("{events}.{format}"));
    long_recording::write(&file, events).unwrap();
    let stats = Replayed::run(&file, Path::new(RULES)).unwrap().stats;
    std::fs::remove_file(file).unwrap();
    assert_eq!(stats["events"], events);
    stats
}

/// Scenario: a recording of 20,000 events, and one of ten times as many, each replayed by a process of its own. Guarantees: all events are evaluated and the alerts found,
/// and the longer one takes no more memory, but for what the state of a host grows to.
#[test]
fn memory_does_not_grow_with_the_recording() {
    program::build_only(&["eyrie"]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [short, long] = [SHORT, LONG].map(|events| replay(folder.path(), "eyrie", events));
    let peak = |stats: &Value| stats["peak_memory_bytes"].as_u64().unwrap();
    let growth = peak(&long).saturating_sub(peak(&short));
    println!("{} and {} bytes at most, of {SHORT} and {LONG} events", peak(&short), peak(&long));
    assert!(growth < MAX_GROWTH_BYTES, "{growth} bytes more, for {} events more", LONG - SHORT);
    // One life in a hundred reads /etc/shadow.
    assert_eq!(long["alerts_by_rule"].as_object().unwrap().len(), 1, "{}", long["alerts_by_rule"]);
    assert_eq!(long["alerts"], LONG / 16 / 100);
    assert_eq!((&long["missing_events"], &long["marked_alerts"]), (&0.into(), &0.into()));
}
