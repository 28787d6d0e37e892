//! Calls that are reported when they start and again when they end.

use engine_service::alert_log::AlertLog as _;
use eyrie_proto::{
    event::{Connect, Descriptor, Event, SystemCall, event::Kind},
    metadata::late_fact,
};

use crate::{
    metadata::late,
    metadata_service::CONTAINER,
    parking::{begin, cgroup_fact, deliver, entries, of_image, open, patient, start_rules, start_with_rules},
    support::*,
};

const CONNECTS: &str = "
- rule: Connected
  desc: needs the result
  condition: evt.type = connect and evt.res = SUCCESS
  output: connected %fd.num
  priority: NOTICE
- rule: Tried
  desc: the start is enough
  condition: evt.type = connect
  output: tried %fd.num with %evt.res
  priority: NOTICE
";

const IN_PROGRESS: i64 = -115;

/// x86_64's connect on descriptor 5.
fn connect(sequence: u64, result: i64, started_sequence: u64) -> Event {
    let call = SystemCall { number: 42, result, started_sequence, ..SystemCall::default() };
    let descriptor = Some(Descriptor { fd: 5, kind: None });
    let is_started_only = result == IN_PROGRESS;
    let connect = Connect { descriptor, is_started_only, ..Connect::default() };
    Event { call: Some(call), kind: Some(Kind::Connect(connect)), ..event(sequence, b"nc") }
}

/// Scenario: a connect that starts and fails, one that starts and succeeds, one that fails at once, and one whose start is said to
/// come after it. Guarantees: one alert for each rule and call, as early as there can be one: the start's by the rule that needs
/// no result, the end's by the one that does.
#[tokio::test]
async fn start_and_end_make_one_alert_of_a_rule() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_with_rules(log.clone(), options(), CONNECTS).await;
    let mut first = hello();
    first.agent.as_mut().unwrap().architecture = "x86_64".into();
    let mut agent = Agent::begin(&engine, first, 0).await;
    let events = vec![
        connect(1, IN_PROGRESS, 0),
        connect(2, -111, 1),
        connect(3, IN_PROGRESS, 0),
        connect(4, 0, 3),
        connect(5, -111, 0),
        connect(6, -111, 9),
    ];
    deliver(&mut agent, 1, events).await;
    let told = alerts(&*log).await;
    let told: Vec<_> = told.iter().map(|alert| (alert.sequence, alert.message.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, "tried 5 with EINPROGRESS"),
            (3, "tried 5 with EINPROGRESS"),
            (4, "connected 5"),
            (5, "tried 5 with ECONNREFUSED"),
            (6, "tried 5 with ECONNREFUSED"),
        ]
    );
    engine.shutdown().await;
}

/// Scenario: start and end of an open both match while nothing is known of their container; then its image comes. Guarantees: both
/// waited, and one alert is written, with all that it says.
#[tokio::test]
async fn what_waits_for_metadata_is_one_alert_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start_rules(log.clone(), patient()).await;
    let mut agent = begin(&engine, vec![cgroup_fact(CONTAINER)]).await;
    let (mut start, mut end) = (open(1, "/secret"), open(2, "/secret"));
    start.call.as_mut().unwrap().result = IN_PROGRESS;
    end.call.as_mut().unwrap().started_sequence = 1;
    deliver(&mut agent, 1, vec![start, end, open(3, "/nothing")]).await;
    assert_eq!(engine.metadata_counters().waiting, 2);
    agent.send(late(1, late_fact::Kind::Container(of_image("docker.io/nginx")))).await;
    let alert = entries(&*log, 1).await.remove(0);
    assert_eq!((alert.sequence, alert.message.as_str()), (1, "read in web of docker.io/nginx by cat"));
    engine.shutdown().await;
    assert_eq!(alerts(&*log).await.len(), 1);
    assert!(log.parked().await.unwrap().is_empty());
}
