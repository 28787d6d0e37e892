//! Engines that fail.

use std::time::Duration;

use capture_agent::Agent;
use eyrie_proto::{
    capture::BaseState,
    event::{Event, EventClass, LossPlace, LossReason, LossRecord, event::Kind},
};
use host_model::{HostModel, Limits};
use tokio::{io::AsyncWriteExt, net::TcpListener};

use crate::{
    config, execs,
    fake_engine::{FakeEngine, Policy},
    names, run,
    scripted_source::Script,
    start,
};

/// The state of a base and of the events up to it, which have to be the same.
fn compare(first: &[BaseState], base: &[BaseState], events: impl Iterator<Item = Event>) {
    let restored = |parts: &[BaseState]| {
        let mut model = HostModel::new(Limits::default());
        for part in parts {
            model.restore(part.processes.iter().cloned(), part.facts.iter().cloned());
        }
        model
    };
    let (mut run, taken) = (restored(first), restored(base));
    events.for_each(|event| run.apply(&event));
    assert_eq!(taken.base_state().collect::<Vec<_>>(), run.base_state().collect::<Vec<_>>());
    assert_eq!(taken.base_facts().collect::<Vec<_>>(), run.base_facts().collect::<Vec<_>>());
}

/// Scenario: the connection breaks again and again in the middle of the stream, while much happens. Guarantees: every event arrives
/// in order; what comes twice is the same both times; each base state is the state before what is sent after it.
#[tokio::test(flavor = "multi_thread")]
async fn broken_connections_lose_nothing() {
    let policy = Policy { break_after_batches: Some(3), ..Policy::default() };
    let engine = FakeEngine::start(policy).await;
    let script = Script::default();
    script.set_processes(1..=7);
    let running = start(&engine, &script).await;
    for part in 0..12 {
        run(&script, part * 1_000..(part + 1) * 1_000);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    engine.until("several sessions", |seen| seen.hellos.len() >= 3).await;
    engine.change(|policy| policy.break_after_batches = None);
    engine.until("all events", |seen| execs(seen).len() == 12_000).await;
    assert_eq!(running.shutdown().await.unacked_events, 0);
    let seen = engine.seen();
    assert_eq!(execs(&seen), names(0..12_000));
    assert_eq!(seen.changed, 0);
    for (hello, base) in seen.hellos.iter().zip(&seen.bases) {
        let through = hello.acked_through_sequence;
        assert!(base.iter().all(|part| part.as_of_sequence == through), "base as of the acked position");
        compare(&seen.bases[0], base, seen.events.range(..=through).map(|(_, event)| event.clone()));
    }
}

/// Scenario: the same engine comes back and still holds the state. Guarantees: no base state is sent again, and what it holds is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_held_state_is_not_sent_again() {
    let policy = Policy { acks: false, break_after_batches: Some(2), holds_state: true, ..Policy::default() };
    let engine = FakeEngine::start(policy).await;
    let script = Script::default();
    let running = start(&engine, &script).await;
    run(&script, 0..5_000);
    engine.until("a second session", |seen| seen.hellos.len() >= 2).await;
    engine.change(|policy| (policy.break_after_batches, policy.acks) = (None, true));
    engine.until("all events", |seen| execs(seen).len() == 5_000).await;
    assert_eq!(running.shutdown().await.unacked_events, 0);
    let seen = engine.seen();
    assert_eq!(seen.bases.len(), 0, "it said from the beginning that it holds what there is");
    assert_eq!(seen.repeated, 0);
}

/// Scenario: the engine never acks. Guarantees: memory stays bounded, what finds no room is counted and told, and the end says how
/// much was not acked.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_never_acks_costs_bounded_memory() {
    let engine = FakeEngine::start(Policy { acks: false, ..Policy::default() }).await;
    let script = Script::default();
    let mut config = config(&engine.url());
    config.limits.queue_bytes = 100_000;
    config.limits.reserve_bytes = 20_000;
    config.drain_timeout = Duration::from_millis(200);
    let running = Agent::start_with(config, script.source(), Default::default()).await.unwrap();
    run(&script, 0..20_000);
    let totals = loop {
        let totals = running.status().totals;
        if totals.produced_events >= 20_000 {
            break totals;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let lost: u64 = totals.losses.values().sum();
    assert!(totals.unacked_bytes <= 125_000, "{totals:?}");
    assert!(lost > 0 && totals.unacked_events + lost >= totals.produced_events, "{totals:?}");
    let summary = running.shutdown().await;
    assert_eq!(summary.totals.acked_events, 0);
    assert!(summary.unacked_events > 0);
}

/// Scenario: an overloaded engine refuses some batches for a while. Guarantees: they are sent again, in order, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn refused_batches_are_sent_again() {
    let engine = FakeEngine::start(Policy { refuse: 5, ..Policy::default() }).await;
    let script = Script::default();
    let running = start(&engine, &script).await;
    run(&script, 0..10_000);
    engine.until("all events", |seen| execs(seen).len() == 10_000).await;
    let summary = running.shutdown().await;
    assert_eq!(summary.unacked_events, 0);
    assert!(summary.totals.losses.is_empty());
    assert_eq!(execs(&engine.seen()), names(0..10_000));
    assert_eq!(engine.seen().hellos.len(), 1, "in the same session");
}

/// Scenario: on the port there is first something that speaks no HTTP/2, then an engine that greets wrongly, then one that
/// acks nonsense, then one that refuses the agent, then a good one. Guarantees: the agent gets over all of them and delivers everything.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_got_over() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script = Script::default();
    let running =
        Agent::start_with(config(&format!("http://{address}")), script.source(), Default::default())
            .await
            .unwrap();
    run(&script, 0..100);
    for _ in 0..2 {
        let (mut connection, _) = listener.accept().await.unwrap();
        connection.write_all(b"\x00\xff no such protocol here \r\n\r\n").await.unwrap();
    }
    drop(listener);
    let listener = TcpListener::bind(address).await.unwrap();
    let engine = FakeEngine::on(listener, Policy { greets_wrongly: true, ..Policy::default() });
    engine.until("a hello", |seen| !seen.hellos.is_empty()).await;
    engine.change(|policy| (policy.greets_wrongly, policy.acks_nonsense) = (false, true));
    engine.until("another hello", |seen| seen.hellos.len() > 1 && !seen.events.is_empty()).await;
    engine.change(|policy| policy.acks_nonsense = false);
    engine.until("all events", |seen| execs(seen).len() == 100).await;
    assert_eq!(running.shutdown().await.unacked_events, 0);
    assert_eq!(execs(&engine.seen()), names(0..100));
}

/// Breaks each session after some acks with this code while much happens; the agent has to come back more and more slowly, and to deliver everything in
/// the end.
async fn comes_back_slowly(break_code: tonic::Code) {
    let policy = Policy { break_after_batches: Some(1), break_code, ..Policy::default() };
    let engine = FakeEngine::start(policy).await;
    let script = Script::default();
    let started = std::time::Instant::now();
    let running = start(&engine, &script).await;
    for part in 0..30 {
        run(&script, part * 100..(part + 1) * 100);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Waits of 50 ms at least, doubled each time up to 5 s: so many sessions take so long at least.
    let (sessions, elapsed) = (engine.seen().hellos.len(), started.elapsed());
    let waits = (0..sessions.saturating_sub(1)).map(|wait| Duration::from_millis(50 << wait.min(6)));
    assert!(sessions >= 2, "{sessions} sessions");
    assert!(waits.sum::<Duration>() <= elapsed, "{sessions} sessions in {elapsed:?}");
    engine.change(|policy| policy.break_after_batches = None);
    engine.until("all events", |seen| execs(seen).len() == 3_000).await;
    assert_eq!(running.shutdown().await.unacked_events, 0);
    assert_eq!(execs(&engine.seen()), names(0..3_000));
}

/// Scenario: a second agent of the same host takes the stream over again and again, each time after some acks.
/// Guarantees: the agent comes back more and more slowly instead of fighting for it, and delivers everything in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_contested_stream_is_not_fought_for() {
    comes_back_slowly(tonic::Code::Aborted).await;
}

/// Scenario: an engine acks some batches of each session and then falls over something else that it is sent, as one that is too large.
/// Guarantees: the agent does not come back at once for ever: acks alone are no reason to hurry.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_fails_after_some_acks_is_not_hurried() {
    comes_back_slowly(tonic::Code::OutOfRange).await;
}

/// Scenario: the engine does not let the agent in. Guarantees: the reason is in the status, and capture goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told() {
    let policy = Policy { refuses_call: Some(tonic::Code::Unauthenticated), ..Policy::default() };
    let engine = FakeEngine::start(policy).await;
    let script = Script::default();
    let mut config = config(&engine.url());
    config.drain_timeout = Duration::from_millis(100);
    let running = Agent::start_with(config, script.source(), Default::default()).await.unwrap();
    for _ in 0..500 {
        if running.status().connection.last_error.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let error = running.status().connection.last_error.unwrap();
    assert!(error.contains("not you"), "{error}");
    assert!(running.is_capturing());
    running.shutdown().await;
}

/// Scenario: the ring lost records that bear state. Guarantees: the loss is told, then all processes are sent anew, and one that the
/// engine knows but that has ended is told to be absent.
#[tokio::test(flavor = "multi_thread")]
async fn lost_state_is_repaired() {
    let engine = FakeEngine::start(Policy::default()).await;
    let script = Script::default();
    script.set_processes([1, 2, 3]);
    let running = start(&engine, &script).await;
    engine.until("facts", |seen| !seen.events.is_empty()).await;
    script.set_processes([1, 3, 4]);
    script.lose(LossRecord {
        place: LossPlace::Ring.into(),
        event_class: EventClass::StateBearing.into(),
        reason: LossReason::Full.into(),
        count: 2,
        ..LossRecord::default()
    });
    let snapshots = |seen: &crate::fake_engine::Seen| {
        let mut present = Vec::new();
        let mut absent = Vec::new();
        for event in seen.events.values() {
            if let Some(Kind::ProcessSnapshot(snapshot)) = &event.kind {
                present.extend(snapshot.state.as_ref().map(|state| state.process.unwrap().pid));
                absent.extend(snapshot.absent.map(|key| key.pid));
            }
        }
        (present, absent)
    };
    engine.until("a repair", |seen| snapshots(seen) == (vec![1, 3, 4], vec![2])).await;
    let told = |event: &Event| matches!(&event.kind, Some(Kind::Loss(loss)) if loss.count == 2);
    assert!(engine.seen().events.values().any(told));
    running.shutdown().await;
}
