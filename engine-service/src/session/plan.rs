//! What an agent is told to capture.

use eyrie_proto::capture::{CallPlan, CapturePlan};

use crate::evaluate::Evaluate;

/// Names in one plan; more are no longer few enough for an agent to resolve, and the plan must fit in a message.
/// At most 253 bytes each.
const MAX_NAMES: usize = 2_048;

/// The plan of a rule set: every call of each event type that it needs. A plan without conditions over-approximates,
/// which is allowed; narrower ones are the rule compiler's business.
pub(super) fn plan(evaluator: &dyn Evaluate, agents_generation: u64) -> CapturePlan {
    let calls = evaluator.event_types_needed().iter();
    CapturePlan {
        generation: agents_generation.saturating_add(1),
        rule_set_digests: vec![evaluator.rule_set_digest().to_owned()],
        calls: calls
            .map(|event_type| CallPlan { event_type: event_type.clone(), ..CallPlan::default() })
            .collect(),
        names_to_resolve: names(evaluator),
        ..CapturePlan::default()
    }
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
