//! What readers are told so that they know what events are about.

use eyrie_proto::{
    event::{
        Connect, Descriptor, DescriptorCall, Exec, FileDescriptor, Fork, InternetAddress, LossRecord, Open,
        PathArgument, PathCall, SocketAddress, SocketDescriptor, SocketRole, Transfer, descriptor,
        socket_address,
    },
    metadata::{Container, ContainerKey, Image, LateFact, late_fact},
};

use super::*;

/// The names of what was written, with what only changes state in brackets.
fn names(events: &[Written]) -> Vec<String> {
    let name = |event: &Written| match event.is_state_only {
        true => format!("[{}]", event.name),
        false => event.name.to_owned(),
    };
    // The first tells of the container's user.
    events.iter().skip(1).map(name).collect()
}

fn file(fd: i32, path: &str) -> Descriptor {
    let file = FileDescriptor { path: path.into(), inode: 5, mode: 0o100_644, ..FileDescriptor::default() };
    Descriptor { fd, kind: Some(descriptor::Kind::File(file)) }
}

fn read(descriptor: Descriptor) -> Event {
    let transfer = Transfer { descriptor: Some(descriptor), size: 10, ..Transfer::default() };
    call("read", 5, EventKind::Transfer(transfer))
}

fn address(ip: [u8; 4], port: u32) -> SocketAddress {
    let internet = InternetAddress { ip: ip.to_vec(), port, scope_id: 0 };
    SocketAddress { kind: Some(socket_address::Kind::Internet(internet)) }
}

fn connection(fd: i32, role: SocketRole) -> Descriptor {
    let socket = SocketDescriptor {
        family: 2,
        r#type: 1,
        protocol: 6,
        local: Some(address([10, 0, 0, 1], 5000)),
        remote: Some(address([10, 0, 0, 2], 443)),
        role: role.into(),
        ..SocketDescriptor::default()
    };
    Descriptor { fd, kind: Some(descriptor::Kind::Socket(socket)) }
}

/// Scenario: reads of files whose opening nobody saw, twice each, one of which is closed and another file then; a standard stream, of
/// which an event knows no more than its path, and one its numbers. Guarantees: each is told once before it is used, again when it is
/// another one, and where the blocks told it, its numbers alone.
#[test]
fn files_are_told_before_they_are_used() {
    let close =
        DescriptorCall { descriptor: Some(Descriptor { fd: 3, kind: None }), ..DescriptorCall::default() };
    let path = "/dev/pts/0".into();
    let as_text =
        descriptor::Kind::File(FileDescriptor { path, mode: 0o100_644, ..FileDescriptor::default() });
    let events = written(vec![
        read(Descriptor { fd: 0, kind: Some(as_text) }),
        read(file(0, "/dev/pts/0")),
        read(file(0, "/dev/pts/0")),
        read(file(3, "/a")),
        read(file(3, "/a")),
        call("close", 0, EventKind::DescriptorCall(close)),
        read(file(3, "/a")),
        read(file(3, "/b")),
    ]);
    let (read, open) = ("SYSCALL_READ_X", "[SYSCALL_OPENAT_2_X]");
    let of_stream = [read, open, read, read];
    let others = [open, read, read, "SYSCALL_CLOSE_X", open, read, open, read];
    assert_eq!(names(&events), [&of_stream[..], &others].concat());
    let told = &events[5];
    assert_eq!((told.tid, told.time_ns), (100, Some(BOOT + NOW)));
    for (parameter, value) in
        [("fd", Value::Signed(3)), ("dirfd", Value::Signed(-100)), ("ino", Value::Unsigned(5))]
    {
        assert_eq!(told.parameters.get(parameter), Some(&value), "{parameter}");
    }
    assert_eq!(told.parameters.get("name"), Some(&Value::Text(b"/a".to_vec())));
}

/// Scenario: an open by a relative path, then a read of what the kernel says was opened: the same path, and another one, as
/// behind a link. Guarantees: nothing is told twice; the kernel's name is told where readers could not know it.
#[test]
fn the_kernels_name_of_an_opened_file_is_told() {
    let open = |path: &str, reached: &str| {
        let path = PathArgument { requested: path.into(), directory_fd: -100, ..PathArgument::default() };
        let open = Open { path: Some(path), descriptor: Some(file(3, reached)), ..Open::default() };
        vec![call("openat", 3, EventKind::Open(open)), read(file(3, reached))]
    };
    let (opened, read) = ("SYSCALL_OPENAT_2_X", "SYSCALL_READ_X");
    assert_eq!(names(&written(open("a", "/root/a"))), [opened, read]);
    assert_eq!(names(&written(open("a", "/data/a"))), [opened, "[SYSCALL_OPENAT_2_X]", read]);
}

/// Scenario: a read from a connection of either role that nobody saw begin, a connect that is seen, a path below a directory's
/// descriptor. Guarantees: readers are told the socket with both ends, only the socket where the event tells its ends, and
/// the directory.
#[test]
fn sockets_and_directories_are_told_before_they_are_used() {
    let events =
        written(vec![read(connection(4, SocketRole::Client)), read(connection(5, SocketRole::Server))]);
    assert_eq!(
        names(&events),
        [
            "[SOCKET_SOCKET_X]",
            "[SOCKET_CONNECT_X]",
            "SYSCALL_READ_X",
            "[SOCKET_SOCKET_X]",
            "[SOCKET_ACCEPT_5_X]",
            "SYSCALL_READ_X"
        ]
    );
    let connect = Connect { descriptor: Some(connection(6, SocketRole::Client)), ..Connect::default() };
    let events = written(vec![
        call("connect", 0, EventKind::Connect(connect)),
        read(connection(6, SocketRole::Client)),
    ]);
    assert_eq!(names(&events), ["[SOCKET_SOCKET_X]", "SOCKET_CONNECT_X", "SYSCALL_READ_X"]);
    let path = PathArgument {
        requested: b"f".to_vec(),
        directory_fd: 7,
        base: b"/etc".to_vec(),
        ..PathArgument::default()
    };
    let unlink = PathCall { path: Some(path), ..PathCall::default() };
    let events = written(vec![call("unlinkat", 0, EventKind::PathCall(unlink))]);
    assert_eq!(names(&events), ["[SYSCALL_OPENAT_2_X]", "SYSCALL_UNLINKAT_2_X"]);
    assert_eq!(events[1].parameters.get("flags"), Some(&Value::Unsigned(0x401)));
}

/// Scenario: a clone whose child is in a pid namespace, what the child then runs with its output in a pipe. Guarantees: the parent's
/// event is seen; the child's only changes state and has the child's ids; the pipe is told before the exec.
#[test]
fn children_are_told_from_both_sides() {
    let fork = Fork {
        child_process: Some(key(200)),
        child_tid: 200,
        flags: 0x2000_0011,
        child_namespace_pid: 1,
        child_namespace_tid: 1,
        child_comm: b"sh".to_vec(),
        ..Fork::default()
    };
    let output = StandardStream { fd: 1, r#type: "pipe".to_owned(), name: b"pipe:[77]".to_vec() };
    let exec = Exec {
        exe: b"ls".to_vec(),
        arguments: vec![b"-a".to_vec()],
        standard_streams: vec![output],
        ..Exec::default()
    };
    let mut exec = call("execve", 0, EventKind::Exec(exec));
    exec.task = Some(Task { process: Some(key(200)), tid: 200, ..task() });
    let events = written(vec![call("clone", 200, EventKind::Fork(fork)), exec]);
    assert_eq!(
        names(&events),
        ["SYSCALL_CLONE_20_X", "[SYSCALL_CLONE_20_X]", "[SYSCALL_PIPE2_X]", "SYSCALL_EXECVE_19_X"]
    );
    let (parent, child, exec) = (&events[1], &events[2], &events[4]);
    assert_eq!((parent.tid, parent.parameters.get("res")), (100, Some(&Value::Signed(200))));
    assert_eq!(parent.parameters.get("args"), Some(&Value::Bytes(b"-l\0\0x\0".to_vec())));
    assert_eq!(child.tid, 200);
    for (parameter, value) in [
        ("res", Value::Signed(0)),
        ("ptid", Value::Signed(100)),
        ("vtid", Value::Signed(1)),
        ("comm", Value::Text(b"sh".to_vec())),
        ("flags", Value::Unsigned(1 << 29 | 0x40)),
    ] {
        assert_eq!(child.parameters.get(parameter), Some(&value), "{parameter}");
    }
    assert_eq!(exec.parameters.get("args"), Some(&Value::Bytes(b"-a\0".to_vec())));
}

/// Scenario: the host's users change, events are lost, a container becomes known. Guarantees: each is told by the event that
/// the format has for it, those that no rule sees as changes of state.
#[test]
fn facts_in_the_middle_are_told() {
    let users = UsersFact {
        users: vec![User { uid: 1001, name: b"bob".to_vec(), ..User::default() }],
        ..UsersFact::default()
    };
    let loss = LossRecord { count: 7, last_boot_ns: NOW, ..LossRecord::default() };
    let loss = Event { kind: Some(EventKind::Loss(loss)), ..Event::default() };
    let container = Container {
        key: Some(ContainerKey { runtime_id: CONTAINER.to_owned(), ..ContainerKey::default() }),
        runtime: "podman".to_owned(),
        name: "web".to_owned(),
        image: Some(Image { repository: "nginx".to_owned(), tag: "1".to_owned(), ..Image::default() }),
        is_privileged: Some(true),
        pod_name: "web-0".to_owned(),
        ..Container::default()
    };
    let known = eyrie_proto::capture::LateFacts {
        first_fact_sequence: 1,
        facts: vec![LateFact { kind: Some(late_fact::Kind::Container(container)) }],
    };
    let mut kinds = stream(vec![fact(ordered_fact::Kind::Users(users)), loss]);
    kinds.push(Kind::LateFacts(known));
    let events = events_of(&export(PLAIN, &kinds));
    assert_eq!(names(&events), ["[USER_DELETED_E]", "[USER_ADDED_E]", "DROP_E", "DROP_X", "[ASYNCEVENT_E]"]);
    assert_eq!(events[2].parameters.get("name"), Some(&Value::Text(b"bob".to_vec())));
    let Some(Value::Bytes(json)) = events[5].parameters.get("data") else { panic!("{:?}", events[5]) };
    let json: serde_json::Value = serde_json::from_slice(json.strip_suffix(&[0]).unwrap()).unwrap();
    let told = &json["container"];
    assert_eq!(
        (&told["id"], &told["type"], &told["image"]),
        (&"0123456789ab".into(), &11.into(), &"nginx:1".into())
    );
    assert_eq!(
        (&told["privileged"], &told["labels"]["io.kubernetes.pod.name"]),
        (&true.into(), &"web-0".into())
    );
}
