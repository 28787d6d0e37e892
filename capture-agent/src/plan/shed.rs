//! What an answer to a plan says while calls are left out.

use eyrie_bpf::{CallSet, Config};
use eyrie_proto::capture::{PlanAnswer, UncapturedCall};

use super::calls::{CallAbi, name, numbered};

/// A system call by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CapturedCall {
    pub(crate) abi: CallAbi,
    pub(crate) number: u32,
}

// === impl CapturedCall ===

impl CapturedCall {
    /// Its name in its own table.
    pub(crate) fn name(self) -> String {
        name(self.abi, self.number).map_or_else(|| format!("call {}", self.number), str::to_owned)
    }

    /// Whether these settings capture it, or would if it were not left out.
    pub(crate) fn is_in(self, settings: &Config) -> bool {
        let [calls, ..] = self.sets(settings);
        calls.contains(self.number)
    }

    /// Whether it can be left out: it is captured, bears no state, and is not left out already.
    pub(crate) fn may_be_shed(self, settings: &Config) -> bool {
        let [calls, state, shed] = self.sets(settings).map(|set| set.contains(self.number));
        calls && !state && !shed
    }

    /// What is captured, what of it bears state, and what is left out, of its own numbering.
    fn sets(self, settings: &Config) -> [&CallSet; 3] {
        match self.abi {
            CallAbi::Native => [&settings.calls, &settings.state_calls, &settings.shed_calls],
            CallAbi::Compat => {
                [&settings.compat_calls, &settings.compat_state_calls, &settings.compat_shed_calls]
            }
        }
    }
}

/// These settings with the calls left out.
pub(crate) fn settings_without(settings: &Config, shed: &[CapturedCall]) -> Config {
    let of = |abi| shed.iter().filter(move |call| call.abi == abi).map(|call| call.number);
    Config {
        shed_calls: of(CallAbi::Native).collect::<CallSet>(),
        compat_shed_calls: of(CallAbi::Compat).collect::<CallSet>(),
        ..*settings
    }
}

/// The answer to a plan as it is carried out with these calls left out. They have the names that the plan has for them, which mean
/// native and 32-bit calls.
pub(crate) fn answer_without(answer: &PlanAnswer, shed: &[CapturedCall], budget_percent: u32) -> PlanAnswer {
    let mut answer = answer.clone();
    let shed: Vec<_> = shed
        .iter()
        .map(|call| {
            let which = if call.abi == CallAbi::Native { "" } else { " of 32-bit programs" };
            let reason = format!(
                "calls{which} are left out to keep the agent below {budget_percent} % of a processor, and counted as lost"
            );
            UncapturedCall { event_type: planned_name(&answer, *call), reason }
        })
        .collect();
    if let Some(effective) = &mut answer.effective {
        effective.calls.retain(|planned| shed.iter().all(|call| call.event_type != planned.event_type));
    }
    answer.uncaptured.extend(shed);
    answer
}

/// The plan's name for a call, or else the kernel's.
fn planned_name(answer: &PlanAnswer, call: CapturedCall) -> String {
    let means = |event_type: &&str| numbered(event_type).any(|of| of == (call.abi, call.number));
    let effective =
        answer.effective.iter().flat_map(|plan| &plan.calls).map(|planned| planned.event_type.as_str());
    // What is captured by its registers alone is there.
    let in_part = answer.uncaptured.iter().map(|uncaptured| uncaptured.event_type.as_str());
    effective.chain(in_part).find(means).map_or_else(|| call.name(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use eyrie_proto::capture::{CallPlan, CapturePlan};

    use super::{super::calls::numbers, *};

    /// Scenario: a native call, a 32-bit one and one that the plan does not name are left out. Guarantees: the answer has them
    /// under the plan's names, or the kernel's, with the budget as the reason, and not as carried out; the rest is as it was.
    #[test]
    fn an_answer_says_what_is_left_out() {
        let call = |name: &str| CallPlan { event_type: name.to_owned(), ..CallPlan::default() };
        let calls = ["pread", "openat", "clone3"].map(call).to_vec();
        let effective = Some(CapturePlan { generation: 4, calls, ..CapturePlan::default() });
        let answer = PlanAnswer { generation: 4, effective, ..PlanAnswer::default() };
        let of = |abi, number: Option<u32>| CapturedCall { abi, number: number.unwrap() };
        let shed = [
            of(CallAbi::Native, numbers("pread").0),
            of(CallAbi::Compat, numbers("openat").1),
            of(CallAbi::Native, numbers("getpid").0),
        ];
        let without = answer_without(&answer, &shed, 25);
        let uncaptured: Vec<_> = without.uncaptured.iter().map(|call| call.event_type.as_str()).collect();
        assert_eq!(uncaptured, ["pread", "openat", "getpid"]);
        assert!(without.uncaptured[0].reason.starts_with("calls are left out"));
        assert!(
            without.uncaptured[1].reason.contains("32-bit") && without.uncaptured[1].reason.contains("25 %")
        );
        let effective = without.effective.unwrap().calls;
        assert_eq!(effective.iter().map(|call| call.event_type.as_str()).collect::<Vec<_>>(), ["clone3"]);
        assert_eq!(answer_without(&answer, &[], 25), answer);
    }

    /// Scenario: settings with calls of both tables left out, and then none. Guarantees: they are in the sets of their tables, and gone
    /// again; what is captured stays the same.
    #[test]
    fn settings_have_what_is_left_out() {
        let settings = Config::default();
        let call = CapturedCall { abi: CallAbi::Compat, number: 5 };
        let without = settings_without(&settings, &[call]);
        assert!(without.compat_shed_calls.contains(5) && !without.shed_calls.contains(5));
        assert!(without.calls == settings.calls && call.is_in(&without));
        assert_eq!(settings_without(&without, &[]), settings);
        assert_eq!(call.name(), "open");
    }
}
