//! As few clauses as may be: every call pays for each of them.

use std::collections::BTreeSet;

use eyrie_bpf::{Clause, Filter};

use super::{
    Condition,
    implication::implies,
    join::{cost, join},
    paths::PathSet,
    similar,
};

/// Clauses that are compared with each other; more are put together unseen.
const COMPARED_MAX: usize = 64;

/// Clauses of a filter.
pub(super) struct Reduced {
    /// At most as many as a filter may have, none of them for nothing.
    pub(super) conditions: Vec<Condition>,
    /// They let nothing through that those did not of which they are made.
    pub(super) is_exact: bool,
}

/// As few clauses as may be; `None` if every call passes.
pub(super) fn reduce(conditions: Vec<Condition>) -> Option<Reduced> {
    let mut conditions = similar::merged(conditions);
    let mut is_exact = true;
    while conditions.len() > COMPARED_MAX {
        conditions = similar::merged(with_neighbours_joined(conditions));
        is_exact = false;
    }
    conditions = tidy(conditions)?;
    while conditions.len() > Filter::CLAUSES_MAX {
        conditions = tidy(similar::merged(with_closest_joined(conditions)))?;
        is_exact = false;
    }
    Some(Reduced { conditions, is_exact })
}

/// Without what can be left out; `None` if every call passes.
fn tidy(conditions: Vec<Condition>) -> Option<Vec<Condition>> {
    let conditions = without_implied(conditions);
    let is_always = conditions.iter().any(|condition| condition.clause == Clause::default());
    (!is_always).then_some(conditions)
}

/// Without clauses that hold only where another one does, which takes over whose rules they were.
fn without_implied(conditions: Vec<Condition>) -> Vec<Condition> {
    let wider = wider(&conditions);
    let mut kept = conditions;
    for (index, wider) in wider.iter().enumerate() {
        let rules = wider.and_then(|_| kept.get(index)).map(|condition| condition.rules.clone());
        if let Some((rules, wider)) = rules.zip(wider.and_then(|wider| kept.get_mut(wider))) {
            wider.rules.extend(rules);
        }
    }
    let is_kept = wider.iter().map(Option::is_none);
    kept.into_iter().zip(is_kept).filter(|(_, is_kept)| *is_kept).map(|(condition, _)| condition).collect()
}

/// Of each clause another one that can stand for it and stays. Of two that stand for each other the first one does.
fn wider(conditions: &[Condition]) -> Vec<Option<usize>> {
    let sets: Vec<_> = conditions.iter().map(|condition| PathSet::new(&condition.clause.paths)).collect();
    let stands_for =
        |wide: usize, narrow: usize| match (conditions.get(wide), conditions.get(narrow), sets.get(wide)) {
            (Some(wide), Some(narrow), Some(set)) => implies(&narrow.clause, &wide.clause, set),
            _ => false,
        };
    let mut wider: Vec<Option<usize>> = vec![None; conditions.len()];
    for narrow in (0..conditions.len()).rev() {
        let is_there = |wide: &usize| *wide != narrow && wider.get(*wide).is_some_and(Option::is_none);
        let found = (0..conditions.len()).filter(is_there).find(|wide| stands_for(*wide, narrow));
        if let Some(place) = wider.get_mut(narrow) {
            *place = found;
        }
    }
    last_ones(wider)
}

/// Who stands for another may have found somebody to stand for it later on.
fn last_ones(wider: Vec<Option<usize>>) -> Vec<Option<usize>> {
    let last = |first: usize| {
        std::iter::successors(Some(first), |place| wider.get(*place).copied().flatten())
            .take(wider.len())
            .last()
            .unwrap_or(first)
    };
    wider.iter().map(|place| place.map(last)).collect()
}

/// One clause less: the two for which it costs least have become one.
fn with_closest_joined(mut conditions: Vec<Condition>) -> Vec<Condition> {
    let pairs = conditions.iter().enumerate().flat_map(|(index, one)| {
        let others = conditions.iter().enumerate().skip(index + 1);
        others.map(move |(other_index, other)| (cost(&one.clause, &other.clause), index, other_index))
    });
    let Some((_, index, other)) = pairs.min() else { return conditions };
    let other = conditions.remove(other);
    if let Some(one) = conditions.get_mut(index) {
        *one = joined(one, &other);
    }
    conditions
}

/// Half as many clauses: similar ones are put next to each other first.
fn with_neighbours_joined(mut conditions: Vec<Condition>) -> Vec<Condition> {
    conditions.sort_by_key(|Condition { clause, .. }| {
        (clause.paths.is_empty(), clause.networks.is_empty(), clause.outside.len(), clause.values.len())
    });
    let one_for = |pair: &[Condition]| match pair {
        [one, other] => Some(joined(one, other)),
        _ => pair.first().cloned(),
    };
    conditions.chunks(2).filter_map(one_for).collect()
}

fn joined(one: &Condition, other: &Condition) -> Condition {
    let rules: BTreeSet<_> = one.rules.union(&other.rules).cloned().collect();
    Condition { clause: join(&one.clause, &other.clause), rules }
}
