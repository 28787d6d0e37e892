//! One stream of a recording that is being sent.

use std::{sync::Arc, time::Duration};

use eyrie_proto::{
    capture::{
        CapturePlan, CaptureRequest, LateFacts as Facts, PlanAnswer, StateAnswer, StateRequest,
        capture_request,
    },
    event::{Event, EventClass, LossPlace, LossReason, LossRecord, event::Kind},
    metadata::late_fact,
    recording::{RecordedBatch, RecordingHeader},
};
use grpc_transport::ServiceEndpoint;
use rand::Rng as _;
use telemetry::Instruments;
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{info, warn};

use super::{
    Replayed,
    identity::Identity,
    sequences::{Place, Sequences},
};
use crate::{
    clock,
    config::Config,
    late_facts::LateFacts,
    metrics::{Metrics, Shown},
    names::Names,
    session::{Introduction, Requests, Session, SharedStatus, Stop},
    stream::{Base, Outbox, Stream},
};

/// How often it is looked whether the engine asks for something.
const REQUEST_INTERVAL: Duration = Duration::from_millis(50);
/// Late facts that there stays room for beside those that wait for an ack: the queue gives up the oldest when it is full.
const SPARE_FACTS: usize = 3_072;
/// How often losses are told at a stream's end: an engine may refuse the batch that tells them, too.
const MAX_LOSS_ROUNDS: usize = 3;
/// For the session to close its stream once it is told to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// What streams are sent with.
pub(super) struct Setting<'a> {
    pub(super) config: &'a Config,
    pub(super) file: &'a str,
    pub(super) engine: &'a ServiceEndpoint,
    pub(super) instruments: &'a Instruments,
    pub(super) status: &'a Arc<SharedStatus>,
}

/// One stream of a recording that is being sent. Dropping it ends its session.
pub(super) struct Sending {
    identity: Identity,
    stream: Arc<Stream>,
    late_facts: Arc<LateFacts>,
    requests: Arc<Requests>,
    sequences: Sequences,
    place: Place,
    status: Arc<SharedStatus>,
    /// Events of the recording that were put into the stream.
    sent_events: u64,
    /// Late facts that were not handed on, since the engine acked none of those before them.
    given_up_facts: u64,
    /// The engine has let late facts wait for too long: no more of them are waited for until it acks some.
    has_lost_patience: bool,
    /// Events that the recording does not have, and does not say why.
    missing_events: u64,
    /// Batches of the recording that came before, or are not of its stream.
    skipped_batches: u64,
    stop: Stop,
    session: JoinHandle<()>,
    _answering: DropGuard,
    _session_ends: DropGuard,
}

// === impl Sending ===

impl Sending {
    /// Begins a session for the stream, whose state before its first event is `base`; behind which event that is, if the recording has it.
    pub(super) fn begin(
        header: RecordingHeader,
        base: Base,
        as_of_sequence: Option<u64>,
        setting: &Setting<'_>,
    ) -> Self {
        let recorded = header.origin.unwrap_or_default();
        let identity = Identity::of(&recorded, setting.file, setting.config);
        info!(recorded = %recorded, sent_as = %identity.origin, "a stream of the recording");
        let mut outbox = Outbox::new(rand::rng().random_range(1..=u64::MAX), setting.config.limits);
        if let Some(clock) = header.clock {
            outbox.set_recorded_clock(clock, clock::boot_ns());
        }
        let stream = Arc::new(Stream::new(outbox, base));
        let (late_facts, stop) = (Arc::new(LateFacts::default()), Stop::default());
        let (requests, answers) = Requests::new();
        let requests = Arc::new(requests);
        let shown = Shown {
            stream: &stream,
            late_facts: &late_facts,
            names: &Arc::new(Names::default()),
            status: setting.status,
            requests: &requests,
        };
        let session = Session {
            engine: setting.engine.clone(),
            security: setting.config.security.clone(),
            introduction: Introduction {
                origin: identity.origin.clone(),
                agent: identity.agent(header.agent, setting.config),
                clock: header.clock,
            },
            stream: Arc::clone(&stream),
            late_facts: Arc::clone(&late_facts),
            requests: Arc::clone(&requests),
            answers,
            status: Arc::clone(setting.status),
            tracer: setting.instruments.tracer.clone(),
            metrics: Metrics::new(&setting.instruments.meter, &shown),
            stop: stop.clone(),
        };
        let answering = CancellationToken::new();
        tokio::spawn(answer(Arc::clone(&requests), answering.clone()));
        Self {
            identity,
            stream,
            late_facts,
            requests,
            sequences: Sequences::default(),
            place: Place::new(as_of_sequence, header.epoch, !header.filter.is_empty()),
            status: Arc::clone(setting.status),
            sent_events: 0,
            given_up_facts: 0,
            has_lost_patience: false,
            missing_events: 0,
            skipped_batches: 0,
            session: tokio::spawn(session.run()),
            _answering: answering.drop_guard(),
            _session_ends: stop.abort.clone().drop_guard(),
            stop,
        }
    }

    /// Sends a batch's events, as soon as there is room for each.
    pub(super) async fn send(&mut self, recorded: RecordedBatch) {
        let RecordedBatch { batch, left_out_before } = recorded;
        let Some(batch) = batch else { return };
        if let Some(clock) = batch.clock {
            self.stream.outbox().set_recorded_clock(clock, clock::boot_ns());
        }
        let Some(placed) = self.place.take(&batch, &left_out_before) else {
            self.skipped_batches += 1;
            return;
        };
        if placed.missing > 0 {
            self.missing_events = self.missing_events.saturating_add(placed.missing);
            let boot_ns = batch.events.first().map_or(0, |event| event.boot_ns);
            self.push(missing(placed.missing, boot_ns)).await;
        }
        let mut number = batch.first_sequence;
        let mut left_out = left_out_before.into_iter();
        for event in batch.events {
            number = number.saturating_add(left_out.next().unwrap_or_default().into());
            if number >= placed.from
                && let Some(sent) = self.push(self.adapted(event)).await
            {
                self.sequences.sent(number, sent);
                self.sent_events += 1;
            }
            number = number.saturating_add(1);
        }
    }

    /// Hands late facts on, as soon as there is room for each. An engine that is connected and acks none for `patience` has nobody who takes
    /// them: then events go on without them.
    pub(super) async fn hand_on(&mut self, facts: Facts, patience: Duration) {
        for fact in facts.facts {
            let Some(kind) = self.identity.fact(fact) else { continue };
            if self.waits_for_room(&kind, patience).await {
                self.late_facts.push(kind);
            } else {
                self.given_up_facts += 1;
            }
        }
    }

    async fn waits_for_room(&mut self, kind: &late_fact::Kind, patience: Duration) -> bool {
        let has_room = || self.late_facts.has_room(kind, SPARE_FACTS);
        let wait = async {
            while !has_room() {
                self.stream.acked().await;
            }
        };
        if has_room() {
            self.has_lost_patience = false;
            return true;
        }
        if self.has_lost_patience {
            return false;
        }
        tokio::pin!(wait);
        while timeout(patience, &mut wait).await.is_err() {
            // Who is away takes no events either: nothing is held up.
            if self.status.read().is_connected {
                warn!(
                    "the engine acks no facts of containers and hosts; events are sent without waiting for that"
                );
                self.has_lost_patience = true;
                return false;
            }
        }
        true
    }

    /// Waits until everything is acked, then ends the session. Events are waited for until `stop` says otherwise, late facts only for `patience`:
    /// an engine may hold them until its metadata service is there.
    pub(super) async fn close(
        &mut self,
        stop: &CancellationToken,
        patience: Duration,
        replayed: &mut Replayed,
    ) {
        self.stream.outbox().seal(clock::boot_ns());
        self.stream.notify();
        let is_acked = async {
            // What was refused for good is told as lost.
            for _ in 0..=MAX_LOSS_ROUNDS {
                while !self.stream.outbox().is_empty() {
                    self.stream.acked().await;
                }
                if !self.tell_losses() {
                    break;
                }
            }
        };
        let hurry = async {
            stop.cancelled().await;
            tokio::time::sleep(patience).await;
        };
        tokio::select! {
            () = is_acked => {}
            () = hurry => {}
        }
        let are_facts_acked = async {
            while self.late_facts.pending() > 0 {
                self.stream.acked().await;
            }
        };
        let _ = timeout(patience, are_facts_acked).await;
        self.stop.finish.cancel();
        if !self.stream.outbox().is_empty() || timeout(CLOSE_TIMEOUT, &mut self.session).await.is_err() {
            self.stop.abort.cancel();
            let _ = timeout(CLOSE_TIMEOUT, &mut self.session).await;
        }
        let (totals, last_sequence) = {
            let outbox = self.stream.outbox();
            (outbox.totals(), outbox.last_sequence())
        };
        let refused = totals.losses.values().sum::<u64>();
        // Losses that were told are events of the stream as well, and in the place of what was refused a blank is acked.
        let not_recorded = last_sequence.saturating_sub(self.sent_events).saturating_add(refused);
        let lost_facts = self.late_facts.dropped() + self.given_up_facts;
        replayed.missing_events += self.missing_events;
        replayed.skipped_batches += self.skipped_batches;
        replayed.acked_events += totals.acked_events.saturating_sub(not_recorded);
        replayed.unacked_events += totals.unacked_events;
        replayed.refused_events += refused;
        replayed.unacked_late_facts += u64::try_from(self.late_facts.pending()).unwrap_or(u64::MAX);
        replayed.lost_late_facts += lost_facts;
    }

    /// Puts losses that were not told yet into the stream; whether there were any.
    fn tell_losses(&self) -> bool {
        let mut outbox = self.stream.outbox();
        let before = outbox.last_sequence();
        outbox.place_losses(clock::boot_ns());
        outbox.seal(clock::boot_ns());
        let has_told = outbox.last_sequence() != before;
        drop(outbox);
        self.stream.notify();
        has_told
    }

    /// The event as it is sent: of this stream's plan and numbers.
    fn adapted(&self, mut event: Event) -> Event {
        // What is marked carries a recording's state: no filter of this stream's plan kept it back, which is what a generation would say.
        event.plan_generation = if event.is_filter_marked { 0 } else { self.requests.generation() };
        if let Some(call) = &mut event.call
            && call.started_sequence != 0
        {
            call.started_sequence = self.sequences.of(call.started_sequence).unwrap_or_default();
        }
        if let Some(Kind::ProcessSnapshot(snapshot)) = &mut event.kind {
            // What asked for it was another engine.
            snapshot.request_id = 0;
        }
        self.identity.label(&mut event);
        event
    }

    /// The number under which it is sent; `None` if no queue has room for it.
    async fn push(&self, event: Event) -> Option<u64> {
        loop {
            {
                let mut outbox = self.stream.outbox();
                if outbox.has_room(&event) {
                    let pushed = outbox.push(&event, clock::boot_ns()).ok();
                    drop(outbox);
                    self.stream.notify();
                    return pushed;
                }
            }
            self.stream.acked().await;
        }
    }
}

/// Says that events are missing; nobody knows what they were.
fn missing(count: u64, boot_ns: u64) -> Event {
    let loss = LossRecord {
        place: LossPlace::Spool.into(),
        event_class: EventClass::StateBearing.into(),
        reason: LossReason::Unspecified.into(),
        count,
        first_boot_ns: boot_ns,
        last_boot_ns: boot_ns,
        ..LossRecord::default()
    };
    Event { boot_ns, kind: Some(Kind::Loss(loss)), ..Event::default() }
}

/// Answers what the engine asks for, until `stop`.
async fn answer(requests: Arc<Requests>, stop: CancellationToken) {
    let mut ticks = interval(REQUEST_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Some(plan) = requests.take_plan() {
            let answer = carry_out(plan, requests.generation());
            requests.set_generation(answer.generation.max(requests.generation()));
            requests.answer(CaptureRequest { kind: Some(capture_request::Kind::PlanAnswer(answer)) });
        }
        if let Some(StateRequest { request_id, .. }) = requests.take_state() {
            let failure = "a recording is sent, and it tells no more of its host than it has".to_owned();
            let answer = StateAnswer { request_id, is_complete: false, failure };
            requests.answer(CaptureRequest { kind: Some(capture_request::Kind::StateAnswer(answer)) });
        }
    }
}

/// What the recording has is there whatever the plan says; what it has not, `MissingAbility` has said in Hello. Of names only the answers are known that
/// were recorded.
fn carry_out(plan: CapturePlan, current: u64) -> PlanAnswer {
    let generation = plan.generation;
    if generation < current {
        let failure = format!("generation {generation} is older than {current}, which is carried out");
        return PlanAnswer { generation, failure, ..PlanAnswer::default() };
    }
    PlanAnswer { generation, effective: Some(plan), ..PlanAnswer::default() }
}
