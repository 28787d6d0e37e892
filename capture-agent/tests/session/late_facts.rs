//! Facts that may be late: on their own sequence, until they are acked.

use eyrie_proto::{
    capture::{MoveTo, capture_response::Kind as Down},
    event::{CgroupFact, CgroupKey, OrderedFact},
    metadata::{Completeness, Container, Host, late_fact::Kind as Late},
};

use super::*;

const ID: &str = "3f4e5d6c7b8a99aabbccddeeff00112233445566778899aabbccddeeff001122";

fn cgroup(is_removed: bool) -> Event {
    let fact = CgroupFact {
        cgroup: Some(CgroupKey { hierarchy: 0, cgroup_id: 7, birth_boot_ns: 5 }),
        path: format!("/docker/{ID}").into(),
        container_id: ID.to_owned(),
        runtime: "docker".to_owned(),
        is_removed,
    };
    let fact = OrderedFact { since_boot_ns: 5, kind: Some(ordered_fact::Kind::Cgroup(fact)) };
    Event { boot_ns: 5, kind: Some(Kind::Fact(fact)), ..Event::default() }
}

fn host(seen: &Seen) -> Option<&Host> {
    seen.late_facts.values().find_map(|fact| match &fact.kind {
        Some(Late::Host(host)) => Some(host),
        _ => None,
    })
}

fn container(seen: &Seen) -> Option<&Container> {
    seen.late_facts.values().find_map(|fact| match &fact.kind {
        Some(Late::Container(container)) => Some(container),
        _ => None,
    })
}

fn has_removal(seen: &Seen) -> bool {
    seen.late_facts.values().any(|fact| matches!(fact.kind, Some(Late::ContainerRemoval(_))))
}

async fn reconnect(engine: &FakeEngine) {
    let hellos = engine.seen().hellos.len();
    engine.send(Down::MoveTo(MoveTo::default())).await;
    engine.until("a new session", |seen| seen.hellos.len() > hellos).await;
}

/// Scenario: the host and a container are told while the engine acks no late facts; the session is renewed; then it acks them, and the
/// session is renewed once more; the container ends. Guarantees: each is told with what is known; what was not acked comes
/// again under its number, what was acked does not.
#[tokio::test(flavor = "multi_thread")]
async fn late_facts_are_kept_until_they_are_acked() {
    let engine = FakeEngine::start(Policy { acks_late_facts: false, ..Policy::default() }).await;
    let script = Script::default();
    let mut config = config(&engine.url());
    config.labels.insert("site".to_owned(), "test".to_owned());
    let running = Agent::start_with(config, script.source(), Default::default()).await.unwrap();
    script.tell(cgroup(false));
    engine.until("both facts", |seen| host(seen).is_some() && container(seen).is_some()).await;
    {
        let seen = engine.seen();
        let host = host(&seen).unwrap();
        assert!(!host.hostname.is_empty() && !host.kernel_release.is_empty() && host.key.is_some());
        assert_eq!(host.labels["site"], "test");
        let container = container(&seen).unwrap();
        assert_eq!(container.completeness(), Completeness::Pending, "docker has no such container yet");
        assert!(!container.reasons.is_empty() && container.runtime == "docker");
        assert_eq!(seen.late_repeated, 0);
    }
    engine.change(|policy| policy.acks_late_facts = true);
    reconnect(&engine).await;
    engine.until("both facts again", |seen| seen.late_repeated >= 2).await;
    script.tell(cgroup(true));
    engine.until("the end", has_removal).await;
    let repeated = engine.seen().late_repeated;
    reconnect(&engine).await;
    let containers = |seen: &Seen| {
        seen.late_facts.values().filter(|fact| matches!(fact.kind, Some(Late::Container(_)))).count()
    };
    let told = containers(&engine.seen());
    script.tell(cgroup(false));
    engine.until("it is made again", |seen| containers(seen) > told).await;
    assert_eq!(engine.seen().late_repeated, repeated, "what was acked does not come again");
    assert_eq!(running.status().dropped_late_facts, 0);
    running.shutdown().await;
}
