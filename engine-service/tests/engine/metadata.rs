//! Names of containers: from the agent's own late facts, and from a metadata service that is slow, wrong or away.

use engine_service::{
    EngineOptions, Running,
    listener::{ClientSecurity, ServiceEndpoint, refusal},
};
use eyrie_proto::{
    capture::{LateFacts, capture_request},
    event::{HostBoot, Origin, origin as origin_kind},
    metadata::{LateFact, late_fact},
};
use tonic::Code;

use crate::{metadata_service::*, support::*};

pub(crate) fn late(first_fact_sequence: u64, fact: late_fact::Kind) -> capture_request::Kind {
    let facts = vec![LateFact { kind: Some(fact) }];
    capture_request::Kind::LateFacts(LateFacts { first_fact_sequence, facts })
}

pub(crate) fn with_service(service: &FakeService) -> EngineOptions {
    let mut options = options();
    options.metadata.service =
        Some(ServiceEndpoint::new(service.uri().parse().unwrap(), &ClientSecurity::default()).unwrap());
    options
}

async fn engine_with(service: &FakeService, directory: &std::path::Path) -> Running {
    start_with(sqlite(directory), with_service(service), None).await
}

/// Scenario: an agent tells of a container while the metadata service is away; events go on; the service comes. Guarantees:
/// the outage holds up no event and no ack of one, the fact is acked only once the service has it, and it gets it whole.
#[tokio::test]
async fn facts_are_acked_when_the_service_has_them() {
    let directory = tempfile::tempdir().unwrap();
    let service = FakeService::start().await;
    let options = with_service(&service);
    let away = service.stop().await;
    let engine = start_with(sqlite(directory.path()), options, None).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    agent.send(late(1, late_fact::Kind::Container(container(CONTAINER, "web")))).await;
    for sequence in 1..=20 {
        let ack = agent.deliver(batch(sequence, 1, &[sequence])).await;
        assert_eq!((ack.through_sequence, ack.late_facts_through_sequence), (sequence, 0));
    }
    let service = FakeService::restart(away).await;
    assert_eq!(agent.ack().await.late_facts_through_sequence, 1);
    let relayed = service.store.relayed.lock().unwrap().clone();
    assert_eq!((relayed[0].epoch, relayed[0].first_fact_sequence), (EPOCH, 1));
    assert_eq!(relayed[0].origin, Some(origin()));
    let fact = late_fact::Kind::Container(container(CONTAINER, "web"));
    assert_eq!(relayed[0].facts, [LateFact { kind: Some(fact) }]);
    assert_eq!(engine.metadata_counters().relayed_facts, 1);
    engine.shutdown().await;
}

/// Scenario: of four facts in one message the service will never take the third, and it misses what was before the fourth. Guarantees: the third alone
/// is given up, counted, and holds up nothing; the fourth is taken as one that follows lost ones; all are acked.
#[tokio::test]
async fn a_fact_that_is_never_taken_holds_up_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let service = FakeService::start().await;
    *service.store.refuse.lock().unwrap() = Some(|request| {
        let is_poisoned = |fact: &LateFact| matches!(&fact.kind, Some(late_fact::Kind::Container(container)) if container.name == "poison");
        if request.facts.iter().any(is_poisoned) {
            return Some(refusal(Code::InvalidArgument, "FACT_INVALID", false, "it is too large".into()));
        }
        let is_gap = request.first_fact_sequence == 4 && !request.are_earlier_lost;
        is_gap.then(|| refusal(Code::FailedPrecondition, "FACTS_MISSING", true, "fact 3 is missing".into()))
    });
    let engine = engine_with(&service, directory.path()).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    let named = |name: &str| LateFact { kind: Some(late_fact::Kind::Container(container(CONTAINER, name))) };
    let facts = ["one", "two", "poison", "four"].map(named).to_vec();
    agent.send(capture_request::Kind::LateFacts(LateFacts { first_fact_sequence: 1, facts })).await;
    assert_eq!(agent.ack().await.late_facts_through_sequence, 4);
    let relayed = service.store.relayed.lock().unwrap().clone();
    let told: Vec<_> = relayed
        .iter()
        .map(|request| (request.first_fact_sequence, request.facts.len(), request.are_earlier_lost))
        .collect();
    assert_eq!(told, [(1, 2, false), (4, 1, true)]);
    let counters = engine.metadata_counters();
    assert_eq!((counters.relayed_facts, counters.relay_refused, counters.relay_gaps), (3, 1, 1));
    engine.shutdown().await;
}

/// Scenario: an agent tells of a container of another host, of one without an id, and counts facts from 0. Guarantees: the
/// session ends with a status that says so, and the service hears nothing of it.
#[tokio::test]
async fn facts_about_others_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let service = FakeService::start().await;
    let engine = engine_with(&service, directory.path()).await;
    let host =
        HostBoot { machine_id: "f".repeat(32), boot_id: "01234567-89ab-cdef-0123-456789abcdef".into() };
    let other = Origin { tenant: String::new(), kind: Some(origin_kind::Kind::Host(host)) };
    let foreign = late_fact::Kind::Container(container_of(other, CONTAINER, "web"));
    let nameless = late_fact::Kind::Container(container("", "web"));
    let fine = late_fact::Kind::Container(container(CONTAINER, "web"));
    for (first, fact, expected) in [
        (1, foreign, (Code::PermissionDenied, "LATE_FACT_FOREIGN")),
        (1, nameless, (Code::InvalidArgument, "LATE_FACT_INVALID")),
        (0, fine, (Code::InvalidArgument, "LATE_FACT_INVALID")),
    ] {
        let (agent, welcome) = Agent::greet(&engine, hello()).await;
        if welcome.held_through_sequence.is_none() {
            let base = eyrie_proto::capture::BaseState { is_last: true, ..Default::default() };
            agent.send(capture_request::Kind::BaseState(base)).await;
        }
        agent.send(late(first, fact)).await;
        let status = agent.status().await;
        assert_eq!((status.code(), reason(&status)), expected);
    }
    assert!(service.store.relayed.lock().unwrap().is_empty());
    engine.shutdown().await;
}

/// Scenario: more facts than may wait for a service that is away, which then comes. Guarantees: the stream goes on meanwhile;
/// then all that waited is relayed and acked, and the session ends so that the agent sends the rest again, once.
#[tokio::test]
async fn too_many_waiting_facts_are_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let service = FakeService::start().await;
    let options = with_service(&service);
    let away = service.stop().await;
    let engine = start_with(sqlite(directory.path()), options, None).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    for sequence in 1..=400 {
        agent.send(late(sequence, late_fact::Kind::Container(container(CONTAINER, "web")))).await;
    }
    assert_eq!(agent.deliver(batch(1, 1, &[1])).await.through_sequence, 1);
    let service = FakeService::restart(away).await;
    let mut acked = 0;
    let status = loop {
        match agent.next().await.unwrap() {
            Ok(eyrie_proto::capture::capture_response::Kind::Ack(ack)) => {
                acked = ack.late_facts_through_sequence;
            }
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), reason(&status)), (Code::Unavailable, "LATE_FACTS_OVERFLOWED"));
    assert_eq!(acked, service.store.relayed.lock().unwrap().len() as u64);
    assert!((1..400).contains(&acked), "{acked}");
    assert_eq!(engine.metadata_counters().relay_overflows, 1);
    engine.shutdown().await;
}

/// Scenario: an engine watches an origin whose agent leaves and comes back. Guarantees: the watch follows.
#[tokio::test]
async fn the_origins_with_sessions_are_watched() {
    let directory = tempfile::tempdir().unwrap();
    let service = FakeService::start().await;
    let engine = engine_with(&service, directory.path()).await;
    let agent = Agent::begin(&engine, hello(), 0).await;
    service.is_watched().await;
    agent.leave().await;
    let is_empty = |store: &Store| store.watched.lock().unwrap().last().unwrap().origins.is_empty();
    service.until(is_empty).await;
    let (_agent, _) = Agent::greet(&engine, hello()).await;
    service.is_watched().await;
    engine.shutdown().await;
}
