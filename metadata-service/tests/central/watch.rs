//! Snapshots, changes, and watchers that come back or fall behind.

use eyrie_proto::metadata::{entity, watch_response::Kind};

use crate::support::*;

/// Scenario: a watcher comes to a store with a live and an ended container, and of another host; then things change.
/// Guarantees: the snapshot has what holds of the watched host alone; changes and ends follow in order.
#[tokio::test]
async fn a_watcher_gets_what_holds_then_what_changes() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(container(key(5, 10, "a"), "web", 1))]).await;
    engine.relay(vec![stated(container(key(6, 10, "b"), "gone", 1)), removed(key(6, 10, "b"), 20)]).await;
    let mut foreign_key = key(5, 10, "z");
    foreign_key.origin = Some(host(2));
    let mut foreign = facts(1, vec![stated(container(foreign_key, "foreign", 1))]);
    foreign.origin = Some(host(2));
    engine.try_relay(foreign).await.unwrap();
    let mut watching = engine.watch(watch_host(1, 0)).await;
    let (_, names) = watching.snapshot().await;
    assert_eq!(names, ["web"]);
    engine.relay(vec![stated(container(key(7, 30, "c"), "new", 1))]).await;
    let (first, Kind::Delta(delta)) = watching.next_news().await else { panic!("no delta") };
    assert_eq!((delta.upserts.len(), delta.tombstones.len()), (1, 0));
    engine.relay(vec![removed(key(7, 30, "c"), 40)]).await;
    let (second, Kind::Delta(delta)) = watching.next_news().await else { panic!("no delta") };
    assert!(second > first);
    assert_eq!(delta.tombstones[0].ended_ns, 40);
    assert_eq!(delta.tombstones[0].version, delta.upserts[0].version);
    // Heartbeats go on, and carry the revision.
    let heartbeat = watching.next().await;
    assert!(matches!(heartbeat.kind, Some(Kind::Heartbeat(_))));
    match crate::HAS_OWN_REVISIONS {
        true => assert_eq!(heartbeat.revision, second),
        false => assert!(heartbeat.revision >= second),
    }
    service.shutdown().await;
}

/// Scenario: a watcher comes back with its last revision, also after a restart; another with revisions that are not of this
/// store. Guarantees: the first gets what it missed and nothing else; the others are reset and get a snapshot.
#[tokio::test]
async fn a_watcher_resumes_or_is_reset() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(container(key(5, 10, "a"), "web", 1))]).await;
    let mut watching = engine.watch(watch_host(1, 0)).await;
    let (revision, _) = watching.snapshot().await;
    drop(watching);
    engine.relay(vec![stated(container(key(6, 10, "b"), "db", 1)), removed(key(5, 10, "a"), 50)]).await;
    drop(engine);
    service.shutdown().await;
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let mut watching = engine.watch(watch_host(1, revision)).await;
    let (_, Kind::Delta(delta)) = watching.next_news().await else { panic!("no delta") };
    assert_eq!((delta.upserts.len(), delta.tombstones.len()), (2, 1));
    assert!(matches!(watching.next_news().await.1, Kind::SnapshotComplete(_)));
    for strange in [1, u64::MAX] {
        let mut watching = engine.watch(watch_host(1, strange)).await;
        let (_, Kind::Reset(reset)) = watching.next_news().await else { panic!("no reset") };
        assert!(!reset.reason.is_empty());
        assert_eq!(watching.snapshot().await.1, ["db"]);
    }
    service.shutdown().await;
}

/// Scenario: a watcher says anew what it watches. Guarantees: the new request replaces the one before.
#[tokio::test]
async fn a_new_request_replaces_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(container(key(5, 10, "a"), "web", 1))]).await;
    let mut watching = engine.watch(watch_host(2, 0)).await;
    assert!(watching.snapshot().await.1.is_empty());
    watching.requests.send(watch_host(1, 0)).await.unwrap();
    assert_eq!(watching.snapshot().await.1, ["web"]);
    service.shutdown().await;
}

/// Scenario: a watcher does not read while one container changes very often, with much text each time, and others come.
/// Guarantees: the service goes on; the watcher then reads far fewer changes than there were, and the last state of each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_watcher_skips_what_was_overtaken() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let mut watching = engine.watch(watch_host(1, 0)).await;
    watching.snapshot().await;
    let text = "x".repeat(100_000);
    for round in 1..=200 {
        let mut changed = container(key(5, 10, "a"), &format!("name {round}"), round);
        changed.cni_result = text.clone();
        engine.relay(vec![stated(changed)]).await;
    }
    let (mut count, mut last) = (0, String::new());
    while last != "name 200" {
        let (_, Kind::Delta(delta)) = watching.next_news().await else { panic!("no delta") };
        count += delta.upserts.len();
        let Some(entity::Kind::Container(container)) = delta.upserts[0].kind.clone() else {
            panic!("no container")
        };
        last = container.name;
    }
    assert!(count < 150, "{count} changes were kept for a watcher that did not read");
    service.shutdown().await;
}

/// Scenario: ends that a watcher has not read are forgotten, for want of room. Guarantees: when it comes back, it is reset.
#[tokio::test]
async fn a_watcher_behind_forgotten_ends_is_reset() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.store.max_entities_per_scope = 10;
    let service = start_with(config).await;
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(container(key(5, 10, "a"), "web", 1))]).await;
    let mut watching = engine.watch(watch_host(1, 0)).await;
    let (revision, _) = watching.snapshot().await;
    drop(watching);
    engine.relay(vec![removed(key(5, 10, "a"), 20)]).await;
    for id in 100..110 {
        engine.relay(vec![stated(container(key(id, 30, &format!("c{id}")), "other", 1))]).await;
    }
    let mut watching = engine.watch(watch_host(1, revision)).await;
    assert!(matches!(watching.next_news().await.1, Kind::Reset(_)));
    assert_eq!(watching.snapshot().await.1.len(), 10);
    service.shutdown().await;
}
