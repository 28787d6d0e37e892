//! Carries the context of traces in headers, as the global propagator of OpenTelemetry writes it (`traceparent`).

use opentelemetry::{
    Context, global,
    propagation::{Extractor, Injector},
};
use tonic::{
    Request, Status,
    metadata::{MetadataKey, MetadataMap},
    service::Interceptor,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header of W3C's Trace Context that names the caller's span.
const TRACE_PARENT: &str = "traceparent";

/// Puts the context of the current span into every request of a client, so that the service's spans come below it. A request
/// that names a parent already keeps it.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceContextInjector;

struct MetadataInjector<'a>(&'a mut MetadataMap);

struct HeaderExtractor<'a>(&'a http::HeaderMap);

// === impl TraceContextInjector ===

impl Interceptor for TraceContextInjector {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if !request.metadata().contains_key(TRACE_PARENT) {
            inject_trace_context(request.metadata_mut());
        }
        Ok(request)
    }
}

/// Puts the context of the current span into the metadata of a request. Without a propagator, or outside of traces, it
/// leaves them as they are.
pub fn inject_trace_context(metadata: &mut MetadataMap) {
    let context = Span::current().context();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut MetadataInjector(metadata));
    });
}

/// The context that a request came with.
pub(crate) fn extract_trace_context(headers: &http::HeaderMap) -> Context {
    global::get_text_map_propagator(|propagator| propagator.extract(&HeaderExtractor(headers)))
}

// === impl MetadataInjector ===

impl Injector for MetadataInjector<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (MetadataKey::from_bytes(key.as_bytes()), value.parse()) {
            self.0.insert(key, value);
        }
    }
}

// === impl HeaderExtractor ===

impl Extractor for HeaderExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
