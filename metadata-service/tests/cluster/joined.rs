//! Containers with what their pods belong to.

use eyrie_proto::metadata::{Completeness, WatchRequest, entity, watch_response};
use test_kubernetes::objects;

use crate::{central::*, support::*};

/// Scenario: a pod of a replica set of a deployment, in a namespace with services, two of which select nothing of it; its
/// container was known before. Then a label of the pod changes, a service goes, the deployment gets a label, and the pod is deleted.
/// Guarantees: the container shows all that the pod belongs to, and only that; each change is told by the watch as a new
/// version of the container; and what the pod was is shown after its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_shows_what_its_pod_belongs_to() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(of_pod(5, "a", "p1")), stated(container(key(6, 10, "b"), "alone", 1))]).await;
    let api = api("c1").await;
    let rs = objects::workload("ReplicaSet", "shop", "web-1", "r1", &[("hash", "1")]);
    api.put("deployments", objects::workload("Deployment", "shop", "web", "d1", &[("team", "x")]));
    api.put("replicasets", objects::owned_by(rs, "Deployment", "web", "d1"));
    let pod = |labels: &[(&str, &str)]| {
        objects::owned_by(objects::pod("shop", "web-1-x", "p1", labels), "ReplicaSet", "web-1", "r1")
    };
    api.put("pods", pod(&[("app", "web")]));
    api.put("services", objects::service("shop", "web", "s1", &[("app", "web")]));
    api.put("services", objects::service("shop", "db", "s2", &[("app", "db")]));
    api.put("services", objects::service("shop", "headless", "s3", &[]));
    api.put("services", objects::service("other", "web", "s4", &[("app", "web")]));
    api.put("nodes", objects::node("node-1", "n1"));
    let cluster = watch_of(&api, address(&service), "blue");

    let (context, found) = until_joined(&mut engine, (5, "a"), is_complete).await;
    assert_eq!((name_of(&context.pod), name_of(&context.namespace)), ("web-1-x", "shop"));
    assert_eq!((name_of(&context.deployment), name_of(&context.replica_set)), ("web", "web-1"));
    assert!(context.replication_controller.is_none());
    let services: Vec<_> = context.services.iter().map(|service| &*service.name).collect();
    assert_eq!(services, ["web"]);
    let pod_shown = context.pod.clone().unwrap();
    assert_eq!(
        (&*pod_shown.labels["app"], &*pod_shown.node_name, &*pod_shown.ips[0]),
        ("web", "node-1", "10.0.0.7")
    );
    assert_eq!((&*pod_shown.cluster_name, &*pod_shown.key.unwrap().cluster_uid), ("blue", "c1"));
    assert_eq!(context.deployment.unwrap().labels["team"], "x");
    assert_eq!(found.name, "a");
    let alone = container_of(&engine.lookup(key(6, 10, "b"), 0).await).unwrap();
    assert!(alone.kubernetes.is_none());
    until("ready", async || cluster.check().ok()).await;

    let mut watching = engine.watch(watch_host(1, 0)).await;
    watching.snapshot().await;
    api.put("pods", pod(&[("app", "web"), ("release", "2")]));
    let told = next_context(&mut watching).await;
    assert_eq!(told.pod.unwrap().labels["release"], "2");
    api.delete("services", "shop", "web");
    assert!(next_context(&mut watching).await.services.is_empty());
    api.put("deployments", objects::workload("Deployment", "shop", "web", "d1", &[("team", "y")]));
    assert_eq!(next_context(&mut watching).await.deployment.unwrap().labels["team"], "y");
    api.delete("pods", "shop", "web-1-x");
    let told = next_context(&mut watching).await;
    assert!(is_gone(told.pod.as_ref().unwrap()));
    assert_eq!((name_of(&told.pod), name_of(&told.deployment)), ("web-1-x", "web"));
    cluster.shutdown().await;
    service.shutdown().await;
}

/// The next thing that is told, which is of the container `a`.
async fn next_context(watching: &mut Watching) -> eyrie_proto::metadata::KubernetesContext {
    match watching.next_news().await.1 {
        watch_response::Kind::Delta(mut delta) => match delta.upserts.remove(0).kind {
            Some(entity::Kind::Container(container)) => *container.kubernetes.unwrap(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// Scenario: a container is told of before any cluster speaks; then one does that has no such pod; then the pod comes.
/// Guarantees: without clusters nothing is shown or waited for; with one it is pending, in the end final with a reason, and
/// complete once the pod is there; the watch tells each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_comes_late_is_joined_when_it_comes() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.store.join_patience = std::time::Duration::from_secs(3);
    let service = start_with(config).await;
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(of_pod(5, "a", "p1"))]).await;
    let before = container_of(&engine.lookup(key(5, 10, "a"), 0).await).unwrap();
    assert!(before.kubernetes.is_none());
    let api = api("c1").await;
    let cluster = watch_of(&api, address(&service), "blue");
    until_object(&service, "c1", "c1-shop", is_there).await;
    engine.relay(vec![stated(of_pod(6, "b", "p2"))]).await;
    let found = container_of(&engine.lookup(key(6, 10, "b"), 0).await).unwrap();
    assert_eq!(found.kubernetes.unwrap().completeness(), Completeness::Pending);
    let request = WatchRequest { origins: vec![host(1)], ..WatchRequest::default() };
    let mut watching = engine.watch(request).await;
    watching.snapshot().await;
    let is_final = |context: &eyrie_proto::metadata::KubernetesContext| {
        context.completeness() == Completeness::FinalPartial
    };
    let (_, given_up) = until_joined(&mut engine, (6, "b"), is_final).await;
    assert!(given_up.reasons.iter().any(|reason| reason.contains("p2")), "{:?}", given_up.reasons);
    api.put("pods", objects::pod("shop", "late", "p2", &[]));
    let (context, found) = until_joined(&mut engine, (6, "b"), is_complete).await;
    assert_eq!(name_of(&context.pod), "late");
    assert!(found.reasons.is_empty());
    loop {
        let watch_response::Kind::Delta(delta) = watching.next_news().await.1 else { panic!("no delta") };
        let is_joined = delta.upserts.iter().any(|entity| match &entity.kind {
            Some(entity::Kind::Container(told)) => {
                told.kubernetes.as_ref().is_some_and(|told| is_complete(told))
            }
            _ => false,
        });
        if is_joined {
            break;
        }
    }
    cluster.shutdown().await;
    service.shutdown().await;
}
