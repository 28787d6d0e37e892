//! Whether a clause holds wherever another one does.

use eyrie_bpf::{Clause, End, NetworkTest, ValueTest};

use super::paths::PathSet;

/// Whether every call that `narrow` lets through passes `wide` as well. False where that cannot be told.
pub(super) fn implies(narrow: &Clause, wide: &Clause, paths_of_wide: &PathSet<'_>) -> bool {
    (wide.outcome.is_none() || wide.outcome == narrow.outcome)
        && (narrow.only_containers || !wide.only_containers)
        && is_subset(&narrow.socket_families, &wide.socket_families)
        && is_subset(&narrow.socket_protocols, &wide.socket_protocols)
        && wide.values.iter().all(|wide| narrow.values.iter().any(|narrow| value_implies(narrow, wide)))
        && networks_imply(&narrow.networks, &wide.networks)
        && wide.outside.iter().all(|wide| narrow.outside.iter().any(|narrow| is_outside(narrow, wide)))
        && paths_imply(narrow, wide, paths_of_wide)
}

/// An empty list holds always.
fn is_subset<T: PartialEq>(narrow: &[T], wide: &[T]) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|value| wide.contains(value)))
}

fn value_implies(narrow: &ValueTest, wide: &ValueTest) -> bool {
    if narrow.subject != wide.subject {
        return false;
    }
    if narrow.values.is_empty() {
        // Some bit of the narrow mask is set, and so one of the wide mask.
        return wide.values.is_empty() && narrow.mask & !wide.mask == 0;
    }
    let holds = |value: &u64| {
        let masked = value & wide.mask;
        if wide.values.is_empty() { masked != 0 } else { wide.values.contains(&masked) }
    };
    let knows_all = wide.mask & !narrow.mask == 0;
    (knows_all || wide.values.is_empty()) && narrow.values.iter().all(holds)
}

fn networks_imply(narrow: &[NetworkTest], wide: &[NetworkTest]) -> bool {
    let is_in = |narrow: &NetworkTest| {
        wide.iter().any(|wide| contains(wide, narrow) && (wide.end == End::Any || wide.end == narrow.end))
    };
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(is_in))
}

/// Whether what is outside of `narrow`'s network is outside of `wide`'s too.
fn is_outside(narrow: &NetworkTest, wide: &NetworkTest) -> bool {
    // Where an end is missing a test of it holds, and one of either end need not.
    contains(narrow, wide) && wide.end == narrow.end
}

/// Whether every address and port of `inner` is one of `outer`.
fn contains(outer: &NetworkTest, inner: &NetworkTest) -> bool {
    let has_ports = outer.ports.0 <= inner.ports.0 && inner.ports.1 <= outer.ports.1;
    let has_addresses = outer.version == 0
        || (outer.version == inner.version
            && outer.prefix_length <= inner.prefix_length
            && same_bits(&outer.address, &inner.address, outer.prefix_length));
    has_ports && has_addresses
}

fn same_bits(one: &[u8; 16], other: &[u8; 16], bits: u8) -> bool {
    let differing = u128::from_be_bytes(*one) ^ u128::from_be_bytes(*other);
    differing.leading_zeros() >= u32::from(bits)
}

fn paths_imply(narrow: &Clause, wide: &Clause, paths_of_wide: &PathSet<'_>) -> bool {
    let is_tried = wide.tries_resolved_path || !narrow.tries_resolved_path;
    wide.paths.is_empty()
        || (!narrow.paths.is_empty()
            && is_tried
            && narrow.paths.iter().all(|path| paths_of_wide.covers(path)))
}
