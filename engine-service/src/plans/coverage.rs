//! Which rules are active on a host since when, and why not.

mod abilities;

use std::collections::{BTreeMap, HashMap};

use eyrie_proto::{
    capture::CallPlan,
    event::origin,
    rules::{AssignmentMode, ListCoverageResponse},
};

use super::hosts::{ByType, HostPlan, Widening};
use crate::evaluate::RuleFacts;

/// What the events of a host are called as a source.
const SYSCALL_SOURCE: &str = "syscall";
/// Event types that one reason names.
const TYPES_NAMED: usize = 6;

/// What is asked of all hosts.
pub(super) struct Asked<'a> {
    calls: HashMap<&'a str, &'a CallPlan>,
    digest: &'a str,
}

/// One host, ready to be asked about many rules.
pub(super) struct HostCoverage<'a> {
    host: &'a HostPlan,
    asked: &'a Asked<'a>,
    by_type: ByType<'a>,
    /// Why no rule is active, or what none can see.
    for_all: Vec<String>,
    /// The source of its events.
    source: &'a str,
}

// === impl Asked ===

impl<'a> Asked<'a> {
    pub(super) fn new(calls: &'a [CallPlan], digest: &'a str) -> Self {
        Self { calls: calls.iter().map(|call| (call.event_type.as_str(), call)).collect(), digest }
    }

    /// The event types of a rule that are asked for; of one that is of any type, all.
    fn of_rule(&self, rule: &RuleFacts) -> Vec<&'a CallPlan> {
        let mut calls: Vec<&CallPlan> = match &rule.event_types {
            Some(types) => types.iter().filter_map(|name| self.calls.get(name.as_str()).copied()).collect(),
            None => self.calls.values().copied().collect(),
        };
        calls.sort_by_key(|call| &call.event_type);
        calls
    }
}

// === impl HostCoverage ===

impl<'a> HostCoverage<'a> {
    pub(super) fn new(host: &'a HostPlan, asked: &'a Asked<'a>) -> Self {
        let source = match &host.origin.kind {
            Some(origin::Kind::Source(instance)) => instance.source.as_str(),
            _ => SYSCALL_SOURCE,
        };
        let mut coverage = Self { host, asked, by_type: host.by_type(), for_all: Vec::new(), source };
        coverage.for_all = coverage.reasons_for_all();
        coverage
    }

    fn reasons_for_all(&self) -> Vec<String> {
        let (host, mut reasons) = (self.host, Vec::new());
        if !host.is_connected {
            reasons.push("the host is not connected".to_owned());
        }
        if self.source != SYSCALL_SOURCE {
            return reasons;
        }
        if !host.failure().is_empty() {
            let generation = host.answer.as_ref().map_or(0, |kept| kept.answer.generation);
            reasons.push(format!("the agent refused plan {generation}: {}", host.failure()));
        }
        if host.progress.activation(self.asked.digest).is_none() {
            match host.progress.pending() {
                Some((generation, false)) => {
                    reasons.push(format!("the agent has not answered plan {generation} yet"));
                }
                Some((generation, true)) => {
                    reasons.push(format!("no record of plan {generation} has come yet"));
                }
                None if host.is_connected => {
                    reasons.push("the agent carries out no plan that has these rules".to_owned());
                }
                None => {}
            }
        }
        reasons
    }

    /// One rule on this host.
    pub(super) fn of(&self, rule: &RuleFacts) -> ListCoverageResponse {
        let host = self.host;
        let mut response = ListCoverageResponse {
            origin: Some(host.origin.clone()),
            rule: rule.name.clone(),
            digest: self.asked.digest.to_owned(),
            mode: AssignmentMode::Active.into(),
            hostname: host.agent.hostname.clone(),
            ..ListCoverageResponse::default()
        };
        if !rule.is_enabled {
            response.reasons.push("the rule is switched off".to_owned());
            return response;
        }
        if rule.source != self.source {
            let sends =
                format!("the rule is for events of {}, and this host sends {}", rule.source, self.source);
            response.reasons.push(sends);
            return response;
        }
        response.reasons.clone_from(&self.for_all);
        if self.source == SYSCALL_SOURCE {
            self.of_system_calls(rule, &mut response);
        } else {
            // No plan is needed for what plugins send.
            response.is_active = host.is_connected;
            response.active_since_ns = host.connected_since_ns;
        }
        response
    }

    fn of_system_calls(&self, rule: &RuleFacts, response: &mut ListCoverageResponse) {
        let (host, calls) = (self.host, self.asked.of_rule(rule));
        let lacking = host.agent.missing_abilities.iter();
        let lacking = lacking.filter(|missing| abilities::is_needed(missing, rule));
        response.reasons.extend(lacking.map(abilities::lacks));
        let missing = self.uncaptured(&calls, &mut response.reasons);
        let activation = host.progress.activation(self.asked.digest);
        response.is_active =
            host.is_connected && activation.is_some() && (missing < calls.len() || calls.is_empty());
        if let Some(activation) = activation.filter(|_| response.is_active) {
            response.active_since_ns = activation.since_ns;
            response.plan_generation = activation.generation;
        }
        for violation in host.violations.of_rule(&rule.name) {
            response.reasons.push(format!(
                "filters kept back events of {} that the rule needed: of the marked ones {}, the last of them number {} under plan {}; every event of \
                 this type has been asked for since",
                violation.event_type, violation.count, violation.last_sequence, violation.last_generation
            ));
        }
        let unresolvable = host.answer.iter().flat_map(|kept| &kept.answer.unresolvable_names);
        for name in unresolvable.filter(|name| rule.host_names.contains(&name.name)) {
            response.reasons.push(format!(
                "the name {} is not resolved there, so comparisons with it are false: {}",
                name.name, name.reason
            ));
        }
        self.notes(&calls, &mut response.notes);
        if let (true, Some((generation, _))) = (response.is_active, host.progress.pending()) {
            response.notes.push(format!("plan {generation} is on its way"));
        }
    }

    /// Tells which of the types are not recorded, or not whole; gives how many.
    fn uncaptured(&self, calls: &[&'a CallPlan], reasons: &mut Vec<String>) -> usize {
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for call in calls {
            if let Some(reason) = self.by_type.gap(call) {
                by_reason.entry(reason).or_default().push(&call.event_type);
            }
        }
        for (reason, types) in &by_reason {
            reasons.push(format!("{}: {reason}", named(types)));
        }
        by_reason.values().map(Vec::len).sum()
    }

    fn notes(&self, calls: &[&'a CallPlan], notes: &mut Vec<String>) {
        let widened = |wanted: Widening| {
            let is_so = |call: &&&CallPlan| self.by_type.widening(call) == Some(wanted);
            calls.iter().filter(is_so).map(|call| call.event_type.as_str()).collect::<Vec<_>>()
        };
        if self.host.is_answer_cut() {
            notes.push("what the agent says it records was too much to be kept".to_owned());
        }
        for (widening, what) in [
            (Widening::Whole, "every call is recorded"),
            (Widening::Partly, "more is recorded than was asked for"),
            (Widening::Untold, "the conditions that are tested are too many for the agent to tell"),
            (
                Widening::Fewer,
                "conditions that were asked for are not among those that the agent says it tests",
            ),
        ] {
            let types = widened(widening);
            if !types.is_empty() {
                notes.push(format!("{}: {what}", named(&types)));
            }
        }
    }
}

fn named(types: &[&str]) -> String {
    let shown = types.iter().take(TYPES_NAMED).copied().collect::<Vec<_>>().join(", ");
    match types.len().saturating_sub(TYPES_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
