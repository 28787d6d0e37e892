//! Bad input and faults around containers: no alert is lost, and none has another container's name.

use std::collections::BTreeMap;

use engine_service::{Running, alert_log::AlertLog};
use eyrie_proto::{
    alert::{SubscribeRequest, subscribe_request::Start, subscribe_response},
    capture::Hello,
    event::{CgroupFact, CgroupKey, Event, HostBoot, OrderedFact, Origin, event::Kind, ordered_fact, origin},
    metadata::{ContainerKey, ContainerRemoval, late_fact},
};
use tokio_stream::StreamExt as _;

use crate::{
    metadata::{late, with_service},
    metadata_service::*,
    parking::*,
    support::*,
};

const RULES: &str = "
- rule: Read
  desc: a file is read
  condition: evt.type = openat and fd.name = /other
  output: in %container.name (%container.id)
  priority: NOTICE
";

/// A fact that a control group belongs to a container since its birth, or does no more.
fn cgroup(id: u64, birth_boot_ns: u64, container_id: &str, is_removed: bool) -> Event {
    let key = CgroupKey { cgroup_id: id, birth_boot_ns, ..CgroupKey::default() };
    let fact = CgroupFact {
        cgroup: Some(key),
        path: b"/machine.slice/reused".to_vec(),
        container_id: container_id.to_owned(),
        is_removed,
        ..CgroupFact::default()
    };
    let fact = OrderedFact { since_boot_ns: birth_boot_ns, kind: Some(ordered_fact::Kind::Cgroup(fact)) };
    Event { boot_ns: birth_boot_ns, kind: Some(Kind::Fact(fact)), ..Event::default() }
}

fn in_cgroup(mut event: Event, id: u64) -> Event {
    event.task.as_mut().unwrap().cgroup_id = id;
    event
}

fn named(runtime_id: &str, name: &str) -> late_fact::Kind {
    late_fact::Kind::Container(container(runtime_id, name))
}

async fn messages(log: &dyn AlertLog, count: u64) -> Vec<(u64, String)> {
    let all = entries(log, count).await;
    let mut told: Vec<_> = all.into_iter().map(|alert| (alert.sequence, alert.message)).collect();
    told.sort();
    told
}

async fn start(log: std::sync::Arc<dyn AlertLog>) -> Running {
    start_with_rules(log, patient(), RULES).await
}

/// Scenario: two hosts have a container with one id, as copies of a machine do; both raise an alert before anything is known, and each agent then
/// tells its own name. Guarantees: each alert has the name of its own host's container.
#[tokio::test]
async fn two_hosts_may_have_one_container_id() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start(log.clone()).await;
    let host =
        HostBoot { machine_id: "f".repeat(32), boot_id: "11111111-89ab-cdef-0123-456789abcdef".into() };
    let other = Origin { tenant: String::new(), kind: Some(origin::Kind::Host(host)) };
    let mut first = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    let mut hello: Hello = hello();
    hello.origin = Some(other.clone());
    hello.agent.as_mut().unwrap().architecture = "x86_64".into();
    let mut second = Agent::begin(&engine, hello, 0).await;
    deliver(&mut first, 1, vec![open(1, "/other")]).await;
    deliver(&mut second, 1, vec![fact_event(cgroup_fact(CONTAINER)), open(2, "/other")]).await;
    assert_eq!(engine.metadata_counters().waiting, 2);
    let of_other = late_fact::Kind::Container(container_of(other.clone(), CONTAINER, "hers"));
    second.send(late(1, of_other)).await;
    let told = entries(&*log, 1).await.remove(0);
    assert_eq!((told.origin, &*told.message), (Some(other), "in hers (c0ffee012345)"));
    first.send(late(1, named(CONTAINER, "his"))).await;
    let told = entries(&*log, 2).await.remove(1);
    assert_eq!((told.origin, &*told.message), (Some(origin()), "in his (c0ffee012345)"));
    engine.shutdown().await;
}

/// Scenario: a control group's path and number are used again by a second container once the first has gone; names come after both, in any
/// order. Guarantees: each alert has the container that the control group belonged to then.
#[tokio::test]
async fn a_control_group_that_is_used_again_is_another_container() {
    let ids = ["a", "b"].map(|letter| letter.repeat(64));
    for order in [[0, 1], [1, 0]] {
        let directory = tempfile::tempdir().unwrap();
        let log = sqlite(directory.path());
        let engine = start(log.clone()).await;
        let mut agent = begin(&engine, Vec::new()).await;
        let events = vec![
            cgroup(30, 1, &ids[0], false),
            open(2, "/other"),
            cgroup(30, 1, &ids[0], true),
            cgroup(30, 4_000_000_000, &ids[1], false),
            open(5, "/other"),
        ];
        deliver(&mut agent, 1, events).await;
        for (sequence, place) in (1..).zip(order) {
            agent.send(late(sequence, named(&ids[place], ["first", "second"][place]))).await;
        }
        let expected =
            [(2, "in first (aaaaaaaaaaaa)".to_owned()), (5, "in second (bbbbbbbbbbbb)".to_owned())];
        assert_eq!(messages(&*log, 2).await, expected);
        engine.shutdown().await;
    }
}

/// Scenario: a container lives for 20 ms: its control group comes, it reads a file and is gone, before anything is known of it; its name comes
/// after its removal, or its removal after its name. Guarantees: the alert is whole when it is first sent.
#[tokio::test]
async fn a_container_that_lives_for_20_ms_has_its_name() {
    const BORN: u64 = 1_000_000_000;
    for is_name_first in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let log = sqlite(directory.path());
        let engine = start(log.clone()).await;
        let mut agent = begin(&engine, Vec::new()).await;
        let read = Event { boot_ns: BORN + 10_000_000, ..open(2, "/other") };
        let events = vec![cgroup(30, BORN, CONTAINER, false), read, cgroup(30, BORN, CONTAINER, true)];
        deliver(&mut agent, 1, events).await;
        let key = ContainerKey {
            origin: Some(origin()),
            runtime_id: CONTAINER.to_owned(),
            ..ContainerKey::default()
        };
        let removal = ContainerRemoval { key: Some(key), removed_boot_ns: BORN + 20_000_000 };
        let mut facts = vec![named(CONTAINER, "brief"), late_fact::Kind::ContainerRemoval(removal)];
        if !is_name_first {
            facts.reverse();
        }
        for (sequence, fact) in (1..).zip(facts) {
            agent.send(late(sequence, fact)).await;
        }
        let alert = entries(&*log, 1).await.remove(0);
        assert_eq!((&*alert.message, alert.is_amendment), ("in brief (c0ffee012345)", false));
        assert!(alert.unknown_fields.is_empty());
        engine.shutdown().await;
    }
}

/// Scenario: events in forty containers that the metadata service alone knows, one after the other, while it goes away and comes back again and
/// again. Guarantees: in the end every event has an alert that is whole and has the name of its own container; none was lost or had
/// another's on the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_restarts_under_load_loses_and_mixes_up_nothing() {
    const CONTAINERS: u64 = 40;
    const EVENTS: u64 = 400;
    let directory = tempfile::tempdir().unwrap();
    let id = |number: u64| format!("{number:064x}");
    let mut service = FakeService::start().await;
    let log = sqlite(directory.path());
    let mut options = options();
    options.metadata.service = with_service(&service).metadata.service;
    options.metadata.parking.wait = std::time::Duration::from_millis(20);
    let engine = start_with_rules(log.clone(), options, RULES).await;
    let mut agent = begin(&engine, Vec::new()).await;
    let facts = (0..CONTAINERS).map(|number| cgroup(100 + number, 1, &id(number), false)).collect();
    deliver(&mut agent, 1, facts).await;
    let mut known = 0;
    for (event, sequence) in (0..EVENTS).zip(CONTAINERS + 1..) {
        let number = event % CONTAINERS;
        deliver(&mut agent, sequence, vec![in_cgroup(open(sequence, "/other"), 100 + number)]).await;
        if event % 40 == 20 {
            service = FakeService::restart(service.stop().await).await;
        }
        if event % 7 == 0 && known < CONTAINERS {
            service.store.hold(container(&id(known), &format!("name-{known}")));
            known += 1;
        }
    }
    assert_eq!(known, CONTAINERS);
    counted(&engine, |counters| counters.waiting == 0).await;
    let mut standing: BTreeMap<u64, (String, bool)> = BTreeMap::new();
    for alert in alerts(&*log).await {
        let number = (alert.sequence - CONTAINERS - 1) % CONTAINERS;
        let whole = format!("in name-{number} ({})", &id(number)[..12]);
        let is_whole = alert.unknown_fields.is_empty();
        let unknown = format!("in <NA> ({})", &id(number)[..12]);
        assert_eq!(alert.message, if is_whole { whole } else { unknown });
        standing.insert(alert.sequence, (alert.id, is_whole));
    }
    assert_eq!(standing.len() as u64, EVENTS);
    assert!(standing.values().all(|(_, is_whole)| *is_whole));
    let counters = engine.metadata_counters();
    assert_eq!(counters.answered_in_time + counters.timed_out, counters.parked, "{counters:?}");
    assert_eq!(counters.amended, counters.timed_out, "{counters:?}");
    engine.shutdown().await;
}

/// Scenario: bounds of two waiting matches in total and one for each container; five events in three containers come in one batch. Guarantees: the bounds
/// hold within the batch as well; what is beyond goes out at once, marked and counted.
#[tokio::test]
async fn waiting_is_bounded_within_a_batch() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let mut options = patient();
    options.metadata.parking.max_groups = 2;
    options.metadata.parking.max_groups_per_container = 1;
    let engine = start_with_rules(log.clone(), options, RULES).await;
    let mut agent = begin(&engine, Vec::new()).await;
    let ids = ["a", "b", "c"].map(|letter| letter.repeat(64));
    let mut events: Vec<Event> =
        (31..).zip(&ids).map(|(cgroup_id, id)| cgroup(cgroup_id, 1, id, false)).collect();
    for (sequence, cgroup_id) in [(4, 31), (5, 31), (6, 32), (7, 33), (8, 32)] {
        events.push(in_cgroup(open(sequence, "/other"), cgroup_id));
    }
    deliver(&mut agent, 1, events).await;
    let marked: Vec<u64> = entries(&*log, 3).await.iter().map(|alert| alert.sequence).collect();
    assert_eq!(marked, [5, 7, 8]);
    let counters = engine.metadata_counters();
    assert_eq!((counters.parked, counters.not_parked, counters.waiting), (2, 3, 2));
    engine.shutdown().await;
}

/// Scenario: a subscriber reads an alert that went out marked, leaves, and comes back with its cursor once the answer has come. Guarantees: the
/// amendment is an entry of its own: it comes with a cursor behind the alert's, and the alert itself does not come again.
#[tokio::test]
async fn an_amendment_has_a_cursor_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_with_rules(log.clone(), impatient(), RULES).await;
    let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    deliver(&mut agent, 1, vec![open(1, "/other")]).await;
    let told = entries(&*log, 1).await.remove(0);
    let read = async |start: Start| {
        let request = SubscribeRequest { start: Some(start), ..SubscribeRequest::default() };
        let mut stream = subscribe(&engine, request).await.unwrap();
        let mut read = Vec::new();
        while let Some(response) = stream.next().await {
            let response = response.unwrap();
            if let Some(subscribe_response::Kind::Alert(alert)) = response.kind {
                read.push((alert, response.cursor));
            }
        }
        read
    };
    let first = read(Start::FromBeginning(true)).await;
    assert_eq!((first.len(), &first[0].0.id), (1, &told.id));
    agent.send(late(1, named(CONTAINER, "web"))).await;
    entries(&*log, 2).await;
    let second = read(Start::AfterCursor(first[0].1.clone())).await;
    let amendments: Vec<_> =
        second.iter().map(|(alert, _)| (&alert.id, alert.is_amendment, &*alert.message)).collect();
    assert_eq!(amendments, [(&told.id, true, "in web (c0ffee012345)")]);
    assert_ne!(second[0].1, first[0].1);
    assert!(read(Start::AfterCursor(second[0].1.clone())).await.is_empty());
    engine.shutdown().await;
}
