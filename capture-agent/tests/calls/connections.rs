use eyrie_proto::event::{
    Accept, Bind, Connect, SocketAddress, SocketCreate, SocketOption, SocketRole, Transfer, event::Kind,
    socket_address,
};
use test_requirements::{Requirement, requires};

use super::{
    scene::{bytes_of, folder, performed, without_kind},
    sockets::{AF_INET, DATAGRAM, STREAM, free_port, port, ports_in_proc, sockaddr, socket},
};
use test_programs::{Abi, Program};

const AF_UNIX: u32 = 1;
const AF_INET6: u32 = 10;
const EBADF: i64 = -9;
const NOT_OPEN: u32 = 99;

/// Scenario: calls on sockets that are refused: nobody listens, the descriptor is not open, the family does not exist. Guarantees: each is
/// told with what it was given and the error.
#[test]
fn refused() {
    refused_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn refused_32() {
    refused_of(Abi::I386);
}

fn refused_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(abi);
    let nobody = free_port();
    let address = program.bytes(&sockaddr(nobody));
    let size = program.bytes(&16_u32.to_le_bytes());
    let text = program.bytes(b"0123456789");
    let pair = program.bytes(&[0; 8]);
    let out = program.words(&[text, 10]);
    let message = program.words(&[address, 16, out, 1, 0, 0, 0]);
    let calls: &[(&str, &[u32])] = &[
        ("socket", &[200, STREAM, 0]),
        ("socketpair", &[AF_INET, STREAM, 0, pair]),
        ("bind", &[NOT_OPEN, address, 16]),
        ("listen", &[NOT_OPEN, 5]),
        ("accept4", &[NOT_OPEN, 0, 0, 0]),
        ("sendto", &[NOT_OPEN, text, 10, 0, address, 16]),
        ("sendmsg", &[NOT_OPEN, message, 0]),
        ("recvfrom", &[NOT_OPEN, text, 10, 0, address, size]),
        ("recvmsg", &[NOT_OPEN, message, 0]),
        ("getsockopt", &[NOT_OPEN, 1, 3, text, size]),
        ("setsockopt", &[NOT_OPEN, 1, 3, text, 4]),
        ("shutdown", &[NOT_OPEN, 2]),
    ];
    for (name, arguments) in calls {
        program.call(name, arguments);
    }
    program.call("socket", &[AF_INET, STREAM, 0]); // 3
    program.call("connect", &[3, address, 16]);
    let names: Vec<_> = calls.iter().map(|(name, _)| *name).chain(["connect"]).collect();
    let scene = performed(&names, abi, program, &folder);

    let descriptor = || without_kind(NOT_OPEN as i32);
    let failed = |name, error, expected| assert_eq!(scene.only(name), (error, expected), "{name}");
    let sockets = scene.all("socket");
    let none =
        SocketCreate { family: 200, r#type: STREAM, descriptor: without_kind(-97), ..Default::default() };
    assert_eq!((sockets.len(), &sockets[0]), (2, &(-97, Kind::SocketCreate(none))));
    let none = without_kind(-1);
    let pair =
        SocketCreate { family: AF_INET, r#type: STREAM, descriptor: none.clone(), second: none, protocol: 0 };
    failed("socketpair", -95, Kind::SocketCreate(pair));
    let requested = |bind: &Bind| port(bind.requested.as_ref());
    let (EBADF, Kind::Bind(bound)) = scene.only("bind") else { panic!() };
    assert_eq!((requested(&bound), &bound.descriptor), (nobody, &descriptor()));
    failed("listen", EBADF, Kind::Bind(Bind { descriptor: descriptor(), backlog: 5, requested: None }));
    let accepted = Accept { descriptor: without_kind(-9), listening_fd: 99, ..Accept::default() };
    failed("accept4", EBADF, Kind::Accept(accepted));
    // What was to be sent is told, what was not received is not.
    for (name, size) in [("sendto", 10), ("sendmsg", 10)] {
        let (EBADF, Kind::Transfer(sent)) = scene.only(name) else { panic!("{name}") };
        assert_eq!(
            (port(sent.peer.as_ref()), sent.size, &sent.descriptor),
            (nobody, size, &descriptor()),
            "{name}"
        );
        assert_eq!(sent.data, b"01234567", "{name}");
    }
    for (name, size) in [("recvfrom", 10), ("recvmsg", 10)] {
        let received = Transfer { size, descriptor: descriptor(), ..Transfer::default() };
        failed(name, EBADF, Kind::Transfer(received));
    }
    let option = SocketOption { level: 1, name: 3, descriptor: descriptor(), ..SocketOption::default() };
    failed("getsockopt", EBADF, Kind::SocketOption(option.clone()));
    failed("setsockopt", EBADF, Kind::SocketOption(SocketOption { value: b"0123".to_vec(), ..option }));
    let shut = SocketOption { how: 2, descriptor: descriptor(), ..SocketOption::default() };
    failed("shutdown", EBADF, Kind::SocketOption(shut));
    let connects = scene.connects();
    let [(-111, Connect { descriptor, requested, .. })] = &connects[..] else { panic!("{connects:?}") };
    assert_eq!((scene.check(descriptor.as_ref()), port(requested.as_ref())), (3, nobody));
    let socket = socket(descriptor.as_ref());
    assert_eq!((socket.role(), socket.is_connected), (SocketRole::Client, false));
}

/// Scenario: by accept without flags a program takes connections of three families that it made itself: IPv4, IPv6 and Unix. Guarantees: both ends as the
/// program asked the kernel for them; paths of Unix sockets; the socket that was waited at.
#[test]
fn accepted() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let (port4, port6) = (free_port(), free_port());
    let path = folder.join("s");
    let six = [&10_u16.to_le_bytes()[..], &port6.to_be_bytes(), &[0; 4], &[0; 15], &[1], &[0; 4]].concat();
    let unix = [&1_u16.to_le_bytes()[..], &bytes_of(&path), &[0]].concat();
    let families = [(AF_INET, sockaddr(port4)), (AF_INET6, six), (AF_UNIX, unix)];
    let mut peers = Vec::new();
    for (turn, (family, address)) in families.iter().enumerate() {
        let first = 3 + 3 * turn as u32;
        let (address, size) = (program.bytes(address), address.len() as u32);
        program.call("socket", &[*family, STREAM, 0]);
        program.call("bind", &[first, address, size]);
        program.call("listen", &[first, 7]);
        program.call("socket", &[*family, STREAM, 0]);
        program.call("connect", &[first + 1, address, size]);
        let (peer, room) = (program.bytes(&[0; 28]), program.bytes(&28_u32.to_le_bytes()));
        program.call("accept", &[first, peer, room]);
        peers.push(peer);
    }
    program.call("accept", &[NOT_OPEN, 0, 0]);
    let calls = ["bind", "listen", "connect", "accept"];
    let scene = performed(&calls, Abi::X86_64, program, &folder);

    let accepts = scene.all("accept");
    let accept = |turn: usize| match &accepts[turn] {
        (result, Kind::Accept(accept)) => (*result, accept.clone()),
        other => panic!("{other:?}"),
    };
    for (turn, (family, _)) in families.iter().enumerate() {
        let (result, accept) = accept(turn);
        let first = 3 + 3 * turn as i32;
        assert_eq!((result, accept.listening_fd, accept.flags), ((first + 2).into(), first, 0));
        assert_eq!(scene.check(accept.descriptor.as_ref()), first + 2);
        let socket = socket(accept.descriptor.as_ref());
        assert_eq!((socket.family, socket.role()), (*family, SocketRole::Server));
        // Taken from the queue by this call, which was the only one in it.
        assert_eq!((accept.queue_length, accept.queue_limit), (0, 7));
    }
    let (EBADF, refused) = accept(3) else { panic!() };
    assert_eq!((refused.listening_fd, refused.descriptor), (99, without_kind(-9)));
    let internet = |address: &Option<SocketAddress>| match address.as_ref().unwrap().kind.as_ref().unwrap() {
        socket_address::Kind::Internet(own) => (own.ip.clone(), own.port as u16),
        other => panic!("{other:?}"),
    };
    // What accept wrote: the family, the port, and of IPv6 the flow, before the address.
    let wrote4: [u8; 8] = scene.memory(peers[0]);
    let wrote6: [u8; 24] = scene.memory(peers[1]);
    for (turn, table, wrote, own) in
        [(0, "tcp", (&wrote4[..], 4), port4), (1, "tcp6", (&wrote6[..], 8), port6)]
    {
        let (_, accept) = accept(turn);
        let socket = socket(accept.descriptor.as_ref());
        let peer = u16::from_be_bytes([wrote.0[2], wrote.0[3]]);
        let remote = internet(&socket.remote);
        assert_eq!(remote, (wrote.0[wrote.1..].to_vec(), peer));
        assert_eq!(ports_in_proc(table, socket.inode), (own, peer));
        assert_eq!(internet(&socket.local), (remote.0, own));
    }
    let unix = Some(socket_address::Kind::Unix(bytes_of(&path)));
    let (_, last) = accept(2);
    assert_eq!(socket(last.descriptor.as_ref()).local.as_ref().unwrap().kind, unix);

    let mut connects = scene.connects();
    let (0, last) = connects.pop().unwrap() else { panic!() };
    assert_eq!(last.requested.unwrap().kind, unix);
    assert_eq!((scene.check(last.descriptor.as_ref()), connects.len()), (10, 2));
    let binds = scene.all("bind");
    let (0, Kind::Bind(last)) = binds.last().unwrap() else { panic!() };
    assert_eq!((&last.requested.as_ref().unwrap().kind, scene.check(last.descriptor.as_ref())), (&unix, 9));
    for (turn, (result, kind)) in scene.all("listen").iter().enumerate() {
        let Kind::Bind(listened) = kind else { panic!() };
        assert_eq!((*result, listened.backlog), (0, 7));
        assert_eq!(scene.check(listened.descriptor.as_ref()), 3 + 3 * turn as i32);
    }
}

/// Scenario: several datagrams are sent by one call and received by one, and both on what is not open. Guarantees: the number of messages is
/// the result; address and first bytes of the first, cut at its own size and not at that number.
#[test]
fn several_messages() {
    several_messages_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn several_messages_32() {
    several_messages_of(Abi::I386);
}

fn several_messages_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(abi);
    let [from_port, to_port] = [free_port(), free_port()];
    let [from, to] = [from_port, to_port].map(|port| program.bytes(&sockaddr(port)));
    let [one, two] = [&b"first one"[..], b"2nd"].map(|text| (program.bytes(text), text.len() as u32));
    let outs = [one, two].map(|(at, size)| program.words(&[at, size]));
    let buffers = [(); 2].map(|()| program.bytes(&[0; 32]));
    let backs = buffers.map(|buffer| program.words(&[buffer, 32]));
    // struct mmsghdr has a length behind the message, which the call writes.
    let sent = program.words(&[to, 16, outs[0], 1, 0, 0, 0, 0, to, 16, outs[1], 1, 0, 0, 0, 0]);
    let name = program.bytes(&[0; 16]);
    let received = program.words(&[name, 16, backs[0], 1, 0, 0, 0, 0, 0, 0, backs[1], 1, 0, 0, 0, 0]);
    program.call("socket", &[AF_INET, DATAGRAM, 0]); // 3
    program.call("bind", &[3, from, 16]);
    program.call("socket", &[AF_INET, DATAGRAM, 0]); // 4
    program.call("bind", &[4, to, 16]);
    program.call("sendmmsg", &[3, sent, 2, 0]);
    program.call("recvmmsg", &[4, received, 2, 0, 0]);
    program.call("sendmmsg", &[NOT_OPEN, sent, 2, 0]);
    program.call("recvmmsg", &[NOT_OPEN, received, 2, 0, 0]);
    let scene = performed(&["sendmmsg", "recvmmsg"], abi, program, &folder);

    for (name, fd, peer) in [("sendmmsg", 3, to_port), ("recvmmsg", 4, from_port)] {
        let all = scene.all(name);
        let [(2, Kind::Transfer(moved)), (EBADF, Kind::Transfer(failed))] = &all[..] else {
            panic!("{all:?}")
        };
        assert_eq!((moved.data.as_slice(), port(moved.peer.as_ref())), (&b"first on"[..], peer), "{name}");
        assert_eq!(moved.size, if fd == 3 { 9 } else { 32 }, "{name}");
        assert_eq!(scene.check(moved.descriptor.as_ref()), fd, "{name}");
        assert_eq!(failed.descriptor, without_kind(99), "{name}");
    }
    assert_eq!((scene.memory(buffers[0]), scene.memory(buffers[1])), (*b"first one", *b"2nd"));
}
