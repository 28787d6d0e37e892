use eyrie_proto::event::{
    Accept, InternetAddress, SocketAddress, SocketCreate, SocketDescriptor, SocketRole, Transfer,
    socket_address,
};

use super::*;

const AF_INET6: u16 = 10;

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_NETLINK: u16 = 16;
const TCP_ESTABLISHED: u16 = 1;
const TCP_CLOSE: u16 = 7;
const TCP_LISTEN: u16 = 10;

fn socket(fd: i32, family: u16, state: u16) -> DescriptorInfo<'static> {
    DescriptorInfo { family, r#type: 1, protocol: 6, state, ..info(fd, 0x534f_434b, b"") }
}

fn connected(fd: i32) -> DescriptorInfo<'static> {
    DescriptorInfo {
        local: endpoint([10, 0, 0, 1], 80),
        remote: endpoint([10, 0, 0, 2], 4000),
        ..socket(fd, AF_INET, TCP_ESTABLISHED)
    }
}

fn internet(ip: [u8; 4], port: u32) -> Option<SocketAddress> {
    let address = InternetAddress { ip: ip.to_vec(), port, scope_id: 0 };
    Some(SocketAddress { kind: Some(socket_address::Kind::Internet(address)) })
}

fn kind_of(descriptor: Option<Descriptor>) -> SocketDescriptor {
    match descriptor.unwrap().kind.unwrap() {
        descriptor::Kind::Socket(socket) => socket,
        other => panic!("{other:?}"),
    }
}

fn sockaddr(ip: [u8; 4], port: u16) -> Vec<u8> {
    [&AF_INET.to_ne_bytes()[..], &port.to_be_bytes(), &ip, &[0; 8]].concat()
}

/// Scenario: sockets are made: of the internet, of netlink, a Unix pair, and one that is refused. Guarantees: what was asked for with its
/// flags, what was made, and an error as number where nothing was.
#[test]
fn sockets_are_made() {
    let of = |record: &DetailedCall<'_>| match event(record) {
        Kind::SocketCreate(create) => create,
        other => panic!("{other:?}"),
    };
    let created = of(&DetailedCall {
        first: socket(3, AF_INET, TCP_CLOSE),
        ..call("socket", [2, 0o2_000_001, 6, 0, 0, 0], 3)
    });
    assert_eq!((created.family, created.r#type, created.protocol), (2, 0o2_000_001, 6));
    let descriptor = kind_of(created.descriptor);
    assert_eq!((descriptor.role(), descriptor.is_connected), (SocketRole::Unspecified, false));
    assert_eq!((descriptor.local, descriptor.remote, descriptor.inode), (None, None, 77));
    let netlink =
        DetailedCall { first: socket(3, AF_NETLINK, TCP_CLOSE), ..call("socket", [16, 3, 0, 0, 0, 0], 3) };
    assert_eq!(kind_of(of(&netlink).descriptor).family, 16);
    let refused = of(&call("socket", [17, 3, 0, 0, 0, 0], -1));
    let expected =
        SocketCreate { family: 17, r#type: 3, descriptor: without_kind(-1), ..SocketCreate::default() };
    assert_eq!(refused, expected);
    let pair = of(&DetailedCall {
        first: socket(3, AF_UNIX, TCP_ESTABLISHED),
        second: socket(4, AF_UNIX, TCP_ESTABLISHED),
        ..call("socketpair", [1, 1, 0, 9, 0, 0], 0)
    });
    assert_eq!(pair.second.as_ref().unwrap().fd, 4);
    assert!(kind_of(pair.descriptor).is_connected);
}

/// Scenario: bind to an address, listen, accept4, an accept whose peer has gone already, one that fails. Guarantees: the address that was
/// asked for; who listens and who was accepted is a server; the number of the listening socket.
#[test]
fn servers() {
    let address = sockaddr([0, 0, 0, 0], 80);
    let bound = DescriptorInfo { local: endpoint([0; 4], 80), ..socket(3, AF_INET, TCP_CLOSE) };
    let bind = DetailedCall { first: bound, address: &address, ..call("bind", [3, 9, 16, 0, 0, 0], 0) };
    let Kind::Bind(bind) = event(&bind) else { panic!() };
    assert_eq!(bind.requested, internet([0; 4], 80));
    assert_eq!(kind_of(bind.descriptor).local, internet([0; 4], 80));
    let listening = DescriptorInfo { state: TCP_LISTEN, ..bound };
    let listen = DetailedCall { first: listening, ..call("listen", [3, 128, 0, 0, 0, 0], 0) };
    let Kind::Bind(listen) = event(&listen) else { panic!() };
    assert_eq!((listen.backlog, kind_of(listen.descriptor).role()), (128, SocketRole::Server));

    let accept = DetailedCall { first: connected(4), ..call("accept4", [3, 9, 9, 0o4000, 0, 0], 4) };
    let Kind::Accept(accept) = event(&accept) else { panic!() };
    assert_eq!((accept.listening_fd, accept.flags), (3, 0o4000));
    let accepted = kind_of(accept.descriptor);
    assert_eq!((accepted.role(), accepted.is_connected), (SocketRole::Server, true));
    assert_eq!(
        (accepted.local, accepted.remote),
        (internet([10, 0, 0, 1], 80), internet([10, 0, 0, 2], 4000))
    );
    let gone = DetailedCall { first: socket(4, AF_INET, TCP_CLOSE), ..call("accept", [3, 9, 9, 0, 0, 0], 4) };
    let Kind::Accept(gone) = event(&gone) else { panic!() };
    assert!(kind_of(gone.descriptor).is_connected);
    let again = event(&call("accept", [3, 9, 9, 7, 0, 0], -11));
    let expected = Accept { descriptor: without_kind(-11), listening_fd: 3, ..Accept::default() };
    assert_eq!(again, Kind::Accept(expected));
}

/// Scenario: sendto with an address, also without a family, recvmsg with address and ancillary data, sendto on a connected socket. Guarantees:
/// peer, data, size, flags and ancillary data; no peer where no address was given.
#[test]
fn messages() {
    let address = sockaddr([10, 0, 0, 9], 53);
    let sendto = DetailedCall {
        first: socket(3, AF_INET, TCP_CLOSE),
        address: &address,
        data: b"query",
        ..call("sendto", [3, 9, 5, 0x4000, 9, 16], 5)
    };
    let Kind::Transfer(sent) = event(&sendto) else { panic!() };
    assert_eq!((sent.peer.clone(), sent.size, sent.flags), (internet([10, 0, 0, 9], 53), 5, 0x4000));
    assert_eq!(sent.data, b"query");
    let unspecified = [&[0, 0], &address[2..]].concat();
    let peer = |first| match event(&DetailedCall { first, address: &unspecified, ..sendto }) {
        Kind::Transfer(sent) => sent.peer.and_then(|peer| peer.kind),
        other => panic!("{other:?}"),
    };
    assert_eq!(peer(socket(3, AF_INET, TCP_CLOSE)), sent.peer.clone().and_then(|peer| peer.kind));
    assert!(matches!(peer(socket(3, AF_INET6, TCP_CLOSE)), Some(socket_address::Kind::Raw(_))));
    let recvmsg = DetailedCall {
        first: socket(3, AF_INET, TCP_CLOSE),
        address: &address,
        data: b"answer",
        control: b"rights",
        ..call("recvmsg", [3, 9, 0x40, 0, 0, 0], 6)
    };
    let Kind::Transfer(received) = event(&recvmsg) else { panic!() };
    let expected =
        Transfer { data: b"answer".to_vec(), control: b"rights".to_vec(), size: 0, flags: 0x40, ..sent };
    assert_eq!(received, expected);
    let unaddressed =
        DetailedCall { first: connected(3), data: b"x", ..call("sendto", [3, 9, 1, 0, 0, 0], 1) };
    let Kind::Transfer(unaddressed) = event(&unaddressed) else { panic!() };
    assert_eq!(unaddressed.peer, None);
    assert_eq!(kind_of(unaddressed.descriptor).remote, internet([10, 0, 0, 2], 4000));
}

/// Scenario: options that are set and asked for, of several sizes, and a shutdown. Guarantees: a value has the size that the program gave
/// or that its name says, and nothing of what was read behind it.
#[test]
fn options() {
    let of = |record: &DetailedCall<'_>| match event(record) {
        Kind::SocketOption(option) => (option.level, option.name, option.value, option.how),
        other => panic!("{other:?}"),
    };
    let data: Vec<u8> = (0..128).collect();
    let set = |level, name, size| DetailedCall {
        data: &data,
        first: connected(3),
        ..call("setsockopt", [3, level, name, 9, size, 0], 0)
    };
    assert_eq!(of(&set(1, 2, 4)), (1, 2, vec![0, 1, 2, 3], 0));
    assert_eq!(of(&set(6, 13, 1 << 20)), (6, 13, data.clone(), 0));
    let got = |name, call: DetailedCall<'static>| {
        let arguments = [3, 1, name, 9, 9, 0];
        of(&DetailedCall { data: &data[..16], arguments, ..call }).2.len()
    };
    let native = || call("getsockopt", [0; 6], 0);
    assert_eq!([4, 13, 17, 20].map(|name| got(name, native())), [4, 8, 12, 16]);
    assert_eq!(got(20, compat_call("getsockopt", [0; 6], 0)), 8);
    let failed = call("getsockopt", [3, 1, 4, 9, 9, 0], -92);
    assert_eq!(of(&failed), (1, 4, Vec::new(), 0));
    assert_eq!(of(&call("shutdown", [3, 2, 0, 0, 0, 0], 0)), (0, 0, Vec::new(), 2));
}
