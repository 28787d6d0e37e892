//! Asks for the container that a match waits for, as a part of the match's trace.
//!
//! The watch brings what is learned anyway; an inquiry may wait at the service until there is an answer, so that it comes as
//! early as it can, and it shows in the trace how long the service took.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use eyrie_proto::capture::TraceContext;
use telemetry::{KeyValue, PipelineTracer, SpanKind, TraceParent};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::Channel;

use super::{
    ContainerName, Metadata,
    client::{self, Question},
};
use crate::batch_trace;

/// Inquiries at a time; what is beyond waits for the watch alone.
const MAX_INQUIRIES: usize = 16;

/// See the module.
#[derive(Debug)]
pub(super) struct Inquiries {
    channel: Channel,
    /// One at a time for each container.
    under_way: Mutex<HashSet<ContainerName>>,
    permits: Arc<Semaphore>,
    tracer: PipelineTracer,
    tasks: TaskTracker,
    stop: CancellationToken,
}

// === impl Inquiries ===

impl Inquiries {
    pub(super) fn new(
        channel: Channel,
        tracer: PipelineTracer,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(MAX_INQUIRIES));
        Self { channel, under_way: Mutex::default(), permits, tracer, tasks, stop }
    }

    /// Asks, unless that is being done.
    pub(super) fn begin(
        &self,
        metadata: &Arc<Metadata>,
        question: Question,
        trace: Option<TraceContext>,
        wait: Duration,
    ) {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else { return };
        if self.stop.is_cancelled() || !self.under_way().insert(question.name.clone()) {
            return;
        }
        let (metadata, stop) = (Arc::clone(metadata), self.stop.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = ask(&metadata, &question, trace.as_ref(), wait) => {}
            }
            if let Some(inquiries) = metadata.inquiries() {
                inquiries.under_way().remove(&question.name);
            }
            drop(permit);
        });
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, HashSet<ContainerName>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A service that does not answer costs nothing but the span that says so: the watch goes on.
async fn ask(metadata: &Arc<Metadata>, question: &Question, trace: Option<&TraceContext>, wait: Duration) {
    let Some(inquiries) = metadata.inquiries() else { return };
    let start = SystemTime::now();
    // The service's span hangs under ours, so ours needs its id before it has ended.
    let id = telemetry::random_span_id();
    let parent = trace
        .and_then(|trace| trace.traceparent.parse::<TraceParent>().ok())
        .map(|parent| TraceParent { span_id: id, ..parent });
    let questions = std::slice::from_ref(question);
    let queries = client::queries(metadata, questions);
    let outcome = match client::lookup(inquiries.channel.clone(), queries, wait, parent).await {
        Ok(answers) => {
            client::take_answers(metadata, questions, answers);
            "OK".to_owned()
        }
        Err(status) => format!("{:?}", status.code()),
    };
    let attributes = [
        KeyValue::new("rpc.system", "grpc"),
        KeyValue::new("rpc.service", "eyrie.metadata.v1.MetadataService"),
        KeyValue::new("rpc.method", "Lookup"),
        KeyValue::new("eyrie.outcome", outcome),
        KeyValue::new("container.id", question.name.runtime_id.to_string()),
    ];
    let span = batch_trace::child(trace, "metadata.lookup", start, SpanKind::Client, attributes);
    inquiries
        .tracer
        .export_spans(span.into_iter().map(|span| telemetry::PipelineSpan { span_id: id, ..span }).collect());
}
