//! Conditions of a plan as logic: what follows from what, what two of them say together, and what either says.
//!
//! A [`CallFilter`] is a conjunction. Of its fields `paths`, `networks`, `results` and the families and protocols of sockets are each a
//! disjunction; `arguments`, `open_flags` and `outside_networks` are conjunctions.

mod both;
mod either;
mod values;

use eyrie_proto::capture::{CallFilter, CallOutcome};

pub(super) use self::both::both;
pub(super) use self::either::{are_one, either};
use self::values::Masked;
use super::path_test;

/// Whether the filter tests nothing.
pub(super) fn is_open(filter: &CallFilter) -> bool {
    let CallFilter { outcome, arguments, paths, networks, command_names, container_scope, .. } = filter;
    let CallFilter {
        user_ids, open_flags, results, socket_families, socket_protocols, outside_networks, ..
    } = filter;
    *outcome == 0
        && *container_scope == 0
        && arguments.is_empty()
        && paths.is_empty()
        && networks.is_empty()
        && command_names.is_empty()
        && user_ids.is_empty()
        && open_flags.is_empty()
        && results.is_empty()
        && socket_families.is_empty()
        && socket_protocols.is_empty()
        && outside_networks.is_empty()
}

/// Whether whatever `strong` lets through, `weak` lets through. It may fail to see that; it never errs the other way.
pub(super) fn implies(strong: &CallFilter, weak: &CallFilter) -> bool {
    (weak.outcome == 0 || outcome_of(strong) == weak.outcome())
        && (weak.container_scope == 0 || strong.container_scope == weak.container_scope)
        && is_narrower(&strong.results, &weak.results)
        && is_narrower(&strong.networks, &weak.networks)
        && is_narrower(&strong.command_names, &weak.command_names)
        && is_narrower(&strong.user_ids, &weak.user_ids)
        && is_narrower(&strong.socket_families, &weak.socket_families)
        && is_narrower(&strong.socket_protocols, &weak.socket_protocols)
        && weak.outside_networks.iter().all(|network| strong.outside_networks.contains(network))
        && values::all_imply(&strong.arguments, &weak.arguments)
        && values::all_imply(&strong.open_flags, &weak.open_flags)
        && have_paths(strong, weak)
}

/// Whether one disjunction says more than another, where an empty one says nothing.
fn is_narrower<T: PartialEq>(strong: &[T], weak: &[T]) -> bool {
    weak.is_empty() || (!strong.is_empty() && strong.iter().all(|test| weak.contains(test)))
}

fn have_paths(strong: &CallFilter, weak: &CallFilter) -> bool {
    weak.paths.is_empty()
        || (!strong.paths.is_empty()
            && (weak.tries_resolved_path || !strong.tries_resolved_path)
            && path_test::all_imply(&strong.paths, &weak.paths))
}

/// The outcome that the filter leaves open, as far as it says so.
fn outcome_of(filter: &CallFilter) -> CallOutcome {
    let results = &filter.results;
    match filter.outcome() {
        CallOutcome::Unspecified if results.is_empty() => CallOutcome::Unspecified,
        CallOutcome::Unspecified if results.iter().all(|result| *result >= 0) => CallOutcome::Succeeded,
        CallOutcome::Unspecified if results.iter().all(|result| *result < 0) => CallOutcome::Failed,
        outcome => outcome,
    }
}

fn add_missing<T: PartialEq + Clone>(to: &mut Vec<T>, more: &[T]) {
    for one in more {
        if !to.contains(one) {
            to.push(one.clone());
        }
    }
}
