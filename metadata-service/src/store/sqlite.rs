//! The store of one machine: an SQLite database in WAL mode, flushed to the disk at every commit.
//!
//! One thread writes; it takes all batches that wait into one transaction, so that many origins share the cost of a
//! flush. Reads run beside it on connections of their own. A lock file keeps a second service out.

mod apply;
mod entities;
mod forget;
mod reader;
mod schema;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use tokio::sync::{mpsc, oneshot, watch};

use self::{
    reader::Readers,
    writer::{Command, Writer},
};
use super::{
    Batch, Changes, ChangesFrom, Finding, MetadataStore, Revisions, Scope, Sought, StoreError, StoreLimits,
    StoreMetrics,
};

/// Batches that wait for the writer; each is a call under way, which bounds their memory to its message.
const WAITING_BATCHES: usize = 64;
/// The name of the database within the data directory.
const FILE_NAME: &str = "metadata.sqlite";

/// A [`MetadataStore`] in a directory.
#[derive(Debug)]
pub struct SqliteStore {
    path: Arc<Path>,
    revisions: watch::Receiver<Revisions>,
    metrics: StoreMetrics,
    readers: Readers,
    /// `None` only while being dropped.
    writer: Option<mpsc::Sender<Command>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Held until the writer has ended.
    _lock: File,
}

// === impl SqliteStore ===

impl SqliteStore {
    /// Opens the store in `directory`, making both if they do not exist. Blocks.
    pub fn open(directory: &Path, limits: StoreLimits) -> Result<Self, StoreError> {
        let path: Arc<Path> = directory.join(FILE_NAME).into();
        let lock = lock(directory, &path)?;
        let (connection, revisions) = schema::open(&path).map_err(|fault| fault.at(&path))?;
        let (revision_sender, revisions) = watch::channel(revisions);
        let (sender, commands) = mpsc::channel(WAITING_BATCHES);
        let metrics = StoreMetrics::default();
        let mut writer = Writer {
            path: Arc::clone(&path),
            connection,
            revisions: revision_sender,
            limits,
            metrics: metrics.clone(),
        };
        writer.count().map_err(|fault| fault.at(&path))?;
        let thread = std::thread::Builder::new()
            .name("metadata-store".to_owned())
            .spawn(move || writer.run(commands))
            .map_err(|error| StoreError::Io { path: path.to_path_buf(), detail: error.to_string() })?;
        Ok(Self {
            readers: Readers::new(Arc::clone(&path)),
            path,
            revisions,
            metrics,
            writer: Some(sender),
            thread: Mutex::new(Some(thread)),
            _lock: lock,
        })
    }

    /// What it counts.
    pub fn metrics(&self) -> &StoreMetrics {
        &self.metrics
    }

    async fn command<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Command,
    ) -> Result<T, StoreError> {
        let closed = || StoreError::Closed { path: self.path.to_path_buf() };
        let (sender, answer) = oneshot::channel();
        let writer = self.writer.as_ref().ok_or_else(closed)?;
        writer.send(make(sender)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

#[tonic::async_trait]
impl MetadataStore for SqliteStore {
    fn revisions(&self) -> watch::Receiver<Revisions> {
        self.revisions.clone()
    }

    async fn apply(&self, batch: Arc<Batch>) -> Result<u64, StoreError> {
        self.command(|answer| Command::Apply { batch, answer }).await
    }

    async fn find(&self, questions: Arc<[Sought]>) -> Result<Vec<Finding>, StoreError> {
        self.readers.run(move |connection| reader::find(connection, &questions)).await
    }

    async fn changes(&self, scopes: Arc<HashSet<Scope>>, from: ChangesFrom) -> Result<Changes, StoreError> {
        self.readers.run(move |connection| reader::changes(connection, &scopes, from)).await
    }

    async fn forget_expired(&self) -> Result<(), StoreError> {
        self.command(|answer| Command::ForgetExpired { answer }).await
    }
}

impl Drop for SqliteStore {
    /// Waits for the writer, so that the directory is free afterwards.
    fn drop(&mut self) {
        self.writer = None;
        let thread = self.thread.lock().map(|mut thread| thread.take());
        if let Ok(Some(thread)) = thread
            && thread.join().is_err()
        {
            tracing::error!(path = %self.path.display(), "the metadata store's writer panicked");
        }
    }
}

/// Takes the directory for this process. The lock goes with the file, also when the process is killed.
fn lock(directory: &Path, database: &Path) -> Result<File, StoreError> {
    let io = |path: PathBuf| move |error: std::io::Error| StoreError::Io { path, detail: error.to_string() };
    std::fs::create_dir_all(directory).map_err(io(directory.to_owned()))?;
    let path = directory.join("lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(io(path.clone()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse { path: database.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(io(path)(error)),
    }
}

/// A failure inside the store, before it is known which file it belongs to.
#[derive(Debug)]
enum Fault {
    Sqlite(rusqlite::Error),
    NewerSchema(i64),
    Undecodable(String),
    SequenceGap { expected: u64, found: u64 },
    EntityTooLarge { index: usize, found: usize },
}

// === impl Fault ===

impl Fault {
    /// Only the batch itself is at fault: others of its group are none the worse.
    fn is_of_batch(&self) -> bool {
        matches!(self, Self::SequenceGap { .. } | Self::EntityTooLarge { .. })
    }

    /// The error for callers. One fault can answer several of them.
    fn at(&self, path: &Path) -> StoreError {
        let path = path.to_owned();
        let error = match self {
            Self::NewerSchema(found) => {
                return StoreError::NewerSchema { path, found: *found, known: schema::VERSION };
            }
            Self::Undecodable(detail) => return StoreError::Damaged { path, detail: detail.clone() },
            Self::SequenceGap { expected, found } => {
                return StoreError::SequenceGap { expected: *expected, found: *found };
            }
            Self::EntityTooLarge { index, found } => {
                let limit = crate::record::MAX_ENTITY_BYTES;
                return StoreError::EntityTooLarge { index: *index, found: *found, limit };
            }
            Self::Sqlite(error) => error,
        };
        let detail = error.to_string();
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => StoreError::Full { path, detail },
            Some(
                Code::SystemIoFailure
                | Code::CannotOpen
                | Code::ReadOnly
                | Code::PermissionDenied
                | Code::DatabaseBusy
                | Code::DatabaseLocked
                | Code::FileLockingProtocolFailed
                | Code::OutOfMemory,
            ) => StoreError::Io { path, detail },
            Some(Code::DatabaseCorrupt | Code::NotADatabase | Code::SchemaChanged | Code::TypeMismatch) => {
                StoreError::Damaged { path, detail }
            }
            _ => StoreError::Internal { path, detail },
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// SQLite's integers are signed; what does not fit is as good as the largest, and keeps its order.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
