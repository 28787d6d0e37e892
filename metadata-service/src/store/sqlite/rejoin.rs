//! Telling containers anew when what they are joined with has changed.
//!
//! A container is joined when it is read, so a change of its pod, of the namespace or of an owner needs no write to its
//! body; it only has to move to the end of the feed, so that watchers read it again. A change that concerns a few does that
//! at once; one that may concern many is noted, and worked off in stretches between which others write.

use eyrie_proto::metadata::KubernetesObject;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Fault, clusters, entities, join::Joiner, stored, writer::State};
use crate::store::StoreLimits;

/// Containers of a pod that are told at once; of more the rest is noted.
const AT_ONCE: usize = 16;
/// Containers and pods of a stretch.
const MAX_CONTAINERS: usize = 256;
const MAX_PODS: usize = 256;

/// Whose containers are to be told anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Of the pod with this uid.
    Pod = 1,
    /// Of the pods in this namespace.
    Namespace = 2,
    /// Of the pods that the object with this uid owns, directly or by an object in between.
    Owner = 3,
    /// Of all pods of the cluster.
    Cluster = 4,
}

/// Something noted.
struct Noted {
    id: i64,
    scope_id: i64,
    reach: i64,
    value: String,
    after: String,
    through_revision: i64,
}

/// Notes that containers are to be told anew: those that are told now are not known to be up to date.
pub(super) fn note(
    connection: &Connection,
    state: &State,
    scope_id: i64,
    reach: Reach,
    value: &str,
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO rejoin (scope, reach, value, after, through_revision) VALUES (?1, ?2, ?3, '', ?4)
             ON CONFLICT (scope, reach, value) DO UPDATE SET after = '', through_revision = ?4",
        )?
        .execute(params![scope_id, reach as i64, value, stored(state.revisions.last)])?;
    Ok(())
}

/// Whether the containers of one pod may be told right away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// If they are few.
    AtOnce,
    /// Whoever changed the pod tells them; what is noted is for the case that it does not.
    Noted,
}

/// A Kubernetes object has changed; `known` is what was known of it before.
pub(super) fn object(
    connection: &Connection,
    state: &mut State,
    scope_id: i64,
    (object, known): (&KubernetesObject, Option<&KubernetesObject>),
    telling: Telling,
) -> Result<(), Fault> {
    let uid = object.key.as_ref().map_or("", |key| &*key.object_uid);
    match &*object.kind {
        "Pod" if telling == Telling::AtOnce => pod(connection, state, scope_id, uid),
        "Pod" => match of_pod(connection, uid, stored(state.revisions.last), 1)?.is_empty() {
            true => Ok(()),
            false => note(connection, state, scope_id, Reach::Pod, uid),
        },
        // The end of a snapshot will tell all of them.
        _ if !clusters::is_whole(connection, scope_id)? => Ok(()),
        "Namespace" => note(connection, state, scope_id, Reach::Namespace, &object.name),
        "Service" => {
            let selects = |service: &KubernetesObject| !service.selector.is_empty();
            match selects(object) || known.is_some_and(selects) {
                true => note(connection, state, scope_id, Reach::Namespace, &object.namespace),
                false => Ok(()),
            }
        }
        "ReplicaSet" | "ReplicationController" | "Deployment" => {
            note(connection, state, scope_id, Reach::Owner, uid)
        }
        _ => Ok(()),
    }
}

/// A pod has changed.
fn pod(connection: &Connection, state: &mut State, scope_id: i64, pod_uid: &str) -> Result<(), Fault> {
    let through = stored(state.revisions.last);
    let containers = of_pod(connection, pod_uid, through, AT_ONCE + 1)?;
    if containers.len() > AT_ONCE {
        return note(connection, state, scope_id, Reach::Pod, pod_uid);
    }
    containers.into_iter().try_for_each(|revision| tell(connection, state, revision))
}

/// The next stretch; whether more is left.
pub(super) fn next(connection: &Connection, limits: &StoreLimits, state: &mut State) -> Result<bool, Fault> {
    if settle(connection, limits, state)? {
        return Ok(true);
    }
    let Some(noted) = first(connection)? else { return Ok(false) };
    let pods = match noted.reach == Reach::Pod as i64 {
        true => vec![noted.value.clone()],
        false => pods(connection, &noted)?,
    };
    let mut room = MAX_CONTAINERS;
    let mut after = noted.after.clone();
    for pod_uid in &pods {
        let containers = of_pod(connection, pod_uid, noted.through_revision, room)?;
        room -= containers.len();
        containers.into_iter().try_for_each(|revision| tell(connection, state, revision))?;
        if room == 0 {
            // The same pod may have more.
            advance(connection, noted.id, &after)?;
            return Ok(true);
        }
        after.clone_from(pod_uid);
    }
    if pods.len() < MAX_PODS {
        connection.prepare_cached("DELETE FROM rejoin WHERE id = ?1")?.execute([noted.id])?;
    } else {
        advance(connection, noted.id, &after)?;
    }
    Ok(true)
}

/// Containers that were given time until now: what they lack is final, unless a cluster is still telling for the first
/// time.
fn settle(connection: &Connection, limits: &StoreLimits, state: &mut State) -> Result<bool, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT revision, kind, body FROM entity WHERE join_by_ms IS NOT NULL AND join_by_ms <= ?1
         ORDER BY join_by_ms LIMIT ?2",
    )?;
    let mut rows = select.query([state.now_ms, stored(MAX_CONTAINERS as u64)])?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        let body = row.get_ref(2)?.as_blob().map_err(|error| Fault::undecodable(error.to_string()))?;
        due.push(entities::decode(row.get(0)?, row.get(1)?, body)?);
    }
    let patience_ms = i64::try_from(limits.join_patience.as_millis()).unwrap_or(i64::MAX);
    let mut joiner = Joiner::new(connection);
    for one in &due {
        let tenant = one.record.tenant();
        let telling = clusters::of_tenant(connection, tenant, state.now_ms.saturating_sub(patience_ms))?;
        let is_waiting = joiner.lacks_something(&one.record)?;
        let again_ms =
            (is_waiting && telling == Some(true)).then(|| state.now_ms.saturating_add(patience_ms.max(1)));
        connection
            .prepare_cached("UPDATE entity SET join_by_ms = ?2 WHERE revision = ?1")?
            .execute(params![one.revision, again_ms])?;
        if is_waiting && again_ms.is_none() {
            tell(connection, state, one.revision)?;
        }
    }
    Ok(due.len() >= MAX_CONTAINERS)
}

/// Moves a container to the end of the feed.
fn tell(connection: &Connection, state: &mut State, revision: i64) -> Result<(), Fault> {
    let next = state.revisions.last.saturating_add(1);
    connection
        .prepare_cached("UPDATE entity SET revision = ?2 WHERE revision = ?1")?
        .execute([revision, stored(next)])?;
    state.revisions.last = next;
    state.counts.rejoined_containers += 1;
    Ok(())
}

/// Revisions of a pod's containers; what was told after `through` is up to date.
fn of_pod(connection: &Connection, pod_uid: &str, through: i64, limit: usize) -> Result<Vec<i64>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT revision FROM entity WHERE pod_uid = ?1 AND pod_uid != '' AND revision <= ?2
         ORDER BY revision LIMIT ?3",
    )?;
    let revisions = select.query_map(params![pod_uid, through, stored(limit as u64)], |row| row.get(0))?;
    Ok(revisions.collect::<Result<_, _>>()?)
}

/// The next pods that something noted reaches, in the order of their uids.
fn pods(connection: &Connection, noted: &Noted) -> Result<Vec<String>, Fault> {
    let (index, reached) = match noted.reach {
        reach if reach == Reach::Namespace as i64 => ("object_by_namespace", "object_namespace = ?2"),
        reach if reach == Reach::Owner as i64 => (
            "entity_by_owner",
            "owner_uid != '' AND owner_uid IN
             (SELECT ?2 UNION SELECT object_id FROM entity INDEXED BY entity_by_owner
              WHERE scope = ?1 AND kind = 3 AND owner_uid = ?2 AND owner_uid != '')",
        ),
        _ => ("entity_by_object", "?2 = ?2"),
    };
    // A change that reaches a few must not cost a look at all of the cluster's pods.
    let mut select = connection.prepare_cached(&format!(
        "SELECT object_id FROM entity INDEXED BY {index} WHERE scope = ?1 AND kind = 3 AND object_kind = 'Pod'
         AND {reached} AND object_id > ?3 ORDER BY object_id LIMIT ?4"
    ))?;
    let values = params![noted.scope_id, noted.value, noted.after, stored(MAX_PODS as u64)];
    let uids = select.query_map(values, |row| row.get(0))?;
    Ok(uids.collect::<Result<_, _>>()?)
}

fn first(connection: &Connection) -> Result<Option<Noted>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT id, scope, reach, value, after, through_revision FROM rejoin ORDER BY id LIMIT 1",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Noted {
            id: row.get(0)?,
            scope_id: row.get(1)?,
            reach: row.get(2)?,
            value: row.get(3)?,
            after: row.get(4)?,
            through_revision: row.get(5)?,
        })
    };
    Ok(select.query_row([], read).optional()?)
}

fn advance(connection: &Connection, id: i64, after: &str) -> Result<(), Fault> {
    connection.prepare_cached("UPDATE rejoin SET after = ?2 WHERE id = ?1")?.execute(params![id, after])?;
    Ok(())
}
