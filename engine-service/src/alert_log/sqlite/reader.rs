//! Reading, beside the writer.

use eyrie_proto::alert::Alert;
use prost::Message as _;
use rusqlite::{Connection, OptionalExtension as _};
use sqlite_store::StoreFault;

use super::writer::stored;
use crate::alert_log::{LogEntry, OriginPosition, Page, PageLimit, ParkedEntry};

/// The entries after a position; one transaction, so that they fit to the trimmed position.
pub(super) fn page(
    connection: &mut Connection,
    from_position_exclusive: u64,
    limit: PageLimit,
) -> Result<Page, StoreFault> {
    let transaction = connection.transaction()?;
    let trimmed_through: i64 =
        transaction.prepare_cached("SELECT trimmed_through FROM log")?.query_row([], |row| row.get(0))?;
    let mut page = Page {
        entries: Vec::new(),
        trimmed_entries: trimmed_through.max(0).cast_unsigned().saturating_sub(from_position_exclusive),
    };
    let mut bytes = 0_usize;
    let mut select = transaction
        .prepare_cached("SELECT position, body FROM entry WHERE position > ?1 ORDER BY position LIMIT ?2")?;
    let count = i64::try_from(limit.entries.max(1)).unwrap_or(i64::MAX);
    let mut rows = select.query([stored(from_position_exclusive), count])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        let body = row.get_ref(1)?.as_blob().map_err(|error| StoreFault::Damaged(error.to_string()))?;
        let alert = Alert::decode(body)
            .map_err(|error| StoreFault::Damaged(format!("entry {position} is no alert: {error}")))?;
        page.entries.push(LogEntry { position: position.cast_unsigned(), alert });
        bytes = bytes.saturating_add(body.len());
        if bytes >= limit.bytes {
            break;
        }
    }
    Ok(page)
}

pub(super) fn position_before_time(connection: &mut Connection, since_ns: u64) -> Result<u64, StoreFault> {
    let transaction = connection.transaction()?;
    let first: Option<i64> = transaction
        .prepare_cached("SELECT min(position) FROM entry WHERE time_ns >= ?1")?
        .query_row([stored(since_ns)], |row| row.get(0))?;
    let before = match first {
        Some(first) => first - 1,
        None => transaction.query_row(
            "SELECT coalesce((SELECT max(position) FROM entry), trimmed_through) FROM log",
            [],
            |row| row.get(0),
        )?,
    };
    Ok(before.max(0).cast_unsigned())
}

pub(super) fn parked(connection: &mut Connection) -> Result<Vec<ParkedEntry>, StoreFault> {
    let mut select = connection.prepare_cached("SELECT id, body FROM parked ORDER BY rowid")?;
    let rows = select
        .query_map([], |row| Ok(ParkedEntry { id: row.get(0)?, body: row.get(1)?, is_update: false }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn origin_position(
    connection: &mut Connection,
    origin: String,
) -> Result<Option<OriginPosition>, StoreFault> {
    let row: Option<(i64, i64)> = connection
        .prepare_cached("SELECT epoch, through_sequence FROM origin WHERE name = ?1")?
        .query_row([&origin], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(row.map(|(epoch, through)| OriginPosition {
        origin,
        epoch: epoch.cast_unsigned(),
        through_sequence: through.max(0).cast_unsigned(),
    }))
}

pub(super) fn reader_position(connection: &mut Connection, name: &str) -> Result<Option<u64>, StoreFault> {
    let position: Option<i64> = connection
        .prepare_cached("SELECT position FROM reader WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(position.map(|position| position.max(0).cast_unsigned()))
}
