//! Input that no honest engine sends.

use eyrie_proto::metadata::{
    Container, KubernetesKey, LateFact, LookupRequest, Query, RelayFactsRequest, WatchRequest, query,
};
use tonic::Code;

use crate::support::*;

/// Scenario: each part of a relayed call wrong by itself. Guarantees: it is refused as the caller's mistake, with a text that
/// says what, and marked as not worth repeating; the service goes on.
#[tokio::test]
async fn malformed_facts_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let good = || stated(container(key(5, 10, "a"), "web", 1));
    let mut endless = container(key(5, 10, "a"), "web", 1);
    endless.cni_result = "x".repeat(600_000);
    let with = |late: LateFact| facts(1, vec![late]);
    let cases: Vec<(RelayFactsRequest, &str)> = vec![
        (RelayFactsRequest { origin: None, ..with(good()) }, "origin"),
        (RelayFactsRequest { epoch: 0, ..with(good()) }, "epoch"),
        (RelayFactsRequest { first_fact_sequence: 0, ..with(good()) }, "first_fact_sequence"),
        (RelayFactsRequest { first_fact_sequence: u64::MAX, ..with(good()) }, "first_fact_sequence"),
        (with(LateFact { kind: None }), "empty"),
        (with(stated(Container::default())), "no key"),
        (with(stated(container(key(0, 0, ""), "web", 1))), "neither a cgroup id nor a runtime id"),
        (with(stated(container(key(5, 10, &"x".repeat(300)), "web", 1))), "runtime_id has 300 bytes"),
        (with(stated(endless)), "bytes"),
        (with(removed(key(5, 10, "a"), 0)), "removed_boot_ns"),
        (with(removed(key(5, 10, "a"), 9)), "before it began"),
        (facts(1, vec![good(); 1_025]), "1025 facts"),
    ];
    for (request, named) in cases {
        let status = engine.try_relay(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{named}: {status:?}");
        assert!(status.message().contains(named), "{named}: {}", status.message());
        assert_eq!(status.metadata().get("eyrie-retryable").unwrap(), "false");
    }
    engine.relay(vec![good()]).await;
    service.shutdown().await;
}

/// Scenario: questions and watches that are none. Guarantees: they are refused with what is wrong.
#[tokio::test]
async fn malformed_questions_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let half = query::Key::Kubernetes(KubernetesKey { cluster_uid: "c".into(), object_uid: String::new() });
    let mut no_origin = key(5, 10, "a");
    no_origin.origin = None;
    for bad in [None, Some(half), Some(query::Key::Container(no_origin))] {
        let queries = vec![Query { query_id: 9, as_of_ns: 0, key: bad }];
        let status = engine.client.lookup(LookupRequest { queries, wait_ms: 0 }).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("query_id 9"), "{}", status.message());
    }
    let query = Query { query_id: 1, as_of_ns: 0, key: Some(query::Key::Container(key(5, 10, "a"))) };
    let many = LookupRequest { queries: vec![query; 2_000], wait_ms: 0 };
    assert_eq!(engine.client.lookup(many).await.unwrap_err().code(), Code::InvalidArgument);
    let request = WatchRequest { origins: vec![Default::default()], ..WatchRequest::default() };
    let mut watching = engine.watch(request).await;
    let status = watching.responses.message().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("origins[0]"), "{}", status.message());
    service.shutdown().await;
}

/// Scenario: statements that are each small enough make one container very large; answers together are very large.
/// Guarantees: the entity is bounded, and what does not fit into one response is told to be asked for apart.
#[tokio::test]
async fn sizes_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let text = "x".repeat(250_000);
    let piece = |number: usize| {
        let mut piece = Container { key: Some(key(5, 10, "a")), ..Container::default() };
        let field = [&mut piece.cni_result, &mut piece.user, &mut piece.pod_name, &mut piece.pod_namespace];
        field.into_iter().nth(number % 4).unwrap().clone_from(&text);
        piece.name = if number == 4 { text.clone() } else { String::new() };
        if number == 4 {
            piece.cni_result.clear();
        }
        stated(piece)
    };
    engine.relay((0..4).map(piece).collect()).await;
    let status = engine.try_relay(facts(5, vec![piece(4)])).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("bytes large"), "{}", status.message());
    let query = |query_id| Query { query_id, as_of_ns: 0, key: Some(query::Key::Container(key(5, 10, "a"))) };
    let request = LookupRequest { queries: (0..5).map(query).collect(), wait_ms: 0 };
    let answers = engine.client.lookup(request).await.unwrap().into_inner().answers;
    let refused = answers.iter().filter(|answer| answer.reason.contains("fewer at a time")).count();
    assert!((1..5).contains(&refused), "{refused}");
    service.shutdown().await;
}
