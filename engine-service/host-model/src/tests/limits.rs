//! Bounds of the tables.

use eyrie_proto::event::{Fork, event::Kind};

use super::*;

/// Scenario: more processes than may be kept: a busy one, parents, idle ones, then a flood. Guarantees: the bound holds;
/// init, who acts and who has children are still there, the idle ones went; what went is counted and comes back,
/// incomplete, when it acts.
#[test]
fn idle_processes_without_children_go_first() {
    let mut model = HostModel::new(Limits { max_processes: 32, ..Limits::default() });
    model.apply(&exec(1, task(1, 0), "/sbin/init"));
    model.apply(&exec(2, task(2, 1), "/bin/parent"));
    model.apply(&fork(3, task(2, 1), key(3)));
    model.apply(&exec(4, task(4, 1), "/bin/idle"));
    for pid in 100..1_000u32 {
        let now = u64::from(pid);
        model.apply(&plain(now, task(3, 2)));
        model.apply(&plain(now, task(pid, 1)));
        assert!(model.process_count() <= 32);
    }
    let lives = [1, 2, 3, 4, 999].map(|pid| model.process(pid).is_some());
    assert_eq!(lives, [true, true, true, false, true]);
    assert_eq!(model.counters().evicted_processes, 904 - model.process_count() as u64);
    model.apply(&plain(2_000, task(4, 1)));
    assert!(get(&model, 4).is_incomplete());
}

/// Scenario: arguments, environment and threads over their limits. Guarantees: the first bytes are kept and the process
/// is marked; threads are refused and counted, and ended ones make room.
#[test]
fn a_process_is_bounded() {
    let limits =
        Limits { max_arguments_bytes: 8, max_environment_bytes: 12, max_threads: 2, ..Limits::default() };
    let mut model = HostModel::new(limits);
    model.apply(&exec(1, task(10, 1), "/bin/bash"));
    assert_eq!(get(&model, 10).arguments(), [b"-c".to_vec(), b"/bin".to_vec()]);
    assert_eq!(get(&model, 10).environment(), [b"HOME=/root".to_vec()]);
    assert!(get(&model, 10).is_truncated());

    let thread = |tid| {
        let fork = Fork { child_process: Some(key(10)), child_tid: tid, ..Fork::default() };
        event(2, task(10, 1), Kind::Fork(fork))
    };
    [11, 12, 13].into_iter().for_each(|tid| model.apply(&thread(tid)));
    assert_eq!((get(&model, 10).threads().len(), model.counters().refused_threads), (2, 1));
    model.apply(&exec(3, task(10, 1), "/b"));
    model.apply(&thread(13));
    assert_eq!((get(&model, 10).threads().len(), model.counters().refused_threads), (1, 1));
    let empty = Exec { arguments: vec![Vec::new(); 100_000], ..Exec::default() };
    model.apply(&event(4, task(10, 1), Kind::Exec(empty)));
    assert_eq!(get(&model, 10).arguments().len(), 8);
}

/// Scenario: more unknown processes than can be listed. Guarantees: the list is bounded, what did not fit is counted and
/// is listed when it acts again.
#[test]
fn the_list_of_unknown_processes_is_bounded() {
    let mut model = HostModel::new(Limits { max_unknown: 2, ..Limits::default() });
    for pid in [10, 20, 30] {
        model.apply(&plain(1, task(pid, 1)));
    }
    assert_eq!((model.take_unknown(), model.counters().deferred_unknown), (vec![key(10), key(20)], 1));
    model.apply(&plain(2, task(30, 1)));
    assert_eq!(model.take_unknown(), [key(30)]);
}

/// Scenario: a host starts and ends tens of thousands of processes within a second; one whose end is old is told of again. Guarantees: those that are
/// gone are remembered in a bounded number, the last to end among them, and nothing of them is left in the table.
#[test]
fn those_that_are_gone_are_bounded() {
    let mut model = after([exec(1, task(1, 0), "/sbin/init")]);
    for pid in 100..20_000 {
        let now = u64::from(pid) * 10_000;
        model.apply(&fork(now, task(1, 0), key(pid)));
        model.apply(&exit(now + 1, task(pid, 1), 0));
    }
    model.apply(&plain(1 << 40, task(1, 0)));
    assert_eq!((model.process_count(), model.base_state().count()), (1, 1 + 1_024));
    model.apply(&plain(1, task(19_999, 1)));
    assert!(model.process(19_999).is_none());
    model.apply(&fork(1 << 41, task(1, 0), key(20_000)));
    model.apply(&exit(1 << 41, task(20_000, 1), 0));
    model.apply(&Event::default());
    assert_eq!(model.base_state().count(), 2, "the others ended too long ago");
}
