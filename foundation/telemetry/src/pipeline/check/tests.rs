use std::time::SystemTime;

use opentelemetry::{KeyValue as Attribute, trace::SpanKind};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;

use super::*;
use crate::{PipelineSpan, pipeline::span::resource_spans, random_span_id, random_trace_id};

fn good() -> ResourceSpans {
    let now = SystemTime::now();
    let span = PipelineSpan {
        name: "drain".into(),
        trace_id: random_trace_id(),
        span_id: random_span_id(),
        parent_span_id: Some(random_span_id()),
        start: now,
        end: now,
        kind: SpanKind::Producer,
        attributes: vec![Attribute::new("events", 7)],
        links: Vec::new(),
    };
    resource_spans(vec![span], &Resource::default())
}

fn changed(change: impl FnOnce(&mut Span)) -> Vec<u8> {
    let mut spans = good();
    change(&mut spans.scope_spans[0].spans[0]);
    spans.encode_to_vec()
}

/// Scenario: spans as we make them ourselves. Guarantees: they pass, unchanged.
#[test]
fn our_own_spans_pass() {
    let spans = good();
    assert_eq!(decode(&spans.encode_to_vec()).unwrap(), spans);
}

/// Scenario: spans that no receiver would take, and more than we take. Guarantees: each is refused, and it is said why.
#[test]
fn bad_spans_are_refused() {
    let too_many = |count: usize| {
        let mut spans = good();
        let span = spans.scope_spans[0].spans[0].clone();
        spans.scope_spans[0].spans = vec![span; count];
        spans.encode_to_vec()
    };
    for (bytes, said) in [
        (vec![0xff; 10], "no opentelemetry.proto.trace.v1.ResourceSpans"),
        (vec![0; MAX_RESOURCE_SPANS_BYTES + 1], "more than 65536"),
        (too_many(MAX_SPANS + 1), "257 spans, more than 256"),
        (changed(|span| span.trace_id.clear()), "trace_id"),
        (changed(|span| span.trace_id = vec![0; 16]), "trace_id"),
        (changed(|span| span.span_id.push(1)), "span_id"),
        (changed(|span| span.parent_span_id = vec![1]), "parent_span_id"),
        (changed(|span| span.name.clear()), "name is empty"),
        (changed(|span| span.name = "x".repeat(MAX_NAME_BYTES + 1)), "longer than 256"),
        (changed(|span| span.end_time_unix_nano = 1), "ends before it begins"),
        (changed(|span| span.links.push(Default::default())), "a link has no ids"),
        (changed(|span| span.attributes = vec![Default::default(); 65]), "65 attributes, more than 64"),
    ] {
        let error = decode(&bytes).unwrap_err().to_string();
        assert!(error.contains(said), "{error} does not say {said}");
    }
}

proptest! {
    /// Scenario: any bytes. Guarantees: reading them never panics.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }
}
