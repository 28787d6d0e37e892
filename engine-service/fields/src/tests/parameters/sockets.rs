//! Of calls on sockets.

use eyrie_proto::event::{
    Accept, Bind, Connect, Descriptor, SocketAddress, SocketCreate, SocketDescriptor, SocketOption,
    SocketRole, Transfer, descriptor, event::Kind, socket_address,
};

use super::{bare, check_arguments};
use crate::tests::fixture::{address, call, check, host, socket};

fn here() -> Option<SocketAddress> {
    Some(address(&[10, 0, 0, 1], 5000))
}

fn there() -> Option<SocketAddress> {
    Some(address(&[10, 0, 0, 2], 80))
}

fn unix(path: &str) -> SocketAddress {
    SocketAddress { kind: Some(socket_address::Kind::Unix(path.into())) }
}

/// Scenario: sockets made, one by one and in pairs. Guarantees: families by all their names; the flags apart from the type.
#[test]
fn new_sockets() {
    let create = SocketCreate {
        family: 2,
        r#type: 1 | 0o2_000_000,
        descriptor: Some(socket(None, None, SocketRole::Unspecified)),
        ..SocketCreate::default()
    };
    check_arguments(
        41,
        5,
        Kind::SocketCreate(create),
        "fd=5(<4t>) domain=2(AF_INET) type=1 proto=0 flags=4096(O_CLOEXEC)",
    );
    let packets = SocketCreate { family: 17, r#type: 3, protocol: 768, ..SocketCreate::default() };
    check_arguments(
        41,
        -1,
        Kind::SocketCreate(packets),
        "fd=-1(EPERM) domain=17(AF_PACKET) type=3 proto=768 flags=0(O_NONE)",
    );
    let end = |fd| Descriptor {
        fd,
        kind: Some(descriptor::Kind::Socket(SocketDescriptor { family: 1, ..SocketDescriptor::default() })),
    };
    let pair = SocketCreate {
        family: 1,
        r#type: 2,
        descriptor: Some(end(3)),
        second: Some(end(4)),
        ..SocketCreate::default()
    };
    check_arguments(
        53,
        0,
        Kind::SocketCreate(pair),
        "res=0 fd1=3(<u>) fd2=4(<u>) source=NULL peer=NULL domain=1(AF_LOCAL|AF_UNIX) type=2 proto=0",
    );
}

/// Scenario: a connection from both of its ends, one that fails, one over a Unix socket. Guarantees: tuples say who reaches
/// whom; the address is the one that was asked for.
#[test]
fn connections() {
    let connect = Connect {
        descriptor: Some(socket(here(), there(), SocketRole::Client)),
        requested: there(),
        ..Connect::default()
    };
    let tuple = "10.0.0.1:5000->10.0.0.2:80";
    check_arguments(
        42,
        0,
        Kind::Connect(connect.clone()),
        &format!("res=0 tuple={tuple} fd=5(<4t>{tuple}) addr=10.0.0.2:80"),
    );
    let local = Connect { descriptor: None, requested: Some(unix("/run/x")), ..Connect::default() };
    check_arguments(42, -2, Kind::Connect(local), "res=-2(ENOENT) tuple=/run/x fd=-1(EPERM) addr=/run/x");
    let accept = Accept {
        descriptor: Some(socket(here(), there(), SocketRole::Server)),
        queue_length: 3,
        queue_limit: 128,
        flags: 0o4_000,
        ..Accept::default()
    };
    let tuple = "10.0.0.2:80->10.0.0.1:5000";
    let queue = "queuepct=2 queuelen=3 queuemax=128";
    check_arguments(43, 5, Kind::Accept(accept.clone()), &format!("fd=5(<4t>{tuple}) tuple={tuple} {queue}"));
    check_arguments(
        288,
        5,
        Kind::Accept(accept),
        &format!("fd=5(<4t>{tuple}) tuple={tuple} {queue} flags=800"),
    );
    check_arguments(
        43,
        -11,
        Kind::Accept(Accept::default()),
        "fd=-11(EAGAIN) tuple=NULL queuepct=0 queuelen=0 queuemax=0",
    );
}

/// Scenario: a socket bound and listened on. Guarantees: its address, and its name as a server.
#[test]
fn servers() {
    let bind = Bind {
        descriptor: Some(socket(here(), None, SocketRole::Unspecified)),
        requested: here(),
        backlog: 64,
    };
    let fd = "fd=5(<4t>10.0.0.1:5000)";
    check_arguments(49, 0, Kind::Bind(bind.clone()), &format!("res=0 addr=10.0.0.1:5000 {fd}"));
    check_arguments(50, 0, Kind::Bind(bind.clone()), &format!("res=0 {fd} backlog=64"));
    let of_other_family = SocketAddress { kind: Some(socket_address::Kind::Raw(vec![16, 0])) };
    let netlink = Bind { requested: Some(of_other_family), ..bind };
    check_arguments(49, 0, Kind::Bind(netlink), &format!("res=0 addr=NULL {fd}"));
}

/// Scenario: options of each type, set and read, of a level that Falco knows not, and shutdowns. Guarantees: values by their
/// type; unknown options are UNKNOWN.
#[test]
fn options() {
    let option = |level, name, value: &[u8]| {
        Kind::SocketOption(SocketOption {
            descriptor: Some(bare(5)),
            level,
            name,
            value: value.to_vec(),
            ..SocketOption::default()
        })
    };
    let one = 1_i32.to_ne_bytes();
    check_arguments(
        54,
        0,
        option(1, 2, &one),
        "res=0 fd=5 level=1(SOL_SOCKET) optname=2(SO_REUSEADDR) val=1 optlen=4",
    );
    check_arguments(
        55,
        0,
        option(1, 4, &111_i32.to_ne_bytes()),
        "res=0 fd=5 level=1(SOL_SOCKET) optname=4(SO_ERROR) val=-111(ECONNREFUSED) optlen=4",
    );
    let time = [2_u64.to_ne_bytes(), 500_000_u64.to_ne_bytes()].concat();
    check_arguments(
        54,
        0,
        option(1, 20, &time),
        "res=0 fd=5 level=1(SOL_SOCKET) optname=20(SO_RCVTIMEO) val=2500000000 optlen=16",
    );
    check_arguments(
        54,
        0,
        option(1, 25, b"eth0\0"),
        "res=0 fd=5 level=1(SOL_SOCKET) optname=25(SO_BINDTODEVICE) val=eth0. optlen=5",
    );
    check_arguments(
        54,
        0,
        option(6, 1, &one),
        "res=0 fd=5 level=2(SOL_TCP) optname=0(UNKNOWN) val=.... optlen=4",
    );
    check_arguments(
        54,
        0,
        option(0, 1, &[]),
        "res=0 fd=5 level=0(UNKNOWN) optname=0(UNKNOWN) val=NULL optlen=0",
    );
    let shutdown = SocketOption { descriptor: Some(bare(5)), how: 2, ..SocketOption::default() };
    check_arguments(48, 0, Kind::SocketOption(shutdown), "res=0 fd=5 how=2(SHUT_RDWR)");
}

/// Scenario: messages sent and received over a datagram socket with and without a peer. Guarantees: the tuple goes from who
/// sends to who receives; ancillary data.
#[test]
fn messages() {
    let mut descriptor = socket(here(), None, SocketRole::Unspecified);
    if let Some(descriptor::Kind::Socket(socket)) = &mut descriptor.kind {
        (socket.r#type, socket.protocol) = (2, 17);
    }
    let message = Transfer {
        descriptor: Some(descriptor),
        size: 2,
        data: b"hi".to_vec(),
        peer: there(),
        control: vec![1, b'x'],
        ..Transfer::default()
    };
    let (out, back) = ("10.0.0.1:5000->10.0.0.2:80", "10.0.0.2:80->10.0.0.1:5000");
    let fd = format!("fd=5(<4u>{out})");
    let of = |message: &Transfer| Kind::Transfer(message.clone());
    for number in [44, 46] {
        check_arguments(number, 2, of(&message), &format!("res=2 data=hi {fd} size=2 tuple={out}"));
    }
    check_arguments(45, 2, of(&message), &format!("res=2 data=hi tuple={back} {fd} size=2"));
    check_arguments(47, 2, of(&message), &format!("res=2 size=2 data=hi tuple={back} msgcontrol=.x {fd}"));
    check_arguments(307, 1, of(&message), &format!("res=1 {fd} size=2 data=hi tuple={out}"));
    check_arguments(299, 1, of(&message), &format!("res=1 {fd} size=2 data=hi tuple={back} msgcontrol=.x"));
    let nameless = Transfer { descriptor: Some(bare(5)), ..Transfer::default() };
    check_arguments(44, -32, Kind::Transfer(nameless), "res=-32(EPIPE) data=NULL fd=5 size=0 tuple=NULL");
    check(&call(45, 2, of(&message)), &host(), &[("evt.io_dir", "read"), ("evt.arg[tuple]", back)]);
}
