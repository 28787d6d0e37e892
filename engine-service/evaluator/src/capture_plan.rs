//! What the rules need of the calls that hosts make: conditions that are necessary for a match, so that what does not hold them
//! need not leave the kernel.
//!
//! A condition of a plan may only over-approximate its rule: an event of which some rule is true or unknown is admitted.

use std::collections::BTreeMap;

use eyrie_proto::capture::{CallFilter, CallPlan};
use fields::EventView;
use rule_language::{Catalogue as _, RuleSet};

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
    /// By event type, ascending.
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
        let enabled = rules.rules.iter().filter(|rule| rule.enabled);
        let of = |rule: &rule_language::Rule| {
            let all = || fields::catalogue().event_types().iter().map(|name| (*name).to_owned()).collect();
            let call = |event_type| RuleCall { event_type, any_of: Vec::new(), forced: None };
            let types: Vec<String> = rule.event_types.clone().unwrap_or_else(all);
            RulePlan {
                rule: rule.name.clone(),
                calls: types.into_iter().map(call).collect(),
                is_of_any_type: rule.event_types.is_none(),
            }
        };
        Self { rules: enabled.map(of).collect() }
    }

    /// In load order.
    pub fn rules(&self) -> &[RulePlan] {
        &self.rules
    }

    /// What all rules need together, by event type, ascending. Filters that are the same are one with the names of all their rules.
    pub fn calls(&self) -> Vec<CallPlan> {
        let mut calls: BTreeMap<&str, CallPlan> = BTreeMap::new();
        for rule in &self.rules {
            for call in &rule.calls {
                let plan = calls.entry(&call.event_type).or_insert_with(|| CallPlan {
                    event_type: call.event_type.clone(),
                    ..CallPlan::default()
                });
                if plan.forced_by_rule.is_empty() {
                    plan.forced_by_rule = rule.rule.clone();
                }
            }
        }
        calls.into_values().collect()
    }
}

/// Whether a plan with these conditions lets the event through: one of them holds, or there are none. It is what the programs of an
/// agent may come to, told by what the event says.
pub fn admits(any_of: &[CallFilter], view: &EventView<'_>) -> bool {
    let _ = (any_of, view);
    true
}
