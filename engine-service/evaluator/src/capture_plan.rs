//! What the rules need of the calls that hosts make: conditions that are necessary for a match, so that what does not hold them
//! need not leave the kernel.
//!
//! A condition of a plan may only over-approximate its rule: an event of which some rule is true or unknown is admitted.

mod admission;
mod derive;
mod filter;
mod need;
mod parts;
mod path_test;

use std::collections::BTreeMap;

use eyrie_proto::capture::{CallFilter, CallPlan};
use fields::EventView;
use rule_language::{Catalogue as _, Rule, RuleSet};

use self::{derive::Calls, need::Need, path_test::Preference};

/// The source of system calls.
const SYSTEM_CALLS: &str = "syscall";

/// What each enabled rule of a set needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RulePlans {
    rules: Vec<RulePlan>,
}

/// What a rule needs.
#[derive(Clone, Debug, PartialEq)]
pub struct RulePlan {
    /// The rule's name.
    pub rule: String,
    /// By event type, ascending. Event types on which it cannot hold are not among them.
    pub calls: Vec<RuleCall>,
    /// Whether it can hold on every event type: it asks for all that the host does.
    pub is_of_any_type: bool,
}

/// What a rule needs of the calls of one event type.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleCall {
    /// As in Falco: openat, connect, execve.
    pub event_type: String,
    /// Conditions of which at least one has to hold; empty means that it needs every call.
    pub any_of: Vec<CallFilter>,
    /// Where it needs every call: why.
    pub forced: Option<Forced>,
}

/// Why a rule needs every call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forced {
    /// The part of the condition that no test can be made of, as it is written; empty if the condition has none at all.
    pub clause: String,
    /// Why none can be made.
    pub reason: String,
}

// === impl RulePlans ===

impl RulePlans {
    /// Of the enabled rules for system calls.
    pub fn new(rules: &RuleSet) -> Self {
        let needed = rules.rules.iter().filter(|rule| rule.enabled && rule.source == SYSTEM_CALLS);
        let needed: Vec<&Rule> = needed.collect();
        let mut rules: Vec<_> = needed.iter().copied().map(RulePlan::new).collect();
        parts::spare(&mut rules, &needed);
        Self { rules }
    }

    /// In load order.
    pub fn rules(&self) -> &[RulePlan] {
        &self.rules
    }

    /// What all rules need together, by event type, ascending. Filters that say the same of different paths, results or addresses are one,
    /// with the names of all their rules.
    pub fn calls(&self) -> Vec<CallPlan> {
        let mut by_type: BTreeMap<&str, Vec<(&RulePlan, &RuleCall)>> = BTreeMap::new();
        for rule in &self.rules {
            for call in &rule.calls {
                by_type.entry(&call.event_type).or_default().push((rule, call));
            }
        }
        by_type.into_iter().map(|(event_type, needed)| plan(event_type, &needed)).collect()
    }
}

/// What rules need of one event type.
fn plan(event_type: &str, needed: &[(&RulePlan, &RuleCall)]) -> CallPlan {
    let forced = needed.iter().find(|(_, call)| call.any_of.is_empty());
    let mut all = Need::impossible();
    for (rule, call) in needed.iter().filter(|_| forced.is_none()) {
        for filter in &call.any_of {
            all.add(CallFilter { rules: vec![rule.rule.clone()], ..filter.clone() });
        }
    }
    CallPlan {
        event_type: event_type.to_owned(),
        any_of: all.into_filters(),
        forced_by_rule: forced.map(|(rule, _)| rule.rule.clone()).unwrap_or_default(),
        ..CallPlan::default()
    }
}

// === impl RulePlan ===

impl RulePlan {
    fn new(rule: &Rule) -> Self {
        let of_type = |event_type: &str| RuleCall::new(rule, event_type, Preference::Narrow);
        let calls = match &rule.event_types {
            Some(types) => types.iter().filter_map(|event_type| of_type(event_type)).collect(),
            None => fields::catalogue()
                .event_types()
                .iter()
                .filter_map(|event_type| of_type(event_type))
                .collect(),
        };
        Self { rule: rule.name.clone(), calls, is_of_any_type: rule.event_types.is_none() }
    }
}

// === impl RuleCall ===

impl RuleCall {
    /// `None` if the rule can hold on no event of the type.
    fn new(rule: &Rule, event_type: &str, preference: Preference) -> Option<Self> {
        let calls = Calls { event_type, is_match_resolved: rule.match_resolved, preference };
        let need = derive::need(&rule.condition, false, calls);
        if need.is_impossible() {
            return None;
        }
        let any_of = need.into_filters();
        let forced = any_of.is_empty().then(|| derive::forced(&rule.condition, calls));
        Some(Self { event_type: event_type.to_owned(), any_of, forced })
    }
}

/// Whether a plan with these conditions lets the event through: one of them holds, or there are none. It is what the programs of an
/// agent may come to, told by what the event says. Requests of io_uring are not filtered.
pub fn admits(any_of: &[CallFilter], view: &EventView<'_>) -> bool {
    let is_io_uring = view.event.call.as_ref().is_some_and(|call| call.is_io_uring);
    any_of.is_empty() || is_io_uring || any_of.iter().any(|filter| admission::passes(filter, view))
}

#[cfg(test)]
mod tests;
