//! One process that starts and stops agents again and again. Alone in its binary: other tests would open descriptors meanwhile.
#![allow(clippy::unwrap_used, reason = "all of it is a test")]

use std::{collections::BTreeMap, fs, time::Duration};

use capture_agent::{Agent, Config};
use telemetry::Instruments;
use test_requirements::{Requirement, requires};

/// Of each kind of open descriptor, how many there are: numbers in brackets are of one socket or pipe.
fn descriptors() -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd").unwrap().flatten() {
        let target = fs::read_link(entry.path()).unwrap_or_default().display().to_string();
        let kind = target.split_once(":[").map_or(target.as_str(), |(kind, _)| kind).to_owned();
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

async fn start_and_stop() {
    let config = Config {
        machine_id: Some("0123456789abcdef0123456789abcdef".to_owned()),
        drain_timeout: Duration::ZERO,
        // Nobody listens there.
        ..Config::new("http://127.0.0.1:9").unwrap()
    };
    let agent = Agent::start(config, Instruments::default()).await.unwrap();
    agent.shutdown().await;
}

/// Scenario: an agent is started on the real kernel and stopped, many times in one process (`EYRIE_START_ROUNDS`, 5 unless set).
/// Guarantees: after the last there are as many open descriptors, of each kind, as after the first.
#[tokio::test(flavor = "multi_thread")]
async fn descriptors_do_not_grow() {
    requires!(Requirement::Kernel);
    let rounds: usize = std::env::var("EYRIE_START_ROUNDS").map_or(5, |rounds| rounds.parse().unwrap());
    start_and_stop().await;
    let first = descriptors();
    for _ in 1..rounds {
        start_and_stop().await;
    }
    assert_eq!(descriptors(), first);
}
