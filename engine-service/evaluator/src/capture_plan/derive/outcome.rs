//! `evt.rawres`, `evt.failed`, `evt.res` and `fd.num` of what makes descriptors: how the call ended.
//!
//! An event without a call has no result; but such events are not filtered, so that what is said here of negated comparisons
//! needs to be right only where there is one.

use eyrie_proto::capture::{CallFilter, CallOutcome};
use fields::Value;
use rule_language::condition::{Literal, Operator};

use super::{
    super::need::Need,
    leaf::{Leaf, Order, whole},
};

/// From this many errors on, that the call failed says as much.
const MAX_RESULTS: usize = 16;
/// Calls whose result is the descriptor that `fd.num` is the number of.
const MAKERS: [&str; 8] =
    ["open", "openat", "openat2", "creat", "open_by_handle_at", "socket", "accept", "accept4"];

pub(super) fn need(leaf: &Leaf<'_>) -> Option<Need> {
    match leaf.field.name.as_str() {
        "evt.rawres" => of_number(leaf),
        "evt.failed" => of_failure(leaf),
        "evt.res" => of_text(leaf),
        // One that is not there is -1, and so is one that was closed before it was looked at.
        "fd.num"
            if !leaf.is_negated && MAKERS.contains(&leaf.event_type()) && !leaf.holds(&Value::Int(-1)) =>
        {
            Some(of_number(leaf).unwrap_or_else(|| Need::of(ended(CallOutcome::Succeeded))))
        }
        _ => None,
    }
}

pub(super) fn ended(outcome: CallOutcome) -> CallFilter {
    CallFilter { outcome: outcome.into(), ..CallFilter::default() }
}

fn of_results(results: Vec<i64>) -> Need {
    Need::of(CallFilter { results, ..CallFilter::default() })
}

fn of_number(leaf: &Leaf<'_>) -> Option<Need> {
    match leaf.order() {
        Some(Order::Below(bound)) => (bound <= 0).then(|| Need::of(ended(CallOutcome::Failed))),
        Some(Order::AtLeast(bound)) => (bound >= 0).then(|| Need::of(ended(CallOutcome::Succeeded))),
        None => {
            let results = leaf.equals_one_of()?.iter().map(|literal| i64::try_from(whole(literal)?).ok());
            results.collect::<Option<Vec<_>>>().map(of_results)
        }
    }
}

fn of_failure(leaf: &Leaf<'_>) -> Option<Need> {
    match (leaf.may_hold(&Value::Bool(true)), leaf.may_hold(&Value::Bool(false))) {
        (true, false) => Some(Need::of(ended(CallOutcome::Failed))),
        (false, true) => Some(Need::of(ended(CallOutcome::Succeeded))),
        _ => None,
    }
}

fn of_text(leaf: &Leaf<'_>) -> Option<Need> {
    let may_succeed = leaf.may_hold(&Value::bytes(&b"SUCCESS"[..]));
    let errors: Vec<i64> = fields::errors()
        .filter(|(_, name)| leaf.may_hold(&Value::bytes(name.as_bytes())))
        .map(|(result, _)| result)
        .collect();
    match (may_succeed, may_be_nameless(leaf)) {
        (false, false) if errors.len() <= MAX_RESULTS => {
            // Without any, no result will do.
            Some(if errors.is_empty() { Need::impossible() } else { of_results(errors) })
        }
        (false, _) => Some(Need::of(ended(CallOutcome::Failed))),
        (true, false) if errors.is_empty() => Some(Need::of(ended(CallOutcome::Succeeded))),
        (true, false) if errors.len() <= MAX_RESULTS => {
            Some(Need::of(ended(CallOutcome::Succeeded)).or(of_results(errors)))
        }
        (true, _) => None,
    }
}

/// Whether it may hold of an error that has no name: its text is a minus and digits.
fn may_be_nameless(leaf: &Leaf<'_>) -> bool {
    let begins_otherwise = |literal: &Literal| literal.text.first().is_some_and(|byte| *byte != b'-');
    let says_how_it_begins = matches!(leaf.operator, Operator::Eq | Operator::In | Operator::StartsWith);
    leaf.is_negated || !says_how_it_begins || !leaf.literals.iter().all(begins_otherwise)
}
