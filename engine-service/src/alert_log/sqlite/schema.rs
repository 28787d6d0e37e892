//! The database's layout, and how it is opened.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};
use sqlite_store::StoreFault;

use super::SqliteOptions;
use crate::alert_log::{LogBounds, LogId};

/// Kept in `PRAGMA user_version`; 0 is a new file.
pub(super) const VERSION: i64 = 2;

/// Positions are dense, so `entry.position` is chosen by the writer and never by SQLite.
const CREATE: &str = "
    CREATE TABLE log (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        id TEXT NOT NULL,
        trimmed_through INTEGER NOT NULL
    );
    CREATE TABLE entry (
        position INTEGER PRIMARY KEY,
        alert_id TEXT NOT NULL,
        amendment_number INTEGER NOT NULL,
        time_ns INTEGER NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (alert_id, amendment_number)
    );
    CREATE INDEX entry_by_time ON entry (time_ns);
    CREATE TABLE origin (
        name TEXT PRIMARY KEY,
        epoch INTEGER NOT NULL,
        through_sequence INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE reader (
        name TEXT PRIMARY KEY,
        position INTEGER NOT NULL
    ) WITHOUT ROWID;
";

/// Came with version 2.
const CREATE_PARKED: &str = "
    CREATE TABLE parked (
        id TEXT PRIMARY KEY,
        body BLOB NOT NULL
    );
";

/// What the log was when it was opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenState {
    pub(super) id: LogId,
    pub(super) bounds: LogBounds,
}

/// Opens the writing connection, makes the layout in a new file, and refuses what it does not know.
pub(super) fn open(path: &Path, options: &SqliteOptions) -> Result<(Connection, OpenState), StoreFault> {
    let (mut connection, version) = sqlite_store::open_for_writing(path)?;
    if let Some(max_bytes) = options.max_bytes {
        let page_size: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = max_bytes / u64::try_from(page_size).unwrap_or(4096).max(1);
        let pages = i64::try_from(pages).unwrap_or(i64::MAX).clamp(1, i64::from(u32::MAX) - 1);
        // The pragma answers with the limit in force, so it is a query.
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    match version {
        0 => create(&mut connection)?,
        1 => upgrade(&mut connection)?,
        VERSION => {}
        newer => return Err(StoreFault::NewerSchema(newer)),
    }
    let state = state(&connection)?;
    Ok((connection, state))
}

fn create(connection: &mut Connection) -> Result<(), StoreFault> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(CREATE)?;
    transaction.execute_batch(CREATE_PARKED)?;
    transaction.execute(
        "INSERT INTO log (only_row, id, trimmed_through) VALUES (1, ?1, 0)",
        [LogId::random().to_string()],
    )?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

/// From version 1.
fn upgrade(connection: &mut Connection) -> Result<(), StoreFault> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(CREATE_PARKED)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

fn state(connection: &Connection) -> Result<OpenState, StoreFault> {
    let row: Option<(String, i64)> = connection
        .query_row("SELECT id, trimmed_through FROM log", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (id, trimmed_through) =
        row.ok_or_else(|| StoreFault::Damaged("the table log has no row".to_owned()))?;
    let id = id.parse().map_err(|_| StoreFault::Damaged("the log's id is not an id".to_owned()))?;
    let last: Option<i64> = connection.query_row("SELECT max(position) FROM entry", [], |row| row.get(0))?;
    let trimmed_through = trimmed_through.max(0).cast_unsigned();
    let last = last.unwrap_or(0).max(0).cast_unsigned().max(trimmed_through);
    Ok(OpenState { id, bounds: LogBounds { trimmed_through, last } })
}
