//! Pages of what is known.

use eyrie_proto::metadata::{
    Completeness, Container, ContainerKey, FieldSource, Host, HostKey, Image, LateFact, ListFilter, ListKind,
    ListRequest, ListResponse, ListedEntity, Provenance, RelayFactsRequest, entity, late_fact,
};
use tonic::Code;

use crate::support::*;

/// When the hosts of these tests booted, nanoseconds since the epoch.
const BOOTED_NS: u64 = 1_800_000_000_000_000_000;

fn named_host(number: u64, hostname: &str) -> LateFact {
    let host = Host {
        key: Some(HostKey { origin: Some(host(number)) }),
        hostname: hostname.into(),
        booted_epoch_ns: BOOTED_NS,
        provenance: vec![Provenance { source: "uname".into(), observed_ns: 1, observer: "agent".into() }],
        ..Host::default()
    };
    LateFact { kind: Some(late_fact::Kind::Host(host)) }
}

fn on_host(number: u64, mut key: ContainerKey) -> ContainerKey {
    key.origin = Some(host(number));
    key
}

fn request(kind: ListKind, filter: ListFilter) -> ListRequest {
    ListRequest { kind: kind.into(), filter: Some(filter), ..ListRequest::default() }
}

async fn list(engine: &mut Engine, request: ListRequest) -> ListResponse {
    engine.client.list(request).await.unwrap().into_inner()
}

fn containers(listed: &[ListedEntity]) -> Vec<Container> {
    let container = |listed: &ListedEntity| match listed.entity.clone()?.kind? {
        entity::Kind::Container(container) => Some(container),
        _ => None,
    };
    listed.iter().map(|listed| container(listed).unwrap()).collect()
}

/// Host names and names of the containers that a filter picks.
async fn names(engine: &mut Engine, filter: ListFilter) -> Vec<String> {
    let entities = list(engine, request(ListKind::Containers, filter)).await.entities;
    let containers = containers(&entities);
    let name =
        |(listed, container): (&ListedEntity, Container)| format!("{}/{}", listed.hostname, container.name);
    entities.iter().zip(containers).map(name).collect()
}

/// All pages of a listing; `between` is done after the first.
async fn pages(engine: &mut Engine, mut request: ListRequest, between: Vec<LateFact>) -> Vec<ListResponse> {
    let mut pages = Vec::new();
    loop {
        let page = list(engine, request.clone()).await;
        request.page_token.clone_from(&page.next_page_token);
        pages.push(page);
        if pages.len() == 1 && !between.is_empty() {
            engine.relay(between.clone()).await;
        }
        if request.page_token.is_empty() {
            return pages;
        }
        assert!(pages.len() < 1_000, "pages without end");
    }
}

/// Two hosts, of which each has a container with one id; the first has two more, of which one has ended.
async fn two_hosts(engine: &mut Engine) {
    let mut web = container(key(5, 100, "aa11"), "web", 1);
    web.image =
        Some(Image { repository: "docker.io/library/nginx".into(), tag: "1.27".into(), ..Image::default() });
    web.pod_namespace = "shop".into();
    let db = container(key(6, 200, "bb22"), "db", 1);
    let gone = container(key(7, 100, "aa33"), "gone", 1);
    let facts_of_one = vec![named_host(1, "one"), stated(web), stated(db), stated(gone)];
    engine.relay(facts_of_one).await;
    engine.relay(vec![removed(key(7, 100, "aa33"), 300)]).await;
    let twin = container(on_host(2, key(5, 100, "aa11")), "twin", 1);
    let request =
        RelayFactsRequest { origin: Some(host(2)), ..facts(1, vec![named_host(2, "two"), stated(twin)]) };
    engine.try_relay(request).await.unwrap();
}

/// Scenario: every filter by itself and some together, over two hosts with equal ids. Guarantees: each picks what it says, of what
/// runs unless what has ended is asked for too; equal ids of two hosts are two entities.
#[tokio::test]
async fn filters_pick_what_they_say() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    two_hosts(&mut engine).await;
    let any = ListFilter::default;
    let named =
        |hosts: &[&str]| ListFilter { hosts: hosts.iter().map(ToString::to_string).collect(), ..any() };
    let machine = format!("{:032x}", 2);
    let cases = [
        (any(), &["one/web", "one/db", "two/twin"][..]),
        (ListFilter { include_ended: true, ..any() }, &["one/web", "one/gone", "one/db", "two/twin"]),
        (named(&["two"]), &["two/twin"]),
        (named(&[&machine]), &["two/twin"]),
        (named(&["00000000-0000-0000-0000-000000000002", "other"]), &["two/twin"]),
        (named(&["other", "host", ""]), &[]),
        (ListFilter { origins: vec![host(1)], ..any() }, &["one/web", "one/db"]),
        (ListFilter { id_prefix: "aa".into(), ..any() }, &["one/web", "two/twin"]),
        (ListFilter { id_prefix: "aa1".into(), ..named(&["one"]) }, &["one/web"]),
        (
            ListFilter { id_prefix: "aa".into(), include_ended: true, ..named(&["one"]) },
            &["one/web", "one/gone"],
        ),
        (ListFilter { id_prefix: "ab".into(), ..any() }, &[]),
        (ListFilter { name: "db".into(), ..any() }, &["one/db"]),
        (ListFilter { name: "gone".into(), ..any() }, &[]),
        (ListFilter { name: "gone".into(), include_ended: true, ..any() }, &["one/gone"]),
        (ListFilter { name: "web".into(), id_prefix: "bb".into(), ..any() }, &[]),
        (ListFilter { namespace: "shop".into(), ..any() }, &["one/web"]),
        (ListFilter { namespace: "shop".into(), name: "db".into(), ..any() }, &[]),
        (ListFilter { image: "nginx".into(), ..any() }, &["one/web"]),
        (ListFilter { image: "library/nginx:1.27".into(), ..any() }, &["one/web"]),
        (ListFilter { image: "nginx:1".into(), ..any() }, &[]),
        (ListFilter { image: "other/nginx".into(), ..any() }, &[]),
        (ListFilter { image: "example.org/db".into(), name: "db".into(), ..any() }, &["one/db"]),
    ];
    for (filter, expected) in cases {
        // Origins in their order, ids in theirs: aa11, aa33, bb22.
        assert_eq!(names(&mut engine, filter.clone()).await, expected, "{filter:?}");
    }
    let hosts = list(&mut engine, request(ListKind::Hosts, named(&["one"]))).await.entities;
    assert_eq!(hosts.len(), 1);
    assert_eq!(hosts[0].hostname, "one");
    let objects = list(&mut engine, request(ListKind::KubernetesObjects, any())).await;
    assert_eq!((objects.entities.len(), &*objects.next_page_token), (0, ""));
    service.shutdown().await;
}

/// Scenario: a container before, in and after its life, by wall time; one whose host never said when it booted. Guarantees: it is listed
/// in its time only, with its times on the wall clock; what has no place in time is left out with a note.
#[tokio::test]
async fn a_list_is_as_of_its_moment() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    two_hosts(&mut engine).await;
    let undated = RelayFactsRequest {
        origin: Some(host(3)),
        ..facts(1, vec![stated(container(on_host(3, key(5, 100, "cc")), "undated", 1))])
    };
    engine.try_relay(undated).await.unwrap();
    for (as_of_ns, expected) in [
        (50, &[][..]),
        (100, &["one/web", "one/gone", "two/twin"]),
        (299, &["one/web", "one/gone", "one/db", "two/twin"]),
        (300, &["one/web", "one/db", "two/twin"]),
    ] {
        let filter = ListFilter { as_of_epoch_ns: BOOTED_NS + as_of_ns, ..ListFilter::default() };
        assert_eq!(names(&mut engine, filter).await, expected, "as of {as_of_ns}");
    }
    let before_boot = ListFilter { as_of_epoch_ns: BOOTED_NS - 1, ..ListFilter::default() };
    let page = list(&mut engine, request(ListKind::Containers, before_boot.clone())).await;
    assert!(page.entities.is_empty());
    assert!(page.notes.iter().any(|note| note.contains("1 are left out")), "{:?}", page.notes);
    assert!(list(&mut engine, request(ListKind::Hosts, before_boot)).await.entities.is_empty());
    let filter = ListFilter { name: "gone".into(), include_ended: true, ..ListFilter::default() };
    let gone = list(&mut engine, request(ListKind::Containers, filter)).await.entities;
    assert_eq!((gone[0].from_epoch_ns, gone[0].until_epoch_ns), (BOOTED_NS + 100, BOOTED_NS + 300));
    service.shutdown().await;
}

/// Scenario: two sources tell of one container, the later one anew of a part. Guarantees: the list says which fields are whose, and
/// since when, beside version, completeness and provenance.
#[tokio::test]
async fn each_field_has_its_source() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let mut later = container(key(5, 100, "a"), "renamed", 9);
    later.image = Some(Image { tag: "2".into(), ..Image::default() });
    later.provenance[0].source = "docker-api".into();
    later.provenance.push(Provenance { source: "bundle".into(), observed_ns: 8, observer: "agent".into() });
    engine.relay(vec![stated(container(key(5, 100, "a"), "web", 1)), stated(later)]).await;
    let page = list(&mut engine, request(ListKind::Containers, ListFilter::default())).await;
    let source = |source: &str, observed_ns, fields: &[&str]| FieldSource {
        source: source.into(),
        observed_ns,
        fields: fields.iter().map(ToString::to_string).collect(),
    };
    let expected = [
        source("bundle", 1, &["image.repository"]),
        source("bundle+docker-api", 9, &["runtime", "name", "image.tag"]),
    ];
    assert_eq!(page.entities[0].field_sources, expected);
    assert!(page.entities[0].entity.as_ref().unwrap().version > 0);
    let found = &containers(&page.entities)[0];
    assert_eq!(found.completeness(), Completeness::Complete);
    assert_eq!(found.provenance.len(), 2);
    service.shutdown().await;
}

/// Scenario: containers of three hosts are read in pages of every small size, and in pages that are full of bytes long before. Then one
/// changes and one ends between two pages. Guarantees: each is told exactly once where nothing changes, and at least once where it does.
#[tokio::test]
async fn pages_have_everything() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    for number in 1..=3 {
        let stated_one = |id: u64| {
            let mut large =
                container(on_host(number, key(id, 10, &format!("c{id}"))), &format!("{number}-{id}"), 1);
            large.cni_result = "x".repeat(150_000);
            stated(large)
        };
        let (one, two): (Vec<_>, Vec<_>) =
            ((1..=10).map(stated_one).collect(), (11..=20).map(stated_one).collect());
        if number == 1 {
            engine.relay(one).await;
            engine.relay(two).await;
            continue;
        }
        for (first, late) in [(1, one), (11, two)] {
            let request = RelayFactsRequest { origin: Some(host(number)), ..facts(first, late) };
            engine.try_relay(request).await.unwrap();
        }
    }
    let expected: Vec<String> =
        (1..=3).flat_map(|number| (1..=20).map(move |id| format!("{number}-{id}"))).collect();
    let all = |pages: &[ListResponse]| {
        let mut names: Vec<_> =
            pages.iter().flat_map(|page| containers(&page.entities)).map(|one| one.name).collect();
        names.sort_by_key(|name| expected.iter().position(|other| other == name));
        names
    };
    for page_size in [1, 2, 7, 20, 0, 100_000] {
        let sized = ListRequest { page_size, ..request(ListKind::Containers, ListFilter::default()) };
        let read = pages(&mut engine, sized, Vec::new()).await;
        assert_eq!(all(&read), expected, "pages of {page_size}");
        assert!(read.len() > 4, "{} pages of up to 2 MiB hold 9 MiB", read.len());
        assert!(page_size == 0 || read.iter().all(|page| page.entities.len() <= page_size as usize));
    }
    let changed = stated(container(key(1, 10, "c1"), "1-1", 2));
    let sized = ListRequest { page_size: 7, ..request(ListKind::Containers, ListFilter::default()) };
    let read = pages(&mut engine, sized, vec![changed, removed(key(20, 10, "c20"), 99)]).await;
    let mut told = all(&read);
    told.dedup();
    let still: Vec<_> = expected.iter().filter(|name| *name != "1-20").collect();
    assert_eq!(told.iter().collect::<Vec<_>>(), still);
    service.shutdown().await;
}

/// Scenario: lists that are none: no kind, tokens of nobody, names that are too long or none. Guarantees: each is refused as the caller's
/// mistake, which is named; a token of another filter is only a place to go on at.
#[tokio::test]
async fn malformed_lists_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    two_hosts(&mut engine).await;
    let of = |filter| request(ListKind::Containers, filter);
    let any = ListFilter::default;
    let long = "x".repeat(300);
    let token = |text: &str| ListRequest { page_token: text.into(), ..of(any()) };
    let cases = [
        (ListRequest::default(), "ListRequest.kind"),
        (ListRequest { kind: 99, ..ListRequest::default() }, "99"),
        (token("%%%"), "page_token"),
        (token(&"A".repeat(600)), "page_token"),
        (token("____"), "page_token"),
        (of(ListFilter { id_prefix: long.clone(), ..any() }), "filter.id_prefix"),
        (of(ListFilter { name: long.clone(), ..any() }), "filter.name"),
        (of(ListFilter { namespace: long.clone(), ..any() }), "filter.namespace"),
        (of(ListFilter { hosts: vec![long.clone()], ..any() }), "filter.hosts"),
        (of(ListFilter { hosts: vec!["h".into(); 1_025], ..any() }), "1025 hosts"),
        (of(ListFilter { origins: vec![Default::default()], ..any() }), "origins[0]"),
        (of(ListFilter { image: ":tag".into(), ..any() }), "filter.image"),
        (of(ListFilter { image: "x".repeat(600), ..any() }), "filter.image"),
    ];
    for (request, named) in cases {
        let status = engine.client.list(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{named}: {status:?}");
        assert!(status.message().contains(named), "{named}: {}", status.message());
    }
    let first = list(&mut engine, ListRequest { page_size: 1, ..of(any()) }).await.next_page_token;
    let filter = ListFilter { name: "twin".into(), ..any() };
    let page = list(&mut engine, ListRequest { page_token: first, ..of(filter) }).await;
    assert_eq!(containers(&page.entities)[0].name, "twin");
    service.shutdown().await;
}

/// Scenario: what has ended is forgotten for want of room, then what runs. Guarantees: lists say that something may be missing, and why.
#[tokio::test]
async fn what_was_forgotten_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.store.max_entities_per_scope = 4;
    let service = start_with(config).await;
    let mut engine = Engine::connect(&service).await;
    two_hosts(&mut engine).await;
    let notes = async |engine: &mut Engine, as_of_epoch_ns| {
        let filter = ListFilter { as_of_epoch_ns, ..ListFilter::default() };
        list(engine, request(ListKind::Containers, filter)).await.notes.join(" ")
    };
    assert_eq!(notes(&mut engine, BOOTED_NS + 250).await, "");
    engine.relay(vec![stated(container(key(8, 400, "d"), "new", 1))]).await;
    assert!(notes(&mut engine, BOOTED_NS + 250).await.contains("--tombstone-retention-secs"));
    assert_eq!(notes(&mut engine, BOOTED_NS + 350).await, "");
    engine.relay(vec![stated(container(key(9, 400, "e"), "newer", 1))]).await;
    assert!(notes(&mut engine, 0).await.contains("1 had to be forgotten"));
    service.shutdown().await;
}
