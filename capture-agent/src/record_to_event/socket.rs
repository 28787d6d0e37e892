//! Sockets and their addresses.

use eyrie_bpf::{DescriptorInfo, Endpoint, flag, history_flag};
use eyrie_proto::event::{
    Connect, Descriptor, InternetAddress, SocketAddress, SocketDescriptor, SocketRole, descriptor,
    socket_address::Kind,
};

/// linux/socket.h.
const AF_UNIX: u16 = 1;
pub(super) const AF_UNSPEC: u16 = 0;
pub(super) const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// net/tcp_states.h; Unix sockets use it as well.
const TCP_ESTABLISHED: u16 = 1;
const TCP_LISTEN: u16 = 10;

pub(super) fn connect(record: &eyrie_bpf::Connect<'_>) -> Connect {
    let is_started_only = record.header.has(flag::STARTED_ONLY);
    // A descriptor that is no socket has no family, and nothing else.
    let socket = (record.socket.family != 0).then(|| {
        let as_it_is = socket_descriptor(&record.socket);
        let is_connected = record.header.call_result == 0 || as_it_is.is_connected;
        SocketDescriptor { role: SocketRole::Client.into(), is_connected, ..as_it_is }
    });
    // At its start, what was asked for is what the kernel took.
    let taken = || socket.as_ref().filter(|_| is_started_only).and_then(|socket| socket.remote.clone());
    Connect {
        requested: socket_address(record.requested).or_else(taken),
        descriptor: Some(Descriptor { fd: record.socket.fd, kind: socket.map(descriptor::Kind::Socket) }),
        is_started_only,
    }
}

/// A socket as the kernel has it. Which end it is shows only where it listens; the rest is history, where that is kept.
pub(super) fn socket_descriptor(info: &DescriptorInfo<'_>) -> SocketDescriptor {
    let has = |flag: u32| info.history & flag != 0;
    let role = match info.state {
        TCP_LISTEN => SocketRole::Server,
        _ if has(history_flag::SERVER) => SocketRole::Server,
        _ if has(history_flag::CLIENT) => SocketRole::Client,
        _ => SocketRole::Unspecified,
    };
    SocketDescriptor {
        family: info.family.into(),
        r#type: info.r#type.into(),
        protocol: info.protocol.into(),
        local: own_end(info.family, &info.local, info.local_name),
        remote: own_end(info.family, &info.remote, info.remote_name),
        role: role.into(),
        state: info.state.into(),
        inode: info.file.inode,
        name_changed: has(history_flag::PEER_CHANGED),
        is_connected: info.state == TCP_ESTABLISHED,
    }
}

/// One end of a socket as the kernel has it; `None` where it has none yet.
fn own_end(family: u16, end: &Endpoint, name: &[u8]) -> Option<SocketAddress> {
    let ip = match family {
        AF_INET => end.address.get(..4)?,
        AF_INET6 => &end.address,
        AF_UNIX => return (!name.is_empty()).then(|| unix(name)),
        _ => return None,
    };
    let is_unset = end.port == 0 && ip.iter().all(|&byte| byte == 0);
    (!is_unset).then(|| internet(ip, end.port, end.scope_id))
}

/// A `struct sockaddr` as it lies in a program's memory: the family in the machine's order, ports in network order.
pub(super) fn socket_address(bytes: &[u8]) -> Option<SocketAddress> {
    let (family, rest) = bytes.split_first_chunk()?;
    let parsed = match u16::from_ne_bytes(*family) {
        AF_INET => sockaddr_in(rest),
        AF_INET6 => sockaddr_in6(rest),
        AF_UNIX => Some(unix(rest)),
        _ => None,
    };
    Some(parsed.unwrap_or_else(|| SocketAddress { kind: Some(Kind::Raw(bytes.to_vec())) }))
}

fn sockaddr_in(rest: &[u8]) -> Option<SocketAddress> {
    let (port, rest) = rest.split_first_chunk()?;
    Some(internet(rest.get(..4)?, u16::from_be_bytes(*port), 0))
}

fn sockaddr_in6(rest: &[u8]) -> Option<SocketAddress> {
    let (port, rest) = rest.split_first_chunk()?;
    // Four bytes of flow information lie between. Old programs leave the scope out.
    let scope_id = rest.get(20..24).and_then(|scope| scope.try_into().ok()).map_or(0, u32::from_ne_bytes);
    Some(internet(rest.get(4..20)?, u16::from_be_bytes(*port), scope_id))
}

fn internet(ip: &[u8], port: u16, scope_id: u32) -> SocketAddress {
    let address = InternetAddress { ip: ip.to_vec(), port: port.into(), scope_id };
    SocketAddress { kind: Some(Kind::Internet(address)) }
}

/// A path ends at its NUL byte; an abstract name begins with one and has all its bytes.
fn unix(name: &[u8]) -> SocketAddress {
    let path = match name.first() {
        None | Some(0) => name,
        Some(_) => name.split(|&byte| byte == 0).next().unwrap_or_default(),
    };
    SocketAddress { kind: Some(Kind::Unix(path.to_vec())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sockaddr(family: u16, rest: &[u8]) -> Option<Kind> {
        socket_address(&[&family.to_ne_bytes(), rest].concat()).and_then(|address| address.kind)
    }

    /// Scenario: addresses as programs give them. Guarantees: ports and addresses in their right order, paths without NUL,
    /// abstract names whole, and what cannot be read as raw bytes.
    #[test]
    fn addresses_are_read() {
        let internet = |ip: &[u8], port, scope_id| {
            Some(Kind::Internet(InternetAddress { ip: ip.to_vec(), port, scope_id }))
        };
        assert_eq!(sockaddr(AF_INET, &[0x1f, 0x90, 10, 0, 0, 1, 0, 0]), internet(&[10, 0, 0, 1], 8080, 0));
        let ipv6 = [&[0, 53, 0, 0, 0, 0][..], &[0xfe; 16], &7_u32.to_ne_bytes()].concat();
        assert_eq!(sockaddr(AF_INET6, &ipv6), internet(&[0xfe; 16], 53, 7));
        assert_eq!(sockaddr(AF_INET6, &ipv6[..22]), internet(&[0xfe; 16], 53, 0));
        assert_eq!(sockaddr(AF_UNIX, b"/run/x\0junk"), Some(Kind::Unix(b"/run/x".to_vec())));
        assert_eq!(sockaddr(AF_UNIX, b"\0abs\0tract"), Some(Kind::Unix(b"\0abs\0tract".to_vec())));
        assert!(matches!(sockaddr(AF_INET, &[1]), Some(Kind::Raw(raw)) if raw.len() == 3));
        assert!(matches!(sockaddr(16, &[1, 2]), Some(Kind::Raw(_))));
        assert_eq!(socket_address(&[1]), None);
    }

    proptest! {
        /// Scenario: any bytes as an address. Guarantees: no panic.
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            let _ = socket_address(&bytes);
        }
    }
}
