//! Takes what the metadata services of clusters push: a whole picture, then every change, acked once it is durable.
//!
//! Deltas are numbered by their sender within its epoch. One that comes again changes nothing, and one that does not follow
//! what is durable is answered with the wish for a snapshot; so is a sender whose acks the store does not know. A cluster
//! has one stream at a time: the newest, which begins when the one before has ended, so that nothing of the old one is
//! applied after the new one was told how far things are. What a cluster had stays while its stream is away; `clusters`
//! says for how long.

mod check;
mod clusters;

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use eyrie_proto::metadata::{
    ClusterDelta, ClusterHello, KubernetesKey, PushClusterRequest, PushClusterResponse,
    push_cluster_request::Kind,
};
use grpc_transport::AuthenticatedPeer;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

pub(crate) use self::clusters::Clusters;
use self::{check::Delta, clusters::Seat};
use crate::{
    error::RpcError,
    store::{Batch, ClusterSpeaker, MetadataStore, Numbering, Scope, Statement, StoreError, Turn},
};

/// Clusters that push at a time; each holds one message of up to 4 MiB, and the uids of a snapshot under way.
pub(crate) const MAX_STREAMS: usize = 256;
/// Acks between a stream and its connection.
pub(crate) const WAITING_ACKS: usize = 16;
/// How long the first message may take.
const HELLO_WAIT: Duration = Duration::from_secs(10);
/// How long a client may take to make room for an ack.
const ACK_WAIT: Duration = Duration::from_secs(10);
/// How long a client may take to accept the status that ends its stream.
const STATUS_WAIT: Duration = Duration::from_secs(2);
/// Removals at the end of a snapshot that are applied at once.
const REMOVALS_AT_ONCE: usize = 1_024;

/// One stream of a cluster.
pub(crate) struct Push {
    pub(crate) store: Arc<dyn MetadataStore>,
    pub(crate) clusters: Arc<Clusters>,
    /// Told when something was applied that containers may have to be told anew for.
    pub(crate) applied: Arc<Notify>,
    pub(crate) max_objects: usize,
    pub(crate) peer: AuthenticatedPeer,
    pub(crate) requests: Streaming<PushClusterRequest>,
    pub(crate) acks: mpsc::Sender<Result<PushClusterResponse, Status>>,
    pub(crate) permit: OwnedSemaphorePermit,
}

/// Why a stream ends.
enum End {
    /// Its client is gone.
    Gone,
    Failed(RpcError),
}

/// A stream after its hello.
struct Session {
    store: Arc<dyn MetadataStore>,
    applied: Arc<Notify>,
    max_objects: usize,
    speaker: ClusterSpeaker,
    acks: mpsc::Sender<Result<PushClusterResponse, Status>>,
    seat: Seat,
    /// What the snapshot under way has had.
    snapshot: Option<Snapshot>,
    /// A snapshot was asked for: what comes before its beginning is of no use.
    is_waiting: bool,
    stop: CancellationToken,
}

/// A snapshot under way.
#[derive(Default)]
struct Snapshot {
    seen: HashSet<String>,
    has_begun: bool,
}

// === impl Push ===

impl Push {
    /// Takes messages until the client goes, another stream of the cluster comes, or `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let Self { store, clusters, applied, max_objects, peer, mut requests, acks, permit } = self;
        let begun = tokio::select! {
            () = stop.cancelled() => Err(End::Failed(RpcError::ShuttingDown)),
            hello = hello(&mut requests, &peer) => hello,
        };
        let end = match begun {
            Err(end) => end,
            Ok(speaker) => {
                let seat = clusters.take(&speaker).await;
                let uid = speaker.cluster_uid.clone();
                tracing::info!(cluster = %uid, name = %speaker.name, %peer, "a cluster pushes what it has");
                let session = Session {
                    store,
                    applied,
                    max_objects,
                    speaker,
                    acks: acks.clone(),
                    seat,
                    snapshot: None,
                    is_waiting: false,
                    stop,
                };
                let end = session.run(requests).await;
                let why =
                    end.error().map(ToString::to_string).unwrap_or_else(|| "its stream ended".to_owned());
                tracing::warn!(cluster = %uid, "a cluster is away, keeping what it had: {why}");
                end
            }
        };
        if let End::Failed(error) = end {
            let _ = tokio::time::timeout(STATUS_WAIT, acks.send(Err(error.into()))).await;
        }
        drop(permit);
    }
}

/// The first message, if its sender may say that.
async fn hello(
    requests: &mut Streaming<PushClusterRequest>,
    peer: &AuthenticatedPeer,
) -> Result<ClusterSpeaker, End> {
    let first = match tokio::time::timeout(HELLO_WAIT, requests.message()).await {
        Ok(Ok(Some(request))) => request,
        Ok(Ok(None)) => return Err(End::Gone),
        Ok(Err(status)) => return Err(End::broken(&status)),
        Err(_) => return Err(End::Failed(RpcError::PushMissing { waited: HELLO_WAIT })),
    };
    let Some(Kind::Hello(hello)) = first.kind else {
        return Err(End::Failed(RpcError::PushInvalid { detail: "it does not begin with a hello".into() }));
    };
    let acked: &ClusterHello = &hello;
    check::hello(acked).map_err(End::Failed)?;
    if !peer.may_speak_for_cluster(&hello.tenant, &hello.cluster_uid) {
        return Err(End::Failed(RpcError::ClusterNotAllowed {
            peer: peer.to_string(),
            identity: peer.identity().to_string(),
            cluster_uid: hello.cluster_uid,
            tenant: hello.tenant,
        }));
    }
    Ok(ClusterSpeaker {
        cluster_uid: hello.cluster_uid,
        name: hello.cluster_name,
        tenant: hello.tenant,
        epoch: hello.epoch,
        acked_through_ordinal: hello.acked_through_ordinal,
    })
}

// === impl Session ===

impl Session {
    async fn run(mut self, mut requests: Streaming<PushClusterRequest>) -> End {
        if let Err(end) = self.greet().await {
            return end;
        }
        loop {
            // What was begun to be applied is waited for: whoever comes next must find it.
            let message = tokio::select! {
                end = self.interrupted() => return end,
                () = self.acks.closed() => return End::Gone,
                message = requests.message() => message,
            };
            let kind = match message {
                Ok(Some(PushClusterRequest { kind })) => kind,
                Ok(None) => return End::Gone,
                Err(status) => return End::broken(&status),
            };
            self.seat.heard();
            if let Err(end) = self.take(kind).await {
                return end;
            }
        }
    }

    /// Resolves when this stream has to make way.
    async fn interrupted(&self) -> End {
        tokio::select! {
            () = self.stop.cancelled() => End::Failed(RpcError::ShuttingDown),
            () = self.seat.replaced.cancelled() => {
                let cluster_uid = self.speaker.cluster_uid.clone();
                End::Failed(RpcError::ClusterReplaced { cluster_uid })
            }
        }
    }

    /// Says how far things are, and whether that is of use.
    async fn greet(&mut self) -> Result<(), End> {
        let standing = self.store.open_cluster(Arc::new(self.speaker.clone())).await;
        let standing = standing.map_err(|error| End::Failed(error.into()))?;
        let is_known = standing.through_ordinal >= self.speaker.acked_through_ordinal;
        self.is_waiting = !(standing.is_whole && is_known);
        self.ack(standing.through_ordinal, self.is_waiting).await
    }

    async fn take(&mut self, kind: Option<Kind>) -> Result<(), End> {
        let invalid = |detail: &str| Err(End::Failed(RpcError::PushInvalid { detail: detail.to_owned() }));
        match kind {
            None => invalid("it is empty, or of a kind that this service does not know"),
            Some(Kind::Hello(_)) => invalid("there is a second hello"),
            Some(Kind::SnapshotBegin(_)) => {
                self.snapshot = Some(Snapshot::default());
                self.is_waiting = false;
                Ok(())
            }
            // Was under way when we asked for a snapshot.
            Some(Kind::Delta(_) | Kind::SnapshotEnd(_)) if self.is_waiting => Ok(()),
            Some(Kind::Delta(delta)) => self.delta(delta).await,
            Some(Kind::SnapshotEnd(end)) => match self.snapshot.take() {
                None => invalid("a snapshot ends that has not begun"),
                Some(snapshot) => self.snapshot_end(snapshot, end.ordinal).await,
            },
        }
    }

    async fn delta(&mut self, delta: ClusterDelta) -> Result<(), End> {
        let Delta { ordinal, statements } = check::delta(&self.speaker, delta).map_err(End::Failed)?;
        self.seat.metrics().objects.add(statements.len() as u64);
        let turn = match &mut self.snapshot {
            None => Turn::Next,
            Some(snapshot) => {
                snapshot.note(&statements);
                if snapshot.seen.len() > self.max_objects {
                    let limit = self.max_objects;
                    return Err(End::Failed(RpcError::ClusterTooLarge { limit }));
                }
                if std::mem::replace(&mut snapshot.has_begun, true) { Turn::Next } else { Turn::First }
            }
        };
        self.apply(ordinal, Numbering::Turn(turn), statements).await
    }

    /// What was not in the snapshot is gone.
    async fn snapshot_end(&mut self, snapshot: Snapshot, ordinal: u64) -> Result<(), End> {
        check::ordinal(ordinal).map_err(End::Failed)?;
        let cluster_uid = self.speaker.cluster_uid.clone();
        let now_ns = now_ns();
        let mut after = String::new();
        loop {
            let present = self.store.present_objects(&cluster_uid, &after).await;
            let present = present.map_err(|error| End::Failed(error.into()))?;
            let Some(last) = present.last() else { break };
            after.clone_from(last);
            let gone = present.into_iter().filter(|uid| !snapshot.seen.contains(uid));
            let removal = |object_uid| {
                let key = KubernetesKey { cluster_uid: cluster_uid.clone(), object_uid };
                Statement::KubernetesRemoval(key, now_ns)
            };
            let removals: Vec<Statement> = gone.map(removal).collect();
            for stretch in removals.chunks(REMOVALS_AT_ONCE) {
                let batch = self.batch(ordinal, Numbering::None, stretch.to_vec());
                self.store.apply(Arc::new(batch)).await.map_err(|error| End::Failed(error.into()))?;
            }
        }
        self.seat.metrics().snapshots.increment();
        let turn = if snapshot.has_begun { Turn::SnapshotEnd } else { Turn::EmptySnapshot };
        self.apply(ordinal, Numbering::Turn(turn), Vec::new()).await
    }

    async fn apply(
        &mut self,
        ordinal: u64,
        numbering: Numbering,
        statements: Vec<Statement>,
    ) -> Result<(), End> {
        let batch = self.batch(ordinal, numbering, statements);
        match self.store.apply(Arc::new(batch)).await {
            Ok(through) => {
                self.applied.notify_one();
                self.ack(through, false).await
            }
            Err(StoreError::SequenceGap { expected, .. }) => {
                (self.is_waiting, self.snapshot) = (true, None);
                self.seat.metrics().gaps.increment();
                self.ack(expected.saturating_sub(1), true).await
            }
            Err(error) => Err(End::Failed(error.into())),
        }
    }

    fn batch(&self, ordinal: u64, numbering: Numbering, statements: Vec<Statement>) -> Batch {
        Batch {
            scope: Scope::Cluster(self.speaker.cluster_uid.clone()),
            epoch: self.speaker.epoch,
            first_sequence: ordinal,
            numbering,
            statements,
        }
    }

    /// Whoever does not read acks must not keep the cluster's place from the stream that comes after.
    async fn ack(&self, through_ordinal: u64, is_snapshot_wanted: bool) -> Result<(), End> {
        let ack = PushClusterResponse { through_ordinal, is_snapshot_wanted };
        tokio::select! {
            biased;
            sent = self.acks.send(Ok(ack)) => sent.map_err(|_| End::Gone),
            end = self.interrupted() => Err(end),
            () = tokio::time::sleep(ACK_WAIT) => {
                let detail = format!("its acks were not read for {ACK_WAIT:?}: read them, or close the stream");
                Err(End::Failed(RpcError::PushBroken { detail }))
            }
        }
    }
}

// === impl Snapshot ===

impl Snapshot {
    fn note(&mut self, statements: &[Statement]) {
        for statement in statements {
            match statement {
                Statement::Kubernetes(object) => {
                    let uid = object.key.as_ref().map(|key| key.object_uid.clone());
                    self.seen.extend(uid);
                }
                Statement::KubernetesRemoval(key, _) => {
                    self.seen.remove(&key.object_uid);
                }
                Statement::Container(..) | Statement::Host(_) | Statement::ContainerRemoval(..) => {}
            }
        }
    }
}

// === impl End ===

impl End {
    fn broken(status: &Status) -> Self {
        Self::Failed(RpcError::PushBroken { detail: status.message().to_owned() })
    }

    fn error(&self) -> Option<&RpcError> {
        match self {
            Self::Gone => None,
            Self::Failed(error) => Some(error),
        }
    }
}

fn now_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
