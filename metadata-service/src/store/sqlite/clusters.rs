//! Clusters as speakers: whose they are, how far they were heard, and whether they are known whole.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Fault, apply, entities, numbering, rejoin, writer::State};
use crate::store::{ClusterHeard, ClusterSpeaker, ClusterStanding, Scope, StoreLimits};

/// uids of one read.
const MAX_PRESENT: i64 = 2_048;

/// Notes who speaks for a cluster. The first that speaks for one says whose it is, for as long as it is known.
pub(super) fn open(
    connection: &Connection,
    limits: &StoreLimits,
    state: &mut State,
    speaker: &ClusterSpeaker,
) -> Result<ClusterStanding, Fault> {
    let scope = Scope::Cluster(speaker.cluster_uid.clone());
    let is_new = entities::scope(connection, &scope)?.is_none();
    let row = apply::scope(connection, limits, state, &scope)?;
    let mut select = connection.prepare_cached("SELECT tenant, whole_epoch FROM scope WHERE id = ?1")?;
    let (tenant, whole_epoch): (String, i64) =
        select.query_row([row.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if !is_new && tenant != speaker.tenant {
        let (cluster_uid, tenant) = (speaker.cluster_uid.clone(), speaker.tenant.clone());
        return Err(Fault::ForeignCluster { cluster_uid, tenant });
    }
    connection.prepare_cached("UPDATE scope SET tenant = ?2, title = ?3 WHERE id = ?1")?.execute(params![
        row.id,
        speaker.tenant,
        speaker.name
    ])?;
    let through = numbering::through(connection, row.id, speaker.epoch)?;
    Ok(ClusterStanding {
        through_ordinal: through.unwrap_or(0),
        is_whole: whole_epoch == speaker.epoch.cast_signed(),
    })
}

/// A snapshot of this epoch has ended. If it is the cluster's first, all that was pending for its sake is told anew.
pub(super) fn became_whole(
    connection: &Connection,
    state: &State,
    scope_id: i64,
    epoch: u64,
) -> Result<(), Fault> {
    let was_whole = is_whole(connection, scope_id)?;
    connection
        .prepare_cached("UPDATE scope SET whole_epoch = ?2, is_whole = 1 WHERE id = ?1")?
        .execute([scope_id, epoch.cast_signed()])?;
    match was_whole {
        true => Ok(()),
        false => rejoin::note(connection, state, scope_id, rejoin::Reach::Cluster, ""),
    }
}

/// Whether a snapshot of the cluster has ever ended.
pub(super) fn is_whole(connection: &Connection, scope_id: i64) -> Result<bool, Fault> {
    let mut select = connection.prepare_cached("SELECT is_whole FROM scope WHERE id = ?1")?;
    Ok(select.query_row([scope_id], |row| row.get(0))?)
}

/// uids of objects that have not ended.
pub(super) fn present(connection: &Connection, scope: &Scope, after: &str) -> Result<Vec<String>, Fault> {
    let Some(scope) = entities::scope(connection, scope)? else { return Ok(Vec::new()) };
    let mut select = connection.prepare_cached(
        "SELECT object_id FROM entity WHERE scope = ?1 AND kind = 3 AND object_id > ?2 AND ended_ms IS NULL
         ORDER BY object_id LIMIT ?3",
    )?;
    let uids = select.query_map(params![scope.id, after, MAX_PRESENT], |row| row.get(0))?;
    Ok(uids.collect::<Result<_, _>>()?)
}

/// All clusters.
pub(super) fn all(connection: &Connection) -> Result<Vec<ClusterHeard>, Fault> {
    let mut select = connection.prepare_cached("SELECT name, heard_ms FROM scope WHERE kind = 2")?;
    let read = |row: &rusqlite::Row<'_>| Ok(ClusterHeard { cluster_uid: row.get(0)?, heard_ms: row.get(1)? });
    Ok(select.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// Whether a tenant has any cluster, and whether the snapshot of one that was heard since `heard_after_ms` is under way.
pub(super) fn of_tenant(
    connection: &Connection,
    tenant: &str,
    heard_after_ms: i64,
) -> Result<Option<bool>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT max(is_whole = 0 AND heard_ms > ?2) FROM scope WHERE kind = 2 AND tenant = ?1",
    )?;
    Ok(select.query_row(params![tenant, heard_after_ms], |row| row.get(0)).optional()?.flatten())
}
