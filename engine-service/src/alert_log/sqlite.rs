//! The alert log of one machine: an SQLite database in WAL mode, flushed to the disk at every commit.
//!
//! One thread writes; it takes all appends that wait into one transaction, so that many origins share the cost of a
//! flush. Reads run beside it on connections of their own. A lock file keeps a second engine out.

mod reader;
mod schema;
mod writer;

#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc};

use sqlite_store::{Place, Readers, StoreFault, Writer};
use tokio::sync::watch;

use self::writer::{Appender, Command};
use super::{
    AlertLog, AlertLogError, AppendBatch, Appended, LogBounds, LogId, OriginPosition, Page, PageLimit,
    ParkedEntry,
};

/// Appends that wait for the writer. Each holds the alerts of one batch of events, so the bound is on calls; the memory
/// is bounded by the sessions, which have one append under way each.
const WAITING_APPENDS: usize = 64;

/// The layout that we write.
pub(super) const SCHEMA_VERSION: i64 = schema::VERSION;

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
    bounds: watch::Receiver<LogBounds>,
    readers: Readers,
    writer: Writer<Command>,
    /// The last to be dropped: nobody else may come while the writer has not ended.
    place: Place,
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
        let place = Place::take(directory, FILE_NAME)
            .map_err(|(path, fault)| AlertLogError::of_store(&path, &fault))?;
        let path = Arc::clone(place.database());
        let failed = |fault: &StoreFault| AlertLogError::of_store(&path, fault);
        let (connection, state) = schema::open(&path, &options).map_err(|fault| failed(&fault))?;
        let (bounds_sender, bounds) = watch::channel(state.bounds);
        let appender = Appender {
            path: Arc::clone(&path),
            connection,
            bounds: bounds_sender,
            max_entries: options.max_entries.max(1),
        };
        let writer = Writer::start("alert-log", WAITING_APPENDS, |commands| appender.run(commands))
            .map_err(|error| failed(&StoreFault::Io(error.to_string())))?;
        let readers = Readers::new(Arc::clone(&path));
        Ok(Self { id: state.id, bounds, readers, writer, place })
    }

    fn failed(&self, fault: &StoreFault) -> AlertLogError {
        AlertLogError::of_store(self.place.database(), fault)
    }

    async fn read_by<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut rusqlite::Connection) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, AlertLogError> {
        self.readers.run(read).await.map_err(|fault| self.failed(&fault))
    }

    async fn command<T>(&self, make: impl FnOnce(writer::Answer<T>) -> Command) -> Result<T, AlertLogError> {
        self.writer.ask(make).await.map_err(|_| self.failed(&StoreFault::Closed))?
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
        self.read_by(move |connection| reader::page(connection, from_position_exclusive, limit)).await
    }

    async fn position_before_time(&self, since_ns: u64) -> Result<u64, AlertLogError> {
        self.read_by(move |connection| reader::position_before_time(connection, since_ns)).await
    }

    async fn parked(&self) -> Result<Vec<ParkedEntry>, AlertLogError> {
        self.read_by(reader::parked).await
    }

    async fn origin_position(&self, origin: &str) -> Result<Option<OriginPosition>, AlertLogError> {
        let origin = origin.to_owned();
        self.read_by(move |connection| reader::origin_position(connection, origin)).await
    }

    async fn reader_position(&self, name: &str) -> Result<Option<u64>, AlertLogError> {
        let name = name.to_owned();
        self.read_by(move |connection| reader::reader_position(connection, &name)).await
    }

    async fn store_reader_position(&self, reader: &str, position: u64) -> Result<(), AlertLogError> {
        let reader = reader.to_owned();
        self.command(|answer| Command::StoreReader { reader, position, answer }).await
    }
}

impl Drop for SqliteLog {
    /// The writer is the last to close the database, and leaves one tidy file behind.
    fn drop(&mut self) {
        self.readers.close();
    }
}
