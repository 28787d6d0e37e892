//! Matches that hang on metadata: they wait without holding up anything, and end as if all had been known at once.

use std::{path::Path, sync::Arc, time::Duration};

use engine_service::{
    Engine, EngineOptions, MetadataCounters, RuleEvaluator, RuleOptions, Running,
    alert_log::AlertLog,
    listener::{ListenSecurity, Listener},
};
use eyrie_proto::{
    alert::{Alert, MetadataState},
    capture::{BaseState, Hello, capture_request},
    event::{
        CgroupFact, CgroupKey, Event, Open, OrderedFact, PathArgument, ProcessKey, ProcessState, SystemCall,
        event::Kind, ordered_fact,
    },
    metadata::{Completeness, Container, Host, Image, Validity, late_fact},
};

use crate::{
    metadata::{late, with_service},
    metadata_service::*,
    support::*,
};

pub(crate) const RULES: &str = "
- rule: Read in nginx
  desc: a file is read in a container of the image nginx
  condition: evt.type = openat and fd.name = /secret and container.image.repository endswith nginx
  output: read in %container.name of %container.image.repository by %proc.name
  priority: WARNING
- rule: Read anywhere
  desc: a file is read
  condition: evt.type = openat and fd.name in (/secret, /other)
  output: read %fd.name in %container.name
  priority: NOTICE
";

const CGROUP: u64 = 30;

pub(crate) async fn start_rules(log: Arc<dyn AlertLog>, options: EngineOptions) -> Running {
    start_with_rules(log, options, RULES).await
}

pub(crate) async fn start_with_rules(log: Arc<dyn AlertLog>, options: EngineOptions, rules: &str) -> Running {
    let source = rule_language::Source { name: "r.yaml".into(), text: rules.into() };
    let evaluator = Arc::new(RuleEvaluator::compile(&[source], &RuleOptions::default()).unwrap().evaluator);
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), ListenSecurity::LOCAL).await.unwrap();
    Engine { evaluator, log, listener, output: None, options, instruments: Default::default() }
        .start()
        .await
        .unwrap()
}

/// Alerts wait for longer than any test, so that only the answer ends it.
pub(crate) fn patient() -> EngineOptions {
    let mut options = options();
    options.metadata.parking.wait = Duration::from_secs(600);
    options
}

/// Alerts do not wait.
pub(crate) fn impatient() -> EngineOptions {
    let mut options = options();
    options.metadata.parking.wait = Duration::ZERO;
    options
}

pub(crate) fn cgroup_fact(container_id: &str) -> OrderedFact {
    let cgroup = Some(CgroupKey { cgroup_id: CGROUP, ..CgroupKey::default() });
    let fact = CgroupFact { cgroup, container_id: container_id.to_owned(), ..CgroupFact::default() };
    OrderedFact { kind: Some(ordered_fact::Kind::Cgroup(fact)), ..OrderedFact::default() }
}

pub(crate) fn fact_event(fact: OrderedFact) -> Event {
    Event { kind: Some(Kind::Fact(fact)), ..Event::default() }
}

/// An agent whose only process is in the control group that `facts` tell of.
pub(crate) async fn begin(engine: &Running, facts: Vec<OrderedFact>) -> Agent {
    let mut first: Hello = hello();
    first.agent.as_mut().unwrap().architecture = "x86_64".into();
    let (agent, _) = Agent::greet(engine, first).await;
    let process = ProcessState {
        process: Some(ProcessKey { pid: 100, start_boot_ns: 1 }),
        comm: b"cat".to_vec(),
        cgroup_id: CGROUP,
        ..ProcessState::default()
    };
    let facts = facts.into_iter().map(fact_event).collect();
    let base = BaseState { processes: vec![process], facts, is_last: true, ..BaseState::default() };
    agent.send(capture_request::Kind::BaseState(base)).await;
    agent
}

pub(crate) fn open(sequence: u64, path: &str) -> Event {
    let path = Some(PathArgument { requested: path.into(), ..PathArgument::default() });
    let mut event = event(sequence, b"cat");
    event.task.as_mut().unwrap().cgroup_id = CGROUP;
    event.call = Some(SystemCall { number: 257, result: 3, ..SystemCall::default() });
    event.kind = Some(Kind::Open(Open { path, ..Open::default() }));
    event
}

pub(crate) async fn deliver(agent: &mut Agent, first: u64, events: Vec<Event>) {
    let through = first + events.len() as u64 - 1;
    let mut ack = agent.deliver(eyrie_proto::capture::Batch { events, ..batch(first, 0, &[]) }).await;
    // Late facts are acked by themselves.
    while ack.through_sequence < first {
        ack = agent.ack().await;
    }
    assert_eq!(ack.through_sequence, through);
}

pub(crate) fn of_image(repository: &str) -> Container {
    let image = Some(Image { repository: repository.to_owned(), ..Image::default() });
    Container { image, ..container(CONTAINER, "web") }
}

/// Waits until the log has `count` entries.
pub(crate) async fn entries(log: &dyn AlertLog, count: u64) -> Vec<Alert> {
    let mut bounds = log.bounds();
    let enough = bounds.wait_for(|bounds| bounds.last >= count);
    // Of a host that has told nothing of itself more is expected for 15 s, and that is noticed within ten more.
    tokio::time::timeout(2 * PATIENCE, enough).await.expect("no entry in time").unwrap();
    alerts(log).await
}

/// Waits until the counters are as wanted: what is written is counted after.
pub(crate) async fn counted(engine: &Running, is_so: impl Fn(MetadataCounters) -> bool) {
    let waiting = async {
        while !is_so(engine.metadata_counters()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let counters = || format!("{:?}", engine.metadata_counters());
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{}", counters()));
}

/// Scenario: a file is read in a container of which nothing is known; its name and image come. Guarantees: the batch and
/// others after it are acked before, nothing goes out before, and then one alert does, with name and image.
#[tokio::test]
async fn an_answer_in_time_makes_one_whole_alert() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_rules(log.clone(), patient()).await;
    let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    deliver(&mut agent, 1, vec![open(1, "/secret")]).await;
    deliver(&mut agent, 2, vec![open(2, "/nothing")]).await;
    assert!(alerts(&*log).await.is_empty());
    assert_eq!(engine.metadata_counters().waiting, 1);
    agent.send(late(1, late_fact::Kind::Container(of_image("docker.io/nginx")))).await;
    let alert = entries(&*log, 1).await.remove(0);
    assert_eq!(alert.message, "read in web of docker.io/nginx by cat");
    assert_eq!((alert.rule.as_str(), alert.metadata_state()), ("Read in nginx", MetadataState::Complete));
    assert!(alert.unknown_fields.is_empty() && !alert.is_amendment);
    assert_eq!(alert.container.unwrap().name, "web");
    assert_eq!(alert.host.unwrap().hostname, "h1");
    counted(&engine, |counters| (counters.parked, counters.answered_in_time, counters.waiting) == (1, 1, 0))
        .await;
    assert!(log.parked().await.unwrap().is_empty());
    engine.shutdown().await;
}

/// Scenario: the same, but the image is another one. Guarantees: the rule that was uncertain raises nothing, and the one
/// that it held back does, once.
#[tokio::test]
async fn what_was_held_back_follows_when_the_first_is_false() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_rules(log.clone(), patient()).await;
    let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    deliver(&mut agent, 1, vec![open(1, "/secret"), open(2, "/other")]).await;
    agent.send(late(1, late_fact::Kind::Container(of_image("redis")))).await;
    let alerts = entries(&*log, 2).await;
    let told: Vec<_> = alerts.iter().map(|alert| (alert.sequence, alert.message.as_str())).collect();
    assert_eq!(told, [(1, "read /secret in web"), (2, "read /other in web")]);
    counted(&engine, |counters| (counters.parked, counters.answered_in_time) == (2, 2)).await;
    engine.shutdown().await;
}

/// Scenario: no answer in time; then it comes, and fits the first rule and not the second. Guarantees: all that is possible
/// went out, marked with what is unknown; then one amendment confirms and one takes back.
#[tokio::test]
async fn late_answers_amend() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_rules(log.clone(), impatient()).await;
    let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    deliver(&mut agent, 1, vec![open(1, "/secret")]).await;
    let told = entries(&*log, 2).await;
    assert_eq!(told[0].message, "read in <NA> of <NA> by cat");
    assert_eq!(told[0].unknown_fields, ["container.image.repository", "container.name"]);
    for alert in &told {
        assert_eq!(alert.metadata_state(), MetadataState::Partial);
        let container = alert.container.as_ref().unwrap();
        assert_eq!(container.key.as_ref().unwrap().runtime_id, CONTAINER);
        assert_eq!(container.completeness(), Completeness::Pending);
    }
    agent.send(late(1, late_fact::Kind::Container(of_image("docker.io/nginx")))).await;
    let all = entries(&*log, 4).await;
    let amended: Vec<_> = all[2..]
        .iter()
        .map(|alert| (alert.id.clone(), alert.is_retracted, alert.amendment_number, alert.is_amendment))
        .collect();
    assert_eq!(amended, [(told[1].id.clone(), true, 1, true), (told[0].id.clone(), false, 1, true)]);
    assert_eq!(all[3].message, "read in web of docker.io/nginx by cat");
    assert_eq!(all[3].metadata_state(), MetadataState::Complete);
    counted(&engine, |counters| (counters.timed_out, counters.amended, counters.retracted) == (1, 1, 1))
        .await;
    engine.shutdown().await;
}

/// Scenario: a container has ended and neither its name nor its image could be read; a file was read in it, and is again; an agent that does not say what is missing tells
/// the same; then the runtime answers. Guarantees: all alerts that are possible go out without a wait, marked with what is unknown; the answer,
/// also after a kill, confirms one and takes back the other.
#[tokio::test]
async fn what_could_not_be_had_is_told_marked_at_once() {
    use eyrie_proto::metadata::ContainerPart::{Image, Name};
    for missing in [vec![Name.into(), Image.into()], Vec::new()] {
        let directory = tempfile::tempdir().unwrap();
        let log = sqlite(directory.path());
        let engine = start_rules(log.clone(), patient()).await;
        let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
        let unread = Container {
            completeness: Completeness::FinalPartial.into(),
            missing,
            image: None,
            ..container(CONTAINER, "")
        };
        let host = Host { completeness: Completeness::Complete.into(), ..Host::default() };
        agent.send(late(1, late_fact::Kind::Host(host.clone()))).await;
        deliver(&mut agent, 1, vec![open(1, "/secret")]).await;
        agent.send(late(2, late_fact::Kind::Container(unread))).await;
        let told = entries(&*log, 2).await;
        deliver(&mut agent, 2, vec![open(2, "/secret")]).await;
        let at_once = entries(&*log, 4).await.split_off(2);
        for (waited, alert) in told.iter().zip(&at_once) {
            assert_eq!((&waited.message, &waited.rule), (&alert.message, &alert.rule));
            assert_eq!(waited.unknown_fields, alert.unknown_fields);
            assert_eq!(alert.metadata_state(), MetadataState::Partial);
        }
        assert_eq!(told[0].message, "read in <NA> of <NA> by cat");
        assert_eq!(told[0].unknown_fields, ["container.image.repository", "container.name"]);
        assert_eq!(told[1].rule, "Read anywhere");
        counted(&engine, |counters| {
            (counters.unanswerable, counters.timed_out, counters.waiting) == (2, 0, 2)
        })
        .await;
        drop((engine, agent, log));
        let log = reopen(directory.path()).await;
        let engine = start_rules(log.clone(), patient()).await;
        let agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
        agent.send(late(1, late_fact::Kind::Host(host))).await;
        agent.send(late(2, late_fact::Kind::Container(of_image("docker.io/nginx")))).await;
        let all = entries(&*log, 8).await;
        let amended: Vec<_> = all[4..].iter().map(|alert| (&*alert.rule, alert.is_retracted)).collect();
        assert_eq!(amended, [("Read anywhere", true), ("Read in nginx", false)].repeat(2));
        agent.leave_at_the_engines_end(engine).await;
    }
}

/// Scenario: an engine is killed while a match waits; its successor hears of the container from the agent. Guarantees: the
/// match, whose event was acked and does not come again, raises its alert, once.
#[tokio::test]
async fn what_waits_survives_the_engine() {
    let directory = tempfile::tempdir().unwrap();
    {
        let engine = start_rules(sqlite(directory.path()), patient()).await;
        let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
        deliver(&mut agent, 1, vec![open(1, "/secret")]).await;
        drop(engine);
    }
    let log = reopen(directory.path()).await;
    assert_eq!(log.parked().await.unwrap().len(), 1);
    let mut options = patient();
    options.metadata.parking.wait_after_restart = Duration::from_secs(600);
    let engine = start_rules(log.clone(), options).await;
    let agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    agent.send(late(1, late_fact::Kind::Container(of_image("nginx")))).await;
    let alert = entries(&*log, 1).await.remove(0);
    assert_eq!(alert.message, "read in web of nginx by cat");
    engine.shutdown().await;
    assert_eq!(alerts(&*log).await.len(), 1);
}

/// A dropped engine's tasks let go of the log a little later.
pub(crate) async fn reopen(directory: &Path) -> Arc<dyn AlertLog> {
    use engine_service::alert_log::sqlite::{SqliteLog, SqliteOptions};
    let opening = async {
        loop {
            match SqliteLog::open(directory, SqliteOptions::default()) {
                Ok(log) => return Arc::new(log),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, opening).await.expect("the log is not let go of")
}

/// Scenario: an engine is told to end while a match waits. Guarantees: its alert goes out marked before the end, and waits
/// for an amendment from the next engine.
#[tokio::test]
async fn an_engine_that_ends_tells_what_waits() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_rules(log.clone(), patient()).await;
    let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    deliver(&mut agent, 1, vec![open(1, "/other")]).await;
    agent.leave_at_the_engines_end(engine).await;
    let told = alerts(&*log).await;
    assert_eq!((told.len(), told[0].metadata_state()), (1, MetadataState::Partial));
    let engine = start_rules(log.clone(), patient()).await;
    let agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    agent.send(late(1, late_fact::Kind::Container(of_image("nginx")))).await;
    let amended = entries(&*log, 2).await.remove(1);
    assert_eq!((amended.is_amendment, amended.message.as_str()), (true, "read /other in web"));
    engine.shutdown().await;
}

/// Scenario: an event comes before the fact about its process's control group, which then says that it is the host's.
/// Guarantees: the alert waits for it, is about the host, and hangs on nothing.
#[tokio::test]
async fn control_groups_that_are_told_late_are_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_rules(log.clone(), patient()).await;
    let mut other = cgroup_fact("");
    if let Some(ordered_fact::Kind::Cgroup(fact)) = &mut other.kind {
        fact.cgroup = Some(CgroupKey { cgroup_id: 1, ..CgroupKey::default() });
    }
    let mut agent = begin(&engine, vec![other]).await;
    deliver(&mut agent, 1, vec![open(1, "/secret")]).await;
    assert!(alerts(&*log).await.is_empty());
    deliver(&mut agent, 2, vec![fact_event(cgroup_fact(""))]).await;
    let alert = entries(&*log, 1).await.remove(0);
    assert_eq!(alert.message, "read /secret in host");
    assert_eq!((alert.metadata_state(), alert.container), (MetadataState::Unspecified, None));
    engine.shutdown().await;
}

/// Scenario: more matches than may wait. Guarantees: what is beyond goes out at once, marked and counted; what waits is
/// amended as ever.
#[tokio::test]
async fn beyond_the_bound_alerts_go_out_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let mut options = patient();
    options.metadata.parking.max_groups_per_container = 1;
    let engine = start_rules(log.clone(), options).await;
    let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    deliver(&mut agent, 1, vec![open(1, "/other")]).await;
    deliver(&mut agent, 2, vec![open(2, "/other")]).await;
    let told = entries(&*log, 1).await;
    assert_eq!((told[0].sequence, told[0].metadata_state()), (2, MetadataState::Partial));
    assert_eq!(told[0].unknown_fields, ["container.name"]);
    agent.send(late(1, late_fact::Kind::Container(of_image("nginx")))).await;
    assert_eq!(entries(&*log, 2).await[1].sequence, 1);
    assert_eq!(engine.metadata_counters().not_parked, 1);
    engine.shutdown().await;
}

/// Scenario: the log does not take alerts when the answer comes, and then does. Guarantees: the alert is written then, once.
#[tokio::test]
async fn a_log_that_fails_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let inner = sqlite(directory.path());
    let log = FaultyLog::new(inner.clone(), 0, true);
    let engine = start_rules(log.clone(), patient()).await;
    let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    deliver(&mut agent, 1, vec![open(1, "/other")]).await;
    log.fail(2);
    agent.send(late(1, late_fact::Kind::Container(of_image("nginx")))).await;
    assert_eq!(entries(&*inner, 1).await[0].message, "read /other in web");
    engine.shutdown().await;
    assert_eq!(alerts(&*inner).await.len(), 1);
}

/// Scenario: an engine is killed after a match's alerts went out marked and before the agent had its ack; the agent comes
/// back with the event, and then the answer comes, which rules one of the alerts out. Guarantees: what is out is still
/// known to be: one alert is confirmed and one is taken back, also if a third engine is the one that hears of it.
#[tokio::test]
async fn an_event_that_comes_again_does_not_forget_what_was_told() {
    for is_restarted in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        {
            let log = sqlite(directory.path());
            let engine = start_rules(log.clone(), impatient()).await;
            let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
            deliver(&mut agent, 1, vec![open(1, "/secret")]).await;
            entries(&*log, 2).await;
            drop(engine);
        }
        let mut log = reopen(directory.path()).await;
        let mut engine = start_rules(log.clone(), patient()).await;
        let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
        deliver(&mut agent, 1, vec![open(1, "/secret")]).await;
        if is_restarted {
            drop((engine, agent, log));
            log = reopen(directory.path()).await;
            engine = start_rules(log.clone(), patient()).await;
            agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
        }
        agent.send(late(1, late_fact::Kind::Container(of_image("redis")))).await;
        counted(&engine, |counters| counters.waiting == 0).await;
        agent.leave_at_the_engines_end(engine).await;
        let all = alerts(&*log).await;
        let amended: Vec<_> =
            all[2..].iter().map(|alert| (alert.rule.as_str(), alert.is_retracted)).collect();
        assert_eq!(amended, [("Read in nginx", true), ("Read anywhere", false)], "{is_restarted}");
    }
}

/// Scenario: a container has ended when a restarted engine, which knows nothing of it any more, asks the metadata service
/// for the container of an event from before the end. Guarantees: it counts what the container was then.
#[tokio::test]
async fn a_container_that_has_ended_is_known_for_events_from_before() {
    let directory = tempfile::tempdir().unwrap();
    let service = FakeService::start().await;
    let log = sqlite(directory.path());
    let validity = Some(Validity { from_ns: 1, until_ns: 2_000_000_000 });
    service.store.hold(Container { validity, ..of_image("nginx") });
    let mut options = patient();
    options.metadata.service = with_service(&service).metadata.service;
    let engine = start_rules(log.clone(), options).await;
    let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    deliver(&mut agent, 1, vec![open(1, "/secret")]).await;
    let alert = entries(&*log, 1).await.remove(0);
    assert_eq!(alert.message, "read in web of nginx by cat");
    engine.shutdown().await;
}
