//! The agent against a real gRPC server in this process, with events that the tests make up: no kernel, no privileges.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is a test"
)]

#[path = "../src/containers/docker/tests/fake.rs"]
#[allow(dead_code, reason = "its own tests use more of it")]
mod fake_docker;
#[path = "support/fake_engine.rs"]
mod fake_engine;
#[path = "support/scripted_source.rs"]
mod scripted_source;

#[path = "session/failures.rs"]
mod failures;
#[path = "session/late_facts.rs"]
mod late_facts;
#[path = "session/metrics.rs"]
mod metrics;
#[path = "session/packing.rs"]
mod packing;
#[path = "session/replays.rs"]
mod replays;
#[path = "session/requests.rs"]
mod requests;
#[path = "session/runtimes.rs"]
mod runtimes;
#[path = "session/secured.rs"]
mod secured;

use std::time::Duration;

use capture_agent::{Agent, Config, Running};
use eyrie_proto::event::{Event, event::Kind, ordered_fact};
use fake_engine::{FakeEngine, Policy, Seen};
use scripted_source::Script;

fn config(url: &str) -> Config {
    let mut config = Config::new(url).unwrap();
    config.machine_id = Some("0123456789abcdef0123456789abcdef".to_owned());
    config.drain_timeout = Duration::from_secs(5);
    config
}

async fn start(engine: &FakeEngine, script: &Script) -> Running {
    Agent::start_with(config(&engine.url()), script.source(), Default::default()).await.unwrap()
}

/// The programs that were executed, in order.
fn execs(seen: &Seen) -> Vec<String> {
    let exe = |event: &Event| match &event.kind {
        Some(Kind::Exec(exec)) => Some(String::from_utf8_lossy(&exec.exe).into_owned()),
        _ => None,
    };
    seen.events.values().filter_map(exe).collect()
}

fn names(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("exec-{number}")).collect()
}

fn run(script: &Script, range: std::ops::Range<u32>) {
    for number in range {
        script.exec(number % 7 + 1, &format!("exec-{number}"));
    }
}

/// Scenario: an agent starts, something happens, it is shut down. Guarantees: hello and base state tell who and what there was,
/// facts come before everything else with the host's identity first, every event arrives in order, and all is acked.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_from_start_to_end() {
    let engine = FakeEngine::start(Policy::default()).await;
    let script = Script::default();
    script.set_processes(1..=7);
    let running = start(&engine, &script).await;
    run(&script, 0..3_000);
    engine.until("all events", |seen| execs(seen).len() == 3_000).await;
    let status = running.status();
    assert!(status.connection.is_connected);
    let summary = running.shutdown().await;
    assert!(script.is_stopped());
    assert_eq!(summary.unacked_events, 0);
    let seen = engine.seen();
    assert_eq!(execs(&seen), names(0..3_000));
    assert_eq!(seen.hellos.len(), 1);
    let hello = &seen.hellos[0];
    assert_eq!((hello.epoch, hello.acked_through_sequence, hello.first_sequence), (status.epoch, 0, 1));
    assert_eq!(hello.origin, Some(status.origin));
    assert!(hello.clock.is_some_and(|clock| clock.epoch_ns > clock.boot_ns));
    let base = &seen.bases[0];
    assert_eq!(base.iter().map(|part| part.processes.len()).sum::<usize>(), 7);
    assert!(base.last().unwrap().is_last && base[0].as_of_sequence == 0);
    let Some(Kind::Fact(fact)) = &seen.events[&1].kind else { panic!("no fact first") };
    assert!(matches!(fact.kind, Some(ordered_fact::Kind::Host(_))));
    assert_eq!(seen.events.len() as u64, summary.totals.acked_events);
}

/// Scenario: the engine listens on a Unix socket's path that does not exist yet, then on nothing. Guarantees: capture goes on meanwhile,
/// and the end waits no longer than configured and says how much was not acked.
#[tokio::test(flavor = "multi_thread")]
async fn an_absent_engine_costs_only_its_acks() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&format!("unix:{}/engine.sock", folder.path().display()));
    config.drain_timeout = Duration::from_millis(300);
    let script = Script::default();
    let running = Agent::start_with(config, script.source(), Default::default()).await.unwrap();
    run(&script, 0..100);
    let started = std::time::Instant::now();
    while running.status().totals.unacked_events < 100 {
        assert!(started.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let status = running.status();
    assert!(!status.connection.is_connected);
    assert!(status.connection.last_error.unwrap().contains("cannot connect"));
    let summary = running.shutdown().await;
    assert!(summary.unacked_events >= 100);
    assert!(started.elapsed() < Duration::from_secs(5));
}
