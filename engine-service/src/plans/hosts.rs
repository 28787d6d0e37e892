//! One host's plan, as of one moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use eyrie_proto::{
    capture::{AgentInfo, CallFilter, CallPlan, CallStatus, ListPlansResponse},
    event::Origin,
};

use super::{Costs, KeptAnswer, PlanOptions, PlanProgress, Violations};

/// Gaps that an agent does not tell of itself.
const SILENT: &str = "the agent does not say that it records it";
const NARROWED: &str = "the agent records only some of it";

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct HostPlan {
    pub(crate) origin: Origin,
    pub(crate) agent: AgentInfo,
    pub(crate) is_connected: bool,
    pub(crate) connected_since_ns: u64,
    pub(crate) answer: Option<Arc<KeptAnswer>>,
    pub(crate) progress: PlanProgress,
    pub(crate) violations: Violations,
    pub(crate) costs: Costs,
}

/// The parts of a [`HostPlan`] by event type.
#[derive(Debug, Default)]
pub(super) struct ByType<'a> {
    /// The host has said what it carries out of the newest plan.
    is_answered: bool,
    effective: BTreeMap<&'a str, &'a CallPlan>,
    uncaptured: BTreeMap<&'a str, &'a str>,
}

/// How what a host records differs from what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Widening {
    /// Every call, though not all were asked for.
    Whole,
    /// Some of the conditions are others, which should be wider.
    Partly,
    /// Nothing is tested but what was asked for, and not all of it.
    Fewer,
    /// Not every call, and which are would have been too much for the host to tell.
    Untold,
}

// === impl HostPlan ===

impl HostPlan {
    pub(super) fn by_type(&self) -> ByType<'_> {
        let Some(answer) = self.answer.as_ref().map(|kept| &kept.answer) else { return ByType::default() };
        let effective = answer.effective.iter().flat_map(|plan| &plan.calls);
        let uncaptured = answer.uncaptured.iter();
        ByType {
            is_answered: answer.effective.is_some() && answer.generation == self.progress.sent_generation(),
            effective: effective.map(|call| (call.event_type.as_str(), call)).collect(),
            uncaptured: uncaptured.map(|call| (call.event_type.as_str(), call.reason.as_str())).collect(),
        }
    }

    /// Why the plan that was answered last was not taken; empty if it was.
    pub(super) fn failure(&self) -> &str {
        self.answer.as_ref().map_or("", |kept| &kept.answer.failure)
    }

    /// What it carries out was too large to be kept.
    pub(super) fn is_answer_cut(&self) -> bool {
        self.answer.as_ref().is_some_and(|kept| kept.is_effective_cut)
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
            uncaptured_reason: match asked.get(event_type) {
                Some(call) => by_type.gap(call),
                None => by_type.uncaptured(event_type),
            }
            .unwrap_or_default()
            .to_owned(),
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
            is_answer_cut: self.is_answer_cut(),
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

    /// Why what was asked for does not come, or not whole: silence is no promise. `None` if it does, or if the host has not said.
    pub(super) fn gap(&self, asked: &CallPlan) -> Option<&'a str> {
        self.uncaptured(&asked.event_type).or_else(|| match self.effective(&asked.event_type) {
            None if self.is_answered => Some(SILENT),
            Some(effective) if self.is_answered && asked.any_of.is_empty() && !is_whole(effective) => {
                Some(NARROWED)
            }
            _ => None,
        })
    }

    /// How the host carries out what was asked for; `None` if it does so exactly, or has not said.
    pub(super) fn widening(&self, asked: &CallPlan) -> Option<Widening> {
        let effective = self.effective(&asked.event_type)?;
        if asked.any_of.is_empty() {
            return None;
        }
        if effective.is_cut {
            return Some(Widening::Untold);
        }
        if is_whole(effective) {
            return Some(Widening::Whole);
        }
        let bare = |filter: &CallFilter| CallFilter { rules: Vec::new(), ..filter.clone() };
        let effective: Vec<CallFilter> = effective.any_of.iter().map(bare).collect();
        let wanted: Vec<CallFilter> = asked.any_of.iter().map(bare).collect();
        let is_all_tested = wanted.iter().all(|filter| effective.contains(filter));
        let is_all_wanted = effective.iter().all(|filter| wanted.contains(filter));
        match (is_all_tested, is_all_wanted) {
            (true, _) => None,
            (false, true) => Some(Widening::Fewer),
            (false, false) => Some(Widening::Partly),
        }
    }
}

/// Whether every call is recorded.
fn is_whole(effective: &CallPlan) -> bool {
    effective.any_of.is_empty() && !effective.is_cut
}
