//! The one thread that writes.

use std::{path::Path, sync::Arc};

use prost::Message as _;
use rusqlite::{Connection, Transaction, params};
use sqlite_store::StoreFault;
use tokio::sync::{mpsc, oneshot, watch};

use crate::alert_log::{AlertLogError, AppendBatch, Appended, LogBounds, OriginPosition};

/// Appends that share one flush.
const MAX_GROUP: usize = 64;
/// Of the entries to keep, the share that is trimmed at once: deleting in bulk is cheaper.
const TRIM_SHARE: u64 = 64;

/// Where an answer goes.
pub(super) type Answer<T> = oneshot::Sender<Result<T, AlertLogError>>;

/// What the writer can be asked for.
#[derive(Debug)]
pub(super) enum Command {
    /// Entries and their origin's position.
    Append { batch: Arc<AppendBatch>, answer: Answer<Appended> },
    /// Where a named reader stands.
    StoreReader { reader: String, position: u64, answer: Answer<()> },
}

/// Owns the writing connection.
#[derive(Debug)]
pub(super) struct Appender {
    pub(super) path: Arc<Path>,
    pub(super) connection: Connection,
    pub(super) bounds: watch::Sender<LogBounds>,
    pub(super) max_entries: u64,
}

// === impl Appender ===

impl Appender {
    /// Works until every sender is gone.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut group = Vec::with_capacity(MAX_GROUP);
        while commands.blocking_recv_many(&mut group, MAX_GROUP) > 0 {
            self.write(group.drain(..));
            self.trim_if_due();
        }
        // Leaves one tidy file behind; whatever fails here is made good at the next opening.
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(path = %self.path.display(), %error, "the alert log was not closed cleanly");
        }
    }

    fn write(&mut self, group: impl Iterator<Item = Command>) {
        let commands: Vec<Command> = group.collect();
        let before = *self.bounds.borrow();
        match write_group(&mut self.connection, before.last, &commands) {
            Ok((counts, last)) => {
                // Readers are told before the writers, so that who was answered also finds its entries announced.
                if last != before.last {
                    self.bounds.send_replace(LogBounds { last, ..before });
                }
                for (command, appended) in commands.into_iter().zip(counts) {
                    command.succeed(appended);
                }
            }
            Err(fault) => commands
                .into_iter()
                .for_each(|command| command.fail(AlertLogError::of_store(&self.path, &fault))),
        }
    }

    /// A failure to trim loses nothing: it is logged and tried again after the next append.
    fn trim_if_due(&mut self) {
        let bounds = *self.bounds.borrow();
        if bounds.last - bounds.trimmed_through <= self.max_entries {
            return;
        }
        let through = bounds.last - (self.max_entries - self.max_entries / TRIM_SHARE);
        match trim(&mut self.connection, through) {
            Ok(()) => {
                self.bounds.send_replace(LogBounds { trimmed_through: through, ..bounds });
            }
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "cannot trim the alert log");
            }
        }
    }
}

// === impl Command ===

impl Command {
    /// Whoever asked may have gone; what was written stays.
    fn succeed(self, appended: Appended) {
        match self {
            Self::Append { answer, .. } => drop(answer.send(Ok(appended))),
            Self::StoreReader { answer, .. } => drop(answer.send(Ok(()))),
        }
    }

    fn fail(self, error: AlertLogError) {
        match self {
            Self::Append { answer, .. } => drop(answer.send(Err(error))),
            Self::StoreReader { answer, .. } => drop(answer.send(Err(error))),
        }
    }
}

/// Writes all commands in one transaction; gives what each did and the log's last position.
fn write_group(
    connection: &mut Connection,
    last: u64,
    commands: &[Command],
) -> Result<(Vec<Appended>, u64), StoreFault> {
    let transaction = connection.transaction()?;
    let mut last = last;
    let counts = commands
        .iter()
        .map(|command| match command {
            Command::Append { batch, .. } => append(&transaction, &mut last, batch),
            Command::StoreReader { reader, position, .. } => {
                store_reader(&transaction, reader, *position).map(|()| Appended::default())
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    transaction.commit()?;
    Ok((counts, last))
}

fn append(
    transaction: &Transaction<'_>,
    last: &mut u64,
    batch: &AppendBatch,
) -> Result<Appended, StoreFault> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO entry (position, alert_id, amendment_number, time_ns, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut appended = Appended::default();
    for alert in &batch.alerts {
        let position = last.saturating_add(1);
        let changed = insert.execute(params![
            stored(position),
            alert.id,
            alert.amendment_number,
            stored(alert.time_ns),
            alert.encode_to_vec(),
        ])?;
        if changed == 0 {
            appended.repeated_entries += 1;
        } else {
            *last = position;
            appended.new_entries += 1;
        }
    }
    for parked in &batch.parked {
        let statement = match parked.is_update {
            true => "INSERT OR REPLACE INTO parked (id, body) VALUES (?1, ?2)",
            false => "INSERT OR IGNORE INTO parked (id, body) VALUES (?1, ?2)",
        };
        transaction.prepare_cached(statement)?.execute(params![parked.id, parked.body])?;
    }
    for id in &batch.settled {
        transaction.prepare_cached("DELETE FROM parked WHERE id = ?1")?.execute([id])?;
    }
    if let Some(position) = &batch.position {
        store_origin(transaction, position)?;
    }
    Ok(appended)
}

fn store_origin(transaction: &Transaction<'_>, position: &OriginPosition) -> Result<(), StoreFault> {
    transaction
        .prepare_cached(
            "INSERT INTO origin (name, epoch, through_sequence) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET epoch = ?2, through_sequence = ?3",
        )?
        .execute(params![position.origin, position.epoch.cast_signed(), stored(position.through_sequence)])?;
    Ok(())
}

fn store_reader(transaction: &Transaction<'_>, reader: &str, position: u64) -> Result<(), StoreFault> {
    transaction
        .prepare_cached(
            "INSERT INTO reader (name, position) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET position = ?2",
        )?
        .execute(params![reader, stored(position)])?;
    Ok(())
}

fn trim(connection: &mut Connection, through: u64) -> Result<(), StoreFault> {
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM entry WHERE position <= ?1", [stored(through)])?;
    transaction.execute("UPDATE log SET trimmed_through = ?1", [stored(through)])?;
    Ok(transaction.commit()?)
}

/// SQLite's integers are signed; what does not fit is as good as the largest, and keeps its order.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
