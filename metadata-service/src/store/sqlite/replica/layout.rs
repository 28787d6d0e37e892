//! What a copy's database has besides.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::{Fault, stored};

/// Markers that are read at a time.
const MAX_MARKERS: i64 = 256;

/// `bucket_sequence` is the number of a row's last put, also while a plan changes its revision. A new row has no key yet.
const ADD_BUCKET: &str = "
    CREATE TABLE bucket (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        base INTEGER NOT NULL,
        sequence INTEGER NOT NULL
    );
    CREATE TABLE marker (key TEXT PRIMARY KEY, sequence INTEGER NOT NULL, heard_ms INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX marker_by_sequence ON marker (sequence);
    ALTER TABLE entity ADD COLUMN bucket_key TEXT;
    ALTER TABLE entity ADD COLUMN bucket_sequence INTEGER;
    ALTER TABLE scope ADD COLUMN bucket_sequence INTEGER;
    CREATE UNIQUE INDEX entity_by_bucket_key ON entity (bucket_key) WHERE bucket_key IS NOT NULL;
";

/// What a plan does that no revision tells of. In memory; taken back with the plan.
const NOTE_CHANGES: &str = "
    CREATE TEMP TABLE leaving (key TEXT PRIMARY KEY, sequence INTEGER NOT NULL);
    CREATE TEMP TABLE touched (scope INTEGER PRIMARY KEY);
    CREATE TEMP TRIGGER entity_leaves AFTER DELETE ON main.entity WHEN old.bucket_key IS NOT NULL
        BEGIN INSERT OR IGNORE INTO leaving VALUES (old.bucket_key, old.bucket_sequence); END;
    CREATE TEMP TRIGGER scope_leaves AFTER DELETE ON main.scope WHEN old.bucket_sequence IS NOT NULL
        BEGIN INSERT OR IGNORE INTO leaving VALUES (format('s.%016x', old.id), old.bucket_sequence); END;
    CREATE TEMP TRIGGER scope_comes AFTER INSERT ON main.scope
        BEGIN INSERT OR IGNORE INTO touched VALUES (new.id); END;
    CREATE TEMP TRIGGER scope_changes AFTER UPDATE OF heard_ms, forgotten_entities, forgotten_until_ns, tenant, title,
        whole_epoch, is_whole ON main.scope
        BEGIN INSERT OR IGNORE INTO touched VALUES (new.id); END;
";

/// What is left in the bucket of a removed key.
#[derive(Clone, Debug)]
pub(in crate::store) struct Marker {
    pub(in crate::store) key: String,
    pub(in crate::store) sequence: u64,
}

/// Adds what is missing; gives the base if the copy was made before.
pub(super) fn prepare(connection: &Connection) -> Result<Option<u64>, Fault> {
    // What a crash of the machine takes is heard again: the bucket is what lasts.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    let is_there: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'bucket')",
        [],
        |row| row.get(0),
    )?;
    if !is_there {
        connection.execute_batch(&format!("BEGIN; {ADD_BUCKET} COMMIT;"))?;
    }
    connection.execute_batch(NOTE_CHANGES)?;
    Ok(position(connection)?.map(|(base, _)| base))
}

pub(super) fn position(connection: &Connection) -> Result<Option<(u64, u64)>, Fault> {
    let mut select = connection.prepare_cached("SELECT base, sequence FROM bucket")?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let found = select.query_row([], read).optional()?;
    Ok(found.map(|(base, sequence)| (base.max(0).cast_unsigned(), sequence.max(0).cast_unsigned())))
}

pub(super) fn set_sequence(connection: &Connection, sequence: u64) -> Result<(), Fault> {
    let mut update = connection.prepare_cached("UPDATE bucket SET sequence = max(sequence, ?1)")?;
    update.execute([stored(sequence)])?;
    Ok(())
}

/// Empties the copy, which is of the bucket with this base from now on.
pub(super) fn clear(connection: &Connection, base: u64) -> Result<(), Fault> {
    for table in ["entity", "scope", "relay", "rejoin", "marker", "bucket"] {
        connection.execute(&format!("DELETE FROM {table}"), [])?;
    }
    connection.execute("INSERT INTO bucket (only_row, base, sequence) VALUES (1, ?1, 0)", [stored(base)])?;
    forget_notes(connection)
}

/// What was followed is nobody's plan.
pub(super) fn forget_notes(connection: &Connection) -> Result<(), Fault> {
    connection.prepare_cached("DELETE FROM leaving")?.execute([])?;
    connection.prepare_cached("DELETE FROM touched")?.execute([])?;
    Ok(())
}

/// The sequence number of a key's marker; 0 if it has none.
pub(super) fn marker(connection: &Connection, key: &str) -> Result<u64, Fault> {
    let mut select = connection.prepare_cached("SELECT sequence FROM marker WHERE key = ?1")?;
    let found: Option<i64> = select.query_row([key], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(0).max(0).cast_unsigned())
}

pub(super) fn add_marker(
    connection: &Connection,
    key: &str,
    sequence: u64,
    heard_ms: i64,
) -> Result<(), Fault> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO marker (key, sequence, heard_ms) VALUES (?1, ?2, ?3)")?
        .execute(params![key, stored(sequence), heard_ms])?;
    Ok(())
}

pub(super) fn remove_marker(connection: &Connection, key: &str) -> Result<(), Fault> {
    connection.prepare_cached("DELETE FROM marker WHERE key = ?1")?.execute([key])?;
    Ok(())
}

pub(super) fn remove_markers(connection: &Connection, through: u64) -> Result<(), Fault> {
    connection.prepare_cached("DELETE FROM marker WHERE sequence <= ?1")?.execute([stored(through)])?;
    Ok(())
}

/// The oldest markers, if the last of them is older than the time.
pub(super) fn markers(connection: &Connection, before_ms: i64) -> Result<Vec<Marker>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT key, sequence, heard_ms FROM marker ORDER BY sequence LIMIT ?1")?;
    let mut rows = select.query([MAX_MARKERS])?;
    let mut markers = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(2)? > before_ms {
            break;
        }
        let sequence: i64 = row.get(1)?;
        markers.push(Marker { key: row.get(0)?, sequence: sequence.max(0).cast_unsigned() });
    }
    Ok(markers)
}
