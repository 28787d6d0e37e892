//! The socket that an event is about, as the programs of an agent see it.

use std::net::SocketAddr;

use eyrie_proto::event::{Event, SocketAddress, SocketDescriptor, descriptor, event::Kind, socket_address};

use crate::{
    address::Endpoint,
    descriptor::{AF_INET, AF_INET6, subject},
};

/// What a descriptor has of a socket, and what its call has: of one that is no socket the latter alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenSocket {
    /// AF_* of the socket, and of the addresses; of an IPv4 address in IPv6, both.
    pub families: Vec<u32>,
    /// IPPROTO_*; `None` where there is no socket.
    pub protocol: Option<u32>,
    /// Its own end, of an internet socket that has one. An IPv4 address in IPv6 counts as IPv4.
    pub local: Option<SocketAddr>,
    /// Its peer's; not where a connect has failed and was given an address, which rules see instead.
    pub remote: Option<SocketAddr>,
    /// The internet address that the call was given or gave; not where a connect has reached its peer, which rules see instead.
    pub asked: Option<SocketAddr>,
}

/// The socket that `fd.type` and its relatives are about; `None` for events that are about no descriptor, or of whose descriptor nothing is known.
pub fn seen_socket(event: &Event) -> Option<SeenSocket> {
    let subject = subject(event)?;
    let kind = subject.descriptor?.kind.as_ref()?;
    let asked = match &event.kind {
        Some(Kind::Bind(bind)) => bind.requested.as_ref(),
        _ => subject.requested,
    };
    let mut seen = SeenSocket::default();
    if let descriptor::Kind::Socket(socket) = kind {
        seen.note_socket(socket);
    }
    let is_connect = matches!(event.kind, Some(Kind::Connect(_)));
    let has_reached = is_connect && !subject.is_failed && seen.remote.is_some();
    let asked = asked.filter(|address| !has_reached && is_internet(address));
    seen.families.extend(asked.map(family_of));
    seen.asked = asked.and_then(|address| seen.note_end(address));
    if is_connect && subject.is_failed && seen.asked.is_some() {
        seen.remote = None;
    }
    Some(seen)
}

fn is_internet(address: &SocketAddress) -> bool {
    matches!(address.kind, Some(socket_address::Kind::Internet(_)))
}

fn family_of(address: &SocketAddress) -> u32 {
    match &address.kind {
        Some(socket_address::Kind::Internet(internet)) if internet.ip.len() == 4 => AF_INET,
        _ => AF_INET6,
    }
}

// === impl SeenSocket ===

impl SeenSocket {
    fn note_socket(&mut self, socket: &SocketDescriptor) {
        self.families.push(socket.family);
        self.protocol = Some(socket.protocol);
        if matches!(socket.family, AF_INET | AF_INET6) {
            self.local = socket.local.as_ref().and_then(|end| self.note_end(end));
            self.remote = socket.remote.as_ref().and_then(|end| self.note_end(end));
        }
    }

    fn note_end(&mut self, address: &SocketAddress) -> Option<SocketAddr> {
        let end = Endpoint::of(address)?.socket_address();
        if end.is_ipv4() && !self.families.contains(&AF_INET) {
            self.families.push(AF_INET);
        }
        Some(end)
    }
}
