//! Owns the origin's state: evaluates batches, makes their alerts durable, and only then acks.

mod appending;
mod working;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime},
};

use eyrie_proto::{
    capture::{
        Ack, Batch, BatchRejection, CaptureResponse, Credit, StateRequest, TraceDecision,
        capture_response::Kind,
    },
    event::{CgroupKey, EventClass, LossPlace, LossReason, LossRecord, ProcessKey},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::working::Pace;
use super::{
    OutstandingCredit, Responses,
    batch_tracing::BatchTracing,
    hello::CheckedHello,
    late_facts::Relayed,
    order::{self, Place, Received},
    plan::SessionPlan,
    reading::Work,
    recording::{self, Evidence},
};
use crate::{
    error::RpcError,
    host_status::{HostStatus, now_ns},
    intake::Intake,
    origin_state::{Evaluated, EvaluationContext, OriginState, clock_offset, event_time},
    origins::Claim,
    recordings::{Door, Knock},
};

/// Batches in a row that may come out of order before the session is ended: as many as can be on their way.
const MAX_OUT_OF_ORDER: u32 = 64;
/// Processes in one request: 16 bytes each.
const REQUESTED_PROCESSES: usize = 256;

/// See the module.
pub(super) struct Processor {
    intake: Arc<Intake>,
    context: Arc<EvaluationContext>,
    status: Arc<Mutex<HostStatus>>,
    /// `None` while an evaluation has it, and until that evaluation's alerts are durable.
    state: Option<OriginState>,
    /// The state's position whenever it is here.
    through: u64,
    links: Links,
    out_of_order: u32,
    requests: u64,
    pace: Pace,
    /// What others want of the stream.
    door: Door,
}

/// What the session talks by.
pub(super) struct Links {
    pub(super) responses: Responses,
    pub(super) outstanding: OutstandingCredit,
    pub(super) relayed: watch::Receiver<Relayed>,
    pub(super) plan: SessionPlan,
}

/// Why processing stops early.
enum Stop {
    /// The session knows why: a successor, the end of time, or the client is gone.
    Interrupted,
    Failed(RpcError),
}

// === impl Processor ===

impl Processor {
    pub(super) fn new(
        intake: &Arc<Intake>,
        hello: &CheckedHello,
        claim: &Claim,
        state: OriginState,
        links: Links,
    ) -> Self {
        let through = state.through_sequence;
        let context = super::evaluation_context(intake, hello, *links.plan.own_generations().start());
        let processor = Self {
            door: intake.recordings.door(&context.alerts.origin_name),
            intake: Arc::clone(intake),
            context: Arc::new(context),
            status: Arc::clone(&claim.status),
            state: Some(state),
            through,
            links,
            out_of_order: 0,
            requests: 0,
            pace: Pace::default(),
        };
        processor.show(&Evaluated::default(), 0);
        processor
    }

    /// Asks for the states that are missing from the start; what an earlier session asked for may have been lost.
    async fn request_missing_states(&mut self, interrupt: &CancellationToken) -> Result<(), Stop> {
        let Some(state) = &mut self.state else { return Ok(()) };
        state.model.list_unknown_again();
        let unknown = state.model.take_unknown();
        self.request_states(unknown, interrupt).await
    }

    /// Works until the queue ends or `interrupt`. Gives back the state if everything that was applied to it is durable.
    pub(super) async fn run(
        mut self,
        queue: mpsc::Receiver<Work>,
        interrupt: CancellationToken,
    ) -> (Option<OriginState>, Result<(), RpcError>) {
        let result = match self.work_through(queue, &interrupt).await {
            Ok(()) | Err(Stop::Interrupted) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
        };
        (self.state, result)
    }

    async fn work_through(
        &mut self,
        mut queue: mpsc::Receiver<Work>,
        interrupt: &CancellationToken,
    ) -> Result<(), Stop> {
        self.request_missing_states(interrupt).await?;
        loop {
            let (links, knocks) = (&mut self.links, &mut self.door.knocks);
            let work = tokio::select! {
                biased;
                () = interrupt.cancelled() => return Err(Stop::Interrupted),
                // With the reader its end goes, and the queue says so too.
                Ok(()) = links.relayed.changed() => {
                    self.acknowledge(None, interrupt).await?;
                    continue;
                }
                () = links.plan.changed() => {
                    let plan = self.links.plan.next();
                    self.respond(Kind::CapturePlan(plan), interrupt).await?;
                    continue;
                }
                Some(knock) = knocks.recv() => {
                    self.answer(knock).await?;
                    continue;
                }
                work = queue.recv() => work,
            };
            match work {
                Some(work) => self.work(work, interrupt).await?,
                None => return Ok(()),
            }
        }
    }

    async fn work(&mut self, work: Work, interrupt: &CancellationToken) -> Result<(), Stop> {
        let Work::Batch { batch, bytes, unpacked_bytes, is_over_credit, fault, received: arrived } = work;
        let max_bytes = self.intake.limits.max_message_bytes as u64;
        let received = Received { bytes, max_bytes, is_over_credit, fault: fault.as_ref() };
        let rejection = self.take(batch, received, (unpacked_bytes, arrived), interrupt).await?;
        let credit = if is_over_credit { 0 } else { bytes };
        self.acknowledge(rejection, interrupt).await?;
        if credit > 0 {
            // Before it is announced: the agent may use it at once.
            self.links.outstanding.give_back(credit);
            self.respond(Kind::Credit(Credit { additional_bytes: credit }), interrupt).await?;
        }
        Ok(())
    }

    /// Says how far everything is durable.
    async fn acknowledge(
        &mut self,
        rejection: Option<BatchRejection>,
        interrupt: &CancellationToken,
    ) -> Result<(), Stop> {
        let relayed = *self.links.relayed.borrow_and_update();
        let ack = Ack {
            through_sequence: self.through,
            rejections: rejection.into_iter().collect(),
            late_facts_through_sequence: relayed.through_sequence,
        };
        self.status().acked_through = self.through;
        self.respond(Kind::Ack(ack), interrupt).await?;
        if relayed.has_overflowed {
            return Err(Stop::Failed(RpcError::LateFactsOverflowed));
        }
        Ok(())
    }

    /// Takes a batch, or says why not. Beside it are its size unpacked, and when it came.
    async fn take(
        &mut self,
        batch: Box<Batch>,
        received: Received<'_>,
        (unpacked_bytes, arrived): (u64, SystemTime),
        interrupt: &CancellationToken,
    ) -> Result<Option<BatchRejection>, Stop> {
        let epoch = self.context.alerts.epoch;
        let place = order::place(&batch, epoch, self.through, received);
        let is_early =
            matches!(&place, Place::Refused { rejection, .. } if rejection.retry_after_ms.is_some());
        self.out_of_order = if is_early { self.out_of_order + 1 } else { 0 };
        if self.out_of_order > MAX_OUT_OF_ORDER {
            // Its events are not coming: with the state goes the position, and the agent starts from its base.
            self.state = None;
            let expected = self.through.saturating_add(1);
            return Err(Stop::Failed(RpcError::OutOfSequence { expected, times: self.out_of_order }));
        }
        match place {
            Place::Repeated => {
                self.intake.metrics.repeated_batches.increment();
                Ok(None)
            }
            Place::Next => self.evaluate(batch, unpacked_bytes, arrived, interrupt).await.map(|()| None),
            Place::Refused { rejection, goes_on_after } => {
                tracing::debug!(?rejection, "refused a batch");
                self.intake.metrics.count_rejection(rejection.reason);
                if let Some(last) = goes_on_after {
                    self.skip(last, &batch).await?;
                }
                Ok(Some(rejection))
            }
        }
    }

    /// Evaluates stretch by stretch; each is durable before the next begins.
    async fn evaluate(
        &mut self,
        batch: Box<Batch>,
        bytes: u64,
        arrived: SystemTime,
        interrupt: &CancellationToken,
    ) -> Result<(), Stop> {
        let batch: Arc<Batch> = Arc::from(batch);
        let sequence = batch.first_sequence;
        let mut trace = BatchTracing::begin(&self.intake.tracer, &batch, arrived);
        loop {
            let Some(mut state) = self.state.take() else { return Err(Stop::Interrupted) };
            let permit = Arc::clone(&self.intake.evaluation_slots).acquire_owned().await;
            let (context, shared, carried) =
                (Arc::clone(&self.context), Arc::clone(&batch), trace.context(&batch));
            trace.evaluation_begins();
            let recordings = Arc::clone(&self.intake.recordings);
            let work = move || {
                let _permit = permit;
                let begun = Instant::now();
                let after = recording::before_events(&mut state);
                let mut evaluated = state.evaluate(&context, &shared, carried.as_ref());
                let evidence = Evidence::take(
                    &recordings,
                    &context,
                    &mut state,
                    (&shared, bytes, after),
                    &mut evaluated.alerts,
                );
                let spent = begun.elapsed();
                context.metrics.count_evaluation(spent);
                (state, evaluated, evidence, spent)
            };
            let is_short = self.pace.is_short(batch.events.len(), bytes);
            let worked = working::work(is_short, work).await;
            let (mut state, mut evaluated, evidence, spent) =
                worked.map_err(|working::Failed| Stop::Failed(RpcError::EvaluationFailed { sequence }))?;
            self.pace.measured(evaluated.event_count, spent);
            trace.evaluated(&evaluated);
            let new_alerts = self.make_durable(&mut evaluated, state.through_sequence, interrupt).await?;
            trace.appended();
            if !evidence.is_empty() {
                state = with_state(state, sequence, move |state| evidence.record(state)).await?;
            }
            let metadata = &self.intake.metadata;
            metadata.park(std::mem::take(&mut evaluated.parked), &self.status);
            let find = |key: &CgroupKey| state.model.cgroup_fact(key.hierarchy, key.cgroup_id);
            metadata.parked.look_for_cgroups(&self.context.alerts.origin_name, find);
            self.through = state.through_sequence;
            self.state = Some(state);
            self.follow_plan(&batch);
            let own = self.links.plan.own_generations();
            evaluated.violators.found.retain(|violator| own.contains(&violator.generation));
            self.intake.told_violations(&evaluated.violators, &self.context.alerts, &self.context.host);
            self.show(&evaluated, new_alerts);
            self.request_states(std::mem::take(&mut evaluated.unknown_processes), interrupt).await?;
            self.intake.metrics.events.add(evaluated.event_count);
            if !evaluated.is_paused {
                self.intake.metrics.batches.increment();
                break;
            }
        }
        // Before the ack, with which the agent forgets what it has to tell of the batch.
        if trace.finish(&self.intake.tracer, &batch) {
            let decision = TraceDecision { batch_id: batch.batch_id, is_sampled: true };
            self.respond(Kind::TraceDecision(decision), interrupt).await?;
        }
        Ok(())
    }

    /// Takes notice of the first record of a plan.
    fn follow_plan(&self, batch: &Batch) {
        let mut status = self.status();
        if batch.plan_generation < status.progress.awaits() {
            return;
        }
        let offset = clock_offset(batch.clock.as_ref().unwrap_or(&self.context.clock));
        for event in &batch.events {
            if event.plan_generation >= status.progress.awaits() {
                status.progress.seen(event.plan_generation, event_time(event, offset));
            }
        }
    }

    /// The batch's events will not come again: the stream goes on without them, and they count as lost.
    async fn skip(&mut self, last: u64, batch: &Batch) -> Result<(), Stop> {
        let Some(state) = self.state.take() else { return Ok(()) };
        let clock = batch.clock.unwrap_or(self.context.clock);
        let first = batch.events.first().map_or(clock.boot_ns, |event| event.boot_ns);
        let lost = LossRecord {
            place: LossPlace::Engine.into(),
            // Nobody knows what was in it.
            event_class: EventClass::StateBearing.into(),
            reason: LossReason::Rejected.into(),
            count: last.saturating_sub(self.through),
            first_boot_ns: first,
            last_boot_ns: batch.events.last().map_or(clock.boot_ns, |event| event.boot_ns),
            ..LossRecord::default()
        };
        self.intake.metrics.count_loss(&lost);
        let gap = recording::gap(&self.context, batch, lost.clone(), (self.through, last));
        let skip = move |state: &mut OriginState| {
            recording::skip(state, gap);
            state.lose(lost, now_ns());
            state.through_sequence = last;
        };
        self.state = Some(with_state(state, last, skip).await?);
        self.through = last;
        self.show(&Evaluated::default(), 0);
        Ok(())
    }

    /// Does what somebody wants of the stream, between two batches.
    async fn answer(&mut self, knock: Knock) -> Result<(), Stop> {
        let Some(state) = self.state.take() else { return Ok(()) };
        let answer = move |state: &mut OriginState| recording::answer(knock, state);
        self.state = Some(with_state(state, self.through, answer).await?);
        Ok(())
    }

    async fn request_states(
        &mut self,
        processes: Vec<ProcessKey>,
        interrupt: &CancellationToken,
    ) -> Result<(), Stop> {
        for processes in processes.chunks(REQUESTED_PROCESSES) {
            self.requests += 1;
            let reason = "events came of processes that the engine does not know".to_owned();
            let request = StateRequest { request_id: self.requests, processes: processes.to_vec(), reason };
            self.respond(Kind::StateRequest(request), interrupt).await?;
        }
        Ok(())
    }

    /// A client that is gone hears nothing; the reader notices.
    async fn respond(&self, kind: Kind, interrupt: &CancellationToken) -> Result<(), Stop> {
        tokio::select! {
            biased;
            _ = self.links.responses.send(Ok(CaptureResponse { kind: Some(kind) })) => Ok(()),
            () = interrupt.cancelled() => Err(Stop::Interrupted),
        }
    }

    /// Brings the operator's figures up to date.
    fn show(&self, evaluated: &Evaluated, new_alerts: u64) {
        let mut status = self.status();
        status.received_events += evaluated.event_count;
        let now = Instant::now();
        status.rate.add(now, evaluated.event_count);
        status.costs.add(&evaluated.samples, now);
        for violator in &evaluated.violators.found {
            status.violations.add(violator);
        }
        status.last_event_ns = status.last_event_ns.max(evaluated.last_event_ns);
        status.alerts += new_alerts;
        status.received_through = self.through;
        if let Some(state) = &self.state {
            status.process_count = state.model.process_count() as u64;
            status.losses = state.losses.totals();
        }
        if status.rule_set_digest.is_empty() {
            status.rule_set_digest.clone_from(&self.context.alerts.rule_set_digest);
        }
    }

    fn status(&self) -> std::sync::MutexGuard<'_, HostStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works on a state off the async threads.
async fn with_state(
    mut state: OriginState,
    sequence: u64,
    work: impl FnOnce(&mut OriginState) + Send + 'static,
) -> Result<OriginState, Stop> {
    let work = move || {
        work(&mut state);
        state
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Stop::Failed(RpcError::EvaluationFailed { sequence }))
}
