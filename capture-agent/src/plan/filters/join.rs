//! One clause for two that differ in several tests: it holds wherever one of them does, and more often.

use eyrie_bpf::{Clause, ValueTest};

use super::{
    clause::{common_bits, network_order},
    paths,
};

/// What it costs to give a test up, by how much more is let through then; the figures only have to be in this order.
const PATHS: u32 = 100;
const NETWORKS: u32 = 60;
const VALUE: u32 = 20;
const FAMILY: u32 = 15;
const CONTAINERS: u32 = 10;
const OUTCOME: u32 = 5;
const RESOLVED_PATH: u32 = 1;

/// How much is given up to have one clause for both.
pub(super) fn cost(one: &Clause, other: &Clause) -> u32 {
    let lost = |is_lost: bool, cost| if is_lost { cost } else { 0 };
    let is_lost_of_one = |one: bool, other: bool| one != other;
    let given_up =
        |own: &Clause, theirs| own.values.iter().filter(|test| partner(test, theirs).is_none()).count();
    // Of two tests of the same bits both have the one of the other clause as partner.
    let values = u32::try_from(given_up(one, other) + given_up(other, one)).unwrap_or(u32::MAX);
    let networks = one.networks.len() + other.networks.len() + shared_outside(one, other).count();
    lost(is_lost_of_one(one.paths.is_empty(), other.paths.is_empty()), PATHS)
        + lost(one.tries_resolved_path != other.tries_resolved_path, RESOLVED_PATH)
        + lost(is_lost_of_one(one.networks.is_empty(), other.networks.is_empty()), NETWORKS)
        + lost(!one.networks.is_empty() && networks > Clause::NETWORKS_MAX, NETWORKS)
        + lost(one.outside != other.outside, NETWORKS)
        + lost(one.socket_families.is_empty() != other.socket_families.is_empty(), FAMILY)
        + lost(one.socket_protocols.is_empty() != other.socket_protocols.is_empty(), FAMILY)
        + lost(one.only_containers != other.only_containers, CONTAINERS)
        + lost(one.outcome != other.outcome, OUTCOME)
        + values.saturating_mul(VALUE)
}

/// A clause that holds wherever one of the two does.
pub(super) fn join(one: &Clause, other: &Clause) -> Clause {
    let paths = either(&one.paths, &other.paths);
    let outside: Vec<_> = shared_outside(one, other).copied().collect();
    let mut networks = either(&one.networks, &other.networks);
    networks.sort_by_key(network_order);
    networks.dedup();
    if networks.len() + outside.len() > Clause::NETWORKS_MAX {
        networks.clear();
    }
    Clause {
        outcome: one.outcome.filter(|outcome| other.outcome == Some(*outcome)),
        values: one.values.iter().filter_map(|test| both_values(test, partner(test, other)?)).collect(),
        only_containers: one.only_containers && other.only_containers,
        tries_resolved_path: !paths.is_empty() && (one.tries_resolved_path || other.tries_resolved_path),
        paths: paths::simplified(paths),
        socket_families: sorted(either(&one.socket_families, &other.socket_families)),
        socket_protocols: sorted(either(&one.socket_protocols, &other.socket_protocols)),
        networks,
        outside,
    }
}

/// What holds if one of both lists does: an empty one always holds.
fn either<T: Clone>(one: &[T], other: &[T]) -> Vec<T> {
    if one.is_empty() || other.is_empty() { Vec::new() } else { [one, other].concat() }
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values.dedup();
    values
}

fn shared_outside<'a>(
    one: &'a Clause,
    other: &'a Clause,
) -> impl Iterator<Item = &'a eyrie_bpf::NetworkTest> {
    one.outside.iter().filter(|test| other.outside.contains(test))
}

/// The other clause's test of the same bits.
fn partner<'a>(test: &ValueTest, other: &'a Clause) -> Option<&'a ValueTest> {
    other.values.iter().find(|theirs| theirs.subject == test.subject && theirs.mask == test.mask)
}

fn both_values(one: &ValueTest, other: &ValueTest) -> Option<ValueTest> {
    if one.values.is_empty() && other.values.is_empty() {
        return Some(one.clone());
    }
    if one.values.is_empty() || other.values.is_empty() {
        return None;
    }
    let both = ValueTest { values: sorted([&*one.values, &*other.values].concat()), ..one.clone() };
    let fits = both.values.len() <= ValueTest::VALUES_MAX;
    Some(if fits { both } else { common_bits(&both) }).filter(|test| test.mask != 0)
}
