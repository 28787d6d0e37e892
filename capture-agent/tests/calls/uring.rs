use std::{
    fs,
    net::TcpStream,
    os::unix::fs::MetadataExt,
    process::{Child, Stdio},
};

use eyrie_proto::event::{Descriptor, Event, SystemCall, descriptor, event::Kind};
use test_requirements::{Requirement, requires};
use tokio::runtime::Runtime;

use super::{
    ring::{FIRST_FD, RING, Ring, SQPOLL, Submission},
    scene::{ALONE, AT_FDCWD, Scene, bytes_of, folder, is_of, performed, started},
    sockets::{free_port, port, ports_in_proc, sockaddr, socket, transfer},
};
use crate::fake_engine::{FakeEngine, Policy, Seen};
use test_programs::{Abi, Program};

/// linux/io_uring.h.
const READ_FIXED_FILE: u8 = 1;
const ASYNC: u8 = 1 << 4;
const SKIP_SUCCESS: u8 = 1 << 6;
const ACCEPT: u8 = 13;
const CONNECT: u8 = 16;
const OPENAT: u8 = 18;
const READ: u8 = 22;
const SEND: u8 = 26;
const RECV: u8 = 27;
const OPENAT2: u8 = 28;
const RENAMEAT: u8 = 35;
const UNLINKAT: u8 = 36;
const MKDIRAT: u8 = 37;
const SYMLINKAT: u8 = 38;
const LINKAT: u8 = 39;
const SOCKET: u8 = 45;
const BIND: u8 = 56;
const LISTEN: u8 = 57;
const REGISTER_FILES: u32 = 2;
const ACCEPT_MULTISHOT: u16 = 1;

const EINPROGRESS: i64 = -115;

fn program(flags: u32) -> (Program, Ring) {
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let ring = Ring::new(&mut program, flags);
    (program, ring)
}

/// Those that were called, and those that were submitted.
fn both(scene: &Scene, name: &str) -> [Vec<(i64, Kind)>; 2] {
    let (submitted, called): (Vec<_>, Vec<_>) =
        scene.calls(name).into_iter().partition(|(call, _)| call.is_io_uring);
    let strip =
        |calls: Vec<(SystemCall, Kind)>| calls.into_iter().map(|(call, kind)| (call.result, kind)).collect();
    [strip(called), strip(submitted)]
}

/// The same with another number for the descriptor that was opened.
fn with_fd(mut kind: Kind, fd: i32) -> Kind {
    if let Kind::Open(open) = &mut kind
        && let Some(descriptor) = &mut open.descriptor
    {
        descriptor.fd = fd;
    }
    kind
}

/// Scenario: a program opens a file by its relative path, a file that does not exist, and one with `openat2` below a directory, each by
/// the call and by the ring, there inline and by a worker. Guarantees: the ring's events are those of the calls.
#[test]
fn opens_are_told_like_calls() {
    const O_CREAT_EXCL_RDWR: u32 = 0o302;
    const O_DIRECTORY: u32 = 0o200_000;
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::create_dir(folder.join("below")).unwrap();
    fs::write(folder.join("below/here"), "text").unwrap();
    let (mut program, mut ring) = program(0);
    let (here, missing) = (program.text("below/../below/here"), program.text("/missing/file"));
    let (directory, name) = (program.text("below"), program.text("here"));
    // O_RDWR, no mode, RESOLVE_BENEATH.
    let how = program.words(&[2, 0, 8]);
    program.call("open", &[directory, O_DIRECTORY]); // 6
    program.call("openat", &[AT_FDCWD, here, 2, 0]); // 7
    program.call("openat", &[AT_FDCWD, missing, O_CREAT_EXCL_RDWR, 0o640]);
    program.call("openat2", &[FIRST_FD, name, how, 24]); // 8
    let open = Submission { operation: OPENAT, fd: AT_FDCWD, ..Submission::default() };
    let found = Submission { address: here, operation_flags: 2, ..open };
    let failing = Submission { address: missing, operation_flags: O_CREAT_EXCL_RDWR, length: 0o640, ..open };
    let beneath = Submission {
        operation: OPENAT2,
        fd: FIRST_FD,
        address: name,
        offset: how.into(),
        length: 24,
        ..Submission::default()
    };
    for flags in [0, ASYNC] {
        for submission in [found, failing, beneath] {
            ring.perform(&mut program, Submission { flags, ..submission });
        }
    }
    let scene = performed(&["openat", "openat2"], Abi::X86_64, program, &folder);

    let [called, submitted] = both(&scene, "openat");
    let [(7, opened), (-2, failed)] = &called[..] else { panic!("{called:?}") };
    let expected = [9, 11].map(|fd| (fd, with_fd(opened.clone(), fd as i32)));
    let failed = (-2, failed.clone());
    let [first, last] = expected;
    assert_eq!(submitted, [first, failed.clone(), last, failed]);
    let [called, submitted] = both(&scene, "openat2");
    let [(8, opened)] = &called[..] else { panic!("{called:?}") };
    assert_eq!(submitted, [10, 12].map(|fd| (fd, with_fd(opened.clone(), fd as i32))));
    let Kind::Open(open) = &submitted[1].1 else { panic!() };
    assert_eq!(open.path.as_ref().unwrap().base, bytes_of(&folder.join("below")));
    assert_eq!(scene.check(open.descriptor.as_ref()), 12);
    assert_eq!(open.resolve, 8);
}

/// Scenario: a program makes and removes directories, links and names, and fails to, by calls and then the same by the ring. Guarantees:
/// the ring's events are those of the calls.
#[test]
fn calls_on_paths_are_told_like_calls() {
    const AT_REMOVEDIR: u32 = 0x200;
    const RENAME_NOREPLACE: u32 = 1;
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::write(folder.join("file"), "text").unwrap();
    let (mut program, mut ring) = program(0);
    let file = program.text(bytes_of(&folder.join("file")));
    let [other, link, made] = ["other", "link", "made"].map(|name| program.text(name));
    let cwd = AT_FDCWD;
    program.call("mkdirat", &[cwd, made, 0o750]);
    program.call("mkdirat", &[cwd, made, 0o700]);
    program.call("unlinkat", &[cwd, made, AT_REMOVEDIR]);
    program.call("linkat", &[cwd, file, cwd, link, 0]);
    program.call("unlinkat", &[cwd, link, 0]);
    program.call("symlinkat", &[other, cwd, link]);
    program.call("unlinkat", &[cwd, link, 0]);
    program.call("renameat2", &[cwd, file, cwd, other, RENAME_NOREPLACE]);
    program.call("renameat2", &[cwd, other, cwd, file, 0]);
    program.call("unlinkat", &[99, link, 0]);

    let at = Submission { fd: cwd, ..Submission::default() };
    let unlink =
        |address, operation_flags| Submission { operation: UNLINKAT, address, operation_flags, ..at };
    let rename = |address, offset: u32, operation_flags| Submission {
        operation: RENAMEAT,
        address,
        length: cwd,
        offset: offset.into(),
        operation_flags,
        ..at
    };
    let mkdir = |length| Submission { operation: MKDIRAT, address: made, length, ..at };
    for submission in [
        mkdir(0o750),
        mkdir(0o700),
        unlink(made, AT_REMOVEDIR),
        Submission { operation: LINKAT, operation_flags: 0, ..rename(file, link, 0) },
        unlink(link, 0),
        Submission { operation: SYMLINKAT, address: other, offset: link.into(), ..at },
        unlink(link, 0),
        rename(file, other, RENAME_NOREPLACE),
        rename(other, file, 0),
        Submission { fd: 99, ..unlink(link, 0) },
    ] {
        ring.perform(&mut program, submission);
    }
    let names = ["mkdirat", "unlinkat", "linkat", "symlinkat", "renameat2"];
    let scene = performed(&names, Abi::X86_64, program, &folder);
    for (name, count) in names.into_iter().zip([2, 4, 1, 1, 2]) {
        let [called, submitted] = both(&scene, name);
        assert_eq!(called.len(), count, "{name}");
        assert_eq!(submitted, called, "{name}");
    }
    let [called, _] = both(&scene, "mkdirat");
    assert_eq!((called[0].0, called[1].0), (0, -17));
}

/// Scenario: a program makes sockets, binds, listens, connects, accepts, sends and receives, all by the ring. Guarantees: sockets,
/// addresses, ports and data are as the program and /proc have them.
#[test]
fn a_connection_by_the_ring() {
    const AF_INET: u32 = 2;
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let (mut program, mut ring) = program(0);
    let own_port = free_port();
    let address = program.bytes(&sockaddr(own_port));
    let (text, buffer) = (program.bytes(b"0123456789"), program.bytes(&[0; 64]));
    let (listener, client, server) = (FIRST_FD, FIRST_FD + 1, FIRST_FD + 2);
    let make = Submission { operation: SOCKET, fd: AF_INET, offset: 1, length: 6, ..Submission::default() };
    let of = |operation, fd| Submission { operation, fd, ..Submission::default() };
    for submission in [
        make,
        Submission { address, offset: 16, ..of(BIND, listener) },
        Submission { length: 5, ..of(LISTEN, listener) },
        make,
        Submission { address, offset: 16, ..of(CONNECT, client) },
        of(ACCEPT, listener),
        Submission { address: text, length: 10, operation_flags: 0x4000, ..of(SEND, client) },
        Submission { address: buffer, length: 64, flags: ASYNC, ..of(RECV, server) },
        Submission { address, offset: 16, ..of(CONNECT, RING) },
    ] {
        ring.perform(&mut program, submission);
    }
    let calls = ["socket", "bind", "listen", "connect", "accept4", "sendto", "recvfrom"];
    let scene = performed(&calls, Abi::X86_64, program, &folder);
    assert!(calls.iter().all(|name| scene.calls(name).iter().all(|(call, _)| call.is_io_uring)));

    let made = scene.all("socket");
    for ((result, kind), fd) in made.iter().zip([listener, client]) {
        let Kind::SocketCreate(made) = kind else { panic!("{kind:?}") };
        assert_eq!((*result, made.family, made.r#type, made.protocol), (i64::from(fd), AF_INET, 1, 6));
        assert_eq!(scene.check(made.descriptor.as_ref()), fd as i32);
    }
    let (0, Kind::Bind(bound)) = scene.only("bind") else { panic!() };
    assert_eq!(port(bound.requested.as_ref()), own_port);
    assert_eq!(port(socket(bound.descriptor.as_ref()).local.as_ref()), own_port);
    let (0, Kind::Bind(listened)) = scene.only("listen") else { panic!() };
    assert_eq!((listened.backlog, scene.check(listened.descriptor.as_ref())), (5, listener as i32));
    let connects = scene.all("connect");
    let [(0, Kind::Connect(connected)), (-88, Kind::Connect(refused))] = &connects[..] else {
        panic!("{connects:?}")
    };
    assert_eq!(port(connected.requested.as_ref()), own_port);
    assert_eq!(scene.check(connected.descriptor.as_ref()), client as i32);
    let own = socket(connected.descriptor.as_ref());
    let ports = (port(own.local.as_ref()), port(own.remote.as_ref()));
    assert_eq!((ports, ports.1), (ports_in_proc("tcp", own.inode), own_port));
    assert!(own.is_connected && !connected.is_started_only);
    assert_eq!(refused.descriptor, Some(Descriptor { fd: RING as i32, kind: None }));
    let (_, Kind::Accept(accepted)) = scene.only("accept4") else { panic!() };
    assert_eq!(scene.check(accepted.descriptor.as_ref()), server as i32);
    assert_eq!(accepted.listening_fd, listener as i32);
    let end = socket(accepted.descriptor.as_ref());
    assert_eq!((port(end.remote.as_ref()), port(end.local.as_ref())), ports);
    for (name, fd, size, flags) in [("sendto", client, 10, 0x4000), ("recvfrom", server, 64, 0)] {
        let (10, moved) = transfer(&scene, name) else { panic!("{name}") };
        assert_eq!((moved.data.as_slice(), moved.size), (&b"01234567"[..], size), "{name}");
        assert_eq!(moved.flags & 0x4000, flags, "{name}");
        assert_eq!(scene.check(moved.descriptor.as_ref()), fd as i32);
    }
}

/// Scenario: a file is opened into the ring's own table and read from there, and a registered file is read; another open is to say nothing
/// unless it fails. Guarantees: the reads are of their files, whose numbers are their places; the silent open counts as successful.
#[test]
fn files_of_the_ring_have_their_places() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    for name in ["registered", "direct"] {
        fs::write(folder.join(name), name).unwrap();
    }
    let (mut program, mut ring) = program(0);
    let (registered, direct) = (program.text("registered"), program.text("direct"));
    let buffer = program.bytes(&[0; 64]);
    let fds = program.bytes(&[FIRST_FD.to_le_bytes(), u32::MAX.to_le_bytes()].concat());
    program.call("open", &[registered, 0]);
    program.call("io_uring_register", &[RING, REGISTER_FILES, fds, 2]);
    program.call("close", &[FIRST_FD]);
    let open = Submission { operation: OPENAT, fd: AT_FDCWD, address: direct, ..Submission::default() };
    ring.perform(&mut program, Submission { file_index: 2, ..open });
    let silent = Submission { address: registered, flags: SKIP_SUCCESS, ..open };
    for index in 0..2 {
        let read = Submission { operation: READ, flags: READ_FIXED_FILE, fd: index, ..Submission::default() };
        ring.perform(&mut program, Submission { address: buffer, length: 64, ..read });
    }
    ring.begin(&mut program, silent);
    let scene = performed(&["openat", "read"], Abi::X86_64, program, &folder);
    let opens = scene.all("openat");
    let [(0, Kind::Open(opened)), (0, Kind::Open(silent))] = &opens[..] else { panic!("{opens:?}") };
    assert_eq!(silent.path.as_ref().unwrap().requested, b"registered");
    let [_, reads] = both(&scene, "read");
    let read_of = |(_, kind): &(i64, Kind)| match kind {
        Kind::Transfer(transfer) => (transfer.descriptor.clone(), transfer.data.clone()),
        other => panic!("{other:?}"),
    };
    let [first, second] = [read_of(&reads[0]), read_of(&reads[1])];
    assert_eq!((reads[0].0, first.1, reads[1].0, second.1), (10, b"register".into(), 6, b"direct".into()));
    let expected =
        [(first.0, 0, "registered"), (second.0, 1, "direct"), (opened.descriptor.clone(), 1, "direct")];
    for (descriptor, place, name) in expected {
        let descriptor = descriptor.unwrap();
        let Some(descriptor::Kind::File(file)) = descriptor.kind else { panic!("{descriptor:?}") };
        assert_eq!((descriptor.fd, file.path), (place, bytes_of(&folder.join(name))));
        assert_eq!(file.inode, fs::metadata(folder.join(name)).unwrap().ino());
    }
}

/// Scenario: a thread of the kernel takes the submissions. Guarantees: the call is the process's that has the ring.
#[test]
fn a_polled_ring_is_its_programs() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::write(folder.join("file"), "text").unwrap();
    let (mut program, mut ring) = program(SQPOLL);
    let file = program.text("file");
    let open = Submission { operation: OPENAT, fd: AT_FDCWD, address: file, ..Submission::default() };
    ring.perform(&mut program, open);
    let scene = performed(&["openat"], Abi::X86_64, program, &folder);
    let (6, Kind::Open(opened)) = scene.only("openat") else { panic!() };
    assert_eq!(scene.check(opened.descriptor.as_ref()), 6);
    assert_eq!(opened.path.unwrap().base, bytes_of(&folder));
}

/// Ends the process that a test started, whatever becomes of the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Scenario: a program accepts on a listener, one connection and any number, and nobody connects; then somebody does. Guarantees: that it
/// waits is told; each connection is told with its ends, and the first of each accept names that start.
#[test]
fn what_waits_is_told_and_then_its_end() {
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for (priority, connections) in [(0, 1), (ACCEPT_MULTISHOT, 2)] {
        let (_keep, folder) = folder();
        let (mut program, mut ring) = program(0);
        let own_port = free_port();
        let address = program.bytes(&sockaddr(own_port));
        program.call("socket", &[2, 1, 0]);
        program.call("bind", &[FIRST_FD, address, 16]);
        program.call("listen", &[FIRST_FD, 5]);
        ring.begin(
            &mut program,
            Submission { operation: ACCEPT, priority, fd: FIRST_FD, ..Submission::default() },
        );
        let accepts = |seen: &Seen, pid: u32| {
            let of = |(sequence, event): (&u64, &Event)| match &event.kind {
                Some(Kind::Accept(accept)) if is_of(event, pid) => {
                    Some((*sequence, event.call.unwrap(), accept.clone()))
                }
                _ => None,
            };
            seen.events.iter().filter_map(of).collect::<Vec<_>>()
        };
        Runtime::new().unwrap().block_on(async {
            let engine = FakeEngine::start(Policy::default()).await;
            let running = started(&engine, &["accept4"]).await;
            let child = program.write_waiting(&folder).stdin(Stdio::null()).spawn().unwrap();
            let child = Ended(child);
            let pid = child.0.id();
            engine.until("the start", |seen| accepts(seen, pid).len() == 1).await;
            let mut peers = Vec::new();
            for count in 1..=connections {
                peers.push(TcpStream::connect(("127.0.0.1", own_port)).unwrap());
                engine.until("an end", |seen| accepts(seen, pid).len() == 1 + count).await;
            }
            running.shutdown().await;
            let told = accepts(&engine.seen(), pid);
            let (start, call, accept) = &told[0];
            assert_eq!((call.result, call.started_sequence), (EINPROGRESS, 0));
            assert_eq!(accept.listening_fd, FIRST_FD as i32);
            for (index, (_, call, accept)) in told[1..].iter().enumerate() {
                let fd = FIRST_FD as i32 + 1 + index as i32;
                assert_eq!((call.result, call.is_io_uring), (fd.into(), true));
                assert_eq!(call.started_sequence, if index == 0 { *start } else { 0 });
                let own = socket(accept.descriptor.as_ref());
                let peer = peers[index].local_addr().unwrap().port();
                assert_eq!((port(own.remote.as_ref()), port(own.local.as_ref())), (peer, own_port));
                let link = fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap();
                assert_eq!(link.to_str().unwrap(), format!("socket:[{}]", own.inode));
            }
        });
    }
}
