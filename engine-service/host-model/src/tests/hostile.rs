//! Events that no kernel sends.

use eyrie_proto::event::{ChangeSession, Exit, Fork, ProcessKey, event::Kind};

use super::*;

/// Scenario: every kind of event without a task, with an empty one, and of pid 0. Guarantees: nothing is made of them.
#[test]
fn events_without_a_process_make_none() {
    let kinds = [
        Kind::Fork(Fork::default()),
        Kind::Fork(Fork { child_process: Some(ProcessKey::default()), ..Fork::default() }),
        Kind::Exec(Exec::default()),
        Kind::Exit(Exit { is_process_end: true, ..Exit::default() }),
        Kind::ChangeSession(ChangeSession::default()),
        Kind::ProcessSnapshot(ProcessSnapshot {
            state: Some(ProcessState::default()),
            absent: Some(ProcessKey::default()),
            ..ProcessSnapshot::default()
        }),
        Kind::Fact(Default::default()),
        Kind::Loss(Default::default()),
    ];
    let mut model = HostModel::default();
    for kind in kinds {
        for task in [None, Some(Task::default()), Some(Task { process: Some(key(0)), ..Task::default() })] {
            model.apply(&Event { task, kind: Some(kind.clone()), ..Event::default() });
        }
    }
    assert_eq!(model.process_count(), 0);
    assert!(model.take_unknown().is_empty());
}

/// Scenario: processes that are their own parents and one another's, forks of oneself, ends that make oneself or the
/// ended one inherit. Guarantees: nothing loops, and no ancestor comes twice.
#[test]
fn cycles_end() {
    let at = |pid| ProcessKey { pid, start_boot_ns: 5 };
    let looped = |pid, parent| Task { process: Some(at(pid)), ..task(pid, parent) };
    let mut model = HostModel::default();
    for (pid, parent) in [(1, 1), (2, 3), (3, 4), (4, 2), (5, 2)] {
        model.apply(&plain(1, looped(pid, parent)));
    }
    let ancestors = |model: &HostModel, pid| {
        model.ancestors(get(model, pid)).map(|process| process.key().pid).collect::<Vec<_>>()
    };
    assert_eq!(ancestors(&model, 1), Vec::<u32>::new());
    assert_eq!(ancestors(&model, 2), [3, 4]);
    assert_eq!(ancestors(&model, 5), [2, 3, 4]);
    model.apply(&fork(2, looped(2, 3), at(2)));
    model.apply(&exit(3, looped(3, 4), 3));
    model.apply(&exit(4, looped(4, 2), 3));
    model.apply(&exit(5, looped(2, 3), 5));
    assert!(ancestors(&model, 5).is_empty());
}

/// Scenario: a chain of a hundred thousand processes. Guarantees: so many ancestors are followed and no more.
#[test]
fn long_chains_are_cut() {
    let mut model = HostModel::new(Limits { max_processes: 1 << 17, ..Limits::default() });
    for pid in 1..100_000 {
        model.apply(&plain(1, task(pid, pid - 1)));
    }
    assert_eq!(model.ancestors(get(&model, 99_999)).count(), 512);
}

/// Scenario: times at the ends of their range, an ended time and start of all ones. Guarantees: nothing overflows.
#[test]
fn extreme_times_do_not_overflow() {
    let last = ProcessKey { pid: u32::MAX, start_boot_ns: u64::MAX };
    let of_last = Task { process: Some(last), tid: u32::MAX, ..task(1, u32::MAX) };
    let mut model = after([
        plain(u64::MAX, of_last.clone()),
        fork(0, of_last.clone(), ProcessKey { pid: 1, start_boot_ns: 0 }),
        exit(u64::MAX, of_last.clone(), u32::MAX),
        plain(0, of_last),
        Event { boot_ns: u64::MAX, ..Event::default() },
    ]);
    assert_eq!(model.recent_loss(u64::MAX, std::time::Duration::MAX).count(), 0);
    assert_eq!(model.process_count(), 1);
    model.restore(model.base_state().collect::<Vec<_>>(), Vec::new());
    assert_eq!(model.process_count(), 1);
}
