//! Joins a container with its pod and what that belongs to, when it is read.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use eyrie_proto::metadata::{
    Completeness, Container, KubernetesContext, KubernetesKey, KubernetesObject, OwnerReference,
};
use rusqlite::{Connection, params};

use super::{
    Fault, clusters,
    entities::{self, Stored},
};
use crate::record::{Record, RecordKind};

/// Labels of each object within a container, and their bytes: rules ask for few, and all containers of a pod carry them.
const MAX_LABELS: usize = 64;
const MAX_LABEL_BYTES: usize = 8 * 1024;
/// Services that select one pod.
const MAX_SERVICES: usize = 32;
/// Services of a namespace that are looked at.
const MAX_LOOKED_AT: i64 = 4_096;

/// Joins the containers of one read; what they share is read once.
pub(super) struct Joiner<'a> {
    connection: &'a Connection,
    services: HashMap<(i64, String), Rc<Vec<KubernetesObject>>>,
}

/// A pod and where it was found.
struct Pod {
    object: KubernetesObject,
    scope_id: i64,
    cluster_uid: String,
    is_cluster_whole: bool,
}

/// What was put together.
struct Joined {
    context: KubernetesContext,
    lack: Lack,
    reason: Option<String>,
}

/// What is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lack {
    Nothing,
    /// Something that exists and was not told of yet.
    Untold,
    /// The cluster has not told everything yet.
    Early,
    /// Nothing that comes would help.
    Final,
}

// === impl Joiner ===

impl<'a> Joiner<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self { connection, services: HashMap::new() }
    }

    /// Adds to a container what its pod belongs to; `may_come` says whether what is missing may still come.
    pub(super) fn join(&mut self, stored: &mut Stored, may_come: bool) -> Result<(), Fault> {
        let Some(joined) = self.joined(&stored.record)? else { return Ok(()) };
        let Record::Container(record) = &mut stored.record else { return Ok(()) };
        let container: &mut Container = record.container.get_or_insert_default();
        let mut context = joined.context;
        let completeness = match joined.lack {
            Lack::Nothing => Completeness::Complete,
            Lack::Early => Completeness::Pending,
            Lack::Untold if may_come => Completeness::Pending,
            Lack::Untold | Lack::Final => Completeness::FinalPartial,
        };
        context.completeness = completeness.into();
        container.kubernetes = Some(Box::new(context));
        container.reasons.extend(joined.reason);
        Ok(())
    }

    /// Whether something of what a container belongs to is not known.
    pub(super) fn lacks_something(&mut self, record: &Record) -> Result<bool, Fault> {
        Ok(self.joined(record)?.is_some_and(|joined| matches!(joined.lack, Lack::Untold | Lack::Early)))
    }

    /// `None` for a container that is of no pod, or whose tenant has no cluster that tells.
    fn joined(&mut self, record: &Record) -> Result<Option<Joined>, Fault> {
        let (pod_uid, tenant) = (record.pod_uid(), record.tenant());
        if pod_uid.is_empty() {
            return Ok(None);
        }
        let mut pods = self.pods(tenant, pod_uid)?;
        let joined = match (pods.pop(), pods.pop()) {
            (None, _) if clusters::of_tenant(self.connection, tenant, 0)?.is_none() => return Ok(None),
            (None, _) => Joined::nothing(Lack::Untold, format!("no cluster has told of the pod {pod_uid}")),
            (Some(pod), None) => self.around(pod)?,
            (Some(one), Some(other)) => {
                let (one, other) = (one.cluster_uid, other.cluster_uid);
                let reason =
                    format!("the clusters {one} and {other} both claim the pod {pod_uid}: neither is shown");
                Joined::nothing(Lack::Final, reason)
            }
        };
        Ok(Some(joined))
    }

    /// The pods with this uid in the clusters of a tenant; more than one is one too many.
    fn pods(&self, tenant: &str, pod_uid: &str) -> Result<Vec<Pod>, Fault> {
        let mut select = self.connection.prepare_cached(
            "SELECT entity.revision, entity.kind, entity.body, entity.scope, scope.name, scope.is_whole
             FROM entity JOIN scope ON scope.id = entity.scope
             WHERE entity.kind = 3 AND entity.object_id = ?1 AND entity.object_kind = 'Pod' AND scope.tenant = ?2
             AND scope.kind = 2 LIMIT 2",
        )?;
        let mut rows = select.query(params![pod_uid, tenant])?;
        let mut pods = Vec::new();
        while let Some(row) = rows.next()? {
            let body = row.get_ref(2)?.as_blob().map_err(|error| Fault::undecodable(error.to_string()))?;
            let Record::Kubernetes(object) = entities::decode(row.get(0)?, row.get(1)?, body)?.record else {
                continue;
            };
            let (scope_id, cluster_uid) = (row.get(3)?, row.get(4)?);
            pods.push(Pod { object, scope_id, cluster_uid, is_cluster_whole: row.get(5)? });
        }
        Ok(pods)
    }

    /// What a pod belongs to.
    fn around(&mut self, pod: Pod) -> Result<Joined, Fault> {
        let Pod { object, scope_id, cluster_uid, is_cluster_whole } = pod;
        let mut owners = Owners { joiner: self, scope_id, cluster_uid, is_lacking: false };
        let replica_set = owners.of_kind(&object, "ReplicaSet")?;
        let replication_controller = owners.of_kind(&object, "ReplicationController")?;
        let deployment = match &replica_set {
            Some(replica_set) => owners.of_kind(replica_set, "Deployment")?,
            None => None,
        };
        let is_owner_lacking = owners.is_lacking;
        let namespace = self.namespace(scope_id, &object.namespace)?;
        let (services, reason) = self.selecting(scope_id, &object)?;
        let lack = match is_owner_lacking || namespace.is_none() {
            _ if !is_cluster_whole => Lack::Early,
            true => Lack::Untold,
            false => Lack::Nothing,
        };
        let context = KubernetesContext {
            pod: Some(within(object)),
            namespace: namespace.map(within),
            deployment: deployment.map(within),
            replica_set: replica_set.map(within),
            replication_controller: replication_controller.map(within),
            services,
            completeness: Completeness::Unspecified.into(),
        };
        Ok(Joined { context, lack, reason })
    }

    /// The namespace of a name: the one that is there, otherwise the latest that was.
    fn namespace(&self, scope_id: i64, name: &str) -> Result<Option<KubernetesObject>, Fault> {
        let query = "SELECT revision, kind, body FROM entity
                     WHERE kind = 3 AND scope = ?1 AND object_namespace = ?2 AND object_kind = 'Namespace'
                     ORDER BY ended_ms IS NOT NULL, revision DESC LIMIT 1";
        let found = entities::rows(self.connection, query, params![scope_id, name])?;
        Ok(found.into_iter().find_map(object))
    }

    /// The services that select a pod, in the order of their names; with a reason if there are more than are shown.
    fn selecting(
        &mut self,
        scope_id: i64,
        pod: &KubernetesObject,
    ) -> Result<(Vec<KubernetesObject>, Option<String>), Fault> {
        let all = self.services(scope_id, &pod.namespace)?;
        let selects = |service: &&KubernetesObject| {
            service.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
        };
        let selecting: Vec<_> = all.iter().filter(selects).collect();
        let found = selecting.len();
        let reason = (found > MAX_SERVICES)
            .then(|| format!("{found} services select the pod, {MAX_SERVICES} of them are shown"));
        let shown = selecting.into_iter().take(MAX_SERVICES).cloned().map(within);
        Ok((shown.collect(), reason))
    }

    /// The services of a namespace that select anything.
    fn services(&mut self, scope_id: i64, namespace: &str) -> Result<Rc<Vec<KubernetesObject>>, Fault> {
        let key = (scope_id, namespace.to_owned());
        if let Some(services) = self.services.get(&key) {
            return Ok(Rc::clone(services));
        }
        let query = "SELECT revision, kind, body FROM entity
                     WHERE kind = 3 AND scope = ?1 AND object_namespace = ?2 AND object_kind = 'Service' AND ended_ms IS NULL
                     LIMIT ?3";
        let found = entities::rows(self.connection, query, params![scope_id, namespace, MAX_LOOKED_AT])?;
        let mut services: Vec<_> =
            found.into_iter().filter_map(object).filter(|service| !service.selector.is_empty()).collect();
        services.sort_by(|left, right| left.name.cmp(&right.name));
        let services = Rc::new(services);
        self.services.insert(key, Rc::clone(&services));
        Ok(services)
    }
}

/// Finds owners in one cluster.
struct Owners<'a, 'b> {
    joiner: &'a Joiner<'b>,
    scope_id: i64,
    cluster_uid: String,
    is_lacking: bool,
}

// === impl Owners ===

impl Owners<'_, '_> {
    /// The owner of a kind: as it is known, otherwise as its reference names it.
    fn of_kind(&mut self, owned: &KubernetesObject, kind: &str) -> Result<Option<KubernetesObject>, Fault> {
        let Some(reference) = owned.owners.iter().find(|owner| owner.kind == kind) else { return Ok(None) };
        let connection = self.joiner.connection;
        let known = entities::by_object(connection, self.scope_id, RecordKind::Kubernetes, &reference.uid)?
            .and_then(object);
        if known.is_some() {
            return Ok(known);
        }
        self.is_lacking = true;
        let OwnerReference { kind, name, uid } = reference.clone();
        let key = KubernetesKey { cluster_uid: self.cluster_uid.clone(), object_uid: uid };
        let namespace = owned.namespace.clone();
        Ok(Some(KubernetesObject { key: Some(key), kind, namespace, name, ..KubernetesObject::default() }))
    }
}

// === impl Joined ===

impl Joined {
    fn nothing(lack: Lack, reason: String) -> Self {
        Self { context: KubernetesContext::default(), lack, reason: Some(reason) }
    }
}

fn object(stored: Stored) -> Option<KubernetesObject> {
    match stored.record {
        Record::Kubernetes(object) => Some(object),
        Record::Container(_) | Record::Host(_) => None,
    }
}

/// An object as far as a container shows it; the whole of it is found by its key.
fn within(object: KubernetesObject) -> KubernetesObject {
    let mut bytes = 0_usize;
    let fits = |(key, value): &(String, String)| {
        bytes = bytes.saturating_add(key.len()).saturating_add(value.len());
        bytes <= MAX_LABEL_BYTES
    };
    let labels = object.labels.into_iter().take(MAX_LABELS).take_while(fits).collect();
    KubernetesObject {
        labels,
        annotations: BTreeMap::new(),
        owners: Vec::new(),
        selector: BTreeMap::new(),
        ..object
    }
}
