//! Bytes anywhere in a path: a test of them lets few paths through, but programs have room for few of them.

use std::collections::{BTreeMap, BTreeSet};

use eyrie_proto::capture::path_filter::Kind;
use rule_language::Rule;

use super::{RuleCall, RulePlan, path_test::Preference};

/// Different ones that programs have room for, of all filters of a call.
const PARTS_MAX: usize = 4;

/// Where rules look for more of them in the paths of a call, they make do with other tests that they have, the last rules first.
pub(super) fn spare(plans: &mut [RulePlan], rules: &[&Rule]) {
    for event_type in types_with_too_many(plans) {
        for place in (0..plans.len()).rev() {
            if parts_of_type(plans, &event_type).len() <= PARTS_MAX {
                break;
            }
            let call = plans.get_mut(place).and_then(|plan| call_of(plan, &event_type));
            let Some((call, rule)) = call.zip(rules.get(place)) else { continue };
            if let Some(other) = RuleCall::new(rule, &event_type, Preference::FewParts) {
                *call = other;
            }
        }
    }
}

fn types_with_too_many(plans: &[RulePlan]) -> Vec<String> {
    let mut by_type: BTreeMap<&str, BTreeSet<&[u8]>> = BTreeMap::new();
    for call in plans.iter().flat_map(|plan| &plan.calls) {
        by_type.entry(&call.event_type).or_default().extend(parts(call));
    }
    let too_many = by_type.into_iter().filter(|(_, parts)| parts.len() > PARTS_MAX);
    too_many.map(|(event_type, _)| event_type.to_owned()).collect()
}

fn parts_of_type<'a>(plans: &'a [RulePlan], event_type: &str) -> BTreeSet<&'a [u8]> {
    let calls = plans.iter().flat_map(|plan| &plan.calls).filter(|call| call.event_type == event_type);
    calls.flat_map(parts).collect()
}

fn parts(call: &RuleCall) -> impl Iterator<Item = &[u8]> {
    let paths = call.any_of.iter().flat_map(|filter| &filter.paths);
    paths.filter_map(|path| match &path.kind {
        Some(Kind::Contains(part)) => Some(&**part),
        _ => None,
    })
}

fn call_of<'a>(plan: &'a mut RulePlan, event_type: &str) -> Option<&'a mut RuleCall> {
    plan.calls.iter_mut().find(|call| call.event_type == event_type)
}
