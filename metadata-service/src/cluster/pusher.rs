//! Tells the central service what changes in the picture of the cluster.
//!
//! Deltas are numbered, and kept by the names of their objects until they are acked: what was not acked when a stream ends
//! goes back into the picture and is told as it is then. A snapshot is told when the central service wants one, or when too
//! much has changed to be noted; what changes meanwhile follows it. Nothing is told before every kind was listed: what is
//! missing from a snapshot counts as gone.

mod deltas;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use cluster_watch::{Change, Picture, Uid};
use eyrie_proto::metadata::{
    ClusterDelta, ClusterHello, ClusterSnapshotBegin, ClusterSnapshotEnd, PushClusterRequest,
    PushClusterResponse, cluster_service_client::ClusterServiceClient, push_cluster_request::Kind,
};
use grpc_transport::{ServiceEndpoint, log_limit::LogLimit, status_text};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, transport::Channel};

use self::deltas::{MAX_CHANGES, delta};
use super::{ClusterConfig, progress::Progress};

/// Deltas under way, of up to a MiB each.
const WINDOW: usize = 8;
/// Messages between us and the connection.
const WAITING_MESSAGES: usize = 1;
/// Until the stream stands, and until the central service has said where it is.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// How often a quiet connection is asked whether it lives, and how long it may take to answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_WAIT: Duration = Duration::from_secs(5);
/// Between tries: doubles from the first.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// Between two looks whether the picture is whole.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

static STREAM_ENDED: LogLimit = LogLimit::new(Duration::from_secs(10));

/// Pushes, over all its streams.
pub(super) struct Pusher {
    channel: Channel,
    config: ClusterConfig,
    picture: Arc<Picture>,
    progress: Arc<Progress>,
    /// The cluster that `epoch` is of.
    cluster_uid: Uid,
    epoch: u64,
    acked_through: u64,
    next_ordinal: u64,
    /// Deltas that were not acked, with what they told; of a snapshot's, nothing, as it would be told as a whole again.
    unacked: VecDeque<(u64, Vec<(Uid, Change)>)>,
    /// What of a snapshot is to be told yet.
    snapshot: Option<Vec<Uid>>,
    /// A snapshot was begun and its end, at this ordinal if it was sent, is not acked.
    unfinished: Option<Option<u64>>,
}

// === impl Pusher ===

impl Pusher {
    pub(super) fn new(
        endpoint: &ServiceEndpoint,
        config: ClusterConfig,
        picture: Arc<Picture>,
        progress: Arc<Progress>,
    ) -> Self {
        let set = |endpoint: tonic::transport::Endpoint| {
            endpoint
                .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
                .keep_alive_timeout(KEEPALIVE_WAIT)
                .keep_alive_while_idle(true)
        };
        Self {
            channel: endpoint.clone().with(set).connect_lazy(),
            config,
            picture,
            progress,
            cluster_uid: "".into(),
            epoch: new_epoch(),
            acked_through: 0,
            next_ordinal: 1,
            unacked: VecDeque::new(),
            snapshot: None,
            unfinished: None,
        }
    }

    /// Works until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.push_forever() => {}
        }
    }

    async fn push_forever(&mut self) {
        let mut wait = FIRST_RETRY;
        loop {
            self.await_picture().await;
            let acked = self.acked_through;
            let Err(status) = self.push_once().await else { continue };
            if self.acked_through > acked {
                wait = FIRST_RETRY;
            }
            if matches!(status.code(), Code::PermissionDenied | Code::Unauthenticated | Code::InvalidArgument)
            {
                wait = self.config.last_retry;
            }
            let text = status_text(&status);
            self.progress.set_problem(Some(format!("{}: {text}", self.config.central)));
            if let Some(suppressed) = STREAM_ENDED.pass() {
                tracing::warn!(
                    code = ?status.code(), suppressed,
                    "cannot push to the central metadata service, trying again: {text}"
                );
            }
            self.take_back();
            tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..1.0))).await;
            wait = (wait * 2).min(self.config.last_retry);
        }
    }

    /// Until everything was listed, and with it the cluster's uid.
    async fn await_picture(&mut self) {
        loop {
            if let Some(uid) = self.picture.cluster_uid().filter(|_| self.picture.is_whole()) {
                if uid != self.cluster_uid {
                    // Another cluster at the same address is another story.
                    self.cluster_uid = uid;
                    (self.epoch, self.acked_through, self.next_ordinal) = (new_epoch(), 0, 1);
                    (self.snapshot, self.unfinished) = (None, None);
                    self.unacked.clear();
                }
                return;
            }
            let _ = timeout(LOOK_INTERVAL, self.picture.changed()).await;
        }
    }

    /// Pushes until the stream ends.
    async fn push_once(&mut self) -> Result<(), Status> {
        let (requests, receiver) = mpsc::channel(WAITING_MESSAGES);
        let hello = ClusterHello {
            cluster_uid: self.cluster_uid.to_string(),
            cluster_name: self.config.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            acked_through_ordinal: self.acked_through,
            epoch: self.epoch,
            tenant: self.config.tenant.clone(),
        };
        let _ = requests.send(message(Kind::Hello(hello))).await;
        let late = |_| Status::deadline_exceeded("the central metadata service did not answer");
        let mut client = ClusterServiceClient::new(self.channel.clone());
        let call = client.push_cluster(ReceiverStream::new(receiver));
        let mut responses = timeout(ANSWER_WAIT, call).await.map_err(late)??.into_inner();
        let first = timeout(ANSWER_WAIT, responses.message()).await.map_err(late)??.ok_or_else(ended)?;
        self.progress.streams.increment();
        self.progress.set_problem(None);
        let mut pending = self.begin(first);
        loop {
            if pending.is_none() {
                pending = self.next_message();
            }
            tokio::select! {
                response = responses.message() => {
                    if let Some(begin) = self.take(response?.ok_or_else(ended)?) {
                        pending = Some(begin);
                    }
                }
                permit = requests.reserve(), if pending.is_some() => {
                    if let Some(message) = pending.take() {
                        permit.map_err(|_| ended())?.send(message);
                    }
                }
                () = self.picture.changed(), if pending.is_none() => {}
            }
            // A cluster that was replaced behind its address begins anew.
            if self.picture.cluster_uid().is_some_and(|uid| uid != self.cluster_uid) {
                return Ok(());
            }
        }
    }

    /// The central service has said how far it is: goes on from there.
    fn begin(&mut self, response: PushClusterResponse) -> Option<PushClusterRequest> {
        self.ack(response.through_ordinal);
        self.take_back();
        self.acked_through = response.through_ordinal;
        self.next_ordinal = response.through_ordinal.saturating_add(1);
        (response.is_snapshot_wanted || self.unfinished.is_some()).then(|| self.begin_snapshot())
    }

    fn take(&mut self, response: PushClusterResponse) -> Option<PushClusterRequest> {
        self.ack(response.through_ordinal);
        response.is_snapshot_wanted.then(|| self.begin_snapshot())
    }

    fn ack(&mut self, through: u64) {
        while self.unacked.front().is_some_and(|(ordinal, _)| *ordinal <= through) {
            self.unacked.pop_front();
            self.progress.acked.increment();
        }
        if self.unfinished.flatten().is_some_and(|end| end <= through) {
            self.unfinished = None;
        }
        self.acked_through = self.acked_through.max(through);
    }

    /// What was not acked is to be told again, as it is then.
    fn take_back(&mut self) {
        let unacked = std::mem::take(&mut self.unacked);
        self.picture.give_back(unacked.into_iter().flat_map(|(_, changes)| changes));
        self.snapshot = None;
    }

    fn begin_snapshot(&mut self) -> PushClusterRequest {
        tracing::info!(cluster = %self.cluster_uid, objects = self.picture.len(), "telling everything there is");
        self.progress.snapshots.increment();
        // Everything that was under way is told anew by it.
        self.unacked.clear();
        self.snapshot = Some(self.picture.take_all());
        self.unfinished = Some(None);
        message(Kind::SnapshotBegin(ClusterSnapshotBegin {}))
    }

    /// What to say next, if there is anything and not too much is under way.
    fn next_message(&mut self) -> Option<PushClusterRequest> {
        if self.unacked.len() >= WINDOW {
            return None;
        }
        match &mut self.snapshot {
            None => self.next_changes(),
            Some(left) if left.is_empty() => {
                self.snapshot = None;
                let ordinal = self.number(Vec::new());
                self.unfinished = Some(Some(ordinal));
                Some(message(Kind::SnapshotEnd(ClusterSnapshotEnd { ordinal })))
            }
            Some(left) => {
                let stretch = left.split_off(left.len().saturating_sub(MAX_CHANGES));
                let present = stretch.into_iter().map(|uid| (uid, Change::Present)).collect();
                let (delta, rest) = delta(&self.picture, &self.cluster_uid, present);
                left.extend(rest.into_iter().map(|(uid, _)| uid));
                let ordinal = self.number(Vec::new());
                Some(message(Kind::Delta(ClusterDelta { ordinal, ..delta })))
            }
        }
    }

    fn next_changes(&mut self) -> Option<PushClusterRequest> {
        let Some(changes) = self.picture.take_changes(MAX_CHANGES) else {
            return Some(self.begin_snapshot());
        };
        if changes.is_empty() {
            return None;
        }
        let mut told = changes.clone();
        let (delta, rest) = delta(&self.picture, &self.cluster_uid, changes);
        told.truncate(told.len().saturating_sub(rest.len()));
        self.picture.give_back(rest);
        let ordinal = self.number(told);
        Some(message(Kind::Delta(ClusterDelta { ordinal, ..delta })))
    }

    /// The next ordinal, and what it tells.
    fn number(&mut self, told: Vec<(Uid, Change)>) -> u64 {
        let ordinal = self.next_ordinal;
        self.next_ordinal = ordinal.saturating_add(1);
        self.unacked.push_back((ordinal, told));
        self.progress.deltas.increment();
        ordinal
    }
}

fn message(kind: Kind) -> PushClusterRequest {
    PushClusterRequest { kind: Some(kind) }
}

fn ended() -> Status {
    Status::unavailable("the central metadata service ended the stream")
}

/// Random, and not 0.
fn new_epoch() -> u64 {
    rand::random_range(1..=u64::MAX)
}
