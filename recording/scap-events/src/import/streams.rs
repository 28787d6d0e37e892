//! What descriptors 0 to 2 of a process are, as text: as live capture tells it at an exec.

use eyrie_proto::event::{
    SocketAddress, SocketDescriptor, SocketRole, StandardStream, descriptor::Kind, socket_address,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    addresses::{AF_INET, AF_INET6, AF_NETLINK, AF_UNIX},
    descriptors::Descriptors,
    kinds::DIRECTORY,
};

/// Those that are known.
pub(crate) fn standard_streams(descriptors: &Descriptors, pid: u32) -> Vec<StandardStream> {
    (0..3_u32).filter_map(|fd| stream(descriptors, pid, fd)).collect()
}

fn stream(descriptors: &Descriptors, pid: u32, fd: u32) -> Option<StandardStream> {
    let entry = descriptors.get(pid, i32::try_from(fd).ok()?)?;
    let (r#type, name) = match &entry.kind {
        Kind::File(file) if file.mode & DIRECTORY != 0 => ("directory", file.path.clone()),
        Kind::File(file) => ("file", file.path.clone()),
        Kind::Socket(socket) => (socket_type(socket.family), socket_name(socket)),
        Kind::Other(other) if other.r#type == "pipe" && other.name.is_empty() => {
            ("pipe", format!("pipe:[{}]", other.inode).into_bytes())
        }
        Kind::Other(other) => (&*other.r#type, other.name.clone()),
    };
    Some(StandardStream { fd, r#type: r#type.to_owned(), name })
}

fn socket_type(family: u32) -> &'static str {
    match family {
        AF_UNIX => "unix",
        AF_INET => "ipv4",
        AF_INET6 => "ipv6",
        AF_NETLINK => "netlink",
        _ => "unknown",
    }
}

/// Both ends, the client's first where that is known; of one end that alone.
fn socket_name(socket: &SocketDescriptor) -> Vec<u8> {
    let [local, remote] = [&socket.local, &socket.remote].map(|end| end.as_ref().and_then(name_of));
    let (first, second) = if socket.role() == SocketRole::Server { (remote, local) } else { (local, remote) };
    match (first, second) {
        (Some(first), Some(second)) => [first.as_slice(), b"->", &second].concat(),
        (one, other) => one.or(other).unwrap_or_default(),
    }
}

fn name_of(address: &SocketAddress) -> Option<Vec<u8>> {
    match address.kind.as_ref()? {
        socket_address::Kind::Internet(internet) => {
            let ip = match <[u8; 4]>::try_from(internet.ip.as_slice()) {
                Ok(ipv4) => IpAddr::from(Ipv4Addr::from(ipv4)),
                Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(internet.ip.as_slice()).ok()?).to_canonical(),
            };
            Some(format!("{ip}:{}", internet.port).into_bytes())
        }
        socket_address::Kind::Unix(name) => Some(name.clone()),
        socket_address::Kind::Raw(_) => None,
    }
}
