//! Sockets and their ends (C.3 item 14).

use std::net::IpAddr;

use eyrie_proto::event::{SocketRole, event::Kind};
use scap::{
    Descriptor, DescriptorKind, InternetAddress,
    value::{SocketAddress, SocketTuple, Value},
};

use crate::{
    ends, shown, socket,
    stream::{Scap, Stream, int, uint},
};

fn address(text: &str) -> InternetAddress {
    let address: std::net::SocketAddr = text.parse().unwrap();
    InternetAddress { ip: address.ip(), port: address.port() }
}

fn tuple(source: &str, destination: &str) -> Value {
    Value::Tuple(SocketTuple::Internet { source: address(source), destination: address(destination) })
}

fn sockaddr(text: &str) -> Value {
    Value::Address(SocketAddress::Internet(address(text)))
}

fn make(scap: &mut Scap, fd: i64, family: u64, r#type: u64) {
    scap.exit(
        "socket",
        &[
            ("fd", int(fd)),
            ("domain", uint(family)),
            ("type", uint(r#type)),
            ("proto", uint(0)),
            ("flags", uint(0x1000)),
        ],
    );
}

/// `PEER: own -> peer ROLE [changed]` of each transfer.
fn transfers(stream: &Stream) -> Vec<String> {
    let transfers = stream.kinds().into_iter().filter_map(|kind| match kind {
        Kind::Transfer(transfer) => {
            let socket = socket(transfer.descriptor.as_ref());
            let role = match socket.role() {
                SocketRole::Client => "client",
                SocketRole::Server => "server",
                SocketRole::Unspecified => "?",
            };
            let changed = if socket.name_changed { " changed" } else { "" };
            Some(format!(
                "{}: {} {role}{changed}",
                shown(transfer.peer.as_ref()),
                ends(transfer.descriptor.as_ref())
            ))
        }
        _ => None,
    });
    transfers.collect()
}

/// Scenario: a server binds, listens and accepts; a client connects at once, slowly, and in vain. Guarantees: ends, roles, states, and whether they are
/// connected at each call.
#[test]
fn connections() {
    let mut scap = Scap::new();
    make(&mut scap, 3, 2, 1);
    scap.exit("bind", &[("res", int(0)), ("addr", sockaddr("0.0.0.0:80")), ("fd", int(3))]);
    scap.exit("listen", &[("res", int(0)), ("fd", int(3)), ("backlog", int(5))]);
    scap.exit(
        "accept4",
        &[
            ("fd", int(4)),
            ("tuple", tuple("10.0.0.9:5000", "10.0.0.1:80")),
            ("queuelen", uint(1)),
            ("queuemax", uint(5)),
            ("flags", int(0o2_000_000)),
        ],
    );
    make(&mut scap, 5, 2, 1);
    scap.exit(
        "connect",
        &[
            ("res", int(-115)),
            ("tuple", tuple("10.0.0.1:4000", "1.1.1.1:443")),
            ("fd", int(5)),
            ("addr", sockaddr("1.1.1.1:443")),
        ],
    );
    scap.exit("read", &[("res", int(-11)), ("fd", int(5))]);
    scap.exit("write", &[("res", int(10)), ("fd", int(5))]);
    make(&mut scap, 6, 2, 1);
    scap.exit("connect", &[("res", int(-111)), ("fd", int(6)), ("addr", sockaddr("1.1.1.1:22"))]);
    let stream = scap.stream();
    let kinds = stream.kinds();
    let Kind::SocketCreate(create) = kinds[0] else { panic!() };
    assert_eq!((create.family, create.r#type), (2, 1 | 0o2_000_000));
    assert_eq!(
        (socket(create.descriptor.as_ref()).protocol, socket(create.descriptor.as_ref()).r#type),
        (6, 1)
    );
    let Kind::Bind(listen) = kinds[2] else { panic!() };
    let listening = socket(listen.descriptor.as_ref());
    assert_eq!(
        (ends(listen.descriptor.as_ref()), listening.state, listening.role(), listen.backlog),
        ("0.0.0.0:80 -> none".to_owned(), 10, SocketRole::Server, 5)
    );
    let Kind::Accept(accept) = kinds[3] else { panic!() };
    let accepted = socket(accept.descriptor.as_ref());
    assert_eq!(
        (ends(accept.descriptor.as_ref()), accepted.role(), accepted.is_connected),
        ("10.0.0.1:80 -> 10.0.0.9:5000".to_owned(), SocketRole::Server, true)
    );
    assert_eq!((accept.flags, accept.queue_length, accept.queue_limit), (0o2_000_000, 1, 5));
    let connected = |at: usize| match kinds[at] {
        Kind::Connect(connect) => socket(connect.descriptor.as_ref()).is_connected,
        Kind::Transfer(transfer) => socket(transfer.descriptor.as_ref()).is_connected,
        other => panic!("{other:?}"),
    };
    assert_eq!([5, 6, 7, 9].map(connected), [false, false, true, false]);
    let Kind::Connect(refused) = kinds[9] else { panic!() };
    assert_eq!(
        (shown(refused.requested.as_ref()), ends(refused.descriptor.as_ref())),
        ("1.1.1.1:22".to_owned(), "none -> none".to_owned())
    );
}

/// Scenario: a datagram socket sends to two peers and is answered; another one is bound and asked; one is from before the file. Guarantees: the peer is the
/// message's, in its right order; who sends first is the client; another peer is told.
#[test]
fn datagrams() {
    let mut scap = Scap::new();
    make(&mut scap, 3, 2, 2);
    let send = |scap: &mut Scap, fd, from: &str, to: &str| {
        scap.exit(
            "sendto",
            &[("res", int(3)), ("fd", int(fd)), ("size", uint(3)), ("tuple", tuple(from, to))],
        );
    };
    let receive = |scap: &mut Scap, fd, from: &str, to: &str| {
        scap.exit(
            "recvfrom",
            &[("res", int(3)), ("fd", int(fd)), ("size", uint(3)), ("tuple", tuple(from, to))],
        );
    };
    send(&mut scap, 3, "0.0.0.0:0", "8.8.8.8:53");
    send(&mut scap, 3, "0.0.0.0:4000", "9.9.9.9:53");
    receive(&mut scap, 3, "9.9.9.9:53", "10.0.0.1:4000");
    make(&mut scap, 4, 2, 2);
    scap.exit("bind", &[("res", int(0)), ("addr", sockaddr("0.0.0.0:514")), ("fd", int(4))]);
    receive(&mut scap, 4, "10.0.0.7:900", "10.0.0.1:514");
    send(&mut scap, 9, "10.0.0.1:7", "10.0.0.2:9");
    let stream = scap.stream();
    assert_eq!(
        transfers(&stream),
        [
            "8.8.8.8:53: none -> none client",
            "9.9.9.9:53: 0.0.0.0:4000 -> none client changed",
            "9.9.9.9:53: 0.0.0.0:4000 -> none client",
            "10.0.0.7:900: 0.0.0.0:514 -> none server",
            "10.0.0.2:9: 10.0.0.1:7 -> none client",
        ]
    );
}

/// Scenario: connections in the list of a file, from a port at which the host listens and from another one, by IPv4 and IPv6. Guarantees: IPv4
/// alone has roles, by that port (part 1.8).
#[test]
fn listed_connections() {
    let mut scap = Scap::new();
    let connection = |fd, own: &str, peer: &str| {
        let kind =
            DescriptorKind::Connection { source: address(own), destination: address(peer), protocol: 2 };
        Descriptor { fd, inode: 1, kind }
    };
    let server = DescriptorKind::Server {
        address: InternetAddress { ip: IpAddr::from([0; 16]), port: 22 },
        protocol: 2,
    };
    let listed = [
        Descriptor { fd: 3, inode: 1, kind: server },
        connection(4, "10.0.0.1:22", "10.0.0.2:4000"),
        connection(5, "10.0.0.1:4001", "10.0.0.2:22"),
        connection(6, "[::1]:22", "[::2]:22"),
    ];
    scap.writer().descriptors(10, &listed).unwrap();
    for fd in 4..=6 {
        scap.exit("read", &[("res", int(1)), ("fd", int(fd))]);
    }
    let expected = [
        "none: 10.0.0.1:22 -> 10.0.0.2:4000 server",
        "none: 10.0.0.1:4001 -> 10.0.0.2:22 client",
        "none: [::1]:22 -> [::2]:22 ?",
    ];
    assert_eq!(transfers(&scap.stream()), expected);
}

/// Scenario: options with an error, a time and bytes; a slow connect that succeeded by its option; shutdown. Guarantees: values as they lie in memory, and the
/// connection is one.
#[test]
fn options() {
    let mut scap = Scap::new();
    make(&mut scap, 3, 2, 1);
    scap.exit(
        "connect",
        &[("res", int(-115)), ("tuple", tuple("10.0.0.1:4000", "1.1.1.1:443")), ("fd", int(3))],
    );
    let dynamic = |index, value| Value::Dynamic(index, Box::new(value));
    // SOL_SOCKET, SO_ERROR and SO_RCVTIMEO by Falco's numbers.
    scap.exit(
        "getsockopt",
        &[
            ("res", int(0)),
            ("fd", int(3)),
            ("level", uint(1)),
            ("optname", uint(4)),
            ("val", dynamic(1, int(0))),
        ],
    );
    scap.exit(
        "setsockopt",
        &[
            ("res", int(0)),
            ("fd", int(3)),
            ("level", uint(1)),
            ("optname", uint(20)),
            ("val", dynamic(4, uint(2_000_003_000))),
        ],
    );
    scap.exit("shutdown", &[("res", int(0)), ("fd", int(3)), ("how", uint(2))]);
    let stream = scap.stream();
    let options: Vec<_> = stream
        .kinds()
        .into_iter()
        .filter_map(|kind| if let Kind::SocketOption(option) = kind { Some(option) } else { None })
        .collect();
    assert_eq!((options[0].level, options[0].name, &*options[0].value), (1, 4, &[0; 4][..]));
    assert!(socket(options[0].descriptor.as_ref()).is_connected);
    assert_eq!(options[1].value, [2_u64.to_le_bytes(), 3_u64.to_le_bytes()].concat());
    assert_eq!(options[2].how, 2);
}
