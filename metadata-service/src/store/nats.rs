//! The store of several replicas: a bucket of NATS JetStream, and a copy of it with each.
//!
//! The bucket has the truth. Each replica follows it into a database of its own, from which it answers; what is said to it,
//! it plans on that copy, puts into the bucket, and acks when it has come back. Any number of replicas can do so at the same
//! time: a put names the key's last put that it follows, and is refused if there was another. All have the same revisions, so that a
//! watcher goes on at any of them. While the bucket is away, copies answer and nothing is acked.
//!
//! `session` follows, `writing` writes, `bucket` speaks to NATS, `value` is what is stored there.

mod bucket;
mod config;
mod metrics;
mod session;
pub(in crate::store) mod value;
mod writing;

use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use telemetry::Meter;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::config::{NatsConfig, NatsServers, NatsServersError, NatsStorage};
use self::{
    metrics::BucketMetrics,
    session::{Follower, Standing},
    writing::{Ask, Writing, clear_markers},
};
use super::{
    Batch, Changes, ChangesFrom, ClusterHeard, ClusterSpeaker, ClusterStanding, Finding, Listing,
    MetadataStore, Page, Revisions, Scope, Sought, StoreError, StoreLimits,
    sqlite::{Asked, LocalCopy, Outcome},
};

/// What is asked for and waits for its turn; each is a call under way, which bounds its memory to its message.
const WAITING_ASKS: usize = 64;
/// How long the start waits for the bucket.
const START_WAIT: Duration = Duration::from_secs(20);
/// How long a watcher is let wait for what another replica told it.
const CATCH_UP_WAIT: Duration = Duration::from_secs(5);
/// Telling containers anew falls to who took the cluster's word. Others look only every so many times, for the case that
/// that one has ended.
const LOOKS_OF_OTHERS: u64 = 10;

/// A [`MetadataStore`] that is shared by replicas.
#[derive(Debug)]
pub struct NatsStore {
    follower: Follower,
    standing: watch::Receiver<Standing>,
    asks: mpsc::Sender<Ask>,
    tombstones_kept_ms: i64,
    /// Looks that are left until containers of other replicas' clusters are looked after.
    looks: AtomicU64,
    /// This replica took the word of a cluster a moment ago.
    has_cluster_news: AtomicBool,
    stop: CancellationToken,
    tasks: TaskTracker,
}

// === impl NatsStore ===

impl NatsStore {
    /// Opens the copy in `directory` and follows the bucket. Without a bucket it starts on what the copy has; without both it
    /// does not.
    pub async fn open(
        directory: &Path,
        limits: StoreLimits,
        config: NatsConfig,
        meter: &Meter,
    ) -> Result<Self, StoreError> {
        let directory = directory.to_owned();
        let opened = tokio::task::spawn_blocking(move || LocalCopy::open(&directory, limits)).await;
        let copy = opened.map_err(|error| StoreError::Internal {
            path: Default::default(),
            detail: format!("the copy was not opened: {error}"),
        })??;
        copy.metrics.show(meter);
        let metrics = BucketMetrics::default();
        metrics.show(meter);
        let begun = StoreError::BucketAway {
            bucket: config.bucket.clone(),
            detail: "it was not connected yet".to_owned(),
        };
        let (sender, standing) = watch::channel(Standing::Away(begun));
        let follower = Follower {
            config: Arc::new(config),
            copy: Arc::new(copy),
            standing: Arc::new(sender),
            followed: Arc::new(watch::channel(0).0),
            is_remake_wanted: Arc::default(),
            metrics,
        };
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (asks, receiver) = mpsc::channel(WAITING_ASKS);
        let writing = Writing { follower: follower.clone(), standing: standing.clone() };
        tasks.spawn(follower.clone().run(stop.clone()));
        tasks.spawn(writing.run(receiver, stop.clone()));
        let store = Self {
            follower,
            standing,
            asks,
            tombstones_kept_ms: i64::try_from(limits.tombstone_retention.as_millis()).unwrap_or(i64::MAX),
            looks: AtomicU64::new(0),
            has_cluster_news: AtomicBool::new(false),
            stop,
            tasks,
        };
        store.started().await?;
        Ok(store)
    }

    async fn started(&self) -> Result<(), StoreError> {
        let mut standing = self.standing.clone();
        // What is set up wrongly does not become right by waiting.
        let is_settled = |standing: &Standing| {
            matches!(standing, Standing::Following(_) | Standing::Away(StoreError::BucketUnfit { .. }))
        };
        let _ = tokio::time::timeout(START_WAIT, standing.wait_for(is_settled)).await;
        let Standing::Away(error) = self.standing.borrow().clone() else { return Ok(()) };
        match self.copy().position().await? {
            Some((_, sequence)) if !matches!(error, StoreError::BucketUnfit { .. }) => {
                tracing::warn!(%error, sequence, "starting on the copy of the last time");
                Ok(())
            }
            _ => {
                self.close().await;
                Err(error)
            }
        }
    }

    fn copy(&self) -> &LocalCopy {
        &self.follower.copy
    }

    async fn ask(&self, asked: Asked) -> Result<Outcome, StoreError> {
        if let Standing::Away(error) = &*self.standing.borrow() {
            self.follower.metrics.refused.increment();
            return Err(error.clone());
        }
        let closed = || StoreError::BucketAway {
            bucket: self.follower.config.bucket.clone(),
            detail: "the service is shutting down".to_owned(),
        };
        let (answer, receiver) = oneshot::channel();
        self.asks.send(Ask { asked, answer }).await.map_err(|_| closed())?;
        receiver.await.map_err(|_| closed())?
    }

    fn is_following(&self) -> bool {
        matches!(*self.standing.borrow(), Standing::Following(_))
    }
}

#[tonic::async_trait]
impl MetadataStore for NatsStore {
    fn revisions(&self) -> watch::Receiver<Revisions> {
        self.copy().revisions.clone()
    }

    async fn catch_up(&self, revision: u64) -> Result<(), StoreError> {
        let mut revisions = self.revisions();
        if revision <= revisions.borrow_and_update().last {
            return Ok(());
        }
        let link = match self.standing.borrow().clone() {
            Standing::Following(link) => link,
            // It may be newer than the copy: what is older must not be told after it.
            Standing::Away(error) => return Err(error),
        };
        let there = link.base.saturating_add(link.status().await?.last_sequence);
        let reached = revisions.wait_for(|revisions| revisions.last >= revision.min(there));
        match tokio::time::timeout(CATCH_UP_WAIT, reached).await {
            Ok(_) => Ok(()),
            Err(_) => Err(link.away(format!("this replica is behind by more than {CATCH_UP_WAIT:?}"))),
        }
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.copy().position().await?;
        match &*self.standing.borrow() {
            Standing::Following(_) => Ok(()),
            Standing::Away(error) => Err(error.clone()),
        }
    }

    async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn apply(&self, batch: Arc<Batch>) -> Result<u64, StoreError> {
        if matches!(batch.scope, Scope::Cluster(_)) {
            self.has_cluster_news.store(true, Ordering::Relaxed);
        }
        self.ask(Asked::Apply(batch)).await?.applied()
    }

    async fn find(&self, questions: Arc<[Sought]>) -> Result<Vec<Finding>, StoreError> {
        self.copy().find(questions).await
    }

    async fn changes(&self, scopes: Arc<HashSet<Scope>>, from: ChangesFrom) -> Result<Changes, StoreError> {
        self.copy().changes(scopes, from).await
    }

    async fn list(&self, listing: Arc<Listing>) -> Result<Page, StoreError> {
        self.copy().list(listing).await
    }

    /// All replicas do, and the first to put it counts.
    async fn forget_expired(&self) -> Result<(), StoreError> {
        if !self.is_following() {
            return Ok(());
        }
        self.ask(Asked::ForgetExpired).await?;
        let Standing::Following(link) = self.standing.borrow().clone() else { return Ok(()) };
        clear_markers(&self.follower, &link, self.tombstones_kept_ms).await
    }

    async fn open_cluster(&self, speaker: Arc<ClusterSpeaker>) -> Result<ClusterStanding, StoreError> {
        self.ask(Asked::OpenCluster(speaker)).await?.opened()
    }

    async fn present_objects(&self, cluster_uid: &str, after: &str) -> Result<Vec<String>, StoreError> {
        self.copy().present_objects(Scope::Cluster(cluster_uid.to_owned()), after.to_owned()).await
    }

    async fn clusters(&self) -> Result<Vec<ClusterHeard>, StoreError> {
        self.copy().clusters().await
    }

    async fn rejoin(&self) -> Result<bool, StoreError> {
        if !self.is_following() {
            return Ok(false);
        }
        let is_own = self.has_cluster_news.load(Ordering::Relaxed);
        if !is_own && !self.looks.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOKS_OF_OTHERS) {
            return Ok(false);
        }
        let is_more = self.ask(Asked::Rejoin).await?.rejoined()?;
        self.has_cluster_news.store(is_more, Ordering::Relaxed);
        Ok(is_more)
    }
}

impl Drop for NatsStore {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
