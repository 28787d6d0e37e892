//! What agents are told to capture, how far each is with it, and what comes of it.
//!
//! The rules' plans are derived once ([`evaluator::RulePlans`]); every session sends what all rules need together, and sends
//! it again when a filter turned out to drop what a rule needs: the event type is then asked for whole, of all hosts, for as
//! long as this engine lives. [`progress`] says which plan an origin's records are of, and so since when a rule set is
//! active there. What filters let through is estimated from a sample of the events ([`sampling`], [`costs`]).

mod answers;
mod costs;
mod coverage;
mod hosts;
mod kept_answer;
mod options;
mod progress;
mod rule_service;
mod sampling;
mod service;
mod size;
mod violations;
mod wanted;

use std::{collections::BTreeMap, sync::Arc};

use eyrie_proto::capture::{CallPlan, CapturePlan};
use tokio::sync::watch;

pub use self::options::PlanOptions;
pub(crate) use self::{
    costs::Costs,
    hosts::HostPlan,
    kept_answer::KeptAnswer,
    progress::PlanProgress,
    rule_service::RuleServer,
    sampling::{Sample, Sampler},
    service::PlanServer,
    violations::{Violations, Violator, Violators},
};
use crate::evaluate::Evaluate;

/// Names in one plan; more are no longer few enough for an agent to resolve, and the plan must fit in a message.
/// At most 253 bytes each.
const MAX_NAMES: usize = 2_048;

/// What all event types that are asked for are asked for as: ascending.
pub(crate) type Calls = Arc<Vec<CallPlan>>;

/// What this engine asks of all hosts.
#[derive(Debug)]
pub(crate) struct Plans {
    options: PlanOptions,
    rule_set_digest: String,
    names: Vec<String>,
    calls: watch::Sender<Calls>,
}

// === impl Plans ===

impl Plans {
    /// Of a rule set, for messages of at most `max_message_bytes`.
    pub(crate) fn new(evaluator: &dyn Evaluate, options: PlanOptions, max_message_bytes: usize) -> Self {
        let plans = Self {
            rule_set_digest: evaluator.rule_set_digest().to_owned(),
            names: names(evaluator),
            calls: watch::Sender::new(Arc::default()),
            options,
        };
        let calls =
            size::fitting(plans.plan_of(calls(evaluator, options.has_filters), 0), max_message_bytes).calls;
        plans.calls.send_replace(Arc::new(calls));
        plans
    }

    pub(crate) fn options(&self) -> PlanOptions {
        self.options
    }

    /// The calls that are asked for now, and news of changes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Calls> {
        self.calls.subscribe()
    }

    /// The calls that are asked for now.
    pub(crate) fn calls(&self) -> Calls {
        Arc::clone(&self.calls.borrow())
    }

    /// The plan of this generation.
    pub(crate) fn plan(&self, calls: &Calls, generation: u64) -> CapturePlan {
        self.plan_of(calls.to_vec(), generation)
    }

    fn plan_of(&self, calls: Vec<CallPlan>, generation: u64) -> CapturePlan {
        CapturePlan {
            generation,
            rule_set_digests: vec![self.rule_set_digest.clone()],
            calls,
            limits: None,
            is_verify_mode: self.options.is_verify_mode,
            verify_sample_ppm: self.options.verify_sample_ppm,
            names_to_resolve: self.names.clone(),
        }
    }

    /// Asks for every event of a type from now on, since a filter kept back what `rule` needed. Whether that is new.
    pub(crate) fn widen(&self, event_type: &str, rule: &str) -> bool {
        self.calls.send_if_modified(|calls| {
            let is_filtered = |call: &CallPlan| call.event_type == event_type && !call.any_of.is_empty();
            let Some(place) = calls.iter().position(is_filtered) else { return false };
            let mut wider = calls.to_vec();
            if let Some(call) = wider.get_mut(place) {
                call.any_of.clear();
                rule.clone_into(&mut call.forced_by_rule);
            }
            *calls = Arc::new(wider);
            true
        })
    }
}

/// What the rules and the model need: of types that the model needs every event, whatever the rules need of them; of types
/// that no rule can hold on none.
fn calls(evaluator: &dyn Evaluate, has_filters: bool) -> Vec<CallPlan> {
    let whole = |event_type: &String| {
        (event_type.clone(), CallPlan { event_type: event_type.clone(), ..CallPlan::default() })
    };
    let types_whole =
        if has_filters { evaluator.state_event_types() } else { evaluator.event_types_needed() };
    let mut calls: BTreeMap<String, CallPlan> = types_whole.iter().map(whole).collect();
    if has_filters {
        for call in evaluator.calls() {
            calls.entry(call.event_type.clone()).or_insert(call);
        }
    }
    calls.into_values().collect()
}

fn names(evaluator: &dyn Evaluate) -> Vec<String> {
    let names = evaluator.host_names_needed();
    if names.len() > MAX_NAMES {
        tracing::warn!(
            names = names.len(),
            "rules compare addresses with more than {MAX_NAMES} names of hosts: agents are asked for the first of them in \
             alphabetical order, and comparisons with the others are false; use addresses or networks instead"
        );
    }
    names.iter().take(MAX_NAMES).cloned().collect()
}
