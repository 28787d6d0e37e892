//! What operators can measure and probe.

use std::{sync::Arc, time::Duration};

use engine_service::Engine;
use eyrie_proto::event::{EventClass, LossPlace, LossReason, LossRecord, event::Kind};
use service_runtime::Running as _;
use telemetry::{Instruments, Metrics, Readiness};

use crate::support::*;

async fn measured(log: Arc<dyn engine_service::alert_log::AlertLog>) -> (engine_service::Running, Metrics) {
    let metrics = Metrics::local().unwrap();
    let listener = engine_service::listener::Listener::bind(
        "127.0.0.1:0".parse().unwrap(),
        engine_service::listener::ListenSecurity::LOCAL,
    )
    .await
    .unwrap();
    let instruments = Instruments { meter: metrics.meter(), ..Instruments::default() };
    let engine =
        Engine { evaluator: evaluator(), log, listener, output: None, options: options(), instruments };
    (engine.start().await.unwrap(), metrics)
}

/// Waits for the lines: some things are counted just after they were answered.
async fn assert_lines(metrics: &Metrics, lines: &[&str]) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let text = metrics.text().unwrap();
        let missing = lines.iter().find(|line| !text.lines().any(|found| found == **line));
        let Some(missing) = missing else { return };
        assert!(tokio::time::Instant::now() < deadline, "{missing} is not in {text}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Scenario: a session with events, a loss, an alert, a batch sent again, one too far ahead, and an append that fails first; a
/// subscriber; then a session that says nonsense. Guarantees: each is counted under its name and reason, and what is open is
/// open only as long as it is.
#[tokio::test]
async fn what_happens_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let log = FaultyLog::new(sqlite(directory.path()), 1, true);
    let (engine, metrics) = measured(log).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    agent.deliver(batch(1, 3, &[2])).await;
    agent.deliver(batch(1, 3, &[2])).await;
    let rejected = agent.deliver(batch(9, 1, &[])).await;
    assert_eq!(rejected.rejections.len(), 1);
    let mut with_loss = batch(4, 1, &[]);
    with_loss.events[0].kind = Some(Kind::Loss(LossRecord {
        place: LossPlace::Ring.into(),
        event_class: EventClass::Plain.into(),
        reason: LossReason::Full.into(),
        count: 12,
        ..LossRecord::default()
    }));
    agent.deliver(with_loss).await;
    let following = eyrie_proto::alert::SubscribeRequest { follow: true, ..Default::default() };
    let subscription = subscribe(&engine, following).await.unwrap();
    assert_lines(
        &metrics,
        &[
            "eyrie_engine_sessions 1",
            "eyrie_engine_sessions_started_total 1",
            "eyrie_engine_subscriptions 1",
            "eyrie_engine_origins 1",
            "eyrie_engine_held_states 0",
            "eyrie_engine_events_received_total 4",
            "eyrie_engine_batches_evaluated_total 2",
            "eyrie_engine_batches_repeated_total 1",
            "eyrie_engine_batches_rejected_total{reason=\"OUT_OF_ORDER\"} 1",
            "eyrie_engine_alerts_appended_total 1",
            "eyrie_engine_append_failures_total{reason=\"full\"} 1",
            "eyrie_engine_append_duration_seconds_count 2",
            "eyrie_engine_evaluation_duration_seconds_count 2",
            "eyrie_engine_losses_total{class=\"PLAIN\",place=\"RING\",reason=\"FULL\"} 12",
            "eyrie_engine_log_entries 1",
            "eyrie_engine_log_last_position 1",
            "eyrie_engine_log_trimmed_total 0",
            "eyrie_engine_metadata_hits_total 0",
            "eyrie_engine_metadata_waiting 0",
            "eyrie_engine_credit_outstanding_bytes 0",
        ],
    )
    .await;
    agent.leave().await;
    let wrong = Agent::open(&engine).await;
    wrong.send_batch(batch(1, 1, &[])).await;
    assert_eq!(reason(&wrong.status().await), "HELLO_EXPECTED");
    assert_lines(
        &metrics,
        &[
            "eyrie_engine_sessions 0",
            "eyrie_engine_held_states 1",
            "eyrie_engine_sessions_failed_total{reason=\"HELLO_EXPECTED\"} 1",
        ],
    )
    .await;
    drop(subscription);
    engine.shutdown().await;
    // Who measures keeps nothing alive: the log can be opened again.
    metrics.text().unwrap();
    sqlite(directory.path());
}

/// Scenario: an engine that runs, and one that has ended. Guarantees: the first is ready, the second says that its log is closed.
#[tokio::test]
async fn an_engine_is_ready_while_its_log_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let (engine, _metrics) = measured(sqlite(directory.path())).await;
    let readiness = Readiness::default();
    readiness.started(engine.checks());
    let report = readiness.report().await;
    assert_eq!((report.is_ready, report.text.as_str()), (true, "alert log: ready\n"));
    engine.shutdown().await;
    let report = readiness.report().await;
    assert_eq!((report.is_ready, report.text.as_str()), (false, "alert log: not ready: it is closed\n"));
}
