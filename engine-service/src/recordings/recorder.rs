//! What records one origin: its window, and what goes out of it.

use std::{sync::Arc, time::Duration};

use eyrie_proto::{
    capture::{AgentInfo, ClockReading, LateFacts},
    event::Origin,
    recording::{Recording, RecordingHeader, RecordingState, RecordingTrigger},
};
use host_model::HostModel;
use recording::CONTRACT_VERSION;

use super::{
    Mailbox, Recordings, Slice,
    courier::{Courier, Departure, Target},
    store::Refusal,
    tap::TapRequest,
    trigger::{Span, Trigger},
    window::{Beginning, Window},
};
use crate::{host_status::now_ns, log_limit::LogLimit, metadata::Metadata};

static REFUSED: LogLimit = LogLimit::new(Duration::from_secs(10));

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
    /// Recordings of alerts: mostly one; another only where an alert that waited is older than all that run.
    running: Vec<Running>,
    taps: Vec<Courier>,
    pub(crate) mailbox: Mailbox,
}

#[derive(Debug)]
struct Running {
    id: String,
    courier: Courier,
    span: Span,
}

// === impl Running ===

impl Running {
    /// Takes what belongs to it of the events that come next; gives itself back unless it is over.
    fn take(self, slices: &[Slice]) -> Option<Self> {
        for slice in slices {
            if self.courier.has_ended() {
                return None;
            }
            let mut events = (slice.first_sequence()..).zip(slice.boot_times());
            let end = events.position(|event| self.span.is_over_at(event));
            let (within, beyond) = slice.split_at(end.unwrap_or(slice.len()));
            if let Some(within) = within {
                self.courier.send(within);
            }
            if beyond.is_some() {
                self.courier.complete();
                return None;
            }
        }
        Some(self)
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
            running: Vec::new(),
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
        let running = self.running.iter().filter(|running| !running.courier.has_ended());
        let mut planned: Vec<_> = running.map(|running| (running.id.clone(), running.span)).collect();
        let before = self.recordings.options.before;
        let store = self.recordings.store.as_ref();
        let plan = |trigger: &Trigger| {
            if let Some((id, span)) = planned.iter_mut().find(|(_, span)| span.has(trigger)) {
                span.extend_to(trigger.span(before));
                return Some(id.clone());
            }
            let id = trigger.alert_id.clone();
            match store?.refusal(&id, &self.origin_name) {
                None => planned.push((id.clone(), trigger.span(before))),
                Some(Refusal::Repeated) => {}
                Some(_) => return None,
            }
            Some(id)
        };
        triggers.iter().map(plan).collect()
    }

    /// Finds out when the events of triggers happened by the boot clock: they are in the slice, or in the window.
    pub(crate) fn locate(&self, slice: Option<&Slice>, triggers: &mut [Trigger]) {
        let window = self.window.as_ref();
        for trigger in triggers {
            let (sequence, time_ns) = (trigger.sequence, trigger.time_ns);
            let coming = slice.and_then(|slice| slice.boot_time_of(sequence));
            let found = coming.or_else(|| window.and_then(|window| window.boot_time(sequence, time_ns)));
            trigger.boot_ns =
                found.or_else(|| slice.map(|slice| slice.boot_time_at(time_ns))).unwrap_or_default();
        }
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
        while let Some(trigger) = triggers.next() {
            if self.extend(&trigger) {
                continue;
            }
            let Some((running, slices)) = self.begin(&trigger) else { continue };
            self.running.push(running);
            // They keep it going before it gets events that it would have ended with.
            while let Some(next) = triggers.next_if(|next| self.extend(next)) {
                drop(next);
            }
            // Gone if it has failed meanwhile.
            let begun = self.running.pop_if(|last| last.id == trigger.alert_id);
            self.running.extend(begun.and_then(|running| running.take(&slices)));
        }
    }

    /// Begins a stream to a client, with the state as it is now.
    pub(crate) fn tap(&mut self, request: TapRequest, model: &HostModel, through_sequence: u64) {
        self.taps.retain(|tap| !tap.has_ended());
        if self.taps.len() >= MAX_TAPS {
            request.refuse(MAX_TAPS);
            return;
        }
        self.pass_on_facts();
        self.mailbox.open();
        let (target, lasts) = request.into_target(self.recordings.stop.clone());
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
            }
            // With the target goes the client's stream.
            Err(error) => tracing::error!("no thread for a recording: {error}"),
        }
    }

    fn pass_on_facts(&mut self) {
        let is_recording = !self.running.is_empty() || !self.taps.is_empty();
        for facts in self.mailbox.take(is_recording) {
            for courier in self.running.iter().map(|running| &running.courier).chain(&self.taps) {
                courier.send_facts(facts.clone());
            }
        }
    }

    /// Whether the alert falls into a recording that runs, which then goes on for it.
    fn extend(&mut self, trigger: &Trigger) -> bool {
        let before_ms = self.before_ms();
        self.running.retain(|running| !running.courier.has_ended());
        let Some(running) = self.running.iter_mut().find(|running| running.span.has(trigger)) else {
            return false;
        };
        running.span.extend_to(trigger.span(self.recordings.options.before));
        running.courier.send_trigger(trigger.to_proto(before_ms));
        self.recordings.counters.extended.increment();
        true
    }

    /// Sends what belongs to the recordings that run, and ends each at its time.
    fn send(&mut self, slice: &Slice) {
        let running = std::mem::take(&mut self.running).into_iter();
        self.running = running.filter_map(|running| running.take(std::slice::from_ref(slice))).collect();
    }

    /// A recording that begins with an alert, and what it is to be sent of the window.
    fn begin(&mut self, trigger: &Trigger) -> Option<(Running, Vec<Slice>)> {
        let window = self.window.as_ref()?;
        // Before the table of processes is copied for it.
        match self.recordings.store.as_ref()?.refusal(&trigger.alert_id, &self.origin_name) {
            None => {}
            Some(refusal) => return self.refuse(trigger, &refusal),
        }
        let span = trigger.span(self.recordings.options.before);
        let mut beginning = window.since(span.from_ns);
        let slices = std::mem::take(&mut beginning.slices);
        let first_ns = slices.first().and_then(|slice| slice.boot_times().next());
        let (before_ms, note) = match first_ns {
            Some(first_ns) if beginning.is_short => {
                let before_ms = trigger.boot_ns.saturating_sub(first_ns) / 1_000_000;
                (before_ms, format!("only the last {before_ms} ms before the alert had room in the window"))
            }
            _ => (self.before_ms(), String::new()),
        };
        let proto = trigger.to_proto(before_ms);
        let target = match self.reserve(&proto) {
            Ok(target) => target,
            Err(refusal) => return self.refuse(trigger, &refusal),
        };
        self.pass_on_facts();
        self.mailbox.open();
        match Courier::depart(self.departure(beginning, Some(proto), note), target) {
            Ok(courier) => {
                self.recordings.counters.begun.increment();
                let id = trigger.alert_id.clone();
                tracing::info!(id, origin = self.origin_name, rule = trigger.rule, "a recording begins");
                Some((Running { id, courier, span }, slices))
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

    fn refuse<T>(&self, trigger: &Trigger, refusal: &Refusal) -> Option<T> {
        if *refusal == Refusal::Repeated {
            return None;
        }
        self.recordings.counters.refuse(refusal.reason());
        if let Some(suppressed) = REFUSED.pass() {
            let (alert, origin) = (&trigger.alert_id, &self.origin_name);
            tracing::warn!(alert, origin, suppressed, "no recording is made of an alert: {refusal}");
        }
        None
    }

    fn departure(&self, beginning: Beginning, trigger: Option<RecordingTrigger>, note: String) -> Departure {
        let StreamFacts { origin, epoch, agent, clock } = self.stream.clone();
        let header = RecordingHeader {
            version: CONTRACT_VERSION,
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
