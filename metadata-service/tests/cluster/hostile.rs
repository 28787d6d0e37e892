//! Objects that are too large, and too many of them.

use std::collections::BTreeMap;

use serde_json::json;
use test_kubernetes::objects;

use crate::{central::*, support::*};

/// Scenario: a pod with ten thousand labels, one with a label of a MiB, one whose parts are of other shapes, one without a
/// uid, and a proper one, which is selected by a hundred services. Guarantees: the proper ones are there; what is too large is cut; what
/// is joined is bounded and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let api = api("c1").await;
    let labelled = |name: &str, labels: BTreeMap<String, String>| {
        let mut pod = objects::pod("shop", name, name, &[]);
        pod["metadata"]["labels"] = json!(labels);
        api.put("pods", pod);
    };
    labelled("many", (0..10_000).map(|number| (format!("k{number:05}"), "v".into())).collect());
    labelled("large", BTreeMap::from([("a".into(), "v".into()), ("b".into(), "v".repeat(1024 * 1024))]));
    let mut strange = objects::pod("shop", "strange", "strange", &[]);
    strange["metadata"]["labels"] = json!([1, 2]);
    strange["status"]["podIPs"] = json!({"ip": 7});
    api.put("pods", strange);
    let mut nameless = objects::pod("shop", "nameless", "", &[]);
    nameless["metadata"]["uid"] = json!("");
    api.put("pods", nameless);
    api.put("pods", objects::pod("shop", "web", "p1", &[("app", "web")]));
    for number in 0..100 {
        let (name, uid) = (format!("s-{number:03}"), format!("s{number}"));
        api.put("services", objects::service("shop", &name, &uid, &[("app", "web")]));
    }
    let cluster = watch_of(&api, address(&service), "blue");
    assert_eq!(until_object(&service, "c1", "many", is_there).await.labels.len(), 256);
    let large = until_object(&service, "c1", "large", is_there).await;
    assert_eq!(large.labels.into_keys().collect::<Vec<_>>(), ["a"]);
    assert!(until_object(&service, "c1", "strange", is_there).await.labels.is_empty());
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(of_pod(5, "a", "p1")), stated(of_pod(6, "b", "many"))]).await;
    let (context, found) = until_joined(&mut engine, (5, "a"), is_complete).await;
    assert_eq!(context.services.len(), 32);
    assert!(found.reasons.concat().contains("100 services select the pod"), "{:?}", found.reasons);
    let (context, _) = until_joined(&mut engine, (6, "b"), is_complete).await;
    assert_eq!(context.pod.unwrap().labels.len(), 64);
    cluster.shutdown().await;
    service.shutdown().await;
}
