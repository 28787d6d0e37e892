//! One session of an agent: from its Hello to the end of its stream.
//!
//! Two futures of one task share the work. *Reading* takes messages off the stream and checks what can be checked
//! without the origin's state; *processing* owns the state, takes batches in order, and answers. Between them is a short
//! queue: what does not fit stays in the connection's window, as bytes. The state is held for the agent's return only if
//! everything that was applied to it is durable.

mod base_state;
mod batch_packing;
mod batch_tracing;
mod hello;
pub(crate) mod late_facts;
mod order;
mod plan;
mod processing;
mod reading;
mod recording;
mod unpacking;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use eyrie_proto::capture::{
    BatchEncoding, CaptureRequest, CaptureResponse, Welcome, capture_request, capture_response,
};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

pub use self::batch_packing::BatchPacking;
use self::{
    hello::CheckedHello,
    late_facts::LateFactIntake,
    plan::SessionPlan,
    processing::{Links, Processor},
};
use crate::{
    alert::AlertContext,
    error::RpcError,
    host_status::now_ns,
    intake::Intake,
    listener::AuthenticatedPeer,
    log_limit::LogLimit,
    origin_state::{EvaluationContext, OriginState},
    origins::{Claim, HeldState},
};

/// The version of the contract that this engine speaks.
pub(crate) const PROTOCOL_VERSION: u32 = 1;
/// Batches between reading and processing: at most 1 MiB each on the wire, some times that in memory.
const QUEUED_BATCHES: usize = 4;
/// How long a client may take to accept the status that ends its stream.
const STATUS_WAIT: Duration = Duration::from_secs(2);

static SESSION_ENDED: LogLimit = LogLimit::new(Duration::from_secs(1));

/// Where answers go.
type Responses = mpsc::Sender<Result<CaptureResponse, Status>>;

/// Bytes of batches that were received and not yet given back as credit.
#[derive(Clone, Debug, Default)]
struct OutstandingCredit(Arc<AtomicU64>);

/// Serves one stream until it ends.
pub(crate) async fn run(
    intake: Arc<Intake>,
    peer: AuthenticatedPeer,
    stream: Streaming<CaptureRequest>,
    responses: Responses,
) {
    let Err(error) = serve(&intake, &peer, stream, &responses).await else { return };
    intake.metrics.count_end(&error);
    if let Some(suppressed) = SESSION_ENDED.pass() {
        tracing::warn!(%peer, reason = error.reason(), suppressed, "ended a capture session: {error}");
    }
    // Whoever does not take the status in time learns from the stream's end.
    let _ = tokio::time::timeout(STATUS_WAIT, responses.send(Err(error.into()))).await;
}

async fn serve(
    intake: &Arc<Intake>,
    peer: &AuthenticatedPeer,
    mut stream: Streaming<CaptureRequest>,
    responses: &Responses,
) -> Result<(), RpcError> {
    let hello = tokio::select! {
        () = intake.stop.cancelled() => return Err(RpcError::ShuttingDown),
        hello = hello::receive(&mut stream, &intake.limits) => hello?,
    };
    let Some(hello) = hello else { return Ok(()) };
    if !peer.may_speak_for(&hello.origin) {
        return Err(RpcError::PeerNotAllowed {
            peer: peer.to_string(),
            identity: peer.identity().to_string(),
            origin: hello.origin.to_string(),
        });
    }
    let mut claim = intake.origins.claim(&hello.origin, &peer.to_string()).await?;
    let held = claim.held.take().and_then(|held| usable(held, &hello));
    let current = (hello.epoch, hello.plan_generation);
    claim.status().connect(hello.agent.clone(), current, peer.to_string(), now_ns());
    let mut plan = SessionPlan::new(intake, &claim.status, hello.plan_generation);
    let held_through = held.as_ref().map(|state| state.through_sequence);
    tracing::info!(
        origin = %hello.origin, hostname = hello.facts.hostname, %peer, identity = %peer.identity(), held_through,
        "a capture session began"
    );
    let encoding = intake.limits.batch_packing.encoding(peer.is_on_this_machine(), &hello.batch_encodings);
    let greeting = [
        capture_response::Kind::Welcome(welcome(intake, &hello, held_through, encoding)),
        capture_response::Kind::CapturePlan(plan.next()),
    ];
    for kind in greeting {
        if responses.send(Ok(CaptureResponse { kind: Some(kind) })).await.is_err() {
            return Ok(());
        }
    }
    let state = match held {
        Some(state) => Some(state),
        None => tokio::select! {
            () = intake.stop.cancelled() => return Err(RpcError::ShuttingDown),
            error = claim.superseded() => return Err(error),
            state = base_state::receive(&mut stream, &intake.limits) => state?,
        },
    };
    match state {
        Some(state) => {
            stream_batches(intake, hello, claim, (state, plan), (stream, encoding), responses).await
        }
        None => Ok(()),
    }
}

/// Reads and processes until the stream ends, a successor comes, or the engine stops.
async fn stream_batches(
    intake: &Arc<Intake>,
    hello: CheckedHello,
    claim: Claim,
    (state, plan): (OriginState, SessionPlan),
    (stream, encoding): (Streaming<CaptureRequest>, BatchEncoding),
    responses: &Responses,
) -> Result<(), RpcError> {
    let (sender, queue) = mpsc::channel(QUEUED_BATCHES);
    let outstanding = OutstandingCredit::default();
    intake.metrics.begin_session(&outstanding.0);
    let interrupt = intake.abort.child_token();
    let epoch = hello.epoch;
    let (late_facts, relayed) = LateFactIntake::new(&intake.metadata, &hello);
    let state = recording::prepare(intake, &hello, state.sampled());
    let late_facts = late_facts.recorded_by(&state);
    let links = Links { responses: responses.clone(), outstanding: outstanding.clone(), relayed, plan };
    let processor = Processor::new(intake, &hello, &claim, state, links);
    let processing = processor.run(queue, interrupt.clone());
    tokio::pin!(processing);
    let mut reading = Box::pin(reading::read_all(
        (stream, encoding),
        &intake.limits,
        sender,
        Arc::clone(&claim.status),
        outstanding,
        late_facts,
        &intake.tracer,
    ));
    let mut finished = None;
    let end = tokio::select! {
        error = claim.superseded() => {
            interrupt.cancel();
            Err(error)
        }
        () = intake.stop.cancelled() => Err(RpcError::ShuttingDown),
        end = &mut reading => end,
        done = &mut processing => {
            finished = Some(done);
            Ok(())
        }
    };
    // With the reader goes the queue's sender: processing ends with what was queued.
    drop(reading);
    let (state, result) = match finished {
        Some(done) => done,
        None => tokio::select! {
            done = &mut processing => done,
            _ = claim.superseded() => {
                interrupt.cancel();
                processing.await
            }
        },
    };
    if let (Some(state), Ok(())) = (state, &result) {
        claim.hold(HeldState { epoch, state });
    }
    result.and(end)
}

/// The state, if the agent can carry on from it: it sends every event after the state's position, and no other engine
/// has taken events after it in the meantime.
fn usable(held: HeldState, hello: &CheckedHello) -> Option<OriginState> {
    let through = held.state.through_sequence;
    let continues = hello.first_sequence <= through.saturating_add(1) && hello.acked_through <= through;
    (held.epoch == hello.epoch && continues).then_some(held.state)
}

fn welcome(
    intake: &Intake,
    hello: &CheckedHello,
    held_through_sequence: Option<u64>,
    encoding: BatchEncoding,
) -> Welcome {
    Welcome {
        session_id: format!("{:016x}-{:016x}", hello.epoch, rand::random::<u64>()),
        engine_id: intake.engine_id.clone(),
        protocol_version: PROTOCOL_VERSION,
        batch_encoding: encoding.into(),
        held_through_sequence,
        initial_credit_bytes: intake.limits.initial_credit_bytes,
        max_message_bytes: intake.limits.max_message_bytes as u64,
        late_facts_through_sequence: 0,
    }
}

/// The next message; `None` when the agent has ended the stream or is gone.
async fn next_message(
    stream: &mut Streaming<CaptureRequest>,
    limit: usize,
) -> Result<Option<capture_request::Kind>, RpcError> {
    use tonic::Code;
    let status = match stream.message().await {
        Ok(None) => return Ok(None),
        Ok(Some(message)) => return message.kind.map(Some).ok_or(RpcError::MessageUnknown),
        Err(status) => status,
    };
    let detail = status.message().to_owned();
    // What the transport reports has a source; what the decoder reports has none.
    let is_decoders = std::error::Error::source(&status).is_none();
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => Err(RpcError::MessageTooLarge { detail, limit }),
        Code::Internal | Code::Unimplemented if is_decoders => Err(RpcError::Undecodable { detail }),
        _ => {
            tracing::debug!(%status, "a capture stream broke off");
            Ok(None)
        }
    }
}

/// What messages are called in errors.
fn kind_name(kind: &capture_request::Kind) -> &'static str {
    use capture_request::Kind;
    match kind {
        Kind::Hello(_) => "Hello",
        Kind::BaseState(_) => "BaseState",
        Kind::Batch(_) => "Batch",
        Kind::LateFacts(_) => "LateFacts",
        Kind::PlanAnswer(_) => "PlanAnswer",
        Kind::StateAnswer(_) => "StateAnswer",
        Kind::SpanData(_) => "SpanData",
    }
}

/// What the session's evaluations have in common.
fn evaluation_context(intake: &Intake, hello: &CheckedHello, first_own_generation: u64) -> EvaluationContext {
    EvaluationContext {
        evaluator: Arc::clone(&intake.evaluator),
        alerts: AlertContext {
            origin: hello.origin.clone(),
            origin_name: hello.origin.to_string(),
            epoch: hello.epoch,
            rule_set_digest: intake.evaluator.rule_set_digest().to_owned(),
        },
        host: hello.facts.clone(),
        metadata: Arc::clone(&intake.metadata),
        metrics: Arc::clone(&intake.metrics),
        clock: hello.clock,
        first_own_generation,
    }
}

// === impl OutstandingCredit ===

impl OutstandingCredit {
    /// Takes `bytes`, unless more than `limit` would be outstanding.
    fn take(&self, bytes: u64, limit: u64) -> bool {
        let within = |outstanding: u64| outstanding.checked_add(bytes).filter(|sum| *sum <= limit);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, within).is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.0.fetch_sub(bytes, Ordering::AcqRel);
    }
}
