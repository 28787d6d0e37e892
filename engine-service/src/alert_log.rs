//! The durable log of alerts, as everything else in the engine sees it.
//!
//! Entries have positions 1, 2, 3… without a gap. What [`AlertLog::append`] has accepted survives a crash of the process
//! and of the machine; old entries leave by retention only, and are counted. An entry's identity is (alert id, amendment
//! number): appending it a second time changes nothing, which is what makes sending events again harmless (for as long
//! as the entry is kept).

pub mod cursor;
mod error;
pub mod sqlite;

use std::sync::Arc;

use eyrie_proto::alert::Alert;
use tokio::sync::watch;

pub use self::{
    cursor::{Cursor, LogId},
    error::AlertLogError,
};

/// How far an origin's events are behind us, durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPosition {
    /// The origin's canonical name (`Origin`'s `Display`).
    pub origin: String,
    /// The epoch that the sequence number counts in.
    pub epoch: u64,
    /// The last event whose alerts are in the log.
    pub through_sequence: u64,
}

/// What is written in one piece: all of it or nothing.
#[derive(Clone, Debug, Default)]
pub struct AppendBatch {
    /// In the order in which they are to stand in the log.
    pub alerts: Vec<Alert>,
    /// Where the alerts' origin stands once they are durable.
    pub position: Option<OriginPosition>,
    /// Matches that wait for metadata.
    pub parked: Vec<ParkedEntry>,
    /// The ids of matches that wait no longer.
    pub settled: Vec<String>,
}

/// A match that waits for metadata, as its owner stores it. It is no entry: it has no position, and retention does not
/// concern it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedEntry {
    /// Chosen by its owner.
    pub id: String,
    /// Opaque.
    pub body: Vec<u8>,
    /// It takes the place of what is stored under its id. What is none leaves that as it is: an event that is sent again
    /// knows less than what became of it before.
    pub is_update: bool,
}

/// What [`AlertLog::append`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Entries that are new.
    pub new_entries: u64,
    /// Entries that were there already.
    pub repeated_entries: u64,
}

/// Which positions the log has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogBounds {
    /// Entries up to this position are gone by retention; 0 if none are.
    pub trimmed_through: u64,
    /// The newest entry; equal to `trimmed_through` if there is none.
    pub last: u64,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Its place in the log.
    pub position: u64,
    /// What was appended.
    pub alert: Alert,
}

/// A stretch of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Ascending, without a gap.
    pub entries: Vec<LogEntry>,
    /// Entries after the asked-for position that are gone by retention, and so are not in the page.
    pub trimmed_entries: u64,
}

/// How much a page may hold. A page has at least one entry if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// At most so many entries.
    pub entries: usize,
    /// No further entry once the serialised alerts have so many bytes.
    pub bytes: usize,
}

/// A durable log of alerts.
#[tonic::async_trait]
pub trait AlertLog: Send + Sync + 'static {
    /// Which log this is; cursors carry it.
    fn id(&self) -> LogId;

    /// The positions that exist; changes whenever entries are appended or trimmed.
    fn bounds(&self) -> watch::Receiver<LogBounds>;

    /// Writes a batch. When this returns `Ok`, it is durable; after an error nothing of it is in the log, or all of it
    /// (a crash between commit and answer), so that trying again is always right if [`AlertLogError::is_retryable`].
    async fn append(&self, batch: Arc<AppendBatch>) -> Result<Appended, AlertLogError>;

    /// The entries after `from_position_exclusive`.
    async fn read(&self, from_position_exclusive: u64, limit: PageLimit) -> Result<Page, AlertLogError>;

    /// The position before the first entry whose event is not older than `since_ns` (nanoseconds since the epoch);
    /// the last position if all are older.
    async fn position_before_time(&self, since_ns: u64) -> Result<u64, AlertLogError>;

    /// The matches that wait for metadata.
    async fn parked(&self) -> Result<Vec<ParkedEntry>, AlertLogError>;

    /// The durable position of an origin, if it ever raised an alert.
    async fn origin_position(&self, origin: &str) -> Result<Option<OriginPosition>, AlertLogError>;

    /// The position that a named reader has stored.
    async fn reader_position(&self, reader: &str) -> Result<Option<u64>, AlertLogError>;

    /// Stores the position of a named reader, durably.
    async fn store_reader_position(&self, reader: &str, position: u64) -> Result<(), AlertLogError>;
}
