//! Merging.

use std::collections::BTreeMap;

use eyrie_proto::{
    event::CgroupKey,
    metadata::{Completeness, Container, ContainerKey, Image, Provenance, Validity},
};
use proptest::prelude::*;

use super::*;

fn key() -> ContainerKey {
    let cgroup = CgroupKey { hierarchy: 0, cgroup_id: 5, birth_boot_ns: 10 };
    ContainerKey { origin: None, cgroup: Some(cgroup), runtime_id: "a".into() }
}

prop_compose! {
    /// A statement that says something of some fields. `observed_ns` is set by the caller, so that no two are the same.
    fn statement()(
        name in "[ab]?", user in "[ab]?", tag in "[ab]?", digest in "[ab]?",
        privileged in proptest::option::of(any::<bool>()),
        label in proptest::option::of("[ab]"),
        reason in "[ab]?", missing in proptest::collection::vec(1..4_i32, 0..3),
        completeness in 0..4_i32, until_ns in 0..3_u64, source in "[xyz]",
    ) -> Container {
        Container {
            key: Some(key()),
            name,
            user,
            image: Some(Image { tag, digest, ..Image::default() }),
            is_privileged: privileged,
            labels: label.map(|label| BTreeMap::from([(label, "1".to_owned())])).unwrap_or_default(),
            completeness,
            missing,
            reasons: Some(reason).into_iter().filter(|reason| !reason.is_empty()).collect(),
            validity: Some(Validity { from_ns: 0, until_ns: if until_ns == 0 { 0 } else { 100 + until_ns } }),
            provenance: vec![Provenance { source, observed_ns: 0, observer: String::new() }],
            ..Container::default()
        }
    }
}

fn merged<'a>(statements: impl IntoIterator<Item = &'a Container>) -> StoredContainer {
    let mut stored = StoredContainer::new(key());
    statements.into_iter().for_each(|statement| stored.merge(statement.clone()));
    stored
}

proptest! {
    /// Scenario: statements in their order, in any other order, and some of them twice. Guarantees: the outcome is the same to
    /// the byte; each field is what the latest statement that had it says, and what is missing what the latest of those says that know most.
    #[test]
    fn order_and_repetition_do_not_matter(
        statements in proptest::collection::vec(statement(), 1..8),
        seeds in proptest::collection::vec(any::<u16>(), 16),
    ) {
        let mut statements = statements;
        for (time, statement) in (1_u64..).zip(&mut statements) {
            statement.provenance[0].observed_ns = time;
        }
        let plain = merged(&statements);
        let mut shuffled: Vec<&Container> = statements.iter().chain(statements.iter().take(3)).collect();
        let mut keys = seeds.iter().cycle();
        shuffled.sort_by_cached_key(|_| keys.next().copied());
        let other = merged(shuffled);
        prop_assert_eq!(Record::Container(Box::new(other.clone())).encode(), Record::Container(Box::new(plain)).encode());
        let merged = other.container.unwrap();
        let latest = |field: fn(&Container) -> String| {
            statements.iter().rev().map(field).find(|text| !text.is_empty()).unwrap_or_default()
        };
        prop_assert_eq!(&merged.name, &latest(|container| container.name.clone()));
        prop_assert_eq!(&merged.user, &latest(|container| container.user.clone()));
        prop_assert_eq!(merged.image.unwrap().tag, latest(|container| container.image.clone().unwrap().tag));
        let privileged = statements.iter().rev().find_map(|container| container.is_privileged);
        prop_assert_eq!(merged.is_privileged, privileged);
        let rank = |statement: &Container| match statement.completeness() {
            Completeness::Unspecified | Completeness::Pending => 0,
            Completeness::FinalPartial => 1,
            Completeness::Complete => 2,
        };
        let known_best = statements.iter().max_by_key(|statement| rank(statement)).unwrap();
        prop_assert_eq!((&merged.reasons, &merged.missing), (&known_best.reasons, &known_best.missing));
    }
}

/// Scenario: a source says that a container is complete, another begins anew, in either order. Guarantees: complete stays; what
/// nobody has said is pending.
#[test]
fn complete_stays_complete() {
    let say = |completeness: Completeness| Container {
        key: Some(key()),
        completeness: completeness.into(),
        ..Container::default()
    };
    let (pending, complete) = (say(Completeness::Pending), say(Completeness::Complete));
    assert!(!merged([&complete, &pending]).is_pending());
    assert!(!merged([&pending, &complete]).is_pending());
    assert!(!merged([&pending, &say(Completeness::FinalPartial)]).is_pending());
    assert!(merged([&say(Completeness::Unspecified)]).is_pending());
    assert!(merged([&Container { completeness: 99, ..pending.clone() }]).is_pending());
}

/// Scenario: a hundred sources make statements. Guarantees: the latest few are remembered.
#[test]
fn sources_are_bounded() {
    let say = |number: u64| Container {
        name: number.to_string(),
        provenance: vec![Provenance {
            source: number.to_string(),
            observed_ns: number,
            observer: String::new(),
        }],
        ..Container::default()
    };
    let statements: Vec<Container> = (1..=100).map(say).collect();
    let stored = merged(&statements);
    let container = stored.container.unwrap();
    assert_eq!(container.name, "100");
    assert_eq!(container.provenance.len(), 16);
    assert_eq!(container.provenance.last().unwrap().source, "100");
    assert_eq!(stored.stamps.len(), 1);
}

/// Scenario: every number of a field that statements are merged by. Guarantees: each has one name of its own, by which its source is told.
#[test]
fn every_field_has_a_name() {
    for (names, bits) in [
        (
            container::FIELD_NAMES,
            (2..=18).filter(|bit| *bit != 4).chain(22..=27).chain([29]).chain(32..=35).collect::<Vec<_>>(),
        ),
        (host::FIELD_NAMES, (2..=7).chain([15]).chain(32..=39).collect()),
    ] {
        assert_eq!(names.iter().map(|(bit, _)| *bit).collect::<Vec<u32>>(), bits);
        let distinct: std::collections::HashSet<_> = names.iter().map(|(_, name)| name).collect();
        assert_eq!(distinct.len(), names.len());
    }
}
