//! From the conditions of a plan to what the programs test: each step either keeps what a condition says or lets more through.
//!
//! A condition of the plan becomes one or several clauses (`clause`), with the tests that the programs can make of that call
//! (`abilities`), as far as that is not too much for the agent (`budget`). The clauses of a call are made few without letting anything more through, and then, if there are still too
//! many, by giving up what tells least (`reduce`). What all calls take together is bounded at last (`bounds`). The effective
//! plan is read off what came out (`effective`), so that it cannot say anything else.

mod abilities;
mod bounds;
mod budget;
mod check;
mod clause;
mod effective;
mod exactness;
mod implication;
mod join;
mod paths;
mod reduce;
mod similar;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use eyrie_bpf::{Clause, Filter, Filters, Outcome};
use eyrie_proto::capture::{CallFilter, CallPlan, CapturePlan};

pub(super) use self::check::check;
use self::{abilities::Abilities, budget::Budget};
use super::calls::{CallAbi, is_exec, is_tracepoint, name, numbered, state_calls};

/// A call by its numbering and number.
type Numbered = (CallAbi, u32);

/// A clause, and which rules ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Condition {
    clause: Clause,
    rules: BTreeSet<Arc<str>>,
}

/// What the calls of a plan are tested for.
#[derive(Clone, Debug, Default)]
pub(super) struct Tested {
    /// A call that is not here is recorded whenever it is made.
    conditions: Conditions,
    /// The conditions as they were asked for, of calls of which nothing more than that is let through.
    exact: BTreeMap<Numbered, Vec<CallFilter>>,
}

type Conditions = BTreeMap<Numbered, Vec<Condition>>;

// === impl Tested ===

impl Tested {
    /// Of the calls that were asked for, and of those that only have to be seen.
    pub(super) fn new<'a>(
        asked: impl Iterator<Item = &'a CallPlan> + Clone,
        seen_only: impl Iterator<Item = &'a str>,
    ) -> Self {
        let (mut conditions, mut exact) = (Conditions::new(), BTreeMap::new());
        let mut by_number = filters_by_number(asked);
        let budget = Budget::new(&mut by_number);
        for (call, filters) in by_number {
            let (of_call, is_exact) = conditions_of(call, &filters, &budget);
            let Some(reduced) = reduce::reduce(of_call) else { continue };
            if is_exact && reduced.is_exact {
                exact.insert(call, filters.into_iter().cloned().collect());
            }
            conditions.insert(call, reduced.conditions);
        }
        conditions.extend(seen_only.flat_map(numbered).map(|call| (call, Vec::new())));
        let state: BTreeSet<_> = state_calls().collect();
        conditions.retain(|call, _| !state.contains(call));
        let before = conditions.clone();
        bounds::bound(&mut conditions);
        exact.retain(|call, _| conditions.get(call) == before.get(call) && !state.contains(call));
        Self { conditions, exact }
    }

    /// As the programs are told. Calls with the same filter share it.
    pub(super) fn filters(&self, plan: &CapturePlan) -> Filters {
        let mut filters = Filters {
            is_verify_mode: plan.is_verify_mode,
            verify_sample_ppm: plan.verify_sample_ppm,
            ..Filters::default()
        };
        let mut shared: HashMap<Filter, Arc<Filter>> = HashMap::new();
        for ((abi, number), conditions) in &self.conditions {
            let filter = Filter { clauses: clauses(conditions) };
            let filter = shared.entry(filter.clone()).or_insert_with(|| Arc::new(filter));
            let calls = match abi {
                CallAbi::Native => &mut filters.native,
                CallAbi::Compat => &mut filters.compat,
            };
            calls.insert(*number, Arc::clone(filter));
        }
        filters
    }

    /// The conditions that are really tested, none for every call. Those of the native call, where there is one: of 32-bit calls
    /// less may be tested.
    pub(super) fn effective(&self, event_type: &str) -> Vec<CallFilter> {
        let call = (!is_tracepoint(event_type)).then(|| numbered(event_type).next()).flatten();
        let Some(call) = call else { return Vec::new() };
        match self.exact.get(&call) {
            Some(asked) => asked.clone(),
            None => self.conditions.get(&call).into_iter().flatten().map(effective::filter).collect(),
        }
    }
}

fn clauses(conditions: &[Condition]) -> Vec<Clause> {
    conditions.iter().map(|condition| condition.clause.clone()).collect()
}

/// What is asked of each call, by whatever names; without the calls that somebody wants all of.
fn filters_by_number<'a>(asked: impl Iterator<Item = &'a CallPlan> + Clone) -> budget::Asked<'a> {
    let of_calls = || asked.clone().filter(|plan| !is_tracepoint(&plan.event_type));
    let mut filters = budget::Asked::new();
    for plan in of_calls() {
        for call in numbered(&plan.event_type) {
            filters.entry(call).or_default().extend(&plan.any_of);
        }
    }
    for plan in of_calls().filter(|plan| plan.any_of.is_empty()) {
        for call in numbered(&plan.event_type) {
            filters.remove(&call);
        }
    }
    filters
}

/// Clauses of which one holds wherever one of the conditions does, and whether they hold nowhere else.
fn conditions_of(call: Numbered, filters: &[&CallFilter], budget: &Budget) -> (Vec<Condition>, bool) {
    let abilities = Abilities::of(call);
    let (mut conditions, mut is_exact) = (Vec::new(), true);
    for (place, filter) in filters.iter().enumerate() {
        let rules: BTreeSet<_> = filter.rules.iter().map(|rule| Arc::from(&**rule)).collect();
        let clauses = clause::clauses(filter, &abilities, budget.has_paths(call, place));
        is_exact &= exactness::is_exact(filter, &clauses);
        conditions.extend(clauses.into_iter().map(|clause| Condition { clause, rules: rules.clone() }));
    }
    // A program that was executed is told of by its tracepoint, whatever the filter of the call.
    if name(call.0, call.1).is_some_and(is_exec) {
        let clause = Clause { outcome: Some(Outcome::Succeeded), ..Clause::default() };
        conditions.push(Condition { clause, rules: BTreeSet::new() });
        is_exact = false;
    }
    (conditions, is_exact)
}
