//! Addresses of sockets.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use eyrie_proto::event::{InternetAddress, SocketAddress, socket_address};

/// An IP address with its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) ip: IpAddr,
    pub(crate) port: u16,
}

// === impl Endpoint ===

impl Endpoint {
    /// The address, if it is of the internet and well formed.
    pub(crate) fn of(address: &SocketAddress) -> Option<Self> {
        match address.kind.as_ref()? {
            socket_address::Kind::Internet(internet) => Self::of_internet(internet),
            socket_address::Kind::Unix(_) | socket_address::Kind::Raw(_) => None,
        }
    }

    fn of_internet(address: &InternetAddress) -> Option<Self> {
        let ip = if let Ok(octets) = <[u8; 4]>::try_from(&*address.ip) {
            Ipv4Addr::from(octets).into()
        } else {
            // As Falco does, an IPv4 peer of a dual-stack socket counts as IPv4: rules name it so.
            Ipv6Addr::from(<[u8; 16]>::try_from(&*address.ip).ok()?).to_canonical()
        };
        Some(Self { ip, port: u16::try_from(address.port).ok()? })
    }

    pub(crate) fn socket_address(self) -> SocketAddr {
        (self.ip, self.port).into()
    }

    /// Nobody's address of the same family: what the local end of a socket is called that has none yet.
    pub(crate) fn unspecified_like(other: Endpoint) -> Self {
        let ip = match other.ip {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Self { ip, port: 0 }
    }
}

impl std::fmt::Display for Endpoint {
    /// `ip:port`, without brackets for IPv6, as Falco writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.ip, self.port)
    }
}

/// The path of a Unix socket; `@` stands for the NUL byte that abstract names begin with.
pub(crate) fn unix_path(address: &SocketAddress) -> Option<Cow<'_, [u8]>> {
    match address.kind.as_ref()? {
        socket_address::Kind::Unix(path) => Some(match path.split_first() {
            Some((0, name)) => Cow::Owned([b"@", name].concat()),
            _ => Cow::Borrowed(&**path),
        }),
        socket_address::Kind::Internet(_) | socket_address::Kind::Raw(_) => None,
    }
}
