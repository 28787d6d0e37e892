use std::{
    io::Write as _,
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::net::{UnixDatagram, UnixStream},
};

use eyrie_bpf::{
    Argument, Clause, End, Filters, NetworkTest, Outcome, Place, Record, Role, Step, flag, history_flag,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use test_programs::{Abi, Program};
use test_requirements::{Requirement, requires};

use super::{filters, loaded, recording};
use crate::kernel::{
    actor::{actor, is_acting, run},
    loaded::Recorded,
    opens::folder,
};

const CONNECT: u32 = 42;
const SENDTO: u32 = 44;
const SHUTDOWN: u32 = 48;
const ACCEPT4: u32 = 288;
const CALLS: [u32; 4] = [CONNECT, SENDTO, SHUTDOWN, ACCEPT4];
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

fn network(address: &str, prefix_length: u8, ports: (u16, u16), end: End) -> NetworkTest {
    let mut octets = [0; 16];
    let version = match address.parse().unwrap() {
        std::net::IpAddr::V4(address) => {
            octets[..4].copy_from_slice(&address.octets());
            4
        }
        std::net::IpAddr::V6(address) => {
            octets = address.octets();
            6
        }
    };
    NetworkTest { address: octets, version, prefix_length, ports, end }
}

fn act() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut accepted, _) = listener.accept().unwrap();
    accepted.write_all(b"x").unwrap();
    accepted.shutdown(std::net::Shutdown::Write).unwrap();
    drop(stream);
    let refused = {
        let listener = TcpListener::bind("[::1]:0").unwrap();
        listener.local_addr().unwrap()
    };
    TcpStream::connect(refused).unwrap_err();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    datagrams.send_to(b"x", "127.0.0.2:9").unwrap();
    UnixStream::connect("/eyrie-missing").unwrap_err();
    UnixDatagram::unbound().unwrap().send_to(b"x", "/eyrie-missing").unwrap_err();
}

/// What was recorded: numbers of calls, with `start` where only the beginning was.
fn calls(recorded: &Recorded) -> Vec<(u32, bool)> {
    let of = |record: Record<'_>| {
        let header = *record.header();
        let is_call = matches!(record, Record::Connect(_) | Record::DetailedCall(_));
        is_call.then(|| (header.call_number, header.has(flag::STARTED_ONLY)))
    };
    recorded.iter().filter_map(of).collect()
}

fn connect_of<'a>(recorded: &'a Recorded) -> eyrie_bpf::Connect<'a> {
    recorded.only(|record| match record {
        Record::Connect(connect) => Some(connect),
        _ => None,
    })
}

fn describe(loaded: &mut crate::kernel::loaded::Loaded) {
    let fd = Step::Descriptor { place: Place::First, argument: Argument::At(0) };
    let made = Step::Descriptor { place: Place::First, argument: Argument::Result };
    let address = Step::Address { argument: 4, size: 5 };
    loaded.describe(SENDTO, false, &[fd, address, Step::Peer { is_written: false }]);
    loaded.describe(SHUTDOWN, false, &[fd]);
    loaded.describe(ACCEPT4, false, &[made, Step::Role(Role::Server)]);
}

/// Scenario: a TCP connection over IPv4 loopback with a byte, one over IPv6 that is refused, a datagram, and Unix sockets, under filters for families, protocols, networks inside and outside, and
/// ports. Guarantees: exactly those calls are recorded of whose socket, or of the address that was asked for, the clause may hold.
#[test]
fn sockets_are_tested() {
    if is_acting() {
        return act();
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let any = (0, 65535);
    let loopback = network("127.0.0.0", 8, any, End::Any);
    let outside = |tests: &[NetworkTest]| Clause { outside: tests.to_vec(), ..Clause::default() };
    let inside = |tests: &[NetworkTest]| Clause { networks: tests.to_vec(), ..Clause::default() };
    let of = |families: &[u16]| Clause { socket_families: families.to_vec(), ..Clause::default() };
    let udp = Clause { socket_protocols: vec![17], ..Clause::default() };
    // The beginnings of connects are not recorded by the baseline.
    let has_starts = crate::OBJECT == eyrie_bpf::Object::Full;
    let start = |calls: &[(u32, bool)]| -> Vec<(u32, bool)> {
        calls.iter().copied().filter(|(_, is_start)| has_starts || !is_start).collect()
    };
    let (tcp4, accept, shut) = ([(CONNECT, true), (CONNECT, false)], (ACCEPT4, false), (SHUTDOWN, false));
    // A send without an address on the connection, one with an address, and one with the address of a Unix socket.
    let sent = (SENDTO, false);
    let tcp = [&tcp4[..], &[accept, sent, shut]].concat();
    let (tcp6, send, unix) = ([(CONNECT, true), (CONNECT, false)], sent, [(CONNECT, false), sent]);
    let mut loaded = loaded(&recording(&CALLS), &Default::default());
    describe(&mut loaded);
    for (name, clause, expected) in [
        ("all", Clause::default(), start(&[&tcp[..], &tcp6, &[send], &unix].concat())),
        ("ipv4", of(&[AF_INET]), start(&[&tcp[..], &[send]].concat())),
        ("ipv6 and unix", of(&[AF_INET6, AF_UNIX]), start(&[&tcp6[..], &unix].concat())),
        ("udp", udp, vec![send]),
        ("loopback", inside(&[loopback]), start(&[&tcp[..], &[send]].concat())),
        ("not loopback", outside(&[loopback]), start(&[&tcp6[..], &unix].concat())),
        ("ten", inside(&[network("10.0.0.0", 8, any, End::Any)]), vec![]),
        ("asked for", inside(&[network("127.0.0.2", 32, (9, 9), End::Remote)]), vec![send]),
        ("port", inside(&[network("127.0.0.2", 32, (10, 99), End::Any)]), vec![]),
        ("refused", inside(&[network("::1", 128, any, End::Remote)]), start(&tcp6)),
        ("another port", inside(&[network("::1", 128, (1, 1), End::Remote)]), vec![]),
        ("neither loopback", outside(&[loopback, network("::1", 128, any, End::Any)]), unix.to_vec()),
    ] {
        let filters = filters(&CALLS, vec![clause]);
        loaded.carry_out(&recording(&CALLS), &filters);
        let acted = run(&mut actor("kernel::filters::sockets::sockets_are_tested", &folder)).succeeded();
        assert_eq!(calls(&loaded.drain(acted.pid)), expected, "{name}");
    }
}

/// Scenario: connections are made and accepted under filters that leave both out, and then their ends are looked at. Guarantees: what was left out made
/// the one a client and the other a server all the same.
#[test]
fn what_is_left_out_is_remembered() {
    if is_acting() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        accepted.shutdown(std::net::Shutdown::Write).unwrap();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let nowhere =
        Clause { networks: vec![network("10.0.0.0", 8, (0, 65535), End::Any)], ..Clause::default() };
    for clauses in [vec![nowhere], vec![]] {
        let config = eyrie_bpf::Config { has_socket_history: true, ..recording(&CALLS) };
        let mut loaded = loaded(&config, &filters(&[CONNECT, ACCEPT4], clauses));
        describe(&mut loaded);
        let acted =
            run(&mut actor("kernel::filters::sockets::what_is_left_out_is_remembered", &folder)).succeeded();
        let recorded = loaded.drain(acted.pid);
        assert_eq!(calls(&recorded), [(SHUTDOWN, false), (SHUTDOWN, false)]);
        let history = |record: Record<'_>| match record {
            Record::DetailedCall(call) => Some(call.first.history),
            _ => None,
        };
        let histories: Vec<_> = recorded.iter().filter_map(history).collect();
        assert_eq!(histories, [history_flag::CLIENT, history_flag::SERVER]);
    }
}

/// Scenario: connections to the address 0.0.0.0, one of which reaches a listener and one fails, under a filter for that address. Guarantees: the one that
/// fails is recorded, as what was asked for is its peer to rules; the other has reached another address.
#[test]
fn no_address_is_one_that_can_be_asked_for() {
    if is_acting() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        TcpStream::connect(("0.0.0.0", listener.local_addr().unwrap().port())).unwrap();
        TcpStream::connect("0.0.0.0:0").unwrap_err();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let nobody = network("0.0.0.0", 32, (0, 65535), End::Remote);
    let clause = Clause { networks: vec![nobody], ..Clause::default() };
    let mut loaded = loaded(&recording(&CALLS), &filters(&CALLS, vec![clause]));
    let test = "kernel::filters::sockets::no_address_is_one_that_can_be_asked_for";
    let acted = run(&mut actor(test, &folder)).succeeded();
    let recorded = loaded.drain(acted.pid);
    assert_eq!(calls(&recorded), [(CONNECT, false)]);
    assert!(connect_of(&recorded).header.call_result < 0);
}

/// Scenario: a datagram to an address without a family, which the kernel sends as one of IPv4, under filters for its address and for another one.
/// Guarantees: it is tested as what it is.
#[cfg(target_arch = "x86_64")]
#[test]
fn an_address_without_a_family_is_one_of_ipv4() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut loaded = loaded(&recording(&CALLS), &Filters::default());
    describe(&mut loaded);
    for (address, expected) in [("127.0.0.2", vec![(SENDTO, false)]), ("127.0.0.3", vec![])] {
        let clause =
            Clause { networks: vec![network(address, 32, (9, 9), End::Remote)], ..Clause::default() };
        loaded.carry_out(&recording(&CALLS), &filters(&CALLS, vec![clause]));
        let mut program = Program::with_nothing_open(Abi::X86_64);
        let text = program.text("x");
        let to = program.bytes(&[&[0, 0, 0, 9, 127, 0, 0, 2][..], &[0; 8]].concat());
        // The descriptor of the new socket: those up to 2 are taken, and no others.
        program.call("socket", &[u32::from(AF_INET), 2, 0]);
        program.call("sendto", &[3, text, 1, 0, to, 16]);
        let acted = run(&mut program.write(&folder)).succeeded();
        let recorded = loaded.drain(acted.pid);
        assert_eq!(calls(&recorded), expected, "{address}");
        assert!(recorded.iter().all(|record| record.header().call_result >= 0));
    }
}

/// Scenario: connections over IPv4 and IPv6, one that does not block, and one that is refused, under a filter that is sure of the first three when they
/// start; then a byte on each. Guarantees: their ends are left out as well, or marked in verify mode, and each is a client that did not change its peer.
/// With a clause for those that fail, no start decides for an end.
#[test]
fn the_start_of_a_connect_decides_for_its_end() {
    if is_acting() {
        let (four, six) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("[::1]:0").unwrap());
        let address = four.local_addr().unwrap();
        for to in [address, six.local_addr().unwrap()] {
            TcpStream::connect(to).unwrap().write_all(b"x").unwrap();
        }
        let flags = SocketFlags::NONBLOCK;
        let unblocking =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
        // Over loopback even this one may be through at once.
        let _ = rustix::net::connect(&unblocking, &address);
        TcpStream::from(unblocking).write_all(b"x").unwrap();
        drop(four);
        TcpStream::connect(address).unwrap_err();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let (start, end, sent) = ((CONNECT, true), (CONNECT, false), (SENDTO, false));
    let has_starts = crate::OBJECT == eyrie_bpf::Object::Full;
    let clause = Clause {
        networks: vec![network("10.0.0.0", 8, (0, 65535), End::Any)],
        outcome: Some(Outcome::Succeeded),
        ..Clause::default()
    };
    // What has not ended may fail yet, and what goes on has a result below zero.
    let failed = Clause { outcome: Some(Outcome::Failed), ..Clause::default() };
    for (clauses, is_verify_mode, expected, marked) in [
        (vec![clause.clone()], false, vec![sent, sent, sent], 0),
        (vec![clause.clone()], true, vec![start, end, sent, start, end, sent, end, sent, start, end], 7),
        (vec![clause, failed], false, vec![start, sent, start, sent, end, sent, start, end], 0),
    ] {
        let config = eyrie_bpf::Config { has_socket_history: true, ..recording(&CALLS) };
        let filters = Filters { is_verify_mode, ..filters(&[CONNECT], clauses) };
        let mut loaded = loaded(&config, &filters);
        describe(&mut loaded);
        let test = "kernel::filters::sockets::the_start_of_a_connect_decides_for_its_end";
        let acted = run(&mut actor(test, &folder)).succeeded();
        let recorded = loaded.drain(acted.pid);
        let expected: Vec<_> = expected.into_iter().filter(|(_, is_start)| has_starts || !is_start).collect();
        assert_eq!(calls(&recorded), expected);
        if has_starts {
            let is_marked = |record: &Record<'_>| record.header().has(flag::FILTER_MARKED);
            assert_eq!(recorded.iter().filter(is_marked).count(), marked);
        }
        let history = |record: Record<'_>| match record {
            Record::DetailedCall(call) => Some(call.first.history),
            _ => None,
        };
        let histories: Vec<_> = recorded.iter().filter_map(history).collect();
        assert_eq!(histories, [history_flag::CLIENT; 3]);
    }
}

/// Scenario: datagrams to two addresses, the first of which is left out, on a socket that shares its place in the table of pasts with many others that
/// come in between. Guarantees: the second is told as one to another peer, by who began; and a socket that did nothing before has no past.
#[test]
fn peers_of_what_is_left_out_are_remembered() {
    if is_acting() {
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        datagrams.send_to(b"x", "127.0.0.2:9").unwrap();
        for _ in 0..100 {
            UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"x", "127.0.0.2:9").unwrap();
        }
        datagrams.send_to(b"x", "127.0.0.2:10").unwrap();
        datagrams.send_to(b"x", "127.0.0.2:10").unwrap();
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"x", "127.0.0.2:10").unwrap();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let ten = Clause { networks: vec![network("127.0.0.2", 32, (10, 10), End::Remote)], ..Clause::default() };
    let config = eyrie_bpf::Config { has_socket_history: true, ..recording(&[SENDTO]) };
    let mut loaded = loaded(&config, &filters(&[SENDTO], vec![ten]));
    describe(&mut loaded);
    let acted =
        run(&mut actor("kernel::filters::sockets::peers_of_what_is_left_out_are_remembered", &folder))
            .succeeded();
    let recorded = loaded.drain(acted.pid);
    let history = |record: Record<'_>| match record {
        Record::DetailedCall(call) => Some(call.first.history),
        _ => None,
    };
    let histories: Vec<_> = recorded.iter().filter_map(history).collect();
    let client = history_flag::CLIENT;
    assert_eq!(histories, [client | history_flag::PEER_CHANGED, client, client]);
}
