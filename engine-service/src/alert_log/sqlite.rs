//! The alert log of one machine: an SQLite database in WAL mode, flushed to the disk at every commit.
//!
//! One thread writes; it takes all appends that wait into one transaction, so that many origins share the cost of a
//! flush. Reads run beside it on connections of their own. A lock file keeps a second engine out.

mod reader;
mod schema;
mod writer;

#[cfg(test)]
mod tests;

use std::{
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
    AlertLog, AlertLogError, AppendBatch, Appended, LogBounds, LogId, OriginPosition, Page, PageLimit,
    ParkedEntry,
};

/// Appends that wait for the writer. Each holds the alerts of one batch of events, so the bound is on calls; the memory
/// is bounded by the sessions, which have one append under way each.
const WAITING_APPENDS: usize = 64;

/// The name of the database within the data directory.
const FILE_NAME: &str = "alerts.sqlite";

/// How large the log may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Entries to keep; the oldest leave first.
    pub max_entries: u64,
    /// Bytes that the database's main file may have; the log is full beyond. `None`: as the file system allows.
    pub max_bytes: Option<u64>,
}

/// An [`AlertLog`] in a directory.
#[derive(Debug)]
pub struct SqliteLog {
    id: LogId,
    path: Arc<Path>,
    bounds: watch::Receiver<LogBounds>,
    readers: Readers,
    /// `None` only while being dropped.
    writer: Option<mpsc::Sender<Command>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Held until the writer has ended.
    _lock: File,
}

// === impl SqliteOptions ===

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { max_entries: 1_000_000, max_bytes: None }
    }
}

// === impl SqliteLog ===

impl SqliteLog {
    /// Opens the log in `directory`, making both if they do not exist. Blocks.
    pub fn open(directory: &Path, options: SqliteOptions) -> Result<Self, AlertLogError> {
        let path: Arc<Path> = directory.join(FILE_NAME).into();
        let lock = lock(directory, &path)?;
        let (connection, state) = schema::open(&path, &options).map_err(|error| error.at(&path))?;
        let (bounds_sender, bounds) = watch::channel(state.bounds);
        let (sender, commands) = mpsc::channel(WAITING_APPENDS);
        let writer = Writer {
            path: Arc::clone(&path),
            connection,
            bounds: bounds_sender,
            max_entries: options.max_entries.max(1),
        };
        let thread = std::thread::Builder::new()
            .name("alert-log".to_owned())
            .spawn(move || writer.run(commands))
            .map_err(|error| AlertLogError::Io { path: path.to_path_buf(), detail: error.to_string() })?;
        Ok(Self {
            id: state.id,
            readers: Readers::new(Arc::clone(&path)),
            path,
            bounds,
            writer: Some(sender),
            thread: Mutex::new(Some(thread)),
            _lock: lock,
        })
    }

    async fn command<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<T, AlertLogError>>) -> Command,
    ) -> Result<T, AlertLogError> {
        let closed = || AlertLogError::Closed { path: self.path.to_path_buf() };
        let (sender, answer) = oneshot::channel();
        let writer = self.writer.as_ref().ok_or_else(closed)?;
        writer.send(make(sender)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

#[tonic::async_trait]
impl AlertLog for SqliteLog {
    fn id(&self) -> LogId {
        self.id
    }

    fn bounds(&self) -> watch::Receiver<LogBounds> {
        self.bounds.clone()
    }

    async fn append(&self, batch: Arc<AppendBatch>) -> Result<Appended, AlertLogError> {
        self.command(|answer| Command::Append { batch, answer }).await
    }

    async fn read(&self, from_position_exclusive: u64, limit: PageLimit) -> Result<Page, AlertLogError> {
        self.readers.run(move |connection| reader::page(connection, from_position_exclusive, limit)).await
    }

    async fn position_before_time(&self, since_ns: u64) -> Result<u64, AlertLogError> {
        self.readers.run(move |connection| reader::position_before_time(connection, since_ns)).await
    }

    async fn parked(&self) -> Result<Vec<ParkedEntry>, AlertLogError> {
        self.readers.run(reader::parked).await
    }

    async fn origin_position(&self, origin: &str) -> Result<Option<OriginPosition>, AlertLogError> {
        let origin = origin.to_owned();
        self.readers.run(move |connection| reader::origin_position(connection, origin)).await
    }

    async fn reader_position(&self, name: &str) -> Result<Option<u64>, AlertLogError> {
        let name = name.to_owned();
        self.readers.run(move |connection| reader::reader_position(connection, &name)).await
    }

    async fn store_reader_position(&self, reader: &str, position: u64) -> Result<(), AlertLogError> {
        let reader = reader.to_owned();
        self.command(|answer| Command::StoreReader { reader, position, answer }).await
    }
}

impl Drop for SqliteLog {
    /// Waits for the writer, so that the directory is free afterwards.
    fn drop(&mut self) {
        self.writer = None;
        let thread = self.thread.lock().map(|mut thread| thread.take());
        if let Ok(Some(thread)) = thread
            && thread.join().is_err()
        {
            tracing::error!(path = %self.path.display(), "the alert log's writer panicked");
        }
    }
}

/// Takes the directory for this process. The lock goes with the file, also when the process is killed.
fn lock(directory: &Path, database: &Path) -> Result<File, AlertLogError> {
    let io =
        |path: PathBuf| move |error: std::io::Error| AlertLogError::Io { path, detail: error.to_string() };
    std::fs::create_dir_all(directory).map_err(io(directory.to_owned()))?;
    let path = directory.join("lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(io(path.clone()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(AlertLogError::InUse { path: database.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(io(path)(error)),
    }
}

/// A failure inside the store, before it is known which file it belongs to.
#[derive(Debug)]
enum Fault {
    Sqlite(rusqlite::Error),
    NewerSchema(i64),
    Undecodable(String),
}

// === impl Fault ===

impl Fault {
    /// The error for callers. One fault can answer several of them.
    fn at(&self, path: &Path) -> AlertLogError {
        let path = path.to_owned();
        let error = match self {
            Self::NewerSchema(found) => {
                return AlertLogError::NewerSchema { path, found: *found, known: schema::VERSION };
            }
            Self::Undecodable(detail) => return AlertLogError::Damaged { path, detail: detail.clone() },
            Self::Sqlite(error) => error,
        };
        let detail = error.to_string();
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => AlertLogError::Full { path, detail },
            Some(
                Code::SystemIoFailure
                | Code::CannotOpen
                | Code::ReadOnly
                | Code::PermissionDenied
                | Code::DatabaseBusy
                | Code::DatabaseLocked
                | Code::FileLockingProtocolFailed
                | Code::OutOfMemory,
            ) => AlertLogError::Io { path, detail },
            Some(Code::DatabaseCorrupt | Code::NotADatabase | Code::SchemaChanged | Code::TypeMismatch) => {
                AlertLogError::Damaged { path, detail }
            }
            _ => AlertLogError::Internal { path, detail },
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
