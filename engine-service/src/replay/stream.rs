//! One stream of a recording.

use std::sync::Arc;

use eyrie_proto::{
    capture::{BaseState, Batch, BatchEncoding, ClockReading, LateFacts},
    event::{CgroupKey, EventClass, LossPlace, LossReason, LossRecord},
    metadata::{Completeness, LateFact, late_fact},
    recording::{RecordedBatch, RecordingHeader},
};
use fields::Architecture;
use host_model::HostModel;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::{
    Replay, ReplayError, StreamEnd,
    held::Held,
    stats::{Skipped, Stats, Watch},
};
use crate::{
    alert::AlertContext,
    base_state::BaseStateParts,
    evaluate::HostFacts,
    metadata::{Attendance, ContainerName, Metadata},
    origin_state::{EvaluationContext, Numbered, OriginState, clock_offset},
    session::late_facts,
};

/// See the module.
pub(super) struct Stream {
    context: EvaluationContext,
    metadata: Arc<Metadata>,
    pub(super) name: Arc<str>,
    state: Progress,
    /// Batches are of this epoch; 0 if the recording has none.
    recorded_epoch: u64,
    /// Events that a filter left out are no loss.
    is_filtered: bool,
    architecture: Architecture,
    is_timed: bool,
    pub(super) end: Option<StreamEnd>,
    _attendance: Attendance,
}

enum Progress {
    /// The last part of the base state has not come.
    Restoring(Box<BaseStateParts>),
    Evaluating(Box<OriginState>),
}

/// Where a batch stands.
enum Place {
    Repeated,
    Next { missing: u64, left_out: u64 },
}

// === impl Stream ===

impl Stream {
    /// `header` names an origin.
    pub(super) fn new(header: RecordingHeader, replay: &Replay) -> Self {
        let origin = header.origin.clone().unwrap_or_default();
        let agent = header.agent.clone().unwrap_or_default();
        let name: Arc<str> = origin.to_string().into();
        let attendance = replay.metadata.attend(&name, &origin);
        replay.metadata.introduce_host(&name, late_facts::host(&origin, &agent));
        let host = HostFacts::from(&agent);
        let context = EvaluationContext {
            evaluator: Arc::clone(&replay.evaluator),
            alerts: AlertContext {
                origin_name: origin.to_string(),
                origin,
                epoch: epoch(&header),
                rule_set_digest: replay.evaluator.rule_set_digest().to_owned(),
            },
            metadata: Arc::clone(&replay.metadata),
            metrics: Arc::clone(&replay.metrics),
            clock: header.clock.unwrap_or_default(),
            // The plans of recordings were made for other rules.
            first_own_generation: u64::MAX,
            host,
        };
        Self {
            metadata: Arc::clone(&replay.metadata),
            name,
            state: Progress::Restoring(Box::new(BaseStateParts::new(replay.options.max_base_state_bytes))),
            recorded_epoch: header.epoch,
            is_filtered: !header.filter.is_empty(),
            architecture: Architecture::from_machine(&context.host.architecture)
                .unwrap_or(Architecture::X86_64),
            is_timed: replay.options.is_timed,
            end: None,
            context,
            _attendance: attendance,
        }
    }

    /// Takes a part of the state before the first event.
    pub(super) fn restore(&mut self, part: BaseState) -> Result<(), ReplayError> {
        let Progress::Restoring(parts) = &mut self.state else { return Err(ReplayError::BaseStateLate) };
        let is_last = part.is_last;
        parts.check(&part)?;
        parts.restore(part);
        if is_last {
            let parts = std::mem::replace(&mut **parts, BaseStateParts::new(0));
            self.state = Progress::Evaluating(Box::new(parts.into_state()));
        }
        Ok(())
    }

    /// Evaluates a batch; what cannot be taken of it is counted.
    pub(super) fn evaluate(
        &mut self,
        recorded: RecordedBatch,
        held: &mut Held,
        stats: &mut Stats,
    ) -> Result<(), ReplayError> {
        let RecordedBatch { batch, left_out_before } = recorded;
        let Some(batch) = batch.filter(|batch| is_usable(batch, &left_out_before, self.recorded_epoch))
        else {
            stats.skip(Skipped::Batch);
            return Ok(());
        };
        if batch.events.is_empty() {
            stats.left_out_events += left_out_before.iter().copied().map(u64::from).sum::<u64>();
            return Ok(());
        }
        let numbered = Numbered { batch: &batch, left_out_before: &left_out_before };
        self.begin_events(&batch)?;
        let Progress::Evaluating(state) = &mut self.state else { return Ok(()) };
        let Some(place) = place(numbered, state.through_sequence) else {
            stats.skip(Skipped::Batch);
            return Ok(());
        };
        let (missing, left_out) = match place {
            Place::Repeated => {
                stats.skip(Skipped::RepeatedBatch);
                return Ok(());
            }
            Place::Next { missing, left_out } if self.is_filtered => (0, left_out.saturating_add(missing)),
            Place::Next { missing, left_out } => (missing, left_out),
        };
        stats.left_out_events = stats.left_out_events.saturating_add(left_out);
        let first_ns = first_ns(&batch, batch.clock.as_ref().unwrap_or(&self.context.clock));
        if missing > 0 {
            stats.missing_events = stats.missing_events.saturating_add(missing);
            state.lose(missing_record(missing, &batch), first_ns);
        }
        loop {
            let mut watch = Watch::new(stats, self.architecture, self.is_timed);
            let evaluated = state.evaluate_watched(&self.context, numbered, None, &mut watch);
            let is_paused = evaluated.is_paused;
            stats.date(first_ns, evaluated.last_event_ns);
            held.take(evaluated);
            // What waits for nothing is not to pile up.
            held.bound(&self.metadata);
            if !is_paused {
                break;
            }
        }
        let find = |key: &CgroupKey| state.model.cgroup_fact(key.hierarchy, key.cgroup_id);
        held.look_for_cgroups(find, &self.metadata);
        Ok(())
    }

    /// Takes what is told of containers and the host. If all of it was known before, what is still to come of the host is no news.
    pub(super) fn learn(&mut self, late: LateFacts, is_known: bool, held: &mut Held, stats: &mut Stats) {
        let origin = &self.context.alerts.origin;
        let mut is_of_host = false;
        let mut containers = Vec::new();
        for mut fact in late.facts {
            if late_facts::check(origin, &mut fact).is_err() {
                stats.skip(Skipped::ForeignFact);
                continue;
            }
            if is_known && is_pending_host(&fact) {
                continue;
            }
            self.metadata.learn(&self.name, &fact);
            match container_id(&fact) {
                Some(id) => {
                    containers.push(ContainerName { origin: Arc::clone(&self.name), runtime_id: id.into() });
                }
                None => is_of_host = true,
            }
        }
        held.settle(is_of_host, &containers, &self.metadata);
    }

    /// Without a base state nothing is known before the first event.
    fn begin_events(&mut self, first: &Batch) -> Result<(), ReplayError> {
        let Progress::Restoring(parts) = &self.state else { return Ok(()) };
        if parts.count() > 0 {
            return Err(ReplayError::BaseStateIncomplete { parts: parts.count() });
        }
        let through = first.first_sequence.saturating_sub(1);
        self.state = Progress::Evaluating(Box::new(OriginState::new(HostModel::default(), through)));
        Ok(())
    }
}

/// The epoch that alerts are named by: the stream's own, or else one that the same header always gives, and another one another.
fn epoch(header: &RecordingHeader) -> u64 {
    if header.epoch != 0 {
        return header.epoch;
    }
    let digest = Sha256::digest(header.encode_to_vec());
    let first = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    first.max(1)
}

/// Whether the events are there, and all of this stream.
fn is_usable(batch: &Batch, left_out_before: &[u32], epoch: u64) -> bool {
    batch.encoding == i32::from(BatchEncoding::Unspecified)
        && batch.packed_events.is_empty()
        && left_out_before.len() <= batch.events.len().max(1)
        && (epoch == 0 || batch.epoch == epoch)
}

/// Where a batch with events stands behind `through`; nothing if its numbers cannot be.
fn place(Numbered { batch, left_out_before }: Numbered<'_>, through: u64) -> Option<Place> {
    let left_out: u64 = left_out_before.iter().copied().map(u64::from).sum();
    let count = left_out.checked_add(batch.events.len() as u64)?;
    // The last number is left free, so that "the next one" always is a number.
    let last = batch.first_sequence.checked_add(count.checked_sub(1)?).filter(|last| *last < u64::MAX)?;
    if batch.first_sequence == 0 {
        return None;
    }
    if last <= through {
        return Some(Place::Repeated);
    }
    let expected = through.saturating_add(1);
    let missing = batch.first_sequence.saturating_sub(expected);
    Some(Place::Next { missing, left_out })
}

/// Events that the recording does not have, and does not say why.
fn missing_record(count: u64, batch: &Batch) -> LossRecord {
    let boot_ns = batch.events.first().map_or(0, |event| event.boot_ns);
    LossRecord {
        place: LossPlace::Spool.into(),
        // Nobody knows what they were.
        event_class: EventClass::StateBearing.into(),
        reason: LossReason::Unspecified.into(),
        count,
        first_boot_ns: boot_ns,
        last_boot_ns: boot_ns,
        ..LossRecord::default()
    }
}

/// When the first event happened, nanoseconds since the epoch.
fn first_ns(batch: &Batch, clock: &ClockReading) -> u64 {
    let boot_ns = batch.events.first().map_or(0, |event| event.boot_ns);
    boot_ns.saturating_add_signed(clock_offset(clock))
}

fn is_pending_host(fact: &LateFact) -> bool {
    matches!(&fact.kind, Some(late_fact::Kind::Host(host)) if host.completeness() == Completeness::Pending)
}

/// The container that a fact is about; none if it is about the host.
fn container_id(fact: &LateFact) -> Option<&str> {
    let key = match fact.kind.as_ref()? {
        late_fact::Kind::Container(container) => container.key.as_ref(),
        late_fact::Kind::ContainerRemoval(removal) => removal.key.as_ref(),
        late_fact::Kind::Host(_) => None,
    };
    key.map(|key| key.runtime_id.as_str())
}
