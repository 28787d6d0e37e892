use std::{fs, net::UdpSocket};

use eyrie_proto::event::{
    Descriptor, SocketAddress, SocketDescriptor, SocketRole, Transfer, descriptor, event::Kind,
    socket_address,
};
use test_requirements::{Requirement, requires};

use super::scene::{Scene, folder, performed, without_kind};
use test_programs::{Abi, Program};

pub(super) const AF_INET: u32 = 2;
pub(super) const STREAM: u32 = 1;
pub(super) const DATAGRAM: u32 = 2;
const O_CLOEXEC: u32 = 0o2_000_000;

pub(super) fn sockaddr(port: u16) -> Vec<u8> {
    [&(AF_INET as u16).to_ne_bytes()[..], &port.to_be_bytes(), &[127, 0, 0, 1], &[0; 8]].concat()
}

/// Port of an address on the loopback.
pub(super) fn port(address: Option<&SocketAddress>) -> u16 {
    match address.and_then(|address| address.kind.as_ref()) {
        Some(socket_address::Kind::Internet(address)) if address.ip == [127, 0, 0, 1] => {
            address.port.try_into().unwrap()
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn socket(descriptor: Option<&Descriptor>) -> &SocketDescriptor {
    match descriptor.and_then(|descriptor| descriptor.kind.as_ref()) {
        Some(descriptor::Kind::Socket(socket)) => socket,
        other => panic!("{other:?}"),
    }
}

/// Local and remote port of a socket by its inode, as /proc/net/tcp has them.
pub(super) fn ports_in_proc(table: &str, inode: u64) -> (u16, u16) {
    let text = fs::read_to_string(format!("/proc/net/{table}")).unwrap();
    let line = text
        .lines()
        .find(|line| line.split_whitespace().nth(9) == Some(&inode.to_string()))
        .unwrap_or_else(|| panic!("{inode} is not in {text}"));
    let port = |column: usize| {
        let address = line.split_whitespace().nth(column).unwrap();
        u16::from_str_radix(address.split_once(':').unwrap().1, 16).unwrap()
    };
    (port(1), port(2))
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(super) fn transfer(scene: &Scene, name: &str) -> (i64, Transfer) {
    match scene.only(name) {
        (result, Kind::Transfer(transfer)) => (result, transfer),
        other => panic!("{name}: {other:?}"),
    }
}

/// Scenario: a program listens, connects to itself, accepts, talks over the connection, sets and asks for options and shuts it down.
/// Guarantees: sockets as /proc has them; addresses, backlog, flags, roles, data, options; /proc/net/tcp has the same ports.
#[test]
fn a_connection() {
    a_connection_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn a_connection_32() {
    a_connection_of(Abi::I386);
}

fn a_connection_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(abi);
    let own_port = free_port();
    let address = program.bytes(&sockaddr(own_port));
    let peer = program.bytes(&[0; 16]);
    let size = program.bytes(&16_u32.to_le_bytes());
    let four = program.bytes(&4_u32.to_le_bytes());
    let one = program.bytes(&1_u32.to_le_bytes());
    let text = program.bytes(b"0123456789");
    let buffer = program.bytes(&[0; 64]);
    program.call("socket", &[AF_INET, STREAM | O_CLOEXEC, 6]); // 3
    program.call("setsockopt", &[3, 1, 2, one, 4]);
    program.call("bind", &[3, address, 16]);
    program.call("listen", &[3, 5]);
    program.call("accept4", &[99, peer, size, 0]);
    program.call("socket", &[AF_INET, STREAM, 0]); // 4
    program.call("connect", &[4, address, 16]);
    program.call("accept4", &[3, peer, size, O_CLOEXEC]); // 5
    program.call("sendto", &[4, text, 10, 0x4000, 0, 0]);
    program.call("recvfrom", &[5, buffer, 64, 0, 0, 0]);
    program.call("getsockopt", &[5, 1, 3, buffer, four]);
    program.call("shutdown", &[5, 1]);
    program.call("getpeername", &[4, peer, size]);
    let calls = [
        "socket",
        "setsockopt",
        "bind",
        "listen",
        "accept4",
        "connect",
        "sendto",
        "recvfrom",
        "getsockopt",
        "shutdown",
        "getpeername",
    ];
    let scene = performed(&calls, abi, program, &folder);

    let sockets = scene.all("socket");
    let [(3, Kind::SocketCreate(server)), (4, Kind::SocketCreate(client))] = &sockets[..] else {
        panic!("{sockets:?}")
    };
    assert_eq!((server.family, server.r#type, server.protocol), (AF_INET, STREAM | O_CLOEXEC, 6));
    assert_eq!([server, client].map(|made| scene.check(made.descriptor.as_ref())), [3, 4]);
    assert_eq!(socket(client.descriptor.as_ref()).protocol, 6);
    let (0, Kind::SocketOption(set)) = scene.only("setsockopt") else { panic!() };
    assert_eq!((set.level, set.name, set.value), (1, 2, 1_u32.to_le_bytes().to_vec()));
    let (0, Kind::Bind(bound)) = scene.only("bind") else { panic!() };
    assert_eq!(port(bound.requested.as_ref()), own_port);
    assert_eq!(port(socket(bound.descriptor.as_ref()).local.as_ref()), own_port);
    let (0, Kind::Bind(listened)) = scene.only("listen") else { panic!() };
    assert_eq!((listened.backlog, scene.check(listened.descriptor.as_ref())), (5, 3));
    assert_eq!(socket(listened.descriptor.as_ref()).role(), SocketRole::Server);

    let accepts = scene.all("accept4");
    let [(-9, Kind::Accept(refused)), (5, Kind::Accept(accepted))] = &accepts[..] else {
        panic!("{accepts:?}")
    };
    assert_eq!((refused.listening_fd, &refused.descriptor), (99, &without_kind(-9)));
    assert_eq!((accepted.listening_fd, accepted.flags), (3, O_CLOEXEC));
    assert_eq!(scene.check(accepted.descriptor.as_ref()), 5);
    let own = socket(accepted.descriptor.as_ref());
    assert_eq!((own.role(), own.is_connected), (SocketRole::Server, true));
    let ports = (port(own.local.as_ref()), port(own.remote.as_ref()));
    assert_eq!((ports.0, ports), (own_port, ports_in_proc("tcp", own.inode)));

    let connects = scene.connects();
    let [(0, connected)] = &connects[..] else { panic!("{connects:?}") };
    assert_eq!(port(connected.requested.as_ref()), own_port);
    assert_eq!(scene.check(connected.descriptor.as_ref()), 4);
    let client = socket(connected.descriptor.as_ref());
    assert_eq!((client.role(), client.is_connected), (SocketRole::Client, true));
    let client_ports = (port(client.local.as_ref()), port(client.remote.as_ref()));
    assert_eq!((client_ports, client_ports), (ports_in_proc("tcp", client.inode), (ports.1, ports.0)));

    let (10, sent) = transfer(&scene, "sendto") else { panic!() };
    assert_eq!((sent.data.as_slice(), sent.size, sent.flags), (&b"01234567"[..], 10, 0x4000));
    assert_eq!((scene.check(sent.descriptor.as_ref()), &sent.peer), (4, &None));
    let other = socket(sent.descriptor.as_ref());
    assert_eq!((port(other.remote.as_ref()), port(other.local.as_ref())), ports);
    let (10, received) = transfer(&scene, "recvfrom") else { panic!() };
    assert_eq!((received.data.as_slice(), received.size), (&b"01234567"[..], 64));
    assert_eq!(scene.check(received.descriptor.as_ref()), 5);
    let (0, Kind::SocketOption(asked)) = scene.only("getsockopt") else { panic!() };
    assert_eq!((asked.name, asked.value), (3, STREAM.to_le_bytes().to_vec()), "SO_TYPE");
    let (0, Kind::SocketOption(shut)) = scene.only("shutdown") else { panic!() };
    assert_eq!((shut.how, scene.check(shut.descriptor.as_ref())), (1, 5));
    let (0, Kind::DescriptorCall(named)) = scene.only("getpeername") else { panic!() };
    assert_eq!(scene.check(named.descriptor.as_ref()), 4);
}
