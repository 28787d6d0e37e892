//! Many rules on the same calls.

use std::time::{Duration, Instant};

use eyrie_proto::capture::{PathFilter, path_filter::Kind};
use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy, any, prop_assert_eq, proptest},
};

use super::{super::RulePlans, load, path, path_test, rule};

/// Far more than is needed by a build that is not optimised on a busy machine, and far less than time that grows with the cube would take.
const LONG: Duration = Duration::from_secs(40);

fn added(paths: impl Iterator<Item = PathFilter>) -> Vec<PathFilter> {
    let mut all = Vec::new();
    paths.for_each(|path| path_test::add(&mut all, path));
    all
}

/// Tests of paths of which many follow from others.
fn paths() -> impl Strategy<Value = Vec<PathFilter>> {
    let one = (0..5_usize, "/[ab]{0,2}(/[ab]{0,2})?", any::<bool>());
    let made = one.prop_map(|(kind, text, is_second)| {
        let kinds: [fn(Vec<u8>) -> Kind; 5] =
            [Kind::Exact, Kind::Prefix, Kind::Suffix, Kind::Name, Kind::Contains];
        PathFilter { subject: is_second.into(), ..path(kinds[kind], &text) }
    });
    vec(made, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Scenario: two lists of tests, as they are made. Guarantees: their union is what comes of adding all of them one after the other.
    #[test]
    fn a_union_is_all_tests_added(first in paths(), second in paths()) {
        let (first, second) = (added(first.into_iter()), added(second.into_iter()));
        let plain = added(first.iter().chain(&second).cloned());
        prop_assert_eq!(path_test::union(first, &second), plain);
    }
}

/// Scenario: lists that are longer than what is searched for each new test. Guarantees: the same.
#[test]
fn a_union_of_long_lists_is_all_tests_added() {
    let of =
        |from: usize, to: usize| added((from..to).map(|index| path(Kind::Prefix, &format!("/{index}/"))));
    for (first, second) in
        [(of(0, 1_500), of(1_000, 2_000)), (of(0, 10), of(0, 1_500)), (of(5, 1_030), of(0, 20))]
    {
        let plain = added(first.iter().chain(&second).cloned());
        assert_eq!(path_test::union(first, &second), plain);
    }
}

/// The filters of openat that many rules need together, which has to take no long time.
fn filters_of(conditions: impl Iterator<Item = String>) -> Vec<PathFilter> {
    let rules = conditions.enumerate().map(|(number, condition)| rule(&format!("r{number}"), &condition, ""));
    let rules = load(rules.collect());
    let started = Instant::now();
    let [open] = <[_; 1]>::try_from(RulePlans::new(&rules).calls()).unwrap();
    let elapsed = started.elapsed();
    assert!(elapsed < LONG, "{elapsed:?}");
    let [filter] = <[_; 1]>::try_from(open.any_of).unwrap();
    assert_eq!(filter.rules.len(), rules.rules.len());
    filter.paths
}

/// Scenario: two thousand rules on a beginning of paths each. Guarantees: they are one filter with all of them, in order, in no long time.
#[test]
fn many_rules_are_put_together_soon() {
    let paths =
        filters_of((0..2_000).map(|rule| format!("evt.type = openat and fd.name startswith /opt/{rule}/")));
    let expected = |rule: usize| path(Kind::Prefix, &format!("/opt/{rule}/"));
    assert_eq!(paths, (0..2_000).map(expected).collect::<Vec<_>>());
}

/// Scenario: the same, where each rule has bytes anywhere in the path besides, which programs have room for a few of. Guarantees: the first rules keep these,
/// and the others have their beginnings, in no long time.
#[test]
fn many_rules_spare_bytes_in_paths_soon() {
    let condition = |rule| {
        format!("evt.type = openat and fd.name startswith /o/{rule}/ and fd.name contains /{rule:04}/")
    };
    let paths = filters_of((0..2_000).map(condition));
    let has_part = |path: &&PathFilter| matches!(path.kind, Some(Kind::Contains(_)));
    assert_eq!((paths.len(), paths.iter().filter(has_part).count()), (2_000, 4));
}
