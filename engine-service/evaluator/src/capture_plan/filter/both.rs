//! What two filters say together.

use eyrie_proto::capture::{CallFilter, CallOutcome, NetworkFilter, PathFilter};

use super::{add_missing, outcome_of, values};
use crate::capture_plan::path_test::{self, Preference};

/// A filter that follows from both; `None` if no call holds both. Of two disjunctions of paths or networks it has the one that fewer calls
/// hold, or that is preferred: that of both together has no form here.
pub(in crate::capture_plan) fn both(
    first: &CallFilter,
    second: &CallFilter,
    preference: Preference,
) -> Option<CallFilter> {
    let (outcome, results) = ended(first, second)?;
    let (paths, tries_resolved_path) = paths(first, second, preference);
    let mut outside_networks = first.outside_networks.clone();
    add_missing(&mut outside_networks, &second.outside_networks);
    // Where it is not known, both scopes may hold.
    let container_scope = first.container_scope.max(second.container_scope);
    Some(CallFilter {
        outcome: outcome.into(),
        arguments: values::both(&first.arguments, &second.arguments)?,
        paths,
        networks: networks(&first.networks, &second.networks),
        command_names: common(&first.command_names, &second.command_names)?,
        container_scope,
        user_ids: common(&first.user_ids, &second.user_ids)?,
        open_flags: values::both(&first.open_flags, &second.open_flags)?,
        results,
        tries_resolved_path,
        socket_families: common(&first.socket_families, &second.socket_families)?,
        socket_protocols: common(&first.socket_protocols, &second.socket_protocols)?,
        outside_networks,
        rules: first.rules.clone(),
    })
}

/// Outcome and results. Results say the outcome too.
fn ended(first: &CallFilter, second: &CallFilter) -> Option<(CallOutcome, Vec<i64>)> {
    let outcome = match (outcome_of(first), outcome_of(second)) {
        (CallOutcome::Unspecified, outcome) | (outcome, CallOutcome::Unspecified) => outcome,
        (first, second) if first == second => first,
        _ => return None,
    };
    let results = common(&first.results, &second.results)?;
    if results.is_empty() {
        return Some((outcome, results));
    }
    let fits = |result: &i64| match outcome {
        CallOutcome::Unspecified => true,
        CallOutcome::Succeeded => *result >= 0,
        CallOutcome::Failed => *result < 0,
    };
    let results: Vec<i64> = results.into_iter().filter(fits).collect();
    (!results.is_empty()).then_some((CallOutcome::Unspecified, results))
}

/// What two disjunctions have in common, where an empty one is everything; `None` if that is nothing.
fn common<T: PartialEq + Clone>(first: &[T], second: &[T]) -> Option<Vec<T>> {
    match (first, second) {
        ([], some) | (some, []) => Some(some.to_vec()),
        (first, second) => {
            let common: Vec<T> = first.iter().filter(|one| second.contains(one)).cloned().collect();
            (!common.is_empty()).then_some(common)
        }
    }
}

fn paths(first: &CallFilter, second: &CallFilter, preference: Preference) -> (Vec<PathFilter>, bool) {
    let weakness = |paths: &[PathFilter]| path_test::weakness(paths, preference);
    let chosen = match (&*first.paths, &*second.paths) {
        ([], _) => second,
        (_, []) => first,
        (own, other) if weakness(other) < weakness(own) => second,
        _ => first,
    };
    (chosen.paths.clone(), chosen.tries_resolved_path)
}

fn networks(first: &[NetworkFilter], second: &[NetworkFilter]) -> Vec<NetworkFilter> {
    // Addresses rule out more than ports; of the same kind a shorter list does, mostly.
    let weakness =
        |networks: &[NetworkFilter]| (networks.iter().any(|network| network.ip.is_empty()), networks.len());
    match (first, second) {
        ([], some) | (some, []) => some.to_vec(),
        (first, second) if weakness(second) < weakness(first) => second.to_vec(),
        (first, _) => first.to_vec(),
    }
}
