//! The trace of a batch, from its arrival to its subscribers (W3C Trace Context).
//!
//! The agent begins it; we add what the engine does with the batch, and the alerts carry it on. Whether a trace is kept is
//! decided when the batch has been evaluated, so spans are made after the fact, from times that were taken on the way. What
//! comes later of an alert (waiting for metadata, being delivered) adds its span by [`child`].

use std::time::SystemTime;

use eyrie_proto::capture::TraceContext;
use telemetry::{KeyValue, PipelineSpan, SpanId, SpanKind, TraceParent, random_span_id};

/// A batch in this engine.
#[derive(Clone, Debug)]
pub(crate) struct BatchTrace {
    /// The agent's span.
    parent: TraceParent,
    /// The span of all that we do with the batch; what its alerts refer to.
    own: SpanId,
    received: SystemTime,
    stations: Vec<PipelineSpan>,
}

// === impl BatchTrace ===

impl BatchTrace {
    /// Nothing for a batch without a trace, or with one that is none.
    pub(crate) fn begin(context: Option<&TraceContext>, received: SystemTime) -> Option<Self> {
        let parent = context?.traceparent.parse().ok()?;
        Some(Self { parent, own: random_span_id(), received, stations: Vec::new() })
    }

    /// What the batch's alerts carry.
    pub(crate) fn context(&self) -> TraceContext {
        let own = TraceParent { span_id: self.own, is_sampled: true, ..self.parent };
        TraceContext { traceparent: own.to_string(), tracestate: String::new() }
    }

    /// Something that was done with the batch, until now.
    pub(crate) fn station(
        &mut self,
        name: &'static str,
        start: SystemTime,
        attributes: impl IntoIterator<Item = KeyValue>,
    ) {
        let own = TraceParent { span_id: self.own, ..self.parent };
        self.stations.push(span(own, name, start, SpanKind::Internal, attributes));
    }

    /// When the batch was received.
    pub(crate) fn received(&self) -> SystemTime {
        self.received
    }

    /// The spans of the whole.
    pub(crate) fn finish(self, attributes: impl IntoIterator<Item = KeyValue>) -> Vec<PipelineSpan> {
        let whole = span(self.parent, "engine.batch", self.received, SpanKind::Consumer, attributes);
        let mut spans = self.stations;
        spans.push(PipelineSpan { span_id: self.own, ..whole });
        spans
    }
}

/// A span that ends now, under the one that an alert carries. Nothing if its trace is not kept.
pub(crate) fn child(
    context: Option<&TraceContext>,
    name: &'static str,
    start: SystemTime,
    kind: SpanKind,
    attributes: impl IntoIterator<Item = KeyValue>,
) -> Option<PipelineSpan> {
    let parent: TraceParent = context?.traceparent.parse().ok()?;
    parent.is_sampled.then(|| span(parent, name, start, kind, attributes))
}

fn span(
    parent: TraceParent,
    name: &'static str,
    start: SystemTime,
    kind: SpanKind,
    attributes: impl IntoIterator<Item = KeyValue>,
) -> PipelineSpan {
    PipelineSpan {
        name: name.into(),
        trace_id: parent.trace_id,
        span_id: random_span_id(),
        parent_span_id: Some(parent.span_id),
        start,
        // A clock that was set back must not make spans that end before they begin.
        end: SystemTime::now().max(start),
        kind,
        attributes: attributes.into_iter().collect(),
        links: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENTS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    /// Scenario: a batch with the agent's context; an alert of it is delivered. Guarantees: all spans are of the agent's trace,
    /// the engine's hangs under the agent's, stations and delivery under the engine's.
    #[test]
    fn spans_hang_together() {
        let context = TraceContext { traceparent: AGENTS.into(), tracestate: String::new() };
        let mut trace = BatchTrace::begin(Some(&context), SystemTime::now()).unwrap();
        trace.station("engine.evaluate", SystemTime::now(), []);
        let alerts = trace.context();
        let delivered =
            child(Some(&alerts), "alert.deliver", SystemTime::now(), SpanKind::Producer, []).unwrap();
        let spans = trace.finish([]);
        let agents: TraceParent = AGENTS.parse().unwrap();
        let [station, whole] = &spans[..] else { panic!("{spans:?}") };
        assert_eq!(whole.parent_span_id, Some(agents.span_id));
        assert_eq!(
            (station.parent_span_id, delivered.parent_span_id),
            (Some(whole.span_id), Some(whole.span_id))
        );
        assert!(spans.iter().chain([&delivered]).all(|span| span.trace_id == agents.trace_id));
        assert!(alerts.traceparent.ends_with("-01"));
        // What nobody has decided to keep has no spans.
        assert_eq!(child(Some(&context), "x", SystemTime::now(), SpanKind::Internal, []), None);
    }

    /// Scenario: no context, and a text that is none. Guarantees: no trace, and no panic.
    #[test]
    fn what_is_no_context_begins_nothing() {
        assert!(BatchTrace::begin(None, SystemTime::now()).is_none());
        let broken = TraceContext { traceparent: "00-zz".into(), tracestate: String::new() };
        assert!(BatchTrace::begin(Some(&broken), SystemTime::now()).is_none());
    }
}
