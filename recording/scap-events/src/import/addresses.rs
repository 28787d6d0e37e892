//! Addresses of sockets as events and lists of descriptors have them.

use std::net::IpAddr;

use eyrie_proto::event::{self, SocketAddress, socket_address::Kind};
use scap::{
    table::ParameterType,
    value::{self, Value},
};

/// linux/socket.h
pub(crate) const AF_UNIX: u32 = 1;
pub(crate) const AF_INET: u32 = 2;
pub(crate) const AF_INET6: u32 = 10;
pub(crate) const AF_NETLINK: u32 = 16;
/// linux/net.h
pub(crate) const SOCK_STREAM: u32 = 1;
pub(crate) const SOCK_DGRAM: u32 = 2;
pub(crate) const SOCK_RAW: u32 = 3;
/// SOCK_TYPE_MASK of linux/net.h: above it lie SOCK_CLOEXEC and SOCK_NONBLOCK.
pub(crate) const SOCK_TYPE_MASK: u32 = 0xf;
/// linux/in.h
pub(crate) const IPPROTO_ICMP: u32 = 1;
pub(crate) const IPPROTO_TCP: u32 = 6;
pub(crate) const IPPROTO_UDP: u32 = 17;
pub(crate) const IPPROTO_ICMPV6: u32 = 58;
pub(crate) const IPPROTO_RAW: u32 = 255;
/// net/tcp_states.h
pub(crate) const TCP_ESTABLISHED: u32 = 1;
pub(crate) const TCP_LISTEN: u32 = 10;

/// The two ends of an event, in its own order.
#[derive(Clone, Debug)]
pub(crate) struct Tuple {
    pub(crate) family: u32,
    /// `None` of an end that has no address.
    pub(crate) source: Option<SocketAddress>,
    pub(crate) destination: Option<SocketAddress>,
}

/// Who is at which end, as a call's own socket sees it.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    pub(crate) family: u32,
    pub(crate) local: Option<SocketAddress>,
    pub(crate) remote: Option<SocketAddress>,
}

pub(crate) fn internet(address: scap::InternetAddress) -> SocketAddress {
    let ip = match address.ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let internet = event::InternetAddress { ip, port: address.port.into(), scope_id: 0 };
    SocketAddress { kind: Some(Kind::Internet(internet)) }
}

/// `None` of an address that nothing was bound to.
pub(crate) fn internet_end(address: scap::InternetAddress) -> Option<SocketAddress> {
    (address.port != 0 || !address.ip.is_unspecified()).then(|| internet(address))
}

pub(crate) fn unix(path: Vec<u8>) -> SocketAddress {
    SocketAddress { kind: Some(Kind::Unix(path)) }
}

pub(crate) fn family_of(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { AF_INET } else { AF_INET6 }
}

/// What a program gave as an address.
pub(crate) fn socket_address(bytes: &[u8]) -> Option<SocketAddress> {
    let Ok(Some(Value::Address(address))) = value::decode(ParameterType::SockAddr, bytes) else {
        return None;
    };
    match address {
        value::SocketAddress::Internet(address) => Some(internet(address)),
        value::SocketAddress::Unix(path) => Some(unix(path)),
        // The family alone tells nothing.
        value::SocketAddress::Other(_, rest) if rest.is_empty() => None,
        value::SocketAddress::Other(family, rest) => {
            let raw = [&u16::from(family).to_le_bytes()[..], &rest].concat();
            Some(SocketAddress { kind: Some(Kind::Raw(raw)) })
        }
    }
}

/// The port of an address of the internet.
pub(crate) fn port_of(address: &SocketAddress) -> Option<u32> {
    match address.kind.as_ref()? {
        Kind::Internet(address) => Some(address.port),
        _ => None,
    }
}

// === impl Tuple ===

impl Tuple {
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let Ok(Some(Value::Tuple(tuple))) = value::decode(ParameterType::SockTuple, bytes) else {
            return None;
        };
        match tuple {
            value::SocketTuple::Internet { source, destination } => Some(Self {
                family: family_of(source.ip),
                source: internet_end(source),
                destination: internet_end(destination),
            }),
            // The addresses of the kernel's structures say nothing to anybody; the path is the server's.
            value::SocketTuple::Unix { path, .. } => Some(Self {
                family: AF_UNIX,
                source: None,
                destination: (!path.is_empty()).then(|| unix(path)),
            }),
            value::SocketTuple::Other(..) => None,
        }
    }

    /// Of connect and of what is sent: own end first.
    pub(crate) fn outbound(self) -> Ends {
        Ends { family: self.family, local: self.source, remote: self.destination }
    }

    /// Of accept and of what is received: the peer first. The path of a Unix socket is that of the server, which is the own end.
    pub(crate) fn inbound(self) -> Ends {
        Ends { family: self.family, local: self.destination, remote: self.source }
    }
}
