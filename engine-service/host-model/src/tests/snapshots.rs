//! Snapshots against events.

use eyrie_proto::event::{ChangeDirectory, ProcessKey, event::Kind};

use super::*;

fn state(pid: u32, as_of_boot_ns: u64, exe: &str) -> ProcessState {
    ProcessState {
        process: Some(key(pid)),
        parent_pid: 1,
        comm: b"snap".to_vec(),
        exe: exe.into(),
        working_directory: b"/snap".to_vec(),
        as_of_boot_ns,
        ..ProcessState::default()
    }
}

/// Scenario: the answer for an incomplete process. Guarantees: it is complete, no longer listed, and who it acts as is
/// what later events said.
#[test]
fn an_answer_completes() {
    let mut model = after([plain(10, task(10, 1)), snapshot(20, state(10, 5, "/bin/sh"))]);
    let process = get(&model, 10);
    assert!(!process.is_incomplete());
    assert_eq!((process.exe(), process.working_directory()), (&b"/bin/sh"[..], &b"/snap"[..]));
    assert_eq!(process.credentials().uid, 1000, "the event was after the snapshot");
    assert!(model.take_unknown().is_empty());
}

/// Scenario: events from before the snapshot come after it. Guarantees: none of them changes what the snapshot said,
/// but the end of the process does.
#[test]
fn events_from_before_a_snapshot_change_nothing() {
    let mut model = after([snapshot(100, state(10, 100, "/bin/new"))]);
    let before = get(&model, 10).to_state();
    let moved = ChangeDirectory { working_directory: b"/old".to_vec(), ..ChangeDirectory::default() };
    model.apply(&exec(90, task(10, 3), "/bin/old"));
    model.apply(&event(95, task(10, 3), Kind::ChangeDirectory(moved)));
    model.apply(&plain(99, task(10, 3)));
    model.apply(&fork(80, task(1, 0), key(10)));
    assert_eq!(get(&model, 10).to_state(), before);
    model.apply(&plain(100, task(10, 3)));
    assert_eq!((get(&model, 10).credentials().uid, get(&model, 10).parent_pid()), (1000, 3));
    model.apply(&exit(98, task(10, 3), 0));
    model.apply(&Event::default());
    assert!(model.process(10).is_none());
}

/// Scenario: a snapshot that is older than the last exec. Guarantees: it changes nothing; a newer one does.
#[test]
fn an_older_snapshot_changes_nothing() {
    let mut model = after([exec(50, task(10, 1), "/bin/sh")]);
    let before = get(&model, 10).to_state();
    model.apply(&snapshot(60, state(10, 49, "/bin/old")));
    assert_eq!(get(&model, 10).to_state(), before);
    model.apply(&snapshot(70, state(10, 65, "/bin/new")));
    assert_eq!(get(&model, 10).exe(), b"/bin/new");
    model.apply(&snapshot(71, state(10, 64, "/bin/old")));
    assert_eq!(get(&model, 10).exe(), b"/bin/new");
}

/// Scenario: a snapshot that is older than a chdir of an incomplete process. Guarantees: the chdir stands and the rest
/// is filled in.
#[test]
fn an_older_snapshot_fills_in() {
    let moved = ChangeDirectory { working_directory: b"/now".to_vec(), ..ChangeDirectory::default() };
    let model =
        after([event(50, task(10, 1), Kind::ChangeDirectory(moved)), snapshot(60, state(10, 40, "/bin/sh"))]);
    let process = get(&model, 10);
    assert_eq!((process.exe(), process.working_directory()), (&b"/bin/sh"[..], &b"/now"[..]));
    assert!(!process.is_incomplete());
}

/// Scenario: the process ended before the answer came; and the pid was used again by then. Guarantees: neither brings
/// it back.
#[test]
fn an_answer_that_is_too_late_brings_nothing_back() {
    let mut model =
        after([plain(10, task(10, 1)), exit(20, task(10, 1), 0), snapshot(30, state(10, 15, "/bin/sh"))]);
    assert!(model.process(10).is_none());
    let second = ProcessKey { pid: 10, start_boot_ns: 900_000_001 };
    model.apply(&fork(40, task(1, 0), second));
    model.apply(&snapshot(50, state(10, 15, "/bin/sh")));
    assert_eq!(get(&model, 10).key(), second);
}

/// Scenario: the agent finds no such process. Guarantees: an incomplete one goes, its children are orphans; a complete
/// one, or another one of the pid, stays.
#[test]
fn an_absent_answer_removes_what_is_incomplete() {
    let mut model = after([
        exec(1, task(10, 1), "/bin/sh"),
        plain(2, task(20, 1)),
        plain(3, task(30, 20)),
        absent(5, key(10)),
        absent(6, ProcessKey { pid: 20, start_boot_ns: 3 }),
    ]);
    assert_eq!(model.process_count(), 3);
    model.apply(&absent(7, key(20)));
    assert!(model.process(20).is_none());
    assert_eq!(get(&model, 30).parent_pid(), 1);
    model.apply(&plain(4, task(20, 1)));
    assert!(model.process(20).is_none(), "an event from before the answer");
}

/// Scenario: the agent had to read /proc, which has start times in clock ticks only. Guarantees: events with the exact
/// start mean the same process, which then has the exact start.
#[test]
fn coarse_starts_mean_the_same_process() {
    let exact = ProcessKey { pid: 10, start_boot_ns: 12_345_678_901 };
    let coarse = ProcessKey { pid: 10, start_boot_ns: 12_340_000_000 };
    let found = ProcessState { process: Some(coarse), ..state(10, 50, "/bin/sh") };
    let mut model = after([snapshot(50, found.clone())]);
    model.apply(&plain(60, Task { process: Some(exact), ..task(10, 1) }));
    assert_eq!((get(&model, 10).exe(), get(&model, 10).key()), (&b"/bin/sh"[..], exact));
    model.apply(&snapshot(70, ProcessState { as_of_boot_ns: 70, ..found }));
    assert_eq!(get(&model, 10).key(), exact);
    assert_eq!(model.process_count(), 1);
}
