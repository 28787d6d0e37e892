//! Answers as of moments.

use std::time::{Duration, Instant};

use eyrie_proto::metadata::{
    AnswerState, Completeness, KubernetesKey, ListKind, ListRequest, query, watch_response,
};

use crate::support::*;

/// Scenario: a container that began and ended. Guarantees: it is found from its birth to before its end, and absent
/// before, after and now.
#[tokio::test]
async fn a_container_is_found_in_its_time_only() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(container(key(5, 100, "a"), "web", 1))]).await;
    assert_eq!(engine.name(key(5, 100, "a"), 0).await.0, AnswerState::Found);
    engine.relay(vec![removed(key(5, 100, "a"), 200)]).await;
    for (as_of_ns, state) in [
        (99, AnswerState::Absent),
        (100, AnswerState::Found),
        (199, AnswerState::Found),
        (200, AnswerState::Absent),
        (0, AnswerState::Absent),
    ] {
        for key in [key(5, 100, "a"), key(5, 100, ""), key(5, 0, ""), key(0, 0, "a")] {
            let answer = engine.lookup(key.clone(), as_of_ns).await;
            assert_eq!(answer.state(), state, "{key:?} as of {as_of_ns}");
            assert_eq!(answer.expires_after_ms > 0, state == AnswerState::Absent);
        }
    }
    service.shutdown().await;
}

/// Scenario: a cgroup id is used by one container after another, and the end of the first was never told. Guarantees: each
/// key and each moment has its own container or none, never the other one; the later birth is an end of the earlier.
#[tokio::test]
async fn a_reused_cgroup_id_is_another_container() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    // The later one first: the order of facts does not matter.
    engine.relay(vec![stated(container(key(5, 300, "b"), "second", 1))]).await;
    engine.relay(vec![stated(container(key(5, 100, "a"), "first", 2))]).await;
    let found = |name: &str| (AnswerState::Found, name.to_owned());
    let absent = (AnswerState::Absent, String::new());
    assert_eq!(engine.name(key(5, 100, ""), 250).await, found("first"));
    assert_eq!(engine.name(key(5, 100, ""), 300).await, absent);
    assert_eq!(engine.name(key(5, 300, ""), 250).await, absent);
    assert_eq!(engine.name(key(5, 300, ""), 0).await, found("second"));
    assert_eq!(engine.name(key(5, 0, ""), 250).await, found("first"));
    assert_eq!(engine.name(key(5, 0, ""), 350).await, found("second"));
    assert_eq!(engine.name(key(5, 0, "a"), 0).await, absent);
    for unknown in [key(5, 200, ""), key(5, 100, "b"), key(5, 0, "c"), key(6, 100, "a")] {
        assert_eq!(engine.lookup(unknown, 250).await.state(), AnswerState::Pending);
    }
    service.shutdown().await;
}

/// Scenario: two containers of unknown birth share a control group's id, and a question knows nothing else. Guarantees: the
/// answer is that it cannot be told.
#[tokio::test]
async fn what_is_ambiguous_is_not_guessed() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let one = stated(container(key(5, 0, "a"), "one", 1));
    engine.relay(vec![one, stated(container(key(5, 0, "b"), "two", 1))]).await;
    let answer = engine.lookup(key(5, 0, ""), 50).await;
    assert_eq!(answer.state(), AnswerState::Unavailable);
    assert!(answer.reason.contains("2 containers fit"), "{}", answer.reason);
    assert_eq!(engine.name(key(5, 0, "b"), 50).await, (AnswerState::Found, "two".into()));
    service.shutdown().await;
}

/// Scenario: a container is started again: the same runtime id in other control groups. Guarantees: each life is found by
/// the runtime id in its own time.
#[tokio::test]
async fn lives_of_one_runtime_id_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(container(key(5, 100, "a"), "web", 1)), removed(key(5, 100, "a"), 200)]).await;
    engine.relay(vec![stated(container(key(6, 300, "a"), "web again", 2))]).await;
    assert_eq!(engine.name(key(0, 0, "a"), 150).await.1, "web");
    assert_eq!(engine.name(key(0, 0, "a"), 250).await.0, AnswerState::Absent);
    assert_eq!(engine.name(key(0, 0, "a"), 0).await.1, "web again");
    service.shutdown().await;
}

/// Scenario: something unknown is asked for until patience is over. Guarantees: it is pending first, then absent with an
/// expiry, and found as soon as a fact comes.
#[tokio::test]
async fn unknown_is_pending_then_absent_then_found() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    assert_eq!(engine.lookup(key(5, 10, "a"), 50).await.state(), AnswerState::Pending);
    let deadline = Instant::now() + PATIENCE;
    let absent = loop {
        let answer = engine.lookup(key(5, 10, "a"), 60).await;
        if answer.state() == AnswerState::Absent {
            break answer;
        }
        assert!(Instant::now() < deadline, "never absent");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(absent.expires_after_ms > 0);
    engine.relay(vec![stated(container(key(5, 10, "a"), "web", 1))]).await;
    assert_eq!(engine.lookup(key(5, 10, "a"), 60).await.state(), AnswerState::Found);
    service.shutdown().await;
}

/// Scenario: a question waits; the fact comes meanwhile, first in part, then whole. Another waits for what never comes.
/// Guarantees: the first answer is whole, and was there long before its time was over; the second is pending after its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_waits_for_what_is_on_its_way() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let mut asking = Engine::connect(&service).await;
    let asked = Instant::now();
    let waiting =
        tokio::spawn(async move { asking.ask(query::Key::Container(key(5, 10, "a")), 50, 5_000).await });
    let mut partial = container(key(5, 10, "a"), "web", 1);
    partial.completeness = Completeness::Pending.into();
    engine.relay(vec![stated(partial)]).await;
    let pending = engine.lookup(key(5, 10, "a"), 50).await;
    assert_eq!(pending.state(), AnswerState::Pending);
    assert_eq!(container_of(&pending).unwrap().name, "web");
    engine.relay(vec![stated(container(key(5, 10, "a"), "web", 2))]).await;
    assert_eq!(waiting.await.unwrap().state(), AnswerState::Found);
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    let asked = Instant::now();
    let answer = engine.ask(query::Key::Container(key(6, 10, "b")), 50, 100).await;
    assert_eq!(answer.state(), AnswerState::Pending);
    assert!(asked.elapsed() >= Duration::from_millis(100));
    service.shutdown().await;
}

/// Scenario: an object of a cluster that never reported. Guarantees: it cannot be told, and the reason names the cluster.
#[tokio::test]
async fn silent_clusters_are_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let key = KubernetesKey { cluster_uid: "c1".into(), object_uid: "o1".into() };
    let answer = engine.ask(query::Key::Kubernetes(key), 0, 1_000).await;
    assert_eq!(answer.state(), AnswerState::Unavailable);
    assert!(answer.reason.contains("c1"), "{}", answer.reason);
    service.shutdown().await;
}

/// Scenario: something is asked for before its life, after it, and now that it has ended; something of which nothing is known is asked for
/// until it is absent. Guarantees: what is over and done may be remembered for long; what may begin again, or still be told, only for as
/// long as is configured.
#[tokio::test]
async fn negatives_expire_by_what_may_become_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.lookup.negative_expiry = Duration::from_millis(1_234);
    config.lookup.patience = Duration::ZERO;
    let service = start_with(config).await;
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(container(key(5, 100, "a"), "web", 1)), removed(key(5, 100, "a"), 200)]).await;
    let hour_ms = 3_600_000;
    for (asked, as_of_ns, expires_after_ms) in [
        (key(5, 100, "a"), 99, hour_ms),
        (key(5, 100, "a"), 200, hour_ms),
        (key(0, 0, "a"), 0, 1_234),
        (key(6, 100, "b"), 150, 1_234),
        (key(0, 0, "b"), 0, 1_234),
    ] {
        let answer = engine.lookup(asked.clone(), as_of_ns).await;
        assert_eq!(
            (answer.state(), answer.expires_after_ms),
            (AnswerState::Absent, expires_after_ms),
            "{asked:?} as of {as_of_ns}"
        );
    }
    engine.relay(vec![stated(container(key(7, 300, "a"), "web again", 2))]).await;
    assert_eq!(engine.name(key(0, 0, "a"), 0).await, (AnswerState::Found, "web again".into()));
    service.shutdown().await;
}

/// Scenario: a container ends and its tombstone expires while the service runs. Guarantees: until then it is found in its time; after that
/// its time cannot be told about any more, which is not absence, while later moments can; a watcher from before starts afresh.
#[tokio::test]
async fn expired_tombstones_are_no_absence() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.lookup.patience = Duration::ZERO;
    config.store.tombstone_retention = Duration::from_secs(1);
    let service = start_with(config).await;
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(container(key(5, 100, "a"), "web", 1))]).await;
    let mut watching = engine.watch(watch_host(1, 0)).await;
    let (revision, _) = watching.snapshot().await;
    drop(watching);
    engine.relay(vec![removed(key(5, 100, "a"), 200)]).await;
    assert_eq!(engine.name(key(5, 100, "a"), 150).await.0, AnswerState::Found);
    let deadline = Instant::now() + PATIENCE;
    let answer = loop {
        let answer = engine.lookup(key(5, 100, "a"), 150).await;
        if answer.state() != AnswerState::Found {
            break answer;
        }
        assert!(Instant::now() < deadline, "never forgotten");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(answer.state(), AnswerState::Unavailable);
    assert!(answer.reason.contains("forgotten already"), "{}", answer.reason);
    assert_eq!(engine.lookup(key(5, 100, "a"), 200).await.state(), AnswerState::Absent);
    let mut watching = engine.watch(watch_host(1, revision)).await;
    assert!(matches!(watching.next_news().await.1, watch_response::Kind::Reset(_)));
    assert!(watching.snapshot().await.1.is_empty());
    service.shutdown().await;
}

/// Scenario: a container is told of, told of anew, and ends; another one changes between. Guarantees: versions of both grow with every
/// change, over all entities in the order of the changes, and Lookup, List and Watch tell the same one.
#[tokio::test]
async fn versions_order_all_changes() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let mut versions = Vec::new();
    for (id, name, observed_ns) in
        [("a", "web", 1), ("b", "db", 1), ("a", "web", 2), ("b", "db again", 2), ("a", "web 3", 3)]
    {
        let key = key(if id == "a" { 5 } else { 6 }, 100, id);
        engine.relay(vec![stated(container(key.clone(), name, observed_ns))]).await;
        versions.push(engine.lookup(key, 0).await.entity.unwrap().version);
    }
    assert!(versions.is_sorted_by(|before, after| before < after), "{versions:?}");
    let request = ListRequest { kind: ListKind::Containers.into(), ..ListRequest::default() };
    let listed = engine.client.list(request).await.unwrap().into_inner().entities;
    let listed: Vec<u64> = listed.into_iter().map(|one| one.entity.unwrap().version).collect();
    assert_eq!(listed, [versions[4], versions[3]]);
    let mut watching = engine.watch(watch_host(1, 0)).await;
    let (_, watch_response::Kind::Delta(delta)) = watching.next_news().await else { panic!("no delta") };
    assert_eq!(delta.upserts.iter().map(|one| one.version).collect::<Vec<_>>(), [versions[3], versions[4]]);
    let (_, watch_response::Kind::SnapshotComplete(_)) = watching.next_news().await else { panic!("more") };
    engine.relay(vec![removed(key(5, 100, "a"), 200)]).await;
    let (_, watch_response::Kind::Delta(delta)) = watching.next_news().await else { panic!("no delta") };
    assert!(delta.tombstones[0].version > versions[4]);
    service.shutdown().await;
}
