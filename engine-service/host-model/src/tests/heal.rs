//! What rides on every event.

use super::*;

/// Scenario: calls that changed a process were missed. Guarantees: its next event of any kind brings ids, capabilities,
/// session, terminal, control group, namespaces, name and parent up to date, and leaves the program as it was.
#[test]
fn every_event_heals() {
    let mut model = after([exec(1, task(10, 1), "/bin/sh")]);
    let now = Task {
        comm: b"renamed".to_vec(),
        credentials: Some(Credentials {
            uid: 0,
            effective_uid: 0,
            login_uid: 5,
            capabilities: Some(Capabilities { effective: u64::MAX, ..Capabilities::default() }),
            ..Credentials::default()
        }),
        session: Some(Session { session_id: 9, process_group_id: 9, tty: 34816, ..Session::default() }),
        cgroup_id: 80,
        parent_pid: 7,
        mount_namespace: 12,
        ..task(10, 1)
    };
    model.apply(&plain(2, now.clone()));
    let process = get(&model, 10);
    assert_eq!((Some(*process.credentials()), Some(*process.session())), (now.credentials, now.session));
    assert_eq!((process.cgroup_id(), process.mount_namespace(), process.parent_pid()), (80, 12, 7));
    assert_eq!((process.comm(), process.exe()), (&b"renamed"[..], &b"/bin/sh"[..]));
}

/// Scenario: an event of another thread of the process. Guarantees: the process keeps its main thread's name.
#[test]
fn only_the_main_thread_names_the_process() {
    let mut model = after([exec(1, task(10, 1), "/bin/sh")]);
    model.apply(&plain(2, Task { tid: 11, comm: b"worker".to_vec(), ..task(10, 1) }));
    assert_eq!(get(&model, 10).comm(), b"comm-10");
}

/// Scenario: an event without credentials, session, capabilities, ids. Guarantees: what was not told is kept.
#[test]
fn what_is_not_told_is_kept() {
    let mut model = after([exec(1, task(10, 1), "/bin/sh")]);
    let before = get(&model, 10).to_state();
    let bare = Task {
        process: Some(key(10)),
        tid: 10,
        comm: b"comm-10".to_vec(),
        credentials: task(10, 1).credentials.map(|known| Credentials { capabilities: None, ..known }),
        ..Task::default()
    };
    model.apply(&plain(1, bare));
    assert_eq!(get(&model, 10).to_state(), before);
}

/// Scenario: an event of a process that is not known. Guarantees: it is there, incomplete, with what the event tells,
/// and listed once; listing anew lists it again.
#[test]
fn an_unknown_process_is_made_and_listed() {
    let mut model = after([plain(1, task(10, 1)), plain(2, task(10, 1))]);
    let process = get(&model, 10);
    assert!(process.is_incomplete() && process.executable().is_none());
    assert_eq!((process.comm(), process.parent_pid(), process.credentials().uid), (&b"comm-10"[..], 1, 1000));
    assert_eq!(model.take_unknown(), [key(10)]);
    model.apply(&plain(3, task(10, 1)));
    assert!(model.take_unknown().is_empty());
    model.list_unknown_again();
    assert_eq!(model.take_unknown(), [key(10)]);
}
