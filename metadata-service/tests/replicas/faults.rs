//! What goes wrong with replicas, with NATS, and with the bucket.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use eyrie_proto::metadata::{
    AnswerState, metadata_service_client::MetadataServiceClient, watch_response::Kind,
};
use service_runtime::Running as _;
use telemetry::Readiness;
use test_requirements::{Requirement, requires};
use tonic::{Code, transport::Endpoint};

use crate::{nats_server::NatsServer, pair::*, support::*};

fn numbered(id: u64) -> eyrie_proto::metadata::LateFact {
    stated(container(key(id, 10, &format!("id {id}")), &format!("c{id}"), 1))
}

/// Scenario: NATS is killed while an engine relays, stays away, and is started again on what it left. Guarantees: reads go on,
/// writes are refused as to be repeated, readiness says so; once it is back all that was acked is with both replicas.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_goes_away_and_comes_back() {
    requires!(Requirement::Containers);
    let mut pair = Pair::start().await;
    let readiness = Readiness::default();
    readiness.started(pair.services[0].checks());
    assert!(readiness.report().await.is_ready);
    let mut relaying = Engine::connect(&pair.services[0]).await;
    let acked = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&acked);
    let load = tokio::spawn(async move {
        for id in 1..=400 {
            relay_until_acked(&mut relaying, 1, id, vec![numbered(id)]).await;
            counted.store(id, Ordering::Relaxed);
        }
    });
    while acked.load(Ordering::Relaxed) < 50 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    pair.server.kill();
    let [one, other] = &mut pair.engines;
    let away = async {
        while readiness.report().await.is_ready {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, away).await.unwrap();
    assert!(readiness.report().await.text.contains("the bucket pair cannot be reached"));
    assert_eq!(one.name(key(1, 10, "id 1"), 0).await, (AnswerState::Found, "c1".to_owned()));
    let mut refused = facts(1, vec![numbered(1_000)]);
    refused.epoch = 2;
    assert_eq!(one.try_relay(refused).await.unwrap_err().code(), Code::Unavailable);
    pair.server.run();
    load.await.unwrap();
    for engine in [one, other] {
        for id in 1..=400 {
            until_named(engine, &key(id, 10, &format!("id {id}")), &format!("c{id}")).await;
        }
    }
    assert!(readiness.report().await.is_ready);
    pair.shutdown().await;
}

/// Scenario: everything is purged from the bucket behind the replicas' backs, while a watcher reads. Guarantees: both have nothing
/// any more, the watcher is reset, and what is told then is with both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purged_bucket_is_empty_everywhere() {
    requires!(Requirement::Containers);
    let mut pair = Pair::start().await;
    let [one, other] = &mut pair.engines;
    one.relay(vec![numbered(1), numbered(2)]).await;
    until_named(other, &key(2, 10, "id 2"), "c2").await;
    let mut watching = other.watch(watch_host(1, 0)).await;
    watching.snapshot().await;
    pair.server.stream(BUCKET).await.purge().await.unwrap();
    assert!(matches!(watching.next_news().await.1, Kind::Reset(_)));
    assert!(watching.snapshot().await.1.is_empty());
    relay_until_acked(one, 7, 1, vec![numbered(3)]).await;
    until_named(other, &key(3, 10, "id 3"), "c3").await;
    for engine in [one, other] {
        assert_ne!(engine.name(key(1, 10, "id 1"), 0).await.0, AnswerState::Found);
    }
    pair.shutdown().await;
}

/// Scenario: an engine relays to a replica, a process of its own, which is killed in the middle; the engine goes on at the other
/// one with what was not acked. Guarantees: nothing that was acked is lost, and numbers go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_killed_in_the_middle() {
    requires!(Requirement::Containers);
    let server = NatsServer::start();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let survivor = start_with(config_of(folders[0].path(), server.bucket(BUCKET))).await;
    let mut replica = Replica::start(folders[1].path(), &server);
    let channel = Endpoint::from_shared(replica.url.clone()).unwrap().connect().await.unwrap();
    let mut client = MetadataServiceClient::new(channel);
    let mut acked = 0;
    let killing = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(700));
        replica.kill();
    });
    while let Ok(response) = client.relay_facts(facts(acked + 1, vec![numbered(acked + 1)])).await {
        acked = response.into_inner().through_fact_sequence;
    }
    killing.await.unwrap();
    assert!(acked > 0);
    let mut engine = Engine::connect(&survivor).await;
    for id in acked + 1..=acked + 20 {
        relay_until_acked(&mut engine, EPOCH, id, vec![numbered(id)]).await;
    }
    for id in 1..=acked + 20 {
        let of = key(id, 10, &format!("id {id}"));
        assert_eq!(engine.name(of, 0).await, (AnswerState::Found, format!("c{id}")), "of {acked} acked");
    }
    survivor.shutdown().await;
}

/// A service as a process.
struct Replica {
    child: Child,
    url: String,
}

// === impl Replica ===

impl Replica {
    fn start(directory: &std::path::Path, server: &NatsServer) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_metadata-service"));
        command.env_clear().args(["--listen", "127.0.0.1:0", "--admin-listen", "none", "--data-dir"]);
        command.arg(directory).args(["--nats", &server.url(), "--nats-bucket", BUCKET]);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.find(|line| line.as_ref().unwrap().contains("takes connections")).unwrap().unwrap();
        // What comes after is read, so that it is never written to nobody.
        std::thread::spawn(move || lines.for_each(drop));
        let port = line.split("127.0.0.1:").nth(1).unwrap();
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
