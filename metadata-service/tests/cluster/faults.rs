//! Faults of the API server.

use test_kubernetes::objects;

use crate::{central::*, support::*};

/// Scenario: watches are cut off; then history is forgotten while an object is deleted that nobody was told of, once as a
/// status and once as an event; then pages expire while a list is read. Guarantees: everything is found in the end, and what
/// vanished unseen has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_watches_and_forgotten_history_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let api = api("c1").await;
    for number in 0..8 {
        let (name, uid) = (format!("web-{number}"), format!("p{number}"));
        api.put("pods", objects::pod("shop", &name, &uid, &[]));
    }
    let cluster = watch_of(&api, address(&service), "blue");
    until_object(&service, "c1", "p7", is_there).await;
    assert!(api.requests("/api/v1/pods?&limit=3&continue=") >= 2, "lists are read in pages");
    for round in 0..3 {
        api.drop_watches();
        api.put("pods", objects::pod("shop", "web-0", "p0", &[("round", &round.to_string())]));
        until_object(&service, "c1", "p0", |pod| pod.labels.get("round") == Some(&round.to_string())).await;
    }
    for (number, as_event) in [(1, false), (2, true)] {
        let lists = api.requests("/api/v1/pods?&limit");
        api.delete("pods", "shop", &format!("web-{number}"));
        api.put("pods", objects::pod("shop", "web-0", "p0", &[("forgotten", &number.to_string())]));
        api.forget_history(as_event);
        api.expire_pages();
        until_object(&service, "c1", &format!("p{number}"), is_gone).await;
        until_object(&service, "c1", "p0", |pod| pod.labels.contains_key("forgotten")).await;
        until("listed again", async || (api.requests("/api/v1/pods?&limit") > lists).then_some(())).await;
    }
    until("ready", async || cluster.check().ok()).await;
    cluster.shutdown().await;
    service.shutdown().await;
}

/// Scenario: the API server goes away; meanwhile objects come and go; it is back. Before that, it is away when the service
/// starts. Guarantees: nothing is told while nothing is known; the central service keeps what it had; the check says what is wrong
/// and since when; then everything is as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_that_is_away_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let api = api("c1").await;
    api.put("pods", objects::pod("shop", "web", "p1", &[]));
    api.go_away();
    let cluster = watch_of(&api, address(&service), "blue");
    let problem =
        until("unready", async || cluster.check().err().filter(|text| text.contains("never listed"))).await;
    assert!(problem.contains("pods: never listed, the Kubernetes API server does not answer"), "{problem}");
    api.come_back();
    until_object(&service, "c1", "p1", is_there).await;
    until("ready", async || cluster.check().ok()).await;
    api.go_away();
    let is_said = async || cluster.check().err().filter(|text| text.contains("pods: as of"));
    until("unready again", is_said).await;
    api.delete("pods", "shop", "web");
    api.put("pods", objects::pod("shop", "db", "p2", &[]));
    let mut engine = Engine::connect(&service).await;
    assert!(is_there(&object(&mut engine, "c1", "p1").await.unwrap()));
    api.come_back();
    until_object(&service, "c1", "p1", is_gone).await;
    until_object(&service, "c1", "p2", is_there).await;
    until("ready again", async || cluster.check().ok()).await;
    cluster.shutdown().await;
    service.shutdown().await;
}

/// Scenario: a kind is forbidden at first. Guarantees: nothing is pushed, as what is missing would count as gone; the check
/// names the kind and what to do; once granted, all goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_right_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let api = api("c1").await;
    api.forbid("jobs", true);
    let cluster = watch_of(&api, address(&service), "blue");
    let is_said = async || cluster.check().err().filter(|text| text.contains("list jobs is forbidden"));
    let problem = until("forbidden", is_said).await;
    assert!(problem.contains("metadata-cluster-rbac.yaml"), "{problem}");
    let mut engine = Engine::connect(&service).await;
    assert!(object(&mut engine, "c1", "c1-shop").await.is_none());
    api.forbid("jobs", false);
    until_object(&service, "c1", "c1-shop", is_there).await;
    cluster.shutdown().await;
    service.shutdown().await;
}
