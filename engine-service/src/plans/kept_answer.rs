//! What of an agent's answer to a plan is kept to be shown.
//!
//! The names of what it does not record are kept whatever its size, since coverage hangs on them.

use std::collections::BTreeSet;

use eyrie_proto::capture::{CallFilter, CallPlan, CapturePlan, PathFilter, PlanAnswer};
use prost::Message as _;
use rule_language::Catalogue as _;

/// Bytes of an effective plan: as it came, and in memory, where an empty condition is a hundred times as large.
const MAX_PLAN_BYTES: usize = 256 * 1024;
const MAX_PLAN_MEMORY: usize = 2 * 1024 * 1024;
/// Names that it does not resolve; no more are asked for.
const MAX_NAMES: usize = super::MAX_NAMES;
/// Of a name of a host, by RFC 1035.
const MAX_NAME_BYTES: usize = 253;
/// Of a reason.
const MAX_TEXT_BYTES: usize = 1_024;

/// See the module. At most some MiB; with the stock rules some tens of KiB.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct KeptAnswer {
    /// With event types that there are, each once.
    pub(crate) answer: PlanAnswer,
    /// What is carried out was told, and was too large.
    pub(crate) is_effective_cut: bool,
}

// === impl KeptAnswer ===

impl From<PlanAnswer> for KeptAnswer {
    fn from(mut answer: PlanAnswer) -> Self {
        let is_known = |event_type: &str| fields::catalogue().is_event_type(event_type);
        let told = answer.effective.take();
        let was_told = told.is_some();
        answer.effective = told.filter(is_small).map(|mut plan| {
            plan.calls.retain(|call| is_known(&call.event_type));
            CapturePlan { names_to_resolve: Vec::new(), ..plan }
        });
        let mut types = BTreeSet::new();
        answer.uncaptured.retain(|call| is_known(&call.event_type) && types.insert(call.event_type.clone()));
        answer.unresolvable_names.retain(|unresolvable| unresolvable.name.len() <= MAX_NAME_BYTES);
        answer.unresolvable_names.truncate(MAX_NAMES);
        cut(&mut answer.failure);
        answer.uncaptured.iter_mut().for_each(|call| cut(&mut call.reason));
        answer.unresolvable_names.iter_mut().for_each(|unresolvable| cut(&mut unresolvable.reason));
        Self { is_effective_cut: was_told && answer.effective.is_none(), answer }
    }
}

impl KeptAnswer {
    /// Without the plan that is carried out.
    pub(crate) fn without_effective(&self) -> PlanAnswer {
        let PlanAnswer { generation, uncaptured, failure, unresolvable_names, .. } = &self.answer;
        PlanAnswer {
            generation: *generation,
            effective: None,
            uncaptured: uncaptured.clone(),
            failure: failure.clone(),
            unresolvable_names: unresolvable_names.clone(),
        }
    }
}

fn is_small(plan: &CapturePlan) -> bool {
    let bytes = plan.encoded_len();
    bytes <= MAX_PLAN_BYTES && memory(plan) <= MAX_PLAN_MEMORY
}

/// About: texts are as long as on the wire, and all that is smaller than a path counts as one.
fn memory(plan: &CapturePlan) -> usize {
    let of_filter = |filter: &CallFilter| {
        let parts = [
            filter.arguments.len(),
            filter.paths.len(),
            filter.networks.len(),
            filter.outside_networks.len(),
            filter.open_flags.len(),
            filter.command_names.len(),
            filter.rules.len(),
        ];
        size_of::<CallFilter>() + parts.iter().sum::<usize>() * size_of::<PathFilter>()
    };
    let of_call = |call: &CallPlan| size_of::<CallPlan>() + call.any_of.iter().map(of_filter).sum::<usize>();
    let names = (plan.names_to_resolve.len() + plan.rule_set_digests.len()) * size_of::<String>();
    plan.encoded_len() + names + plan.calls.iter().map(of_call).sum::<usize>()
}

fn cut(text: &mut String) {
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
}

#[cfg(test)]
mod tests {
    use eyrie_proto::capture::{UncapturedCall, UnresolvableName};

    use super::*;

    fn with_filters(count: usize) -> Option<CapturePlan> {
        let call = |event_type: &str| CallPlan {
            event_type: event_type.to_owned(),
            any_of: vec![CallFilter::default(); count],
            ..CallPlan::default()
        };
        Some(CapturePlan { calls: vec![call("openat"), call("\u{1b}[31m")], ..CapturePlan::default() })
    }

    fn uncaptured(event_type: &str, reason: &str) -> UncapturedCall {
        UncapturedCall { event_type: event_type.to_owned(), reason: reason.to_owned() }
    }

    /// Scenario: an answer of usual size that has a type which there is not, a type twice, and a very long reason. Guarantees:
    /// types that there are stay, each once, and the reason is cut between two characters.
    #[test]
    fn an_answer_is_kept() {
        let long = format!("x{}", "\u{e4}".repeat(MAX_TEXT_BYTES));
        let answer = PlanAnswer {
            effective: with_filters(3),
            uncaptured: vec![
                uncaptured("bind", &long),
                uncaptured("bind", "again"),
                uncaptured("\u{1b}", "escape"),
            ],
            ..PlanAnswer::default()
        };
        let kept = KeptAnswer::from(answer);
        let effective = kept.answer.effective.as_ref().unwrap();
        assert_eq!(
            (kept.is_effective_cut, effective.calls.len(), effective.calls[0].any_of.len()),
            (false, 1, 3)
        );
        assert_eq!(kept.answer.uncaptured.len(), 1);
        assert_eq!(kept.answer.uncaptured[0].reason.len(), MAX_TEXT_BYTES - 1);
        assert_eq!(kept.without_effective(), PlanAnswer { effective: None, ..kept.answer });
    }

    /// Scenario: plans that are small on the wire and large in memory, and large on the wire, with many types that are not
    /// recorded. Guarantees: the plan goes, which is told apart from none, and every name of a type stays.
    #[test]
    fn only_the_plan_is_too_large() {
        let types: Vec<&str> = fields::catalogue().event_types().iter().copied().take(100).collect();
        let names_to_resolve = vec!["x".repeat(MAX_PLAN_BYTES)];
        let long = Some(CapturePlan { names_to_resolve, ..CapturePlan::default() });
        for effective in [with_filters(MAX_PLAN_MEMORY / size_of::<CallFilter>()), long] {
            let answer = PlanAnswer {
                effective,
                uncaptured: types.iter().map(|event_type| uncaptured(event_type, "no")).collect(),
                unresolvable_names: vec![UnresolvableName::default(); MAX_NAMES + 1],
                ..PlanAnswer::default()
            };
            let kept = KeptAnswer::from(answer);
            assert_eq!((kept.is_effective_cut, kept.answer.effective), (true, None));
            assert_eq!(kept.answer.uncaptured.len(), types.len());
            assert_eq!(kept.answer.unresolvable_names.len(), MAX_NAMES);
        }
        assert!(!KeptAnswer::from(PlanAnswer::default()).is_effective_cut);
    }
}
