//! What of two filters holds if either does.

use eyrie_proto::capture::{CallFilter, CallOutcome};

use super::{Masked, add_missing, outcome_of, values};
use crate::capture_plan::path_test;

/// A filter that follows from each of the two; it says as much as one can. What is long of the first is taken over: many rules become one filter
/// one after the other.
pub(in crate::capture_plan) fn either(first: CallFilter, second: &CallFilter) -> CallFilter {
    let has_results = !first.results.is_empty() && !second.results.is_empty();
    let outcome = match (outcome_of(&first), outcome_of(second)) {
        (first, second) if first == second && !has_results => first,
        _ => CallOutcome::Unspecified,
    };
    let container_scope =
        if first.container_scope == second.container_scope { first.container_scope } else { 0 };
    let tries_resolved_path = first.tries_resolved_path || second.tries_resolved_path;
    let paths = path_test::union(first.paths, &second.paths);
    let mut outside_networks = first.outside_networks;
    outside_networks.retain(|network| second.outside_networks.contains(network));
    let mut rules = first.rules;
    add_missing(&mut rules, &second.rules);
    CallFilter {
        outcome: outcome.into(),
        arguments: values::either(&first.arguments, &second.arguments),
        tries_resolved_path: !paths.is_empty() && tries_resolved_path,
        paths,
        networks: union(first.networks, &second.networks),
        command_names: union(first.command_names, &second.command_names),
        container_scope,
        user_ids: union(first.user_ids, &second.user_ids),
        open_flags: values::either(&first.open_flags, &second.open_flags),
        results: union(first.results, &second.results),
        socket_families: union(first.socket_families, &second.socket_families),
        socket_protocols: union(first.socket_protocols, &second.socket_protocols),
        outside_networks,
        rules,
    }
}

/// Whether the two differ in one disjunction only, so that one filter in place of both says the same.
pub(in crate::capture_plan) fn are_one(first: &CallFilter, second: &CallFilter) -> bool {
    let is_same = first.outcome == second.outcome
        && first.container_scope == second.container_scope
        && first.outside_networks == second.outside_networks
        && first.command_names == second.command_names
        && first.user_ids == second.user_ids;
    if !is_same {
        return false;
    }
    let differences = [
        difference(&first.paths, &second.paths, first.tries_resolved_path == second.tries_resolved_path),
        difference(&first.results, &second.results, true),
        difference(&first.networks, &second.networks, true),
        difference(&first.socket_families, &second.socket_families, true),
        difference(&first.socket_protocols, &second.socket_protocols, true),
        difference_of_values(&first.arguments, &second.arguments),
        difference_of_values(&first.open_flags, &second.open_flags),
    ];
    differences.into_iter().sum::<Option<usize>>().is_some_and(|count| count <= 1)
}

/// In how many disjunctions the two differ: none or one; `None` if they have no union.
fn difference<T: PartialEq>(first: &[T], second: &[T], may_differ: bool) -> Option<usize> {
    match (first, second) {
        (first, second) if first == second && (may_differ || first.is_empty()) => Some(0),
        ([], _) | (_, []) => None,
        _ => may_differ.then_some(1),
    }
}

fn difference_of_values<T: Masked>(first: &[T], second: &[T]) -> Option<usize> {
    if first.len() != second.len() {
        return None;
    }
    let of_pair = |(own, other): (&T, &T)| {
        if own.is_of_same(other) { difference(own.values(), other.values(), true) } else { None }
    };
    first.iter().zip(second).map(of_pair).sum()
}

/// The union of two disjunctions, where an empty one is everything.
fn union<T: PartialEq + Clone>(first: Vec<T>, second: &[T]) -> Vec<T> {
    if first.is_empty() || second.is_empty() {
        return Vec::new();
    }
    let mut all = first;
    add_missing(&mut all, second);
    all
}
