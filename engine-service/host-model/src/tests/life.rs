//! Fork, exec, exit and the calls that change a process for good.

use eyrie_proto::event::{
    ChangeDirectory, ChangeRoot, ChangeSession, Exec, Exit, Fork, ProcessControl, ProcessKey, ResourceLimit,
    event::Kind,
};

use super::*;

fn chdir(boot_ns: u64, task: Task, to: &str) -> Event {
    let change = ChangeDirectory { working_directory: to.into(), ..ChangeDirectory::default() };
    event(boot_ns, task, Kind::ChangeDirectory(change))
}

/// Scenario: a process that executed, moved and changed its root forks. Guarantees: the child has everything of the
/// parent as it was then, but its own ids and its own forker's name, and later changes of the parent are not the child's.
#[test]
fn a_child_inherits_the_parent_as_of_now() {
    let root = ChangeRoot { root_directory: b"/jail".to_vec(), ..ChangeRoot::default() };
    let child = ProcessKey { pid: 20, start_boot_ns: 55 };
    let details = Fork {
        child_process: Some(child),
        child_tid: 20,
        child_namespace_pid: 3,
        child_pid_namespace: 9,
        child_cgroup_id: 78,
        pid_namespace_start_boot_ns: 4,
        child_comm: b"forker".to_vec(),
        ..Fork::default()
    };
    let model = after([
        exec(1, task(10, 1), "/bin/sh"),
        chdir(2, task(10, 1), "/srv"),
        event(3, task(10, 1), Kind::ChangeRoot(root)),
        event(4, task(10, 1), Kind::Fork(details)),
        chdir(5, task(10, 1), "/later"),
    ]);
    let child = get(&model, 20);
    assert_eq!((child.parent_pid(), child.namespace_pid(), child.pid_namespace()), (10, 3, 9));
    assert_eq!(
        (child.cgroup_id(), child.pid_namespace_start_boot_ns(), child.comm()),
        (78, 4, &b"forker"[..])
    );
    assert_eq!((child.exe(), child.working_directory()), (&b"/bin/sh"[..], &b"/srv"[..]));
    assert_eq!((child.root_directory(), child.exec_boot_ns()), (&b"/jail"[..], 1));
    assert_eq!(child.credentials(), get(&model, 10).credentials());
    assert_eq!(child.session(), get(&model, 10).session());
    assert_eq!((child.open_files_limit(), child.mount_namespace()), (1024, 4_026_531_840));
    assert!(!child.is_incomplete() && child.environment().len() == 2 && child.arguments().len() == 2);
    assert!(std::ptr::eq(child.environment(), get(&model, 10).environment()), "the strings are shared");
}

/// Scenario: clone with CLONE_THREAD, by its flag and by its tid alone; then the thread ends. Guarantees: a thread and
/// no process is made, and it goes again.
#[test]
fn a_thread_is_no_process() {
    let thread = |flags, tid| {
        let fork = Fork { child_process: Some(key(10)), child_tid: tid, flags, ..Fork::default() };
        event(2, task(10, 1), Kind::Fork(fork))
    };
    let mut model = after([exec(1, task(10, 1), "/bin/java"), thread(0x10000, 11), thread(0, 12)]);
    assert_eq!(model.process_count(), 1);
    let tids: Vec<u32> = get(&model, 10).threads().iter().map(|thread| thread.tid()).collect();
    assert_eq!(tids, [11, 12]);
    assert_eq!(get(&model, 10).threads()[0].comm(), b"comm-10");

    model.apply(&event(3, Task { tid: 11, ..task(10, 1) }, Kind::Exit(Exit::default())));
    assert_eq!(get(&model, 10).threads().len(), 1);
    assert!(!get(&model, 10).is_leader_dead());
}

/// Scenario: clone with CLONE_PARENT. Guarantees: the parent is the one that the event names.
#[test]
fn clone_parent_makes_a_sibling() {
    let details =
        Fork { child_process: Some(key(20)), child_tid: 20, child_parent_pid: 1, ..Fork::default() };
    let model = after([exec(1, task(10, 1), "/bin/sh"), event(2, task(10, 1), Kind::Fork(details))]);
    assert_eq!(get(&model, 20).parent_pid(), 1);
    assert_eq!(get(&model, 20).exe(), b"/bin/sh");
}

/// Scenario: a fork by a process of which nothing is known. Guarantees: the child is there, with what the event tells,
/// and both are to be asked for, once.
#[test]
fn a_child_of_an_unknown_parent_is_incomplete() {
    let mut model = after([fork(1, task(10, 1), key(20)), plain(2, task(10, 1))]);
    let child = get(&model, 20);
    assert!(child.is_incomplete());
    assert_eq!((child.parent_pid(), child.credentials().uid, child.cgroup_id()), (10, 1000, 77));
    let mut unknown = model.take_unknown();
    unknown.sort_by_key(|key| key.pid);
    assert_eq!(unknown, [key(10), key(20)]);
    assert!(model.take_unknown().is_empty());
}

/// Scenario: an exec by a thread that is not the main one, in a process whose main thread is dead. Guarantees: the
/// program is replaced, the other threads are gone and the process has a main thread again.
#[test]
fn exec_replaces_the_program_and_the_threads() {
    let thread = Fork { child_process: Some(key(10)), child_tid: 11, ..Fork::default() };
    let mut model = after([
        exec(1, task(10, 1), "/bin/sh"),
        event(2, task(10, 1), Kind::Fork(thread)),
        event(3, task(10, 1), Kind::Exit(Exit::default())),
    ]);
    assert!(get(&model, 10).is_leader_dead());
    let details = Exec { old_tid: 11, exe: b"/bin/ls".to_vec(), ..Exec::default() };
    model.apply(&event(4, task(10, 1), Kind::Exec(details)));
    let process = get(&model, 10);
    assert!(!process.is_leader_dead() && process.threads().is_empty());
    assert_eq!((process.exe(), process.exec_boot_ns()), (&b"/bin/ls"[..], 4));
    assert!(process.arguments().is_empty() && process.environment().is_empty());
    assert_eq!(process.working_directory(), b"/home", "an exec does not change it and did not tell it");
}

/// Scenario: an exec, a chdir and a fork that failed. Guarantees: nothing changes but what rides on every event.
#[test]
fn what_failed_changes_nothing() {
    let mut model = after([exec(1, task(10, 1), "/bin/sh")]);
    let moved = Task { cgroup_id: 5, ..task(10, 1) };
    model.apply(&failed(exec(2, moved.clone(), "/bin/nope")));
    model.apply(&failed(chdir(3, moved.clone(), "/nope")));
    model.apply(&failed(fork(4, moved, key(20))));
    let process = get(&model, 10);
    assert_eq!((process.exe(), process.working_directory()), (&b"/bin/sh"[..], &b"/home"[..]));
    assert_eq!(process.cgroup_id(), 5);
    assert!(model.process(20).is_none());
}

/// Scenario: an unknown process executes. Guarantees: it is complete by that, and nobody is asked.
#[test]
fn exec_completes_an_unknown_process() {
    let mut model = after([exec(1, task(10, 1), "/bin/sh")]);
    assert!(!get(&model, 10).is_incomplete());
    assert!(model.take_unknown().is_empty());
}

/// Scenario: a process ends. Guarantees: it is there for the evaluation of its end and gone after the next event,
/// whichever that is; a later event or fork that is late does not bring it back.
#[test]
fn a_process_goes_after_the_event_of_its_end() {
    let mut model = after([exec(1, task(10, 1), "/bin/sh"), exit(5, task(10, 1), 0)]);
    assert_eq!(get(&model, 10).exe(), b"/bin/sh");
    model.apply(&Event::default());
    assert!(model.process(10).is_none());
    model.apply(&plain(4, task(10, 1)));
    model.apply(&fork(0, task(1, 0), key(10)));
    assert!(model.process(10).is_none());
    assert!(model.take_unknown().iter().all(|key| key.pid == 1));
}

/// Scenario: an unknown process ends. Guarantees: its end can be evaluated and nobody is asked.
#[test]
fn the_end_of_an_unknown_process_is_seen() {
    let mut model = after([exit(5, task(10, 1), 0)]);
    assert_eq!(get(&model, 10).comm(), b"comm-10");
    assert!(model.take_unknown().is_empty());
    model.apply(&plain(6, task(1, 0)));
    assert!(model.process(10).is_none());
}

/// Scenario: another process gets the pid of one whose end was lost: by a fork, and by an event of its own.
/// Guarantees: the new process has nothing of the old one, whose children are orphans; the old one's late event changes
/// nothing.
#[test]
fn a_pid_is_used_again() {
    let second = ProcessKey { pid: 20, start_boot_ns: 900_000_001 };
    for news in [fork(9, task(1, 0), second), plain(9, Task { process: Some(second), ..task(20, 1) })] {
        let mut model = after([
            exec(0, task(1, 0), "/sbin/init"),
            exec(1, task(10, 1), "/bin/sh"),
            fork(2, task(10, 1), key(20)),
            exec(3, task(20, 10), "/bin/old"),
            fork(4, task(20, 10), key(30)),
            news,
        ]);
        assert_eq!(get(&model, 20).key(), second);
        assert_ne!(get(&model, 20).exe(), b"/bin/old");
        assert_eq!(get(&model, 30).parent_pid(), 1);
        let late = Task { cgroup_id: 4, ..task(20, 10) };
        model.apply(&plain(8, late.clone()));
        assert_eq!((get(&model, 20).key(), get(&model, 20).cgroup_id()), (second, 77));
        assert!(model.process_of(&late).is_none(), "the late event's process is not the new one");
    }
}

/// Scenario: prctl, setpgid of a child, prlimit. Guarantees: name, process group and limit are as after the call; a
/// container's numbers are not taken for the host's.
#[test]
fn calls_that_change_other_things() {
    let control = |option, arguments: &[u64], text: &[u8]| {
        Kind::ProcessControl(ProcessControl { option, arguments: arguments.into(), text: text.into() })
    };
    let unnamed = Task { comm: Vec::new(), ..task(10, 1) };
    let group = Kind::ChangeSession(ChangeSession { pid: 20, process_group_id: 0 });
    let limit =
        Kind::ResourceLimit(ResourceLimit { resource: 7, new_soft: Some(9), ..ResourceLimit::default() });
    let mut model = after([
        exec(1, task(10, 1), "/bin/sh"),
        fork(2, task(10, 1), key(20)),
        event(3, task(10, 1), group.clone()),
        event(4, task(10, 1), limit),
        event(5, unnamed, control(15, &[], b"a-very-long-thread-name")),
    ]);
    assert_eq!(get(&model, 20).session().process_group_id, 20);
    assert_eq!((get(&model, 10).open_files_limit(), get(&model, 20).open_files_limit()), (9, 1024));
    assert_eq!(get(&model, 10).comm(), b"a-very-long-thr");

    let inside = Task { namespace_pid: 2, ..task(10, 1) };
    let group = Kind::ChangeSession(ChangeSession { pid: 20, process_group_id: 66 });
    model.apply(&event(6, inside, group));
    assert_eq!(get(&model, 20).session().process_group_id, 20);
}
