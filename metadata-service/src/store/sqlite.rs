//! The store of one machine: an SQLite database in WAL mode, flushed to the disk at every commit.
//!
//! One thread writes; it takes all batches that wait into one transaction, so that many origins share the cost of a
//! flush. Reads run beside it on connections of their own. A lock file keeps a second service out.

mod apply;
mod clusters;
mod entities;
mod forget;
mod join;
mod list;
mod numbering;
mod reader;
mod rejoin;
mod replica;
mod schema;
mod writer;

#[cfg(test)]
mod tests;

use std::{collections::HashSet, path::Path, sync::Arc};

use sqlite_store::{Place, Readers, StoreFault, Writer};
use tokio::sync::watch;

use self::writer::{Applier, Command};
pub(super) use self::{
    replica::{Heard, LocalCopy, Plan, Put, Stretch},
    writer::{Asked, Outcome},
};
use super::{
    Batch, Changes, ChangesFrom, ClusterHeard, ClusterSpeaker, ClusterStanding, Finding, Listing,
    MetadataStore, Page, Revisions, Scope, Sought, StoreError, StoreLimits, StoreMetrics,
};

/// Batches that wait for the writer; each is a call under way, which bounds their memory to its message.
const WAITING_BATCHES: usize = 64;
/// The name of the database within the data directory.
const FILE_NAME: &str = "metadata.sqlite";

/// A [`MetadataStore`] in a directory.
#[derive(Debug)]
pub struct SqliteStore {
    revisions: watch::Receiver<Revisions>,
    metrics: StoreMetrics,
    readers: Readers,
    writer: Writer<Command>,
    /// The last to be dropped: nobody else may come while the writer has not ended.
    place: Place,
}

// === impl SqliteStore ===

impl SqliteStore {
    /// Opens the store in `directory`, making both if they do not exist. Blocks.
    pub fn open(directory: &Path, limits: StoreLimits) -> Result<Self, StoreError> {
        let place =
            Place::take(directory, FILE_NAME).map_err(|(path, fault)| Fault::Store(fault).at(&path))?;
        let path = Arc::clone(place.database());
        let (connection, revisions) = schema::open(&path).map_err(|fault| fault.at(&path))?;
        let (revision_sender, revisions) = watch::channel(revisions);
        let metrics = StoreMetrics::default();
        writer::count_rows(&connection, &metrics).map_err(|fault| fault.at(&path))?;
        let applier = Applier {
            path: Arc::clone(&path),
            connection,
            revisions: revision_sender,
            limits,
            metrics: metrics.clone(),
        };
        let writer = Writer::start("metadata-store", WAITING_BATCHES, |commands| applier.run(commands))
            .map_err(|error| Fault::Store(StoreFault::Io(error.to_string())).at(&path))?;
        Ok(Self { readers: Readers::new(path), revisions, metrics, writer, place })
    }

    /// What it counts.
    pub fn metrics(&self) -> &StoreMetrics {
        &self.metrics
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut rusqlite::Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(read).await.map_err(|fault| fault.at(self.place.database()))
    }

    async fn ask(&self, asked: Asked) -> Result<Outcome, StoreError> {
        let closed = |_| Fault::Store(StoreFault::Closed).at(self.place.database());
        self.writer.ask(|answer| Command { asked, answer }).await.map_err(closed)?
    }
}

#[tonic::async_trait]
impl MetadataStore for SqliteStore {
    fn revisions(&self) -> watch::Receiver<Revisions> {
        self.revisions.clone()
    }

    async fn apply(&self, batch: Arc<Batch>) -> Result<u64, StoreError> {
        self.ask(Asked::Apply(batch)).await?.applied()
    }

    async fn find(&self, questions: Arc<[Sought]>) -> Result<Vec<Finding>, StoreError> {
        self.read(move |connection| reader::find(connection, &questions)).await
    }

    async fn changes(&self, scopes: Arc<HashSet<Scope>>, from: ChangesFrom) -> Result<Changes, StoreError> {
        self.read(move |connection| reader::changes(connection, &scopes, from)).await
    }

    async fn list(&self, listing: Arc<Listing>) -> Result<Page, StoreError> {
        self.read(move |connection| list::page(connection, &listing)).await
    }

    async fn forget_expired(&self) -> Result<(), StoreError> {
        self.ask(Asked::ForgetExpired).await.map(drop)
    }

    async fn open_cluster(&self, speaker: Arc<ClusterSpeaker>) -> Result<ClusterStanding, StoreError> {
        self.ask(Asked::OpenCluster(speaker)).await?.opened()
    }

    async fn present_objects(&self, cluster_uid: &str, after: &str) -> Result<Vec<String>, StoreError> {
        let (scope, after) = (Scope::Cluster(cluster_uid.to_owned()), after.to_owned());
        self.read(move |connection| clusters::present(connection, &scope, &after)).await
    }

    async fn clusters(&self) -> Result<Vec<ClusterHeard>, StoreError> {
        self.read(|connection| clusters::all(connection)).await
    }

    async fn rejoin(&self) -> Result<bool, StoreError> {
        self.ask(Asked::Rejoin).await?.rejoined()
    }
}

impl Drop for SqliteStore {
    /// The writer is the last to close the database, and leaves one tidy file behind.
    fn drop(&mut self) {
        self.readers.close();
    }
}

/// A failure inside the store, before it is known which file it belongs to.
#[derive(Debug)]
enum Fault {
    Store(StoreFault),
    SequenceGap { expected: u64, found: u64 },
    EntityTooLarge { index: usize, found: usize, limit: usize },
    ForeignCluster { cluster_uid: String, tenant: String },
}

// === impl Fault ===

impl Fault {
    /// Only the batch itself is at fault: others of its group are none the worse.
    fn is_of_batch(&self) -> bool {
        matches!(self, Self::SequenceGap { .. } | Self::EntityTooLarge { .. } | Self::ForeignCluster { .. })
    }

    /// The error for callers. One fault can answer several of them.
    fn at(&self, path: &Path) -> StoreError {
        let path = path.to_owned();
        let fault = match self {
            Self::SequenceGap { expected, found } => {
                return StoreError::SequenceGap { expected: *expected, found: *found };
            }
            Self::EntityTooLarge { index, found, limit } => {
                return StoreError::EntityTooLarge { index: *index, found: *found, limit: *limit };
            }
            Self::ForeignCluster { cluster_uid, tenant } => {
                return StoreError::ForeignCluster {
                    cluster_uid: cluster_uid.clone(),
                    tenant: tenant.clone(),
                };
            }
            Self::Store(fault) => fault,
        };
        let detail = fault.to_string();
        match fault {
            StoreFault::Full(_) => StoreError::Full { path, detail },
            StoreFault::Io(_) => StoreError::Io { path, detail },
            StoreFault::Damaged(_) => StoreError::Damaged { path, detail },
            StoreFault::InUse => StoreError::InUse { path },
            StoreFault::NewerSchema(found) => {
                StoreError::NewerSchema { path, found: *found, known: schema::VERSION }
            }
            StoreFault::Closed => StoreError::Closed { path },
            StoreFault::Internal(_) => StoreError::Internal { path, detail },
        }
    }

    fn undecodable(detail: String) -> Self {
        Self::Store(StoreFault::Damaged(detail))
    }
}

impl From<StoreFault> for Fault {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// SQLite's integers are signed; what does not fit is as good as the largest, and keeps its order.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
