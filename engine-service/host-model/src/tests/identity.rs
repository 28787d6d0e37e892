//! Who a process is and where it belongs, as calls change it.

use eyrie_proto::event::{
    CgroupFact, CgroupKey, ChangeCredentials, ChangeNamespace, ChangeRoot, ChangeSession, Fork, OrderedFact,
    event::Kind, ordered_fact,
};

use super::*;

const ALL: u64 = (1 << 41) - 1;

fn rights(effective_uid: u32, effective: u64) -> Option<Credentials> {
    let capabilities = Some(Capabilities { effective, permitted: effective, inheritable: 0 });
    Some(Credentials { uid: 1000, effective_uid, login_uid: 1000, capabilities, ..Credentials::default() })
}

fn container(cgroup_id: u64, container_id: &str) -> Event {
    let cgroup = Some(CgroupKey { cgroup_id, birth_boot_ns: 1, ..CgroupKey::default() });
    let fact = CgroupFact { cgroup, container_id: container_id.into(), ..CgroupFact::default() };
    let kind = Some(ordered_fact::Kind::Cgroup(fact));
    let fact = OrderedFact { since_boot_ns: 1, kind };
    Event { kind: Some(Kind::Fact(fact)), ..Event::default() }
}

/// Scenario: calls of the setuid family, capset, and unshare of a user namespace; one of them fails. Guarantees: after each the ids and sets are
/// what the kernel has on the caller, whatever was asked for: of a new user namespace all capabilities; and a child has them.
#[test]
fn rights_are_the_kernels_after_each_call() {
    let asked =
        |ids: &[u32]| Kind::ChangeCredentials(ChangeCredentials { ids: ids.into(), capabilities: None });
    let unshared = Kind::ChangeNamespace(ChangeNamespace::default());
    let mut model = after([exec(1, task(10, 1), "/bin/sh")]);
    let steps = [
        (asked(&[0]), rights(0, ALL), 0),
        (asked(&[1, 2, 3]), rights(2, 0), 0),
        (asked(&[0]), rights(2, 0), -1),
        (unshared, rights(2, ALL), 0),
        (asked(&[]), rights(2, 1 << 5), 0),
    ];
    for (step, (kind, held, result)) in (2..).zip(steps) {
        let call = Some(SystemCall { result, ..SystemCall::default() });
        model.apply(&Event { call, ..event(step, Task { credentials: held, ..task(10, 1) }, kind) });
        assert_eq!(Some(*get(&model, 10).credentials()), held, "step {step}");
    }
    model.apply(&fork(20, Task { credentials: rights(2, 1 << 5), ..task(10, 1) }, key(20)));
    assert_eq!(Some(*get(&model, 20).credentials()), rights(2, 1 << 5));
}

/// Scenario: setsid, and setpgid of the caller itself, in a container's numbers. Guarantees: session, group and terminal are the kernel's on the
/// caller, in both numberings, and are passed on to children.
#[test]
fn sessions_are_the_kernels() {
    let led = Session {
        session_id: 10,
        process_group_id: 10,
        namespace_session_id: 2,
        namespace_process_group_id: 2,
        ..Session::default()
    };
    let inside = Task { session: Some(led), namespace_pid: 2, pid_namespace: 5, ..task(10, 1) };
    let mut model = after([exec(1, Task { namespace_pid: 2, pid_namespace: 5, ..task(10, 1) }, "/bin/sh")]);
    model.apply(&event(
        2,
        inside.clone(),
        Kind::ChangeSession(ChangeSession { pid: 0, process_group_id: 0 }),
    ));
    model.apply(&fork(3, inside, key(20)));
    assert_eq!((get(&model, 10).session(), get(&model, 20).session()), (&led, &led));
}

/// Scenario: unshare of a pid namespace, then two forks, the second by the first child. Guarantees: the caller stays where it is; its child is the first of
/// the new namespace, with that one's start; who ends in there leaves its children to it.
#[test]
fn a_new_pid_namespace_begins_with_the_next_child() {
    let inside = |pid, parent, namespace_pid| Task { namespace_pid, pid_namespace: 5, ..task(pid, parent) };
    let child = |pid: u32, namespace_pid| {
        Kind::Fork(Fork {
            child_process: Some(key(pid)),
            child_tid: pid,
            child_namespace_pid: namespace_pid,
            child_pid_namespace: 5,
            pid_namespace_start_boot_ns: 9,
            ..Fork::default()
        })
    };
    let mut model = after([
        exec(0, task(1, 0), "/sbin/init"),
        exec(1, task(10, 1), "/bin/unshare"),
        event(2, task(10, 1), Kind::ChangeNamespace(ChangeNamespace::default())),
        event(3, task(10, 1), child(20, 1)),
        event(4, inside(20, 10, 1), child(30, 2)),
        event(5, inside(30, 20, 2), child(40, 3)),
    ]);
    let place = |model: &HostModel, pid| {
        let process = get(model, pid);
        (process.pid_namespace(), process.namespace_pid(), process.pid_namespace_start_boot_ns())
    };
    assert_eq!(place(&model, 10), (4_026_531_836, 10, 0));
    assert_eq!((place(&model, 20), place(&model, 30)), ((5, 1, 9), (5, 2, 9)));
    model.apply(&exit(6, inside(30, 20, 2), 0));
    assert_eq!(get(&model, 40).parent_pid(), 20);
}

/// Scenario: chroot, pivot_root back to the whole, then a program within another root. Guarantees: the root is the one told last, and none told is `/`.
#[test]
fn a_root_is_the_one_told_last() {
    let root =
        |path: &str| Kind::ChangeRoot(ChangeRoot { root_directory: path.into(), ..ChangeRoot::default() });
    let mut model = after([exec(1, task(10, 1), "/bin/sh"), event(2, task(10, 1), root("/jail"))]);
    assert_eq!(get(&model, 10).root_directory(), b"/jail");
    model.apply(&failed(event(3, task(10, 1), root("/nope"))));
    assert_eq!(get(&model, 10).root_directory(), b"/jail");
    model.apply(&event(4, task(10, 1), root("")));
    assert_eq!(get(&model, 10).root_directory(), b"");
}

/// Scenario: a process of the host moves into a container's control group (docker exec does so), forks, and the fact about that group comes only
/// after; then it moves to a group of which nothing is told. Guarantees: it is in no container it is not known to be in, at any event; with
/// the fact both are in the container.
#[test]
fn a_process_moves_between_control_groups() {
    let at = |cgroup_id| Task { cgroup_id, ..task(10, 1) };
    let mut model = after([container(77, ""), exec(1, at(77), "/usr/bin/runc")]);
    let of = |model: &HostModel, pid| match model.container_id(get(model, pid)) {
        ContainerId::Container(id) => id.to_owned(),
        other => format!("{other:?}"),
    };
    assert_eq!(of(&model, 10), "Host");
    model.apply(&plain(2, at(88)));
    model.apply(&fork(3, at(88), key(20)));
    assert_eq!((of(&model, 10), of(&model, 20)), ("Unknown".into(), "Unknown".into()));
    model.apply(&container(88, "abc"));
    assert_eq!((of(&model, 10), of(&model, 20)), ("abc".into(), "abc".into()));
    model.apply(&plain(5, at(99)));
    assert_eq!((of(&model, 10), of(&model, 20)), ("Unknown".into(), "abc".into()));
}
