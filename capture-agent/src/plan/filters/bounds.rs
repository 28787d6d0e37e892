//! What the programs have room for, of all calls together.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashSet},
};

use eyrie_bpf::{Clause, Filter, Filters, PathTest, PathTestKind};

use super::{Condition, Conditions, Numbered, clauses, reduce::reduce};
use crate::plan::{CallAbi, calls::name};

/// Calls that a host makes most, in that order: if not all can have filters, these do.
const FREQUENT: &[&str] = &[
    "read", "write", "close", "openat", "recvfrom", "sendto", "recvmsg", "sendmsg", "open", "connect",
    "accept4", "accept", "socket", "unlink", "fcntl", "dup", "mmap", "mprotect",
];

/// Gives up what there is no room for.
pub(super) fn bound(conditions: &mut Conditions) {
    while give_up_parts(conditions) {}
    while give_up_paths(conditions) {}
    give_up_filters(conditions);
}

/// Takes the paths of a clause out of each filter that looks for too many different parts of paths.
fn give_up_parts(conditions: &mut Conditions) -> bool {
    let part = |test: &PathTest| match &test.kind {
        PathTestKind::Contains(text) => Some(text.clone()),
        _ => None,
    };
    let mut has_given_up = false;
    conditions.retain(|_, of_call| {
        let tests = of_call.iter().flat_map(|condition| &condition.clause.paths);
        let parts: BTreeSet<_> = tests.filter_map(part).collect();
        if parts.len() <= Filter::PARTS_MAX {
            return true;
        }
        has_given_up = true;
        let count = |clause: &&Clause| clause.paths.iter().filter_map(part).count();
        let most = of_call.iter().map(|condition| &condition.clause).max_by_key(count).cloned();
        let rest = most.and_then(|most| without_paths(of_call, &HashSet::from([most]))).and_then(reduce);
        rest.is_some_and(|rest| {
            *of_call = rest.conditions;
            true
        })
    });
    has_given_up
}

/// Takes the paths of the clauses out that have most, as many as have to go, if all together are too many.
fn give_up_paths(conditions: &mut Conditions) -> bool {
    let mut seen = HashSet::new();
    let filters = conditions.values().map(|conditions| clauses(conditions));
    let filters: Vec<_> = filters.filter(|filter| seen.insert(filter.clone())).collect();
    let mut by_length: Vec<_> = filters.into_iter().flatten().collect();
    let mut count: usize = by_length.iter().map(|clause| clause.paths.len()).sum();
    by_length.sort_by_key(|clause| Reverse(clause.paths.len()));
    let mut longest = HashSet::new();
    for clause in by_length {
        if count <= Filters::PATHS_MAX {
            break;
        }
        count -= clause.paths.len();
        longest.insert(clause);
    }
    if longest.is_empty() {
        return false;
    }
    conditions.retain(|_, of_call| match without_paths(of_call, &longest) {
        None => true,
        Some(rest) => match reduce(rest) {
            Some(rest) => {
                *of_call = rest.conditions;
                true
            }
            None => false,
        },
    });
    true
}

/// Without the paths of these clauses; `None` if none of them is among them.
fn without_paths(conditions: &[Condition], of: &HashSet<Clause>) -> Option<Vec<Condition>> {
    let is_among = conditions.iter().any(|condition| of.contains(&condition.clause));
    let without = |condition: &Condition| {
        let mut wider = condition.clone();
        if of.contains(&condition.clause) {
            wider.clause.paths.clear();
            wider.clause.tries_resolved_path = false;
        }
        wider
    };
    is_among.then(|| conditions.iter().map(without).collect())
}

/// Leaves the most frequent calls theirs, if different filters are too many.
fn give_up_filters(conditions: &mut Conditions) {
    let mut by_rank: Vec<_> = conditions.keys().copied().collect();
    by_rank.sort_by_key(|call| rank(*call));
    let mut kept = HashSet::new();
    for call in by_rank {
        let Some(filter) = conditions.get(&call).map(|conditions| clauses(conditions)) else { continue };
        if kept.len() < Filters::FILTERS_MAX {
            kept.insert(filter);
        } else if !kept.contains(&filter) {
            conditions.remove(&call);
        }
    }
}

fn rank((abi, number): Numbered) -> (usize, bool, u32) {
    let name = name(abi, number);
    let place = FREQUENT.iter().position(|frequent| Some(*frequent) == name);
    (place.unwrap_or(FREQUENT.len()), abi == CallAbi::Compat, number)
}
