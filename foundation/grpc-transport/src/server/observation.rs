//! A span and the counts of each call.

use std::{sync::Arc, time::Instant};

use http::HeaderMap;
use tonic::{Code, Status, body::Body};
use tracing::{Instrument as _, Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{
    access::{Method, Methods},
    around::{Around, Handle, Next, Request, Response},
    metrics::CallMetrics,
    observed_body::ObservedBody,
};
use crate::{peer::TransportPeer, trace_context::extract_trace_context};

/// Sees every call from its first byte to its last.
#[derive(Clone, Debug)]
pub(super) struct Observation {
    methods: Arc<Methods>,
    metrics: CallMetrics,
}

/// A call under way. Its end is counted exactly once: with the code that it was answered with, or as cancelled if it is
/// dropped before, which is what happens when its client goes, or its time is over.
#[derive(Debug)]
pub(super) struct ObservedCall {
    method: Method,
    metrics: CallMetrics,
    span: Span,
    has_ended: bool,
}

// === impl Observation ===

impl Observation {
    pub(super) fn new(methods: Arc<Methods>, metrics: CallMetrics) -> Self {
        Self { methods, metrics }
    }
}

impl Around for Observation {
    async fn around<S: Handle>(self, mut request: Request, next: Next<S>) -> Response {
        let method = self.methods.get(request.uri().path()).unwrap_or(Method::UNKNOWN);
        request.extensions_mut().insert(method);
        let span = span(method, &request);
        let begun = Instant::now();
        self.metrics.begin(method);
        let mut call =
            ObservedCall { method, metrics: self.metrics.clone(), span: span.clone(), has_ended: false };
        let response = next.run(request).instrument(span).await;
        self.metrics.respond(method, begun.elapsed());
        // A response without a body has its status among its headers.
        if let Some(code) = code_in(response.headers()) {
            call.end(code);
            return response;
        }
        response.map(|body| Body::new(ObservedBody::new(body, call)))
    }
}

// === impl ObservedCall ===

impl ObservedCall {
    /// The trailers have come, and with them the status.
    pub(super) fn end_with(&mut self, trailers: &HeaderMap) {
        self.end(code_in(trailers).unwrap_or(Code::Unknown));
    }

    fn end(&mut self, code: Code) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.span.record("rpc.grpc.status_code", i32::from(code));
            if is_our_fault(code) {
                self.span.record("otel.status_code", "ERROR");
            }
            self.metrics.end(self.method, code);
        }
    }
}

impl Drop for ObservedCall {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// Fields are named as OpenTelemetry's conventions for RPC have them. `Empty` ones are filled in at the end.
fn span(method: Method, request: &Request) -> Span {
    let span = info_span!(
        "grpc_call",
        otel.name = method.path.trim_start_matches('/'),
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system = "grpc",
        rpc.service = method.service,
        rpc.method = method.name,
        rpc.grpc.status_code = Empty,
        network.peer.address = Empty,
    );
    if let Some(peer) = request.extensions().get::<TransportPeer>() {
        span.record("network.peer.address", tracing::field::display(peer));
    }
    // It fails where nobody exports traces.
    let _ = span.set_parent(extract_trace_context(request.headers()));
    span
}

fn code_in(headers: &HeaderMap) -> Option<Code> {
    Status::from_header_map(headers).map(|status| status.code())
}

/// Codes that say that the server failed, and not that the caller did something wrong.
fn is_our_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

#[cfg(test)]
mod tests;
