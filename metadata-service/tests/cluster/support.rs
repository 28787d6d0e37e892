//! A cluster of one API server, and what its central service says of it.

use std::{collections::BTreeSet, time::Duration};

use cluster_watch::{ApiServer as Watched, WatchOptions};
use eyrie_proto::metadata::{
    AnswerState, Completeness, Container, KubernetesContext, KubernetesKey, KubernetesObject, WatchRequest,
    entity, query, watch_response,
};
use grpc_transport::{ClientSecurity, ServiceAddress};
use metadata_service::{ClusterConfig, ClusterRunning, ClusterService, Running};
use telemetry::Instruments;
use test_kubernetes::{ApiServer, objects};

use crate::central::*;

/// An API server whose kube-system has this uid, with a namespace `shop`.
pub(crate) async fn api(cluster_uid: &str) -> ApiServer {
    let api = ApiServer::start().await;
    api.put("namespaces", objects::namespace("kube-system", cluster_uid));
    api.put("namespaces", objects::namespace("shop", &format!("{cluster_uid}-shop")));
    api
}

pub(crate) fn address(central: &Running) -> ServiceAddress {
    ServiceAddress::of_listener(central.local_address(), false)
}

/// The role `cluster`, with short times.
pub(crate) fn watch_of(api: &ApiServer, central: ServiceAddress, name: &str) -> ClusterRunning {
    let config = ClusterConfig {
        central,
        security: ClientSecurity::default(),
        kubeconfig: None,
        name: name.into(),
        tenant: String::new(),
        max_objects: 10_000,
        last_retry: Duration::from_millis(200),
    };
    let options = WatchOptions {
        page: 3,
        watch_lifetime: Duration::from_secs(2),
        answer_wait: Duration::from_secs(5),
        first_retry: Duration::from_millis(10),
        last_retry: Duration::from_millis(100),
    };
    let server = Watched::new(kube::Config::new(api.uri().parse().unwrap())).unwrap();
    let meter = Instruments::default().meter;
    ClusterService::start_on(config, server, options, Duration::from_secs(5), &meter).unwrap()
}

/// A container that says that it is of a pod.
pub(crate) fn of_pod(cgroup_id: u64, id: &str, pod_uid: &str) -> Container {
    Container { pod_uid: pod_uid.into(), ..container(key(cgroup_id, 10, id), id, 1) }
}

/// Waits until something is so; a hang is a failure.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never so: {what}"))
}

/// An object as the central service has it, and whether it is there still.
pub(crate) async fn object(engine: &mut Engine, cluster_uid: &str, uid: &str) -> Option<KubernetesObject> {
    let key = KubernetesKey { cluster_uid: cluster_uid.into(), object_uid: uid.into() };
    let answer = engine.ask(query::Key::Kubernetes(key), 0, 0).await;
    match (answer.state(), answer.entity.and_then(|entity| entity.kind)) {
        (AnswerState::Found, Some(entity::Kind::KubernetesObject(object))) => Some(object),
        _ => None,
    }
}

/// Waits until an object is as wanted.
pub(crate) async fn until_object(
    service: &Running,
    cluster_uid: &str,
    uid: &str,
    is_wanted: impl Fn(&KubernetesObject) -> bool,
) -> KubernetesObject {
    let mut engine = Engine::connect(service).await;
    let looking = async {
        loop {
            if let Some(object) = object(&mut engine, cluster_uid, uid).await.filter(&is_wanted) {
                return object;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let looked = tokio::time::timeout(PATIENCE, looking).await;
    looked.unwrap_or_else(|_| panic!("{uid} of {cluster_uid} never became as wanted"))
}

pub(crate) fn is_there(object: &KubernetesObject) -> bool {
    object.validity.is_none_or(|validity| validity.until_ns == 0)
}

pub(crate) fn is_gone(object: &KubernetesObject) -> bool {
    !is_there(object)
}

/// What a container is joined with, once that is settled as wanted.
pub(crate) async fn until_joined(
    engine: &mut Engine,
    id: (u64, &str),
    is_wanted: impl Fn(&KubernetesContext) -> bool,
) -> (KubernetesContext, Container) {
    let looking = async {
        loop {
            let found = container_of(&engine.lookup(key(id.0, 10, id.1), 0).await);
            if let Some(container) = found
                && let Some(context) = container.kubernetes.clone()
                && is_wanted(&context)
            {
                return (*context, container);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{id:?} never joined as wanted"))
}

pub(crate) fn is_complete(context: &KubernetesContext) -> bool {
    context.completeness() == Completeness::Complete
}

pub(crate) fn name_of(object: &Option<KubernetesObject>) -> &str {
    object.as_ref().map_or("", |object| &object.name)
}

/// The names of the pods of a cluster that are there, each as often as it was told.
pub(crate) async fn pods(service: &Running, cluster_uid: &str) -> Vec<String> {
    let mut engine = Engine::connect(service).await;
    let request = WatchRequest { cluster_uids: vec![cluster_uid.into()], ..WatchRequest::default() };
    let mut watching = engine.watch(request).await;
    let mut names = Vec::new();
    loop {
        match watching.next_news().await.1 {
            watch_response::Kind::SnapshotComplete(_) => return names,
            watch_response::Kind::Delta(delta) => {
                let pods = delta.upserts.into_iter().filter_map(|entity| match entity.kind {
                    Some(entity::Kind::KubernetesObject(object)) if object.kind == "Pod" => Some(object.name),
                    _ => None,
                });
                names.extend(pods);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Waits until the pods are just these, each told once.
pub(crate) async fn until_pods(service: &Running, cluster_uid: &str, expected: &BTreeSet<String>) {
    let waiting = async {
        loop {
            let mut found = pods(service, cluster_uid).await;
            found.sort();
            if found.iter().eq(expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(2 * PATIENCE, waiting).await;
    assert!(waited.is_ok(), "{:?} instead of {expected:?}", pods(service, cluster_uid).await);
}
