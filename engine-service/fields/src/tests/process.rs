//! `proc.*`, `thread.*`, `user.*` and `container.*`.

use eyrie_proto::{
    event::{
        Capabilities, Event, Exec, Executable, ProcessKey, ProcessSnapshot, ProcessState, Session, Task,
        event::Kind,
    },
    metadata::{Completeness, Container, ContainerMount, Image},
};

use host_model::HostModel;

use super::fixture::{check, event, extract, host, open, show_in, state, tell_cgroup, tell_user, view};
use crate::{ContainerView, EventView, Extracted, Value};

/// Scenario: a process with arguments and an executable. Guarantees: Falco's lines, paths and flags.
#[test]
fn a_process_has_names_and_lines() {
    check(
        &open("/x", "/x"),
        &host(),
        &[
            ("proc.name", "cat"),
            ("proc.pid", "30"),
            ("proc.ppid", "20"),
            ("proc.vpid", "30"),
            ("proc.exe", "/bin/cat"),
            ("proc.exepath", "/usr/bin/cat"),
            ("proc.args", "-n /etc/shadow"),
            ("proc.args[1]", "/etc/shadow"),
            ("proc.args[2]", "<absent>"),
            ("proc.cmdline", "cat -n /etc/shadow"),
            ("proc.exeline", "/bin/cat -n /etc/shadow"),
            ("proc.cmdnargs", "2"),
            ("proc.cmdlenargs", "13"),
            ("proc.cwd", "/root/work/"),
            ("proc.env[PATH]", "/bin:/usr/bin"),
            ("proc.env[NONE]", "<absent>"),
            ("proc.env", "HOME=/root PATH=/bin:/usr/bin PATHS=no"),
            ("proc.pname", "bash"),
            ("proc.pexe", "/bin/bash"),
            ("proc.pexepath", "/usr/bin/bash"),
            ("proc.pcmdline", "bash -l"),
            ("proc.is_exe_writable", "true"),
            ("proc.is_exe_upper_layer", "true"),
            ("proc.is_exe_from_memfd", "false"),
            ("proc.is_exe_deleted", "false"),
            ("proc.exe_ino", "77"),
            ("proc.exe_ino.ctime", "1600000000000000000"),
            ("proc.exe_ino.ctime_duration_proc_start", "100000001000000030"),
            ("proc.duration", "3999999970"),
            ("proc.pid.ts", "1700000001000000030"),
            ("proc.exec_id", "30-3b9aca1e-77359400"),
            ("proc.pexec_id", "20-3b9aca14-77359400"),
            ("proc.is_truncated", "false"),
        ],
    );
}

/// Scenario: a process executes a memory file, and then a file that was removed. Guarantees: the first is both, the second is deleted
/// only.
#[test]
fn executables_without_a_directory_are_told() {
    let mut host = host();
    for (is_memfd, expected) in [(true, "true"), (false, "false")] {
        let executable = Executable { is_memfd, is_deleted: true, ..Executable::default() };
        let executed = event(Kind::Exec(Exec { executable: Some(executable), ..Exec::default() }));
        host.apply(&executed);
        check(&executed, &host, &[("proc.is_exe_from_memfd", expected), ("proc.is_exe_deleted", "true")]);
    }
}

/// Scenario: the line of ancestors. Guarantees: numbers count from the process itself, no number means any above it.
#[test]
fn ancestors_go_by_number_or_all_together() {
    let (event, host) = (open("/x", "/x"), host());
    check(
        &event,
        &host,
        &[
            ("proc.aname[0]", "cat"),
            ("proc.aname[1]", "bash"),
            ("proc.aname[3]", "systemd"),
            ("proc.aname[4]", "<absent>"),
            ("proc.aname", "bash sshd systemd"),
            ("proc.apid[2]", "10"),
            ("proc.aexe[2]", "/bin/sshd"),
            ("proc.aexepath[1]", "/usr/bin/bash"),
            ("proc.acmdline[2]", "sshd -D"),
        ],
    );
    assert!(matches!(extract("proc.aname", &view(&event, &host)), Extracted::Value(Value::AnyOf(_))));
}

/// Scenario: session and group of a shell's child. Guarantees: ids, leaders, and the login shell.
#[test]
fn a_session_has_a_leader() {
    check(
        &open("/x", "/x"),
        &host(),
        &[
            ("proc.sid", "20"),
            ("proc.sname", "bash"),
            ("proc.sid.exe", "/bin/bash"),
            ("proc.sid.exepath", "/usr/bin/bash"),
            ("proc.pgid.exe", "/bin/cat"),
            ("proc.pgid.exepath", "/usr/bin/cat"),
            ("proc.vpgid.exe", "/bin/cat"),
            ("proc.vpgid.exepath", "/usr/bin/cat"),
            ("proc.vpgid", "30"),
            ("proc.is_vpgid_leader", "true"),
            ("proc.is_sid_leader", "false"),
            ("proc.tty", "34816"),
            ("proc.loginshellid", "20"),
        ],
    );
}

/// A host whose processes are in this session and group each; the first of a pair is the pid.
fn host_in(sessions: &[(u32, u32, u32)]) -> HostModel {
    let mut host = HostModel::default();
    for (pid, parent, id) in sessions {
        let session = Session { session_id: *id, process_group_id: *id, ..Session::default() };
        let known = state(*pid, *parent, &format!("p{pid}"), &[]);
        let known = ProcessState { session: Some(session), ..known };
        let kind = ProcessSnapshot { state: Some(known), ..ProcessSnapshot::default() };
        host.apply(&event(Kind::ProcessSnapshot(kind)));
    }
    host
}

fn in_session(id: u32) -> Event {
    let mut event = open("/x", "/x");
    let session = Session { session_id: id, process_group_id: id, ..Session::default() };
    event.task.as_mut().expect("a task").session = Some(session);
    event
}

/// Scenario: sessions whose leader lives, has ended, has ended with a stranger under its pid, and is in no line of ancestors; and a line that another
/// session interrupts. Guarantees: the leader; else the oldest of the unbroken line of ancestors in the session, and that is the process itself if its
/// parent is in another one.
#[test]
fn a_session_without_leader_is_named_after_its_oldest() {
    let names = |host: &HostModel, id| {
        ["proc.sname", "proc.pgid.name", "proc.vpgid.name"]
            .map(|name| show_in(name, &view(&in_session(id), host)))
    };
    let lives = host_in(&[(1, 0, 1), (10, 1, 10), (20, 10, 10), (30, 20, 10)]);
    assert_eq!(names(&lives, 10), ["p10"; 3]);
    let ended = host_in(&[(1, 0, 1), (12, 1, 10), (20, 12, 10), (30, 20, 10)]);
    assert_eq!(names(&ended, 10), ["p12"; 3]);
    let reused = host_in(&[(1, 0, 1), (10, 1, 1), (20, 1, 10), (30, 20, 10)]);
    assert_eq!(names(&reused, 10), ["p20"; 3]);
    let elsewhere = host_in(&[(1, 0, 1), (9, 1, 9), (20, 1, 1), (30, 20, 9)]);
    assert_eq!(names(&elsewhere, 9), ["p9"; 3]);
    let interrupted = host_in(&[(1, 0, 1), (12, 1, 10), (20, 12, 7), (30, 20, 10)]);
    assert_eq!(names(&interrupted, 10), ["p30"; 3]);
}

/// Scenario: a process in a pid namespace whose start is known; one of which it is not; an executable that changed after the start. Guarantees: the time
/// from the inode's change to either start, nothing where a start is not known, and no time below zero.
#[test]
fn an_executables_age_is_told_at_both_starts() {
    const CTIME: u64 = 1_600_000_000_000_000_000;
    let age = |started: u64, change_time_ns: u64| {
        let known = state(30, 20, "cat", &[]);
        let executable = known.executable.clone().map(|file| Executable { change_time_ns, ..file });
        let known = ProcessState { executable, pid_namespace_start_boot_ns: started, ..known };
        let mut host = HostModel::default();
        let kind = ProcessSnapshot { state: Some(known), ..ProcessSnapshot::default() };
        host.apply(&event(Kind::ProcessSnapshot(kind)));
        ["proc_start", "pidns_start"].map(|start| {
            show_in(&format!("proc.exe_ino.ctime_duration_{start}"), &view(&open("/x", "/x"), &host))
        })
    };
    assert_eq!(age(700_000_000, CTIME), ["100000001000000030", "100000000700000000"]);
    assert_eq!(age(0, CTIME), ["100000001000000030", "<absent>"]);
    assert_eq!(age(700_000_000, u64::MAX), ["0", "0"]);
}

/// Scenario: an event of a process that the model never heard of, and one whose pid was reused. Guarantees: what the
/// event itself says is there, the rest is absent, and the older process is not taken for it.
#[test]
fn a_process_that_is_not_known_has_what_its_event_says() {
    let expected = [
        ("proc.name", "cat"),
        ("proc.pid", "30"),
        ("proc.cmdline", "<absent>"),
        ("proc.exepath", "<absent>"),
        ("user.uid", "1000"),
    ];
    check(&open("/x", "/x"), &host_model::HostModel::default(), &expected);
    let mut reused = open("/x", "/x");
    let task = reused.task.as_mut().expect("a task");
    task.process = Some(ProcessKey { pid: 30, start_boot_ns: 4_000_000_000 });
    check(&reused, &host(), &expected);
    let nobody = Event { task: None, ..open("/x", "/x") };
    check(
        &nobody,
        &host(),
        &[("proc.name", "<absent>"), ("user.uid", "<absent>"), ("thread.tid", "<absent>")],
    );
}

/// Scenario: users of the host and of a container with the same id; the container's control group is told after others are.
/// Guarantees: each gets its own name, and until its group is told none of the host's; a name that cannot be known is a value; root needs
/// no passwd.
#[test]
fn users_have_the_names_of_where_they_are() {
    let (event, mut host) = (open("/x", "/x"), host());
    check(
        &event,
        &host,
        &[("user.name", "<NA>"), ("user.loginuid", "-1"), ("user.loginname", "<NA>"), ("group.gid", "100")],
    );
    tell_user(&mut host, "", 1000, "ann");
    check(&event, &host, &[("user.name", "ann"), ("user.homedir", "/home/x"), ("user.shell", "/bin/sh")]);
    tell_cgroup(&mut host, 1, "");
    check(&event, &host, &[("user.name", "<NA>"), ("user.homedir", "<NA>")]);
    tell_cgroup(&mut host, 30, "0123456789abcdef");
    check(&event, &host, &[("user.name", "<NA>")]);
    tell_user(&mut host, "0123456789abcdef", 1000, "www");
    check(&event, &host, &[("user.name", "www")]);
    let mut root = event;
    let credentials = root.task.as_mut().and_then(|task| task.credentials.as_mut()).expect("credentials");
    credentials.effective_uid = 0;
    check(&root, &host, &[("user.name", "root"), ("user.uid", "0")]);
}

/// Scenario: an origin without facts, a process of the host, one in a container, and one whose fact is still to come.
/// Guarantees: absent, host, the short id, unknown.
#[test]
fn containers_are_told_by_facts() {
    let (event, mut host) = (open("/x", "/x"), host());
    check(&event, &host, &[("container.id", "<absent>"), ("container.image.repository", "<absent>")]);
    tell_cgroup(&mut host, 1, "");
    check(&event, &host, &[("container.id", "<unknown>"), ("container.name", "<unknown>")]);
    tell_cgroup(&mut host, 30, "");
    check(&event, &host, &[("container.id", "host"), ("container.name", "host"), ("container.image", "")]);
    tell_cgroup(&mut host, 30, "0123456789abcdef");
    check(
        &event,
        &host,
        &[
            ("container.id", "0123456789ab"),
            ("container.full_id", "0123456789abcdef"),
            ("container.type", "podman"),
            ("container.image.repository", "<unknown>"),
            ("container.mount.dest[0]", "<unknown>"),
            ("k8s.ns.name", "<unknown>"),
        ],
    );
}

/// Scenario: capabilities, and an event of a second thread. Guarantees: names in order, and the main thread told apart.
#[test]
fn a_thread_has_capabilities() {
    let mut event = open("/x", "/x");
    let task: &mut Task = event.task.as_mut().expect("a task");
    task.tid = 31;
    if let Some(credentials) = &mut task.credentials {
        credentials.capabilities =
            Some(Capabilities { effective: 0x20_0001, permitted: 0, inheritable: 1 << 40 });
    }
    check(
        &event,
        &host(),
        &[
            ("thread.tid", "31"),
            ("thread.ismain", "false"),
            ("thread.cap_effective", "CAP_CHOWN CAP_SYS_ADMIN"),
            ("thread.cap_permitted", ""),
            ("thread.cap_inheritable", "CAP_CHECKPOINT_RESTORE"),
        ],
    );
    assert!(matches!(event.kind, Some(Kind::Open(_))));
}

/// Scenario: an event in a container of which metadata says all, a part, nothing yet, that it is not; and one on the host.
/// Guarantees: values; absent where a whole container has none; unknown where a part may still come; absent where there is
/// no such container; and the host is never given what a container has.
#[test]
fn containers_are_described_by_metadata() {
    let (event, mut host) = (open("/x", "/x"), host());
    tell_cgroup(&mut host, 30, "0123456789abcdef");
    let image = Image { repository: "docker.io/nginx".into(), tag: "1.27".into(), ..Image::default() };
    let mount = |source: &str, destination: &str, is_writable| ContainerMount {
        source: source.into(),
        destination: destination.into(),
        mode: "z".into(),
        propagation: "rprivate".into(),
        is_writable,
    };
    let whole = Container {
        name: "web".into(),
        image: Some(image),
        is_privileged: Some(false),
        started_ns: 7,
        labels: [
            ("app".to_owned(), "shop".to_owned()),
            ("io.kubernetes.pod.name".to_owned(), "p-1".to_owned()),
        ]
        .into(),
        mounts: vec![mount("/a", "/b", true), mount("/etc", "/host/etc", false)],
        pod_namespace: "prod".into(),
        completeness: Completeness::Complete.into(),
        ..Container::default()
    };
    let seen = |container| EventView { container, ..view(&event, &host) };
    let known = seen(ContainerView::Known(&whole));
    for (name, expected) in [
        ("container.name", "web"),
        ("container.image", "docker.io/nginx:1.27"),
        ("container.image.repository", "docker.io/nginx"),
        ("container.image.digest", "<absent>"),
        ("container.privileged", "false"),
        ("container.start_ts", "7"),
        ("k8s.rs.name", "<absent>"),
        ("container.label[app]", "shop"),
        ("container.label[none]", "<absent>"),
        ("container.mounts", "/a:/b:z:true:rprivate,/etc:/host/etc:z:false:rprivate"),
        ("container.mount[1]", "/etc:/host/etc:z:false:rprivate"),
        ("container.mount[2]", "<absent>"),
        ("container.mount.dest[/e*]", "/host/etc"),
        ("container.mount.source[/host/*]", "/etc"),
        ("container.mount.rdwr[0]", "true"),
        ("container.mount.propagation[0]", "rprivate"),
        ("k8s.pod.name", "p-1"),
        ("k8s.ns.name", "prod"),
        ("k8s.pod.uid", "<absent>"),
        ("k8s.pod.label[x]", "<absent>"),
    ] {
        assert_eq!(show_in(name, &known), expected, "{name}");
    }
    let part = Container { completeness: Completeness::Pending.into(), image: None, ..whole.clone() };
    let part = seen(ContainerView::Known(&part));
    assert_eq!(show_in("container.name", &part), "web");
    assert_eq!(show_in("container.image.repository", &part), "<unknown>");
    let absent = seen(ContainerView::Absent);
    assert_eq!(
        (&*show_in("container.id", &absent), &*show_in("container.name", &absent)),
        ("0123456789ab", "<absent>")
    );
    assert_eq!(show_in("container.name", &seen(ContainerView::Unknown)), "<unknown>");
    let mut elsewhere = super::fixture::host();
    tell_cgroup(&mut elsewhere, 30, "");
    let on_host = EventView { container: ContainerView::Known(&whole), ..view(&event, &elsewhere) };
    assert_eq!((&*show_in("container.name", &on_host), &*show_in("container.image", &on_host)), ("host", ""));
}
