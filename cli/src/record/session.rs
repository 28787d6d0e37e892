//! The engine's side of the agent's stream, as far as a recorder needs it.

use std::time::Duration;

use anyhow::Context as _;
use eyrie_proto::{
    capture::{
        Ack, BatchEncoding, CapturePlan, CaptureRequest, CaptureResponse, Credit, Hello, PlanAnswer,
        StateRequest, Welcome, capture_request::Kind as Up, capture_response::Kind as Down,
        capture_service_server::CaptureService,
    },
    recording::{RecordedBatch, recording_entry::Kind},
};
use owo_colors::OwoColorize as _;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::recorder::Recorder;

/// Of a message of the agent's; batches have up to 1 MiB.
pub(super) const MAX_MESSAGE_BYTES: usize = 2 << 20;
/// What the agent is told that a message may have.
const TOLD_MESSAGE_BYTES: u64 = 1 << 20;
/// Bytes of batches that may be on their way.
const CREDIT_BYTES: u64 = 8 << 20;
/// Answers that wait for the agent; it reads them at once.
const WAITING_RESPONSES: usize = 64;
/// A killed recorder leaves everything but what came in the last such time.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
const HELLO_WAIT: Duration = Duration::from_secs(10);
/// Processes in one request: 16 bytes each.
const REQUESTED_PROCESSES: usize = 256;
const PROTOCOL_VERSION: u32 = 1;

/// Where answers go.
type Responses = mpsc::Sender<Result<CaptureResponse, Status>>;

/// Hands the agent's streams over to [`Sessions`].
pub(super) struct RecordService(mpsc::Sender<Incoming>);

/// One stream of the agent's, and where answers go.
pub(super) struct Incoming {
    stream: Streaming<CaptureRequest>,
    responses: Responses,
}

/// Takes one stream after the other: an agent whose connection broke comes back.
pub(super) struct Sessions {
    recorder: Recorder,
    plan: CapturePlan,
    /// Cancelled when the agent has said that it captures by the plan.
    planned: CancellationToken,
    /// Of the stream whose base state was written; 0 before that. Without one an agent that comes back has to begin anew.
    epoch: u64,
    /// Of the stream whose base state comes.
    coming_epoch: u64,
    /// All of it up to here was written.
    through: u64,
    late_through: u64,
    /// States that were asked for.
    requests: u64,
    /// Why nothing more can be recorded.
    failure: Option<anyhow::Error>,
}

/// What is left of the sessions.
pub(super) struct Ended {
    pub(super) recorder: Recorder,
    /// Why they ended before they were told to.
    pub(super) failure: Option<anyhow::Error>,
}

// === impl RecordService ===

impl RecordService {
    pub(super) fn new() -> (Self, mpsc::Receiver<Incoming>) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), receiver)
    }
}

#[tonic::async_trait]
impl CaptureService for RecordService {
    type CaptureStream = ReceiverStream<Result<CaptureResponse, Status>>;

    async fn capture(
        &self,
        request: Request<Streaming<CaptureRequest>>,
    ) -> Result<Response<Self::CaptureStream>, Status> {
        let (responses, receiver) = mpsc::channel(WAITING_RESPONSES);
        let incoming = Incoming { stream: request.into_inner(), responses };
        let handed_over = self.0.try_send(incoming);
        handed_over.map_err(|_| Status::unavailable("this recorder takes one stream at a time"))?;
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

// === impl Sessions ===

impl Sessions {
    pub(super) fn new(recorder: Recorder, plan: CapturePlan, planned: CancellationToken) -> Self {
        Self {
            recorder,
            plan,
            planned,
            epoch: 0,
            coming_epoch: 0,
            through: 0,
            late_through: 0,
            requests: 0,
            failure: None,
        }
    }

    /// Records until `stop`, which comes when the agent has ended.
    pub(super) async fn run(
        mut self,
        mut incoming: mpsc::Receiver<Incoming>,
        stop: CancellationToken,
    ) -> anyhow::Result<Ended> {
        while self.failure.is_none() {
            let next = tokio::select! {
                () = stop.cancelled() => break,
                next = incoming.recv() => next,
            };
            let Some(next) = next else { break };
            self = self.serve(next, &stop).await?;
        }
        Ok(Ended { recorder: self.recorder, failure: self.failure })
    }

    async fn serve(mut self, incoming: Incoming, stop: &CancellationToken) -> anyhow::Result<Self> {
        let Incoming { mut stream, responses } = incoming;
        let hello = tokio::time::timeout(HELLO_WAIT, stream.message()).await;
        let Ok(Ok(Some(CaptureRequest { kind: Some(Up::Hello(hello)) }))) = hello else { return Ok(self) };
        self = self.welcome(hello, &responses).await?;
        let mut flush = tokio::time::interval(FLUSH_INTERVAL);
        flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                () = stop.cancelled() => return Ok(self),
                _ = flush.tick() => {
                    self = self.blocking(Recorder::flush).await?;
                    continue;
                }
                message = stream.message() => message,
            };
            // Whatever broke the stream, the agent comes back with what was not acked.
            let Ok(Some(CaptureRequest { kind: Some(kind) })) = message else { return Ok(self) };
            self = self.receive(kind, &responses).await?;
            if self.failure.is_some() {
                return Ok(self);
            }
        }
    }

    async fn welcome(mut self, hello: Hello, responses: &Responses) -> anyhow::Result<Self> {
        let is_known = self.epoch == hello.epoch;
        let welcome = Welcome {
            session_id: "record".to_owned(),
            engine_id: "eyrie record".to_owned(),
            protocol_version: PROTOCOL_VERSION,
            batch_encoding: BatchEncoding::Unspecified.into(),
            held_through_sequence: is_known.then_some(self.through),
            initial_credit_bytes: CREDIT_BYTES,
            max_message_bytes: TOLD_MESSAGE_BYTES,
            late_facts_through_sequence: self.late_through,
        };
        let generation = hello.plan_generation.saturating_add(1);
        let plan = CapturePlan { generation, ..self.plan.clone() };
        if !is_known {
            self.coming_epoch = hello.epoch;
            (self.through, self.late_through) = (hello.acked_through_sequence, 0);
            let header = self.recorder.header(hello);
            self = self.blocking(|recorder| recorder.record(header)).await?;
        }
        for kind in [Down::Welcome(welcome), Down::CapturePlan(plan)] {
            respond(responses, kind).await;
        }
        Ok(self)
    }

    async fn receive(mut self, kind: Up, responses: &Responses) -> anyhow::Result<Self> {
        match kind {
            Up::BaseState(part) => {
                let is_last = part.is_last;
                self = self.blocking(|recorder| recorder.record(Kind::BaseState(part))).await?;
                if is_last {
                    self.epoch = self.coming_epoch;
                }
                Ok(self)
            }
            Up::Batch(batch) => {
                let bytes = batch.encoded_len() as u64;
                let through = (batch.first_sequence + batch.events.len() as u64).saturating_sub(1);
                if batch.first_sequence != self.through + 1 {
                    let (first, through) = (batch.first_sequence, self.through);
                    self.failure = Some(anyhow::anyhow!(
                        "the agent sent events from {first} on, and what was written ends with {through}; this is a defect of eyrie's"
                    ));
                    return Ok(self);
                }
                let piece = RecordedBatch { batch: Some(batch), left_out_before: Vec::new() };
                self = self.blocking(|recorder| recorder.record(Kind::Batch(piece))).await?;
                self.through = through;
                respond(responses, Down::Credit(Credit { additional_bytes: bytes })).await;
                respond(responses, self.acknowledgement()).await;
                self.request_states(responses).await;
                Ok(self)
            }
            Up::LateFacts(late) => {
                let last = (late.first_fact_sequence + late.facts.len() as u64).saturating_sub(1);
                self.late_through = self.late_through.max(last);
                self = self.blocking(|recorder| recorder.record(Kind::LateFacts(late))).await?;
                respond(responses, self.acknowledgement()).await;
                Ok(self)
            }
            Up::PlanAnswer(answer) => {
                tell_uncaptured(&answer);
                self.planned.cancel();
                Ok(self)
            }
            Up::Hello(_) | Up::StateAnswer(_) | Up::SpanData(_) => Ok(self),
        }
    }

    /// Asks for the states of processes that the stream has not told, as engines do: so the recording has what an engine would have had.
    async fn request_states(&mut self, responses: &Responses) {
        for processes in self.recorder.take_unknown().chunks(REQUESTED_PROCESSES) {
            self.requests += 1;
            let reason = "events came of processes that the recording does not know".to_owned();
            let (request_id, processes) = (self.requests, processes.to_vec());
            respond(responses, Down::StateRequest(StateRequest { request_id, processes, reason })).await;
        }
    }

    fn acknowledgement(&self) -> Down {
        Down::Ack(Ack {
            through_sequence: self.through,
            rejections: Vec::new(),
            late_facts_through_sequence: self.late_through,
        })
    }

    /// Off the async threads: packing a block takes a millisecond, and a disk may take its time.
    async fn blocking(mut self, work: impl FnOnce(&mut Recorder) + Send + 'static) -> anyhow::Result<Self> {
        let work = move || {
            work(&mut self.recorder);
            self
        };
        tokio::task::spawn_blocking(work).await.context("the recorder has failed")
    }
}

/// An agent that is gone is noticed by its stream.
async fn respond(responses: &Responses, kind: Down) {
    let _ = responses.send(Ok(CaptureResponse { kind: Some(kind) })).await;
}

/// What was asked for and cannot be had.
fn tell_uncaptured(answer: &PlanAnswer) {
    if !answer.failure.is_empty() {
        anstream::eprintln!("{} {}", "not captured as asked for:".yellow(), answer.failure);
    }
    for call in &answer.uncaptured {
        anstream::eprintln!("{} {}: {}", "not captured:".yellow(), call.event_type, call.reason);
    }
    for name in &answer.unresolvable_names {
        anstream::eprintln!("{} {}: {}", "not resolved:".yellow(), name.name, name.reason);
    }
}
