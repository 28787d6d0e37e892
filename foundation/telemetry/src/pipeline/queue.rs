//! Spans that wait to be sent.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use opentelemetry::{KeyValue, metrics::Meter};
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Bytes of spans that wait, as they are on the wire; in memory some times as much.
const MAX_WAITING_BYTES: usize = 2 * 1024 * 1024;
/// Entries that wait; one is made for an alert.
const MAX_WAITING: usize = 2_048;

/// The way in.
#[derive(Debug)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Waiting>,
    budget: Arc<Semaphore>,
    pub(crate) counts: Arc<SpanCounts>,
}

/// Spans of one process, and their part of the budget.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) spans: ResourceSpans,
    _budget: OwnedSemaphorePermit,
}

/// What became of spans.
#[derive(Debug, Default)]
pub(crate) struct SpanCounts {
    pub(crate) sent: AtomicU64,
    /// Too much waits already.
    pub(crate) queue_full: AtomicU64,
    /// The receiver does not want them.
    pub(crate) refused: AtomicU64,
    /// Another process's spans were not as they must be. Counts messages: what is in them is not known.
    pub(crate) invalid: AtomicU64,
    /// The process ended before they were sent.
    pub(crate) ended: AtomicU64,
}

// === impl Queue ===

impl Queue {
    /// Both ends.
    pub(crate) fn new() -> (Arc<Self>, mpsc::Receiver<Waiting>) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let budget = Arc::new(Semaphore::new(MAX_WAITING_BYTES));
        (Arc::new(Self { sender, budget, counts: Arc::default() }), receiver)
    }

    /// Never waits: what does not fit is dropped and counted.
    pub(super) fn push(&self, spans: ResourceSpans) {
        let count = span_count(&spans);
        let bytes = u32::try_from(spans.encoded_len()).unwrap_or(u32::MAX);
        let is_in = Arc::clone(&self.budget)
            .try_acquire_many_owned(bytes)
            .is_ok_and(|budget| self.sender.try_send(Waiting { spans, _budget: budget }).is_ok());
        if !is_in {
            let lost = if self.sender.is_closed() { &self.counts.ended } else { &self.counts.queue_full };
            lost.fetch_add(count, Ordering::Relaxed);
        }
    }
}

// === impl SpanCounts ===

impl SpanCounts {
    /// Makes them visible.
    pub(crate) fn register(self: &Arc<Self>, meter: &Meter) {
        let counts = Arc::clone(self);
        meter
            .u64_observable_counter("eyrie.telemetry.pipeline.spans.sent")
            .with_description("Spans of the event pipeline that the receiver took")
            .with_callback(move |observer| observer.observe(counts.sent.load(Ordering::Relaxed), &[]))
            .build();
        let counts = Arc::clone(self);
        meter
            .u64_observable_counter("eyrie.telemetry.pipeline.spans.dropped")
            .with_description(
                "Spans of the event pipeline that were given up, by reason; messages where they are invalid",
            )
            .with_callback(move |observer| {
                for (reason, count) in [
                    ("queue_full", &counts.queue_full),
                    ("refused", &counts.refused),
                    ("invalid", &counts.invalid),
                    ("ended", &counts.ended),
                ] {
                    observer.observe(count.load(Ordering::Relaxed), &[KeyValue::new("reason", reason)]);
                }
            })
            .build();
    }
}

pub(super) fn span_count(spans: &ResourceSpans) -> u64 {
    let count: usize = spans.scope_spans.iter().map(|scope| scope.spans.len()).sum();
    u64::try_from(count).unwrap_or(u64::MAX)
}
