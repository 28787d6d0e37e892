//! What the agent tells of a batch whose trace an engine keeps.
//!
//! Spans are made when the batch is acked, from the times that it has carried. They go up the stream, and the engine
//! exports them: an agent has one connection.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eyrie_proto::capture::{ClockReading, SpanData};
use telemetry::{KeyValue, PipelineSpan, PipelineTracer, SpanId, SpanKind, TraceId, random_span_id};

use crate::stream::BatchSpans;

/// The spans of an acked batch as a message: the whole, and under it where the time went. `now` turns boot time into wall
/// time.
pub(crate) fn message(batch: &BatchSpans, tracer: &PipelineTracer, now: ClockReading) -> SpanData {
    let spans = spans(batch, now);
    SpanData { batch_id: batch.first_sequence, resource_spans: tracer.resource_spans(spans) }
}

fn spans(batch: &BatchSpans, now: ClockReading) -> Vec<PipelineSpan> {
    let times = &batch.timings;
    let wall = |boot_ns: u64| wall_time(boot_ns, now);
    let span = |name: &'static str, span_id: SpanId, parent, from: u64, until: u64, kind| PipelineSpan {
        name: name.into(),
        trace_id: TraceId::from_bytes(batch.trace.trace_id.to_be_bytes()),
        span_id,
        parent_span_id: parent,
        start: wall(from),
        end: wall(until.max(from)),
        kind,
        attributes: Vec::new(),
        links: Vec::new(),
    };
    let own = SpanId::from_bytes(batch.trace.span_id.to_be_bytes());
    let part = |name, from, until| span(name, random_span_id(), Some(own), from, until, SpanKind::Internal);
    let whole = PipelineSpan {
        attributes: vec![
            KeyValue::new("eyrie.batch_id", batch.first_sequence.to_string()),
            KeyValue::new("eyrie.events", i64::from(batch.event_count)),
            KeyValue::new("eyrie.bytes", i64::try_from(batch.bytes).unwrap_or(i64::MAX)),
        ],
        ..span("agent.batch", own, None, times.first_event_boot_ns, now.boot_ns, SpanKind::Producer)
    };
    vec![
        whole,
        part("ring.drain", times.first_event_boot_ns, times.drained_boot_ns),
        part("batch.fill", times.drained_boot_ns, times.sealed_boot_ns),
        part("outbox.wait", times.sealed_boot_ns, times.sent_boot_ns),
        part("stream.deliver", times.sent_boot_ns, now.boot_ns),
    ]
}

fn wall_time(boot_ns: u64, now: ClockReading) -> SystemTime {
    let offset = now.epoch_ns.wrapping_sub(now.boot_ns);
    UNIX_EPOCH + Duration::from_nanos(boot_ns.wrapping_add(offset))
}

#[cfg(test)]
mod tests {
    use eyrie_proto::capture::BatchTimings;

    use super::*;
    use crate::stream::BatchTrace;

    /// Scenario: a batch with its times. Guarantees: the spans cover its way from the first event to the ack without a gap, in
    /// wall time, all under the span that the engine knows.
    #[test]
    fn the_spans_cover_the_whole_way() {
        let timings = BatchTimings {
            first_event_boot_ns: 10,
            drained_boot_ns: 20,
            sealed_boot_ns: 30,
            sent_boot_ns: 40,
        };
        let trace = BatchTrace::of(7, 1);
        let batch = BatchSpans { trace, timings, first_sequence: 1, event_count: 2, bytes: 3 };
        let spans = spans(&batch, ClockReading { boot_ns: 50, epoch_ns: 1_050 });
        let at = |nanoseconds| UNIX_EPOCH + Duration::from_nanos(nanoseconds);
        assert_eq!((spans[0].start, spans[0].end), (at(1_010), at(1_050)));
        let ways: Vec<_> = spans[1..].iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(
            ways,
            [(1_010, 1_020), (1_020, 1_030), (1_030, 1_040), (1_040, 1_050)].map(|(a, b)| (at(a), at(b)))
        );
        assert!(spans[1..].iter().all(|span| span.parent_span_id == Some(spans[0].span_id)));
        let ids = format!("00-{}-{}-00", spans[0].trace_id, spans[0].span_id);
        assert_eq!(ids, trace.context().traceparent);
    }
}
