//! The database's layout, and how it is opened.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, params};
use sqlite_store::StoreFault;

use super::{Fault, entities, stored};
use crate::store::Revisions;

/// Kept in `PRAGMA user_version`; 0 is a new file.
pub(super) const VERSION: i64 = 3;

/// A revision is the row's number: a changed entity moves to the end of the table, so that reading changes is reading on.
/// Numbers of 64 bits are stored with their bits as they are, and compared for equality only.
const CREATE: &str = "
    CREATE TABLE store (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        last_revision INTEGER NOT NULL,
        forgotten_through INTEGER NOT NULL
    );
    CREATE TABLE scope (
        id INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        name TEXT NOT NULL,
        entities INTEGER NOT NULL,
        forgotten_entities INTEGER NOT NULL,
        forgotten_until_ns INTEGER NOT NULL,
        heard_ms INTEGER NOT NULL,
        UNIQUE (kind, name)
    );
    CREATE INDEX scope_by_heard ON scope (heard_ms);
    CREATE TABLE relay (
        scope INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        through_sequence INTEGER NOT NULL,
        heard_ms INTEGER NOT NULL,
        PRIMARY KEY (scope, epoch)
    ) WITHOUT ROWID;
    CREATE TABLE entity (
        revision INTEGER PRIMARY KEY,
        scope INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        cgroup_id INTEGER NOT NULL,
        object_id TEXT NOT NULL,
        ended_ms INTEGER,
        name TEXT NOT NULL DEFAULT '',
        namespace TEXT NOT NULL DEFAULT '',
        image_name TEXT NOT NULL DEFAULT '',
        body BLOB NOT NULL
    );
    CREATE INDEX entity_by_object ON entity (scope, kind, object_id);
    CREATE INDEX entity_by_cgroup ON entity (scope, cgroup_id) WHERE cgroup_id != 0;
    CREATE INDEX entity_by_end ON entity (ended_ms) WHERE ended_ms IS NOT NULL;
    CREATE INDEX entity_by_scope_and_end ON entity (scope, ended_ms) WHERE ended_ms IS NOT NULL;
";

/// What listings are asked by, each in the order of pages.
const CREATE_LISTING: &str = "
    CREATE INDEX entity_by_name ON entity (scope, kind, name, object_id) WHERE name != '';
    CREATE INDEX entity_by_namespace ON entity (scope, kind, namespace, object_id) WHERE namespace != '';
    CREATE INDEX entity_by_image ON entity (scope, kind, image_name, object_id) WHERE image_name != '';
";

/// From version 1, which could not be listed.
const ADD_LISTING_COLUMNS: &str = "
    ALTER TABLE entity ADD COLUMN name TEXT NOT NULL DEFAULT '';
    ALTER TABLE entity ADD COLUMN namespace TEXT NOT NULL DEFAULT '';
    ALTER TABLE entity ADD COLUMN image_name TEXT NOT NULL DEFAULT '';
";
/// Rows of an older version that are in memory at a time while they are read anew.
const UPGRADED_AT_ONCE: i64 = 256;

/// What version 3 has besides: what containers and Kubernetes objects are joined by.
///
/// `whole_epoch` is the epoch of a cluster's speaker whose snapshot has ended; `is_whole` that any has. `join_by_ms` is set
/// while what a container's pod belongs to may still be on its way. `rejoin` says which containers are to be told anew,
/// because what they belong to has changed: those with revisions up to `through_revision`, in stretches, the next of
/// which begins after `after`.
const ADD_JOINING: &str = "
    ALTER TABLE scope ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
    ALTER TABLE scope ADD COLUMN title TEXT NOT NULL DEFAULT '';
    ALTER TABLE scope ADD COLUMN whole_epoch INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE scope ADD COLUMN is_whole INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX scope_of_clusters ON scope (tenant) WHERE kind = 2;
    ALTER TABLE entity ADD COLUMN pod_uid TEXT NOT NULL DEFAULT '';
    ALTER TABLE entity ADD COLUMN object_kind TEXT NOT NULL DEFAULT '';
    ALTER TABLE entity ADD COLUMN object_namespace TEXT NOT NULL DEFAULT '';
    ALTER TABLE entity ADD COLUMN owner_uid TEXT NOT NULL DEFAULT '';
    ALTER TABLE entity ADD COLUMN join_by_ms INTEGER;
    CREATE INDEX entity_by_pod ON entity (pod_uid, revision) WHERE pod_uid != '';
    CREATE INDEX entity_by_uid ON entity (object_id) WHERE kind = 3;
    CREATE INDEX object_by_namespace ON entity (scope, object_namespace, object_kind, object_id) WHERE kind = 3;
    CREATE INDEX entity_by_owner ON entity (scope, owner_uid) WHERE owner_uid != '';
    CREATE INDEX entity_by_join ON entity (join_by_ms) WHERE join_by_ms IS NOT NULL;
    CREATE TABLE rejoin (
        id INTEGER PRIMARY KEY,
        scope INTEGER NOT NULL,
        reach INTEGER NOT NULL,
        value TEXT NOT NULL,
        after TEXT NOT NULL,
        through_revision INTEGER NOT NULL,
        UNIQUE (scope, reach, value)
    );
";

/// Opens the writing connection, makes the layout in a new file, and refuses what it does not know.
pub(super) fn open(path: &Path) -> Result<(Connection, Revisions), Fault> {
    let (mut connection, version) = sqlite_store::open_for_writing(path)?;
    match version {
        0 => create(&mut connection)?,
        1 => {
            add_listing(&mut connection)?;
            add_joining(&mut connection)?;
        }
        2 => add_joining(&mut connection)?,
        VERSION => {}
        newer => return Err(StoreFault::NewerSchema(newer).into()),
    }
    let revisions = revisions(&connection)?;
    Ok((connection, revisions))
}

/// Which revisions there are, for this connection's transaction.
pub(super) fn revisions(connection: &Connection) -> Result<Revisions, Fault> {
    let mut select = connection.prepare_cached("SELECT last_revision, forgotten_through FROM store")?;
    let (last, forgotten): (i64, i64) = select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Revisions { last: last.max(0).cast_unsigned(), forgotten_through: forgotten.max(0).cast_unsigned() })
}

/// Stores which revisions there are.
pub(super) fn store_revisions(connection: &Connection, revisions: Revisions) -> Result<(), Fault> {
    let values = [stored(revisions.last), stored(revisions.forgotten_through)];
    connection
        .prepare_cached("UPDATE store SET last_revision = ?1, forgotten_through = ?2")?
        .execute(values)?;
    Ok(())
}

/// A new store begins its revisions at the time, in microseconds: a reader that comes with a revision of another store,
/// which began earlier and grew by less than a million changes a second, is before them and starts afresh.
fn create(connection: &mut Connection) -> Result<(), Fault> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let first = i64::try_from(since_epoch.as_micros()).unwrap_or(1);
    let transaction = connection.transaction()?;
    transaction.execute_batch(CREATE)?;
    transaction.execute_batch(CREATE_LISTING)?;
    transaction.execute_batch(ADD_JOINING)?;
    transaction.execute(
        "INSERT INTO store (only_row, last_revision, forgotten_through) VALUES (1, ?1, ?1)",
        [first],
    )?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

/// Lets a store of version 1 be listed: what its rows are asked by is read from their bodies, once.
fn add_listing(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(ADD_LISTING_COLUMNS)?;
    let mut after = i64::MIN;
    loop {
        let stretch = entities::stretch(&transaction, after, UPGRADED_AT_ONCE)?;
        let Some(last) = stretch.last() else { break };
        after = last.revision;
        for stored in &stretch {
            let names = stored.record.names();
            transaction
                .prepare_cached(
                    "UPDATE entity SET name = ?2, namespace = ?3, image_name = ?4 WHERE revision = ?1",
                )?
                .execute(params![stored.revision, names.name, names.namespace, names.image_name])?;
        }
    }
    transaction.execute_batch(CREATE_LISTING)?;
    transaction.pragma_update(None, "user_version", 2)?;
    Ok(transaction.commit()?)
}

/// Lets the containers of a store of version 2 be joined with their pods.
fn add_joining(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(ADD_JOINING)?;
    let mut after = i64::MIN;
    loop {
        let stretch = entities::stretch(&transaction, after, UPGRADED_AT_ONCE)?;
        let Some(last) = stretch.last() else { break };
        after = last.revision;
        for stored in stretch.iter().filter(|stored| !stored.record.pod_uid().is_empty()) {
            transaction
                .prepare_cached("UPDATE entity SET pod_uid = ?2 WHERE revision = ?1")?
                .execute(params![stored.revision, stored.record.pod_uid()])?;
        }
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}
