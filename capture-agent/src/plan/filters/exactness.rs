//! Whether a condition lost nothing when it became clauses.

use std::{collections::HashSet, hash::Hash};

use eyrie_bpf::Clause;
use eyrie_proto::capture::{CallFilter, NetworkFilter, PathFilter, path_filter::Kind};

use super::{Condition, clause, effective};

/// Whether the one clause says the same. False where it takes several: that is not looked into.
pub(super) fn is_exact(asked: &CallFilter, clauses: &[Clause]) -> bool {
    let [clause] = clauses else { return false };
    let told = effective::filter(&Condition { clause: clause.clone(), ..Condition::default() });
    let paths: Vec<_> = asked.paths.iter().map(by_name).collect();
    told.outcome == asked.outcome
        && told.container_scope == asked.container_scope
        && told.tries_resolved_path == asked.tries_resolved_path
        && told.command_names == asked.command_names
        && is_same(&told.arguments, &asked.arguments)
        && is_same(&told.open_flags, &asked.open_flags)
        && is_same(&told.user_ids, &asked.user_ids)
        && is_same(&told.results, &asked.results)
        && is_same(&told.paths, &paths)
        && is_same(&told.socket_families, &asked.socket_families)
        && is_same(&told.socket_protocols, &asked.socket_protocols)
        && is_same(&told.networks, &canonical(&asked.networks))
        && is_same(&told.outside_networks, &canonical(&asked.outside_networks))
}

fn is_same<T: Eq + Hash>(one: &[T], other: &[T]) -> bool {
    one.iter().collect::<HashSet<_>>() == other.iter().collect::<HashSet<_>>()
}

/// As they are tested and told: one of IPv4 is so in either form.
fn canonical(networks: &[NetworkFilter]) -> Vec<NetworkFilter> {
    networks.iter().map(|network| effective::network(&clause::network(network))).collect()
}

/// A suffix that is a slash and a name is the name.
fn by_name(path: &PathFilter) -> PathFilter {
    let name = match &path.kind {
        Some(Kind::Suffix(text)) => text.strip_prefix(b"/").filter(|name| !name.contains(&b'/')),
        _ => None,
    };
    PathFilter {
        kind: name.map(|name| Kind::Name(name.to_vec())).or_else(|| path.kind.clone()),
        ..path.clone()
    }
}
