//! A span that has ended, and how OTLP writes it.

use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

use opentelemetry::{
    KeyValue,
    trace::{SpanId, SpanKind, TraceId},
};
use opentelemetry_proto::{
    tonic::{
        common::v1::InstrumentationScope,
        resource::v1::Resource,
        trace::v1::{ResourceSpans, ScopeSpans, Span, span},
    },
    transform::common::tonic::Attributes,
};

use crate::instruments::SCOPE;

/// The flag of W3C Trace Context that says that a trace is recorded, as spans and links carry it too.
const SAMPLED: u32 = 1;

/// A span that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineSpan {
    /// What happened, such as `evaluate batch`.
    pub name: Cow<'static, str>,
    /// The trace.
    pub trace_id: TraceId,
    /// The span itself.
    pub span_id: SpanId,
    /// The span that it is a part of; none for the first of a trace.
    pub parent_span_id: Option<SpanId>,
    /// When it began.
    pub start: SystemTime,
    /// When it ended.
    pub end: SystemTime,
    /// Its side of a call or queue.
    pub kind: SpanKind,
    /// What else there is to say.
    pub attributes: Vec<KeyValue>,
    /// Spans of this or other traces that led to it.
    pub links: Vec<SpanReference>,
}

/// A span of any trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanReference {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
}

// === impl PipelineSpan ===

impl From<PipelineSpan> for Span {
    fn from(span: PipelineSpan) -> Self {
        Self {
            trace_id: span.trace_id.to_bytes().to_vec(),
            span_id: span.span_id.to_bytes().to_vec(),
            parent_span_id: span.parent_span_id.map_or_else(Vec::new, |id| id.to_bytes().to_vec()),
            flags: SAMPLED,
            name: span.name.into_owned(),
            kind: span::SpanKind::from(span.kind).into(),
            start_time_unix_nano: nanoseconds(span.start),
            end_time_unix_nano: nanoseconds(span.end),
            attributes: Attributes::from(span.attributes).0,
            links: span.links.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

impl From<SpanReference> for span::Link {
    fn from(reference: SpanReference) -> Self {
        Self {
            trace_id: reference.trace_id.to_bytes().to_vec(),
            span_id: reference.span_id.to_bytes().to_vec(),
            flags: SAMPLED,
            ..Self::default()
        }
    }
}

/// `spans` of one process.
pub(super) fn resource_spans(spans: Vec<PipelineSpan>, resource: &Resource) -> ResourceSpans {
    let scope = InstrumentationScope { name: SCOPE.to_owned(), ..InstrumentationScope::default() };
    let spans = spans.into_iter().map(Into::into).collect();
    ResourceSpans {
        resource: Some(resource.clone()),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

/// Since 1970; 0 for what was before.
fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
