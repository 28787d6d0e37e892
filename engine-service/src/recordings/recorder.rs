//! What records one origin: its window, and what goes out of it.

use std::{sync::Arc, time::Duration};

use eyrie_proto::{
    capture::{AgentInfo, ClockReading, LateFacts},
    event::Origin,
    recording::{Recording, RecordingHeader, RecordingState, RecordingTrigger},
};
use host_model::HostModel;

use super::{
    Mailbox, Recordings, Slice,
    courier::{Courier, Departure, Target},
    store::Refusal,
    tap::TapRequest,
    window::{Beginning, Window},
};
use crate::{host_status::now_ns, log_limit::LogLimit, metadata::Metadata};

static REFUSED: LogLimit = LogLimit::new(Duration::from_secs(10));

/// Of the contract in headers.
const VERSION: u32 = 1;
/// Streams of one origin to clients.
const MAX_TAPS: usize = 4;

/// Whose stream it is.
#[derive(Clone, Debug)]
pub(crate) struct StreamFacts {
    pub(crate) origin: Origin,
    pub(crate) epoch: u64,
    pub(crate) agent: AgentInfo,
    pub(crate) clock: ClockReading,
}

/// A durable alert that wants a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trigger {
    pub(crate) alert_id: String,
    pub(crate) rule: String,
    /// When its event happened.
    pub(crate) time_ns: u64,
    pub(crate) after: Duration,
}

/// See the module. It belongs to the state of its origin.
#[derive(Debug)]
pub(crate) struct Recorder {
    recordings: Arc<Recordings>,
    metadata: Arc<Metadata>,
    stream: StreamFacts,
    origin_name: String,
    /// Made with the first events, where alerts can make recordings begin.
    window: Option<Window>,
    needs_window: bool,
    /// The recording of the alerts.
    running: Option<Running>,
    taps: Vec<Courier>,
    pub(crate) mailbox: Mailbox,
}

#[derive(Debug)]
struct Running {
    id: String,
    courier: Courier,
    /// The newest moment that belongs to it.
    until_ns: u64,
}

// === impl Trigger ===

impl Trigger {
    /// The newest moment that it wants.
    fn until_ns(&self) -> u64 {
        self.time_ns.saturating_add(u64::try_from(self.after.as_nanos()).unwrap_or(u64::MAX))
    }

    fn to_proto(&self, before_ms: u64) -> RecordingTrigger {
        RecordingTrigger {
            alert_id: self.alert_id.clone(),
            rule: self.rule.clone(),
            time_ns: self.time_ns,
            before_ms,
            after_ms: u64::try_from(self.after.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

// === impl Recorder ===

impl Recorder {
    pub(crate) fn new(
        recordings: &Arc<Recordings>,
        metadata: &Arc<Metadata>,
        stream: StreamFacts,
        needs_window: bool,
    ) -> Self {
        Self {
            recordings: Arc::clone(recordings),
            metadata: Arc::clone(metadata),
            origin_name: stream.origin.to_string(),
            stream,
            window: None,
            needs_window,
            running: None,
            taps: Vec::new(),
            mailbox: Mailbox::default(),
        }
    }

    /// Another session goes on with the stream.
    pub(crate) fn resume(&mut self, stream: StreamFacts) {
        self.stream = stream;
    }

    /// Before events are applied to the model.
    pub(crate) fn prepare(&mut self, model: &HostModel, through_sequence: u64) {
        if self.needs_window && self.window.is_none() {
            let limits = self.recordings.window_limits(self.metadata.parked.wait());
            let bytes = Arc::clone(&self.recordings.window_bytes);
            self.window = Some(Window::new(model.clone(), through_sequence, limits, bytes));
        }
    }

    /// Says of each trigger which recording its alert will be in, as far as that can be known: a recording that runs, its own, or
    /// that of a trigger before it.
    pub(crate) fn plan(&self, triggers: &[Trigger]) -> Vec<Option<String>> {
        let running = self.running.as_ref().filter(|running| !running.courier.has_ended());
        let mut current = running.map(|running| (running.id.clone(), running.until_ns));
        let store = self.recordings.store.as_ref();
        triggers
            .iter()
            .map(|trigger| {
                match &mut current {
                    Some((_, until_ns)) if trigger.time_ns <= *until_ns => {
                        *until_ns = trigger.until_ns().max(*until_ns);
                    }
                    _ => {
                        let refusal = store?.refusal(&trigger.alert_id, &self.origin_name);
                        let may_begin = matches!(refusal, None | Some(Refusal::Repeated));
                        current = may_begin.then(|| (trigger.alert_id.clone(), trigger.until_ns()));
                    }
                }
                current.as_ref().map(|(id, _)| id.clone())
            })
            .collect()
    }

    /// Takes the events that come next, and the durable alerts of them, in their order.
    pub(crate) fn record(&mut self, slice: Option<Slice>, triggers: Vec<Trigger>) {
        self.pass_on_facts();
        self.taps.retain(|tap| !tap.has_ended());
        if let Some(slice) = &slice {
            self.taps.iter().for_each(|tap| tap.send(slice.clone()));
        }
        let mut triggers = triggers.into_iter().peekable();
        // Those that keep a running one going count before the events that it would have ended with.
        while let Some(trigger) = triggers.next_if(|trigger| self.extend(trigger)) {
            drop(trigger);
        }
        if let Some(slice) = &slice {
            self.send(slice);
        }
        if let (Some(window), Some(slice)) = (&mut self.window, slice) {
            window.push(slice);
        }
        for trigger in triggers {
            if !self.extend(&trigger) {
                self.begin(&trigger);
            }
        }
    }

    /// Begins a stream to a client, with the state as it is now.
    pub(crate) fn tap(&mut self, request: TapRequest, model: &HostModel, through_sequence: u64) {
        self.taps.retain(|tap| !tap.has_ended());
        if self.taps.len() >= MAX_TAPS {
            request.refuse(MAX_TAPS);
            return;
        }
        let (target, lasts) = request.into_target();
        let beginning = Beginning::now(model.clone(), through_sequence);
        let departure = Departure {
            lasts: Some(lasts),
            // A quiet host is no reason to end.
            stall_wait: Duration::MAX,
            ..self.departure(beginning, None, String::new())
        };
        match Courier::depart(departure, Box::new(target)) {
            Ok(courier) => {
                self.recordings.counters.taps.increment();
                self.taps.push(courier);
                self.mailbox.take(true);
            }
            // With the target goes the client's stream.
            Err(error) => tracing::error!("no thread for a recording: {error}"),
        }
    }

    fn pass_on_facts(&mut self) {
        let is_recording = self.running.is_some() || !self.taps.is_empty();
        for facts in self.mailbox.take(is_recording) {
            for courier in self.running.iter().map(|running| &running.courier).chain(&self.taps) {
                courier.send_facts(facts.clone());
            }
        }
    }

    /// Whether the alert falls into the recording that runs, which then goes on for it.
    fn extend(&mut self, trigger: &Trigger) -> bool {
        let before_ms = self.before_ms();
        let Some(running) = self.running.as_mut().filter(|running| !running.courier.has_ended()) else {
            self.running = None;
            return false;
        };
        if trigger.time_ns > running.until_ns {
            return false;
        }
        running.until_ns = running.until_ns.max(trigger.until_ns());
        running.courier.send_trigger(trigger.to_proto(before_ms));
        self.recordings.counters.extended.increment();
        true
    }

    /// Sends what belongs to the recording that runs, and ends it at its time.
    fn send(&mut self, slice: &Slice) {
        if self.running.as_ref().is_some_and(|running| running.courier.has_ended()) {
            self.running = None;
        }
        let Some(running) = &self.running else { return };
        let end = slice.times().position(|time_ns| time_ns > running.until_ns);
        let (within, beyond) = slice.split_at(end.unwrap_or(slice.len()));
        if let Some(within) = within {
            running.courier.send(within);
        }
        if beyond.is_some()
            && let Some(running) = self.running.take()
        {
            running.courier.complete();
        }
    }

    fn begin(&mut self, trigger: &Trigger) {
        let Some(window) = &self.window else { return };
        let before = self.recordings.options.before;
        let before_ns = u64::try_from(before.as_nanos()).unwrap_or(u64::MAX);
        let mut beginning = window.since(trigger.time_ns.saturating_sub(before_ns));
        let slices = std::mem::take(&mut beginning.slices);
        let first_ns = slices.first().and_then(|slice| slice.times().next());
        let (before_ms, note) = match first_ns {
            Some(first_ns) if beginning.is_short => {
                let before_ms = trigger.time_ns.saturating_sub(first_ns) / 1_000_000;
                (before_ms, format!("only the last {before_ms} ms before the alert had room in the window"))
            }
            _ => (self.before_ms(), String::new()),
        };
        let proto = trigger.to_proto(before_ms);
        let target = match self.reserve(&proto) {
            Ok(target) => target,
            Err(Refusal::Repeated) => return,
            Err(refusal) => return self.refuse(trigger, &refusal),
        };
        match Courier::depart(self.departure(beginning, Some(proto), note), target) {
            Ok(courier) => {
                self.recordings.counters.begun.increment();
                let (id, until_ns) = (trigger.alert_id.clone(), trigger.until_ns());
                tracing::info!(id, origin = self.origin_name, rule = trigger.rule, "a recording begins");
                self.running = Some(Running { id, courier, until_ns });
                self.mailbox.take(true);
                for slice in &slices {
                    self.send(slice);
                }
            }
            Err(error) => self.refuse(trigger, &Refusal::Failed { detail: error.to_string() }),
        }
    }

    fn reserve(&self, trigger: &RecordingTrigger) -> Result<Box<dyn Target>, Refusal> {
        let Some(store) = &self.recordings.store else {
            return Err(Refusal::Failed { detail: "there is no folder".to_owned() });
        };
        store.begin(Recording {
            id: trigger.alert_id.clone(),
            origin: Some(self.stream.origin.clone()),
            hostname: self.stream.agent.hostname.clone(),
            triggers: vec![trigger.clone()],
            created_ns: now_ns(),
            state: RecordingState::Running.into(),
            format: "eyrie".to_owned(),
            ..Recording::default()
        })
    }

    fn refuse(&self, trigger: &Trigger, refusal: &Refusal) {
        self.recordings.counters.refuse(refusal.reason());
        if let Some(suppressed) = REFUSED.pass() {
            let (alert, origin) = (&trigger.alert_id, &self.origin_name);
            tracing::warn!(alert, origin, suppressed, "no recording is made of an alert: {refusal}");
        }
    }

    fn departure(&self, beginning: Beginning, trigger: Option<RecordingTrigger>, note: String) -> Departure {
        let StreamFacts { origin, epoch, agent, clock } = self.stream.clone();
        let header = RecordingHeader {
            version: VERSION,
            origin: Some(origin),
            epoch,
            agent: Some(agent),
            clock: Some(clock),
            created_ns: now_ns(),
            recorder: concat!("engine-service ", env!("CARGO_PKG_VERSION")).to_owned(),
            trigger,
            ..RecordingHeader::default()
        };
        let options = &self.recordings.options;
        let facts = self.metadata.facts_in_force(&self.origin_name);
        Departure {
            header,
            beginning,
            facts: LateFacts { first_fact_sequence: 1, facts },
            // A whole window is queued at once.
            max_queued_bytes: options.max_queued_bytes.saturating_add(options.max_window_bytes),
            stall_wait: options.stall_wait,
            lasts: None,
            note,
            redactor: Arc::clone(&self.recordings.redactor),
            token: self.recordings.tasks.token(),
            stop: self.recordings.stop.clone(),
        }
    }

    fn before_ms(&self) -> u64 {
        u64::try_from(self.recordings.options.before.as_millis()).unwrap_or(u64::MAX)
    }
}
