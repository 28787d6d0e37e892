//! Which clusters push, and when each was heard of last.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use telemetry::{
    KeyValue, Meter,
    observe::{Count, Level, Name},
};
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use crate::store::{ClusterHeard, ClusterSpeaker};

/// Clusters that are shown one by one; of those beyond, the longest time is shown.
const MAX_SHOWN: usize = 64;
/// Clusters that are remembered; of those that are not connected, the longest unheard leave.
const MAX_REMEMBERED: usize = 4_096;

/// All that were heard of.
#[derive(Debug)]
pub(crate) struct Clusters {
    known: Mutex<HashMap<String, Known>>,
    metrics: PushMetrics,
}

/// What is counted over all clusters.
#[derive(Clone, Debug, Default)]
pub(crate) struct PushMetrics {
    streams: Level,
    pub(super) snapshots: Count,
    pub(super) objects: Count,
    /// Deltas that did not follow what is durable.
    pub(super) gaps: Count,
}

/// One cluster.
#[derive(Debug)]
struct Known {
    /// Who holds it is the cluster's stream.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Cancelled when a newer stream comes.
    current: CancellationToken,
    /// Streams that are open or wait for their turn.
    streams: usize,
    heard: Instant,
}

/// Held by the stream that speaks for a cluster.
pub(super) struct Seat {
    clusters: Arc<Clusters>,
    cluster_uid: String,
    /// A newer stream of the cluster waits for this one to end.
    pub(super) replaced: CancellationToken,
    turn: Option<OwnedMutexGuard<()>>,
}

// === impl Clusters ===

impl Clusters {
    /// With those that the store knows; visible from the start.
    pub(crate) fn new(heard: Vec<ClusterHeard>, meter: &Meter) -> Arc<Self> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let known = |ClusterHeard { cluster_uid, heard_ms }| {
            let heard = Duration::from_millis(heard_ms.max(0).cast_unsigned());
            let ago = since_epoch.saturating_sub(heard);
            (cluster_uid, Known::new(Instant::now().checked_sub(ago).unwrap_or_else(Instant::now)))
        };
        let known = Mutex::new(heard.into_iter().take(MAX_REMEMBERED).map(known).collect());
        let clusters = Arc::new(Self { known, metrics: PushMetrics::default() });
        clusters.show(meter);
        clusters
    }

    /// Takes the place of the cluster's stream; resolves once the one before has ended.
    pub(super) async fn take(self: &Arc<Self>, speaker: &ClusterSpeaker) -> Seat {
        let cluster_uid = speaker.cluster_uid.clone();
        let replaced = CancellationToken::new();
        let turn = {
            let mut all = self.known();
            if all.len() >= MAX_REMEMBERED && !all.contains_key(&cluster_uid) {
                forget_one(&mut all);
            }
            let known = all.entry(cluster_uid.clone()).or_insert_with(|| Known::new(Instant::now()));
            std::mem::replace(&mut known.current, replaced.clone()).cancel();
            known.streams += 1;
            known.heard = Instant::now();
            Arc::clone(&known.turn)
        };
        self.metrics.streams.increment();
        let mut seat = Seat { clusters: Arc::clone(self), cluster_uid, replaced, turn: None };
        seat.turn = Some(turn.lock_owned().await);
        seat
    }

    /// How long ago each was heard of; a stream that is open is heard all the time.
    fn unheard(&self) -> Vec<(String, u64)> {
        let seconds = |known: &Known| if known.streams > 0 { 0 } else { known.heard.elapsed().as_secs() };
        let mut all: Vec<_> = self.known().iter().map(|(uid, known)| (uid.clone(), seconds(known))).collect();
        all.sort();
        let others = all.split_off(all.len().min(MAX_SHOWN));
        let longest = others.into_iter().map(|(_, seconds)| seconds).max();
        all.extend(longest.map(|seconds| ("others".to_owned(), seconds)));
        all
    }

    fn show(self: &Arc<Self>, meter: &Meter) {
        let metrics = &self.metrics;
        metrics.streams.show(
            meter,
            Name { name: "eyrie.metadata.clusters.streams", description: "Clusters that push at the moment" },
        );
        let counts = [
            (
                &metrics.snapshots,
                "eyrie.metadata.clusters.snapshots",
                "Snapshots of clusters that were taken whole",
            ),
            (
                &metrics.objects,
                "eyrie.metadata.clusters.objects",
                "Objects and tombstones that clusters pushed",
            ),
            (
                &metrics.gaps,
                "eyrie.metadata.clusters.gaps",
                "Deltas that did not follow what is durable, and led to a snapshot",
            ),
        ];
        for (count, name, description) in counts {
            count.show(meter, Name { name, description });
        }
        let clusters = Arc::downgrade(self);
        meter
            .u64_observable_gauge("eyrie.metadata.clusters.seconds_unheard")
            .with_description("Seconds since a cluster was heard of; 0 while it is connected")
            .with_callback(move |observer| {
                for (uid, seconds) in
                    clusters.upgrade().map(|clusters| clusters.unheard()).unwrap_or_default()
                {
                    observer.observe(seconds, &[KeyValue::new("cluster", uid)]);
                }
            })
            .build();
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_one(all: &mut HashMap<String, Known>) {
    let longest = all.iter().filter(|(_, known)| known.streams == 0).min_by_key(|(_, known)| known.heard);
    if let Some(uid) = longest.map(|(uid, _)| uid.clone()) {
        all.remove(&uid);
    }
}

// === impl Known ===

impl Known {
    fn new(heard: Instant) -> Self {
        Self { turn: Arc::default(), current: CancellationToken::new(), streams: 0, heard }
    }
}

// === impl Seat ===

impl Seat {
    /// Something came.
    pub(super) fn heard(&self) {
        if let Some(known) = self.clusters.known().get_mut(&self.cluster_uid) {
            known.heard = Instant::now();
        }
    }

    pub(super) fn metrics(&self) -> &PushMetrics {
        &self.clusters.metrics
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.clusters.metrics.streams.decrement();
        if let Some(known) = self.clusters.known().get_mut(&self.cluster_uid) {
            known.streams = known.streams.saturating_sub(1);
            known.heard = Instant::now();
        }
        self.turn.take();
    }
}
