//! Reading, beside the writer.

use std::collections::HashSet;

use rusqlite::{Connection, Transaction, params};

use super::{
    Fault,
    entities::{self, ScopeRow, Stored},
    join::Joiner,
    schema, stored,
};
use crate::{
    keys::{ContainerName, Fit},
    record::{Record, RecordKind, is_valid_at},
    store::{Changes, ChangesFrom, Finding, Revisions, Scope, Sought, Unknown},
};

/// Entities of one stretch of changes, and the bytes after which none is added.
const MAX_CHANGES: usize = 256;
const MAX_CHANGES_BYTES: usize = 1024 * 1024;
/// Rows that are looked at for one stretch: those of other scopes cost time, too.
const MAX_LOOKED_AT: i64 = 16_384;
/// So many scopes are looked up one by one, at some 10 µs each; for more, the rows of all are read in their order.
const FEW_SCOPES: usize = 64;
/// So many rows at most, of whichever scopes, are read sooner than those of a few scopes are found among all that these have.
const FEW_REVISIONS: u64 = 4_096;
/// Rows in their order.
const ALL: &str = "WHERE entity.revision > ?1 ORDER BY entity.revision LIMIT ?2";
/// The same of some scopes, whose numbers are a JSON array: the index has the revisions, and the rows of others are not read.
const OF_SOME: &str = "WHERE entity.revision IN (
        SELECT other.revision FROM entity AS other INDEXED BY entity_by_object
        WHERE other.scope IN (SELECT value FROM json_each(?3)) AND other.revision > ?1
        ORDER BY other.revision LIMIT ?2)
     ORDER BY entity.revision";

pub(super) fn find(connection: &mut Connection, questions: &[Sought]) -> Result<Vec<Finding>, Fault> {
    let transaction = connection.transaction()?;
    let mut joiner = Joiner::new(&transaction);
    questions.iter().map(|question| find_one(&transaction, &mut joiner, question)).collect()
}

fn find_one(
    transaction: &Transaction<'_>,
    joiner: &mut Joiner<'_>,
    question: &Sought,
) -> Result<Finding, Fault> {
    let Some(scope) = entities::scope(transaction, &question.scope())? else {
        return Ok(Finding::Unknown(Unknown::default()));
    };
    let found = match question {
        Sought::Container { name, as_of_ns, .. } => {
            return container(transaction, joiner, &scope, name, *as_of_ns);
        }
        Sought::Host { .. } => entities::by_object(transaction, scope.id, RecordKind::Host, "")?,
        Sought::Kubernetes { object_uid, .. } => {
            entities::by_object(transaction, scope.id, RecordKind::Kubernetes, object_uid)?
        }
    };
    Ok(match found {
        None => unknown(&scope),
        // Joined by uid: it is the one that is meant, whenever.
        Some(stored) if matches!(question, Sought::Kubernetes { .. }) => Finding::of(stored),
        Some(stored) if !is_valid_at(stored.record.validity(), question.as_of_ns()) => Finding::NotThen,
        Some(stored) => Finding::of(stored),
    })
}

fn container(
    transaction: &Transaction<'_>,
    joiner: &mut Joiner<'_>,
    scope: &ScopeRow,
    name: &ContainerName,
    as_of_ns: u64,
) -> Result<Finding, Fault> {
    let related = entities::containers(transaction, scope.id, name)?;
    let (fit, fitting) = entities::best(name, related);
    let Some(fit) = fit else { return Ok(unknown(scope)) };
    let as_stored =
        |(revision, container)| Stored { revision, record: Record::Container(Box::new(container)) };
    let mut valid: Vec<Stored> = fitting
        .into_iter()
        .map(as_stored)
        .filter(|stored| is_valid_at(stored.record.validity(), as_of_ns))
        .collect();
    // A container that was started again has one runtime id and several lives; if the end of the one before was missed,
    // the later life is the one that is meant. Of a control group alone that cannot be told.
    let is_one_container = fit > Fit::CgroupOnly;
    if valid.len() > 1 && !is_one_container {
        return Ok(Finding::Ambiguous(valid.len()));
    }
    valid.sort_by_key(|stored| (stored.record.validity().from_ns, stored.revision));
    let Some(mut stored) = valid.pop() else { return Ok(Finding::NotThen) };
    if !stored.record.pod_uid().is_empty() {
        let mut select =
            transaction.prepare_cached("SELECT join_by_ms IS NOT NULL FROM entity WHERE revision = ?1")?;
        let may_come = select.query_row([stored.revision], |row| row.get(0))?;
        joiner.join(&mut stored, may_come)?;
    }
    Ok(Finding::of(stored))
}

fn unknown(scope: &ScopeRow) -> Finding {
    Finding::Unknown(Unknown {
        is_scope_known: true,
        forgotten_entities: scope.forgotten_entities.max(0).cast_unsigned(),
        forgotten_until_ns: scope.forgotten_until_ns.max(0).cast_unsigned(),
    })
}

// === impl Finding ===

impl Finding {
    fn of(stored: Stored) -> Self {
        let is_pending = stored.record.is_pending();
        let version = stored.revision.max(0).cast_unsigned();
        Self::Found { entity: Box::new(stored.record.into_entity(version)), is_pending }
    }
}

pub(super) fn changes(
    connection: &mut Connection,
    scopes: &HashSet<Scope>,
    from: ChangesFrom,
) -> Result<Changes, Fault> {
    let transaction = connection.transaction()?;
    let revisions: Revisions = schema::revisions(&transaction)?;
    let mut changes = Changes { through_revision: from.after_revision, revisions, ..Changes::default() };
    let is_near = revisions.last.saturating_sub(from.after_revision) <= FEW_REVISIONS;
    let numbers = if is_near { None } else { numbers_of_few(&transaction, scopes)? };
    let wanted = if numbers.is_some() { OF_SOME } else { ALL };
    let mut select = transaction.prepare_cached(&format!(
        "SELECT entity.revision, scope.kind, scope.name, entity.ended_ms IS NOT NULL, entity.kind, entity.body,
                entity.join_by_ms IS NOT NULL
         FROM entity JOIN scope ON scope.id = entity.scope {wanted}"
    ))?;
    let mut joiner = Joiner::new(&transaction);
    let after = stored(from.after_revision);
    let mut rows = match numbers {
        Some(numbers) => select.query(params![after, MAX_LOOKED_AT, numbers])?,
        None => select.query(params![after, MAX_LOOKED_AT])?,
    };
    let (mut looked_at, mut bytes) = (0, 0_usize);
    while let Some(row) = rows.next()? {
        let revision: i64 = row.get(0)?;
        let is_snapshot = revision.max(0).cast_unsigned() <= from.snapshot_through;
        let has_ended: bool = row.get(3)?;
        let scope = Scope::of_stored(row.get(1)?, row.get(2)?);
        if scope.is_some_and(|scope| scopes.contains(&scope)) && !(is_snapshot && has_ended) {
            let body = row.get_ref(5)?.as_blob().map_err(|error| Fault::undecodable(error.to_string()))?;
            let mut entity = entities::decode(revision, row.get(4)?, body)?;
            joiner.join(&mut entity, row.get(6)?)?;
            bytes = bytes.saturating_add(entity.record.encoded_len());
            if bytes > MAX_CHANGES_BYTES && !changes.upserts.is_empty() {
                return Ok(changes);
            }
            changes.push(entity);
        }
        changes.through_revision = revision.max(0).cast_unsigned();
        looked_at += 1;
        if changes.upserts.len() >= MAX_CHANGES || looked_at >= MAX_LOOKED_AT {
            return Ok(changes);
        }
    }
    changes.is_end = true;
    changes.through_revision = changes.through_revision.max(revisions.last);
    Ok(changes)
}

/// The stored numbers of few scopes, as a JSON array. Those that nobody has spoken of have none.
fn numbers_of_few(transaction: &Transaction<'_>, scopes: &HashSet<Scope>) -> Result<Option<String>, Fault> {
    if scopes.len() > FEW_SCOPES {
        return Ok(None);
    }
    let mut numbers = Vec::with_capacity(scopes.len());
    for scope in scopes {
        numbers.extend(entities::scope(transaction, scope)?.map(|row| row.id.to_string()));
    }
    Ok(Some(format!("[{}]", numbers.join(","))))
}

// === impl Changes ===

impl Changes {
    fn push(&mut self, stored: Stored) {
        let version = stored.revision.max(0).cast_unsigned();
        self.tombstones.extend(stored.record.tombstone(version));
        self.upserts.push(stored.record.into_entity(version));
    }
}
