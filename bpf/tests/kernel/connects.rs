use std::{
    fs,
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        fd::AsRawFd,
        linux::net::SocketAddrExt,
        unix::{
            fs::MetadataExt,
            net::{SocketAddr as UnixAddress, UnixListener, UnixStream},
        },
    },
};

use eyrie_bpf::{Connect, Record, flag};
use rustix::net::{AddressFamily, Ipv4Addr, SocketAddrV4, SocketFlags, SocketType};
use test_programs::{Abi, Program};
use test_requirements::{Requirement, requires};

use super::{
    actor::{actor, is_acting, run},
    loaded::{Loaded, Recorded},
    opens::folder,
};

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const TCP_ESTABLISHED: u16 = 1;
const TCP_SYN_SENT: u16 = 2;

/// The only connect whose requested address ends like this.
fn connect_to<'a>(recorded: &'a Recorded, requested: &[u8]) -> Connect<'a> {
    recorded.only(|record| match record {
        Record::Connect(connect)
            if connect.requested.windows(requested.len()).any(|part| part == requested) =>
        {
            Some(connect)
        }
        _ => None,
    })
}

fn inode_of(socket: &impl AsRawFd) -> u64 {
    fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap().ino()
}

/// `struct sockaddr_in` up to the address.
fn ipv4(port: u16) -> Vec<u8> {
    [&AF_INET.to_ne_bytes()[..], &port.to_be_bytes(), &[127, 0, 0, 1]].concat()
}

/// Scenario: TCP connections over IPv4 and IPv6 to a listener, and UDP. Guarantees: both ends, protocol, state and inode
/// are those that the socket itself tells.
#[test]
fn a_connection_has_both_ends() {
    let targets = || {
        let read = |name: &str| fs::read_to_string(name).unwrap().parse::<u16>().unwrap();
        (read("port4"), read("port6"))
    };
    if is_acting() {
        let (port4, port6) = targets();
        let four = TcpStream::connect(("127.0.0.1", port4)).unwrap();
        let six = TcpStream::connect(("::1", port6)).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect(("127.0.0.1", 9)).unwrap();
        println!("four={} {} {}", four.as_raw_fd(), four.local_addr().unwrap().port(), inode_of(&four));
        println!("six={} {} {}", six.as_raw_fd(), six.local_addr().unwrap().port(), inode_of(&six));
        println!("udp={} {} {}", udp.as_raw_fd(), udp.local_addr().unwrap().port(), inode_of(&udp));
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    let (four, six) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("[::1]:0").unwrap());
    let (port4, port6) = (four.local_addr().unwrap().port(), six.local_addr().unwrap().port());
    fs::write(path.join("port4"), port4.to_string()).unwrap();
    fs::write(path.join("port6"), port6.to_string()).unwrap();
    let mut loaded = Loaded::new();
    let acted = run(&mut actor("kernel::connects::a_connection_has_both_ends", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let six_requested = [&AF_INET6.to_ne_bytes()[..], &port6.to_be_bytes()].concat();
    let loopback6 = std::net::Ipv6Addr::LOCALHOST.octets();
    let mut loopback4 = [0; 16];
    loopback4[..4].copy_from_slice(&[127, 0, 0, 1]);
    for (name, requested, family, r#type, protocol, address, port) in [
        ("four", ipv4(port4), AF_INET, 1, 6, loopback4, port4),
        ("six", six_requested, AF_INET6, 1, 6, loopback6, port6),
        ("udp", ipv4(9), AF_INET, 2, 17, loopback4, 9),
    ] {
        let connect = connect_to(&recorded, &requested);
        assert_eq!(
            (connect.socket.family, connect.socket.r#type, connect.socket.protocol),
            (family, r#type, protocol),
            "{name}"
        );
        assert_eq!((connect.socket.remote.address, connect.socket.remote.port), (address, port), "{name}");
        assert_eq!(connect.socket.local.address, address, "{name}");
        assert_eq!(connect.header.call().unwrap().1, 0, "{name}");
        assert_eq!(connect.socket.state, TCP_ESTABLISHED, "{name}");
        let said =
            format!("{} {} {}", connect.socket.fd, connect.socket.local.port, connect.socket.file.inode);
        assert_eq!(said, acted.said(name), "{name}");
    }
}

/// Scenario: a connection to a port where no one listens, one that does not block, and one on a file. Guarantees: each
/// has its result and the address asked for, though the socket has none afterwards.
#[test]
fn a_failed_connection_has_the_address_asked_for() {
    if is_acting() {
        let port = fs::read_to_string("port").unwrap().parse().unwrap();
        TcpStream::connect(("127.0.0.1", port)).unwrap_err();
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::NONBLOCK, None)
                .unwrap();
        let port = fs::read_to_string("open-port").unwrap().parse().unwrap();
        // Over loopback even this one may be through at once.
        let _ = rustix::net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        let file = fs::File::open("port").unwrap();
        rustix::net::connect(&file, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2)).unwrap_err();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let (closed_port, open_port) = (closed.local_addr().unwrap().port(), open.local_addr().unwrap().port());
    drop(closed);
    fs::write(path.join("port"), closed_port.to_string()).unwrap();
    fs::write(path.join("open-port"), open_port.to_string()).unwrap();
    let mut loaded = Loaded::new();
    let acted =
        run(&mut actor("kernel::connects::a_failed_connection_has_the_address_asked_for", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let refused = connect_to(&recorded, &ipv4(closed_port));
    assert_eq!(
        (refused.header.call_result, refused.socket.family, refused.socket.protocol),
        (-111, AF_INET, 6)
    );
    let unblocking = connect_to(&recorded, &ipv4(open_port));
    assert_eq!(unblocking.header.call_result, -115);
    assert_eq!(unblocking.socket.remote.port, open_port);
    assert!([TCP_ESTABLISHED, TCP_SYN_SENT].contains(&unblocking.socket.state));
    let on_file = connect_to(&recorded, &ipv4(2));
    assert_eq!((on_file.header.call_result, on_file.socket.family, on_file.socket.file.inode), (-88, 0, 0));
}

/// Scenario: Unix sockets with a path and with an abstract name; the peer is there, or not. Guarantees: the peer's name
/// and the one asked for.
#[test]
fn unix_sockets_have_names() {
    if is_acting() {
        UnixStream::connect("socket").unwrap();
        let abstract_name = fs::read("abstract").unwrap();
        UnixStream::connect_addr(&UnixAddress::from_abstract_name(abstract_name).unwrap()).unwrap();
        UnixStream::connect("missing").unwrap_err();
        return;
    }
    requires!(Requirement::Kernel);
    // Not where TMPDIR says: a socket's path has room for 107 bytes.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().canonicalize().unwrap();
    let abstract_name = format!("eyrie-test-{}", std::process::id());
    fs::write(path.join("abstract"), &abstract_name).unwrap();
    let at_path = path.join("socket");
    let _listener = UnixListener::bind(&at_path).unwrap();
    let address = UnixAddress::from_abstract_name(&abstract_name).unwrap();
    let _abstract_listener = UnixListener::bind_addr(&address).unwrap();
    let mut loaded = Loaded::new();
    let acted = run(&mut actor("kernel::connects::unix_sockets_have_names", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let by_path = connect_to(&recorded, b"\x01\0socket");
    assert_eq!((by_path.socket.family, by_path.socket.r#type, by_path.header.call_result), (AF_UNIX, 1, 0));
    assert_eq!(by_path.socket.remote_name, [at_path.as_os_str().as_encoded_bytes(), b"\0"].concat());
    assert!(by_path.socket.local_name.is_empty());
    let by_name = connect_to(&recorded, abstract_name.as_bytes());
    assert_eq!(by_name.socket.remote_name, format!("\0{abstract_name}").as_bytes());
    let missing = connect_to(&recorded, b"\x01\0missing");
    assert_eq!((missing.header.call_result, missing.socket.family), (-2, AF_UNIX));
    assert!(missing.socket.remote_name.is_empty());
}

/// Scenario: a 32-bit program connects by the old way, socketcall. Guarantees: it is recorded as the connect that it is.
#[cfg(target_arch = "x86_64")]
#[test]
fn socketcall_is_seen_through() {
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    let mut program = Program::with_nothing_open(Abi::I386);
    let address = program.bytes(&[ipv4(9), vec![0; 8]].concat());
    let words = |words: [u32; 3]| words.map(u32::to_le_bytes).concat();
    let (socket, connect) = (program.bytes(&words([2, 2, 0])), program.bytes(&words([3, address, 16])));
    // The descriptor of the new socket: those up to 2 are taken, and no others.
    program.call_number(102, &[1, socket]);
    program.call_number(102, &[3, connect]);
    let mut loaded = Loaded::new();
    let acted = run(&mut program.write(&path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let connect = connect_to(&recorded, &ipv4(9));
    assert_eq!((connect.socket.fd, connect.header.call_result, connect.socket.remote.port), (3, 0, 9));
    assert!(connect.header.has(flag::COMPAT32));
    assert_eq!((connect.socket.family, connect.socket.r#type, connect.socket.protocol), (AF_INET, 2, 17));
}
