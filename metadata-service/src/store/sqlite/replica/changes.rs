//! What a plan has changed, as puts.

use prost::Message as _;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    super::{
        Fault, entities, stored,
        writer::{Counts, Outcome},
    },
    layout,
};
use crate::store::nats::value::{EntityValue, RelayValue, ScopeValue, entity_key, scope_key};

/// Bytes of one plan's puts. What is beyond is planned again, when these have been followed.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// A change of one key.
#[derive(Clone, Debug)]
pub(in crate::store) struct Put {
    pub(in crate::store) key: String,
    /// The number of the key's last put or removal, as this copy knows it; 0 for none.
    pub(in crate::store) expected: u64,
    /// `None`: the key is removed.
    pub(in crate::store) value: Option<Vec<u8>>,
}

/// What is to be put into the bucket.
#[derive(Debug, Default)]
pub(in crate::store) struct Plan {
    /// In the order of what was asked for.
    pub(in crate::store) outcomes: Vec<Outcome>,
    /// What it counts, once it is done.
    pub(in crate::store) counts: Counts,
    /// To be put first.
    pub(in crate::store) entities: Vec<Put>,
    /// To be put when all entities are: they say how far speakers were heard.
    pub(in crate::store) scopes: Vec<Put>,
    /// There was too much for one plan.
    pub(in crate::store) is_partial: bool,
}

// === impl Plan ===

impl Plan {
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.entities.is_empty() && self.scopes.is_empty()
    }
}

/// Reads what is different since the revision `before`.
pub(super) fn read(connection: &Connection, before: u64) -> Result<Plan, Fault> {
    let mut plan = Plan::default();
    let mut select = connection.prepare_cached("SELECT key, sequence FROM leaving")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (key, expected): (String, i64) = (row.get(0)?, row.get(1)?);
        let is_scope = key.starts_with('s');
        let put = Put { key, expected: expected.max(0).cast_unsigned(), value: None };
        if is_scope { plan.scopes.push(put) } else { plan.entities.push(put) }
    }
    entities(connection, before, &mut plan)?;
    if plan.is_partial {
        plan.scopes.clear();
        return Ok(plan);
    }
    let mut select = connection.prepare_cached("SELECT scope FROM touched ORDER BY scope")?;
    let ids = select.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    for id in ids {
        plan.scopes.extend(scope(connection, id)?);
    }
    Ok(plan)
}

fn entities(connection: &Connection, before: u64, plan: &mut Plan) -> Result<(), Fault> {
    let mut select = connection.prepare_cached(
        "SELECT entity.revision, entity.kind, entity.body, entity.scope, entity.ended_ms, entity.join_by_ms,
                entity.bucket_key, entity.bucket_sequence, scope.kind, scope.name
         FROM entity JOIN scope ON scope.id = entity.scope WHERE entity.revision > ?1 ORDER BY entity.revision",
    )?;
    let mut rows = select.query([stored(before)])?;
    let mut bytes = 0_usize;
    while let Some(row) = rows.next()? {
        let put = entity(connection, row)?;
        bytes = bytes.saturating_add(put.value.as_ref().map_or(0, Vec::len));
        plan.entities.push(put);
        if bytes > MAX_BYTES {
            plan.is_partial = rows.next()?.is_some();
            return Ok(());
        }
    }
    Ok(())
}

fn entity(connection: &Connection, row: &Row<'_>) -> Result<Put, Fault> {
    let body: Vec<u8> = row.get(2)?;
    let (key, sequence): (Option<String>, Option<i64>) = (row.get(6)?, row.get(7)?);
    let (key, expected) = match key {
        Some(key) => (key, sequence.unwrap_or(0).max(0).cast_unsigned()),
        None => new_key(connection, row, &body)?,
    };
    let value = EntityValue {
        scope_kind: row.get(8)?,
        scope_name: row.get(9)?,
        kind: row.get(1)?,
        body,
        ended_ms: row.get(4)?,
        join_by_ms: row.get(5)?,
    };
    Ok(Put { key, expected, value: Some(value.encode_to_vec()) })
}

/// A key that no other entity has, and the number of its marker if one was removed.
fn new_key(connection: &Connection, row: &Row<'_>, body: &[u8]) -> Result<(String, u64), Fault> {
    let record = entities::decode(row.get(0)?, row.get(1)?, body)?.record;
    let scope_id = row.get(3)?;
    let mut is_taken = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM entity WHERE bucket_key = ?1) OR EXISTS (SELECT 1 FROM leaving WHERE key = ?1)",
    )?;
    for attempt in 0..u32::MAX {
        let key = entity_key(scope_id, &record, attempt);
        if !is_taken.query_row([&key], |row| row.get::<_, bool>(0))? {
            let expected = layout::marker(connection, &key)?;
            return Ok((key, expected));
        }
    }
    Err(Fault::undecodable(format!("scope {scope_id} has an entity for which there is no key left")))
}

fn scope(connection: &Connection, id: i64) -> Result<Option<Put>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT kind, name, tenant, title, whole_epoch, is_whole, forgotten_entities, forgotten_until_ns, heard_ms,
                bucket_sequence FROM scope WHERE id = ?1",
    )?;
    let read = |row: &Row<'_>| {
        let value = ScopeValue {
            kind: row.get(0)?,
            name: row.get(1)?,
            tenant: row.get(2)?,
            title: row.get(3)?,
            whole_epoch: row.get(4)?,
            is_whole: row.get(5)?,
            forgotten_entities: row.get(6)?,
            forgotten_until_ns: row.get(7)?,
            heard_ms: row.get(8)?,
            relays: Vec::new(),
        };
        Ok((value, row.get::<_, Option<i64>>(9)?))
    };
    let Some((mut value, sequence)) = select.query_row([id], read).optional()? else { return Ok(None) };
    let mut select = connection.prepare_cached(
        "SELECT epoch, through_sequence, heard_ms FROM relay WHERE scope = ?1 ORDER BY epoch",
    )?;
    let relays = select.query_map(params![id], |row| {
        Ok(RelayValue { epoch: row.get(0)?, through_sequence: row.get(1)?, heard_ms: row.get(2)? })
    })?;
    value.relays = relays.collect::<Result<_, _>>()?;
    let key = scope_key(id);
    let expected = match sequence {
        Some(sequence) => sequence.max(0).cast_unsigned(),
        None => layout::marker(connection, &key)?,
    };
    Ok(Some(Put { key, expected, value: Some(value.encode_to_vec()) }))
}
