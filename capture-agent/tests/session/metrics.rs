//! What operators can measure and probe.

use std::time::Duration;

use capture_agent::{Agent, Running};
use eyrie_proto::event::{EventClass, LossPlace, LossReason, LossRecord};
use prost::Message;
use service_runtime::Running as _;
use telemetry::{Instruments, Metrics, Readiness};

use crate::{
    config, execs,
    fake_engine::{FakeEngine, Policy},
    run,
    scripted_source::Script,
};

async fn measured(url: &str, script: &Script) -> (Running, Metrics) {
    let metrics = Metrics::local().unwrap();
    let instruments = Instruments { meter: metrics.meter(), ..Instruments::default() };
    (Agent::start_with(config(url), script.source(), instruments).await.unwrap(), metrics)
}

/// The value of the metric and labels that `line` begins with.
pub(crate) fn value(metrics: &Metrics, line: &str) -> Option<u64> {
    let text = metrics.text().unwrap();
    let found = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' ').map(str::to_owned));
    found.map(|value| value.parse().unwrap())
}

/// Waits until it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok(), "not so: {what}");
}

/// Scenario: an agent streams events, loses some, has a batch refused, then its engine ends the session and takes no other. Guarantees: each is counted under its
/// name; the agent is ready only while it captures and an engine takes it, and says what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted() {
    let engine = FakeEngine::start(Policy { refuse: 1, ..Policy::default() }).await;
    let script = Script::default();
    script.set_processes(1..=7);
    let (running, metrics) = measured(&engine.url(), &script).await;
    let readiness = Readiness::default();
    readiness.started(running.checks());
    script.lose(LossRecord {
        place: LossPlace::Ring.into(),
        event_class: EventClass::Plain.into(),
        reason: LossReason::Full.into(),
        count: 12,
        first_boot_ns: 1,
        last_boot_ns: 2,
        ..LossRecord::default()
    });
    run(&script, 0..500);
    engine.until("all events", |seen| execs(seen).len() == 500).await;
    let is = |line: &str| value(&metrics, line);
    until("all is acked", || is("eyrie_agent_events_unacked") == Some(0)).await;
    let produced = is("eyrie_agent_events_produced_total{class=\"STATE_BEARING\"}").unwrap();
    assert!(produced >= 500, "{produced}");
    assert!(is("eyrie_agent_events_acked_total").unwrap() >= 500);
    let lost = "eyrie_agent_losses_total{class=\"PLAIN\",place=\"RING\",reason=\"FULL\"}";
    until("the loss is told", || is(lost) == Some(12)).await;
    assert!(is("eyrie_agent_batches_sent_total").unwrap() >= 2);
    let event_bytes = engine.seen().events.values().map(Message::encoded_len).sum::<usize>() as u64;
    let sent = is("eyrie_agent_sent_bytes_total").unwrap();
    // The refused batch went twice; batches have headers, and there is a base state.
    assert!((event_bytes..4 * event_bytes).contains(&sent), "{sent} for {event_bytes}");
    assert_eq!(is("eyrie_agent_batches_retried_total"), Some(1));
    assert_eq!(is("eyrie_agent_batches_set_aside_total"), Some(0));
    assert_eq!(is("eyrie_agent_base_processes"), Some(7));
    assert_eq!((is("eyrie_agent_connected"), is("eyrie_agent_sessions_welcomed_total")), (Some(1), Some(1)));
    assert_eq!(is("eyrie_agent_late_facts_dropped_total"), Some(0));
    assert_eq!(readiness.report().await.text, "capture: ready\nengine: ready\n");

    engine.change(|policy| {
        policy.break_after_batches = Some(1);
        policy.refuses_call = Some(tonic::Code::Unavailable);
    });
    run(&script, 500..501);
    let failures = "eyrie_agent_sessions_failed_total{reason=\"refused\"}";
    until("the end of the session and a refused call are counted", || is(failures) >= Some(2)).await;
    assert_eq!(is("eyrie_agent_connected"), Some(0));
    let report = readiness.report().await;
    let is_said = report.text.contains("engine: not ready: the engine refused or ended the stream");
    assert!(!report.is_ready && is_said, "{}", report.text);
    Running::shutdown(running).await;
    assert!(readiness.report().await.text.contains("capture: not ready: it has ended"));
}
