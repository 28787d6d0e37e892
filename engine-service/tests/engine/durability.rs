//! What was acked is kept, and nothing is acked before.

use std::{sync::Arc, time::Duration};

use engine_service::alert_log::{
    AlertLog,
    sqlite::{SqliteLog, SqliteOptions},
};
use eyrie_proto::capture::{Hello, capture_response};
use tonic::Code;

use crate::support::*;

/// Scenario: the log fails a few times and recovers, while batches come. Guarantees: no ack before the log has taken the
/// alerts, and then all acks in order, with every alert once.
#[tokio::test]
async fn acks_wait_for_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let log = FaultyLog::new(sqlite(directory.path()), u32::MAX, true);
    let engine = start(log.clone()).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    for first in [1, 6, 11] {
        agent.send_batch(batch(first, 5, &[first])).await;
    }
    log.tried(5).await;
    assert_eq!(hosts(&engine, false).await[0].acked_through_sequence, 0);
    assert!(alert_sequences(&*log).await.is_empty());
    log.repair();
    for through in [5, 10, 15] {
        assert_eq!(agent.ack().await.through_sequence, through);
    }
    assert_eq!(alert_sequences(&*log).await, [1, 6, 11]);
    engine.shutdown().await;
}

/// Scenario: the agent goes away while the log fails. Guarantees: the session ends, its state is not held, since it is ahead of
/// what is durable; the agent is asked for its base state and the alert comes once.
#[tokio::test]
async fn a_state_ahead_of_the_log_is_not_held() {
    let directory = tempfile::tempdir().unwrap();
    let log = FaultyLog::new(sqlite(directory.path()), u32::MAX, true);
    let engine = start(log.clone()).await;
    let agent = Agent::begin(&engine, hello(), 0).await;
    agent.send_batch(batch(1, 5, &[3])).await;
    log.tried(2).await;
    drop(agent);
    let (agent, welcome) = Agent::greet(&engine, hello()).await;
    assert_eq!(welcome.held_through_sequence, None);
    drop(agent);
    log.repair();
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    assert_eq!(agent.deliver(batch(1, 5, &[3])).await.through_sequence, 5);
    assert_eq!(alert_sequences(&*log).await, [3]);
    engine.shutdown().await;
}

/// Scenario: the engine dies after an alert was written and before its batch was acked; another engine on the same log gets
/// the batch again. Guarantees: one alert, with the same id.
#[tokio::test]
async fn dying_between_append_and_ack_makes_no_second_alert() {
    let directory = tempfile::tempdir().unwrap();
    let real = sqlite(directory.path());
    let silent = FaultyLog::silent(real.clone());
    // A runtime of its own, so that the engine can be killed with all its tasks.
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let engine = doomed.spawn(start(silent.clone())).await.unwrap();
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    agent.send_batch(batch(1, 5, &[4])).await;
    silent.tried(1).await;
    doomed.shutdown_background();
    std::mem::forget(engine);
    while let Some(Ok(response)) = agent.next().await {
        assert!(!matches!(response, capture_response::Kind::Ack(_)), "acked by a dead engine");
    }
    let before = alerts(&*real).await;
    assert_eq!(before.len(), 1);

    let engine = start(real.clone()).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    assert_eq!(agent.deliver(batch(1, 5, &[4])).await.through_sequence, 5);
    assert_eq!(alerts(&*real).await, before);
    engine.shutdown().await;
}

/// Scenario: the log is damaged while an agent streams. Guarantees: the session ends and says what is damaged and what to do;
/// nothing is acked.
#[tokio::test]
async fn a_damaged_log_ends_the_session() {
    let directory = tempfile::tempdir().unwrap();
    let log = FaultyLog::new(sqlite(directory.path()), 1, false);
    let engine = start(log).await;
    let agent = Agent::begin(&engine, hello(), 0).await;
    agent.send_batch(batch(1, 1, &[1])).await;
    let status = agent.status().await;
    assert_eq!((status.code(), reason(&status)), (Code::DataLoss, "LOG_DAMAGED"));
    assert!(status.message().contains("move it"), "{status}");
    engine.shutdown().await;
}

/// Scenario: a real log runs full under a stream. Guarantees: acks stop at what is durable, the engine goes on serving, and
/// after a restart with room the agent's resent batches complete the log without a gap.
#[tokio::test]
async fn a_full_disk_stops_acks_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let small = SqliteOptions { max_bytes: Some(100 * 1024), ..SqliteOptions::default() };
    let log = Arc::new(SqliteLog::open(directory.path(), small).unwrap());
    let mut options = options();
    options.drain_wait = Duration::from_millis(50);
    let counted = FaultyLog::new(log.clone(), 0, true);
    let engine = start_with(counted.clone(), options, None).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    let large = |sequence: u64| {
        let mut batch = batch(sequence, 1, &[sequence]);
        batch.trace = Some(eyrie_proto::capture::TraceContext {
            traceparent: "x".repeat(16 * 1024),
            tracestate: String::new(),
        });
        batch
    };
    for sequence in 1..=20 {
        agent.send_batch(large(sequence)).await;
    }
    // More tries than batches: the log is full. The engine answers other calls meanwhile.
    counted.tried(23).await;
    let acked = hosts(&engine, false).await[0].acked_through_sequence;
    assert!((1..20).contains(&acked), "{acked}");
    while agent.ack().await.through_sequence < acked {}
    assert_eq!(log.bounds().borrow().last, acked);
    drop(agent);
    engine.shutdown().await;
    drop(counted);
    drop(log);

    let log = sqlite(directory.path());
    let engine = start(log.clone()).await;
    let again = Hello { acked_through_sequence: acked, first_sequence: acked + 1, ..hello() };
    let mut agent = Agent::begin(&engine, again, acked).await;
    for sequence in acked + 1..=20 {
        assert_eq!(agent.deliver(large(sequence)).await.through_sequence, sequence);
    }
    assert_eq!(alert_sequences(&*log).await, (1..=20).collect::<Vec<_>>());
    engine.shutdown().await;
}

/// Scenario: the engine is told to end while batches are queued. Guarantees: what it has taken is acked, the stream ends with
/// a status to come again, and the log has exactly what was acked.
#[tokio::test]
async fn shutdown_flushes_and_acks() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start(log.clone()).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    for sequence in 1..=50 {
        agent.send_batch(batch(sequence, 1, &[sequence])).await;
    }
    assert_eq!(agent.ack().await.through_sequence, 1);
    let shutdown = tokio::spawn(engine.shutdown());
    let mut acked = 1;
    let status = loop {
        match agent.next().await.unwrap() {
            Ok(capture_response::Kind::Ack(ack)) => acked = ack.through_sequence,
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), reason(&status)), (Code::Unavailable, "SHUTTING_DOWN"));
    shutdown.await.unwrap();
    assert_eq!(alert_sequences(&*log).await, (1..=acked).collect::<Vec<_>>());
}

/// Scenario: a batch raises more alerts than are written in one piece. Guarantees: all are in the log, in order, before its
/// one ack.
#[tokio::test]
async fn many_alerts_of_one_batch_are_written_in_pieces() {
    let directory = tempfile::tempdir().unwrap();
    let log = sqlite(directory.path());
    let engine = start(log.clone()).await;
    let mut agent = Agent::begin(&engine, hello(), 0).await;
    let all: Vec<u64> = (1..=2_000).collect();
    assert_eq!(agent.deliver(batch(1, 2_000, &all)).await.through_sequence, 2_000);
    assert_eq!(alert_sequences(&*log).await, all);
    engine.shutdown().await;
}
