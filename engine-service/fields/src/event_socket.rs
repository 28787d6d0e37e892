//! The socket that an event is about, as the fields of its ends see it.

use std::net::SocketAddr;

use eyrie_proto::event::{Event, SocketDescriptor};

use crate::descriptor::subject;

/// The ends of an internet socket; one that has no address is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketEnds {
    /// Its own.
    pub local: Option<SocketAddr>,
    /// Its peer's, or that of who was asked for. An IPv4 peer of a dual-stack socket counts as IPv4.
    pub remote: Option<SocketAddr>,
}

/// The ends that `fd.lip`, `fd.rip` and their relatives are about.
pub fn socket_ends(event: &Event) -> Option<SocketEnds> {
    let ends = subject(event)?.ends()?;
    let address = |end: Option<crate::address::Endpoint>| end.map(crate::address::Endpoint::socket_address);
    Some(SocketEnds { local: address(ends.local), remote: address(ends.remote) })
}

/// The socket that `fd.type` and its relatives are about.
pub fn event_socket(event: &Event) -> Option<&SocketDescriptor> {
    subject(event)?.socket()
}
