//! Forgetting: what was kept for long enough, and what there is no room for.
//!
//! Whatever goes moves [`Revisions::forgotten_through`](crate::store::Revisions), so that a reader that has not yet read
//! of its end starts afresh, and is noted with its scope, so that its absence is never told as knowledge.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Fault, entities, writer::State};
use crate::store::{Scope, StoreLimits};

/// Rows that are forgotten at once, to bound a transaction.
const MAX_AT_ONCE: usize = 4_096;
/// Rows that make room at once: making room for each new one by itself would cost more.
const ROOM: u64 = 64;

/// What is needed of a row to forget it.
struct Leaving {
    revision: i64,
    scope_id: i64,
    has_ended: bool,
    until_ns: u64,
}

/// Why something is forgotten.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    Expired,
    NoRoom,
}

/// Tombstones that were kept for the retention time.
pub(super) fn expired(connection: &Connection, limits: &StoreLimits, state: &mut State) -> Result<(), Fault> {
    let retention_ms = i64::try_from(limits.tombstone_retention.as_millis()).unwrap_or(i64::MAX);
    let before_ms = state.now_ms.saturating_sub(retention_ms);
    let query = "SELECT revision, scope, kind, ended_ms, body FROM entity
                 WHERE ended_ms IS NOT NULL AND ended_ms <= ?1 ORDER BY ended_ms LIMIT ?2";
    let leaving = select(connection, query, [before_ms, count(MAX_AT_ONCE as u64)])?;
    forget(connection, state, &leaving, Reason::Expired)
}

/// Room for one more entity of a scope: of the scope's own if it has too many, otherwise of all.
pub(super) fn make_room(
    connection: &Connection,
    limits: &StoreLimits,
    state: &mut State,
    scope_id: i64,
) -> Result<(), Fault> {
    let (in_scope, kind): (i64, i64) = connection
        .prepare_cached("SELECT entities, kind FROM scope WHERE id = ?1")?
        .query_row([scope_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let in_scope = in_scope.max(0).cast_unsigned();
    let is_cluster = kind == Scope::CLUSTER_KIND;
    let bound = if is_cluster { limits.max_objects_per_cluster } else { limits.max_entities_per_scope };
    if in_scope >= bound.max(1) {
        let surplus = in_scope - bound.max(1) + 1;
        let room = surplus.max(ROOM.min(bound / 16));
        of_scope(connection, state, scope_id, room)?;
    }
    if state.entities >= limits.max_entities.max(1) {
        let surplus = state.entities - limits.max_entities.max(1) + 1;
        of_all(connection, state, surplus.max(ROOM.min(limits.max_entities / 16)))?;
    }
    Ok(())
}

/// Room for one more scope: the one that was heard least recently goes with all that it has.
pub(super) fn make_room_for_scope(
    connection: &Connection,
    limits: &StoreLimits,
    state: &mut State,
) -> Result<(), Fault> {
    while state.scopes >= limits.max_scopes.max(1) {
        let Some(scope_id) = least_recently_heard(connection, false)? else { return Ok(()) };
        let query = "SELECT revision, scope, kind, ended_ms, body FROM entity WHERE scope = ?1 LIMIT ?2";
        loop {
            let leaving = select(connection, query, [scope_id, count(MAX_AT_ONCE as u64)])?;
            if leaving.is_empty() {
                break;
            }
            forget(connection, state, &leaving, Reason::NoRoom)?;
        }
        connection.prepare_cached("DELETE FROM relay WHERE scope = ?1")?.execute([scope_id])?;
        connection.prepare_cached("DELETE FROM rejoin WHERE scope = ?1")?.execute([scope_id])?;
        connection.prepare_cached("DELETE FROM scope WHERE id = ?1")?.execute([scope_id])?;
        state.scopes = state.scopes.saturating_sub(1);
        state.counts.evicted_scopes += 1;
    }
    Ok(())
}

/// One instance of a container that has too many.
pub(super) fn instance(connection: &Connection, state: &mut State, revision: i64) -> Result<(), Fault> {
    let query = "SELECT revision, scope, kind, ended_ms, body FROM entity WHERE revision = ?1 LIMIT ?2";
    let leaving = select(connection, query, [revision, 1])?;
    forget(connection, state, &leaving, Reason::NoRoom)
}

/// Tombstones of a scope first, the oldest first; then what was not changed for longest.
fn of_scope(connection: &Connection, state: &mut State, scope_id: i64, room: u64) -> Result<(), Fault> {
    let tombstones = "SELECT revision, scope, kind, ended_ms, body FROM entity
                      WHERE scope = ?1 AND ended_ms IS NOT NULL ORDER BY ended_ms LIMIT ?2";
    let leaving = select(connection, tombstones, [scope_id, count(room)])?;
    forget(connection, state, &leaving, Reason::NoRoom)?;
    if leaving.is_empty() {
        let oldest = "SELECT revision, scope, kind, ended_ms, body FROM entity
                      WHERE scope = ?1 ORDER BY revision LIMIT ?2";
        let leaving = select(connection, oldest, [scope_id, count(room)])?;
        forget(connection, state, &leaving, Reason::NoRoom)?;
    }
    Ok(())
}

/// Tombstones first, the oldest first; then of the scope that was heard least recently.
fn of_all(connection: &Connection, state: &mut State, room: u64) -> Result<(), Fault> {
    let query = "SELECT revision, scope, kind, ended_ms, body FROM entity
                 WHERE ended_ms IS NOT NULL AND ended_ms >= ?1 ORDER BY ended_ms LIMIT ?2";
    let leaving = select(connection, query, [0, count(room)])?;
    forget(connection, state, &leaving, Reason::NoRoom)?;
    if leaving.is_empty()
        && let Some(scope_id) = least_recently_heard(connection, true)?
    {
        of_scope(connection, state, scope_id, room)?;
    }
    Ok(())
}

fn least_recently_heard(connection: &Connection, must_have_entities: bool) -> Result<Option<i64>, Fault> {
    let mut select = connection
        .prepare_cached("SELECT id FROM scope WHERE entities > 0 OR NOT ?1 ORDER BY heard_ms, id LIMIT 1")?;
    Ok(select.query_row([must_have_entities], |row| row.get(0)).optional()?)
}

fn select(connection: &Connection, query: &str, values: [i64; 2]) -> Result<Vec<Leaving>, Fault> {
    let mut select = connection.prepare_cached(query)?;
    let mut rows = select.query(values)?;
    let mut leaving = Vec::new();
    while let Some(row) = rows.next()? {
        leaving.push(read(row)?);
    }
    Ok(leaving)
}

fn read(row: &Row<'_>) -> Result<Leaving, Fault> {
    let ended_ms: Option<i64> = row.get(3)?;
    let body = row.get_ref(4)?.as_blob().map_err(|error| Fault::undecodable(error.to_string()))?;
    let revision = row.get(0)?;
    let until_ns = entities::decode(revision, row.get(2)?, body)?.record.validity().until_ns;
    Ok(Leaving { revision, scope_id: row.get(1)?, has_ended: ended_ms.is_some(), until_ns })
}

fn forget(
    connection: &Connection,
    state: &mut State,
    leaving: &[Leaving],
    reason: Reason,
) -> Result<(), Fault> {
    let mut delete = connection.prepare_cached("DELETE FROM entity WHERE revision = ?1")?;
    let mut note = connection.prepare_cached(
        "UPDATE scope SET entities = entities - 1, forgotten_entities = forgotten_entities + ?2,
         forgotten_until_ns = max(forgotten_until_ns, ?3) WHERE id = ?1",
    )?;
    for one in leaving {
        delete.execute([one.revision])?;
        note.execute(params![one.scope_id, i64::from(!one.has_ended), super::stored(one.until_ns)])?;
        let revisions = &mut state.revisions;
        revisions.forgotten_through = revisions.forgotten_through.max(one.revision.max(0).cast_unsigned());
        state.entities = state.entities.saturating_sub(1);
        match (one.has_ended, reason) {
            (true, Reason::Expired) => state.counts.expired_tombstones += 1,
            (true, Reason::NoRoom) => state.counts.evicted_tombstones += 1,
            (false, _) => state.counts.evicted_entities += 1,
        }
    }
    Ok(())
}

fn count(rows: u64) -> i64 {
    super::stored(rows.min(MAX_AT_ONCE as u64).max(1))
}
