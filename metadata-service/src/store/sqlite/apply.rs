//! Applying the statements of a batch.

use eyrie_proto::metadata::{Container, Host, KubernetesKey, KubernetesObject, Validity};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    Fault,
    entities::{self, MAX_INSTANCES, ScopeRow, Stored},
    forget, stored,
    writer::State,
};
use crate::{
    keys::{ContainerName, Fit},
    record::{MAX_ENTITY_BYTES, Record, RecordKind, StoredContainer, StoredHost},
    store::{Batch, Statement, StoreLimits},
};

/// Epochs of a scope that are remembered: a late relay of the one before must not be taken for a new one.
const MAX_EPOCHS: i64 = 4;

/// One batch being applied.
struct Application<'a> {
    connection: &'a Connection,
    limits: &'a StoreLimits,
    state: &'a mut State,
    scope: ScopeRow,
    /// Of the statement in its batch.
    index: usize,
}

/// Applies what is new of a batch; gives the sequence number through which everything is applied.
pub(super) fn apply(
    connection: &Connection,
    limits: &StoreLimits,
    state: &mut State,
    batch: &Batch,
) -> Result<u64, Fault> {
    let scope = scope(connection, limits, state, batch)?;
    let through = through(connection, scope.id, batch.epoch)?;
    let before_first = batch.first_sequence.saturating_sub(1);
    // The first of an epoch may have any number: an earlier store had those before, or another service.
    let through = through.unwrap_or(before_first);
    if before_first > through {
        return Err(Fault::SequenceGap { expected: through.saturating_add(1), found: batch.first_sequence });
    }
    let repeated = usize::try_from(through - before_first).unwrap_or(usize::MAX).min(batch.statements.len());
    let mut application = Application { connection, limits, state, scope, index: 0 };
    for (index, statement) in batch.statements.iter().enumerate().skip(repeated) {
        application.index = index;
        application.statement(statement)?;
    }
    let new = (batch.statements.len() - repeated) as u64;
    state.counts.repeated_statements += repeated as u64;
    state.counts.applied_statements += new;
    let through = through.saturating_add(new);
    store_through(connection, state, scope.id, batch.epoch, through)?;
    Ok(through)
}

// === impl Application ===

impl Application<'_> {
    fn statement(&mut self, statement: &Statement) -> Result<(), Fault> {
        match statement {
            Statement::Container(name, container) => self.container(name, container, None),
            Statement::ContainerRemoval(name, container, until_ns) => {
                self.container(name, container, Some(*until_ns))
            }
            Statement::Host(host) => self.host(host),
            Statement::Kubernetes(object) => self.kubernetes(object),
            Statement::KubernetesRemoval(key, until_ns) => self.kubernetes_removal(key, *until_ns),
        }
    }

    fn container(
        &mut self,
        name: &ContainerName,
        stated: &Container,
        until_ns: Option<u64>,
    ) -> Result<(), Fault> {
        let mut related = entities::containers(self.connection, self.scope.id, name)?;
        let (fit, mut fitting) = entities::best(name, related.clone());
        // The one that still runs, otherwise the latest.
        let is_running =
            |stored: &StoredContainer| Record::Container(Box::new(stored.clone())).validity().until_ns == 0;
        fitting.sort_by_key(|(revision, stored)| (is_running(stored), *revision));
        let same = fitting.pop().filter(|_| fit.is_some_and(|fit| fit > Fit::CgroupOnly));
        let (revision, before) =
            same.map_or((None, None), |(revision, stored)| (Some(revision), Some(stored)));
        let mut merged = match &before {
            Some(stored) => stored.clone(),
            None => StoredContainer::new(stated.key.clone().unwrap_or_default()),
        };
        merged.learn_key(name);
        match until_ns {
            None => merged.merge(stated.clone()),
            Some(until_ns) => merged.end(until_ns),
        }
        let name = merged.name();
        if revision.is_none()
            && related.len() >= MAX_INSTANCES
            && let Some((oldest, _)) = related.pop()
        {
            forget::instance(self.connection, self.state, oldest)?;
        }
        let others = related.iter().filter(|(other, _)| Some(*other) != revision);
        for (other_revision, other) in others {
            self.order_by_birth(&name, &mut merged, *other_revision, other)?;
        }
        if before.as_ref() == Some(&merged) {
            return Ok(());
        }
        self.put(revision, &Record::Container(Box::new(merged)))
    }

    /// A control group's id is given out again only when its group is gone: the later birth is an end of the earlier one.
    fn order_by_birth(
        &mut self,
        name: &ContainerName,
        merged: &mut StoredContainer,
        other_revision: i64,
        other: &StoredContainer,
    ) -> Result<(), Fault> {
        let other_name = other.name();
        let are_comparable = name.birth_ns != 0 && other_name.birth_ns != 0;
        if !are_comparable || name.cgroup_id == 0 || !name.is_same_cgroup(&other_name) {
            return Ok(());
        }
        if other_name.birth_ns > name.birth_ns {
            merged.end(other_name.birth_ns);
        } else if other_name.birth_ns < name.birth_ns {
            let mut ended = other.clone();
            ended.end(name.birth_ns);
            if ended != *other {
                self.put(Some(other_revision), &Record::Container(Box::new(ended)))?;
            }
        }
        Ok(())
    }

    fn host(&mut self, stated: &Host) -> Result<(), Fault> {
        let before = entities::by_object(self.connection, self.scope.id, RecordKind::Host, "")?;
        let revision = before.as_ref().map(|stored| stored.revision);
        let mut merged = match before.clone() {
            Some(Stored { record: Record::Host(stored), .. }) => stored,
            _ => StoredHost::new(stated.key.clone().unwrap_or_default()),
        };
        merged.merge(stated.clone());
        self.put_if_changed(before, revision, Record::Host(merged))
    }

    fn kubernetes(&mut self, stated: &KubernetesObject) -> Result<(), Fault> {
        let uid = stated.key.as_ref().map_or("", |key| &*key.object_uid);
        let before = entities::by_object(self.connection, self.scope.id, RecordKind::Kubernetes, uid)?;
        let revision = before.as_ref().map(|stored| stored.revision);
        self.put_if_changed(before, revision, Record::Kubernetes(stated.clone()))
    }

    fn kubernetes_removal(&mut self, key: &KubernetesKey, until_ns: u64) -> Result<(), Fault> {
        let kind = RecordKind::Kubernetes;
        let before = entities::by_object(self.connection, self.scope.id, kind, &key.object_uid)?;
        let revision = before.as_ref().map(|stored| stored.revision);
        let mut object = match before.clone() {
            Some(Stored { record: Record::Kubernetes(object), .. }) => object,
            _ => KubernetesObject { key: Some(key.clone()), ..KubernetesObject::default() },
        };
        let from_ns = object.validity.map_or(0, |validity| validity.from_ns);
        object.validity = Some(Validity { from_ns, until_ns });
        self.put_if_changed(before, revision, Record::Kubernetes(object))
    }

    fn put_if_changed(
        &mut self,
        before: Option<Stored>,
        revision: Option<i64>,
        record: Record,
    ) -> Result<(), Fault> {
        match before.is_some_and(|before| before.record == record) {
            true => Ok(()),
            false => self.put(revision, &record),
        }
    }

    /// Stores an entity with the next revision, in the place of its row before.
    fn put(&mut self, before: Option<i64>, record: &Record) -> Result<(), Fault> {
        let body = record.encode();
        if body.len() > MAX_ENTITY_BYTES {
            return Err(Fault::EntityTooLarge { index: self.index, found: body.len() });
        }
        if before.is_none() {
            forget::make_room(self.connection, self.limits, self.state, self.scope.id)?;
        }
        let revision = self.state.revisions.last.saturating_add(1);
        self.state.revisions.last = revision;
        let (cgroup_id, object_id) = match record {
            Record::Container(container) => {
                let name = container.name();
                (name.cgroup_id.cast_signed(), name.runtime_id)
            }
            Record::Host(_) => (0, String::new()),
            Record::Kubernetes(object) => {
                (0, object.key.as_ref().map_or_else(String::new, |key| key.object_uid.clone()))
            }
        };
        let has_ended = record.validity().until_ns != 0;
        let ended_ms = has_ended.then_some(self.state.now_ms);
        let names = record.names();
        match before {
            // The retention counts from the first word of the end.
            Some(before) => self
                .connection
                .prepare_cached(
                    "UPDATE entity SET revision = ?2, cgroup_id = ?3, object_id = ?4, body = ?6,
                     name = ?7, namespace = ?8, image_name = ?9,
                     ended_ms = CASE WHEN ?5 IS NULL THEN NULL ELSE coalesce(ended_ms, ?5) END WHERE revision = ?1",
                )?
                .execute(params![
                    before,
                    stored(revision),
                    cgroup_id,
                    object_id,
                    ended_ms,
                    body,
                    names.name,
                    names.namespace,
                    names.image_name
                ])?,
            None => {
                self.state.entities += 1;
                self.connection
                    .prepare_cached("UPDATE scope SET entities = entities + 1 WHERE id = ?1")?
                    .execute([self.scope.id])?;
                self.connection
                    .prepare_cached(
                        "INSERT INTO entity
                         (revision, scope, kind, cgroup_id, object_id, ended_ms, body, name, namespace, image_name)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                    )?
                    .execute(params![
                        stored(revision),
                        self.scope.id,
                        record.kind() as i64,
                        cgroup_id,
                        object_id,
                        ended_ms,
                        body,
                        names.name,
                        names.namespace,
                        names.image_name
                    ])?
            }
        };
        Ok(())
    }
}

/// The batch's scope, made if it is new, and marked as just heard.
fn scope(
    connection: &Connection,
    limits: &StoreLimits,
    state: &mut State,
    batch: &Batch,
) -> Result<ScopeRow, Fault> {
    if let Some(known) = entities::scope(connection, &batch.scope)? {
        connection
            .prepare_cached("UPDATE scope SET heard_ms = ?2 WHERE id = ?1")?
            .execute([known.id, state.now_ms])?;
        return Ok(known);
    }
    forget::make_room_for_scope(connection, limits, state)?;
    connection
        .prepare_cached(
            "INSERT INTO scope (kind, name, entities, forgotten_entities, forgotten_until_ns, heard_ms)
             VALUES (?1, ?2, 0, 0, 0, ?3)",
        )?
        .execute(params![batch.scope.kind_number(), batch.scope.name(), state.now_ms])?;
    state.scopes += 1;
    let id = connection.last_insert_rowid();
    Ok(ScopeRow { id, forgotten_entities: 0, forgotten_until_ns: 0 })
}

fn through(connection: &Connection, scope_id: i64, epoch: u64) -> Result<Option<u64>, Fault> {
    let through: Option<i64> = connection
        .prepare_cached("SELECT through_sequence FROM relay WHERE scope = ?1 AND epoch = ?2")?
        .query_row([scope_id, epoch.cast_signed()], |row| row.get(0))
        .optional()?;
    Ok(through.map(|through| through.max(0).cast_unsigned()))
}

fn store_through(
    connection: &Connection,
    state: &State,
    scope_id: i64,
    epoch: u64,
    through: u64,
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO relay (scope, epoch, through_sequence, heard_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (scope, epoch) DO UPDATE SET through_sequence = ?3, heard_ms = ?4",
        )?
        .execute([scope_id, epoch.cast_signed(), stored(through), state.now_ms])?;
    connection
        .prepare_cached(
            "DELETE FROM relay WHERE scope = ?1 AND epoch != ?2 AND epoch NOT IN
             (SELECT epoch FROM relay WHERE scope = ?1 ORDER BY heard_ms DESC LIMIT ?3)",
        )?
        .execute([scope_id, epoch.cast_signed(), MAX_EPOCHS])?;
    Ok(())
}
