//! Answers that the engine takes. One that is too large would end the session, and so would its like in every session after it.

use eyrie_proto::capture::{CaptureRequest, PlanAnswer, capture_request::Kind};
use prost::Message as _;
use tracing::warn;

use crate::plan;

/// The answer, within the limit of the engine (0 for none): one to a plan loses conditions and the names of hosts and rules. Nothing if it is too large
/// all the same: the engine then sees that it is not answered, and the stream goes on.
pub(super) fn fitting(mut answer: CaptureRequest, max_message_bytes: u64) -> Option<Kind> {
    let is_too_large =
        |answer: &CaptureRequest| max_message_bytes > 0 && answer.encoded_len() as u64 > max_message_bytes;
    if is_too_large(&answer)
        && let Some(Kind::PlanAnswer(of_plan)) = &mut answer.kind
    {
        warn!(max_message_bytes, "the answer to the plan is too large for the engine: it is told in short");
        shorten(of_plan);
    }
    if is_too_large(&answer) {
        let bytes = answer.encoded_len();
        warn!(bytes, max_message_bytes, "an answer is too large for the engine, and not sent");
        return None;
    }
    answer.kind
}

fn shorten(answer: &mut PlanAnswer) {
    let Some(effective) = &mut answer.effective else { return };
    effective.names_to_resolve.clear();
    for call in &mut effective.calls {
        plan::cut(call);
        call.forced_by_rule.clear();
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::capture::{CallFilter, CallPlan, CapturePlan, StateAnswer, UncapturedCall};

    use super::*;

    fn answer(reason: &str) -> PlanAnswer {
        let call = |event_type: &str, conditions| CallPlan {
            event_type: event_type.to_owned(),
            any_of: vec![CallFilter { results: (0..100).collect(), ..CallFilter::default() }; conditions],
            ..CallPlan::default()
        };
        let calls = vec![call("open", 2), call("close", 0), call("unlink", 50)];
        let reason = reason.to_owned();
        PlanAnswer {
            generation: 3,
            effective: Some(CapturePlan { generation: 3, calls, ..CapturePlan::default() }),
            uncaptured: vec![UncapturedCall { event_type: "poll".to_owned(), reason }],
            ..PlanAnswer::default()
        }
    }

    fn request(answer: PlanAnswer) -> CaptureRequest {
        CaptureRequest { kind: Some(Kind::PlanAnswer(answer)) }
    }

    /// Scenario: an answer to a plan, for engines with and without a limit that it keeps to, with one that it exceeds by its conditions, and with one that
    /// is too small for its names alone; an answer of another kind. Guarantees: it is sent as it is, or without conditions and saying so, or not at all.
    #[test]
    fn an_answer_fits() {
        let whole = request(answer("no"));
        let bytes = whole.encoded_len() as u64;
        for limit in [0, bytes] {
            assert_eq!(fitting(whole.clone(), limit), whole.kind);
        }
        let Some(Kind::PlanAnswer(short)) = fitting(whole.clone(), bytes - 1) else { panic!("no answer") };
        let told = |call: &CallPlan| (call.event_type.clone(), call.any_of.len(), call.is_cut);
        let calls: Vec<_> = short.effective.iter().flat_map(|plan| &plan.calls).map(told).collect();
        assert_eq!(calls, [("open".into(), 0, true), ("close".into(), 0, false), ("unlink".into(), 0, true)]);
        assert_eq!((short.generation, short.uncaptured), (3, answer("no").uncaptured));
        assert_eq!(fitting(request(answer(&"x".repeat(1_000))), 1_000), None);
        let state = CaptureRequest { kind: Some(Kind::StateAnswer(StateAnswer::default())) };
        assert_eq!(fitting(state.clone(), 100), state.kind);
    }
}
