//! One host's plan, as of one moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use eyrie_proto::{
    capture::{AgentInfo, CallFilter, CallPlan, CallStatus, ListPlansResponse, PlanAnswer},
    event::Origin,
};

use super::{Costs, PlanOptions, PlanProgress, Violations};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct HostPlan {
    pub(crate) origin: Origin,
    pub(crate) agent: AgentInfo,
    pub(crate) is_connected: bool,
    pub(crate) connected_since_ns: u64,
    pub(crate) answer: Option<PlanAnswer>,
    pub(crate) progress: PlanProgress,
    pub(crate) violations: Violations,
    pub(crate) costs: Costs,
}

/// The parts of a [`HostPlan`] by event type.
#[derive(Debug, Default)]
pub(super) struct ByType<'a> {
    effective: BTreeMap<&'a str, &'a CallPlan>,
    uncaptured: BTreeMap<&'a str, &'a str>,
}

/// How a host records more than it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Widening {
    /// Every call, though not all were asked for.
    Whole,
    /// Some of the conditions are wider.
    Partly,
}

// === impl HostPlan ===

impl HostPlan {
    pub(super) fn by_type(&self) -> ByType<'_> {
        let Some(answer) = &self.answer else { return ByType::default() };
        let effective = answer.effective.iter().flat_map(|plan| &plan.calls);
        let uncaptured = answer.uncaptured.iter();
        ByType {
            effective: effective.map(|call| (call.event_type.as_str(), call)).collect(),
            uncaptured: uncaptured.map(|call| (call.event_type.as_str(), call.reason.as_str())).collect(),
        }
    }

    /// Why the plan that was answered last was not taken; empty if it was.
    pub(super) fn failure(&self) -> &str {
        self.answer.as_ref().map_or("", |answer| &answer.failure)
    }

    /// As the contract has it.
    pub(super) fn to_response(
        &self,
        asked: &[CallPlan],
        options: PlanOptions,
        now: Instant,
    ) -> ListPlansResponse {
        let (by_type, running) = (self.by_type(), self.progress.running());
        let asked: BTreeMap<&str, &CallPlan> =
            asked.iter().map(|call| (call.event_type.as_str(), call)).collect();
        let of_host = by_type.effective.keys().chain(by_type.uncaptured.keys()).copied();
        let types: BTreeSet<&str> =
            asked.keys().copied().chain(of_host).chain(self.costs.event_types()).collect();
        let status = |event_type: &str| CallStatus {
            event_type: event_type.to_owned(),
            asked: asked.get(event_type).map(|call| (*call).clone()),
            effective: by_type.effective(event_type).cloned(),
            uncaptured_reason: by_type.uncaptured(event_type).unwrap_or_default().to_owned(),
            cost: Some(self.costs.of_type(event_type, now)),
        };
        ListPlansResponse {
            origin: Some(self.origin.clone()),
            hostname: self.agent.hostname.clone(),
            is_connected: self.is_connected,
            sent_generation: self.progress.sent_generation(),
            running_generation: running.map_or(0, |running| running.generation),
            running_since_ns: running.map_or(0, |running| running.since_ns),
            is_verify_mode: options.is_verify_mode,
            verify_sample_ppm: options.verify_sample_ppm,
            failure: self.failure().to_owned(),
            calls: types.into_iter().map(status).collect(),
            violations: self.violations.all().to_vec(),
        }
    }
}

// === impl ByType ===

impl<'a> ByType<'a> {
    pub(super) fn effective(&self, event_type: &str) -> Option<&'a CallPlan> {
        self.effective.get(event_type).copied()
    }

    pub(super) fn uncaptured(&self, event_type: &str) -> Option<&'a str> {
        self.uncaptured.get(event_type).copied()
    }

    /// How the host carries out what was asked for; `None` if it does so exactly, or has not said.
    pub(super) fn widening(&self, asked: &CallPlan) -> Option<Widening> {
        let effective = self.effective(&asked.event_type)?;
        if asked.any_of.is_empty() {
            return None;
        }
        if effective.any_of.is_empty() {
            return Some(Widening::Whole);
        }
        let bare = |filter: &CallFilter| CallFilter { rules: Vec::new(), ..filter.clone() };
        let effective: Vec<CallFilter> = effective.any_of.iter().map(bare).collect();
        let is_exact = asked.any_of.iter().all(|filter| effective.contains(&bare(filter)));
        (!is_exact).then_some(Widening::Partly)
    }
}
