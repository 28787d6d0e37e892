//! What a container's pod belongs to, which its agent does not know and the metadata service may say later.

use eyrie_proto::{
    alert::MetadataState,
    metadata::{Completeness, Container, KubernetesContext, KubernetesKey, KubernetesObject, late_fact},
};

use crate::{
    metadata::{late, with_service},
    metadata_service::*,
    parking::*,
    support::*,
};

const RULES: &str = "
- rule: Read in the shop
  desc: a file is read in a pod of a deployment
  condition: evt.type = openat and fd.name = /secret and k8smeta.deployment.name = shop
  output: read in %k8smeta.pod.name of %k8smeta.deployment.name
  priority: WARNING
- rule: Read
  desc: a file is read
  condition: evt.type = openat and fd.name = /other
  output: read in %k8smeta.pod.name
  priority: NOTICE
";

/// As the agent tells of it: all that a runtime knows, and the pod's uid.
fn of_pod() -> Container {
    Container { pod_uid: "p1".to_owned(), ..container(CONTAINER, "web") }
}

/// As the service knows it once it is joined.
fn joined() -> Container {
    let object = |kind: &str, name: &str| {
        let key = KubernetesKey { cluster_uid: "c1".to_owned(), object_uid: format!("{kind}-{name}") };
        let (kind, name) = (kind.to_owned(), name.to_owned());
        Some(KubernetesObject { key: Some(key), kind, name, ..KubernetesObject::default() })
    };
    let context = KubernetesContext {
        pod: object("Pod", "shop-1"),
        deployment: object("Deployment", "shop"),
        completeness: Completeness::Complete.into(),
        ..KubernetesContext::default()
    };
    Container { kubernetes: Some(Box::new(context)), ..of_pod() }
}

/// Scenario: an agent tells the whole of a pod's container, and files are read in it; then the service tells what the pod
/// belongs to, the agent tells of the container again, and a file is read again. Guarantees: matches that hang on what the pod belongs to
/// wait for it and come out whole; what is known of it stays known.
#[tokio::test]
async fn what_a_pod_belongs_to_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let service = FakeService::start().await;
    let log = sqlite(directory.path());
    let mut options = patient();
    options.metadata.service = with_service(&service).metadata.service;
    let engine = start_with_rules(log.clone(), options, RULES).await;
    let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    service.is_watched().await;
    agent.send(late(1, late_fact::Kind::Container(of_pod()))).await;
    service.until(|store| !store.relayed.lock().unwrap().is_empty()).await;
    deliver(&mut agent, 1, vec![open(1, "/secret"), open(2, "/other")]).await;
    counted(&engine, |counters| counters.waiting == 2).await;
    assert!(alerts(&*log).await.is_empty());
    service.store.hold(joined());
    let told = entries(&*log, 2).await;
    agent.send(late(2, late_fact::Kind::Container(of_pod()))).await;
    service.until(|store| store.relayed.lock().unwrap().len() == 2).await;
    deliver(&mut agent, 3, vec![open(3, "/other")]).await;
    let last = entries(&*log, 3).await.pop().unwrap();
    let mut messages: Vec<_> = told.iter().chain([&last]).map(|alert| &*alert.message).collect();
    messages.sort_unstable();
    assert_eq!(messages, ["read in shop-1", "read in shop-1", "read in shop-1 of shop"]);
    assert!(told.iter().chain([&last]).all(|alert| alert.metadata_state() == MetadataState::Complete));
    engine.shutdown().await;
}

/// Scenario: the service knows of no cluster; an agent says itself what its pod belongs to. Guarantees: the agent's word counts for
/// nothing, as it could name another tenant's pods; what the service does not know of is absent, and nothing waits for it.
#[tokio::test]
async fn an_agent_does_not_say_what_its_pods_belong_to() {
    let directory = tempfile::tempdir().unwrap();
    let service = FakeService::start().await;
    service.store.hold(of_pod());
    let log = sqlite(directory.path());
    let mut options = patient();
    options.metadata.service = with_service(&service).metadata.service;
    let engine = start_with_rules(log.clone(), options, RULES).await;
    let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    agent.send(late(1, late_fact::Kind::Container(joined()))).await;
    service.until(|store| !store.relayed.lock().unwrap().is_empty()).await;
    deliver(&mut agent, 1, vec![open(1, "/secret"), open(2, "/other")]).await;
    let told = entries(&*log, 1).await;
    counted(&engine, |counters| counters.waiting == 0).await;
    assert_eq!(alerts(&*log).await, told);
    assert_eq!((told.len(), &*told[0].message), (1, "read in <NA>"));
    let is_of_cluster =
        |store: &Store| store.watched.lock().unwrap().iter().any(|request| !request.cluster_uids.is_empty());
    assert!(!is_of_cluster(&service.store));
    engine.shutdown().await;
}
