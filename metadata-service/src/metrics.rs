//! What the service counts about its calls.

use eyrie_proto::metadata::AnswerState;
use telemetry::{
    Counter, KeyValue, Meter,
    observe::{Count, Level, Name},
};
use tonic::Status;

/// Of one service.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    calls: Counter<u64>,
    answers: Counter<u64>,
    /// Watches that are open.
    pub(crate) watches: Level,
    /// Watches that were told to forget everything.
    pub(crate) watch_resets: Count,
}

// === impl Metrics ===

impl Metrics {
    /// Visible from the start.
    pub(crate) fn new(meter: &Meter) -> Self {
        let (watches, watch_resets) = (Level::default(), Count::default());
        watches.show(meter, Name { name: "eyrie.metadata.watches", description: "Watches that are open" });
        watch_resets.show(
            meter,
            Name {
                name: "eyrie.metadata.watch_resets",
                description: "Watches that were told to forget everything, for being too far behind",
            },
        );
        let calls = meter.u64_counter("eyrie.metadata.calls");
        let answers = meter.u64_counter("eyrie.metadata.lookup_answers");
        Self {
            calls: calls.with_description("Calls that were answered, by gRPC code").build(),
            answers: answers.with_description("Answers to queries of Lookup, by state").build(),
            watches,
            watch_resets,
        }
    }

    /// Counts a call and hands its result on.
    pub(crate) fn count_call<T>(&self, method: &'static str, result: Result<T, Status>) -> Result<T, Status> {
        let code = result.as_ref().map_or_else(Status::code, |_| tonic::Code::Ok);
        self.calls.add(1, &[KeyValue::new("method", method), KeyValue::new("code", format!("{code:?}"))]);
        result
    }

    /// Counts an answer.
    pub(crate) fn count_answer(&self, state: AnswerState) {
        let state = match state {
            AnswerState::Unspecified => "unspecified",
            AnswerState::Found => "found",
            AnswerState::Pending => "pending",
            AnswerState::Absent => "absent",
            AnswerState::Unavailable => "unavailable",
        };
        self.answers.add(1, &[KeyValue::new("state", state)]);
    }
}
