//! A store of 100,000 containers on 100 hosts: what filling, asking and reading the whole feed cost, and what it takes of
//! memory and disk.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "all of this is test code"
)]

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Instant,
};

use criterion::{Criterion, criterion_group, criterion_main};
use eyrie_proto::{
    event::CgroupKey,
    metadata::{Completeness, Container, ContainerKey, Image, Provenance},
};
use metadata_service::{
    keys::ContainerName,
    store::{
        Batch, ChangesFrom, Finding, MetadataStore, Numbering, Scope, Sought, Statement, StoreLimits,
        sqlite::SqliteStore,
    },
};
use rand::Rng as _;

const HOSTS: u64 = 100;
const CONTAINERS_OF_A_HOST: u64 = 1_000;

fn origin(host: u64) -> String {
    format!("/host/{host:032x}/00000000-0000-0000-0000-{host:012x}")
}

fn name(host: u64, number: u64) -> ContainerName {
    let runtime_id = format!("{host:032x}{number:032x}");
    ContainerName { hierarchy: 0, cgroup_id: 1_000 + number, birth_ns: number * 1_000_000, runtime_id }
}

/// About what podman tells of a container.
fn statement(host: u64, number: u64) -> Statement {
    let name = name(host, number);
    let cgroup = CgroupKey { hierarchy: 0, cgroup_id: name.cgroup_id, birth_boot_ns: name.birth_ns };
    let key = ContainerKey { origin: None, cgroup: Some(cgroup), runtime_id: name.runtime_id.clone() };
    let labels = (0..8).map(|label| (format!("org.example.label-{label}"), format!("value of {number}")));
    let container = Container {
        key: Some(key),
        runtime: "podman".into(),
        name: format!("container-{number}"),
        image: Some(Image {
            id: format!("{number:064x}"),
            repository: "registry.example.org/team/service".into(),
            tag: "1.2.3".into(),
            digest: format!("sha256:{number:064x}"),
        }),
        labels: labels.collect::<BTreeMap<_, _>>(),
        capabilities: (0..11).map(|capability| format!("CAP_NUMBER_{capability}")).collect(),
        completeness: Completeness::Complete.into(),
        provenance: vec![Provenance {
            source: "bundle".into(),
            observed_ns: number,
            observer: "agent".into(),
        }],
        ..Container::default()
    };
    Statement::Container(name, Box::new(container))
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn fill(store: &SqliteStore) {
    for host in 0..HOSTS {
        for first in (0..CONTAINERS_OF_A_HOST).step_by(250) {
            let statements = (first..first + 250).map(|number| statement(host, number + 1)).collect();
            let scope = Scope::Origin(origin(host));
            let batch =
                Batch { scope, epoch: 1, first_sequence: first + 1, numbering: Numbering::Each, statements };
            store.apply(Arc::new(batch)).await.unwrap();
        }
    }
}

fn question() -> Sought {
    let (host, number) =
        (rand::rng().random_range(0..HOSTS), rand::rng().random_range(1..=CONTAINERS_OF_A_HOST));
    Sought::Container { origin: origin(host), name: name(host, number), as_of_ns: u64::MAX }
}

async fn read_all(store: &SqliteStore, scopes: &Arc<HashSet<Scope>>) -> usize {
    let snapshot_through = store.revisions().borrow().last;
    let mut from = ChangesFrom { after_revision: 0, snapshot_through };
    let mut count = 0;
    loop {
        let changes = store.changes(Arc::clone(scopes), from).await.unwrap();
        count += changes.upserts.len();
        from.after_revision = changes.through_revision;
        if changes.is_end {
            return count;
        }
    }
}

fn lookup(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let before_kib = resident_kib();
    let store = SqliteStore::open(directory.path(), StoreLimits::default()).unwrap();
    let begun = Instant::now();
    runtime.block_on(fill(&store));
    let bytes = std::fs::metadata(directory.path().join("metadata.sqlite")).unwrap().len();
    println!(
        "{} containers: filled in {:?}, {} KiB more resident, {} KiB on disk",
        store.metrics().entities.get(),
        begun.elapsed(),
        resident_kib().saturating_sub(before_kib),
        bytes / 1024
    );
    let mut group = criterion.benchmark_group("100,000 containers");
    for count in [1, 100] {
        group.bench_function(format!("find {count}"), |bencher| {
            bencher.iter(|| {
                let questions: Arc<[Sought]> = (0..count).map(|_| question()).collect();
                let findings = runtime.block_on(store.find(questions)).unwrap();
                assert!(findings.iter().all(|finding| matches!(finding, Finding::Found { .. })));
            });
        });
    }
    group.sample_size(10);
    let one: Arc<HashSet<Scope>> = Arc::new([Scope::Origin(origin(1))].into());
    group.bench_function("snapshot of one host", |bencher| {
        bencher.iter(|| assert_eq!(runtime.block_on(read_all(&store, &one)), 1_000));
    });
    let all: Arc<HashSet<Scope>> = Arc::new((0..HOSTS).map(|host| Scope::Origin(origin(host))).collect());
    group.bench_function("snapshot of all", |bencher| {
        bencher.iter(|| assert_eq!(runtime.block_on(read_all(&store, &all)), 100_000));
    });
    group.finish();
    println!("{} KiB more resident after reading", resident_kib().saturating_sub(before_kib));
}

criterion_group!(benches, lookup);
criterion_main!(benches);
