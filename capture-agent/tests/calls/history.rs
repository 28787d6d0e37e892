use eyrie_proto::event::{SocketRole, event::Kind};
use test_programs::{Abi, Program};
use test_requirements::{Requirement, requires};

use super::{
    scene::{Scene, folder, performed},
    sockets::{AF_INET, DATAGRAM, STREAM, free_port, sockaddr, socket},
};

/// Role, and whether the peer is another one, of each transfer by a call, in order.
fn pasts(scene: &Scene, call: &str) -> Vec<(SocketRole, bool)> {
    let of = |(result, kind): (i64, Kind)| match kind {
        Kind::Transfer(transfer) if result > 0 => {
            let socket = socket(transfer.descriptor.as_ref());
            (socket.role(), socket.name_changed)
        }
        other => panic!("{call}: {result} {other:?}"),
    };
    scene.all(call).into_iter().map(of).collect()
}

/// Scenario: a program connects to itself and both ends talk; datagrams go from a socket that is bound to one that is not and back, and
/// then to another peer; the second end is closed and its number used for a new socket. Guarantees: who connected is the client and who accepted the
/// server, also in what they do afterwards; a bound socket serves, and one that begins by sending is a client; another peer is
/// noticed; a new socket has no past.
#[test]
fn sockets_have_a_past() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let [stream, one, two] = [(); 3].map(|()| program.bytes(&sockaddr(free_port())));
    let from = program.bytes(&[0; 16]);
    let size = program.bytes(&16_u32.to_le_bytes());
    let text = program.bytes(b"query");
    let buffer = program.bytes(&[0; 64]);
    program.call("socket", &[AF_INET, STREAM, 0]); // 3
    program.call("bind", &[3, stream, 16]);
    program.call("listen", &[3, 5]);
    program.call("socket", &[AF_INET, STREAM, 0]); // 4
    program.call("connect", &[4, stream, 16]);
    program.call("accept4", &[3, 0, 0, 0]); // 5
    program.call("write", &[4, text, 5]);
    program.call("read", &[5, buffer, 64]);
    program.call("socket", &[AF_INET, DATAGRAM, 0]); // 6
    program.call("bind", &[6, one, 16]);
    program.call("socket", &[AF_INET, DATAGRAM, 0]); // 7
    program.call("sendto", &[7, text, 5, 0, one, 16]);
    program.call("sendto", &[7, text, 5, 0, one, 16]);
    program.call("sendto", &[7, text, 5, 0, two, 16]);
    program.call("recvfrom", &[6, buffer, 64, 0, from, size]);
    program.call("close", &[4]);
    program.call("socketpair", &[1, DATAGRAM, 0, buffer]); // 4 and 8
    program.call("writev", &[4, from, 0]);
    let scene = performed(&["read", "write", "sendto", "recvfrom", "writev"], Abi::X86_64, program, &folder);

    use SocketRole::{Client, Server, Unspecified};
    assert_eq!(pasts(&scene, "write"), [(Client, false)]);
    assert_eq!(pasts(&scene, "read"), [(Server, false)]);
    assert_eq!(pasts(&scene, "sendto"), [(Client, false), (Client, false), (Client, true)]);
    assert_eq!(pasts(&scene, "recvfrom"), [(Server, false)]);
    let (0, Kind::Transfer(last)) = scene.only("writev") else { panic!() };
    assert_eq!(socket(last.descriptor.as_ref()).role(), Unspecified);
    // They are what the past is known from, and stay in the kernel, as nobody asked for them.
    assert_eq!(scene.all("connect").len(), 0);
}
