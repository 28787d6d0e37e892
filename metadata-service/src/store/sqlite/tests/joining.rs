//! Joins, and telling containers anew, in stretches.

use std::collections::HashMap;

use eyrie_proto::{
    event::Origin,
    metadata::{KubernetesContext, KubernetesKey, KubernetesObject, entity},
};

use super::*;
use crate::store::{ClusterSpeaker, Turn};

fn speaker(cluster_uid: &str, tenant: &str) -> ClusterSpeaker {
    ClusterSpeaker {
        cluster_uid: cluster_uid.into(),
        name: String::new(),
        tenant: tenant.into(),
        epoch: 7,
        acked_through_ordinal: 0,
    }
}

fn object(kind: &str, namespace: &str, uid: &str, label: &str) -> Statement {
    let key = Some(KubernetesKey { cluster_uid: "c1".into(), object_uid: uid.into() });
    let name = if kind == "Namespace" { "shop" } else { uid };
    let labels = [("l".to_owned(), label.to_owned())].into();
    let (kind, namespace, name) = (kind.into(), namespace.into(), name.into());
    Statement::Kubernetes(Box::new(KubernetesObject {
        key,
        kind,
        namespace,
        name,
        labels,
        ..Default::default()
    }))
}

fn of_pod(number: u64, pod_uid: &str, tenant: &str) -> Statement {
    let name = name(number, 10, &format!("id-{number}"));
    let mut container = container(&name, "web");
    container.pod_uid = pod_uid.into();
    container.key.as_mut().unwrap().origin = Some(Origin { tenant: tenant.into(), kind: None });
    Statement::Container(name, container)
}

/// Pushes a turn of a cluster.
async fn push(store: &SqliteStore, cluster_uid: &str, ordinal: u64, turn: Turn, statements: Vec<Statement>) {
    let scope = Scope::Cluster(cluster_uid.into());
    let numbering = Numbering::Turn(turn);
    let batch = Batch { scope, epoch: 7, first_sequence: ordinal, numbering, statements };
    assert_eq!(store.apply(Arc::new(batch)).await.unwrap(), ordinal);
}

/// How many stretches there were until everything was told.
async fn rejoin(store: &SqliteStore) -> usize {
    let mut stretches = 0;
    while store.rejoin().await.unwrap() {
        stretches += 1;
    }
    stretches
}

/// What all containers of an origin are joined with, and their versions, as the feed has them.
async fn feed(
    store: &SqliteStore,
    scope: &Scope,
    after: u64,
) -> HashMap<String, (u64, Option<KubernetesContext>)> {
    let scopes = Arc::new([scope.clone()].into());
    let mut from = ChangesFrom { after_revision: after, snapshot_through: 0 };
    let mut found = HashMap::new();
    loop {
        let changes = store.changes(Arc::clone(&scopes), from).await.unwrap();
        for entity in changes.upserts {
            let Some(entity::Kind::Container(container)) = entity.kind else { panic!("no container") };
            let context = container.kubernetes.map(|context| *context);
            let before = found.insert(container.key.unwrap().runtime_id, (entity.version, context));
            assert!(before.is_none(), "told twice");
        }
        if changes.is_end {
            return found;
        }
        from.after_revision = changes.through_revision;
    }
}

fn label(context: &Option<KubernetesContext>) -> &str {
    context
        .as_ref()
        .and_then(|context| context.namespace.as_ref())
        .map_or("", |namespace| &namespace.labels["l"])
}

/// Scenario: a thousand pods of one container each and one pod of a hundred, in one namespace, whose label changes. Guarantees: all
/// containers are told anew, once each and with the new label, in stretches that are bounded; what is in no such pod is not.
#[tokio::test]
async fn a_change_that_reaches_many_is_told_in_stretches() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), StoreLimits::default()).unwrap();
    let host = origin("/host/m/b");
    store.open_cluster(Arc::new(speaker("c1", ""))).await.unwrap();
    let mut pods: Vec<_> =
        (0..1_000).map(|number| object("Pod", "shop", &format!("p{number}"), "x")).collect();
    pods.push(object("Namespace", "", "ns", "old"));
    push(&store, "c1", 1, Turn::First, pods).await;
    push(&store, "c1", 2, Turn::SnapshotEnd, Vec::new()).await;
    let mut containers: Vec<_> =
        (0..1_000).map(|number| of_pod(number + 1, &format!("p{number}"), "")).collect();
    containers.extend((0..99).map(|number| of_pod(2_000 + number, "p7", "")));
    containers.push(of_pod(5_000, "", ""));
    apply(&store, &host, containers).await;
    rejoin(&store).await;
    let before = feed(&store, &host, 0).await;
    assert_eq!(before.len(), 1_100);
    assert!(
        before.iter().all(|(id, (_, context))| label(context) == if id == "id-5000" { "" } else { "old" })
    );
    let last = store.revisions().borrow().last;

    push(&store, "c1", 3, Turn::Next, vec![object("Namespace", "", "ns", "new")]).await;
    let stretches = rejoin(&store).await;
    assert!((5..20).contains(&stretches), "{stretches}");
    let told = feed(&store, &host, last).await;
    assert_eq!(told.len(), 1_099);
    assert!(told.values().all(|(_, context)| label(context) == "new"));
    assert_eq!(store.metrics().rejoined_containers.get() % 1_099, 0);
    // The same word again changes nothing.
    let last = store.revisions().borrow().last;
    push(&store, "c1", 4, Turn::Next, vec![object("Namespace", "", "ns", "new")]).await;
    rejoin(&store).await;
    assert!(feed(&store, &host, last).await.is_empty());
}

/// Scenario: a pod of a replica set of a deployment; the deployment changes, then the replica set, then those of another.
/// Guarantees: the pod's container is told anew for its own owners only.
#[tokio::test]
async fn owners_reach_their_own_pods() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), StoreLimits::default()).unwrap();
    let host = origin("/host/m/b");
    let owned = |statement: Statement, kind: &str, uid: &str| {
        let Statement::Kubernetes(mut object) = statement else { panic!("no object") };
        let owner =
            eyrie_proto::metadata::OwnerReference { kind: kind.into(), name: uid.into(), uid: uid.into() };
        object.owners = vec![owner];
        Statement::Kubernetes(object)
    };
    store.open_cluster(Arc::new(speaker("c1", ""))).await.unwrap();
    let objects = vec![
        object("Namespace", "", "ns", ""),
        object("Deployment", "shop", "d1", ""),
        owned(object("ReplicaSet", "shop", "r1", ""), "Deployment", "d1"),
        owned(object("Pod", "shop", "p1", ""), "ReplicaSet", "r1"),
        object("Deployment", "shop", "d2", ""),
    ];
    push(&store, "c1", 1, Turn::First, objects).await;
    push(&store, "c1", 2, Turn::SnapshotEnd, Vec::new()).await;
    apply(&store, &host, vec![of_pod(1, "p1", "")]).await;
    rejoin(&store).await;
    let changes = [
        (object("Deployment", "shop", "d1", "2"), 1),
        (owned(object("ReplicaSet", "shop", "r1", "2"), "Deployment", "d1"), 1),
        (object("Deployment", "shop", "d2", "2"), 0),
        (owned(object("ReplicaSet", "shop", "r2", "2"), "Deployment", "d2"), 0),
        (object("StatefulSet", "shop", "s", "2"), 0),
    ];
    for (ordinal, (change, told)) in (3..).zip(changes) {
        let last = store.revisions().borrow().last;
        push(&store, "c1", ordinal, Turn::Next, vec![change]).await;
        rejoin(&store).await;
        assert_eq!(feed(&store, &host, last).await.len(), told, "{ordinal}");
    }
}

/// Scenario: a pod's uid in a cluster of another tenant. Guarantees: it is not joined.
#[tokio::test]
async fn tenants_are_joined_within_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), StoreLimits::default()).unwrap();
    store.open_cluster(Arc::new(speaker("c1", "acme"))).await.unwrap();
    push(&store, "c1", 1, Turn::First, vec![object("Pod", "shop", "p1", "")]).await;
    push(&store, "c1", 2, Turn::SnapshotEnd, Vec::new()).await;
    let (host, other) = (origin("acme/host/m/b"), origin("/host/m/b"));
    apply(&store, &host, vec![of_pod(1, "p1", "acme")]).await;
    apply(&store, &other, vec![of_pod(1, "p1", "")]).await;
    let joined = feed(&store, &host, 0).await["id-1"].1.clone().unwrap();
    assert_eq!(joined.pod.unwrap().name, "p1");
    assert_eq!(feed(&store, &other, 0).await["id-1"].1, None);
    let error = store.open_cluster(Arc::new(speaker("c1", ""))).await.unwrap_err();
    assert!(matches!(error, StoreError::ForeignCluster { .. }), "{error}");
}
