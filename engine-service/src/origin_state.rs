//! What the engine holds of one origin while it streams, and what a batch does to it.
//!
//! A state is owned by one session at a time; it moves to the evaluation's thread and back. Its position is always that
//! of the newest event that was applied.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use eyrie_proto::{
    alert::Alert,
    capture::{Batch, ClockReading},
    event::{Event, LossRecord, ProcessKey, ProcessSnapshot, ProcessState, event::Kind},
};
use host_model::HostModel;

use crate::{
    alert::AlertContext,
    evaluate::{Evaluate, HostFacts, Occurrence, RuleMatch},
    losses::Losses,
};

/// Alerts after which an evaluation pauses so that they can be written: a few MiB at some KiB each, also where every
/// event of a batch matches many rules.
const ALERTS_A_STRETCH: usize = 512;
/// Processes that we remember to have asked for: 24 bytes each, twice.
const ASKED_PROCESSES: usize = 4_096;
/// Processes in one request.
const REQUESTED_PROCESSES: usize = 256;

/// The state of an origin as of one event.
#[derive(Debug)]
pub(crate) struct OriginState {
    /// Processes and users.
    pub(crate) model: HostModel,
    /// The last event that was applied.
    pub(crate) through_sequence: u64,
    /// What was lost in this epoch.
    pub(crate) losses: Losses,
    asked: Asked,
}

/// What an evaluation needs besides the state and the events.
pub(crate) struct EvaluationContext {
    pub(crate) evaluator: Arc<dyn Evaluate>,
    pub(crate) alerts: AlertContext,
    pub(crate) host: HostFacts,
    /// For batches that bring no reading of their own.
    pub(crate) clock: ClockReading,
}

/// What became of a stretch of a batch.
#[derive(Debug, Default)]
pub(crate) struct Evaluated {
    pub(crate) alerts: Vec<Alert>,
    /// Events that were applied.
    pub(crate) event_count: u64,
    /// When the newest of them happened, nanoseconds since the epoch; 0 if there is none.
    pub(crate) last_event_ns: u64,
    /// Processes whose state should be asked for.
    pub(crate) unknown_processes: Vec<ProcessKey>,
    /// Events of the batch are left: call again.
    pub(crate) is_paused: bool,
}

/// The processes that were asked for, the newest so many.
#[derive(Debug, Default)]
struct Asked {
    keys: HashSet<(u32, u64)>,
    order: VecDeque<(u32, u64)>,
}

// === impl OriginState ===

impl OriginState {
    /// The state that a model is in after `through_sequence`.
    pub(crate) fn new(model: HostModel, through_sequence: u64) -> Self {
        Self { model, through_sequence, losses: Losses::default(), asked: Asked::default() }
    }

    /// The state that an agent's base state describes.
    pub(crate) fn restore(processes: Vec<ProcessState>, facts: &[Event], as_of_sequence: u64) -> Self {
        let mut model = HostModel::new();
        for state in processes {
            let snapshot = ProcessSnapshot { state: Some(state), ..ProcessSnapshot::default() };
            model.apply(&Event { kind: Some(Kind::ProcessSnapshot(snapshot)), ..Event::default() });
        }
        facts.iter().for_each(|fact| model.apply(fact));
        Self::new(model, as_of_sequence)
    }

    /// Applies and evaluates the events of `batch` that were not applied before, up to a pause. The batch must not begin
    /// after the event that comes next.
    pub(crate) fn evaluate(&mut self, context: &EvaluationContext, batch: &Batch) -> Evaluated {
        let mut evaluated = Evaluated::default();
        let offset = clock_offset(batch.clock.as_ref().unwrap_or(&context.clock));
        let done = (self.through_sequence + 1).saturating_sub(batch.first_sequence);
        let rest = batch.events.iter().skip(usize::try_from(done).unwrap_or(usize::MAX));
        for event in rest {
            if evaluated.alerts.len() >= ALERTS_A_STRETCH {
                evaluated.is_paused = true;
                break;
            }
            self.model.apply(event);
            self.through_sequence += 1;
            let time_ns = event_time(event, offset);
            evaluated.event_count += 1;
            evaluated.last_event_ns = evaluated.last_event_ns.max(time_ns);
            match &event.kind {
                Some(Kind::Loss(record)) => self.lose(record, offset),
                // State and bookkeeping: nothing that a rule could match.
                Some(Kind::Fact(_) | Kind::ProcessSnapshot(_) | Kind::PlanSwitch(_)) | None => {}
                Some(_) => {
                    self.note_unknown(event, &mut evaluated.unknown_processes);
                    // Verify mode: the event would not have been here.
                    if !event.is_filter_marked {
                        self.match_rules(context, batch, (event, time_ns, offset), &mut evaluated.alerts);
                    }
                }
            }
        }
        evaluated
    }

    fn match_rules(
        &self,
        context: &EvaluationContext,
        batch: &Batch,
        (event, time_ns, epoch_offset_ns): (&Event, u64, i64),
        alerts: &mut Vec<Alert>,
    ) {
        let occurrence = Occurrence {
            event,
            model: &self.model,
            sequence: self.through_sequence,
            time_ns,
            epoch_offset_ns,
            is_evidence_lost: self.losses.is_near(event.boot_ns),
            host: &context.host,
        };
        // Holds no memory as long as nothing matches.
        let mut matches: Vec<RuleMatch> = Vec::new();
        context.evaluator.evaluate(&occurrence, &mut matches);
        alerts.extend(matches.into_iter().map(|matched| {
            let loss = self.losses.near(event.boot_ns);
            context.alerts.alert(&occurrence, matched, loss, batch.trace.as_ref())
        }));
    }

    fn lose(&mut self, record: &LossRecord, epoch_offset_ns: i64) {
        self.losses.record(record, record.last_boot_ns.saturating_add_signed(epoch_offset_ns));
    }

    /// Notes the process of an event if the model lacks it, or knows it only from its events, once.
    fn note_unknown(&mut self, event: &Event, unknown: &mut Vec<ProcessKey>) {
        if unknown.len() >= REQUESTED_PROCESSES || matches!(event.kind, Some(Kind::Exit(_))) {
            return;
        }
        let Some(key) = event.task.as_ref().and_then(|task| task.process) else { return };
        let is_known = self.model.process(key.pid).is_some_and(|process| !process.is_incomplete());
        if !is_known && self.asked.insert(key) {
            unknown.push(key);
        }
    }
}

// === impl Asked ===

impl Asked {
    /// Whether the process was not among them.
    fn insert(&mut self, key: ProcessKey) -> bool {
        let key = (key.pid, key.start_boot_ns);
        if !self.keys.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > ASKED_PROCESSES
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
        true
    }
}

/// Wall clock minus boot clock. Both are far from the ends of 64 bits on any real host.
pub(crate) fn clock_offset(reading: &ClockReading) -> i64 {
    reading.epoch_ns.wrapping_sub(reading.boot_ns).cast_signed()
}

/// Nanoseconds since the epoch.
fn event_time(event: &Event, epoch_offset_ns: i64) -> u64 {
    match &event.kind {
        Some(Kind::SourceEvent(source)) if source.time_ns != 0 => source.time_ns,
        _ => event.boot_ns.saturating_add_signed(epoch_offset_ns),
    }
}
