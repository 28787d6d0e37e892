//! What a batch's trace says of its way through a session.

use std::time::SystemTime;

use eyrie_proto::capture::{Batch, TraceContext};
use telemetry::{KeyValue, PipelineTracer};

use crate::{batch_trace::BatchTrace, origin_state::Evaluated};

/// The trace of the batch that is being evaluated; costs two readings of the clock a stretch where traces go somewhere, and
/// nothing elsewhere.
pub(super) struct BatchTracing {
    trace: Option<BatchTrace>,
    step_began: SystemTime,
    alerts: usize,
    parked: usize,
    is_first: bool,
}

// === impl BatchTracing ===

impl BatchTracing {
    pub(super) fn begin(tracer: &PipelineTracer, batch: &Batch, arrived: SystemTime) -> Self {
        let trace = tracer.is_exporting().then(|| BatchTrace::begin(batch.trace.as_ref(), arrived)).flatten();
        Self { trace, step_began: arrived, alerts: 0, parked: 0, is_first: true }
    }

    /// What the batch's alerts carry: where nothing is exported, the agent's context as it came.
    pub(super) fn context(&self, batch: &Batch) -> Option<TraceContext> {
        self.trace.as_ref().map(BatchTrace::context).or_else(|| batch.trace.clone())
    }

    pub(super) fn evaluation_begins(&mut self) {
        let Some(trace) = &mut self.trace else { return };
        if std::mem::take(&mut self.is_first) {
            trace.station("engine.queue", trace.received(), []);
        }
        self.step_began = SystemTime::now();
    }

    pub(super) fn evaluated(&mut self, evaluated: &Evaluated) {
        let Some(trace) = &mut self.trace else { return };
        self.alerts += evaluated.alerts.len();
        self.parked += evaluated.parked.len();
        let events = KeyValue::new("eyrie.events", i64::try_from(evaluated.event_count).unwrap_or(i64::MAX));
        trace.station("engine.evaluate", self.step_began, [events]);
        self.step_began = SystemTime::now();
    }

    pub(super) fn appended(&mut self) {
        if let Some(trace) = &mut self.trace
            && self.alerts + self.parked > 0
        {
            trace.station("alert_log.append", self.step_began, []);
        }
    }

    /// Exports the trace if the batch raised something; whether it did.
    pub(super) fn finish(self, tracer: &PipelineTracer, batch: &Batch) -> bool {
        let Some(trace) = self.trace.filter(|_| self.alerts + self.parked > 0) else { return false };
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        tracer.export_spans(trace.finish([
            KeyValue::new("eyrie.batch_id", batch.batch_id.to_string()),
            KeyValue::new("eyrie.events", number(batch.events.len())),
            KeyValue::new("eyrie.alerts", number(self.alerts)),
            KeyValue::new("eyrie.waiting_matches", number(self.parked)),
        ]));
        true
    }
}
