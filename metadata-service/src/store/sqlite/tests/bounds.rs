//! What is kept, and what goes first.

use std::time::Duration;

use super::*;

/// Scenario: more containers than a scope may have, some of them ended. Guarantees: the ended go first, then the longest
/// unchanged; each is counted, and from then on absence cannot be told.
#[tokio::test]
async fn tombstones_go_first() {
    let directory = tempfile::tempdir().unwrap();
    let limits = StoreLimits { max_entities_per_scope: 10, ..StoreLimits::default() };
    let store = SqliteStore::open(directory.path(), limits).unwrap();
    let scope = origin("o");
    let names: Vec<_> = (1..=16).map(|id| name(id, 100, &format!("c{id}"))).collect();
    let state = |names: &[ContainerName]| names.iter().map(|name| stated(name, "n")).collect();
    apply(&store, &scope, state(&names[..10])).await;
    apply(&store, &scope, vec![removed(&names[4], 200), removed(&names[5], 300)]).await;
    apply(&store, &scope, state(&names[10..12])).await;
    let metrics = store.metrics();
    assert_eq!((metrics.evicted_tombstones.get(), metrics.evicted_entities.get()), (2, 0));
    let Finding::Unknown(unknown) = find(&store, &scope, &names[4], 150).await else { panic!("kept") };
    assert_eq!((unknown.forgotten_until_ns, unknown.forgotten_entities), (300, 0));
    apply(&store, &scope, state(&names[12..14])).await;
    assert_eq!((metrics.evicted_tombstones.get(), metrics.evicted_entities.get()), (2, 2));
    assert_eq!(metrics.entities.get(), 10);
    let Finding::Unknown(unknown) = find(&store, &scope, &names[0], 0).await else { panic!("kept") };
    assert_eq!(unknown.forgotten_entities, 2);
    assert!(found(&find(&store, &scope, &names[13], 0).await).is_some());
}

/// Scenario: more containers altogether than there may be, of several origins. Guarantees: those of the origin that was not
/// heard for longest go.
#[tokio::test]
async fn the_quiet_go_before_the_busy() {
    let directory = tempfile::tempdir().unwrap();
    let limits = StoreLimits { max_entities: 4, ..StoreLimits::default() };
    let store = SqliteStore::open(directory.path(), limits).unwrap();
    for scope in ["quiet", "busy"] {
        let names = [name(1, 1, "a"), name(2, 1, "b")];
        apply(&store, &origin(scope), names.iter().map(|name| stated(name, "n")).collect()).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    apply(&store, &origin("busy"), vec![stated(&name(3, 1, "c"), "n")]).await;
    assert_eq!(store.metrics().entities.get(), 4);
    assert_eq!(found(&find(&store, &origin("quiet"), &name(1, 1, "a"), 0).await), None);
    for (id, runtime_id) in [(1, "a"), (2, "b"), (3, "c")] {
        assert!(found(&find(&store, &origin("busy"), &name(id, 1, runtime_id), 0).await).is_some());
    }
}

/// Scenario: more origins than there may be. Guarantees: the one heard least recently goes with all that it had.
#[tokio::test]
async fn origins_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let limits = StoreLimits { max_scopes: 2, ..StoreLimits::default() };
    let store = SqliteStore::open(directory.path(), limits).unwrap();
    for scope in ["one", "two", "three"] {
        apply(&store, &origin(scope), vec![stated(&name(1, 1, "a"), scope)]).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let metrics = store.metrics();
    assert_eq!((metrics.scopes.get(), metrics.entities.get(), metrics.evicted_scopes.get()), (2, 2, 1));
    let gone = find(&store, &origin("one"), &name(1, 1, "a"), 0).await;
    assert!(matches!(gone, Finding::Unknown(unknown) if !unknown.is_scope_known), "{gone:?}");
}

/// Scenario: one container is started again and again. Guarantees: the number of its lives that are kept is bounded, and the
/// running one is found at once.
#[tokio::test]
async fn lives_of_one_container_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), StoreLimits::default()).unwrap();
    let scope = origin("o");
    for life in 1..=100 {
        let name = name(life, life * 10, "crashing");
        apply(&store, &scope, vec![stated(&name, &life.to_string()), removed(&name, life * 10 + 5)]).await;
    }
    apply(&store, &scope, vec![stated(&name(200, 2_000, "crashing"), "last")]).await;
    assert!(store.metrics().entities.get() <= 33, "{}", store.metrics().entities.get());
    assert_eq!(found(&find(&store, &scope, &name(0, 0, "crashing"), 0).await).as_deref(), Some("last"));
    assert_eq!(found(&find(&store, &scope, &name(0, 0, "crashing"), 992).await).as_deref(), Some("99"));
}

/// Scenario: ended containers, and a retention that is over at once. Guarantees: what has ended goes, what lives stays, and
/// readers that were before are known to be too late.
#[tokio::test]
async fn retention_ends() {
    let directory = tempfile::tempdir().unwrap();
    let limits = StoreLimits { tombstone_retention: Duration::ZERO, ..StoreLimits::default() };
    let store = SqliteStore::open(directory.path(), limits).unwrap();
    let (scope, ended, alive) = (origin("o"), name(1, 10, "a"), name(2, 10, "b"));
    let statements = vec![stated(&ended, "ended"), stated(&alive, "alive"), removed(&ended, 20)];
    apply(&store, &scope, statements).await;
    let before = *store.revisions().borrow();
    assert_eq!(found(&find(&store, &scope, &ended, 15).await).as_deref(), Some("ended"));
    store.forget_expired().await.unwrap();
    assert!(matches!(find(&store, &scope, &ended, 15).await, Finding::Unknown(_)));
    assert!(found(&find(&store, &scope, &alive, 15).await).is_some());
    assert_eq!(store.metrics().expired_tombstones.get(), 1);
    assert_eq!(store.revisions().borrow().forgotten_through, before.last);
}

/// Scenario: the file is of a newer version, or no database. Guarantees: opening says so, with what to do.
#[test]
fn strange_files_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(directory.path(), StoreLimits::default()).unwrap());
    let path = directory.path().join("metadata.sqlite");
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteStore::open(directory.path(), StoreLimits::default()).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 99, .. }), "{error}");
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("metadata.sqlite"), "no database at all, but long enough").unwrap();
    let error = SqliteStore::open(directory.path(), StoreLimits::default()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}
