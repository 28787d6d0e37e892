//! Takes messages off the stream.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use eyrie_proto::capture::{
    Batch, BatchEncoding, CaptureRequest, PlanAnswer, SpanData, capture_request::Kind,
};
use prost::Message as _;
use telemetry::PipelineTracer;
use tokio::sync::mpsc;
use tonic::Streaming;

use super::{
    OutstandingCredit,
    late_facts::LateFactIntake,
    next_message,
    unpacking::{self, Fault},
};
use crate::{
    error::RpcError, host_status::HostStatus, intake::SessionLimits, log_limit::LogLimit, plans::KeptAnswer,
};

static SPANS_REFUSED: LogLimit = LogLimit::new(Duration::from_secs(10));

/// What processing gets to do.
#[derive(Debug)]
pub(super) enum Work {
    Batch {
        batch: Box<Batch>,
        /// On the wire: what credit counts.
        bytes: u64,
        /// With its events as rows: what it takes in memory.
        unpacked_bytes: u64,
        is_over_credit: bool,
        /// Why its events could not be unpacked.
        fault: Option<Fault>,
        received: SystemTime,
    },
}

/// Reads until the agent ends the stream, or breaks the protocol.
pub(super) async fn read_all(
    (mut stream, encoding): (Streaming<CaptureRequest>, BatchEncoding),
    limits: &SessionLimits,
    queue: mpsc::Sender<Work>,
    status: Arc<Mutex<HostStatus>>,
    outstanding: OutstandingCredit,
    mut late_facts: LateFactIntake,
    tracer: &PipelineTracer,
) -> Result<(), RpcError> {
    loop {
        let Some(message) = next_message(&mut stream, limits.max_message_bytes).await? else { return Ok(()) };
        let work = match message {
            Kind::Batch(batch) => {
                let received = SystemTime::now();
                let bytes = batch.encoded_len() as u64;
                let is_over_credit = !outstanding.take(bytes, limits.initial_credit_bytes);
                let may_be_packed = encoding == BatchEncoding::Zstd && !is_over_credit;
                let limit = if may_be_packed { limits.max_message_bytes } else { 0 };
                let (batch, unpacked_bytes, fault) = unpacking::unpack(Box::new(batch), bytes, limit).await;
                Work::Batch { batch, bytes, unpacked_bytes, is_over_credit, fault, received }
            }
            Kind::LateFacts(late) => {
                late_facts.take(late)?;
                continue;
            }
            Kind::PlanAnswer(answer) => {
                take_plan_answer(answer, &status);
                continue;
            }
            Kind::StateAnswer(answer) => {
                if !answer.failure.is_empty() {
                    tracing::warn!(
                        request_id = answer.request_id,
                        "no state from the agent: {}",
                        answer.failure
                    );
                }
                continue;
            }
            Kind::SpanData(data) => {
                take_spans(&data, tracer);
                continue;
            }
            Kind::Hello(_) => return Err(RpcError::HelloRepeated),
            Kind::BaseState(_) => return Err(RpcError::BaseStateUnwanted),
        };
        if queue.send(work).await.is_err() {
            // Processing has ended, and says why.
            return Ok(());
        }
    }
}

/// The agent's part of a trace that we asked it to keep.
fn take_spans(data: &SpanData, tracer: &PipelineTracer) {
    if let Err(error) = tracer.export_resource_spans(&data.resource_spans)
        && let Some(suppressed) = SPANS_REFUSED.pass()
    {
        tracing::warn!(batch_id = data.batch_id, suppressed, "an agent's spans cannot be passed on: {error}");
    }
}

fn take_plan_answer(answer: PlanAnswer, status: &Mutex<HostStatus>) {
    if !answer.failure.is_empty() {
        tracing::warn!(
            generation = answer.generation,
            "the agent refuses the capture plan: {}",
            answer.failure
        );
    }
    let (generation, is_accepted) = (answer.generation, answer.failure.is_empty());
    let kept = Arc::new(KeptAnswer::from(answer));
    let mut status = status.lock().unwrap_or_else(PoisonError::into_inner);
    status.progress.answered(generation, is_accepted);
    status.plan = Some(kept);
}
