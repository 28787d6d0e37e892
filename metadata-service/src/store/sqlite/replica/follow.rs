//! Taking over what was heard from the bucket.

use prost::Message as _;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    super::{
        Fault,
        apply::Columns,
        entities,
        rejoin::{self, Reach, Telling},
        stored,
        writer::State,
    },
    layout,
};
use crate::{
    record::{Record, RecordKind},
    store::{
        Scope,
        nats::value::{EntityValue, HorizonValue, KeyOf, ScopeValue, scope_key},
    },
};

/// A message of the bucket.
#[derive(Clone, Debug)]
pub(in crate::store) struct Heard {
    pub(in crate::store) sequence: u64,
    pub(in crate::store) key: String,
    /// `None`: the key was removed.
    pub(in crate::store) value: Option<bytes::Bytes>,
    /// When the bucket had it, in milliseconds since the epoch.
    pub(in crate::store) heard_ms: i64,
}

/// An entity as it was before a message.
struct Before {
    revision: i64,
    scope_id: i64,
    record: Option<Record>,
}

/// Takes over messages in their order.
pub(super) fn all(
    connection: &Connection,
    state: &mut State,
    base: u64,
    heard: &[Heard],
) -> Result<(), Fault> {
    for one in heard {
        state.revisions.last = state.revisions.last.max(base.saturating_add(one.sequence));
        match KeyOf::of(&one.key) {
            KeyOf::Entity => entity(connection, state, one)?,
            KeyOf::Scope => scope(connection, state, one)?,
            KeyOf::Horizon => {
                let value = one.value.clone().unwrap_or_default();
                let horizon = HorizonValue::decode(value).unwrap_or_default();
                layout::remove_markers(connection, horizon.done)?;
            }
            KeyOf::Foreign => {
                tracing::warn!(key = %one.key, "the bucket has a key that is not ours: give it one of its own");
            }
        }
    }
    if let Some(last) = heard.last() {
        layout::set_sequence(connection, last.sequence)?;
    }
    layout::forget_notes(connection)
}

fn entity(connection: &Connection, state: &mut State, heard: &Heard) -> Result<(), Fault> {
    let decoded = heard.value.clone().and_then(|value| EntityValue::decode(value).ok());
    let known = decoded.and_then(|value| Some((value.parts()?, value)));
    let Some(((scope, record), value)) = known else {
        if heard.value.is_some() {
            tracing::warn!(key = %heard.key, "the bucket has a value that is no entity, and counts as none");
        }
        remove_entity(connection, state, &heard.key)?;
        return layout::add_marker(connection, &heard.key, heard.sequence, heard.heard_ms);
    };
    let before = before(connection, &heard.key, record.kind() == RecordKind::Kubernetes)?;
    let scope_id = scope_of(connection, state, &scope)?;
    layout::remove_marker(connection, &heard.key)?;
    put(connection, state, &record, &value, heard, scope_id)?;
    if before.is_none() {
        state.entities += 1;
        connection
            .prepare_cached("UPDATE scope SET entities = entities + 1 WHERE id = ?1")?
            .execute([scope_id])?;
    }
    let Record::Kubernetes(object) = &record else { return Ok(()) };
    let known = before.as_ref().and_then(|before| match &before.record {
        Some(Record::Kubernetes(known)) => Some(known),
        _ => None,
    });
    if known == Some(object) {
        return Ok(());
    }
    rejoin::object(connection, state, scope_id, (object, known), Telling::Noted)
}

fn before(connection: &Connection, key: &str, is_record_wanted: bool) -> Result<Option<Before>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT revision, kind, body, scope FROM entity WHERE bucket_key = ?1")?;
    let mut rows = select.query([key])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let revision = row.get(0)?;
    let record = match is_record_wanted {
        true => {
            let body = row.get_ref(2)?.as_blob().map_err(|error| Fault::undecodable(error.to_string()))?;
            Some(entities::decode(revision, row.get(1)?, body)?.record)
        }
        false => None,
    };
    Ok(Some(Before { revision, scope_id: row.get(3)?, record }))
}

fn put(
    connection: &Connection,
    state: &State,
    record: &Record,
    value: &EntityValue,
    heard: &Heard,
    scope_id: i64,
) -> Result<(), Fault> {
    let Columns { cgroup_id, object_id, object_kind, namespace, owner_uid } = Columns::of(record);
    let names = record.names();
    connection
        .prepare_cached(
            "INSERT INTO entity (revision, scope, kind, cgroup_id, object_id, ended_ms, body, pod_uid, join_by_ms,
                                 object_kind, object_namespace, owner_uid, name, namespace, image_name, bucket_key,
                                 bucket_sequence)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
             ON CONFLICT (bucket_key) WHERE bucket_key IS NOT NULL DO UPDATE SET
             revision = excluded.revision, cgroup_id = excluded.cgroup_id, object_id = excluded.object_id,
             ended_ms = excluded.ended_ms, body = excluded.body, pod_uid = excluded.pod_uid,
             join_by_ms = excluded.join_by_ms, object_kind = excluded.object_kind,
             object_namespace = excluded.object_namespace, owner_uid = excluded.owner_uid, name = excluded.name,
             namespace = excluded.namespace, image_name = excluded.image_name,
             bucket_sequence = excluded.bucket_sequence",
        )?
        .execute(params![
            stored(state.revisions.last),
            scope_id,
            record.kind() as i64,
            cgroup_id,
            object_id,
            value.ended_ms,
            value.body,
            record.pod_uid(),
            value.join_by_ms,
            object_kind,
            namespace,
            owner_uid,
            names.name,
            names.namespace,
            names.image_name,
            heard.key,
            stored(heard.sequence)
        ])?;
    Ok(())
}

/// A row that was removed moves what watchers must have read, as forgetting does.
fn remove_entity(connection: &Connection, state: &mut State, key: &str) -> Result<(), Fault> {
    let Some(Before { revision, scope_id, .. }) = before(connection, key, false)? else { return Ok(()) };
    connection.prepare_cached("DELETE FROM entity WHERE revision = ?1")?.execute([revision])?;
    connection
        .prepare_cached("UPDATE scope SET entities = max(entities - 1, 0) WHERE id = ?1")?
        .execute([scope_id])?;
    let forgotten = &mut state.revisions.forgotten_through;
    *forgotten = (*forgotten).max(revision.max(0).cast_unsigned());
    state.entities = state.entities.saturating_sub(1);
    Ok(())
}

/// The number of a scope, which is made if its entities come first.
fn scope_of(connection: &Connection, state: &mut State, scope: &Scope) -> Result<i64, Fault> {
    if let Some(row) = entities::scope(connection, scope)? {
        return Ok(row.id);
    }
    let id = scope.shared_id();
    connection
        .prepare_cached(
            "INSERT INTO scope (id, kind, name, entities, forgotten_entities, forgotten_until_ns, heard_ms)
             VALUES (?1, ?2, ?3, 0, 0, 0, ?4)",
        )?
        .execute(params![id, scope.kind_number(), scope.name(), state.now_ms])?;
    state.scopes += 1;
    Ok(id)
}

fn scope(connection: &Connection, state: &mut State, heard: &Heard) -> Result<(), Fault> {
    let decoded = heard.value.clone().and_then(|value| ScopeValue::decode(value).ok());
    let known = decoded.and_then(|value| Some((Scope::of_stored(value.kind, value.name.clone())?, value)));
    let Some((scope, value)) = known else {
        remove_scope(connection, state, &heard.key)?;
        return layout::add_marker(connection, &heard.key, heard.sequence, heard.heard_ms);
    };
    let id = scope_of(connection, state, &scope)?;
    layout::remove_marker(connection, &heard.key)?;
    let was_whole: bool = connection
        .prepare_cached("SELECT is_whole FROM scope WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    connection
        .prepare_cached(
            "UPDATE scope SET tenant = ?2, title = ?3, whole_epoch = ?4, is_whole = ?5, forgotten_entities = ?6,
             forgotten_until_ns = ?7, heard_ms = ?8, bucket_sequence = ?9 WHERE id = ?1",
        )?
        .execute(params![
            id,
            value.tenant,
            value.title,
            value.whole_epoch,
            value.is_whole,
            value.forgotten_entities,
            value.forgotten_until_ns,
            value.heard_ms,
            stored(heard.sequence)
        ])?;
    connection.prepare_cached("DELETE FROM relay WHERE scope = ?1")?.execute([id])?;
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO relay (scope, epoch, through_sequence, heard_ms) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for relay in &value.relays {
        insert.execute([id, relay.epoch, relay.through_sequence, relay.heard_ms])?;
    }
    match value.is_whole && !was_whole {
        true => rejoin::note(connection, state, id, Reach::Cluster, ""),
        false => Ok(()),
    }
}

fn remove_scope(connection: &Connection, state: &mut State, key: &str) -> Result<(), Fault> {
    let id = i64::from_str_radix(key.trim_start_matches("s."), 16).unwrap_or(-1);
    let found: Option<i64> = connection
        .prepare_cached("SELECT id FROM scope WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let Some(id) = found.filter(|id| scope_key(*id) == key) else { return Ok(()) };
    // Its entities were removed before; what came in between keeps it.
    let has_entities: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM entity WHERE scope = ?1)")?
        .query_row([id], |row| row.get(0))?;
    connection.prepare_cached("DELETE FROM relay WHERE scope = ?1")?.execute([id])?;
    connection.prepare_cached("DELETE FROM rejoin WHERE scope = ?1")?.execute([id])?;
    if has_entities {
        connection.prepare_cached("UPDATE scope SET bucket_sequence = NULL WHERE id = ?1")?.execute([id])?;
        return Ok(());
    }
    connection.prepare_cached("DELETE FROM scope WHERE id = ?1")?.execute([id])?;
    state.scopes = state.scopes.saturating_sub(1);
    Ok(())
}
