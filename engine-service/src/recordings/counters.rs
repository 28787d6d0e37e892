//! What became of recordings.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use telemetry::{
    Meter,
    observe::{self, Count, Name},
};

/// Of one engine since its start.
#[derive(Debug, Default)]
pub(crate) struct RecordingCounters {
    pub(crate) begun: Count,
    /// Alerts that kept a recording going.
    pub(crate) extended: Count,
    pub(crate) completed: Count,
    /// Removed so that there is room for newer ones.
    pub(crate) removed: Count,
    /// Streams to clients.
    pub(crate) taps: Count,
    refused: Reasons,
    cut: Reasons,
}

/// A count for each reason; there is a handful.
#[derive(Debug, Default)]
struct Reasons(Mutex<BTreeMap<&'static str, u64>>);

// === impl RecordingCounters ===

impl RecordingCounters {
    pub(crate) fn refuse(&self, reason: &'static str) {
        self.refused.add(reason);
    }

    pub(crate) fn cut(&self, reason: &'static str) {
        self.cut.add(reason);
    }

    pub(crate) fn refusals(&self) -> Vec<(&'static str, u64)> {
        self.refused.read()
    }

    pub(crate) fn cuts(&self) -> Vec<(&'static str, u64)> {
        self.cut.read()
    }

    /// Makes everything visible.
    pub(crate) fn show(self: &Arc<Self>, meter: &Meter) {
        let counts: [(&Count, _, _); 5] = [
            (&self.begun, "eyrie.engine.recordings.begun", "Recordings that an alert made begin"),
            (&self.extended, "eyrie.engine.recordings.extended", "Alerts that kept a recording going"),
            (
                &self.completed,
                "eyrie.engine.recordings.completed",
                "Recordings of which nothing is missing at the end",
            ),
            (
                &self.removed,
                "eyrie.engine.recordings.removed",
                "Recordings that had to make room for newer ones",
            ),
            (&self.taps, "eyrie.engine.recordings.taps", "Streams of hosts that clients recorded"),
        ];
        for (count, name, description) in counts {
            count.show(meter, Name { name, description });
        }
        let name = Name {
            name: "eyrie.engine.recordings.refused",
            description: "Alerts of which no recording was made, by reason",
        };
        let counters = Arc::clone(self);
        observe::counters(meter, name, "reason", move || counters.refusals());
        let name = Name {
            name: "eyrie.engine.recordings.cut",
            description: "Recordings that ended before their time, by reason",
        };
        let counters = Arc::clone(self);
        observe::counters(meter, name, "reason", move || counters.cuts());
    }
}

// === impl Reasons ===

impl Reasons {
    fn add(&self, reason: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }

    fn read(&self) -> Vec<(&'static str, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(reason, count)| (*reason, *count)).collect()
    }
}
