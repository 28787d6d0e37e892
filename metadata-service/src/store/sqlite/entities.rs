//! Rows of entities: how they are found and decoded, by the writer and the readers alike.

use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};

use super::Fault;
use crate::{
    keys::{ContainerName, Fit},
    record::{Record, RecordKind, StoredContainer},
    store::Scope,
};

/// Containers of a scope that share a runtime id or a cgroup id: a container that is started again and again leaves a
/// tombstone each time. Whoever finds the bound reached forgets the oldest.
pub(super) const MAX_INSTANCES: usize = 32;
/// Read at the most, should there be more all the same.
const MAX_CANDIDATES: i64 = 2 * MAX_INSTANCES as i64;

/// A stored entity.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) revision: i64,
    pub(super) record: Record,
}

/// What identifies a scope and how it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScopeRow {
    pub(super) id: i64,
    pub(super) forgotten_entities: i64,
    pub(super) forgotten_until_ns: i64,
}

/// A scope, if somebody has spoken of it.
pub(super) fn scope(connection: &Connection, scope: &Scope) -> Result<Option<ScopeRow>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT id, forgotten_entities, forgotten_until_ns FROM scope WHERE kind = ?1 AND name = ?2",
    )?;
    let read = |row: &Row<'_>| {
        Ok(ScopeRow { id: row.get(0)?, forgotten_entities: row.get(1)?, forgotten_until_ns: row.get(2)? })
    };
    Ok(select.query_row(params![scope.kind_number(), scope.name()], read).optional()?)
}

/// The containers of a scope that share an id with `name`, the latest changed first.
pub(super) fn containers(
    connection: &Connection,
    scope_id: i64,
    name: &ContainerName,
) -> Result<Vec<(i64, StoredContainer)>, Fault> {
    let mut found = Vec::new();
    if name.cgroup_id != 0 {
        let query =
            "SELECT revision, kind, body FROM entity WHERE scope = ?1 AND cgroup_id = ?2 AND cgroup_id != 0
                     ORDER BY revision DESC LIMIT ?3";
        let values = params![scope_id, name.cgroup_id.cast_signed(), MAX_CANDIDATES];
        found.append(&mut rows(connection, query, values)?);
    }
    if !name.runtime_id.is_empty() {
        let query = "SELECT revision, kind, body FROM entity WHERE scope = ?1 AND kind = 1 AND object_id = ?2
                     ORDER BY revision DESC LIMIT ?3";
        found.append(&mut rows(connection, query, params![scope_id, name.runtime_id, MAX_CANDIDATES])?);
    }
    found.sort_by_key(|stored| std::cmp::Reverse(stored.revision));
    found.dedup_by_key(|stored| stored.revision);
    let container = |stored: Stored| match stored.record {
        Record::Container(container) => Some((stored.revision, *container)),
        Record::Host(_) | Record::Kubernetes(_) => None,
    };
    Ok(found.into_iter().filter_map(container).collect())
}

/// The entity of a kind with this id: a host's is empty, a Kubernetes object's its uid.
pub(super) fn by_object(
    connection: &Connection,
    scope_id: i64,
    kind: RecordKind,
    object_id: &str,
) -> Result<Option<Stored>, Fault> {
    let query =
        "SELECT revision, kind, body FROM entity WHERE scope = ?1 AND kind = ?2 AND object_id = ?3 LIMIT 1";
    Ok(rows(connection, query, params![scope_id, kind as i64, object_id])?.pop())
}

/// The next entities in the order of revisions.
pub(super) fn stretch(connection: &Connection, after: i64, limit: i64) -> Result<Vec<Stored>, Fault> {
    let query = "SELECT revision, kind, body FROM entity WHERE revision > ?1 ORDER BY revision LIMIT ?2";
    rows(connection, query, params![after, limit])
}

/// Those of the containers that fit best.
pub(super) fn best(
    name: &ContainerName,
    containers: Vec<(i64, StoredContainer)>,
) -> (Option<Fit>, Vec<(i64, StoredContainer)>) {
    let fits: Vec<Option<Fit>> = containers.iter().map(|(_, stored)| name.fit(&stored.name())).collect();
    let best = fits.iter().copied().flatten().max();
    let fitting = containers.into_iter().zip(fits).filter(|(_, fit)| best.is_some() && *fit == best);
    (best, fitting.map(|(container, _)| container).collect())
}

/// Decodes what a stored row holds.
pub(super) fn decode(revision: i64, kind: i64, body: &[u8]) -> Result<Stored, Fault> {
    let kind = RecordKind::of_number(kind)
        .ok_or_else(|| Fault::undecodable(format!("revision {revision} is of the unknown kind {kind}")))?;
    let record = Record::decode(kind, body)
        .map_err(|error| Fault::undecodable(format!("revision {revision} is no {kind:?}: {error}")))?;
    Ok(Stored { revision, record })
}

/// Decodes rows of revision, kind and body.
pub(super) fn rows(
    connection: &Connection,
    query: &str,
    values: &[&dyn ToSql],
) -> Result<Vec<Stored>, Fault> {
    let mut select = connection.prepare_cached(query)?;
    let mut rows = select.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let body = row.get_ref(2)?.as_blob().map_err(|error| Fault::undecodable(error.to_string()))?;
        found.push(decode(row.get(0)?, row.get(1)?, body)?);
    }
    Ok(found)
}
