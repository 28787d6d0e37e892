//! What is counted of a bucket.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use telemetry::{
    Meter,
    observe::{self, Count, Level, Name},
};

/// Of one bucket since the start.
#[derive(Clone, Debug)]
pub(in crate::store) struct BucketMetrics {
    pub(super) is_following: Level,
    pub(super) puts: Count,
    pub(super) conflicts: Count,
    pub(super) refused: Count,
    pub(super) remakes: Count,
    pub(super) removed_markers: Count,
    heard: Arc<Mutex<Instant>>,
}

// === impl BucketMetrics ===

impl Default for BucketMetrics {
    fn default() -> Self {
        Self {
            is_following: Level::default(),
            puts: Count::default(),
            conflicts: Count::default(),
            refused: Count::default(),
            remakes: Count::default(),
            removed_markers: Count::default(),
            heard: Arc::new(Mutex::new(Instant::now())),
        }
    }
}

impl BucketMetrics {
    /// The copy was found to be as the bucket is.
    pub(super) fn heard(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// How old the copy may be.
    pub(super) fn seconds_unheard(&self) -> u64 {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed().as_secs()
    }

    /// Makes them visible.
    pub(super) fn show(&self, meter: &Meter) {
        self.is_following.show(
            meter,
            Name {
                name: "eyrie.metadata.bucket.following",
                description: "1 while this replica hears every change of the bucket",
            },
        );
        let metrics = self.clone();
        observe::gauge(
            meter,
            Name {
                name: "eyrie.metadata.bucket.seconds_unheard",
                description: "Seconds since the bucket was heard of: so old may answers be",
            },
            move || Some(metrics.seconds_unheard()),
        );
        let counts = [
            (&self.puts, "eyrie.metadata.bucket.puts", "Keys put or removed"),
            (
                &self.conflicts,
                "eyrie.metadata.bucket.conflicts",
                "Puts that were refused because another replica was first, and were planned again",
            ),
            (
                &self.refused,
                "eyrie.metadata.bucket.writes_refused",
                "Writes that were refused because the bucket could not be reached or was contended",
            ),
            (&self.remakes, "eyrie.metadata.bucket.remakes", "Times that the local copy was made anew"),
            (
                &self.removed_markers,
                "eyrie.metadata.bucket.markers_removed",
                "Markers of removed keys that were cleared away",
            ),
        ];
        for (count, name, description) in counts {
            count.show(meter, Name { name, description });
        }
    }
}
