//! Replicas that come late, or come back.

use std::time::Duration;

use eyrie_proto::metadata::{AnswerState, watch_response::Kind};
use test_requirements::{Requirement, requires};

use crate::{nats_server::NatsServer, pair::*, support::*};

/// Scenario: a replica starts on an empty directory when the bucket is full; later it is away while things change. Guarantees: it
/// answers all from its first moment, and after coming back all that it missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_comes_late_knows_all() {
    requires!(Requirement::Containers);
    let server = NatsServer::start();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let config = |index: usize| config_of(folders[index].path(), server.bucket(BUCKET));
    let one = start_with(config(0)).await;
    let mut engine = Engine::connect(&one).await;
    let many = (1..=300).map(|id| stated(container(key(id, 10, &format!("id {id}")), &format!("c{id}"), 1)));
    engine.relay(many.collect()).await;
    let other = start_with(config(1)).await;
    let mut late = Engine::connect(&other).await;
    for id in [1, 150, 300] {
        let of = key(id, 10, &format!("id {id}"));
        assert_eq!(late.name(of.clone(), 0).await, (AnswerState::Found, format!("c{id}")));
        assert_eq!(version(&mut late, &of).await, version(&mut engine, &of).await);
    }
    drop(late);
    other.shutdown().await;
    engine.relay(vec![stated(container(key(150, 10, "id 150"), "changed", 2))]).await;
    let other = start_with(config(1)).await;
    let mut late = Engine::connect(&other).await;
    assert_eq!(late.name(key(150, 10, "id 150"), 0).await.1, "changed");
    assert_eq!(late.name(key(151, 10, "id 151"), 0).await.1, "c151");
    one.shutdown().await;
    other.shutdown().await;
}

/// Scenario: a replica is away while a container ends, its tombstone is forgotten and the marker of that cleared away; its watcher
/// comes back with it. Guarantees: the replica does not have the container any more, and the watcher is reset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_away_for_longer_than_removals_are_told_starts_anew() {
    requires!(Requirement::Containers);
    let server = NatsServer::start();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let config = |index: usize| {
        let mut config = config_of(folders[index].path(), server.bucket(BUCKET));
        config.store.tombstone_retention = Duration::from_secs(1);
        config
    };
    let (one, other) = (start_with(config(0)).await, start_with(config(1)).await);
    let (mut engine, mut late) = (Engine::connect(&one).await, Engine::connect(&other).await);
    let (web, db) = (key(5, 10, "a"), key(6, 10, "b"));
    engine
        .relay(vec![stated(container(web.clone(), "web", 1)), stated(container(db.clone(), "db", 1))])
        .await;
    until_named(&mut late, &web, "web").await;
    let mut watching = late.watch(watch_host(1, 0)).await;
    let (revision, _) = watching.snapshot().await;
    drop((watching, late));
    other.shutdown().await;
    engine.relay(vec![removed(web.clone(), 50)]).await;
    // The scope, the other container and the horizon are what is left.
    let mut stream = server.stream(BUCKET).await;
    let cleared = async {
        loop {
            let subjects: Vec<String> = keys_of(&mut stream).await;
            if subjects.len() == 3 && subjects.iter().any(|subject| subject.ends_with("m.horizon")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, cleared).await.unwrap();
    let other = start_with(config(1)).await;
    let mut late = Engine::connect(&other).await;
    let (state, name) = late.name(web, 0).await;
    assert!(state != AnswerState::Found && name.is_empty(), "{state:?} {name}");
    assert_eq!(late.name(db.clone(), 0).await, (AnswerState::Found, "db".to_owned()));
    let mut watching = late.watch(watch_host(1, revision)).await;
    assert!(matches!(watching.next_news().await.1, Kind::Reset(_)));
    assert_eq!(watching.snapshot().await.1, ["db"]);
    // The same container comes again, under the key that it had.
    engine.relay(vec![stated(container(key(5, 10, "a"), "web", 9))]).await;
    until_named(&mut late, &key(5, 10, "a"), "web").await;
    one.shutdown().await;
    other.shutdown().await;
}

async fn keys_of(stream: &mut async_nats::jetstream::stream::Stream) -> Vec<String> {
    use futures_util::TryStreamExt as _;
    let subjects = stream.info_with_subjects(">").await.unwrap();
    subjects.map_ok(|(subject, _)| subject).try_collect().await.unwrap()
}
