//! The one thread that writes.

use std::{
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, Transaction};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Fault, apply, clusters, forget, rejoin, schema};
use crate::store::{
    Batch, ClusterSpeaker, ClusterStanding, Revisions, StoreError, StoreLimits, StoreMetrics,
};

/// Batches that share one flush.
pub(in crate::store) const MAX_GROUP: usize = 64;

/// Where an answer goes.
pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What a store can be asked to change.
#[derive(Clone, Debug)]
pub(in crate::store) enum Asked {
    /// Statements.
    Apply(Arc<Batch>),
    /// To forget what was kept for long enough.
    ForgetExpired,
    /// To note who speaks for a cluster.
    OpenCluster(Arc<ClusterSpeaker>),
    /// To tell the next containers anew whose pods changed.
    Rejoin,
}

/// Something asked for, and where the answer goes.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) asked: Asked,
    pub(super) answer: Answer<Outcome>,
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
    /// Scopes are numbered alike in all copies of a bucket.
    pub(super) has_shared_ids: bool,
    pub(super) counts: Counts,
}

/// What a transaction did; counted once it is durable.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store) struct Counts {
    pub(super) applied_statements: u64,
    pub(super) repeated_statements: u64,
    pub(super) expired_tombstones: u64,
    pub(super) evicted_tombstones: u64,
    pub(super) evicted_entities: u64,
    pub(super) evicted_scopes: u64,
    pub(super) rejoined_containers: u64,
}

/// What became of what was asked for.
#[derive(Debug)]
pub(in crate::store) enum Outcome {
    Applied(u64),
    Forgotten,
    Opened(ClusterStanding),
    Rejoined { is_more: bool },
    Refused(StoreError),
}

// === impl Applier ===

impl Applier {
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
        let mut state = State::of(*self.revisions.borrow(), &self.metrics);
        match write_group(&mut self.connection, &self.limits, &mut state, &commands, &self.path) {
            Ok(outcomes) => {
                announce(&self.metrics, &self.revisions, &state);
                for (command, outcome) in commands.into_iter().zip(outcomes) {
                    // Whoever asked may have gone; what was written stays.
                    let answer = match outcome {
                        Outcome::Refused(error) => Err(error),
                        outcome => Ok(outcome),
                    };
                    drop(command.answer.send(answer));
                }
            }
            Err(fault) => {
                commands.into_iter().for_each(|command| drop(command.answer.send(Err(fault.at(&self.path)))));
            }
        }
    }
}

// === impl Outcome ===

impl Outcome {
    pub(in crate::store) fn applied(self) -> Result<u64, StoreError> {
        match self {
            Self::Applied(through) => Ok(through),
            other => Err(other.mistaken()),
        }
    }

    pub(in crate::store) fn opened(self) -> Result<ClusterStanding, StoreError> {
        match self {
            Self::Opened(standing) => Ok(standing),
            other => Err(other.mistaken()),
        }
    }

    pub(in crate::store) fn rejoined(self) -> Result<bool, StoreError> {
        match self {
            Self::Rejoined { is_more } => Ok(is_more),
            other => Err(other.mistaken()),
        }
    }

    fn mistaken(self) -> StoreError {
        match self {
            Self::Refused(error) => error,
            other => StoreError::Internal {
                path: Default::default(),
                detail: format!("something was answered with {other:?}"),
            },
        }
    }
}

// === impl State ===

impl State {
    /// As of now.
    pub(super) fn of(revisions: Revisions, metrics: &StoreMetrics) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            revisions,
            entities: metrics.entities.get(),
            scopes: metrics.scopes.get(),
            now_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
            has_shared_ids: false,
            counts: Counts::default(),
        }
    }
}

// === impl Counts ===

impl Counts {
    /// Adds them to what is shown.
    pub(in crate::store) fn show(&self, metrics: &StoreMetrics) {
        metrics.applied_statements.add(self.applied_statements);
        metrics.repeated_statements.add(self.repeated_statements);
        metrics.expired_tombstones.add(self.expired_tombstones);
        metrics.evicted_tombstones.add(self.evicted_tombstones);
        metrics.evicted_entities.add(self.evicted_entities);
        metrics.evicted_scopes.add(self.evicted_scopes);
        metrics.rejoined_containers.add(self.rejoined_containers);
    }
}

/// Readers are told before the callers, so that who was answered also finds its changes announced.
pub(super) fn announce(metrics: &StoreMetrics, revisions: &watch::Sender<Revisions>, state: &State) {
    metrics.entities.set(state.entities);
    metrics.scopes.set(state.scopes);
    state.counts.show(metrics);
    revisions.send_if_modified(|revisions| {
        let is_changed = *revisions != state.revisions;
        *revisions = state.revisions;
        is_changed
    });
}

/// Sets the gauges to what is stored.
pub(super) fn count_rows(connection: &Connection, metrics: &StoreMetrics) -> Result<(), Fault> {
    let count = |table: &str| -> Result<u64, Fault> {
        let query = format!("SELECT count(*) FROM {table}");
        let count: i64 = connection.query_row(&query, [], |row| row.get(0))?;
        Ok(count.max(0).cast_unsigned())
    };
    metrics.entities.set(count("entity")?);
    metrics.scopes.set(count("scope")?);
    Ok(())
}

/// Does all commands in one transaction.
fn write_group(
    connection: &mut Connection,
    limits: &StoreLimits,
    state: &mut State,
    commands: &[Command],
    path: &Path,
) -> Result<Vec<Outcome>, Fault> {
    let mut transaction = connection.transaction()?;
    let asked = commands.iter().map(|command| &command.asked);
    let outcomes = carry_out(&mut transaction, limits, state, asked, path)?;
    schema::store_revisions(&transaction, state.revisions)?;
    transaction.commit()?;
    Ok(outcomes)
}

/// Does what is asked for. What is at fault itself leaves no trace; any other fault ends all.
pub(super) fn carry_out<'a>(
    transaction: &mut Transaction<'_>,
    limits: &StoreLimits,
    state: &mut State,
    asked: impl Iterator<Item = &'a Asked>,
    path: &Path,
) -> Result<Vec<Outcome>, Fault> {
    let mut outcomes = Vec::with_capacity(MAX_GROUP);
    for asked in asked {
        let before = *state;
        let savepoint = transaction.savepoint()?;
        let outcome = match asked {
            Asked::Apply(batch) => apply::apply(&savepoint, limits, state, batch).map(Outcome::Applied),
            Asked::ForgetExpired => forget::expired(&savepoint, limits, state).map(|()| Outcome::Forgotten),
            Asked::OpenCluster(speaker) => {
                clusters::open(&savepoint, limits, state, speaker).map(Outcome::Opened)
            }
            Asked::Rejoin => {
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
                outcomes.push(Outcome::Refused(fault.at(path)));
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(outcomes)
}
