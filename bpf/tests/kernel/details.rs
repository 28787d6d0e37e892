//! Calls that the table of shapes describes, a test for each kind of step.
#![cfg(target_arch = "x86_64")]

use std::{
    fs,
    io::{IoSlice, Read, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    os::{
        fd::{AsFd, AsRawFd},
        unix::{fs::MetadataExt, net::UnixDatagram},
    },
};

use eyrie_bpf::{Argument, Config, DescriptorInfo, DetailedCall, Place, Record, Step, flag};
use rustix::fs::{AtFlags, MemfdFlags};
use test_programs::{Abi, Program};
use test_requirements::{Requirement, requires};

use super::{
    actor::{Acted, actor, is_acting, run},
    loaded::{Loaded, RING_BYTES, Recorded},
    opens::folder,
};

const READ: u32 = 0;
const WRITE: u32 = 1;
const WRITEV: u32 = 20;
const DUP: u32 = 32;
const SENDTO: u32 = 44;
const RECVFROM: u32 = 45;
const SENDMSG: u32 = 46;
const RECVMSG: u32 = 47;
const BIND: u32 = 49;
const RENAME: u32 = 82;
const UNLINK: u32 = 87;
const UNLINKAT: u32 = 263;
const ACCEPT4: u32 = 288;
const EVENTFD2: u32 = 290;
const PIPE2: u32 = 293;
const MEMFD_CREATE: u32 = 319;
const PIPEFS_MAGIC: u64 = 0x5049_5045;
const ANON_INODE_FS_MAGIC: u64 = 0x0904_1934;
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;

const FIRST: Step = Step::Descriptor { place: Place::First, argument: Argument::At(0) };
const MADE: Step = Step::Descriptor { place: Place::First, argument: Argument::Result };

fn path(argument: u8) -> Step {
    Step::Path { place: Place::First, argument, directory: None }
}

/// The programs with shapes of these native calls, and nothing else captured.
fn loaded(shapes: &[(u32, &[Step])]) -> Loaded {
    let calls = shapes.iter().map(|(number, _)| *number).collect();
    let mut loaded = Loaded::with(RING_BYTES, &Config { calls, max_data_bytes: 8, ..Config::default() });
    shapes.iter().for_each(|(number, steps)| loaded.describe(*number, false, steps));
    loaded
}

/// Runs the act of a test of this file.
fn acted(loaded: &mut Loaded, test: &str, directory: &std::path::Path) -> (Acted, Recorded) {
    let acted = run(&mut actor(&format!("kernel::details::{test}"), directory)).succeeded();
    let recorded = loaded.drain(acted.pid);
    (acted, recorded)
}

/// The only call with this number that `pick` takes.
fn only<'a>(
    recorded: &'a Recorded,
    number: u32,
    pick: impl Fn(&DetailedCall<'a>) -> bool,
) -> DetailedCall<'a> {
    recorded.only(|record| match record {
        Record::DetailedCall(call) if call.header.call_number == number && pick(&call) => Some(call),
        _ => None,
    })
}

/// A descriptor as the test tells it: number and inode.
fn told(descriptor: &impl AsFd) -> String {
    let number = descriptor.as_fd().as_raw_fd();
    format!("{number} {}", fs::metadata(format!("/proc/self/fd/{number}")).unwrap().ino())
}

fn recorded_as(info: &DescriptorInfo<'_>) -> String {
    format!("{} {}", info.fd, info.file.inode)
}

/// Scenario: unlink and unlinkat with relative and absolute paths, against the working directory and a descriptor, and one
/// that fails; rename, which has two paths. Guarantees: each path as it was asked for, with the directory that it starts from,
/// and the result; absolute ones have no base.
#[test]
fn paths_have_their_bases() {
    if is_acting() {
        let inner = fs::File::open("inner").unwrap();
        fs::remove_file("plain").unwrap();
        rustix::fs::unlinkat(&inner, "there", AtFlags::empty()).unwrap();
        fs::remove_file("missing").unwrap_err();
        fs::rename("old", std::env::current_dir().unwrap().join("new")).unwrap();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::create_dir(folder.join("inner")).unwrap();
    for name in ["plain", "inner/there", "old"] {
        fs::write(folder.join(name), "").unwrap();
    }
    let second = Step::Path { place: Place::Second, argument: 1, directory: None };
    let at = Step::Path { place: Place::First, argument: 1, directory: Some(0) };
    let mut loaded = loaded(&[(UNLINK, &[path(0)]), (UNLINKAT, &[at]), (RENAME, &[path(0), second])]);
    let (_, recorded) = acted(&mut loaded, "paths_have_their_bases", &folder);
    let text = |path: &std::path::Path| path.as_os_str().as_encoded_bytes().to_vec();
    let plain = only(&recorded, UNLINK, |call| call.path.requested == b"plain");
    assert_eq!((plain.header.call_result, plain.path.directory_fd), (0, -100));
    assert_eq!(plain.path.base, text(&folder));
    let there = only(&recorded, UNLINKAT, |call| call.path.requested == b"there");
    assert_eq!(there.path.base, text(&folder.join("inner")));
    assert_eq!(there.path.directory_fd, there.arguments[0] as i32);
    let missing = only(&recorded, UNLINK, |call| call.path.requested == b"missing");
    assert_eq!((missing.header.call_result, missing.path.base), (-2, &text(&folder)[..]));
    let renamed = only(&recorded, RENAME, |_| true);
    assert_eq!((renamed.path.requested, renamed.path.base), (&b"old"[..], &text(&folder)[..]));
    assert_eq!(renamed.second_path.requested, text(&folder.join("new")));
    assert!(renamed.second_path.base.is_empty());
}

/// Scenario: a file is duplicated; a pipe, an eventfd and a memory file are made; duplicating what is not open fails.
/// Guarantees: number, inode, file system and path are those that /proc tells; what failed has its negative number.
#[test]
fn descriptors_are_what_proc_says() {
    if is_acting() {
        let file = fs::File::open("file").unwrap();
        let twin = rustix::io::dup(&file).unwrap();
        println!("twin={}", told(&twin));
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        println!("read={}\nwrite={}", told(&read), told(&write));
        let event = rustix::event::eventfd(0, rustix::event::EventfdFlags::empty()).unwrap();
        println!("event={}", told(&event));
        let memory = rustix::fs::memfd_create("eyrie", MemfdFlags::CLOEXEC).unwrap();
        println!("memory={}", told(&memory));
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::write(folder.join("file"), "").unwrap();
    let mut loaded = loaded(&[
        (DUP, &[MADE]),
        (PIPE2, &[Step::DescriptorPair(0)]),
        (EVENTFD2, &[MADE]),
        (MEMFD_CREATE, &[Step::Text(0), MADE]),
    ]);
    let (acted, recorded) = acted(&mut loaded, "descriptors_are_what_proc_says", &folder);
    let said = |name: &str| acted.said(name);
    let twin = only(&recorded, DUP, |call| recorded_as(&call.first) == said("twin"));
    assert_eq!(twin.first.path, folder.join("file").as_os_str().as_encoded_bytes());
    assert_eq!(twin.first.family, 0);
    let pipe = only(&recorded, PIPE2, |call| recorded_as(&call.first) == said("read"));
    assert_eq!(recorded_as(&pipe.second), said("write"));
    assert_eq!((pipe.first.file_system, pipe.second.file_system), (PIPEFS_MAGIC, PIPEFS_MAGIC));
    let event = only(&recorded, EVENTFD2, |call| recorded_as(&call.first) == said("event"));
    assert_eq!((event.first.file_system, event.first.path), (ANON_INODE_FS_MAGIC, &b"/[eventfd]"[..]));
    let memory = only(&recorded, MEMFD_CREATE, |call| recorded_as(&call.first) == said("memory"));
    assert_eq!((memory.text, memory.first.path), (&b"eyrie"[..], &b"/memfd:eyrie"[..]));
    assert!(memory.first.file.has(eyrie_bpf::file_flag::MEMFD));
}

/// Scenario: a listener is bound and accepts; datagrams are sent and received with addresses, by sendto and by sendmsg.
/// Guarantees: sockets with both ends, the addresses that were given and those that came back, and the start of the data.
#[test]
fn sockets_have_ends_and_addresses() {
    if is_acting() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (server, _) = listener.accept().unwrap();
        println!("server={}", told(&server));
        println!("ports={port} {}", client.local_addr().unwrap().port());
        let (one, two) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let (from, to) = (one.local_addr().unwrap().port(), two.local_addr().unwrap().port());
        println!("from={from}\nto={to}");
        one.send_to(b"by sendto, long", ("127.0.0.1", to)).unwrap();
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, to);
        let mut none = rustix::net::SendAncillaryBuffer::default();
        let data = [IoSlice::new(b"msg")];
        rustix::net::sendmsg_addr(&one, &address, &data, &mut none, rustix::net::SendFlags::empty()).unwrap();
        let mut buffer = [0; 64];
        two.recv_from(&mut buffer).unwrap();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut loaded = loaded(&[
        (BIND, &[FIRST, Step::Address { argument: 1, size: 2 }]),
        (ACCEPT4, &[MADE, Step::AddressBack { argument: 1, size: 2 }]),
        (
            SENDTO,
            &[
                FIRST,
                Step::Address { argument: 4, size: 5 },
                Step::Data { argument: 1, size: 2, is_written: false },
            ],
        ),
        (SENDMSG, &[FIRST, Step::Message { argument: 1, is_written: false }]),
        (
            RECVFROM,
            &[
                FIRST,
                Step::AddressBack { argument: 4, size: 5 },
                Step::Data { argument: 1, size: 2, is_written: true },
            ],
        ),
        (RECVMSG, &[FIRST, Step::Message { argument: 1, is_written: true }]),
    ]);
    let (acted, recorded) = acted(&mut loaded, "sockets_have_ends_and_addresses", &folder);
    let port = |name: &str| acted.said(name).parse::<u16>().unwrap();
    let sockaddr = |port: u16| [&AF_INET.to_ne_bytes()[..], &port.to_be_bytes(), &[127, 0, 0, 1]].concat();
    let server = only(&recorded, ACCEPT4, |call| recorded_as(&call.first) == acted.said("server"));
    let ports = format!("{} {}", server.first.local.port, server.first.remote.port);
    assert_eq!((server.first.family, ports), (AF_INET, acted.said("ports")));
    assert!(server.address.starts_with(&sockaddr(server.first.remote.port)));
    let bound = only(&recorded, BIND, |call| call.first.local.port == port("to"));
    assert!(bound.address.starts_with(&sockaddr(0)) && bound.first.protocol == 17);
    let sent = only(&recorded, SENDTO, |call| call.address.starts_with(&sockaddr(port("to"))));
    assert_eq!((sent.header.call_result, sent.data), (15, &b"by sendt"[..]));
    assert_eq!(sent.first.local.port, port("from"));
    let message = only(&recorded, SENDMSG, |call| call.address.starts_with(&sockaddr(port("to"))));
    assert_eq!((message.header.call_result, message.data), (3, &b"msg"[..]));
    let received = only(&recorded, RECVFROM, |call| call.first.local.port == port("to"));
    assert_eq!((received.header.call_result, received.data), (15, &b"by sendt"[..]));
    assert!(received.address.starts_with(&sockaddr(port("from"))));
}

/// Scenario: reads and writes, plain and by vector, of more and of less than is kept; a read at the end of a file; a write to
/// what is not open for it; a Unix datagram pair. Guarantees: the first bytes of what was moved and no more, whatever the
/// buffer held; a failed write has what it was to write; ends of Unix sockets by name.
#[test]
fn data_are_what_was_moved() {
    if is_acting() {
        let mut file = fs::File::options().read(true).write(true).create_new(true).open("data").unwrap();
        file.write_all(b"0123456789").unwrap();
        assert_eq!(file.write_vectored(&[IoSlice::new(b"abc"), IoSlice::new(b"def")]).unwrap(), 6);
        let mut reader = fs::File::open("data").unwrap();
        let mut buffer = *b"stale stale stale stale stale sta";
        assert_eq!(reader.read(&mut buffer[..4]).unwrap(), 4);
        assert_eq!(reader.read(&mut buffer).unwrap(), 12);
        assert_eq!(reader.read(&mut buffer).unwrap(), 0);
        fs::File::open("data").unwrap().write(b"refused").unwrap_err();
        let (one, two) = (UnixDatagram::bind("one").unwrap(), UnixDatagram::bind("two").unwrap());
        one.connect("two").unwrap();
        rustix::io::write(&one, b"unix").unwrap();
        drop(two);
        println!("reader={}", told(&reader));
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let data = |is_written| Step::Data { argument: 1, size: 2, is_written };
    let mut loaded = loaded(&[
        (READ, &[FIRST, data(true)]),
        (WRITE, &[FIRST, data(false)]),
        (WRITEV, &[FIRST, Step::Vector { argument: 1, count: 2, is_written: false }]),
    ]);
    let (acted, recorded) = acted(&mut loaded, "data_are_what_was_moved", &folder);
    let written = only(&recorded, WRITE, |call| call.data == b"01234567");
    assert_eq!(written.header.call_result, 10);
    let vector = only(&recorded, WRITEV, |call| recorded_as(&call.first) == recorded_as(&written.first));
    assert_eq!((vector.header.call_result, vector.data), (6, &b"abc"[..]));
    let reads = |result: i64| {
        only(&recorded, READ, |call| {
            recorded_as(&call.first) == acted.said("reader") && call.header.call_result == result
        })
    };
    assert_eq!((reads(4).data, reads(12).data, reads(0).data), (&b"0123"[..], &b"456789ab"[..], &b""[..]));
    let refused = only(&recorded, WRITE, |call| call.data == b"refused");
    assert_eq!(refused.header.call_result, -9);
    let unix = only(&recorded, WRITE, |call| call.data == b"unix");
    assert_eq!((unix.first.family, unix.first.local_name), (AF_UNIX, &b"one\0"[..]));
    assert_eq!(unix.first.remote_name, b"two\0");
}

/// Scenario: a 32-bit program makes a socket, binds it and shuts it down by socketcall, and unlinks a file. Guarantees: each is
/// told as the call that it is, with its own arguments and parts, in the numbering of 32-bit calls; a use of socketcall that
/// nobody asked for is not told.
#[test]
fn calls_of_32_bits_have_their_parts() {
    const I386_UNLINK: u32 = 10;
    const I386_SOCKETCALL: u32 = 102;
    const I386_SOCKET: u32 = 359;
    const I386_BIND: u32 = 361;
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::write(folder.join("gone"), "").unwrap();
    let mut program = Program::with_nothing_open(Abi::I386);
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let address = program.bytes(&[&AF_INET.to_ne_bytes()[..], &[0, 0, 127, 0, 0, 1], &[0; 8]].concat());
    let socket = program.bytes(&words(&[2, 2, 0]));
    let bind = program.bytes(&words(&[3, address, 16]));
    let shutdown = program.bytes(&words(&[3, 2]));
    let gone = program.text("gone");
    program.call_number(I386_SOCKETCALL, &[1, socket]);
    program.call_number(I386_SOCKETCALL, &[2, bind]);
    program.call_number(I386_SOCKETCALL, &[13, shutdown]);
    program.call_number(I386_UNLINK, &[gone]);
    let compat_calls = [I386_SOCKETCALL, I386_SOCKET, I386_BIND, I386_UNLINK].into_iter().collect();
    let mut loaded = Loaded::with(RING_BYTES, &Config { compat_calls, ..Config::default() });
    loaded.describe(I386_SOCKET, true, &[MADE]);
    loaded.describe(I386_BIND, true, &[FIRST, Step::Address { argument: 1, size: 2 }]);
    loaded.describe(I386_UNLINK, true, &[path(0)]);
    let acted = run(&mut program.write(&folder)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let socket = only(&recorded, I386_SOCKET, |_| true);
    assert_eq!((socket.header.call_result, socket.first.family, socket.arguments[1]), (3, AF_INET, 2));
    assert!(socket.header.has(flag::COMPAT32));
    let bind = only(&recorded, I386_BIND, |_| true);
    assert_eq!((bind.first.fd, bind.address.len(), bind.header.call_result), (3, 16, 0));
    assert_ne!(bind.first.local.port, 0);
    let unlink = only(&recorded, I386_UNLINK, |_| true);
    assert_eq!((unlink.path.requested, unlink.header.call_result), (&b"gone"[..], 0));
    let is_plain = |record: Record<'_>| matches!(record, Record::Call(_));
    assert!(!recorded.iter().any(is_plain));
}
