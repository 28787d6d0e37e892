//! Applying the statements of a batch.

use std::borrow::Cow;

use eyrie_proto::metadata::{Container, Host, KubernetesKey, KubernetesObject, Validity};
use rusqlite::{Connection, params};

use super::{
    Fault,
    entities::{self, MAX_INSTANCES, ScopeRow, Stored},
    forget, numbering,
    rejoin::{self, Telling},
    stored,
    writer::State,
};
use crate::{
    keys::{ContainerName, Fit},
    record::{MAX_ENTITY_BYTES, Record, RecordKind, StoredContainer, StoredHost},
    store::{Batch, Scope, Statement, StoreLimits},
};

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
    let scope = scope(connection, limits, state, &batch.scope)?;
    let repeated = match numbering::repeated(connection, scope.id, batch)? {
        Some(repeated) => repeated,
        None => batch.statements.len(),
    };
    let mut application = Application { connection, limits, state, scope, index: 0 };
    for (index, statement) in batch.statements.iter().enumerate().skip(repeated) {
        application.index = index;
        application.statement(statement)?;
    }
    let new = (batch.statements.len() - repeated) as u64;
    state.counts.repeated_statements += repeated as u64;
    state.counts.applied_statements += new;
    numbering::advance(connection, state, scope.id, batch)
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
        self.put_object(before, stated.clone())
    }

    /// Stores an object if it changed, and sees to it that the containers are told anew that show it.
    fn put_object(&mut self, before: Option<Stored>, object: KubernetesObject) -> Result<(), Fault> {
        let revision = before.as_ref().map(|stored| stored.revision);
        let last = self.state.revisions.last;
        let known = before.as_ref().and_then(|stored| match &stored.record {
            Record::Kubernetes(known) => Some(known.clone()),
            Record::Container(_) | Record::Host(_) => None,
        });
        self.put_if_changed(before, revision, Record::Kubernetes(object.clone()))?;
        if self.state.revisions.last == last {
            return Ok(());
        }
        let changed = (&object, known.as_ref());
        rejoin::object(self.connection, self.state, self.scope.id, changed, Telling::AtOnce)
    }

    fn kubernetes_removal(&mut self, key: &KubernetesKey, until_ns: u64) -> Result<(), Fault> {
        let kind = RecordKind::Kubernetes;
        let before = entities::by_object(self.connection, self.scope.id, kind, &key.object_uid)?;
        let mut object = match before.clone() {
            Some(Stored { record: Record::Kubernetes(object), .. }) => object,
            _ => KubernetesObject { key: Some(key.clone()), ..KubernetesObject::default() },
        };
        let validity = object.validity.unwrap_or_default();
        // Gone is gone: a second word of it changes nothing.
        if validity.until_ns == 0 {
            object.validity = Some(Validity { until_ns, ..validity });
        }
        self.put_object(before, object)
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
        let limit = MAX_ENTITY_BYTES.min(self.limits.max_entity_bytes);
        if body.len() > limit {
            return Err(Fault::EntityTooLarge { index: self.index, found: body.len(), limit });
        }
        if before.is_none() {
            forget::make_room(self.connection, self.limits, self.state, self.scope.id)?;
        }
        let revision = self.state.revisions.last.saturating_add(1);
        self.state.revisions.last = revision;
        let Columns { cgroup_id, object_id, object_kind, namespace, owner_uid } = Columns::of(record);
        let pod_uid = record.pod_uid();
        let patience_ms = i64::try_from(self.limits.join_patience.as_millis()).unwrap_or(i64::MAX);
        let join_by_ms = (!pod_uid.is_empty()).then(|| self.state.now_ms.saturating_add(patience_ms));
        let has_ended = record.validity().until_ns != 0;
        let ended_ms = has_ended.then_some(self.state.now_ms);
        let names = record.names();
        match before {
            // The retention counts from the first word of the end.
            Some(before) => self
                .connection
                .prepare_cached(
                    // What a container belongs to is waited for from the first word of its pod.
                    "UPDATE entity SET revision = ?2, cgroup_id = ?3, object_id = ?4, body = ?6,
                     ended_ms = CASE WHEN ?5 IS NULL THEN NULL ELSE coalesce(ended_ms, ?5) END,
                     join_by_ms = CASE WHEN pod_uid = ?7 THEN join_by_ms ELSE ?8 END,
                     pod_uid = ?7, object_kind = ?9, object_namespace = ?10, owner_uid = ?11,
                     name = ?12, namespace = ?13, image_name = ?14 WHERE revision = ?1",
                )?
                .execute(params![
                    before,
                    stored(revision),
                    cgroup_id,
                    object_id,
                    ended_ms,
                    body,
                    pod_uid,
                    join_by_ms,
                    object_kind,
                    namespace,
                    owner_uid,
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
                        "INSERT INTO entity (revision, scope, kind, cgroup_id, object_id, ended_ms, body, pod_uid,
                                             join_by_ms, object_kind, object_namespace, owner_uid, name, namespace,
                                             image_name)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
                    )?
                    .execute(params![
                        stored(revision),
                        self.scope.id,
                        record.kind() as i64,
                        cgroup_id,
                        object_id,
                        ended_ms,
                        body,
                        pod_uid,
                        join_by_ms,
                        object_kind,
                        namespace,
                        owner_uid,
                        names.name,
                        names.namespace,
                        names.image_name
                    ])?
            }
        };
        Ok(())
    }
}

/// What a record is found by.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) cgroup_id: i64,
    pub(super) object_id: Cow<'a, str>,
    pub(super) object_kind: &'a str,
    pub(super) namespace: &'a str,
    pub(super) owner_uid: &'a str,
}

// === impl Columns ===

impl<'a> Columns<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        match record {
            Record::Container(container) => {
                let name = container.name();
                let cgroup_id = name.cgroup_id.cast_signed();
                Self { cgroup_id, object_id: name.runtime_id.into(), ..Self::default() }
            }
            Record::Host(_) => Self::default(),
            Record::Kubernetes(object) => Self {
                object_id: object.key.as_ref().map_or("", |key| &*key.object_uid).into(),
                object_kind: &object.kind,
                // A namespace is found among what is in it.
                namespace: if object.kind == "Namespace" { &object.name } else { &object.namespace },
                owner_uid: object.owners.first().map_or("", |owner| &owner.uid),
                ..Self::default()
            },
        }
    }
}

/// A scope, made if it is new, and marked as just heard.
pub(super) fn scope(
    connection: &Connection,
    limits: &StoreLimits,
    state: &mut State,
    scope: &Scope,
) -> Result<ScopeRow, Fault> {
    if let Some(known) = entities::scope(connection, scope)? {
        connection
            .prepare_cached("UPDATE scope SET heard_ms = ?2 WHERE id = ?1")?
            .execute([known.id, state.now_ms])?;
        return Ok(known);
    }
    forget::make_room_for_scope(connection, limits, state)?;
    connection
        .prepare_cached(
            "INSERT INTO scope (id, kind, name, entities, forgotten_entities, forgotten_until_ns, heard_ms)
             VALUES (?4, ?1, ?2, 0, 0, 0, ?3)",
        )?
        .execute(params![
            scope.kind_number(),
            scope.name(),
            state.now_ms,
            state.has_shared_ids.then(|| scope.shared_id())
        ])?;
    state.scopes += 1;
    let id = connection.last_insert_rowid();
    Ok(ScopeRow { id, forgotten_entities: 0, forgotten_until_ns: 0 })
}
