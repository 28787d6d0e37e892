//! Streams of changes, each at its watcher's own pace.
//!
//! A watch holds one stretch of the store's feed and nothing else: a watcher that is slow reads the next stretch later, and
//! finds in it the last state of whatever changed often in between. If it is so slow that ends which it has not read of
//! are forgotten, it is reset.

use std::{collections::HashSet, sync::Arc, time::Duration};

use eyrie_proto::metadata::{
    Delta, Reset, SnapshotComplete, WatchHeartbeat, WatchRequest, WatchResponse, watch_response::Kind,
};
use grpc_transport::AuthenticatedPeer;
use telemetry::observe::Count;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use crate::{
    error::RpcError,
    keys::{check_length, scope_of},
    metrics::Metrics,
    permitted,
    store::{ChangesFrom, MetadataStore, Revisions, Scope},
};

/// Messages between a watch and its connection, of up to 2 MiB each.
pub(crate) const WAITING_MESSAGES: usize = 2;
/// Origins and clusters of one watch.
const MAX_SCOPES: usize = 16_384;
/// How long the first message may take.
const FIRST_REQUEST_WAIT: Duration = Duration::from_secs(10);
/// How long a client may take to accept the status that ends its stream.
const STATUS_WAIT: Duration = Duration::from_secs(2);

/// One watcher.
pub(crate) struct Watch {
    pub(crate) store: Arc<dyn MetadataStore>,
    pub(crate) heartbeat: Duration,
    pub(crate) metrics: Metrics,
    pub(crate) peer: AuthenticatedPeer,
    pub(crate) requests: Streaming<WatchRequest>,
    pub(crate) messages: mpsc::Sender<Result<WatchResponse, Status>>,
    pub(crate) permit: OwnedSemaphorePermit,
}

/// What is watched, and how far it was told.
#[derive(Debug)]
struct Position {
    scopes: Arc<HashSet<Scope>>,
    from: ChangesFrom,
    /// The watcher was told that it is up to date.
    is_complete: bool,
}

/// Where what is told is from, and whom it is told.
struct Told<'a> {
    store: &'a dyn MetadataStore,
    messages: &'a mpsc::Sender<Result<WatchResponse, Status>>,
    resets: &'a Count,
}

/// Why a watch ends.
enum End {
    /// Its client is gone.
    Gone,
    Failed(RpcError),
}

// === impl Watch ===

impl Watch {
    /// Streams until the client goes, or `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let messages = self.messages.clone();
        let watches = self.metrics.watches.clone();
        watches.increment();
        let end = tokio::select! {
            () = stop.cancelled() => End::Failed(RpcError::ShuttingDown),
            () = messages.closed() => End::Gone,
            end = self.stream() => end,
        };
        if let End::Failed(error) = end {
            let _ = tokio::time::timeout(STATUS_WAIT, messages.send(Err(error.into()))).await;
        }
        watches.decrement();
        drop(self.permit);
    }

    async fn stream(&mut self) -> End {
        let first = match tokio::time::timeout(FIRST_REQUEST_WAIT, self.requests.message()).await {
            Ok(Ok(Some(request))) => request,
            Ok(Ok(None)) => return End::Gone,
            Ok(Err(status)) => return End::broken(&status),
            Err(_) => return End::Failed(RpcError::WatchMissing { waited: FIRST_REQUEST_WAIT }),
        };
        let mut request = first;
        let heartbeat = self.heartbeat;
        loop {
            let position = match self.begin(request).await {
                Ok(position) => position,
                Err(end) => return end,
            };
            let (told, requests) = self.parts();
            let telling = position.tell(told, heartbeat);
            tokio::pin!(telling);
            tokio::select! {
                end = &mut telling => return end,
                next = requests.message() => match next {
                    Ok(Some(next)) => request = next,
                    Err(status) => return End::broken(&status),
                    // What was asked for last stays asked for.
                    Ok(None) => return telling.await,
                },
            }
        }
    }

    /// Whom to tell and what to listen to, at the same time.
    fn parts(&mut self) -> (Told<'_>, &mut Streaming<WatchRequest>) {
        let told = Told { store: &*self.store, messages: &self.messages, resets: &self.metrics.watch_resets };
        (told, &mut self.requests)
    }

    /// Where to begin; tells a watcher that comes from too far back to forget everything.
    async fn begin(&mut self, request: WatchRequest) -> Result<Position, End> {
        permitted::watch(&self.peer, &request).map_err(End::Failed)?;
        let scopes = Arc::new(check(&request).map_err(End::Failed)?);
        let after_revision = request.after_revision;
        // Another replica may have told of it a moment ago.
        self.store.catch_up(after_revision).await.map_err(|error| End::Failed(error.into()))?;
        let revisions = *self.store.revisions().borrow();
        let position = match after_revision {
            0 => Position::snapshot(scopes, revisions),
            _ if (revisions.forgotten_through..=revisions.last).contains(&after_revision) => {
                let from = ChangesFrom { after_revision, snapshot_through: after_revision };
                Position { scopes, from, is_complete: false }
            }
            _ => {
                let reason = match after_revision > revisions.last {
                    true => "the revision is not of this store",
                    false => "changes since the revision are not there any more",
                };
                self.parts().0.reset(revisions, reason).await?;
                Position::snapshot(scopes, revisions)
            }
        };
        Ok(position)
    }
}

// === impl Position ===

impl Position {
    /// Everything that holds now.
    fn snapshot(scopes: Arc<HashSet<Scope>>, revisions: Revisions) -> Self {
        let from = ChangesFrom { after_revision: 0, snapshot_through: revisions.last };
        Self { scopes, from, is_complete: false }
    }

    /// Tells what holds and what changes, for as long as it is polled.
    async fn tell(mut self, told: Told<'_>, heartbeat: Duration) -> End {
        let mut revisions = told.store.revisions();
        loop {
            // What comes while we read is news for the wait below.
            revisions.mark_unchanged();
            match self.tell_next(&told).await {
                Ok(false) => continue,
                Ok(true) => {}
                Err(end) => return end,
            }
            if let Err(end) = self.wait(&mut revisions, &told, heartbeat).await {
                return end;
            }
        }
    }

    /// Tells the next stretch; whether it was the last for now.
    async fn tell_next(&mut self, told: &Told<'_>) -> Result<bool, End> {
        let changes = told.store.changes(Arc::clone(&self.scopes), self.from).await;
        let changes = changes.map_err(|error| End::Failed(RpcError::Store(error)))?;
        let read_through = self.from.after_revision.max(self.from.snapshot_through);
        let is_made_anew = changes.revisions.last < self.from.after_revision;
        if changes.revisions.forgotten_through > read_through || is_made_anew {
            let reason = "what ended while you were reading is forgotten already: read faster";
            told.reset(changes.revisions, reason).await?;
            *self = Self::snapshot(Arc::clone(&self.scopes), changes.revisions);
            return Ok(false);
        }
        self.from.after_revision = changes.through_revision;
        let revision = changes.through_revision;
        if !changes.upserts.is_empty() {
            let delta = Delta { upserts: changes.upserts, tombstones: changes.tombstones };
            told.send(revision, Kind::Delta(delta)).await?;
        }
        if changes.is_end && !self.is_complete {
            self.is_complete = true;
            told.send(revision, Kind::SnapshotComplete(SnapshotComplete {})).await?;
        }
        Ok(changes.is_end)
    }

    async fn wait(
        &self,
        revisions: &mut watch::Receiver<Revisions>,
        told: &Told<'_>,
        heartbeat: Duration,
    ) -> Result<(), End> {
        match tokio::time::timeout(heartbeat, revisions.changed()).await {
            Ok(Ok(())) => Ok(()),
            // The store is gone, and with it the service.
            Ok(Err(_)) => Err(End::Failed(RpcError::ShuttingDown)),
            Err(_) => {
                let revision = self.from.after_revision;
                told.send(revision, Kind::Heartbeat(WatchHeartbeat {})).await
            }
        }
    }
}

// === impl Told ===

impl Told<'_> {
    async fn send(&self, revision: u64, kind: Kind) -> Result<(), End> {
        let message = WatchResponse { revision, kind: Some(kind) };
        self.messages.send(Ok(message)).await.map_err(|_| End::Gone)
    }

    async fn reset(&self, revisions: Revisions, reason: &str) -> Result<(), End> {
        self.resets.increment();
        self.send(revisions.forgotten_through, Kind::Reset(Reset { reason: reason.to_owned() })).await
    }
}

// === impl End ===

impl End {
    fn broken(status: &Status) -> Self {
        Self::Failed(RpcError::WatchBroken { detail: status.message().to_owned() })
    }
}

fn check(request: &WatchRequest) -> Result<HashSet<Scope>, RpcError> {
    let invalid = |field, detail: String| RpcError::WatchInvalid { field, detail };
    let found = request.origins.len().saturating_add(request.cluster_uids.len());
    if found > MAX_SCOPES {
        return Err(RpcError::TooManyInMessage { found, limit: MAX_SCOPES, what: "origins and clusters" });
    }
    let mut scopes = HashSet::with_capacity(found);
    for (index, origin) in request.origins.iter().enumerate() {
        let name = scope_of(Some(origin))
            .map_err(|error| invalid("origins", format!("of origins[{index}], {error}")))?;
        scopes.insert(Scope::Origin(name));
    }
    for (index, uid) in request.cluster_uids.iter().enumerate() {
        check_length("uid", uid)
            .map_err(|error| invalid("cluster_uids", format!("of cluster_uids[{index}], {error}")))?;
        scopes.insert(Scope::Cluster(uid.clone()));
    }
    Ok(scopes)
}
