//! How the pushing is doing: for health checks, metrics and people.

use std::sync::{Arc, Mutex, PoisonError};

use cluster_watch::Picture;
use telemetry::{
    Meter,
    observe::{self, Count, Name},
};

/// What is counted, and what is wrong.
#[derive(Debug)]
pub(super) struct Progress {
    problem: Mutex<Option<String>>,
    /// Streams that began.
    pub(super) streams: Count,
    /// Deltas that were sent, those of snapshots among them.
    pub(super) deltas: Count,
    /// Deltas that were acked.
    pub(super) acked: Count,
    /// Snapshots that were begun.
    pub(super) snapshots: Count,
}

// === impl Progress ===

impl Default for Progress {
    fn default() -> Self {
        Self {
            problem: Mutex::new(Some("not connected yet".to_owned())),
            streams: Count::default(),
            deltas: Count::default(),
            acked: Count::default(),
            snapshots: Count::default(),
        }
    }
}

impl Progress {
    /// Why the central service is not told what happens, if it is not.
    pub(super) fn check(&self) -> Result<(), String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    /// All is well, or not.
    pub(super) fn set_problem(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    pub(super) fn show(&self, meter: &Meter, picture: &Arc<Picture>) {
        let counts = [
            (&self.streams, "eyrie.metadata.push.streams", "Streams to the central service that began"),
            (&self.deltas, "eyrie.metadata.push.deltas", "Deltas that were sent to the central service"),
            (&self.acked, "eyrie.metadata.push.deltas_acked", "Deltas that the central service has stored"),
            (&self.snapshots, "eyrie.metadata.push.snapshots", "Snapshots that were begun"),
        ];
        for (count, name, description) in counts {
            count.show(meter, Name { name, description });
        }
        let picture = Arc::downgrade(picture);
        let name = Name {
            name: "eyrie.metadata.kubernetes.objects",
            description: "Objects of the cluster that are kept",
        };
        observe::gauge(meter, name, move || picture.upgrade().map(|picture| picture.len() as u64));
    }
}
