//! What an engine counts, and how it is shown.
//!
//! Sessions count by the batch, with one atomic operation each; what other parts know anyway (permits that are taken, the
//! log's bounds, states that are held) is looked up when somebody asks for metrics.

mod show;

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use eyrie_proto::{
    capture::{LossTotal, RejectionReason},
    event::LossRecord,
};
use telemetry::{Counter, Histogram, KeyValue, Meter, SECONDS_BOUNDARIES, observe::Count};

use crate::{alert_log::AlertLogError, error::RpcError, losses::Losses};

/// One for each value that a reason for a rejection has, and one for those that we do not know.
const REASONS: usize = 16;

/// Of one engine since its start.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Events that were applied; those that were sent again and taken already are not among them.
    pub(crate) events: Count,
    /// Batches that were evaluated.
    pub(crate) batches: Count,
    /// Batches of which everything had been taken already.
    pub(crate) repeated_batches: Count,
    rejected_batches: [Count; REASONS],
    /// Entries of the log that are new.
    pub(crate) new_alerts: Count,
    /// Alerts that were in the log already.
    pub(crate) repeated_alerts: Count,
    /// Sessions that an agent began.
    pub(crate) sessions: Count,
    /// By place, class and reason; a record is rare.
    losses: Mutex<Losses>,
    /// What each session has outstanding; the dead are swept when a session begins.
    outstanding: Mutex<Vec<Weak<AtomicU64>>>,
    ended_sessions: Counter<u64>,
    failed_appends: Counter<u64>,
    filter_violations: Counter<u64>,
    append_time: Histogram<f64>,
    evaluation_time: Histogram<f64>,
}

// === impl Metrics ===

impl Metrics {
    /// Counters of its own, and those that need a meter to count at all.
    pub(crate) fn new(meter: &Meter) -> Arc<Self> {
        let seconds = |name, description| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
            histogram.with_boundaries(SECONDS_BOUNDARIES.to_vec()).build()
        };
        let counter = |name, description| meter.u64_counter(name).with_description(description).build();
        Arc::new(Self {
            events: Count::default(),
            batches: Count::default(),
            repeated_batches: Count::default(),
            rejected_batches: Default::default(),
            new_alerts: Count::default(),
            repeated_alerts: Count::default(),
            sessions: Count::default(),
            losses: Mutex::default(),
            outstanding: Mutex::default(),
            ended_sessions: counter("eyrie.engine.sessions.failed", "Sessions that failed, by reason"),
            failed_appends: counter(
                "eyrie.engine.append.failures",
                "Appends to the alert log that failed, by reason; each is tried again",
            ),
            filter_violations: counter(
                "eyrie.engine.filter_violations",
                "Rules that an event which filters would have dropped matched, or may have, by reason",
            ),
            append_time: seconds("eyrie.engine.append.duration", "How long an append to the alert log took"),
            evaluation_time: seconds(
                "eyrie.engine.evaluation.duration",
                "How long the evaluation of a batch took, or of a stretch of it",
            ),
        })
    }

    pub(crate) fn count_rejection(&self, reason: i32) {
        let index = usize::try_from(reason).unwrap_or(0);
        let known = RejectionReason::try_from(reason).is_ok();
        let count = self.rejected_batches.get(index).filter(|_| known).or(self.rejected_batches.first());
        if let Some(count) = count {
            count.increment();
        }
    }

    /// A rule needed a marked event.
    pub(crate) fn count_violation(&self, is_certain: bool) {
        let reason = if is_certain { "match" } else { "unknown" };
        self.filter_violations.add(1, &[KeyValue::new("reason", reason)]);
    }

    pub(crate) fn count_end(&self, error: &RpcError) {
        self.ended_sessions.add(1, &[KeyValue::new("reason", error.reason())]);
    }

    pub(crate) fn count_append(&self, took: Duration, failure: Option<&AlertLogError>) {
        self.append_time.record(took.as_secs_f64(), &[]);
        if let Some(error) = failure {
            let reason = match error {
                AlertLogError::Full { .. } => "full",
                AlertLogError::Io { .. } => "io",
                AlertLogError::Closed { .. } => "closed",
                AlertLogError::Damaged { .. } => "damaged",
                AlertLogError::InUse { .. }
                | AlertLogError::NewerSchema { .. }
                | AlertLogError::Internal { .. } => "internal",
            };
            self.failed_appends.add(1, &[KeyValue::new("reason", reason)]);
        }
    }

    pub(crate) fn count_evaluation(&self, took: Duration) {
        self.evaluation_time.record(took.as_secs_f64(), &[]);
    }

    pub(crate) fn count_loss(&self, record: &LossRecord) {
        self.losses.lock().unwrap_or_else(PoisonError::into_inner).record(record, 0);
    }

    /// A session begins whose outstanding credit this is.
    pub(crate) fn begin_session(&self, outstanding: &Arc<AtomicU64>) {
        self.sessions.increment();
        let mut all = self.outstanding.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|session| session.strong_count() > 0);
        all.push(Arc::downgrade(outstanding));
    }

    fn losses(&self) -> Vec<LossTotal> {
        self.losses.lock().unwrap_or_else(PoisonError::into_inner).totals()
    }

    fn outstanding_bytes(&self) -> u64 {
        let all = self.outstanding.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).map(|session| session.load(Ordering::Relaxed)).sum()
    }

    /// Rejections by reason, those that there were.
    fn rejections(&self) -> Vec<(&'static str, u64)> {
        let counts = (0_i32..).zip(&self.rejected_batches).filter(|(_, count)| count.get() > 0);
        counts
            .map(|(reason, count)| {
                let name = RejectionReason::try_from(reason).unwrap_or_default().as_str_name();
                (name.strip_prefix("REJECTION_REASON_").unwrap_or(name), count.get())
            })
            .collect()
    }
}
