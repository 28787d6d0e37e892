//! Parents, orphans and chains.

use eyrie_proto::event::{ProcessControl, ProcessKey, event::Kind};

use super::*;

fn subreaper(boot_ns: u64, task: Task, is_on: bool) -> Event {
    let control = ProcessControl { option: 36, arguments: vec![u64::from(is_on)], text: Vec::new() };
    event(boot_ns, task, Kind::ProcessControl(control))
}

/// init, 10 below it, 20 below that, 30 below that, 40 below that.
fn chain() -> Vec<Event> {
    vec![
        exec(0, task(1, 0), "/sbin/init"),
        fork(1, task(1, 0), key(10)),
        fork(2, task(10, 1), key(20)),
        fork(3, task(20, 10), key(30)),
        fork(4, task(30, 20), key(40)),
    ]
}

fn pids<'a>(processes: impl Iterator<Item = &'a Process>) -> Vec<u32> {
    processes.map(|process| process.key().pid).collect()
}

/// Scenario: a chain of forks. Guarantees: ancestors come parent first up to init, children ascending.
#[test]
fn ancestors_come_parent_first() {
    let model = after(chain());
    assert_eq!(pids(model.ancestors(get(&model, 40))), [30, 20, 10, 1]);
    assert_eq!(pids(model.children(10)), [20]);
    assert_eq!(pids(model.processes()), [1, 10, 20, 30, 40]);
}

/// Scenario: a parent ends, once telling the reaper. Guarantees: children go to that one at once; what nobody took goes
/// to init; events that still name the old parent do not bring it back, later ones may name another.
#[test]
fn orphans_get_a_new_parent() {
    let mut model = after(chain());
    model.apply(&exit(10, task(30, 20), 10));
    assert_eq!(get(&model, 40).parent_pid(), 10);
    assert_eq!(pids(model.ancestors(get(&model, 30))), [20, 10, 1], "who ended still has ancestors");
    model.apply(&plain(9, task(40, 30)));
    assert_eq!(get(&model, 40).parent_pid(), 10);
    model.apply(&plain(11, task(40, 1)));
    assert_eq!(get(&model, 40).parent_pid(), 1);

    let mut model = after(chain());
    model.apply(&exit(10, task(30, 20), 0));
    assert_eq!(get(&model, 40).parent_pid(), 1);
}

/// Scenario: ancestors asked to take orphans, one of them took it back, and a child of one exists. Guarantees: the
/// nearest one takes them; exec keeps the wish, fork does not pass it on.
#[test]
fn the_nearest_subreaper_takes_orphans() {
    let mut model = after([subreaper(0, task(1, 0), false)].into_iter().chain(chain()));
    model.apply(&subreaper(5, task(10, 1), true));
    model.apply(&subreaper(6, task(20, 10), true));
    model.apply(&subreaper(7, task(20, 10), false));
    model.apply(&exec(8, task(10, 1), "/usr/lib/systemd/systemd"));
    model.apply(&exit(9, task(30, 20), 0));
    assert_eq!(get(&model, 40).parent_pid(), 10);
    model.apply(&fork(10, task(10, 1), key(50)));
    model.apply(&fork(11, task(50, 10), key(60)));
    model.apply(&fork(12, task(60, 50), key(70)));
    model.apply(&exit(13, task(60, 50), 0));
    assert_eq!(get(&model, 70).parent_pid(), 10, "50 is no reaper though its parent is one");
}

/// Scenario: processes in a container's pid namespace, one below its init and one that entered from outside, leave
/// orphans. Guarantees: the namespace's init takes both.
#[test]
fn orphans_stay_in_their_pid_namespace() {
    let inside = |pid, parent, namespace_pid| Task { namespace_pid, pid_namespace: 5, ..task(pid, parent) };
    let mut model = after([
        exec(0, task(1, 0), "/sbin/init"),
        exec(1, inside(100, 1, 1), "/bin/server"),
        exec(2, inside(110, 100, 2), "/bin/sh"),
        exec(3, inside(120, 110, 3), "/bin/sleep"),
        exec(4, inside(130, 1, 4), "/bin/sh"),
        exec(5, inside(140, 130, 5), "/bin/sleep"),
        exit(6, inside(110, 100, 2), 0),
    ]);
    assert_eq!(get(&model, 120).parent_pid(), 100);
    model.apply(&exit(7, inside(130, 1, 4), 0));
    assert_eq!(get(&model, 140).parent_pid(), 100);
}

/// Scenario: a parent that started after its child, as where its pid was used again and nothing told of it.
/// Guarantees: the chain ends instead of naming a stranger.
#[test]
fn a_later_process_is_no_ancestor() {
    let stranger = ProcessKey { pid: 10, start_boot_ns: 5_000_000_001 };
    let model = after([
        plain(1, task(20, 10)),
        plain(2, Task { process: Some(stranger), ..task(10, 1) }),
        plain(3, task(20, 10)),
    ]);
    assert_eq!(get(&model, 20).parent_pid(), 10);
    assert!(pids(model.ancestors(get(&model, 20))).is_empty());
}

/// Scenario: a process ends; its child acts before the kernel has given it to the reaper, and again afterwards. Guarantees: the child is the
/// reaper's as soon as the end is told, and who has ended does not become a parent again; a parent that is not known at all does.
#[test]
fn who_has_ended_is_no_parent_again() {
    let mut model = after([
        exec(1, task(10, 1), "/bin/sh"),
        fork(2, task(10, 1), key(20)),
        fork(3, task(20, 10), key(30)),
    ]);
    model.apply(&exit(10, task(20, 10), 10));
    assert_eq!(get(&model, 30).parent_pid(), 10);
    model.apply(&plain(11, task(30, 20)));
    assert_eq!(get(&model, 30).parent_pid(), 10);
    model.apply(&plain(12, task(30, 7)));
    assert_eq!(get(&model, 30).parent_pid(), 7);
}
