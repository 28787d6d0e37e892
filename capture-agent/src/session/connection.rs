//! One connection: hello, welcome, base state, then batches up and messages down until it ends.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use eyrie_proto::capture::{
    Ack, CaptureRequest, CaptureResponse, Hello, MoveTo, StateAnswer, StateRequest, Welcome, capture_request,
    capture_response::Kind,
};
use grpc_transport::{ConnectError, ServiceEndpoint, with_causes};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Streaming,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};
use tracing::{info, warn};

use super::{
    End, Session, SessionError,
    codec::{CaptureCodec, Upstream},
    fitting::fitting,
    packing::Packing,
};
use crate::{
    batch_spans, clock,
    stream::{AckedBatch, BatchFrame, Rejection, Stream},
};

/// Messages between this task and the transport: at most 4 MiB.
const UPSTREAM_MESSAGES: usize = 4;
/// Answers and spans that wait for the way up: up to 2 KiB each.
const MAX_REPLIES: usize = 1_024;
/// For connecting, for the first answer, for the first message.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Without any ack for so long while something is unacked, another connection is tried.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// A peer that is gone without a word is noticed by pings.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Bytes of a part of the base state: well under 1 MiB with its header.
const BASE_PART_BYTES: usize = 768 << 10;
/// For the engine to end the stream after we did.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
const PROTOCOL_VERSION: u32 = 1;
const METHOD: PathAndQuery = PathAndQuery::from_static("/eyrie.capture.v1.CaptureService/Capture");

/// A connection, from its first byte to its end.
pub(super) struct Connection<'session> {
    session: &'session mut Session,
    engine: &'session ServiceEndpoint,
    /// Something may be ready to be sent.
    is_ready: bool,
    /// So may late facts.
    is_late_ready: bool,
    /// Answers to what the engine has said. They wait here for the way up: who reads must never wait for writing, or both
    /// sides may wait for each other.
    replies: VecDeque<capture_request::Kind>,
    packing: Packing,
    /// Bytes that the engine takes at once; 0 if it does not say.
    max_message_bytes: u64,
    last_progress: Instant,
}

// === impl Connection ===

impl<'session> Connection<'session> {
    pub(super) fn new(session: &'session mut Session, engine: &'session ServiceEndpoint) -> Self {
        let replies = VecDeque::new();
        let last_progress = Instant::now();
        let packing = Packing::none();
        Self {
            session,
            engine,
            is_ready: true,
            is_late_ready: true,
            replies,
            packing,
            max_message_bytes: 0,
            last_progress,
        }
    }

    pub(super) async fn run(mut self) -> Result<End, SessionError> {
        let abort = self.session.stop.abort.clone();
        let opening = async {
            let (up, mut down) = self.open().await?;
            let welcome = first_message(&mut down).await?;
            match self.welcomed(&up, welcome).await {
                Err(SessionError::Ended) => Err(why_ended(&mut down).await),
                other => other.map(|()| (up, down)),
            }
        };
        let (up, mut down) = tokio::select! {
            opened = opening => opened?,
            () = abort.cancelled() => return Ok(End::Stopped),
        };
        let end = match self.converse(&up, &mut down).await {
            Err(SessionError::Ended) => return Err(why_ended(&mut down).await),
            other => other?,
        };
        drop(up);
        // Lets the transport hand over what it still has.
        let _ = timeout(CLOSE_TIMEOUT, async { while let Ok(Some(_)) = down.message().await {} }).await;
        Ok(end)
    }

    async fn open(&mut self) -> Result<(mpsc::Sender<Upstream>, Streaming<CaptureResponse>), SessionError> {
        let channel = connect(self.engine).await?;
        // Answers to an engine that is gone are of no use to this one.
        while self.session.answers.try_recv().is_ok() {}
        let (up, upstream) = mpsc::channel(UPSTREAM_MESSAGES);
        // Hello has to be under way before the call, as an engine may keep back its headers until it has read it.
        send(&up, capture_request::Kind::Hello(self.hello())).await?;
        let mut grpc = Grpc::new(channel);
        grpc.ready().await.map_err(|error| {
            let address = self.engine.address().clone();
            SessionError::Connect(ConnectError::Connect { address, detail: with_causes(&error) })
        })?;
        let codec = CaptureCodec::new(self.session.metrics.sent_bytes.clone());
        let call = grpc.streaming(Request::new(ReceiverStream::new(upstream)), METHOD, codec);
        let response =
            timeout(ANSWER_TIMEOUT, call).await.map_err(|_| SessionError::NoAnswer(ANSWER_TIMEOUT))??;
        Ok((up, response.into_inner()))
    }

    fn hello(&self) -> Hello {
        let outbox = self.session.stream.outbox();
        Hello {
            origin: Some(self.session.introduction.origin.clone()),
            epoch: outbox.epoch(),
            acked_through_sequence: outbox.acked_through(),
            first_sequence: outbox.acked_through() + 1,
            agent: Some(self.session.introduction.agent.clone()),
            protocol_versions: vec![PROTOCOL_VERSION],
            batch_encodings: Packing::ENCODINGS.map(i32::from).to_vec(),
            plan_generation: self.session.requests.generation(),
            clock: Some(self.session.introduction.clock.unwrap_or_else(clock::read)),
        }
    }

    async fn welcomed(&mut self, up: &mpsc::Sender<Upstream>, welcome: Welcome) -> Result<(), SessionError> {
        if welcome.protocol_version > PROTOCOL_VERSION {
            return Err(SessionError::ProtocolVersion(welcome.protocol_version));
        }
        let resume = self.session.stream.outbox().resume(
            welcome.held_through_sequence,
            welcome.initial_credit_bytes,
            welcome.max_message_bytes,
        )?;
        self.packing = Packing::new(welcome.batch_encoding);
        self.max_message_bytes = welcome.max_message_bytes;
        self.session.late_facts.resume(welcome.late_facts_through_sequence);
        self.fold(resume.acked).await;
        if resume.is_base_wanted {
            let part_bytes = usize::try_from(welcome.max_message_bytes)
                .ok()
                .filter(|&bytes| bytes > 0)
                .map_or(BASE_PART_BYTES, |bytes| (bytes / 4 * 3).min(BASE_PART_BYTES));
            let parts = self.session.stream.base().parts(part_bytes);
            for part in parts {
                send(up, capture_request::Kind::BaseState(part)).await?;
            }
        }
        let totals = self.session.stream.outbox().totals();
        info!(engine = %self.engine.address(), engine_id = welcome.engine_id, session_id = welcome.session_id,
            is_base_sent = resume.is_base_wanted, unacked_events = totals.unacked_events, "connected");
        self.last_progress = Instant::now();
        self.session.status.change(|status| {
            status.is_connected = true;
            status.sessions += 1;
            status.last_error = None;
            status.engine_id = welcome.engine_id;
        });
        Ok(())
    }

    async fn converse(
        &mut self,
        up: &mpsc::Sender<Upstream>,
        down: &mut Streaming<CaptureResponse>,
    ) -> Result<End, SessionError> {
        let stop = self.session.stop.clone();
        let stream = Arc::clone(&self.session.stream);
        let late_facts = Arc::clone(&self.session.late_facts);
        loop {
            let is_finishing = stop.finish.is_cancelled();
            if is_finishing && self.session.stream.outbox().is_empty() {
                return Ok(End::Stopped);
            }
            tokio::select! {
                () = stop.abort.cancelled() => return Ok(End::Stopped),
                () = stop.finish.cancelled(), if !is_finishing => self.is_ready = true,
                message = down.message() => match message? {
                    Some(message) => if let Some(end) = self.receive(message).await? { return Ok(end) },
                    None => return Err(SessionError::Ended),
                },
                permit = up.reserve(), if self.is_ready => {
                    let permit = permit.map_err(|_| SessionError::Ended)?;
                    let next = self.session.stream.outbox().next_to_send(clock::read());
                    self.is_ready = next.is_some();
                    if let Some(frame) = next {
                        let frame = self.pack(frame).await;
                        self.session.metrics.sent_batches.increment();
                        permit.send(Upstream::Batch(Box::new(frame)));
                    }
                }
                permit = up.reserve(), if self.is_late_ready => {
                    let permit = permit.map_err(|_| SessionError::Ended)?;
                    let next = late_facts.next_to_send();
                    self.is_late_ready = next.is_some();
                    if let Some(facts) = next {
                        let kind = Some(capture_request::Kind::LateFacts(facts));
                        permit.send(Upstream::Message(Box::new(CaptureRequest { kind })));
                    }
                }
                permit = up.reserve(), if !self.replies.is_empty() => {
                    let permit = permit.map_err(|_| SessionError::Ended)?;
                    if let Some(kind) = self.replies.pop_front() {
                        permit.send(Upstream::Message(Box::new(CaptureRequest { kind: Some(kind) })));
                    }
                }
                () = late_facts.notified() => self.is_late_ready = true,
                Some(answer) = self.session.answers.recv(), if self.replies.len() < MAX_REPLIES => {
                    self.replies.extend(fitting(answer, self.max_message_bytes));
                }
                () = stream.notified() => self.is_ready = true,
                () = deadline(&stream), if !self.is_ready => self.is_ready = true,
                () = stall(&stream, self.last_progress) => return Err(SessionError::Stalled(STALL_TIMEOUT)),
            }
        }
    }

    /// Credit was taken for the rows; what packing saves of it is given back.
    async fn pack(&mut self, frame: BatchFrame) -> BatchFrame {
        let bytes = frame.batch_size();
        let packed = self.packing.pack(frame).await;
        let saved = bytes.saturating_sub(packed.batch_size());
        if saved > 0 {
            self.session.stream.outbox().add_credit(saved as u64);
            self.session.metrics.saved_bytes.add(saved as u64);
        }
        packed
    }

    async fn receive(&mut self, message: CaptureResponse) -> Result<Option<End>, SessionError> {
        match message.kind {
            Some(Kind::Ack(ack)) => self.acked(ack).await?,
            Some(Kind::Credit(credit)) => {
                self.session.stream.outbox().add_credit(credit.additional_bytes);
                self.is_ready = true;
            }
            Some(Kind::CapturePlan(plan)) => self.session.requests.put_plan(plan),
            Some(Kind::StateRequest(request)) => self.state_requested(request)?,
            Some(Kind::MoveTo(move_to)) => return Ok(self.moved(move_to)),
            Some(Kind::TraceDecision(decision)) if decision.is_sampled => {
                self.session.stream.outbox().keep_trace(decision.batch_id);
            }
            // Nothing is kept of a trace until the engine asks for it.
            Some(Kind::TraceDecision(_)) => {}
            Some(Kind::Welcome(_)) | None => {
                warn!(engine = %self.engine.address(), "ignored a message that this version does not understand");
            }
        }
        Ok(None)
    }

    async fn acked(&mut self, ack: Ack) -> Result<(), SessionError> {
        self.session.late_facts.acknowledge(ack.late_facts_through_sequence);
        let acked = {
            let mut outbox = self.session.stream.outbox();
            let was_waiting = outbox.is_waiting_for_ack();
            let acked = outbox.acknowledge(ack.through_sequence)?;
            if !acked.is_empty() || !was_waiting {
                self.last_progress = Instant::now();
            }
            acked
        };
        self.tell_spans(&acked);
        self.fold(acked).await;
        for rejection in &ack.rejections {
            let outcome = self.session.stream.outbox().reject(rejection, clock::boot_ns())?;
            self.last_progress = Instant::now();
            let reason = rejection.reason();
            match outcome {
                Rejection::Stale => {}
                Rejection::Retry => {
                    self.session.metrics.retried_batches.increment();
                    info!(
                        batch_id = rejection.batch_id,
                        ?reason,
                        retry_after_ms = rejection.retry_after_ms,
                        "{}; the batch is sent again",
                        rejection.message
                    );
                }
                Rejection::SetAside { lost_events } => {
                    self.session.metrics.set_aside_batches.increment();
                    warn!(
                        batch_id = rejection.batch_id,
                        ?reason,
                        lost_events,
                        "{}; the batch is not sent again and its events count as lost",
                        rejection.message
                    );
                }
            }
        }
        self.is_ready = true;
        Ok(())
    }

    /// Tells what is to be told of the traces that the engine keeps. Spans are the first to be left out.
    fn tell_spans(&mut self, acked: &[AckedBatch]) {
        for spans in acked.iter().filter_map(|batch| batch.spans.as_ref()) {
            if self.replies.len() < MAX_REPLIES / 2 {
                let data = batch_spans::message(spans, &self.session.tracer, clock::read());
                self.replies.push_back(capture_request::Kind::SpanData(data));
            }
        }
    }

    /// Folds acked events into the base, a batch at a time: a thousand events take some hundred microseconds.
    async fn fold(&self, acked: Vec<AckedBatch>) {
        for batch in acked {
            self.session.stream.base().fold(&batch);
            tokio::task::yield_now().await;
        }
        self.session.stream.notify_acked();
    }

    fn state_requested(&mut self, request: StateRequest) -> Result<(), SessionError> {
        let request_id = request.request_id;
        let Err(failure) = self.session.requests.put_state(request) else { return Ok(()) };
        let answer = StateAnswer { request_id, is_complete: false, failure };
        self.reply(capture_request::Kind::StateAnswer(answer))
    }

    /// An engine that asks and does not read is given up, before its answers fill our memory.
    fn reply(&mut self, kind: capture_request::Kind) -> Result<(), SessionError> {
        if self.replies.len() >= MAX_REPLIES {
            return Err(SessionError::RepliesUnread(MAX_REPLIES));
        }
        self.replies.push_back(kind);
        Ok(())
    }

    fn moved(&self, move_to: MoveTo) -> Option<End> {
        if move_to.endpoint.is_empty() {
            info!(reason = move_to.reason, "the engine asks to connect anew");
            return Some(End::MoveTo(None));
        }
        let refused = |error: &dyn std::error::Error| {
            warn!(to = move_to.endpoint, "not moving to another engine: {error}");
        };
        let address = move_to.endpoint.parse().inspect_err(|error| refused(error)).ok()?;
        let engine = ServiceEndpoint::new(address, &self.session.security);
        let engine = engine.inspect_err(|error| refused(error)).ok()?;
        info!(to = %engine.address(), reason = move_to.reason, "the engine asks to connect elsewhere");
        Some(End::MoveTo(Some(Box::new(engine))))
    }
}

async fn connect(engine: &ServiceEndpoint) -> Result<Channel, SessionError> {
    let set = |endpoint: Endpoint| {
        endpoint
            .connect_timeout(ANSWER_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
    };
    let engine = engine.clone().with(set);
    timeout(ANSWER_TIMEOUT, engine.connect())
        .await
        .map_err(|_| SessionError::NoAnswer(ANSWER_TIMEOUT))?
        .map_err(SessionError::Connect)
}

/// Ends when the outbox may have something to send that it has not now.
async fn deadline(stream: &Stream) {
    let deadline = stream.outbox().next_deadline_boot_ns();
    match deadline {
        Some(at) => {
            // The timer counts whole milliseconds; a moment more makes sure that the deadline has passed.
            let wait = Duration::from_nanos(at.saturating_sub(clock::boot_ns()));
            tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
        }
        None => std::future::pending().await,
    }
}

/// Ends when the engine has acked nothing for too long.
async fn stall(stream: &Stream, last_progress: Instant) {
    let is_waiting = stream.outbox().is_waiting_for_ack();
    if is_waiting {
        tokio::time::sleep_until(last_progress + STALL_TIMEOUT).await;
    } else {
        std::future::pending().await
    }
}

/// The way up may be found closed before the way down has told why.
async fn why_ended(down: &mut Streaming<CaptureResponse>) -> SessionError {
    let reason = async {
        loop {
            match down.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return SessionError::Ended,
                Err(status) => return status.into(),
            }
        }
    };
    timeout(CLOSE_TIMEOUT, reason).await.unwrap_or(SessionError::Ended)
}

async fn first_message(down: &mut Streaming<CaptureResponse>) -> Result<Welcome, SessionError> {
    let message = timeout(ANSWER_TIMEOUT, down.message())
        .await
        .map_err(|_| SessionError::NoAnswer(ANSWER_TIMEOUT))??
        .ok_or(SessionError::Ended)?;
    match message.kind {
        Some(Kind::Welcome(welcome)) => Ok(welcome),
        _ => Err(SessionError::NoWelcome),
    }
}

async fn send(up: &mpsc::Sender<Upstream>, kind: capture_request::Kind) -> Result<(), SessionError> {
    let request = CaptureRequest { kind: Some(kind) };
    up.send(Upstream::Message(Box::new(request))).await.map_err(|_| SessionError::Ended)
}
