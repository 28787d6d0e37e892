//! Files as streams: captures of others beside the project, and small ones that are made here.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

mod captures;
mod containers;
mod descriptors;
mod events;
mod fields;
mod hostile;
mod lives;
mod sockets;
mod stream;

use eyrie_proto::event::{
    Descriptor, SocketAddress, SocketDescriptor, descriptor, socket_address::Kind as AddressKind,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address as people write it.
fn shown(address: Option<&SocketAddress>) -> String {
    match address.and_then(|address| address.kind.as_ref()) {
        Some(AddressKind::Internet(internet)) => {
            let ip = match <[u8; 4]>::try_from(internet.ip.as_slice()) {
                Ok(ip) => IpAddr::from(Ipv4Addr::from(ip)),
                Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(internet.ip.as_slice()).unwrap()).into(),
            };
            SocketAddr::new(ip, internet.port.try_into().unwrap()).to_string()
        }
        Some(AddressKind::Unix(path)) => String::from_utf8_lossy(path).into_owned(),
        Some(AddressKind::Raw(raw)) => format!("{raw:?}"),
        None => "none".to_owned(),
    }
}

fn socket(descriptor: Option<&Descriptor>) -> &SocketDescriptor {
    match descriptor.unwrap().kind.as_ref().unwrap() {
        descriptor::Kind::Socket(socket) => socket,
        other => panic!("{other:?} is no socket"),
    }
}

/// `own -> peer` of a socket.
fn ends(descriptor: Option<&Descriptor>) -> String {
    let socket = socket(descriptor);
    format!("{} -> {}", shown(socket.local.as_ref()), shown(socket.remote.as_ref()))
}

/// Type and name of what is behind a descriptor; nothing if that is not known.
fn named(descriptor: Option<&Descriptor>) -> String {
    match descriptor.unwrap().kind.as_ref() {
        Some(descriptor::Kind::File(file)) if file.mode & 0o040_000 != 0 => {
            format!("directory {}", String::from_utf8_lossy(&file.path))
        }
        Some(descriptor::Kind::File(file)) => format!("file {}", String::from_utf8_lossy(&file.path)),
        Some(descriptor::Kind::Other(other)) => {
            format!("{} {}", other.r#type, String::from_utf8_lossy(&other.name)).trim_end().to_owned()
        }
        Some(descriptor::Kind::Socket(_)) => "socket".to_owned(),
        None => String::new(),
    }
}
