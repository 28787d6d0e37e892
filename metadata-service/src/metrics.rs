//! What the service counts about its calls.

use std::sync::atomic::AtomicU64;

use eyrie_proto::metadata::AnswerState;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use tonic::Status;

/// Of one service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    calls: Family<CallLabels, Counter>,
    answers: Family<AnswerLabels, Counter>,
    /// Watches that are open.
    pub(crate) watches: Gauge<u64, AtomicU64>,
    /// Watches that were told to forget everything.
    pub(crate) watch_resets: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    method: &'static str,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    state: &'static str,
}

// === impl Metrics ===

impl Metrics {
    /// Makes them visible.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("calls", "Calls that were answered, by gRPC code", self.calls.clone());
        registry.register("lookup_answers", "Answers to queries of Lookup, by state", self.answers.clone());
        registry.register("watches", "Watches that are open", self.watches.clone());
        registry.register(
            "watch_resets",
            "Watches that were told to forget everything, for being too far behind",
            self.watch_resets.clone(),
        );
    }

    /// Counts a call and hands its result on.
    pub(crate) fn count_call<T>(&self, method: &'static str, result: Result<T, Status>) -> Result<T, Status> {
        let code = result.as_ref().map_or_else(Status::code, |_| tonic::Code::Ok);
        self.calls.get_or_create(&CallLabels { method, code: format!("{code:?}") }).inc();
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
        self.answers.get_or_create(&AnswerLabels { state }).inc();
    }
}
