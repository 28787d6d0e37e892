//! What a picture costs, by an allocator that counts.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{alloc::System, collections::BTreeMap};

use cluster_watch::{Kind, Picture};
use eyrie_proto::metadata::{KubernetesKey, KubernetesObject, OwnerReference, Validity};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PODS: usize = 10_000;
/// Beyond, somebody has begun to keep more than docs/kubernetes.md says.
const MOST_BYTES: usize = 1_024;

/// A pod as charts of today label it.
fn pod(number: usize) -> KubernetesObject {
    let uid = |kind: u32, number: usize| format!("{kind:08x}-0000-4000-8000-{number:012x}");
    let labels = [
        ("app.kubernetes.io/name", "storefront"),
        ("app.kubernetes.io/instance", "storefront-production"),
        ("app.kubernetes.io/component", "web"),
        ("app.kubernetes.io/managed-by", "Helm"),
        ("app.kubernetes.io/version", "4.18.2"),
        ("pod-template-hash", "6d5f9c7b8d"),
    ];
    KubernetesObject {
        key: Some(KubernetesKey { cluster_uid: String::new(), object_uid: uid(1, number) }),
        kind: "Pod".into(),
        namespace: format!("team-{}", number % 50),
        name: format!("storefront-production-web-6d5f9c7b8d-{number:05x}"),
        labels: labels
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        owners: vec![OwnerReference {
            kind: "ReplicaSet".into(),
            name: "storefront-production-web-6d5f9c7b8d".into(),
            uid: uid(2, number % 500),
        }],
        node_name: format!("ip-10-1-{}-{}.eu-central-1.compute.internal", number % 4, number % 250),
        ips: vec![format!("10.2.{}.{}", number / 250, number % 250)],
        validity: Some(Validity { from_ns: 1_700_000_000_000_000_000, until_ns: 0 }),
        ..KubernetesObject::default()
    }
}

/// Scenario: ten thousand pods, and the same again as they are taken. Guarantees: each costs less than a KiB, changes that wait
/// among it; the figures are printed.
#[test]
fn ten_thousand_pods_cost_less_than_a_kib_each() {
    let region = Region::new(ALLOCATOR);
    let held = || {
        let change = region.change();
        change.bytes_allocated.saturating_sub(change.bytes_deallocated)
    };
    let picture = Picture::new(2 * PODS);
    for number in 0..PODS {
        assert!(picture.put(Kind::Pod, &pod(number)));
    }
    let waiting = held();
    while !picture.take_changes(500).unwrap().is_empty() {}
    let kept = held();
    println!(
        "{PODS} pods: {kept} bytes ({} a pod), {waiting} ({}) while all of them wait to be told",
        kept / PODS,
        waiting / PODS
    );
    assert_eq!(picture.len(), PODS);
    assert!(waiting < PODS * MOST_BYTES, "{waiting}");
}
