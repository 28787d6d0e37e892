//! Bytes anywhere in a path: a test of them lets few paths through, but programs have room for few of them.

use std::collections::BTreeMap;

use eyrie_proto::capture::path_filter::Kind;
use rule_language::Rule;

use super::{RuleCall, RulePlan, path_test::Preference};

/// Different ones that programs have room for, of all filters of a call.
const PARTS_MAX: usize = 4;

/// By how many paths of the calls of a type each is looked for.
type Counts = BTreeMap<Vec<u8>, usize>;

/// Where rules look for more of them in the paths of a call, they make do with other tests that they have, the last rules first.
pub(super) fn spare(plans: &mut [RulePlan], rules: &[&Rule]) {
    for (event_type, mut counts) in types_with_too_many(plans) {
        for place in (0..plans.len()).rev() {
            if counts.len() <= PARTS_MAX {
                break;
            }
            let call = plans.get_mut(place).and_then(|plan| call_of(plan, &event_type));
            let Some((call, rule)) = call.zip(rules.get(place)) else { continue };
            if let Some(other) = RuleCall::new(rule, &event_type, Preference::FewParts) {
                parts(call).for_each(|part| take_from(&mut counts, part));
                parts(&other).for_each(|part| add_to(&mut counts, part));
                *call = other;
            }
        }
    }
}

fn types_with_too_many(plans: &[RulePlan]) -> BTreeMap<String, Counts> {
    let mut by_type: BTreeMap<&str, Counts> = BTreeMap::new();
    for call in plans.iter().flat_map(|plan| &plan.calls) {
        let counts = by_type.entry(&call.event_type).or_default();
        parts(call).for_each(|part| add_to(counts, part));
    }
    let too_many = by_type.into_iter().filter(|(_, counts)| counts.len() > PARTS_MAX);
    too_many.map(|(event_type, counts)| (event_type.to_owned(), counts)).collect()
}

fn add_to(counts: &mut Counts, part: &[u8]) {
    match counts.get_mut(part) {
        Some(count) => *count += 1,
        None => drop(counts.insert(part.to_vec(), 1)),
    }
}

fn take_from(counts: &mut Counts, part: &[u8]) {
    match counts.get_mut(part) {
        Some(count) if *count > 1 => *count -= 1,
        _ => drop(counts.remove(part)),
    }
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
