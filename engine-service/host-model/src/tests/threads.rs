//! Threads: who forks, executes and ends where a process has several.

use eyrie_proto::event::{Exec, Exit, Fork, event::Kind};

use super::*;

/// A thread of process 10 acts.
fn thread(tid: u32) -> Task {
    Task { tid, namespace_tid: tid, comm: format!("thread-{tid}").into_bytes(), ..task(10, 1) }
}

fn makes_thread(boot_ns: u64, by: Task, tid: u32) -> Event {
    let fork = Fork {
        child_process: Some(key(10)),
        child_tid: tid,
        child_namespace_tid: tid + 1_000,
        child_thread_start_boot_ns: boot_ns,
        flags: 0x1_0000,
        ..Fork::default()
    };
    event(boot_ns, by, Kind::Fork(fork))
}

fn ends(boot_ns: u64, by: Task, is_process_end: bool) -> Event {
    event(boot_ns, by, Kind::Exit(Exit { is_process_end, ..Exit::default() }))
}

fn with_threads() -> Vec<Event> {
    vec![
        exec(0, task(1, 0), "/sbin/init"),
        exec(1, task(10, 1), "/bin/server"),
        makes_thread(2, task(10, 1), 11),
        makes_thread(3, thread(11), 12),
    ]
}

/// Scenario: a thread makes another one. Guarantees: both are the process's, named as who made them, with their own start and number.
#[test]
fn a_thread_makes_a_thread() {
    let model = after(with_threads());
    let threads = get(&model, 10).threads();
    let named: Vec<_> = threads.iter().map(|thread| (thread.tid(), thread.comm())).collect();
    assert_eq!(named, [(11, &b"thread-11"[..]), (12, &b"thread-11"[..])], "11 has said its name itself");
    assert_eq!((threads[1].namespace_tid(), threads[1].start_boot_ns()), (1_012, 3));
    assert_eq!(model.process_count(), 2);
}

/// Scenario: a thread that is not the main one forks. Guarantees: the child's parent is the process, whose program and directories it has; it is
/// called as the thread; and it has no threads.
#[test]
fn a_thread_forks_for_its_process() {
    let mut model = after(with_threads());
    model.apply(&fork(4, thread(12), key(20)));
    let child = get(&model, 20);
    assert_eq!((child.parent_pid(), child.exe(), child.comm()), (10, &b"/bin/server"[..], &b"thread-12"[..]));
    assert_eq!(child.working_directory(), b"/home");
    assert!(child.threads().is_empty() && get(&model, 10).threads().len() == 2);
}

/// Scenario: the main thread ends, another one goes on to act and to fork, then the last one ends. Guarantees: the process, its name and
/// program stay until then; children that come meanwhile are its own; the end of the last thread is the process's.
#[test]
fn a_process_outlives_its_main_thread() {
    let mut model = after(with_threads());
    model.apply(&ends(4, task(10, 1), false));
    model.apply(&ends(5, thread(12), false));
    model.apply(&plain(6, thread(11)));
    model.apply(&fork(7, thread(11), key(20)));
    let process = get(&model, 10);
    assert!(process.is_leader_dead() && process.threads().len() == 1);
    assert_eq!((process.comm(), process.exe()), (&b"comm-10"[..], &b"/bin/server"[..]));
    assert_eq!(model.ancestors(get(&model, 20)).next().map(Process::key), Some(key(10)));

    model.apply(&ends(8, thread(11), true));
    assert_eq!(get(&model, 20).parent_pid(), 1);
    assert!(model.process(10).is_some(), "it is there for the evaluation of its end");
    model.apply(&Event::default());
    assert!(model.process(10).is_none());
}

/// Scenario: a thread executes a program, of a process whose main thread lives; and after one that fails. Guarantees: the failure changes nothing,
/// threads included; after the success the process has the new program under the old pid and start, and one thread.
#[test]
fn an_exec_by_a_thread_is_its_processs() {
    let mut model = after(with_threads());
    let before = get(&model, 10).to_state();
    model.apply(&failed(event(4, thread(11), Kind::Exec(Exec { exe: b"none".to_vec(), ..Exec::default() }))));
    let threads_seen = ProcessState { last_seen_boot_ns: 4, ..before.clone() };
    let named = |state: &ProcessState| state.threads.iter().map(|thread| thread.tid).collect::<Vec<_>>();
    let now = get(&model, 10).to_state();
    assert_eq!(named(&now), [11, 12]);
    assert_eq!(ProcessState { threads: threads_seen.threads.clone(), ..now }, threads_seen);
    // The kernel lets the thread take the main one's number first.
    let program = Exec { old_tid: 11, exe: b"/bin/next".to_vec(), ..Exec::default() };
    model.apply(&event(5, task(10, 1), Kind::Exec(program)));
    let process = get(&model, 10);
    assert_eq!((process.key(), process.exe(), process.exec_boot_ns()), (key(10), &b"/bin/next"[..], 5));
    assert!(process.threads().is_empty() && !process.is_leader_dead());
}

/// Scenario: a vforked child executes. Guarantees: the child has the new program, and the parent, whose memory it had shared, the old one.
#[test]
fn a_vforked_childs_exec_is_its_own() {
    let mut model = after(with_threads());
    let vfork = Fork { child_process: Some(key(20)), child_tid: 20, flags: 0x4100, ..Fork::default() };
    model.apply(&event(4, task(10, 1), Kind::Fork(vfork)));
    model.apply(&exec(5, task(20, 10), "/bin/ls"));
    assert_eq!((get(&model, 20).exe(), get(&model, 10).exe()), (&b"/bin/ls"[..], &b"/bin/server"[..]));
    assert_eq!(get(&model, 10).threads().len(), 2);
}

/// Scenario: an event of a thread that nobody told of, and the end of one. Guarantees: the process is brought up to date by it and no thread is made.
#[test]
fn a_thread_that_was_not_told_is_no_harm() {
    let mut model = after(with_threads());
    model.apply(&plain(4, Task { cgroup_id: 80, ..thread(99) }));
    model.apply(&ends(5, Task { cgroup_id: 80, ..thread(98) }, false));
    assert_eq!((get(&model, 10).cgroup_id(), get(&model, 10).threads().len()), (80, 2));
}
