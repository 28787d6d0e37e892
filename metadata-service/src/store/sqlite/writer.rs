//! The one thread that writes.

use std::{
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Fault, apply, clusters, forget, rejoin, schema, stored};
use crate::store::{
    Batch, ClusterSpeaker, ClusterStanding, Revisions, StoreError, StoreLimits, StoreMetrics,
};

/// Batches that share one flush.
const MAX_GROUP: usize = 64;

/// Where an answer goes.
pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer can be asked for.
#[derive(Debug)]
pub(super) enum Command {
    /// Statements.
    Apply { batch: Arc<Batch>, answer: Answer<u64> },
    /// Forgets what was kept for long enough.
    ForgetExpired { answer: Answer<()> },
    /// Notes who speaks for a cluster.
    OpenCluster { speaker: Arc<ClusterSpeaker>, answer: Answer<ClusterStanding> },
    /// Tells the next containers anew whose pods changed.
    Rejoin { answer: Answer<bool> },
}

/// Owns the writing connection.
#[derive(Debug)]
pub(super) struct Applier {
    pub(super) path: Arc<Path>,
    pub(super) connection: Connection,
    pub(super) revisions: watch::Sender<Revisions>,
    pub(super) limits: StoreLimits,
    pub(super) metrics: StoreMetrics,
}

/// What a transaction knows and changes besides its tables. Taken back as a whole if the transaction is.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) revisions: Revisions,
    pub(super) entities: u64,
    pub(super) scopes: u64,
    pub(super) now_ms: i64,
    pub(super) counts: Counts,
}

/// What a transaction did; counted once it is durable.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) applied_statements: u64,
    pub(super) repeated_statements: u64,
    pub(super) expired_tombstones: u64,
    pub(super) evicted_tombstones: u64,
    pub(super) evicted_entities: u64,
    pub(super) evicted_scopes: u64,
    pub(super) rejoined_containers: u64,
}

/// What became of a command, before it is durable.
enum Outcome {
    Applied(u64),
    Forgotten,
    Opened(ClusterStanding),
    Rejoined { is_more: bool },
    Refused(Fault),
}

// === impl Applier ===

impl Applier {
    /// Sets the gauges to what is stored.
    pub(super) fn count(&mut self) -> Result<(), Fault> {
        let count = |table: &str| -> Result<u64, Fault> {
            let query = format!("SELECT count(*) FROM {table}");
            let count: i64 = self.connection.query_row(&query, [], |row| row.get(0))?;
            Ok(count.max(0).cast_unsigned())
        };
        self.metrics.entities.set(count("entity")?);
        self.metrics.scopes.set(count("scope")?);
        Ok(())
    }

    /// Works until every sender is gone.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        self.connection.set_prepared_statement_cache_capacity(64);
        let mut group = Vec::with_capacity(MAX_GROUP);
        while commands.blocking_recv_many(&mut group, MAX_GROUP) > 0 {
            self.write(std::mem::take(&mut group));
        }
        // Leaves one tidy file behind; whatever fails here is made good at the next opening.
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(path = %self.path.display(), %error, "the metadata store was not closed cleanly");
        }
    }

    fn write(&mut self, commands: Vec<Command>) {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut state = State {
            revisions: *self.revisions.borrow(),
            entities: self.metrics.entities.get(),
            scopes: self.metrics.scopes.get(),
            now_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
            counts: Counts::default(),
        };
        match write_group(&mut self.connection, &self.limits, &mut state, &commands) {
            Ok(outcomes) => {
                self.announce(&state);
                for (command, outcome) in commands.into_iter().zip(outcomes) {
                    command.answer(outcome, &self.path);
                }
            }
            Err(fault) => commands.into_iter().for_each(|command| command.fail(fault.at(&self.path))),
        }
    }

    /// Readers are told before the callers, so that who was answered also finds its changes announced.
    fn announce(&self, state: &State) {
        let metrics = &self.metrics;
        metrics.entities.set(state.entities);
        metrics.scopes.set(state.scopes);
        metrics.applied_statements.add(state.counts.applied_statements);
        metrics.repeated_statements.add(state.counts.repeated_statements);
        metrics.expired_tombstones.add(state.counts.expired_tombstones);
        metrics.evicted_tombstones.add(state.counts.evicted_tombstones);
        metrics.evicted_entities.add(state.counts.evicted_entities);
        metrics.evicted_scopes.add(state.counts.evicted_scopes);
        metrics.rejoined_containers.add(state.counts.rejoined_containers);
        self.revisions.send_if_modified(|revisions| {
            let is_changed = *revisions != state.revisions;
            *revisions = state.revisions;
            is_changed
        });
    }
}

// === impl Command ===

impl Command {
    /// Whoever asked may have gone; what was written stays.
    fn answer(self, outcome: Outcome, path: &Path) {
        match (self, outcome) {
            (Self::Apply { answer, .. }, Outcome::Applied(through)) => drop(answer.send(Ok(through))),
            (Self::ForgetExpired { answer }, Outcome::Forgotten) => drop(answer.send(Ok(()))),
            (Self::OpenCluster { answer, .. }, Outcome::Opened(standing)) => drop(answer.send(Ok(standing))),
            (Self::Rejoin { answer }, Outcome::Rejoined { is_more }) => drop(answer.send(Ok(is_more))),
            (command, Outcome::Refused(fault)) => command.fail(fault.at(path)),
            (command, _) => command.fail(StoreError::Internal {
                path: path.to_owned(),
                detail: "a command was answered as another one".to_owned(),
            }),
        }
    }

    fn fail(self, error: StoreError) {
        match self {
            Self::Apply { answer, .. } => drop(answer.send(Err(error))),
            Self::ForgetExpired { answer } => drop(answer.send(Err(error))),
            Self::OpenCluster { answer, .. } => drop(answer.send(Err(error))),
            Self::Rejoin { answer } => drop(answer.send(Err(error))),
        }
    }
}

/// Does all commands in one transaction. One that is at fault itself leaves no trace; any other fault ends them all.
fn write_group(
    connection: &mut Connection,
    limits: &StoreLimits,
    state: &mut State,
    commands: &[Command],
) -> Result<Vec<Outcome>, Fault> {
    let mut transaction = connection.transaction()?;
    let mut outcomes = Vec::with_capacity(commands.len());
    for command in commands {
        let before = *state;
        let savepoint = transaction.savepoint()?;
        let outcome = match command {
            Command::Apply { batch, .. } => {
                apply::apply(&savepoint, limits, state, batch).map(Outcome::Applied)
            }
            Command::ForgetExpired { .. } => {
                forget::expired(&savepoint, limits, state).map(|()| Outcome::Forgotten)
            }
            Command::OpenCluster { speaker, .. } => {
                clusters::open(&savepoint, limits, state, speaker).map(Outcome::Opened)
            }
            Command::Rejoin { .. } => {
                rejoin::next(&savepoint, limits, state).map(|is_more| Outcome::Rejoined { is_more })
            }
        };
        match outcome {
            Ok(outcome) => {
                savepoint.commit()?;
                outcomes.push(outcome);
            }
            // Dropping the savepoint takes back what it did.
            Err(fault) if fault.is_of_batch() => {
                *state = before;
                outcomes.push(Outcome::Refused(fault));
            }
            Err(fault) => return Err(fault),
        }
    }
    transaction.execute(
        "UPDATE store SET last_revision = ?1, forgotten_through = ?2",
        [stored(state.revisions.last), stored(state.revisions.forgotten_through)],
    )?;
    debug_assert_eq!(schema::revisions(&transaction)?, state.revisions);
    transaction.commit()?;
    Ok(outcomes)
}
