//! What one replica is told, the other answers.

use eyrie_proto::metadata::watch_response::Kind;
use test_requirements::{Requirement, requires};

use crate::{
    pair::*,
    push::{Pushing, delta, hello, pod, seen},
    support::*,
};

/// Scenario: one replica is told of a container, the other of its end, then the first of another one. Guarantees: both answer the
/// same, with the same versions, and what was acked by one is there with the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_answer_alike() {
    requires!(Requirement::Containers);
    let mut pair = Pair::start().await;
    let [one, other] = &mut pair.engines;
    let web = key(5, 10, "a");
    relay_until_acked(one, 1, 1, vec![stated(container(web.clone(), "web", 1))]).await;
    until_named(other, &web, "web").await;
    assert_eq!(version(one, &web).await, version(other, &web).await);
    // The same speaker goes on at the other replica, with the number that follows.
    relay_until_acked(other, 1, 2, vec![stated(container(web.clone(), "web again", 2))]).await;
    until_named(one, &web, "web again").await;
    assert_eq!(version(one, &web).await, version(other, &web).await);
    let mut gap = facts(7, vec![stated(container(web.clone(), "never", 3))]);
    gap.epoch = 1;
    assert_eq!(one.try_relay(gap).await.unwrap_err().code(), tonic::Code::FailedPrecondition);
    pair.shutdown().await;
}

/// Scenario: a watcher of one replica goes to the other, with its last revision, right after more was acked by the first; and
/// back again. Guarantees: it gets exactly what it missed, without a reset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_goes_on_at_the_other_replica() {
    requires!(Requirement::Containers);
    let mut pair = Pair::start().await;
    let [one, other] = &mut pair.engines;
    one.relay(vec![stated(container(key(5, 10, "a"), "web", 1))]).await;
    let mut watching = one.watch(watch_host(1, 0)).await;
    let (mut revision, names) = watching.snapshot().await;
    assert_eq!(names, ["web"]);
    for round in 0..10_u64 {
        let name = format!("db {round}");
        one.relay(vec![stated(container(key(6, 10, "b"), &name, 10 + round))]).await;
        let engine = if round % 2 == 0 { &mut *other } else { &mut *one };
        let mut watching = engine.watch(watch_host(1, revision)).await;
        let (_, Kind::Delta(delta)) = watching.next_news().await else { panic!("no delta") };
        assert_eq!((delta.upserts.len(), delta.tombstones.len()), (1, 0), "{delta:?}");
        let (last, kind) = watching.next_news().await;
        assert!(matches!(kind, Kind::SnapshotComplete(_)), "{kind:?}");
        revision = last;
    }
    pair.shutdown().await;
}

/// Scenario: both replicas are told of the same container at the same time, each of another part of it, many times. Guarantees: all
/// is acked, and both have one container with both parts, in the same version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_are_told_of_the_same_at_once() {
    requires!(Requirement::Containers);
    let mut pair = Pair::start().await;
    let [one, other] = &mut pair.engines;
    for round in 1..=30_u64 {
        let web = key(round, 10, &format!("id {round}"));
        let name = format!("web {round}");
        let mut named = container(web.clone(), &name, 1);
        named.image = None;
        let mut with_ip = container(web.clone(), "", 2);
        with_ip.ips = vec!["10.0.0.1".into()];
        tokio::join!(
            relay_until_acked(one, 1, round, vec![stated(named)]),
            relay_until_acked(other, 2, round, vec![stated(with_ip)]),
        );
        until_named(one, &web, &name).await;
        until_named(other, &web, &name).await;
        for engine in [&mut *one, &mut *other] {
            let found = container_of(&engine.lookup(web.clone(), 0).await).unwrap();
            assert_eq!(found.ips, ["10.0.0.1"]);
        }
        assert_eq!(version(one, &web).await, version(other, &web).await);
    }
    let mut watching = one.watch(watch_host(1, 0)).await;
    assert_eq!(watching.snapshot().await.1.len(), 30);
    pair.shutdown().await;
}

/// Scenario: a cluster pushes to one replica, then to the other right after an ack, and back. Guarantees: each goes on where the
/// other was, without a snapshot; both have the last state, in the same version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_goes_on_at_the_other_replica() {
    requires!(Requirement::Containers);
    let mut pair = Pair::start().await;
    let (mut pushing, first) = Pushing::hello(&pair.services[0], hello(1, 0)).await;
    assert_eq!(first, (0, true));
    pushing.snapshot(1, vec![pod("a", "1"), pod("b", "1")]).await;
    for ordinal in 3..13_u64 {
        let service = &pair.services[usize::try_from(ordinal % 2).unwrap()];
        let (mut pushing, first) = Pushing::hello(service, hello(1, ordinal - 1)).await;
        assert_eq!(first, (ordinal - 1, false), "a snapshot is wanted, or turns are missing");
        assert_eq!(
            pushing.tell(delta(ordinal, vec![pod("a", &ordinal.to_string())])).await,
            (ordinal, false)
        );
    }
    let [one, other] = &mut pair.engines;
    let last = async {
        loop {
            let (left, right) = (seen(one, "a").await, seen(other, "a").await);
            if left == right && left.as_ref().is_some_and(|(name, ..)| name == "12") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, last).await.unwrap();
    assert!(seen(other, "b").await.is_some());
    pair.shutdown().await;
}
