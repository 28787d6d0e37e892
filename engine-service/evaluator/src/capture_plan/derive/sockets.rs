//! Sockets and their ends.
//!
//! A field of an end has a value only where there is an internet socket with that end; so even "is not equal" says something of the socket.
//! Where only the negation of a comparison has to hold, nothing may be said of a missing value.

mod networks;

use eyrie_proto::capture::{CallFilter, CallOutcome, NetworkEnd};
use rule_language::condition::{Literal, Operator};

use super::{super::need::Need, leaf::Leaf, outcome::ended};

/// AF_* of linux/socket.h.
const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const AF_NETLINK: u32 = 16;
/// IPPROTO_* of linux/in.h; 0 where the kernel chose, and a record does not say what.
const TCP: &[u32] = &[6, 0];
const UDP: &[u32] = &[17, 0];
const ICMP: &[u32] = &[1, 58, 0];
/// Event types of calls that are about a socket, which their first argument is.
const ON_SOCKET: [&str; 16] = [
    "bind",
    "connect",
    "getpeername",
    "getsockname",
    "getsockopt",
    "listen",
    "recv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "send",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
];
/// Those that make one of another.
const ACCEPTING: [&str; 2] = ["accept", "accept4"];

/// Which end a field is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Local,
    Remote,
    /// Both: equality holds if it holds for one.
    Either,
    /// One of the two, or none: which one is history.
    Unknown,
}

pub(super) fn need(leaf: &Leaf<'_>) -> Option<Need> {
    let is_accepting = ACCEPTING.contains(&leaf.event_type());
    if !is_accepting && !ON_SOCKET.contains(&leaf.event_type()) {
        return None;
    }
    let need = match leaf.field.name.as_str() {
        "fd.type" | "fd.typechar" => families(of_types(leaf)?),
        "fd.sockfamily" => families(of_family(leaf)?),
        "fd.l4proto" => of_transport(leaf)?,
        name => networks::need(leaf, end(name, leaf.event_type())?)?,
    };
    // What failed to make a socket is about none, and yet has a kind.
    Some(if is_accepting { need.or(Need::of(ended(CallOutcome::Failed))) } else { need })
}

fn families(socket_families: Vec<u32>) -> Need {
    Need::of(CallFilter { socket_families, ..CallFilter::default() })
}

/// What is at all about an internet socket.
fn internet() -> Need {
    families(vec![AF_INET, AF_INET6])
}

/// What is about a socket of another family: agents know these by bits.
fn other_than_internet() -> Need {
    families((0..u64::BITS).filter(|family| !matches!(*family, AF_INET | AF_INET6)).collect())
}

/// The literals of a comparison of equality; what is compared may be no socket at all where it is another one.
fn equal_texts<'a>(leaf: &Leaf<'a>) -> Option<&'a [Literal]> {
    leaf.alternatives().filter(|_| matches!(leaf.operator, Operator::Eq | Operator::In))
}

fn of_types(leaf: &Leaf<'_>) -> Option<Vec<u32>> {
    let is_character = leaf.field.name == "fd.typechar";
    let mut all = Vec::new();
    for literal in equal_texts(leaf)? {
        all.extend_from_slice(match (is_character, &*literal.text) {
            // An IPv6 socket with an IPv4 peer counts as IPv4.
            (true, b"4") | (false, b"ipv4") => &[AF_INET, AF_INET6],
            (true, b"6") | (false, b"ipv6") => &[AF_INET6],
            // The character is userfaultfd's as well.
            (false, b"unix") => &[AF_UNIX],
            (true, b"n") | (false, b"netlink") => &[AF_NETLINK],
            _ => return None,
        });
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

fn of_family(leaf: &Leaf<'_>) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for literal in equal_texts(leaf)? {
        all.extend_from_slice(match &*literal.text {
            b"ip" => &[AF_INET, AF_INET6],
            b"unix" => &[AF_UNIX],
            _ => return None,
        });
    }
    Some(all)
}

fn of_transport(leaf: &Leaf<'_>) -> Option<Need> {
    if leaf.is_negated {
        return None;
    }
    let protocols = || {
        let mut all = Vec::new();
        for literal in equal_texts(leaf)? {
            all.extend_from_slice(match &*literal.text {
                b"tcp" => TCP,
                b"udp" => UDP,
                b"icmp" => ICMP,
                // A raw socket is one of any protocol.
                _ => return None,
            });
        }
        all.sort_unstable();
        all.dedup();
        Some(all)
    };
    let socket_protocols = protocols().unwrap_or_default();
    Some(Need::of(CallFilter { socket_protocols, ..CallFilter::default() }).and(internet()))
}

fn end(field: &str, event_type: &str) -> Option<End> {
    // Of these the call itself decides who is the client.
    let (client, server) = match event_type {
        "connect" => (End::Local, End::Remote),
        "accept" | "accept4" => (End::Remote, End::Local),
        _ => (End::Unknown, End::Unknown),
    };
    Some(match field {
        "fd.ip" | "fd.net" | "fd.port" | "fd.proto" => End::Either,
        "fd.lip" | "fd.lnet" | "fd.lport" => End::Local,
        "fd.rip" | "fd.rnet" | "fd.rport" => End::Remote,
        "fd.cip" | "fd.cnet" | "fd.cport" => client,
        "fd.sip" | "fd.snet" | "fd.sport" => server,
        _ => return None,
    })
}

// === impl End ===

impl End {
    fn tested(self) -> NetworkEnd {
        match self {
            Self::Local => NetworkEnd::Local,
            Self::Remote => NetworkEnd::Remote,
            Self::Either | Self::Unknown => NetworkEnd::Unspecified,
        }
    }
}
