//! More than one cluster.

use eyrie_proto::metadata::Completeness;
use test_kubernetes::objects;

use crate::{central::*, support::*};

/// Scenario: two clusters of the same name with pods, namespaces and services of the same names; then the second claims a
/// pod's uid of the first. Guarantees: each container shows the objects of its own cluster; of the uid that both claim, nothing is
/// shown, and the reason names both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_with_equal_names_are_not_confused() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let (one, two) = (api("c1").await, api("c2").await);
    for (api, uid, color) in [(&one, "p1", "red"), (&two, "p2", "blue")] {
        api.put("pods", objects::pod("shop", "web", uid, &[("app", "web"), ("color", color)]));
        api.put("services", objects::service("shop", "web", &format!("s-{uid}"), &[("app", "web")]));
    }
    let clusters = [&one, &two].map(|api| watch_of(api, address(&service), "same"));
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(of_pod(5, "a", "p1")), stated(of_pod(6, "b", "p2"))]).await;
    for (id, color, cluster_uid, service_uid) in
        [((5, "a"), "red", "c1", "s-p1"), ((6, "b"), "blue", "c2", "s-p2")]
    {
        let (context, _) = until_joined(&mut engine, id, is_complete).await;
        let pod = context.pod.unwrap();
        assert_eq!((&*pod.labels["color"], &*pod.key.unwrap().cluster_uid), (color, cluster_uid));
        let services: Vec<_> =
            context.services.into_iter().map(|service| service.key.unwrap().object_uid).collect();
        assert_eq!(services, [service_uid]);
        assert_eq!(context.namespace.unwrap().key.unwrap().object_uid, format!("{cluster_uid}-shop"));
    }
    two.put("pods", objects::pod("shop", "liar", "p1", &[]));
    let is_neither = |context: &eyrie_proto::metadata::KubernetesContext| context.pod.is_none();
    let (context, found) = until_joined(&mut engine, (5, "a"), is_neither).await;
    assert_eq!(context.completeness(), Completeness::FinalPartial);
    let reason = found.reasons.concat();
    assert!(reason.contains("c1") && reason.contains("c2") && reason.contains("p1"), "{reason}");
    for cluster in clusters {
        cluster.shutdown().await;
    }
    service.shutdown().await;
}
