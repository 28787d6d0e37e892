//! How listings are read, and that older stores can be.

use std::collections::HashSet;

use super::*;
use crate::{
    record::RecordKind,
    store::{ImagePattern, Listing},
};

fn everything() -> Listing {
    Listing {
        kind: RecordKind::Container,
        tenants: None,
        origins: None,
        hosts: HashSet::new(),
        id_prefix: String::new(),
        name: String::new(),
        namespace: String::new(),
        image: None,
        object_kind: String::new(),
        is_ended_wanted: false,
        as_of_epoch_ns: 0,
        after: None,
        limit: 100,
    }
}

/// Scenario: listings by each of the filters that have an index. Guarantees: SQLite searches that index, and sorts nothing.
#[test]
fn listings_search_and_do_not_sort() {
    let directory = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(directory.path(), StoreLimits::default()).unwrap());
    let mut connection = rusqlite::Connection::open(directory.path().join(FILE_NAME)).unwrap();
    let transaction = connection.transaction().unwrap();
    for (listing, index) in [
        (everything(), "entity_by_object (scope=? AND kind=? AND object_id>"),
        (
            Listing { id_prefix: "a".into(), name: "n".into(), ..everything() },
            "entity_by_object (scope=? AND kind=? AND object_id>",
        ),
        (
            Listing { name: "n".into(), ..everything() },
            "entity_by_name (scope=? AND kind=? AND name=? AND object_id>",
        ),
        (
            Listing { image: ImagePattern::new("n"), ..everything() },
            "entity_by_image (scope=? AND kind=? AND image_name=? AND object_id>",
        ),
        (
            Listing { namespace: "n".into(), ..everything() },
            "entity_by_namespace (scope=? AND kind=? AND namespace=? AND object_id>",
        ),
    ] {
        let query = format!("EXPLAIN QUERY PLAN {}", list::query(&listing));
        let mut explained = transaction.prepare(&query).unwrap();
        let count = explained.parameter_count();
        let values = rusqlite::params_from_iter(std::iter::repeat_n("", count));
        let plan: Vec<String> =
            explained.query_map(values, |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(plan.len(), 1, "{plan:?}");
        assert!(plan[0].starts_with("SEARCH") && plan[0].contains(index), "{plan:?}");
    }
}

/// Scenario: a store as version 1 left it, with more rows than are read at once. Guarantees: it is opened, and what it has is listed by
/// every filter, and found by its pods.
#[tokio::test]
async fn a_store_of_version_1_can_be_listed() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), StoreLimits::default()).unwrap();
    let state = |id: u64| {
        let name = name(id, 10, &format!("c{id}"));
        let mut container = container(&name, &format!("name-{id}"));
        container.image = Some(eyrie_proto::metadata::Image {
            repository: format!("example.org/image-{id}"),
            ..Default::default()
        });
        container.pod_namespace = format!("ns-{id}");
        container.pod_uid = format!("pod-{id}");
        Statement::Container(name, container)
    };
    apply(&store, &origin("/host/m/b"), (1..=600).map(state).collect()).await;
    drop(store);
    let connection = rusqlite::Connection::open(directory.path().join(FILE_NAME)).unwrap();
    connection
        .execute_batch(
            "DROP TABLE rejoin; DROP INDEX scope_of_clusters; DROP INDEX entity_by_pod; DROP INDEX entity_by_uid;
             DROP INDEX object_by_namespace; DROP INDEX entity_by_owner; DROP INDEX entity_by_join;
             ALTER TABLE scope DROP COLUMN tenant; ALTER TABLE scope DROP COLUMN title;
             ALTER TABLE scope DROP COLUMN whole_epoch; ALTER TABLE scope DROP COLUMN is_whole;
             ALTER TABLE entity DROP COLUMN pod_uid; ALTER TABLE entity DROP COLUMN object_kind;
             ALTER TABLE entity DROP COLUMN object_namespace; ALTER TABLE entity DROP COLUMN owner_uid;
             ALTER TABLE entity DROP COLUMN join_by_ms;
             DROP INDEX entity_by_name; DROP INDEX entity_by_namespace; DROP INDEX entity_by_image;
             ALTER TABLE entity DROP COLUMN name; ALTER TABLE entity DROP COLUMN namespace;
             ALTER TABLE entity DROP COLUMN image_name; PRAGMA user_version = 1;",
        )
        .unwrap();
    drop(connection);
    let store = SqliteStore::open(directory.path(), StoreLimits::default()).unwrap();
    let connection = rusqlite::Connection::open(directory.path().join(FILE_NAME)).unwrap();
    let query = "SELECT count(*) FROM entity WHERE pod_uid = 'pod-555' AND object_id = 'c555'";
    assert_eq!(connection.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    for listing in [
        Listing { name: "name-555".into(), ..everything() },
        Listing { namespace: "ns-555".into(), ..everything() },
        Listing { image: ImagePattern::new("image-555"), ..everything() },
        Listing { id_prefix: "c555".into(), ..everything() },
    ] {
        let page = store.list(Arc::new(listing.clone())).await.unwrap();
        assert_eq!(page.entities.len(), 1, "{listing:?}");
    }
    apply(&store, &origin("/host/m/b"), vec![stated(&name(555, 10, "c555"), "another")]).await;
    let renamed = Listing { name: "another".into(), ..everything() };
    assert_eq!(store.list(Arc::new(renamed)).await.unwrap().entities.len(), 1);
    let old = Listing { name: "name-555".into(), ..everything() };
    assert!(store.list(Arc::new(old)).await.unwrap().entities.is_empty());
}

/// Scenario: containers of four origins come, change and end in turn; changes of two of them are read from several places, and again among so
/// many origins that those are not looked up one by one. Guarantees: both ways read the same.
#[tokio::test]
async fn changes_of_few_origins_are_those_of_many() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), StoreLimits::default()).unwrap();
    let scope = |number: u64| origin(&format!("/host/{number}/b"));
    for round in 0..4 {
        for number in 0..4 {
            let stated = |id: u64| stated(&name(id, 10, &format!("c{id}")), &format!("{round}"));
            let changed = (1..=300).filter(|id| (id + number) % 4 >= round).map(stated);
            apply(&store, &scope(number), changed.collect()).await;
            let ended = (1..=300).filter(|id| (id + number) % 29 == round);
            apply(
                &store,
                &scope(number),
                ended.map(|id| removed(&name(id, 10, &format!("c{id}")), 99)).collect(),
            )
            .await;
        }
    }
    let few: HashSet<Scope> = [scope(1), scope(3), origin("unheard")].into();
    let many: HashSet<Scope> = few.iter().cloned().chain((10..110).map(scope)).collect();
    let last = store.revisions().borrow().last;
    for (after_revision, snapshot_through) in [(0, last), (0, 0), (last - 700, last - 700), (last, last)] {
        let mut read = Vec::new();
        for scopes in [&few, &many] {
            let (mut from, mut told) = (ChangesFrom { after_revision, snapshot_through }, Vec::new());
            loop {
                let changes = store.changes(Arc::new(scopes.clone()), from).await.unwrap();
                told.extend(changes.upserts.iter().map(|entity| entity.version));
                from.after_revision = changes.through_revision;
                if changes.is_end {
                    break;
                }
            }
            assert_eq!(from.after_revision, last);
            read.push(told);
        }
        assert_eq!(read[0], read[1], "after {after_revision}");
        assert_eq!(read[0].is_empty(), after_revision == last);
    }
}
