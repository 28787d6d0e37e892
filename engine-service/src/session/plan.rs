//! What an agent is told to capture.

use eyrie_proto::capture::{CallPlan, CapturePlan};

use crate::evaluate::Evaluate;

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
        ..CapturePlan::default()
    }
}
