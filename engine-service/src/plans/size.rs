//! Plans fit in a message.

use eyrie_proto::capture::{CallPlan, CapturePlan};
use prost::Message as _;

/// For what is around a plan in its message, and the generation.
const SLACK_BYTES: usize = 4 * 1024;

/// The plan, within the limit: where it is too large, the names of rules go first, all but one of each condition, as they are for people
/// alone; then the largest sets of conditions, and every call of their types is asked for.
pub(super) fn fitting(mut plan: CapturePlan, max_message_bytes: usize) -> CapturePlan {
    let limit = max_message_bytes.saturating_sub(SLACK_BYTES);
    let mut bytes = plan.encoded_len();
    if bytes > limit {
        plan.calls.iter_mut().flat_map(|call| &mut call.any_of).for_each(|filter| filter.rules.truncate(1));
        bytes = plan.encoded_len();
    }
    while bytes > limit {
        let filtered = plan.calls.iter_mut().filter(|call| !call.any_of.is_empty());
        let Some(largest) = filtered.max_by_key(|call| call.encoded_len()) else {
            tracing::error!(
                bytes,
                limit,
                "the capture plan does not fit in a message even without conditions"
            );
            break;
        };
        tracing::warn!(
            event_type = largest.event_type,
            bytes = largest.encoded_len(),
            limit,
            "the capture plan does not fit in a message: every event of this type is asked for, as its conditions are the largest"
        );
        open(largest);
        bytes = plan.encoded_len();
    }
    plan
}

fn open(call: &mut CallPlan) {
    let rule = call.any_of.drain(..).flat_map(|filter| filter.rules).next();
    if call.forced_by_rule.is_empty() {
        call.forced_by_rule = rule.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::capture::{CallFilter, PathFilter, path_filter::Kind};

    use super::*;

    fn call(event_type: &str, paths: usize) -> CallPlan {
        let path = |number| PathFilter {
            kind: Some(Kind::Exact(format!("/{number:0100}").into_bytes())),
            ..PathFilter::default()
        };
        let filter = CallFilter {
            paths: (0..paths).map(path).collect(),
            rules: vec!["Paths".to_owned()],
            ..CallFilter::default()
        };
        CallPlan { event_type: event_type.to_owned(), any_of: vec![filter], ..CallPlan::default() }
    }

    /// Scenario: a plan that is too large by the names of its rules. Guarantees: one of them stays for each condition, and all conditions.
    #[test]
    fn names_go_before_conditions() {
        let mut plan =
            CapturePlan { calls: vec![call("open", 10), call("unlink", 1)], ..CapturePlan::default() };
        plan.calls[0].any_of[0].rules = (0..100).map(|number| format!("{number:01000}")).collect();
        let fitted = fitting(plan.clone(), 64 << 10);
        plan.calls[0].any_of[0].rules.truncate(1);
        assert_eq!(fitted, plan);
    }

    /// Scenario: a plan that fits, and one with two large sets of paths of which one is too much. Guarantees: the first is
    /// left alone; of the second the largest set goes, so that every event of its type is asked for, and the rest stays.
    #[test]
    fn the_largest_conditions_go_first() {
        let plan = CapturePlan {
            calls: vec![call("open", 300), call("openat", 600), call("unlink", 1)],
            ..CapturePlan::default()
        };
        assert_eq!(fitting(plan.clone(), 1 << 20), plan);
        let fitted = fitting(plan.clone(), 64 << 10);
        assert!(fitted.encoded_len() <= 64 << 10);
        let open: Vec<_> = fitted.calls.iter().map(|call| call.any_of.is_empty()).collect();
        assert_eq!(open, [false, true, false]);
        assert_eq!(fitted.calls[1].forced_by_rule, "Paths");
        let none = fitting(plan, 1);
        assert!(none.calls.iter().all(|call| call.any_of.is_empty()));
    }
}
