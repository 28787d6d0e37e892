//! What a session tells whoever records its origin.

use std::sync::Arc;

use eyrie_proto::{
    alert::Alert,
    capture::Batch,
    event::{Event, LossRecord, event::Kind},
};

use super::hello::CheckedHello;
use crate::{
    intake::Intake,
    origin_state::{EvaluationContext, OriginState},
    recordings::{Knock, Recorder, Recordings, Slice, StreamFacts, Trigger},
};

/// Events that were evaluated, with the alerts that want a recording of them. What has alerts waits until those are durable.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    slice: Option<Slice>,
    triggers: Vec<Trigger>,
}

/// Gives the state of a session what records it, unless it brings one along.
pub(super) fn prepare(intake: &Arc<Intake>, hello: &CheckedHello, mut state: OriginState) -> OriginState {
    let stream = StreamFacts {
        origin: hello.origin.clone(),
        epoch: hello.epoch,
        agent: hello.agent.clone(),
        clock: hello.clock,
    };
    match &mut state.recorder {
        Some(recorder) => recorder.resume(stream),
        none => {
            let needs_window = intake.recordings.needs_windows(&*intake.evaluator);
            let recorder = Recorder::new(&intake.recordings, &intake.metadata, stream, needs_window);
            *none = Some(Box::new(recorder));
        }
    }
    state
}

/// Before events are applied; gives the last one that was.
pub(super) fn before_events(state: &mut OriginState) -> u64 {
    if let Some(recorder) = &mut state.recorder {
        recorder.prepare(&state.model, state.through_sequence);
    }
    state.through_sequence
}

// === impl Evidence ===

impl Evidence {
    /// Of the events after `after` that the state has applied since; `bytes` are the whole batch's. Alerts are told which recording
    /// they will be in. What has none is recorded at once.
    pub(super) fn take(
        recordings: &Recordings,
        context: &EvaluationContext,
        state: &mut OriginState,
        (batch, bytes, after): (&Arc<Batch>, u64, u64),
        alerts: &mut [Alert],
    ) -> Self {
        let through = state.through_sequence;
        let Some(recorder) = &mut state.recorder else { return Self::default() };
        let slice = Slice::new(batch, (after, through), bytes, &context.clock);
        let mut triggers = recordings.triggers(&*context.evaluator, alerts);
        recorder.locate(slice.as_ref(), &mut triggers);
        if triggers.is_empty() {
            recorder.record(slice, triggers);
            return Self::default();
        }
        let planned = triggers.iter().map(|trigger| &trigger.alert_id).zip(recorder.plan(&triggers));
        for (alert_id, recording) in planned {
            if let Some(recording) = recording
                && let Some(alert) = alerts.iter_mut().find(|alert| alert.id == *alert_id)
            {
                alert.recording_id = recording;
            }
        }
        Self { slice, triggers }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slice.is_none()
    }

    /// Its alerts are durable.
    pub(super) fn record(self, state: &mut OriginState) {
        if let Some(recorder) = &mut state.recorder {
            recorder.record(self.slice, self.triggers);
        }
    }
}

/// Does what a session was told from outside its stream.
pub(super) fn answer(knock: Knock, state: &mut OriginState) {
    let Some(recorder) = &mut state.recorder else { return };
    match knock {
        Knock::Triggers(mut triggers) => {
            recorder.locate(None, &mut triggers);
            recorder.record(None, triggers);
        }
        Knock::Tap(request) => recorder.tap(request, &state.model, state.through_sequence),
    }
}

/// What stands for the events of a batch after `after`, of which `lost` tells and which will not come.
pub(super) fn gap(
    context: &EvaluationContext,
    batch: &Batch,
    lost: LossRecord,
    (after, last): (u64, u64),
) -> Slice {
    let lost = Event { boot_ns: lost.last_boot_ns, kind: Some(Kind::Loss(lost)), ..Event::default() };
    Slice::gap(batch, lost, (after, last), &context.clock)
}

/// The stream goes on without events, which `gap` stands for.
pub(super) fn skip(state: &mut OriginState, gap: Slice) {
    let Some(recorder) = &mut state.recorder else { return };
    recorder.prepare(&state.model, state.through_sequence);
    recorder.record(Some(gap), Vec::new());
}
