//! Facts: durable before they are acked, once each, of their own origin.

use eyrie_proto::metadata::{
    AnswerState, Completeness, Container, Host, HostKey, LateFact, RelayFactsRequest, late_fact, query,
};
use tonic::Code;

use crate::support::*;

/// Scenario: facts are relayed, some of them again, and then with a gap. Guarantees: repeated ones change nothing (the
/// version stays), new ones of the same call count, and a gap is refused with the number that is expected.
#[tokio::test]
async fn facts_count_once_and_without_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let first = stated(container(key(5, 10, "a"), "web", 1));
    let second = stated(container(key(6, 20, "b"), "db", 1));
    assert_eq!(engine.try_relay(facts(1, vec![first.clone()])).await.unwrap(), 1);
    let version = engine.lookup(key(5, 10, "a"), 0).await.entity.unwrap().version;
    assert_eq!(engine.try_relay(facts(1, vec![first.clone()])).await.unwrap(), 1);
    assert_eq!(engine.try_relay(facts(1, vec![first.clone(), second])).await.unwrap(), 2);
    assert_eq!(engine.lookup(key(5, 10, "a"), 0).await.entity.unwrap().version, version);
    assert_eq!(engine.name(key(6, 20, "b"), 0).await, (AnswerState::Found, "db".into()));
    let status = engine.try_relay(facts(4, vec![first.clone()])).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("from fact 3"), "{}", status.message());
    // Another start of the agent counts by itself; a late call of the one before is still known.
    let other_epoch =
        eyrie_proto::metadata::RelayFactsRequest { epoch: 99, ..facts(40, vec![first.clone()]) };
    assert_eq!(engine.try_relay(other_epoch).await.unwrap(), 40);
    assert_eq!(engine.try_relay(facts(1, vec![first])).await.unwrap(), 2);
    service.shutdown().await;
}

/// Scenario: facts with a gap before them whose sender says that nobody has those any more; they are sent again, as are some of before.
/// Guarantees: they are taken and those that are missing passed over, once; what follows is counted on.
#[tokio::test]
async fn facts_that_nobody_has_are_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let [first, late, last] =
        [(5, "a"), (6, "b"), (7, "c")].map(|(id, name)| stated(container(key(id, 10, name), name, 1)));
    assert_eq!(engine.try_relay(facts(1, vec![first.clone()])).await.unwrap(), 1);
    assert_eq!(
        engine.try_relay(facts(7, vec![late.clone()])).await.unwrap_err().code(),
        Code::FailedPrecondition
    );
    let with_gap = RelayFactsRequest { are_earlier_lost: true, ..facts(7, vec![late.clone()]) };
    for _ in 0..2 {
        assert_eq!(engine.try_relay(with_gap.clone()).await.unwrap(), 7);
    }
    let repeated = RelayFactsRequest { are_earlier_lost: true, ..facts(1, vec![first]) };
    assert_eq!(engine.try_relay(repeated).await.unwrap(), 7);
    assert_eq!(engine.try_relay(facts(8, vec![last])).await.unwrap(), 8);
    for (id, name) in [(5, "a"), (6, "b"), (7, "c")] {
        assert_eq!(engine.name(key(id, 10, name), 0).await, (AnswerState::Found, name.into()));
    }
    service.shutdown().await;
}

/// Scenario: a call whose second fact is about another host, another tenant, or no origin at all. Guarantees: the whole call
/// is refused, the fact is named, and nothing of it is stored.
#[tokio::test]
async fn lies_about_the_origin_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let mut tenant = host(1);
    tenant.tenant = "other".into();
    for origin in [Some(host(2)), Some(tenant), Some(Default::default()), None] {
        let honest = stated(container(key(5, 10, "a"), "web", 1));
        let mut foreign = key(7, 10, "c");
        foreign.origin = origin.clone();
        for lie in [
            stated(container(foreign.clone(), "evil", 1)),
            removed(foreign.clone(), 50),
            LateFact {
                kind: Some(late_fact::Kind::Host(Host {
                    key: Some(HostKey { origin: origin.clone() }),
                    hostname: "evil".into(),
                    ..Host::default()
                })),
            },
        ] {
            let status = engine.try_relay(facts(1, vec![honest.clone(), lie])).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
            assert!(status.message().contains("facts[1]"), "{}", status.message());
        }
    }
    assert_ne!(engine.lookup(key(5, 10, "a"), 0).await.state(), AnswerState::Found);
    service.shutdown().await;
}

/// Scenario: partial statements of two sources, the later first, one of them with empty fields. Guarantees: each field has
/// the latest word that was said of it, empty words count for nothing, and complete stays complete.
#[tokio::test]
async fn partial_statements_merge() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let mut runtime_state = container(key(5, 10, "a"), "renamed", 20);
    runtime_state.image.as_mut().unwrap().repository.clear();
    runtime_state.image.as_mut().unwrap().digest = "sha256:1".into();
    runtime_state.provenance[0].source = "runtime-state".into();
    let mut bundle = container(key(5, 10, "a"), "web", 10);
    bundle.completeness = Completeness::Pending.into();
    bundle.is_privileged = Some(false);
    engine.relay(vec![stated(runtime_state), stated(bundle)]).await;
    let empty = Container { key: Some(key(5, 10, "a")), ..Container::default() };
    engine.relay(vec![stated(empty)]).await;
    let answer = engine.lookup(key(5, 10, "a"), 0).await;
    let merged = container_of(&answer).unwrap();
    assert_eq!(answer.state(), AnswerState::Found);
    assert_eq!(merged.name, "renamed");
    let image = merged.image.clone().unwrap();
    assert_eq!((&*image.repository, &*image.digest), ("example.org/web", "sha256:1"));
    assert_eq!(merged.is_privileged, Some(false));
    assert_eq!(merged.completeness(), Completeness::Complete);
    let sources: Vec<_> = merged.provenance.iter().map(|one| &*one.source).collect();
    assert_eq!(sources, ["bundle", "runtime-state"]);
    service.shutdown().await;
}

/// Scenario: host facts in two parts. Guarantees: they are one host, found by its origin.
#[tokio::test]
async fn hosts_merge_and_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let host_fact = |hostname: &str, kernel_release: &str| LateFact {
        kind: Some(late_fact::Kind::Host(Host {
            key: Some(HostKey { origin: Some(host(1)) }),
            hostname: hostname.into(),
            kernel_release: kernel_release.into(),
            ..Host::default()
        })),
    };
    engine.relay(vec![host_fact("h1", ""), host_fact("", "6.1")]).await;
    let found = engine.ask(query::Key::Host(HostKey { origin: Some(host(1)) }), 5, 0).await;
    let Some(eyrie_proto::metadata::entity::Kind::Host(found)) = found.entity.unwrap().kind else {
        panic!("no host")
    };
    assert_eq!((&*found.hostname, &*found.kernel_release), ("h1", "6.1"));
    let other = engine.ask(query::Key::Host(HostKey { origin: Some(host(2)) }), 0, 0).await;
    assert_eq!(other.state(), AnswerState::Pending);
    service.shutdown().await;
}

/// Scenario: the service is restarted on its directory. Guarantees: containers, ends, and what is durable of the relay are
/// as they were; a second service on the same directory is refused while the first lives.
#[tokio::test]
async fn a_restart_forgets_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    engine
        .relay(vec![
            stated(container(key(5, 10, "a"), "web", 1)),
            stated(container(key(6, 10, "b"), "db", 1)),
            removed(key(6, 10, "b"), 90),
        ])
        .await;
    let before = engine.lookup(key(5, 10, "a"), 0).await;
    let second = metadata_service::MetadataService::start(
        config(directory.path()),
        &telemetry::Instruments::default().meter,
    )
    .await
    .unwrap_err();
    assert!(second.to_string().contains("--data-dir"), "{second}");
    drop(engine);
    service.shutdown().await;
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    assert_eq!(engine.lookup(key(5, 10, "a"), 0).await, before);
    assert_eq!(engine.name(key(6, 10, "b"), 50).await, (AnswerState::Found, "db".into()));
    assert_eq!(engine.lookup(key(6, 10, "b"), 90).await.state(), AnswerState::Absent);
    assert_eq!(engine.try_relay(facts(1, vec![])).await.unwrap(), 3);
    service.shutdown().await;
}
