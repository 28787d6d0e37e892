//! What the engine holds of one origin while it streams, and what a batch does to it.
//!
//! A state is owned by one session at a time; it moves to the evaluation's thread and back. Its position is always that
//! of the newest event that was applied.

use std::sync::Arc;

use eyrie_proto::{
    alert::{Alert, LossState},
    capture::{Batch, ClockReading, TraceContext},
    event::{Event, LossRecord, ProcessKey, event::Kind},
};
use fields::{ContainerView, LOSS_WINDOW, PeerView, event_type};
use host_model::HostModel;

use crate::{
    alert::{AlertContext, Surroundings},
    evaluate::{Evaluate, HostFacts, Occurrence, RuleMatch},
    losses::Losses,
    metadata::{ContainerJoin, HostSurroundings, JoinMemory, Metadata},
    metrics::Metrics,
    parking::{ParkedGroup, Parker},
    plans::{Sample, Sampler, Violator, Violators},
    recordings::Recorder,
};

/// Alerts after which an evaluation pauses so that they can be written: a few MiB at some KiB each, also where every
/// event of a batch matches many rules.
const ALERTS_A_STRETCH: usize = 512;
/// Losses that an alert shows, and sources of each.
const LOSSES_SHOWN: usize = 16;
const LOSS_SOURCES_SHOWN: usize = 4;

/// The state of an origin as of one event.
#[derive(Debug)]
pub(crate) struct OriginState {
    /// Processes and users.
    pub(crate) model: HostModel,
    /// The last event that was applied.
    pub(crate) through_sequence: u64,
    /// What was lost in this epoch.
    pub(crate) losses: Losses,
    /// Containers of late events of this very model.
    joins: JoinMemory,
    /// What records the origin; sessions of an engine have one.
    pub(crate) recorder: Option<Box<Recorder>>,
    /// Picks events to say what events cost; sessions of an engine have one.
    sampler: Option<Sampler>,
}

/// What an evaluation needs besides the state and the events.
pub(crate) struct EvaluationContext {
    pub(crate) evaluator: Arc<dyn Evaluate>,
    pub(crate) alerts: AlertContext,
    pub(crate) host: HostFacts,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) metrics: Arc<Metrics>,
    /// For batches that bring no reading of their own.
    pub(crate) clock: ClockReading,
    /// What plans from this one on keep back must be nothing that the rules need: they were made here, for these rules.
    pub(crate) first_own_generation: u64,
}

/// What is the same for all events of a stretch of a batch.
struct Stretch<'a> {
    context: &'a EvaluationContext,
    trace: Option<&'a TraceContext>,
    around: HostSurroundings,
    /// Wall clock minus boot clock.
    offset: i64,
}

/// Events of a stream, with what was left out between them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbered<'a> {
    pub(crate) batch: &'a Batch,
    /// How many events the stream had before each of these, beyond the one before it; empty, as in all that comes from an
    /// agent, for none.
    pub(crate) left_out_before: &'a [u32],
}

/// Sees what an evaluation does with each event.
pub(crate) trait Probe {
    fn begins(&mut self, event: &Event);
    /// The model is as the event left it.
    fn is_applied(&mut self);
    /// The rules have been asked.
    fn is_evaluated(&mut self);
}

/// Sees nothing, and costs nothing.
pub(crate) struct Unwatched;

/// What became of a stretch of a batch.
#[derive(Debug, Default)]
pub(crate) struct Evaluated {
    pub(crate) alerts: Vec<Alert>,
    /// Matches that wait for metadata.
    pub(crate) parked: Vec<ParkedGroup>,
    /// Events that were applied.
    pub(crate) event_count: u64,
    /// When the newest of them happened, nanoseconds since the epoch; 0 if there is none.
    pub(crate) last_event_ns: u64,
    /// Processes whose state should be asked for.
    pub(crate) unknown_processes: Vec<ProcessKey>,
    /// Events of the batch are left: call again.
    pub(crate) is_paused: bool,
    /// What marked events were needed for.
    pub(crate) violators: Violators,
    /// Events that were picked.
    pub(crate) samples: Vec<Sample>,
}

// === impl OriginState ===

impl OriginState {
    /// The state that a model is in after `through_sequence`.
    pub(crate) fn new(model: HostModel, through_sequence: u64) -> Self {
        Self {
            model,
            through_sequence,
            losses: Losses::default(),
            joins: JoinMemory::default(),
            recorder: None,
            sampler: None,
        }
    }

    /// The same with a look at what events cost.
    pub(crate) fn sampled(mut self) -> Self {
        self.sampler.get_or_insert_default();
        self
    }

    /// Applies and evaluates the events of `batch` that were not applied before, up to a pause. The batch must not begin
    /// after the event that comes next.
    /// `trace` is what the alerts carry.
    pub(crate) fn evaluate(
        &mut self,
        context: &EvaluationContext,
        batch: &Batch,
        trace: Option<&TraceContext>,
    ) -> Evaluated {
        self.evaluate_watched(context, Numbered { batch, left_out_before: &[] }, trace, &mut Unwatched)
    }

    /// The same for events that something may be missing between, before the eyes of `probe`.
    pub(crate) fn evaluate_watched(
        &mut self,
        context: &EvaluationContext,
        Numbered { batch, left_out_before }: Numbered<'_>,
        trace: Option<&TraceContext>,
        probe: &mut impl Probe,
    ) -> Evaluated {
        let mut evaluated = Evaluated::default();
        let offset = clock_offset(batch.clock.as_ref().unwrap_or(&context.clock));
        let name = &context.alerts.origin_name;
        let mut joins = std::mem::take(&mut self.joins);
        let mut join = ContainerJoin::new(&context.metadata, name, &mut joins);
        let stretch = Stretch { context, trace, around: context.metadata.surroundings(name), offset };
        let mut left_out = left_out_before.iter().copied().map(u64::from).chain(std::iter::repeat(0));
        let mut next_sequence = batch.first_sequence;
        for event in &batch.events {
            let sequence = next_sequence.saturating_add(left_out.next().unwrap_or_default());
            next_sequence = sequence.saturating_add(1);
            if sequence <= self.through_sequence {
                continue;
            }
            if evaluated.alerts.len() + evaluated.parked.len() >= ALERTS_A_STRETCH {
                evaluated.is_paused = true;
                break;
            }
            probe.begins(event);
            self.model.apply(event);
            self.through_sequence = sequence;
            probe.is_applied();
            let time_ns = event_time(event, offset);
            evaluated.event_count += 1;
            evaluated.last_event_ns = evaluated.last_event_ns.max(time_ns);
            match &event.kind {
                Some(Kind::Loss(record)) => {
                    context.metrics.count_loss(record);
                    self.losses.record(record, record.last_boot_ns.saturating_add_signed(offset));
                }
                // State and bookkeeping: nothing that a rule could match.
                Some(Kind::Fact(_) | Kind::ProcessSnapshot(_) | Kind::PlanSwitch(_)) | None => {}
                Some(_) => {
                    let weight = self.sampler.as_mut().and_then(Sampler::pick);
                    let event = (event, time_ns);
                    if event.0.is_filter_marked || weight.is_some() {
                        self.look_apart(&stretch, event, weight, &mut join, &mut evaluated);
                    }
                    // What is marked would not have been here.
                    if !event.0.is_filter_marked {
                        self.match_rules(&stretch, event, &mut join, &mut evaluated);
                    }
                }
            }
            probe.is_evaluated();
        }
        drop(join);
        self.joins = joins;
        evaluated.unknown_processes = self.model.take_unknown();
        evaluated
    }

    /// Takes a loss that is no event of the stream.
    pub(crate) fn lose(&mut self, record: LossRecord, last_ns: u64) {
        self.losses.record(&record, last_ns);
        let boot_ns = record.last_boot_ns;
        self.model.apply(&Event { boot_ns, kind: Some(Kind::Loss(record)), ..Event::default() });
    }

    fn occurrence<'a>(
        &'a self,
        stretch: &'a Stretch<'_>,
        (event, time_ns): (&'a Event, u64),
        container: ContainerView<'a>,
        peer: PeerView<'a>,
    ) -> Occurrence<'a> {
        let context = stretch.context;
        Occurrence {
            event,
            model: &self.model,
            sequence: self.through_sequence,
            time_ns,
            epoch_offset_ns: stretch.offset,
            host: &context.host,
            container,
            machine: stretch.around.host.view(Some(&context.alerts.origin)),
            peer,
        }
    }

    /// Looks at an event without matching it: which rules needed it though filters marked it, and what it costs if it was
    /// picked. What merely carries state of a recording has no plan, and what older plans marked they marked by other rules.
    fn look_apart(
        &self,
        stretch: &Stretch<'_>,
        (event, time_ns): (&Event, u64),
        weight: Option<u32>,
        join: &mut ContainerJoin<'_>,
        evaluated: &mut Evaluated,
    ) {
        let context = stretch.context;
        let event_type = event_type(event, context.host.numbering());
        let is_violation_possible =
            event.is_filter_marked && event.plan_generation >= context.first_own_generation;
        let joined = is_violation_possible.then(|| join.container_of(event, &self.model));
        let peer =
            is_violation_possible.then(|| context.metadata.peer(&stretch.around.clusters, event, time_ns));
        let occurrence = self.occurrence(
            stretch,
            (event, time_ns),
            joined.as_ref().map_or_else(ContainerView::default, |joined| joined.view()),
            peer.as_ref().map_or_else(PeerView::default, |peer| peer.view()),
        );
        if let (Some(weight), Some(event_type)) = (weight, event_type) {
            evaluated.samples.push(Sample::new(&*context.evaluator, &occurrence, event_type, weight));
        }
        if !is_violation_possible {
            return;
        }
        for violation in context.evaluator.violations(&occurrence) {
            evaluated.violators.push(Violator {
                rule: violation.rule,
                is_certain: violation.is_certain,
                event_type: event_type.unwrap_or_default(),
                sequence: self.through_sequence,
                generation: event.plan_generation,
            });
        }
    }

    fn match_rules(
        &self,
        stretch: &Stretch<'_>,
        (event, time_ns): (&Event, u64),
        join: &mut ContainerJoin<'_>,
        evaluated: &mut Evaluated,
    ) {
        let Stretch { context, trace, around, .. } = stretch;
        let joined = join.container_of(event, &self.model);
        let peer = context.metadata.peer(&around.clusters, event, time_ns);
        let occurrence = self.occurrence(stretch, (event, time_ns), joined.view(), peer.view());
        // Holds no memory as long as nothing matches.
        let mut matches: Vec<RuleMatch> = Vec::new();
        context.evaluator.evaluate(&occurrence, &mut matches);
        if matches.is_empty() {
            return;
        }
        let mut candidates = matches.into_iter().map(|mut matched| {
            let is_held_back = matched.is_held_back;
            let residual = matched.take_residual();
            let loss = self.loss_around(event.boot_ns);
            let around = Surroundings { loss, trace: *trace, host: around.host.host.as_deref() };
            (is_held_back, residual, context.alerts.alert(&occurrence, matched, &joined, around))
        });
        let parker = Parker { metadata: &context.metadata, joined, host: &around.host, event };
        parker.park(&context.alerts.origin_name, &mut candidates, evaluated);
    }

    /// What was lost around an event, as far as it is known by now.
    fn loss_around(&self, boot_ns: u64) -> LossState {
        let recent: Vec<LossRecord> = self
            .model
            .recent_loss(boot_ns, LOSS_WINDOW)
            .take(LOSSES_SHOWN)
            .map(|record| {
                let mut shown = record.clone();
                shown.top_sources.truncate(LOSS_SOURCES_SHOWN);
                shown
            })
            .collect();
        LossState { is_evidence_lost: !recent.is_empty(), recent }
    }
}

// === impl Unwatched ===

impl Probe for Unwatched {
    fn begins(&mut self, _event: &Event) {}

    fn is_applied(&mut self) {}

    fn is_evaluated(&mut self) {}
}

/// Wall clock minus boot clock. Both are far from the ends of 64 bits on any real host.
pub(crate) fn clock_offset(reading: &ClockReading) -> i64 {
    reading.epoch_ns.wrapping_sub(reading.boot_ns).cast_signed()
}

/// Nanoseconds since the epoch.
pub(crate) fn event_time(event: &Event, epoch_offset_ns: i64) -> u64 {
    match &event.kind {
        Some(Kind::SourceEvent(source)) if source.time_ns != 0 => source.time_ns,
        _ => event.boot_ns.saturating_add_signed(epoch_offset_ns),
    }
}
