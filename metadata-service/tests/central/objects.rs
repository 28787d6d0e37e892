//! Pages of the objects that clusters have told of.

use eyrie_proto::metadata::{
    ClusterDelta, ClusterHello, KubernetesKey, KubernetesObject, ListFilter, ListKind, ListRequest,
    ListResponse, Tombstone, Validity, entity, push_cluster_request::Kind, tombstone,
};
use tonic::Code;

use crate::{push::Pushing, support::*};

/// When the objects of these tests were made, nanoseconds since the epoch.
const CREATED_NS: u64 = 1_800_000_000_000_000_000;
const SECOND: u64 = 1_000_000_000;

fn key_of(cluster: &str, uid: &str) -> KubernetesKey {
    KubernetesKey { cluster_uid: cluster.into(), object_uid: uid.into() }
}

fn object(cluster: &str, kind: &str, place: &str, uid: &str) -> KubernetesObject {
    let (namespace, name) = place.split_once('/').unwrap();
    KubernetesObject {
        key: Some(key_of(cluster, uid)),
        kind: kind.into(),
        namespace: namespace.into(),
        name: name.into(),
        cluster_name: format!("name of {cluster}"),
        validity: Some(Validity { from_ns: CREATED_NS, until_ns: 0 }),
        ..KubernetesObject::default()
    }
}

/// A cluster that has told of these objects, and of the end of some at so many seconds.
async fn cluster(
    service: &metadata_service::Running,
    uid: &str,
    objects: Vec<KubernetesObject>,
    gone: &[(&str, u64)],
) -> Pushing {
    let hello = ClusterHello { cluster_uid: uid.into(), epoch: 1, ..ClusterHello::default() };
    let (mut pushing, _) = Pushing::hello(service, hello).await;
    pushing.snapshot(1, objects).await;
    let tombstone = |(object, seconds): &(&str, u64)| {
        let key = Some(tombstone::Key::Kubernetes(key_of(uid, object)));
        Tombstone { key, version: 0, ended_ns: CREATED_NS + seconds * SECOND }
    };
    let tombstones = gone.iter().map(tombstone).collect();
    pushing.tell(Kind::Delta(ClusterDelta { ordinal: 3, upserts: Vec::new(), tombstones })).await;
    pushing
}

/// Two clusters whose objects have the same names, and one uid.
async fn two_clusters(service: &metadata_service::Running) -> [Pushing; 2] {
    let first = vec![
        object("c1", "Pod", "shop/web", "aa-1"),
        object("c1", "Pod", "shop/gone", "aa-2"),
        object("c1", "Pod", "bank/web", "ab-1"),
        object("c1", "Deployment", "shop/web", "bb-1"),
        object("c1", "Node", "/web", "cc-1"),
    ];
    let second = vec![object("c2", "Pod", "shop/web", "aa-1")];
    [cluster(service, "c1", first, &[("aa-2", 60)]).await, cluster(service, "c2", second, &[]).await]
}

fn request(filter: ListFilter) -> ListRequest {
    ListRequest { kind: ListKind::KubernetesObjects.into(), filter: Some(filter), ..ListRequest::default() }
}

/// cluster:kind:namespace/name of each of a page.
fn told(page: &ListResponse) -> Vec<String> {
    let tell =
        |listed: &eyrie_proto::metadata::ListedEntity| match listed.entity.clone().unwrap().kind.unwrap() {
            entity::Kind::KubernetesObject(object) => {
                let cluster = object.key.unwrap().cluster_uid;
                format!("{cluster}:{}:{}/{}", object.kind, object.namespace, object.name)
            }
            other => panic!("{other:?}"),
        };
    page.entities.iter().map(tell).collect()
}

async fn list(engine: &mut Engine, request: ListRequest) -> ListResponse {
    engine.client.list(request).await.unwrap().into_inner()
}

/// Scenario: two clusters with objects of equal names and one equal uid, of which one has ended; every filter by itself, and some
/// together. Guarantees: each picks what it says; equal uids of two clusters are two objects; what is about hosts and images picks no object.
#[tokio::test]
async fn filters_pick_objects() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    engine.relay(vec![stated(container(key(5, 100, "aa-1"), "web", 1))]).await;
    let _clusters = two_clusters(&service).await;
    let any = ListFilter::default;
    let text = |text: &str| text.to_owned();
    let [web, gone, bank] = ["c1:Pod:shop/web", "c1:Pod:shop/gone", "c1:Pod:bank/web"];
    let [deployment, node, other] = ["c1:Deployment:shop/web", "c1:Node:/web", "c2:Pod:shop/web"];
    let ended = ListFilter { include_ended: true, ..any() };
    let at = |seconds| ListFilter { as_of_epoch_ns: CREATED_NS + seconds * SECOND, ..any() };
    let cases = [
        (any(), &[web, bank, deployment, node, other][..]),
        (ended.clone(), &[web, gone, bank, deployment, node, other]),
        (ListFilter { object_kind: text("Pod"), ..any() }, &[web, bank, other]),
        (ListFilter { object_kind: text("pod"), ..any() }, &[]),
        (ListFilter { object_kind: text("Pod"), namespace: text("shop"), ..ended }, &[web, gone, other]),
        (ListFilter { namespace: text("bank"), ..any() }, &[bank]),
        (ListFilter { name: text("web"), ..any() }, &[web, bank, deployment, node, other]),
        (ListFilter { name: text("web"), object_kind: text("Node"), ..any() }, &[node]),
        (ListFilter { id_prefix: text("aa-"), ..any() }, &[web, other]),
        (ListFilter { id_prefix: text("ab"), namespace: text("shop"), ..any() }, &[]),
        (at(59), &[web, gone, bank, deployment, node, other]),
        (at(61), &[web, bank, deployment, node, other]),
        (ListFilter { as_of_epoch_ns: CREATED_NS - SECOND, ..any() }, &[]),
        (ListFilter { hosts: vec![text("c1")], ..any() }, &[]),
        (ListFilter { origins: vec![host(1)], ..any() }, &[]),
    ];
    for (filter, expected) in cases {
        let page = list(&mut engine, request(filter.clone())).await;
        assert_eq!(told(&page), expected, "{filter:?}");
        assert_eq!((&*page.next_page_token, page.notes), ("", Vec::new()), "{filter:?}");
    }
    service.shutdown().await;
}

/// Scenario: the objects of two clusters one, two and three at a time, while another is made after the first page. Guarantees: all pages
/// together have each object, once, and no page has more than was asked for; an object says when it began and ended.
#[tokio::test]
async fn pages_have_all_objects() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let [mut first, _second] = two_clusters(&service).await;
    let whole = list(&mut engine, request(ListFilter { include_ended: true, ..ListFilter::default() })).await;
    let times = |listed: &eyrie_proto::metadata::ListedEntity| (listed.from_epoch_ns, listed.until_epoch_ns);
    assert_eq!(times(&whole.entities[0]), (CREATED_NS, 0));
    assert_eq!(times(&whole.entities[1]), (CREATED_NS, CREATED_NS + 60 * SECOND));
    assert!(whole.entities.iter().all(|listed| listed.hostname.is_empty()));
    for size in 1..=3 {
        let mut asked = ListRequest { page_size: size, ..request(ListFilter::default()) };
        let mut all = Vec::new();
        for number in 0.. {
            let page = list(&mut engine, asked.clone()).await;
            assert!(page.entities.len() <= size as usize && number < 20);
            all.extend(told(&page));
            if number == 0 {
                let ordinal = 3 + u64::from(size);
                let new = object("c1", "Pod", "shop/new", &format!("dd-{size}"));
                first
                    .tell(Kind::Delta(ClusterDelta { ordinal, upserts: vec![new], tombstones: Vec::new() }))
                    .await;
            }
            asked.page_token = page.next_page_token;
            if asked.page_token.is_empty() {
                break;
            }
        }
        let count = |name: &str| all.iter().filter(|told| *told == name).count();
        for name in [
            "c1:Pod:shop/web",
            "c1:Pod:bank/web",
            "c1:Deployment:shop/web",
            "c1:Node:/web",
            "c2:Pod:shop/web",
        ] {
            assert_eq!(count(name), 1, "{name} of {all:?}");
        }
        assert_eq!(count("c1:Pod:shop/new"), size as usize, "{all:?}");
    }
    service.shutdown().await;
}

/// Scenario: requests that name no kind of entity, are too long, or go on from nowhere. Guarantees: each is refused with the field
/// that is wrong.
#[tokio::test]
async fn malformed_lists_of_objects_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let _clusters = two_clusters(&service).await;
    let long = || "x".repeat(10_000);
    let cases = [
        ("kind", ListRequest { kind: 99, ..request(ListFilter::default()) }),
        ("filter.object_kind", request(ListFilter { object_kind: long(), ..ListFilter::default() })),
        ("filter.namespace", request(ListFilter { namespace: long(), ..ListFilter::default() })),
        ("filter.id_prefix", request(ListFilter { id_prefix: long(), ..ListFilter::default() })),
        ("page_token", ListRequest { page_token: "!".into(), ..request(ListFilter::default()) }),
    ];
    for (field, request) in cases {
        let status = engine.client.list(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status:?}");
        assert!(status.message().contains(field), "{field}: {}", status.message());
    }
    service.shutdown().await;
}
