//! Recordings of any length are replayed in bounded memory.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::path::Path;

use integration::{long_recording, program, replayed::Replayed};
use serde_json::Value;

/// One rule, which matches: how long evaluating takes is not what this is about.
const RULES: &str = "
- rule: Read shadow
  desc: the file with the passwords is read
  condition: evt.type = openat and fd.name = /etc/shadow
  output: read by %proc.cmdline in %container.name (%container.image.repository)
  priority: WARNING
";
/// As many as a host's state needs to be as large as it gets.
const SHORT: u64 = 16_000;
const LONG: u64 = 64_000;
/// What the longer one may take more. If 100 bytes were kept of each event, it would be 4.8 MB.
const MAX_GROWTH_BYTES: u64 = 4 * 1024 * 1024;

fn replay(folder: &Path, format: &str, events: u64) -> Value {
    let rules = folder.join("rules.yaml");
    std::fs::write(&rules, RULES).unwrap();
    let file = folder.join(format!("{events}.{format}"));
    long_recording::write(&file, events).unwrap();
    let stats = Replayed::run(&file, &rules).unwrap().stats;
    std::fs::remove_file(file).unwrap();
    assert_eq!(stats["events"], events);
    stats
}

fn check(format: &str) {
    program::build_only(&["eyrie"]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [short, long] = [SHORT, LONG].map(|events| replay(folder.path(), format, events));
    let peak = |stats: &Value| stats["peak_memory_bytes"].as_u64().unwrap();
    let growth = peak(&long).saturating_sub(peak(&short));
    println!("{} and {} bytes at most, of {SHORT} and {LONG} events", peak(&short), peak(&long));
    assert!(growth < MAX_GROWTH_BYTES, "{growth} bytes more, for {} events more", LONG - SHORT);
    // One life in a hundred reads /etc/shadow.
    assert_eq!(long["alerts_by_rule"]["Read shadow"], LONG / 16 / 100, "{}", long["alerts_by_rule"]);
    assert_eq!((&long["missing_events"], &long["marked_alerts"]), (&0.into(), &0.into()));
}

/// Scenario: a recording of 16,000 events, and one of four times as many, each replayed by a process of its own. Guarantees: all events are evaluated and the alerts found,
/// and the longer one takes no more memory, but for what the state of a host grows to.
#[test]
fn memory_does_not_grow_with_the_recording() {
    check("eyrie");
}

/// Scenario: the same as `.scap`. Guarantees: the same.
#[test]
fn memory_does_not_grow_with_a_capture() {
    check("scap");
}
