//! Clauses that differ in one test only are one clause: nothing more is let through.

use std::collections::{BTreeSet, HashMap};

use eyrie_bpf::{Clause, NetworkTest, ValueTest};

use super::{Condition, clause::network_order, paths};

/// One clause for those that are the same but for one test, as often as that is so.
pub(super) fn merged(mut conditions: Vec<Condition>) -> Vec<Condition> {
    loop {
        let before = conditions.len();
        conditions = together(conditions, Some, of_same);
        conditions = together(conditions, without_paths, of_all_paths);
        for index in 0..Clause::VALUES_MAX {
            let without = |clause| without_values(clause, index);
            conditions = together(conditions, without, |clauses| of_all_values(clauses, index));
        }
        conditions = together(conditions, without_networks, of_all_networks);
        conditions = together(conditions, without_families, of_all_families);
        conditions = together(conditions, without_protocols, of_all_protocols);
        conditions = together(conditions, without_outcome, of_any_outcome);
        if conditions.len() == before {
            return conditions;
        }
    }
}

/// Puts clauses together that are the same without a test, which `without` takes out; those that have none stay as they are.
fn together(
    conditions: Vec<Condition>,
    without: impl Fn(Clause) -> Option<Clause>,
    join: impl Fn(Vec<Clause>) -> Vec<Clause>,
) -> Vec<Condition> {
    let mut places: HashMap<Clause, usize> = HashMap::new();
    let mut groups: Vec<Vec<Condition>> = Vec::new();
    for condition in conditions {
        let place = without(condition.clause.clone())
            .map_or(groups.len(), |rest| *places.entry(rest).or_insert(groups.len()));
        match groups.get_mut(place) {
            Some(group) => group.push(condition),
            None => groups.push(vec![condition]),
        }
    }
    groups.into_iter().flat_map(|group| joined(group, &join)).collect()
}

fn joined(group: Vec<Condition>, join: impl Fn(Vec<Clause>) -> Vec<Clause>) -> Vec<Condition> {
    if group.len() < 2 {
        return group;
    }
    let rules: BTreeSet<_> = group.iter().flat_map(|condition| condition.rules.iter().cloned()).collect();
    let clauses = group.into_iter().map(|condition| condition.clause).collect();
    join(clauses).into_iter().map(|clause| Condition { clause, rules: rules.clone() }).collect()
}

fn of_same(clauses: Vec<Clause>) -> Vec<Clause> {
    clauses.into_iter().take(1).collect()
}

/// The first of the clauses with this instead of the test.
fn first_with(clauses: Vec<Clause>, change: impl FnOnce(&mut Clause)) -> Vec<Clause> {
    let mut first: Vec<_> = clauses.into_iter().take(1).collect();
    if let [clause] = &mut *first {
        change(clause);
    }
    first
}

fn sorted<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.collect::<BTreeSet<_>>().into_iter().collect()
}

fn without_paths(clause: Clause) -> Option<Clause> {
    (!clause.paths.is_empty()).then(|| Clause { paths: Vec::new(), ..clause })
}

fn of_all_paths(clauses: Vec<Clause>) -> Vec<Clause> {
    let paths = paths::simplified(clauses.iter().flat_map(|clause| clause.paths.clone()).collect());
    first_with(clauses, |clause| clause.paths = paths)
}

fn without_values(mut clause: Clause, index: usize) -> Option<Clause> {
    let test = clause.values.get_mut(index).filter(|test| !test.values.is_empty())?;
    test.values.clear();
    Some(clause)
}

/// As many clauses as all values need.
fn of_all_values(clauses: Vec<Clause>, index: usize) -> Vec<Clause> {
    let values = sorted(
        clauses.iter().filter_map(|clause| clause.values.get(index)).flat_map(|test| test.values.clone()),
    );
    let Some(first) = clauses.into_iter().next() else { return Vec::new() };
    let with = |values: &[u64]| {
        let mut clause = first.clone();
        if let Some(test) = clause.values.get_mut(index) {
            test.values = values.to_vec();
        }
        clause
    };
    values.chunks(ValueTest::VALUES_MAX).map(with).collect()
}

fn without_networks(clause: Clause) -> Option<Clause> {
    (!clause.networks.is_empty()).then(|| Clause { networks: Vec::new(), ..clause })
}

fn of_all_networks(clauses: Vec<Clause>) -> Vec<Clause> {
    let mut networks: Vec<NetworkTest> = clauses.iter().flat_map(|clause| clause.networks.clone()).collect();
    networks.sort_by_key(network_order);
    networks.dedup();
    let Some(first) = clauses.into_iter().next() else { return Vec::new() };
    let room = Clause::NETWORKS_MAX.saturating_sub(first.outside.len()).max(1);
    networks.chunks(room).map(|networks| Clause { networks: networks.to_vec(), ..first.clone() }).collect()
}

fn without_families(clause: Clause) -> Option<Clause> {
    (!clause.socket_families.is_empty()).then(|| Clause { socket_families: Vec::new(), ..clause })
}

fn of_all_families(clauses: Vec<Clause>) -> Vec<Clause> {
    let families = sorted(clauses.iter().flat_map(|clause| clause.socket_families.clone()));
    first_with(clauses, |clause| clause.socket_families = families)
}

fn without_protocols(clause: Clause) -> Option<Clause> {
    (!clause.socket_protocols.is_empty()).then(|| Clause { socket_protocols: Vec::new(), ..clause })
}

fn of_all_protocols(clauses: Vec<Clause>) -> Vec<Clause> {
    let protocols = sorted(clauses.iter().flat_map(|clause| clause.socket_protocols.clone()));
    first_with(clauses, |clause| clause.socket_protocols = protocols)
}

fn without_outcome(clause: Clause) -> Option<Clause> {
    Some(Clause { outcome: None, ..clause })
}

/// They are not the same, so that they differ in the outcome, and together have every one.
fn of_any_outcome(clauses: Vec<Clause>) -> Vec<Clause> {
    first_with(clauses, |clause| clause.outcome = None)
}
