//! What is counted of calls.

use std::{sync::Arc, time::Duration};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter, UpDownCounter},
};
use tonic::Code;

use super::access::Method;

/// Upper bounds of the classes of times, in seconds: from an answer out of memory to the longest that is waited.
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// The instruments. Labels are of methods that are served, and of gRPC's codes: their number is bounded.
#[derive(Clone, Debug)]
pub(super) struct CallMetrics(Arc<Instruments>);

#[derive(Debug)]
struct Instruments {
    calls: Counter<u64>,
    in_flight: UpDownCounter<i64>,
    until_response: Histogram<f64>,
}

// === impl CallMetrics ===

impl CallMetrics {
    /// Instruments of `meter`.
    pub(super) fn new(meter: &Meter) -> Self {
        Self(Arc::new(Instruments {
            calls: meter
                .u64_counter("eyrie_grpc_server_calls")
                .with_description("Calls that have ended, by method and gRPC code")
                .build(),
            in_flight: meter
                .i64_up_down_counter("eyrie_grpc_server_calls_in_flight")
                .with_description("Calls that have not ended, streams among them")
                .build(),
            until_response: meter
                .f64_histogram("eyrie_grpc_server_response_time")
                .with_unit("s")
                .with_description("Time until the response of a call began")
                .with_boundaries(SECONDS.to_vec())
                .build(),
        }))
    }

    /// A call has come.
    pub(super) fn begin(&self, method: Method) {
        self.0.in_flight.add(1, &labels(method));
    }

    /// Its response begins.
    pub(super) fn respond(&self, method: Method, elapsed: Duration) {
        self.0.until_response.record(elapsed.as_secs_f64(), &labels(method));
    }

    /// It has ended.
    pub(super) fn end(&self, method: Method, code: Code) {
        let labels = labels(method);
        self.0.in_flight.add(-1, &labels);
        let [service, name] = labels;
        self.0.calls.add(1, &[service, name, KeyValue::new("code", code_name(code))]);
    }
}

fn labels(method: Method) -> [KeyValue; 2] {
    [KeyValue::new("service", method.service), KeyValue::new("method", method.name)]
}

/// As gRPC's documents write them.
pub(super) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
