//! Values of parameters, in the numbering and order that Falco's tools expect.

use std::net::IpAddr;

use eyrie_proto::event::{
    Accept, Bind, Connect, Descriptor, Exit, GenericCall, InternetAddress, Open, PathArgument, ProcessAccess,
    SocketAddress, SocketDescriptor, SocketOption, SocketRole, Transfer, descriptor, socket_address,
};
use scap::value::{SocketAddress as ScapAddress, SocketTuple};

use super::*;

/// The one event that is shown of what was written.
fn shown(event: Event) -> Written {
    let mut shown: Vec<_> = written(vec![event]).into_iter().filter(|event| !event.is_state_only).collect();
    assert_eq!(shown.len(), 1, "{shown:?}");
    shown.remove(0)
}

#[track_caller]
fn assert_parameters(event: &Written, expected: &[(&str, Value)]) {
    for (parameter, value) in expected {
        assert_eq!(event.parameters.get(parameter), Some(value), "{} {parameter}", event.name);
    }
}

fn end(ip: &[u8], port: u32) -> SocketAddress {
    let internet = InternetAddress { ip: ip.to_vec(), port, scope_id: 0 };
    SocketAddress { kind: Some(socket_address::Kind::Internet(internet)) }
}

fn socket(fd: i32, local: Option<SocketAddress>, remote: Option<SocketAddress>) -> Option<Descriptor> {
    let socket = SocketDescriptor {
        family: 2,
        r#type: 1,
        local,
        remote,
        role: SocketRole::Server.into(),
        ..SocketDescriptor::default()
    };
    Some(Descriptor { fd, kind: Some(descriptor::Kind::Socket(socket)) })
}

fn scap(ip: [u8; 4], port: u16) -> scap::InternetAddress {
    scap::InternetAddress { ip: IpAddr::from(ip), port }
}

/// Scenario: an open that made its file, and one that failed. Guarantees: Falco's flags, the file's device in user space's
/// encoding, and the error as descriptor.
#[test]
fn opens() {
    let path = PathArgument { requested: b"/a".to_vec(), directory_fd: -100, ..PathArgument::default() };
    let file = eyrie_proto::event::FileDescriptor {
        path: b"/a".to_vec(),
        inode: 5,
        device: 8 << 20 | 1,
        ..Default::default()
    };
    let open = Open {
        path: Some(path),
        flags: 0o2_000_102,
        mode: 0o644,
        is_created: true,
        descriptor: Some(Descriptor { fd: 3, kind: Some(descriptor::Kind::File(file)) }),
        ..Open::default()
    };
    let event = shown(call("openat", 3, EventKind::Open(open.clone())));
    assert_eq!((event.name, event.tid, event.time_ns), ("SYSCALL_OPENAT_2_X", 100, Some(BOOT + NOW)));
    let (created, device) = (0x4000 | 0x1000 | 4 | 3, 0x801);
    assert_parameters(
        &event,
        &[
            ("fd", Value::Signed(3)),
            ("dirfd", Value::Signed(-100)),
            ("name", Value::Text(b"/a".to_vec())),
            ("flags", Value::Unsigned(created)),
            ("mode", Value::Unsigned(0o644)),
            ("dev", Value::Unsigned(device)),
            ("ino", Value::Unsigned(5)),
        ],
    );
    let event =
        shown(call("openat", -2, EventKind::Open(Open { descriptor: None, is_created: false, ..open })));
    assert_parameters(&event, &[("fd", Value::Signed(-2)), ("ino", Value::Unsigned(0))]);
}

/// Scenario: connect, accept, bind, sendto and recvfrom. Guarantees: the tuple's ends in each event's order, addresses and ports
/// as they are.
#[test]
fn tuples() {
    let (own, peer) = (end(&[10, 0, 0, 1], 80), end(&[10, 0, 0, 2], 5000));
    let descriptor = socket(4, Some(own.clone()), Some(peer.clone()));
    let (own_end, peer_end) = (scap([10, 0, 0, 1], 80), scap([10, 0, 0, 2], 5000));
    let tuple = |source, destination| ("tuple", Value::Tuple(SocketTuple::Internet { source, destination }));
    let connect =
        Connect { descriptor: descriptor.clone(), requested: Some(peer.clone()), is_started_only: true };
    let event = shown(call("connect", -115, EventKind::Connect(connect)));
    let address = ("addr", Value::Address(ScapAddress::Internet(peer_end)));
    assert_parameters(
        &event,
        &[("res", Value::Signed(-115)), tuple(own_end, peer_end), ("fd", Value::Signed(4)), address],
    );
    let accept =
        Accept { descriptor: descriptor.clone(), queue_length: 1, queue_limit: 4, ..Accept::default() };
    let event = shown(call("accept4", 4, EventKind::Accept(accept)));
    assert_parameters(
        &event,
        &[tuple(peer_end, own_end), ("queuepct", Value::Unsigned(25)), ("queuemax", Value::Unsigned(4))],
    );
    let transfer = |peer| Transfer {
        descriptor: descriptor.clone(),
        data: b"x\0y".to_vec(),
        size: 3,
        peer,
        ..Transfer::default()
    };
    let event = shown(call("sendto", 3, EventKind::Transfer(transfer(None))));
    assert_parameters(&event, &[tuple(own_end, peer_end), ("data", Value::Bytes(b"x\0y".to_vec()))]);
    let event = shown(call("recvfrom", 3, EventKind::Transfer(transfer(Some(peer)))));
    assert_parameters(&event, &[tuple(peer_end, own_end), ("size", Value::Unsigned(3))]);
    let abstract_name = SocketAddress { kind: Some(socket_address::Kind::Unix(b"\0bus\0more".to_vec())) };
    let bind = Bind { descriptor: socket(4, None, None), requested: Some(abstract_name), backlog: 0 };
    let event = shown(call("bind", 0, EventKind::Bind(bind)));
    assert_parameters(&event, &[("addr", Value::Address(ScapAddress::Unix(b"@bus".to_vec())))]);
}

/// Scenario: values of several types (a socket's error, a time-out, an option in bytes, a word and a signal for ptrace).
/// Guarantees: each with the index of its type.
#[test]
fn values_of_several_types() {
    let option = |name, value: &[u8]| {
        let option = SocketOption {
            descriptor: socket(4, None, None),
            level: 1,
            name,
            value: value.to_vec(),
            ..SocketOption::default()
        };
        shown(call("getsockopt", 0, EventKind::SocketOption(option)))
    };
    let value = |index, value| ("val", Value::Dynamic(index, Box::new(value)));
    assert_parameters(&option(4, &111i32.to_ne_bytes()), &[value(1, Value::Signed(-111))]);
    assert_parameters(
        &option(9, &1i32.to_ne_bytes()),
        &[value(2, Value::Unsigned(1)), ("optname", Value::Unsigned(9))],
    );
    let time = [2u64.to_ne_bytes(), 500_000u64.to_ne_bytes()].concat();
    assert_parameters(&option(20, &time), &[value(4, Value::Unsigned(2_500_000_000))]);
    assert_parameters(&option(17, b"abc"), &[value(0, Value::Bytes(b"abc".to_vec()))]);
    let trace = |request, data| {
        let access = ProcessAccess { request, pid: 9, address: 1, data };
        shown(call("ptrace", 0, EventKind::ProcessAccess(access)))
    };
    let data = |index, value| ("data", Value::Dynamic(index, Box::new(Value::Unsigned(value))));
    assert_parameters(
        &trace(16, 7),
        &[data(0, 7), ("request", Value::Unsigned(0xb)), ("pid", Value::Signed(9))],
    );
    assert_parameters(&trace(7, 9), &[data(1, 9)]);
}

/// Scenario: calls without an event of their own: of the table's names, by a 32-bit program, and too new for it; the end of a
/// process. Guarantees: the generic event with Falco's number and x86-64's; the exit's status and signal.
#[test]
fn calls_without_an_event_are_generic() {
    let generic = || EventKind::GenericCall(GenericCall { arguments: vec![0; 6] });
    let event = shown(call("keyctl", 0, generic()));
    let id = table::system_call_code("keyctl").unwrap();
    assert_eq!(event.name, "GENERIC_X");
    assert_parameters(&event, &[("ID", Value::Unsigned(id.into())), ("nativeID", Value::Unsigned(250))]);
    let mut narrow = call("keyctl", 0, generic());
    narrow.call = Some(SystemCall { number: 288, abi: 1, ..SystemCall::default() });
    assert_parameters(
        &shown(narrow),
        &[("ID", Value::Unsigned(id.into())), ("nativeID", Value::Unsigned(250))],
    );
    let exit = Exit { status: 0x0309, signal: 9, is_core_dumped: true, is_process_end: true, reaper_pid: 1 };
    let event = shown(Event { call: None, ..call("setsid", 0, EventKind::Exit(exit)) });
    assert_eq!(event.name, "PROCEXIT_1_E");
    let expected = [
        ("status", Value::Signed(0x0309)),
        ("ret", Value::Signed(3)),
        ("sig", Value::Unsigned(9)),
        ("core", Value::Unsigned(1)),
        ("reaper_tid", Value::Signed(1)),
    ];
    assert_parameters(&event, &expected);
}
