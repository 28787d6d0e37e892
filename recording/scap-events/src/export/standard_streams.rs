//! Standard streams, which are told as text, as the descriptors that they are.

use std::net::IpAddr;

use eyrie_proto::event::{
    Descriptor, FileDescriptor, InternetAddress, OtherDescriptor, SocketAddress, SocketDescriptor,
    StandardStream, descriptor::Kind, socket_address,
};
use scap::DescriptorKind;

use super::parameters::internet;
use crate::flags::{self, L4_NOT_INTERNET, L4_TCP};

/// S_IFREG and S_IFDIR of linux/stat.h.
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
/// linux/socket.h
const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const AF_NETLINK: u32 = 16;
const SOCK_STREAM: u32 = 1;

/// As an event would tell it.
pub(super) fn of_stream(stream: &StandardStream) -> Option<Descriptor> {
    let file =
        |mode| Kind::File(FileDescriptor { path: stream.name.clone(), mode, ..FileDescriptor::default() });
    let kind = match stream.r#type.as_str() {
        "file" => file(REGULAR),
        "directory" => file(DIRECTORY),
        "ipv4" => socket(AF_INET, &stream.name),
        "ipv6" => socket(AF_INET6, &stream.name),
        "unix" => Kind::Socket(SocketDescriptor {
            family: AF_UNIX,
            remote: (!stream.name.is_empty()).then(|| unix(&stream.name)),
            ..SocketDescriptor::default()
        }),
        "netlink" => Kind::Socket(SocketDescriptor { family: AF_NETLINK, ..SocketDescriptor::default() }),
        r#type => Kind::Other(OtherDescriptor {
            r#type: r#type.to_owned(),
            name: stream.name.clone(),
            inode: inode(&stream.name),
        }),
    };
    Some(Descriptor { fd: i32::try_from(stream.fd).ok()?, kind: Some(kind) })
}

/// As the blocks before the events have it; `None` for what they have no type for.
pub(super) fn descriptor(stream: &StandardStream) -> Option<scap::Descriptor> {
    let name = || stream.name.clone();
    let kind = match stream.r#type.as_str() {
        "file" => DescriptorKind::File { open_flags: 0, name: name(), device: None },
        "unix" => DescriptorKind::Unix { source: 0, destination: 0, name: name() },
        "ipv4" | "ipv6" => {
            let (first, second) = ends(&stream.name);
            match (first?, second) {
                (source, Some(destination)) => {
                    DescriptorKind::Connection { source, destination, protocol: L4_TCP }
                }
                (address, None) => DescriptorKind::Server { address, protocol: L4_NOT_INTERNET },
            }
        }
        r#type => DescriptorKind::Other { fd_type: flags::descriptor_type(r#type)?, name: name() },
    };
    Some(scap::Descriptor { fd: stream.fd.into(), inode: inode(&stream.name), kind })
}

fn socket(family: u32, name: &[u8]) -> Kind {
    let (local, remote) = ends(name);
    Kind::Socket(SocketDescriptor {
        family,
        r#type: SOCK_STREAM,
        local: local.map(socket_address),
        remote: remote.map(socket_address),
        is_connected: remote.is_some(),
        ..SocketDescriptor::default()
    })
}

fn unix(path: &[u8]) -> SocketAddress {
    SocketAddress { kind: Some(socket_address::Kind::Unix(path.to_vec())) }
}

fn socket_address(address: scap::InternetAddress) -> SocketAddress {
    let ip = match address.ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let internet = InternetAddress { ip, port: address.port.into(), scope_id: 0 };
    SocketAddress { kind: Some(socket_address::Kind::Internet(internet)) }
}

/// `ip:port->ip:port` or one of them, without brackets around the address.
fn ends(name: &[u8]) -> (Option<scap::InternetAddress>, Option<scap::InternetAddress>) {
    let text = std::str::from_utf8(name).unwrap_or_default();
    let end = |text: &str| {
        let (ip, port) = text.rsplit_once(':')?;
        Some(internet((ip.parse::<IpAddr>().ok()?, port.parse().ok()?).into()))
    };
    match text.split_once("->") {
        Some((first, second)) => (end(first), end(second)),
        None => (end(text), None),
    }
}

/// The number in `pipe:[77]`.
fn inode(name: &[u8]) -> u64 {
    let text = std::str::from_utf8(name).unwrap_or_default();
    let number = text.split_once(":[").and_then(|(_, rest)| rest.strip_suffix(']'));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
