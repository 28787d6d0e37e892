use eyrie_proto::event::event::Kind;
use test_requirements::{Requirement, requires};

use super::{
    scene::{folder, performed, without_kind},
    sockets::{AF_INET, DATAGRAM, STREAM, free_port, port, ports_in_proc, sockaddr, socket, transfer},
};
use test_programs::{Abi, Program};

const AF_NETLINK: u32 = 16;

/// Scenario: datagrams are sent and received with addresses, plain and as messages; a pair of Unix sockets and a netlink socket are made;
/// a family is asked for that does not exist. Guarantees: peers, data and sizes; both sockets of a pair; families; the error.
#[test]
fn datagrams_and_others() {
    datagrams_and_others_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn datagrams_and_others_32() {
    datagrams_and_others_of(Abi::I386);
}

fn datagrams_and_others_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(abi);
    let (one_port, two_port) = (free_port(), free_port());
    let [one, two] = [one_port, two_port].map(|port| program.bytes(&sockaddr(port)));
    let from = program.bytes(&[0; 16]);
    let size = program.bytes(&16_u32.to_le_bytes());
    let text = program.bytes(b"query");
    let buffer = program.bytes(&[0; 64]);
    let pair = program.bytes(&[0; 8]);
    let out = program.words(&[text, 5]);
    let sent = program.words(&[two, 16, out, 1, 0, 0, 0]);
    let back = program.words(&[buffer, 64]);
    let received = program.words(&[from, 16, back, 1, 0, 0, 0]);
    program.call("socket", &[AF_INET, DATAGRAM, 0]); // 3
    program.call("bind", &[3, one, 16]);
    program.call("socket", &[AF_INET, DATAGRAM, 0]); // 4
    program.call("bind", &[4, two, 16]);
    program.call("sendto", &[3, text, 5, 0, two, 16]);
    program.call("recvfrom", &[4, buffer, 64, 0, from, size]);
    program.call("sendmsg", &[3, sent, 0]);
    program.call("recvmsg", &[4, received, 0]);
    program.call("socketpair", &[1, STREAM, 0, pair]); // 5 and 6
    program.call("socket", &[AF_NETLINK, 3, 0]); // 7
    program.call("socket", &[200, STREAM, 0]);
    let calls = ["socket", "sendto", "recvfrom", "sendmsg", "recvmsg", "socketpair"];
    let scene = performed(&calls, abi, program, &folder);

    for (name, fd, peer) in [("sendto", 3, two_port), ("recvfrom", 4, one_port)] {
        let (result, moved) = transfer(&scene, name);
        assert_eq!(
            (result, moved.data.as_slice(), port(moved.peer.as_ref())),
            (5, &b"query"[..], peer),
            "{name}"
        );
        assert_eq!(scene.check(moved.descriptor.as_ref()), fd);
    }
    for (name, fd, peer) in [("sendmsg", 3, two_port), ("recvmsg", 4, one_port)] {
        let (result, moved) = transfer(&scene, name);
        assert_eq!(
            (result, moved.data.as_slice(), port(moved.peer.as_ref())),
            (5, &b"query"[..], peer),
            "{name}"
        );
        let inode = socket(moved.descriptor.as_ref()).inode;
        assert_eq!(ports_in_proc("udp", inode).0, if fd == 3 { one_port } else { two_port });
    }
    let (0, Kind::SocketCreate(unix)) = scene.only("socketpair") else { panic!() };
    assert_eq!((unix.family, unix.r#type), (1, STREAM));
    assert_eq!([&unix.descriptor, &unix.second].map(|end| scene.check(end.as_ref())), [5, 6]);
    assert!(socket(unix.second.as_ref()).is_connected);
    let made = scene.all("socket");
    let [.., (7, Kind::SocketCreate(netlink)), (-97, Kind::SocketCreate(refused))] = &made[..] else {
        panic!("{made:?}")
    };
    assert_eq!(socket(netlink.descriptor.as_ref()).family, AF_NETLINK);
    assert_eq!((refused.family, &refused.descriptor), (200, &without_kind(-97)));
}
