//! Addresses, networks and ports of an end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use eyrie_proto::capture::{CallFilter, NetworkEnd, NetworkFilter};
use ipnet::{IpNet, Ipv6Net};
use rule_language::condition::{Literal, LiteralValue};

use super::{super::super::need::Need, End, internet, other_than_internet};
use crate::capture_plan::derive::leaf::{Leaf, Order, whole};

/// The last port.
const LAST_PORT: u32 = u16::MAX as u32;
/// Where IPv4 lies in IPv6: an IPv4 peer of an IPv6 socket has such an address in the kernel, and counts as IPv4 to rules.
const MAPPED_BITS: u8 = 96;

/// A set of ends: those of an address in a network, and those with a port in a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    network: Option<IpNet>,
    first_port: u32,
    last_port: u32,
}

/// Which address a call has besides those of its socket. To programs it is an end of that, for tests of either end but of connect, where it is
/// remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    /// To rules it is the remote end, if there is an internet socket and that has no other one.
    OfConnect,
    OfTransfer,
    /// To rules it is no end.
    Unseen,
}

pub(super) fn need(leaf: &Leaf<'_>, end: End) -> Option<Need> {
    let asked = Asked::of(leaf.event_type());
    let outside = leaf.equals_none_of().and_then(ends_of).filter(|_| asked.lets_test(end, leaf.is_negated));
    if leaf.is_negated {
        // An empty list is no test.
        let need = Need::of(is_outside(&outside?, end));
        // What is asked for of another socket is tested, and no end to rules.
        let is_seen = asked == Asked::Nothing || end == End::Local;
        return Some(if is_seen { need } else { need.or(other_than_internet()) });
    }
    let test = match (outside, inside(leaf)) {
        (Some(ends), _) => is_outside(&ends, end),
        (None, Some(ends)) => is_inside(&ends, end),
        (None, None) => CallFilter::default(),
    };
    Some(Need::of(test).and(internet()))
}

fn inside(leaf: &Leaf<'_>) -> Option<Vec<Ends>> {
    match leaf.order() {
        Some(order) => Some(vec![ports_of(order)?]),
        None => leaf.equals_one_of().and_then(ends_of),
    }
}

fn ends_of(literals: &[Literal]) -> Option<Vec<Ends>> {
    literals.iter().map(Ends::of).collect()
}

fn ports_of(order: Order) -> Option<Ends> {
    let port = |number: i128| u32::try_from(number.clamp(0, LAST_PORT.into())).ok();
    Some(match order {
        Order::Below(bound) => {
            Ends { network: None, first_port: 0, last_port: port(bound.saturating_sub(1))? }
        }
        Order::AtLeast(bound) => Ends { network: None, first_port: port(bound)?, last_port: LAST_PORT },
    })
}

/// One of these ends, and not necessarily more.
fn is_inside(ends: &[Ends], end: End) -> CallFilter {
    let networks = ends.iter().flat_map(|ends| ends.tests(end.tested())).collect();
    CallFilter { networks, ..CallFilter::default() }
}

/// None of these ends. Where the comparison is of both ends, both are outside.
fn is_outside(ends: &[Ends], end: End) -> CallFilter {
    let tested: &[NetworkEnd] = match end {
        End::Local => &[NetworkEnd::Local],
        // The local end of a connection says no more than the remote one, mostly, and tests are few.
        End::Remote | End::Either => &[NetworkEnd::Remote],
        End::Unknown => &[NetworkEnd::Unspecified],
    };
    let outside = |end: &NetworkEnd| {
        let end = *end;
        ends.iter().filter(|ends| ends.is_told()).map(move |ends| ends.test(end))
    };
    CallFilter { outside_networks: tested.iter().flat_map(outside).collect(), ..CallFilter::default() }
}

// === impl Asked ===

impl Asked {
    fn of(event_type: &str) -> Self {
        match event_type {
            "connect" => Self::OfConnect,
            "recvfrom" | "recvmmsg" | "recvmsg" | "sendmmsg" | "sendmsg" | "sendto" => Self::OfTransfer,
            "bind" | "getpeername" | "getsockname" => Self::Unseen,
            _ => Self::Nothing,
        }
    }

    /// Whether a test of what is outside holds wherever the comparison does. Where that is negated there may be no end at all.
    fn lets_test(self, end: End, is_negated: bool) -> bool {
        match (self, end) {
            (Self::Unseen, End::Either) => false,
            (Self::OfConnect, End::Unknown) | (Self::Nothing, End::Unknown) => !is_negated,
            (Self::OfTransfer, End::Local | End::Unknown) | (Self::Unseen, _) => !is_negated,
            _ => true,
        }
    }
}

// === impl Ends ===

impl Ends {
    fn of(literal: &Literal) -> Option<Self> {
        let of_network =
            |network: IpNet| Self { network: Some(network.trunc()), first_port: 0, last_port: LAST_PORT };
        match literal.value {
            LiteralValue::Ip(ip) => Some(of_network(ip.into())),
            LiteralValue::Net(ip, length) => IpNet::new(ip, length).ok().map(of_network),
            _ => {
                let port = u32::try_from(whole(literal)?).ok()?;
                Some(Self { network: None, first_port: port, last_port: port })
            }
        }
    }

    /// Whether the kernel tells an end of these from one that is not there, which is all zeros, and from one that it has in another form.
    fn is_told(&self) -> bool {
        match self.network {
            None => self.first_port > 0,
            Some(network) if network.contains(&unspecified_like(network)) => false,
            Some(IpNet::V4(_)) => true,
            Some(IpNet::V6(network)) => {
                let mapped = Ipv6Net::new(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(), MAPPED_BITS);
                mapped.is_ok_and(|mapped| !network.contains(&mapped) && !mapped.contains(&network))
            }
        }
    }

    fn test(&self, end: NetworkEnd) -> NetworkFilter {
        let (ip, prefix_length) = match self.network {
            None => (Vec::new(), 0),
            Some(network) => (octets(network.addr()), network.prefix_len()),
        };
        NetworkFilter {
            ip,
            prefix_length: prefix_length.into(),
            first_port: self.first_port,
            last_port: self.last_port,
            end: end.into(),
        }
    }

    /// The test, in each form that the kernel may have the address in.
    fn tests(&self, end: NetworkEnd) -> Vec<NetworkFilter> {
        let mut tests = vec![self.test(end)];
        if let Some(IpNet::V4(network)) = self.network {
            let ip = network.addr().to_ipv6_mapped();
            tests.push(NetworkFilter {
                ip: ip.octets().to_vec(),
                prefix_length: (MAPPED_BITS + network.prefix_len()).into(),
                ..self.test(end)
            });
        }
        tests
    }
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn unspecified_like(network: IpNet) -> IpAddr {
    match network {
        IpNet::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpNet::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
