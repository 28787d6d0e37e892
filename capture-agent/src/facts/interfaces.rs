//! The interfaces of the agent's network namespace, from `/proc/net`.
//!
//! `if_inet6` has IPv6 addresses with their interfaces. IPv4 addresses stand in `fib_trie`, without an interface; `route` tells
//! which interface a directly reached network is on. That is what can be had without a netlink client; an address
//! without such a network (a point-to-point peer's) is left out.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
    os::unix::fs::MetadataExt,
};

use eyrie_proto::event::{Interface, InterfaceAddress, InterfacesFact};

/// A network that is reached directly.
struct Network {
    interface: String,
    network: u32,
    mask: u32,
}

/// The interfaces with their addresses; `None` if `/proc` does not tell.
pub(super) fn read() -> Option<InterfacesFact> {
    let network_namespace = std::fs::metadata("/proc/self/ns/net").ok()?.ino();
    let file = |name: &str| std::fs::read_to_string(format!("/proc/self/net/{name}")).unwrap_or_default();
    let mut interfaces: BTreeMap<String, Vec<InterfaceAddress>> =
        names(&file("dev")).map(|name| (name.to_owned(), Vec::new())).collect();
    let networks = networks(&file("route"));
    for address in local_addresses(&file("fib_trie")) {
        if let Some((interface, prefix_length)) = place(address, &networks) {
            let ip = address.octets().to_vec();
            interfaces.entry(interface).or_default().push(InterfaceAddress { ip, prefix_length });
        }
    }
    for (interface, address) in file("if_inet6").lines().filter_map(inet6) {
        interfaces.entry(interface.to_owned()).or_default().push(address);
    }
    let interfaces = interfaces.into_iter().map(|(name, addresses)| Interface { name, addresses }).collect();
    Some(InterfacesFact { network_namespace, interfaces })
}

/// Names in `/proc/net/dev`, whose first two lines are headings.
fn names(dev: &str) -> impl Iterator<Item = &str> {
    dev.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim()))
}

/// Addresses of the host in `/proc/net/fib_trie`: leaves that are `/32 host LOCAL`.
fn local_addresses(fib_trie: &str) -> Vec<Ipv4Addr> {
    let mut addresses = Vec::new();
    let mut leaf: Option<Ipv4Addr> = None;
    for line in fib_trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line == "/32 host LOCAL" {
            addresses.extend(leaf);
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Rows of `/proc/net/route` without a gateway: interface, destination, gateway ... mask, the numbers in hexadecimal as they
/// lie in memory.
fn networks(route: &str) -> Vec<Network> {
    route
        .lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<_> = line.split_whitespace().collect();
            let number = |index: usize| u32::from_str_radix(columns.get(index)?, 16).ok();
            let gateway = number(2)?;
            let network = Network {
                interface: (*columns.first()?).to_owned(),
                network: number(1)?.to_be(),
                mask: number(7)?.to_be(),
            };
            (gateway == 0 && network.mask != 0).then_some(network)
        })
        .collect()
}

fn place(address: Ipv4Addr, networks: &[Network]) -> Option<(String, u32)> {
    if address.is_loopback() {
        return Some(("lo".to_owned(), 8));
    }
    networks
        .iter()
        .filter(|network| u32::from(address) & network.mask == network.network)
        .max_by_key(|network| network.mask)
        .map(|network| (network.interface.clone(), network.mask.count_ones()))
}

/// A line of `/proc/net/if_inet6`: address, index, prefix length, scope, flags, name; numbers in hexadecimal.
fn inet6(line: &str) -> Option<(&str, InterfaceAddress)> {
    let columns: Vec<_> = line.split_whitespace().collect();
    let &[address, _, prefix_length, _, _, name] = columns.as_slice() else { return None };
    let ip = Ipv6Addr::from(u128::from_str_radix(address, 16).ok()?).octets().to_vec();
    Some((name, InterfaceAddress { ip, prefix_length: u32::from_str_radix(prefix_length, 16).ok()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the tables of a host with one Ethernet interface. Guarantees: an address is found, and put on the interface
    /// whose network it is in, with that network's prefix.
    #[test]
    fn addresses_are_placed_on_interfaces() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 10.1.2.0\n        \
                    /24 link UNICAST\n     |-- 10.1.2.3\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n";
        let route = "Iface Destination Gateway Flags RefCnt Use Metric Mask\neth0 00000000 0102010A 0003 0 0 0 00000000\n\
                     eth0 0002010A 00000000 0001 0 0 0 00FFFFFF\n";
        let addresses = local_addresses(trie);
        assert_eq!(addresses, [Ipv4Addr::new(10, 1, 2, 3), Ipv4Addr::LOCALHOST]);
        let networks = networks(route);
        assert_eq!(place(addresses[0], &networks), Some(("eth0".to_owned(), 24)));
        assert_eq!(place(addresses[1], &networks), Some(("lo".to_owned(), 8)));
        assert_eq!(place(Ipv4Addr::new(192, 0, 2, 1), &networks), None);
        let (name, address) = inet6("fe80000000000000021122fffe334455 02 40 20 80     eth0").unwrap();
        assert_eq!((name, address.prefix_length, address.ip[0]), ("eth0", 64, 0xfe));
    }

    /// Scenario: this machine. Guarantees: the kernel's real tables are understood: there is a loopback interface.
    #[test]
    fn this_machine_has_a_loopback_interface() {
        let fact = read().unwrap();
        assert!(fact.interfaces.iter().any(|interface| interface.name == "lo"), "{fact:?}");
    }
}
