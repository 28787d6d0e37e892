//! The copy that a replica keeps of a bucket: the same tables, written from the bucket alone.
//!
//! A change is *planned*: it is made in a transaction, what is different afterwards is read as a list of puts, and the
//! transaction is taken back. The puts go to the bucket; when they come back from it, as those of other replicas do, they are
//! *followed*. So all copies have the same rows, with the same revisions: those are the bucket's sequence numbers, counted
//! from its creation in microseconds, as [`schema`](super::schema) counts them.

mod changes;
mod follow;
mod layout;

use std::{collections::HashSet, path::Path, sync::Arc};

use rusqlite::Connection;
use sqlite_store::{Place, Readers, StoreFault, Writer};
use tokio::sync::{mpsc, oneshot, watch};

pub(in crate::store) use self::{
    changes::{Plan, Put},
    follow::Heard,
    layout::Marker,
};
use super::{
    Fault, clusters, list, reader, schema,
    writer::{self, Answer, Asked, State},
};
use crate::store::{
    Changes, ChangesFrom, ClusterHeard, Finding, Listing, Page, Revisions, Scope, Sought, StoreError,
    StoreLimits, StoreMetrics,
};

/// Commands that wait for the writer: of whoever plans and whoever follows.
const WAITING: usize = 4;
/// The name of the database within the data directory. That of a store without a bucket is another one.
const FILE_NAME: &str = "replica.sqlite";

/// Part of what a copy is made anew from.
#[derive(Debug)]
pub(in crate::store) enum Stretch {
    /// Messages in their order.
    Heard(Vec<Heard>),
    /// There are no more; the copy is as the bucket was at this sequence number.
    End(u64),
}

/// A copy of a bucket.
#[derive(Debug)]
pub(in crate::store) struct LocalCopy {
    pub(in crate::store) revisions: watch::Receiver<Revisions>,
    pub(in crate::store) metrics: StoreMetrics,
    readers: Readers,
    writer: Writer<Command>,
    /// The last to be dropped.
    place: Place,
}

/// What the writing thread does.
#[derive(Debug)]
enum Command {
    Plan { asked: Arc<[Asked]>, max_entity_bytes: usize, answer: Answer<Plan> },
    Follow { heard: Vec<Heard>, answer: Answer<()> },
    Remake { base: u64, stretches: mpsc::Receiver<Stretch>, answer: Answer<()> },
}

/// Owns the writing connection.
struct Keeper {
    path: Arc<Path>,
    connection: Connection,
    /// What sequence numbers are counted from; `None` before the copy was first made.
    base: Option<u64>,
    revisions: watch::Sender<Revisions>,
    limits: StoreLimits,
    metrics: StoreMetrics,
}

// === impl LocalCopy ===

impl LocalCopy {
    /// Opens the copy in `directory`, which may be empty. Blocks.
    pub(in crate::store) fn open(directory: &Path, limits: StoreLimits) -> Result<Self, StoreError> {
        let place =
            Place::take(directory, FILE_NAME).map_err(|(path, fault)| Fault::Store(fault).at(&path))?;
        let path = Arc::clone(place.database());
        let at = |fault: Fault| fault.at(&path);
        let (connection, revisions) = schema::open(&path).map_err(at)?;
        let base = layout::prepare(&connection).map_err(at)?;
        let (revisions, receiver) = watch::channel(revisions);
        let metrics = StoreMetrics::default();
        writer::count_rows(&connection, &metrics).map_err(at)?;
        let keeper =
            Keeper { path: Arc::clone(&path), connection, base, revisions, limits, metrics: metrics.clone() };
        let writer = Writer::start("metadata-store", WAITING, |commands| keeper.run(commands))
            .map_err(|error| Fault::Store(StoreFault::Io(error.to_string())).at(&path))?;
        Ok(Self { readers: Readers::new(path), revisions: receiver, metrics, writer, place })
    }

    /// As [`MetadataStore::find`](crate::store::MetadataStore::find); so are the next ones.
    pub(in crate::store) async fn find(&self, questions: Arc<[Sought]>) -> Result<Vec<Finding>, StoreError> {
        self.read(move |connection| reader::find(connection, &questions)).await
    }

    pub(in crate::store) async fn changes(
        &self,
        scopes: Arc<HashSet<Scope>>,
        from: ChangesFrom,
    ) -> Result<Changes, StoreError> {
        self.read(move |connection| reader::changes(connection, &scopes, from)).await
    }

    pub(in crate::store) async fn list(&self, listing: Arc<Listing>) -> Result<Page, StoreError> {
        self.read(move |connection| list::page(connection, &listing)).await
    }

    pub(in crate::store) async fn present_objects(
        &self,
        scope: Scope,
        after: String,
    ) -> Result<Vec<String>, StoreError> {
        self.read(move |connection| clusters::present(connection, &scope, &after)).await
    }

    pub(in crate::store) async fn clusters(&self) -> Result<Vec<ClusterHeard>, StoreError> {
        self.read(|connection| clusters::all(connection)).await
    }

    /// What it is a copy of and how far: the bucket's base and the last sequence number. `None` before it was made.
    pub(in crate::store) async fn position(&self) -> Result<Option<(u64, u64)>, StoreError> {
        self.read(|connection| layout::position(connection)).await
    }

    /// Keys that it has, without markers.
    pub(in crate::store) fn keys(&self) -> u64 {
        self.metrics.entities.get()
    }

    /// The next markers of removed keys that are older than a time, in milliseconds since the epoch.
    pub(in crate::store) async fn markers(&self, before_ms: i64) -> Result<Vec<Marker>, StoreError> {
        self.read(move |connection| layout::markers(connection, before_ms)).await
    }

    /// What would change in the bucket if this was done. If nothing would, it is done.
    pub(in crate::store) async fn plan(
        &self,
        asked: Arc<[Asked]>,
        max_entity_bytes: usize,
    ) -> Result<Plan, StoreError> {
        self.command(|answer| Command::Plan { asked, max_entity_bytes, answer }).await
    }

    /// Takes over what was heard from the bucket.
    pub(in crate::store) async fn follow(&self, heard: Vec<Heard>) -> Result<(), StoreError> {
        self.command(|answer| Command::Follow { heard, answer }).await
    }

    /// Is made anew. Until the end of the stretches, readers see what was; if the end does not come, that stays.
    pub(in crate::store) async fn remake(
        &self,
        base: u64,
        stretches: mpsc::Receiver<Stretch>,
    ) -> Result<(), StoreError> {
        self.command(|answer| Command::Remake { base, stretches, answer }).await
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(read).await.map_err(|fault| fault.at(self.place.database()))
    }

    async fn command<T>(&self, make: impl FnOnce(Answer<T>) -> Command) -> Result<T, StoreError> {
        let closed = |_| Fault::Store(StoreFault::Closed).at(self.place.database());
        self.writer.ask(make).await.map_err(closed)?
    }
}

impl Drop for LocalCopy {
    fn drop(&mut self) {
        self.readers.close();
    }
}

// === impl Keeper ===

impl Keeper {
    fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        self.connection.set_prepared_statement_cache_capacity(96);
        while let Some(command) = commands.blocking_recv() {
            match command {
                Command::Plan { asked, max_entity_bytes, answer } => {
                    self.limits.max_entity_bytes = max_entity_bytes;
                    let planned = self.plan(&asked);
                    self.answer(answer, planned);
                }
                Command::Follow { heard, answer } => {
                    let followed = self.follow(&heard);
                    self.answer(answer, followed);
                }
                Command::Remake { base, stretches, answer } => {
                    let remade = self.remake(base, stretches);
                    self.answer(answer, remade);
                }
            }
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(path = %self.path.display(), %error, "the metadata store was not closed cleanly");
        }
    }

    fn answer<T>(&self, answer: oneshot::Sender<Result<T, StoreError>>, result: Result<T, Fault>) {
        drop(answer.send(result.map_err(|fault| fault.at(&self.path))));
    }

    fn plan(&mut self, asked: &[Asked]) -> Result<Plan, Fault> {
        let mut state = self.state();
        let before = state.revisions.last;
        let mut transaction = self.connection.transaction()?;
        let outcomes =
            writer::carry_out(&mut transaction, &self.limits, &mut state, asked.iter(), &self.path)?;
        let mut plan = changes::read(&transaction, before)?;
        (plan.outcomes, plan.counts) = (outcomes, state.counts);
        if plan.is_empty() {
            // Only what is this copy's own business.
            transaction.commit()?;
        }
        Ok(plan)
    }

    fn follow(&mut self, heard: &[Heard]) -> Result<(), Fault> {
        let Some(base) = self.base else { return Ok(()) };
        let mut state = self.state();
        let transaction = self.connection.transaction()?;
        follow::all(&transaction, &mut state, base, heard)?;
        schema::store_revisions(&transaction, state.revisions)?;
        transaction.commit()?;
        writer::announce(&self.metrics, &self.revisions, &state);
        Ok(())
    }

    fn remake(&mut self, base: u64, mut stretches: mpsc::Receiver<Stretch>) -> Result<(), Fault> {
        let mut state = self.state();
        let transaction = self.connection.transaction()?;
        layout::clear(&transaction, base)?;
        (state.entities, state.scopes) = (0, 0);
        state.revisions = Revisions { forgotten_through: base, last: base };
        let last = loop {
            match stretches.blocking_recv() {
                Some(Stretch::Heard(heard)) => follow::all(&transaction, &mut state, base, &heard)?,
                Some(Stretch::End(last)) => break last,
                // Taken back.
                None => return Err(Fault::Store(StoreFault::Io("the bucket broke off".to_owned()))),
            }
        };
        // What was told of before is not known: every watcher starts afresh, and finds containers as they are now.
        state.revisions.last = state.revisions.last.max(base.saturating_add(last));
        state.revisions.forgotten_through = state.revisions.last;
        transaction.execute("DELETE FROM rejoin", [])?;
        layout::set_sequence(&transaction, last)?;
        schema::store_revisions(&transaction, state.revisions)?;
        transaction.commit()?;
        self.base = Some(base);
        writer::announce(&self.metrics, &self.revisions, &state);
        Ok(())
    }

    fn state(&self) -> State {
        State { has_shared_ids: true, ..State::of(*self.revisions.borrow(), &self.metrics) }
    }
}
