//! What there was in a replay.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use eyrie_proto::{
    alert::{Alert, MetadataState},
    event::{Event, event::Kind},
    recording::{RecordingEnd, RecordingTrailer},
};
use fields::Architecture;

use crate::origin_state::Probe;

/// Rules whose alerts are counted each; beyond, they are counted together. Rule sets have hundreds.
const COUNTED_RULES: usize = 65_536;
/// Streams whose ends are kept, up to 1 KiB each; beyond, they are counted.
const KEPT_ENDS: usize = 1_024;
/// Characters of a recorder's own words.
const MAX_MESSAGE_CHARS: usize = 256;

/// Figures of one replay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// How the first streams ended, in their order; a file has no bound to their number.
    pub streams: Vec<StreamEnd>,
    /// Streams in all.
    pub stream_count: u64,
    /// Those of them that were cut off.
    pub cut_off_count: u64,
    /// Events that were applied.
    pub events: u64,
    /// Those of them that rules see, by what Falco calls them.
    pub event_types: BTreeMap<&'static str, u64>,
    /// The others: facts, snapshots of processes, switches of plans, losses.
    pub state_events: u64,
    /// Events that the host lost, as its agent tells.
    pub lost_events: u64,
    /// Events that whoever recorded left out on purpose.
    pub left_out_events: u64,
    /// Events that should be there and are not.
    pub missing_events: u64,
    /// What could not be used, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Alerts by rule.
    pub alerts: BTreeMap<String, u64>,
    /// Alerts that went out though something of them was unknown.
    pub marked_alerts: u64,
    /// When the first event happened, nanoseconds since the epoch; 0 if there was none.
    pub first_event_ns: u64,
    /// When the newest happened.
    pub last_event_ns: u64,
    /// Spent on the state of hosts; only where it is measured.
    pub apply_time: Duration,
    /// Spent on rules; only where it is measured.
    pub evaluate_time: Duration,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// Without a word: it was cut off.
    Missing,
    /// Somebody asked for it, or the time was over.
    Complete,
    /// A budget of the recording was used up.
    Budget,
    /// The stream that was recorded ended.
    Stream,
    /// In words of the recorder's own, as many as are kept.
    Other(String),
}

/// Why something could not be used.
#[derive(Clone, Copy, Debug)]
pub(super) enum Skipped {
    Batch,
    RepeatedBatch,
    ForeignFact,
}

/// Counts what an evaluation does.
pub(super) struct Watch<'s> {
    stats: &'s mut Stats,
    architecture: Architecture,
    is_timed: bool,
    since: Option<Instant>,
}

// === impl Stats ===

impl Stats {
    /// Alerts in all.
    pub fn alert_count(&self) -> u64 {
        self.alerts.values().sum()
    }

    /// Adds those of another replay, which came after it.
    pub fn add(&mut self, other: Self) {
        let room = KEPT_ENDS.saturating_sub(self.streams.len());
        self.streams.extend(other.streams.into_iter().take(room));
        self.stream_count += other.stream_count;
        self.cut_off_count += other.cut_off_count;
        self.events += other.events;
        self.state_events += other.state_events;
        self.lost_events = self.lost_events.saturating_add(other.lost_events);
        self.left_out_events = self.left_out_events.saturating_add(other.left_out_events);
        self.missing_events = self.missing_events.saturating_add(other.missing_events);
        self.marked_alerts += other.marked_alerts;
        add_counts(&mut self.event_types, other.event_types);
        add_counts(&mut self.skipped, other.skipped);
        add_counts(&mut self.alerts, other.alerts);
        self.date(other.first_event_ns, other.last_event_ns);
        self.apply_time += other.apply_time;
        self.evaluate_time += other.evaluate_time;
    }

    /// Takes when the first event of a batch happened, and the newest of a stretch of it.
    pub(super) fn date(&mut self, first_ns: u64, last_ns: u64) {
        if self.first_event_ns == 0 {
            self.first_event_ns = first_ns;
        }
        self.last_event_ns = self.last_event_ns.max(last_ns);
    }

    pub(super) fn end_stream(&mut self, end: StreamEnd) {
        self.stream_count += 1;
        self.cut_off_count += u64::from(end == StreamEnd::Missing);
        if self.streams.len() < KEPT_ENDS {
            self.streams.push(end);
        }
    }

    pub(super) fn skip(&mut self, reason: Skipped) {
        *self.skipped.entry(reason.name()).or_default() += 1;
    }

    pub(super) fn count_alerts(&mut self, alerts: &[Alert]) {
        for alert in alerts {
            self.marked_alerts += u64::from(alert.metadata_state() == MetadataState::Partial);
            if let Some(count) = self.alerts.get_mut(&alert.rule) {
                *count += 1;
                continue;
            }
            let rule = if self.alerts.len() < COUNTED_RULES { &alert.rule } else { "(other rules)" };
            *self.alerts.entry(rule.to_owned()).or_default() += 1;
        }
    }
}

fn add_counts<K: Ord>(to: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *to.entry(key).or_default() += count;
    }
}

// === impl StreamEnd ===

impl From<RecordingTrailer> for StreamEnd {
    fn from(trailer: RecordingTrailer) -> Self {
        match trailer.end() {
            RecordingEnd::Complete => Self::Complete,
            RecordingEnd::Budget => Self::Budget,
            RecordingEnd::Stream => Self::Stream,
            RecordingEnd::Unspecified => {
                Self::Other(trailer.message.chars().take(MAX_MESSAGE_CHARS).collect())
            }
        }
    }
}

// === impl Skipped ===

impl Skipped {
    fn name(self) -> &'static str {
        match self {
            Self::Batch => "batches that are damaged or of another epoch",
            Self::RepeatedBatch => "batches that were there before",
            Self::ForeignFact => "late facts about another origin, or without a key",
        }
    }
}

// === impl Watch ===

impl<'s> Watch<'s> {
    pub(super) fn new(stats: &'s mut Stats, architecture: Architecture, is_timed: bool) -> Self {
        Self { stats, architecture, is_timed, since: None }
    }

    fn lap(&mut self) -> Duration {
        let Some(since) = self.since else { return Duration::ZERO };
        let now = Instant::now();
        self.since = Some(now);
        now.saturating_duration_since(since)
    }
}

impl Probe for Watch<'_> {
    fn begins(&mut self, event: &Event) {
        self.stats.events += 1;
        match fields::event_type(event, self.architecture) {
            Some(name) => *self.stats.event_types.entry(name).or_default() += 1,
            None => self.stats.state_events += 1,
        }
        if let Some(Kind::Loss(record)) = &event.kind {
            self.stats.lost_events = self.stats.lost_events.saturating_add(record.count);
        }
        self.since = self.is_timed.then(Instant::now);
    }

    fn is_applied(&mut self) {
        let lap = self.lap();
        self.stats.apply_time += lap;
    }

    fn is_evaluated(&mut self) {
        let lap = self.lap();
        self.stats.evaluate_time += lap;
    }
}
