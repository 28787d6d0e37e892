//! Sends spans to the receiver, until it takes them.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use grpc_transport::log_limit::LogLimit;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, trace_service_client::TraceServiceClient,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, transport::Channel};

use super::queue::{SpanCounts, Waiting, span_count};
use crate::export::LOG_INTERVAL;

/// Entries that go in one request.
const MAX_ENTRIES_PER_REQUEST: usize = 64;
/// Between two tries; doubles up to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// For errors that may be the receiver's or the request's fault: a request must not stop all others for ever.
const TRIES_IF_UNCLEAR: u32 = 5;

static FAILED: LogLimit = LogLimit::new(LOG_INTERVAL);

/// The task that sends; owned by `Telemetry`.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) receiver: mpsc::Receiver<Waiting>,
    pub(crate) client: TraceServiceClient<Channel>,
    pub(crate) counts: Arc<SpanCounts>,
    /// Nothing more comes: what waits is tried once.
    pub(crate) stop: CancellationToken,
}

// === impl Sender ===

impl Sender {
    /// Sends until it is stopped, and then what is left.
    pub(crate) async fn run(mut self) {
        let stop = self.stop.clone();
        loop {
            let first = tokio::select! {
                () = stop.cancelled() => break,
                first = self.receiver.recv() => first,
            };
            let Some(first) = first else { return };
            let entries = self.gather(first);
            self.deliver(&entries).await;
        }
        self.receiver.close();
        while let Ok(first) = self.receiver.try_recv() {
            let entries = self.gather(first);
            self.deliver(&entries).await;
        }
    }

    fn gather(&mut self, first: Waiting) -> Vec<Waiting> {
        let mut entries = vec![first];
        while entries.len() < MAX_ENTRIES_PER_REQUEST
            && let Ok(next) = self.receiver.try_recv()
        {
            entries.push(next);
        }
        entries
    }

    /// Tries until the receiver takes them or makes clear that it will not; once, if stopped.
    async fn deliver(&mut self, entries: &[Waiting]) {
        let resource_spans: Vec<_> = entries.iter().map(|entry| entry.spans.clone()).collect();
        let count: u64 = resource_spans.iter().map(span_count).sum();
        let request = ExportTraceServiceRequest { resource_spans };
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        let lost = loop {
            tries += 1;
            let status = match self.client.export(request.clone()).await {
                Ok(response) => {
                    let partial = response.into_inner().partial_success.unwrap_or_default();
                    let refused = u64::try_from(partial.rejected_spans).unwrap_or(0).min(count);
                    self.counts.refused.fetch_add(refused, Ordering::Relaxed);
                    self.counts.sent.fetch_add(count - refused, Ordering::Relaxed);
                    return;
                }
                Err(status) => status,
            };
            let is_over = tries >= max_tries(status.code());
            log(&status, is_over);
            if is_over {
                break &self.counts.refused;
            }
            if self.stop.is_cancelled() {
                break &self.counts.ended;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => {}
            }
            pause = (pause * 2).min(LAST_PAUSE);
        };
        lost.fetch_add(count, Ordering::Relaxed);
    }
}

/// How often a request is tried that is answered by `code`; after the protocol's list of what may be retried.
fn max_tries(code: Code) -> u32 {
    match code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Unavailable
        | Code::ResourceExhausted
        | Code::Aborted => u32::MAX,
        // A connection that broke shows as one of these too.
        Code::Unknown | Code::Internal | Code::DataLoss | Code::OutOfRange => TRIES_IF_UNCLEAR,
        _ => 1,
    }
}

fn log(status: &Status, is_over: bool) {
    let Some(suppressed) = FAILED.pass() else { return };
    let (code, message) = (status.code(), status.message());
    if is_over {
        tracing::warn!(?code, suppressed, "the receiver of telemetry refused spans of alerts: {message}");
    } else {
        tracing::warn!(?code, suppressed, "cannot send spans of alerts, trying again: {message}");
    }
}
