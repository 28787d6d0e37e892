//! Sockets as cases describe them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use eyrie_proto::event::{InternetAddress, SocketAddress, SocketDescriptor, SocketRole, socket_address};

use super::primitives::Primitives;
use crate::given::{Problem, Setting};

/// linux/socket.h
const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const AF_NETLINK: u32 = 16;
/// A family that Falco has no type for.
const AF_PACKET: u32 = 17;
/// TCP_ESTABLISHED of net/tcp_states.h.
const ESTABLISHED: u32 = 1;
/// Addresses of a private network, and such that are reserved for examples (RFC 5737, RFC 3849).
const LOCAL_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5));
const REMOTE_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10));
const LOCAL_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 5));
const REMOTE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10));
/// Ports of a client and of a server.
const CLIENT_PORT: u16 = 49152;
const SERVER_PORT: u16 = 443;

/// Which ends the socket of an event has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// Both; the process began the connection.
    Client,
    /// Both; the process was waiting for it.
    Server,
    /// Its own alone.
    Own,
    /// None yet.
    None,
}

/// What the case says of a socket's addresses.
struct Addresses {
    local: (Option<IpAddr>, Option<u16>),
    remote: (Option<IpAddr>, Option<u16>),
}

/// The socket that the event is about, and the address of its peer.
pub(super) fn socket(
    primitives: &mut Primitives,
    kind: &str,
    ends: Ends,
) -> Result<(SocketDescriptor, Option<SocketAddress>), Problem> {
    let ends = match primitives.take("fd.is_server").map(|setting| setting.flag()).transpose()? {
        Some(true) if ends == Ends::Client => Ends::Server,
        Some(false) if ends == Ends::Server => Ends::Client,
        _ => ends,
    };
    let role = match ends {
        Ends::Client => SocketRole::Client,
        Ends::Server => SocketRole::Server,
        Ends::Own | Ends::None => SocketRole::Unspecified,
    };
    let mut socket = SocketDescriptor {
        role: role.into(),
        is_connected: matches!(ends, Ends::Client | Ends::Server),
        inode: 70_000,
        r#type: 1,
        ..SocketDescriptor::default()
    };
    if let Some(connected) = primitives.take("fd.connected") {
        socket.is_connected = connected.flag()?;
    }
    if let Some(changed) = primitives.take("fd.name_changed") {
        socket.name_changed = changed.flag()?;
    }
    if let Some(inode) = primitives.take("fd.ino") {
        socket.inode = inode.number()?;
    }
    if kind == "unix" {
        let path = primitives.take("fd.name").map(|path| path.bytes()).transpose()?;
        let path = path.unwrap_or_else(|| b"/run/example.sock".to_vec());
        let address = SocketAddress { kind: Some(socket_address::Kind::Unix(path)) };
        socket.family = AF_UNIX;
        let (local, remote) = if ends == Ends::Own { (Some(address), None) } else { (None, Some(address)) };
        socket.local = local;
        socket.remote = remote.clone().filter(|_| ends != Ends::None);
        return Ok((socket, remote));
    }
    if !matches!(kind, "ipv4" | "ipv6") {
        socket.family = if kind == "netlink" { AF_NETLINK } else { AF_PACKET };
        return Ok((socket, None));
    }
    transport(primitives, &mut socket)?;
    let (local, remote) = addresses(primitives, kind, ends)?;
    let is_v6 = [&local, &remote].iter().any(|end| matches!(end, Some((IpAddr::V6(_), _)))) || kind == "ipv6";
    socket.family = if is_v6 { AF_INET6 } else { AF_INET };
    socket.state = if remote.is_some() { ESTABLISHED } else { 0 };
    socket.local = local.map(address);
    socket.remote = remote.map(address);
    let remote = socket.remote.clone();
    Ok((socket, remote))
}

/// `fd.l4proto`, by the numbers of linux/in.h and linux/net.h.
fn transport(primitives: &mut Primitives, socket: &mut SocketDescriptor) -> Result<(), Problem> {
    let Some(setting) = primitives.take("fd.l4proto") else {
        (socket.r#type, socket.protocol) = (1, 6);
        return Ok(());
    };
    (socket.r#type, socket.protocol) = match setting.text()?.as_str() {
        "tcp" => (1, 6),
        "udp" => (2, 17),
        "icmp" => (3, 1),
        "raw" => (3, 255),
        _ => return Err(setting.misfit("tcp, udp, icmp or raw")),
    };
    Ok(())
}

type Endpoint = Option<(IpAddr, u16)>;

fn addresses(primitives: &mut Primitives, kind: &str, ends: Ends) -> Result<(Endpoint, Endpoint), Problem> {
    let given = Addresses {
        local: (take_ip(primitives, "fd.lip")?, take_port(primitives, "fd.lport")?),
        remote: (take_ip(primitives, "fd.rip")?, take_port(primitives, "fd.rport")?),
    };
    let is_v6 = kind == "ipv6" || [given.local.0, given.remote.0].iter().flatten().any(IpAddr::is_ipv6);
    let (local, remote) = if is_v6 { (LOCAL_V6, REMOTE_V6) } else { (LOCAL_V4, REMOTE_V4) };
    let (local_port, remote_port) = match ends {
        Ends::Server | Ends::Own => (SERVER_PORT, CLIENT_PORT),
        Ends::Client | Ends::None => (CLIENT_PORT, SERVER_PORT),
    };
    let end = |(ip, port): (Option<IpAddr>, Option<u16>), default_ip, default_port, is_there: bool| {
        (is_there || ip.is_some() || port.is_some())
            .then(|| (ip.unwrap_or(default_ip), port.unwrap_or(default_port)))
    };
    let has_peer = matches!(ends, Ends::Client | Ends::Server);
    Ok((
        end(given.local, local, local_port, ends != Ends::None),
        end(given.remote, remote, remote_port, has_peer),
    ))
}

fn take_ip(primitives: &mut Primitives, name: &str) -> Result<Option<IpAddr>, Problem> {
    primitives.take(name).map(|setting| ip(&setting)).transpose()
}

/// An address; of a network its first.
pub(super) fn ip(setting: &Setting) -> Result<IpAddr, Problem> {
    let text = setting.text()?;
    let address = text.split('/').next().unwrap_or(&text);
    address.parse().map_err(|_| setting.misfit("an IP address"))
}

fn take_port(primitives: &mut Primitives, name: &str) -> Result<Option<u16>, Problem> {
    primitives.take(name).map(|setting| setting.number()).transpose()
}

fn address((ip, port): (IpAddr, u16)) -> SocketAddress {
    let internet = InternetAddress { ip: octets(ip), port: port.into(), scope_id: 0 };
    SocketAddress { kind: Some(socket_address::Kind::Internet(internet)) }
}

pub(super) fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The kind of socket that the primitives speak of, if they speak of one.
pub(super) fn kind(primitives: &Primitives) -> Option<&'static str> {
    let family = primitives.get("fd.sockfamily").and_then(|setting| setting.text().ok());
    match family.as_deref() {
        Some("unix") => return Some("unix"),
        Some(_) => return Some("ipv4"),
        None => {}
    }
    const OF_INTERNET: [&str; 7] =
        ["fd.lip", "fd.lport", "fd.rip", "fd.rport", "fd.l4proto", "fd.lip.name", "fd.rip.name"];
    OF_INTERNET.iter().any(|name| primitives.get(name).is_some()).then_some("ipv4")
}
