//! Calls that only ask for a limit, as the loader of every program does.
//!
//! `prlimit64` is captured whatever the plan, since one that sets a limit changes state. One that sets none does not, and is a quarter
//! of what an execution makes: where no rule wants it, it ends here.

use eyrie_bpf::{Header, Record};
use eyrie_proto::capture::CapturePlan;
use telemetry::{
    Meter,
    observe::{Count, Name},
};

use crate::plan::{self, CallAbi};

const CALL: &str = "prlimit64";
/// The same as plans have it.
const EVENT_TYPES: [&str; 2] = ["prlimit", CALL];
/// The argument that points to what the limit becomes (prlimit(2)).
const NEW_LIMIT: usize = 2;

/// Whether they are wanted.
#[derive(Default)]
pub(super) struct LimitReadings {
    /// The first plan that does not ask for them, of those after the last that did; before any plan, rules could want them.
    unwanted_since: Option<u64>,
    left_out: Count,
}

// === impl LimitReadings ===

impl LimitReadings {
    /// Takes notice of a plan as it is carried out.
    pub(super) fn follow(&mut self, effective: &CapturePlan) {
        if effective.calls.iter().any(|call| EVENT_TYPES.contains(&call.event_type.as_str())) {
            self.unwanted_since = None;
        } else {
            self.unwanted_since.get_or_insert(effective.generation);
        }
    }

    /// Whether a record is one, and unwanted; it is counted then.
    pub(super) fn leaves_out(&self, record: &Record<'_>) -> bool {
        let (header, arguments) = match record {
            Record::Call(call) => (&call.header, &call.arguments),
            Record::DetailedCall(call) => (&call.header, &call.arguments),
            _ => return false,
        };
        let is_unwanted = arguments.get(NEW_LIMIT) == Some(&0)
            && self.unwanted_since.is_some_and(|since| header.plan_generation >= since)
            && is_of_limits(header);
        if is_unwanted {
            self.left_out.increment();
        }
        is_unwanted
    }

    pub(super) fn show(&self, meter: &Meter) {
        let description = "Calls that asked for a limit, which no rule wanted";
        self.left_out.show(meter, Name { name: "eyrie.agent.limit_readings.left_out", description });
    }
}

fn is_of_limits(header: &Header) -> bool {
    let call = header.call().and_then(|(number, _)| plan::by_number(CallAbi::of(header), number));
    call.is_some_and(|call| call.name == CALL)
}

#[cfg(test)]
mod tests {
    use eyrie_bpf::{Call, DetailedCall, flag};
    use eyrie_proto::capture::CallPlan;

    use super::*;

    fn header(name: &str, plan_generation: u64) -> Header {
        let call_number = plan::numbers(name).0.unwrap();
        Header { call_number, flags: flag::HAS_CALL, plan_generation, ..Header::default() }
    }

    fn asking(generation: u64, event_types: &[&str]) -> CapturePlan {
        let call =
            |event_type: &&str| CallPlan { event_type: (*event_type).to_owned(), ..CallPlan::default() };
        CapturePlan { generation, calls: event_types.iter().map(call).collect(), ..CapturePlan::default() }
    }

    /// Scenario: limits are asked for before any plan, under plans that want it and that do not, and under the one before. Guarantees:
    /// left out is what was recorded under a plan that does not want it, and nothing else.
    #[test]
    fn what_a_plan_wants_stays() {
        let mut readings = LimitReadings::default();
        let is_left_out = |readings: &LimitReadings, generation| {
            let header = header(CALL, generation);
            let arguments = [0, 3, 0, 9, 0, 0];
            let plain = readings.leaves_out(&Record::Call(Call { header, arguments }));
            let detailed = DetailedCall { header, arguments, ..DetailedCall::default() };
            assert_eq!(readings.leaves_out(&Record::DetailedCall(detailed)), plain);
            plain
        };
        assert!(!is_left_out(&readings, 0));
        readings.follow(&asking(4, &["open"]));
        assert_eq!([3, 4].map(|generation| is_left_out(&readings, generation)), [false, true]);
        readings.follow(&asking(5, &["close"]));
        assert_eq!([4, 5].map(|generation| is_left_out(&readings, generation)), [true; 2]);
        for event_type in EVENT_TYPES {
            readings.follow(&asking(6, &["open", event_type]));
            assert_eq!([5, 6].map(|generation| is_left_out(&readings, generation)), [false; 2]);
        }
        readings.follow(&asking(7, &[]));
        assert_eq!([6, 7].map(|generation| is_left_out(&readings, generation)), [false, true]);
    }

    /// Scenario: a limit is set, and other calls have nothing as third argument. Guarantees: they stay.
    #[test]
    fn what_bears_state_stays() {
        let mut readings = LimitReadings::default();
        readings.follow(&asking(1, &[]));
        for (name, argument) in [(CALL, 9), ("setpgid", 0), ("setrlimit", 0)] {
            let arguments = [0, 7, argument, 0, 0, 0];
            let call = Call { header: header(name, 1), arguments };
            assert!(!readings.leaves_out(&Record::Call(call)), "{name}");
        }
    }
}
