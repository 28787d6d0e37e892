//! Watches the objects of clusters.
//!
//! It is a stream of its own beside that of containers: when clusters are added it is opened anew, so that it is plain which
//! snapshot a message belongs to, and what a snapshot does not name is gone.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use eyrie_proto::metadata::{Entity, Tombstone, WatchRequest, entity, tombstone, watch_response::Kind};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, transport::Channel};

use super::Taken;
use crate::{
    log_limit::LogLimit,
    metadata::{
        Metadata, client,
        outage::{BackOff, End, Watch, Words, keep_watching},
    },
};

static WATCH_ENDED: LogLimit = LogLimit::new(Duration::from_secs(10));
static LEFT_OUT: LogLimit = LogLimit::new(Duration::from_secs(60));

/// Keeps the picture of the clusters up to date until `stop`.
pub(in crate::metadata) async fn watch(
    metadata: Arc<Metadata>,
    channel: Channel,
    changed: watch::Receiver<()>,
    stop: CancellationToken,
) {
    let watching = Watching { metadata, channel, changed, clusters: BTreeSet::new(), revision: 0 };
    let words = Words { ended: &WATCH_ENDED, what: "clusters", consequence: "k8s.peer.* may be missing" };
    keep_watching(watching, words, stop).await;
}

/// The watch, over all its streams.
struct Watching {
    metadata: Arc<Metadata>,
    channel: Channel,
    changed: watch::Receiver<()>,
    clusters: BTreeSet<Arc<str>>,
    /// The last that was seen whole; 0 while a snapshot is on its way.
    revision: u64,
}

// === impl Watching ===

impl Watch for Watching {
    async fn watch_once(&mut self, back_off: &mut BackOff) -> Result<End, Status> {
        self.changed.mark_unchanged();
        self.clusters = self.metadata.cache.watched_clusters();
        let is_one_new = self.metadata.peers.watched(&self.clusters);
        if self.clusters.is_empty() {
            return Ok(match self.changed.changed().await {
                Ok(()) => End::Changed,
                Err(_) => End::Closed,
            });
        }
        if is_one_new {
            self.revision = 0;
        }
        if self.revision == 0 {
            self.metadata.peers.begin_snapshot();
        }
        let request = WatchRequest {
            origins: Vec::new(),
            cluster_uids: self.clusters.iter().map(ToString::to_string).collect(),
            after_revision: self.revision,
        };
        let (requests, receiver) = mpsc::channel(1);
        let _ = requests.send(request).await;
        let mut responses = client::open_watch(self.channel.clone(), ReceiverStream::new(receiver)).await?;
        loop {
            tokio::select! {
                response = responses.message() => {
                    let Some(response) = response? else { return Ok(End::Closed) };
                    *back_off = BackOff::new();
                    self.take(response.kind, response.revision);
                }
                changed = self.changed.changed() => match changed {
                    Ok(()) if self.metadata.cache.watched_clusters() == self.clusters => {}
                    Ok(()) => return Ok(End::Changed),
                    Err(_) => return Ok(End::Closed),
                },
            }
        }
    }
}

impl Watching {
    fn take(&mut self, kind: Option<Kind>, revision: u64) {
        match kind {
            Some(Kind::Delta(delta)) => {
                delta.upserts.into_iter().for_each(|entity| self.learn(entity));
                delta.tombstones.into_iter().for_each(|tombstone| self.end(tombstone));
                if self.revision != 0 {
                    self.revision = self.revision.max(revision);
                }
            }
            Some(Kind::SnapshotComplete(_)) => {
                if self.revision == 0 {
                    self.metadata.peers.end_snapshot();
                }
                self.revision = revision;
            }
            Some(Kind::Reset(_)) => {
                self.metadata.peers.begin_snapshot();
                self.revision = 0;
            }
            Some(Kind::Heartbeat(_)) | None => {}
        }
    }

    fn learn(&self, entity: Entity) {
        let counters = &self.metadata.counters;
        let taken = match entity.kind {
            Some(entity::Kind::KubernetesObject(object)) => self.metadata.peers.learn(object),
            Some(_) => Taken::Foreign,
            // Of a kind that a later version has.
            None => return,
        };
        match taken {
            Taken::Kept => {}
            Taken::Foreign => counters.refused_entities.add(1),
            Taken::LeftOut => {
                counters.peers_left_out.add(1);
                if let Some(suppressed) = LEFT_OUT.pass() {
                    tracing::warn!(
                        suppressed,
                        "more pods, services and nodes than are kept: some addresses have no k8s.peer.*"
                    );
                }
            }
        }
    }

    fn end(&self, tombstone: Tombstone) {
        let is_ours = match &tombstone.key {
            Some(tombstone::Key::Kubernetes(key)) => self.metadata.peers.end(key, tombstone.ended_ns),
            Some(_) => false,
            None => return,
        };
        if !is_ours {
            self.metadata.counters.refused_entities.add(1);
        }
    }
}
