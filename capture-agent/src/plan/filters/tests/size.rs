//! Plans that are small and would become large.

use prost::Message as _;

use super::*;
use crate::plan::filters::budget::{Asked, CLAUSES_MADE_MAX, PATHS_MADE_MAX};

/// Paths that few bytes say.
fn short_paths(first: usize, count: usize) -> Vec<PathFilter> {
    (first..first + count).map(|index| prefix(&format!("/{index:x}"))).collect()
}

/// Scenario: a plan of nearly a megabyte of short paths, in conditions that take sixteen clauses each, of many calls; and one condition with few paths.
/// Guarantees: what would be made of it is within the bound before anything is made; the conditions that lost their paths say so, with what is left of
/// them; the one with few has its paths.
#[test]
fn a_plan_of_short_paths_is_bounded() {
    let users = || (0..96).collect::<Vec<_>>();
    let names = ["openat", "unlink", "rmdir", "mkdir", "chmod", "chown", "access", "stat"];
    let many = |place: usize| {
        let conditions = 0..30;
        conditions
            .map(|index| CallFilter {
                user_ids: users(),
                results: vec![i64::try_from(index).unwrap()],
                ..on_paths(short_paths(place * 20_000 + index * 500, 400))
            })
            .collect()
    };
    let mut calls: Vec<_> = names.iter().enumerate().map(|(place, name)| call(name, many(place))).collect();
    calls.push(call("lstat", vec![on_paths(short_paths(0, 10))]));
    let plan = plan(calls.clone());
    assert!((700_000..check::PLAN_BYTES_MAX).contains(&plan.encoded_len()), "{}", plan.encoded_len());

    let mut asked: Asked<'_> = filters_by_number(calls.iter());
    let budget = Budget::new(&mut asked);
    let made = asked.iter().flat_map(|(call, filters)| {
        let (conditions, _) = conditions_of(*call, filters, &budget);
        conditions.into_iter().map(|condition| condition.clause.paths.len())
    });
    let made: usize = made.sum();
    assert!((PATHS_MADE_MAX / 2..=PATHS_MADE_MAX).contains(&made), "{made}");

    let (compiled, answer) = compile(plan, &initial_settings(0));
    assert_eq!(answer.failure, "");
    let effective = answer.effective.unwrap().calls;
    let has_paths = |call: &CallPlan| call.any_of.iter().all(|filter| !filter.paths.is_empty());
    assert!(effective.iter().any(|call| !has_paths(call) && !call.any_of.is_empty()));
    assert_eq!(effective.last().unwrap().any_of, calls.last().unwrap().any_of);
    let filters = compiled.unwrap().filters;
    let tests = filters.native.values().flat_map(|filter| &filter.clauses).map(|clause| clause.paths.len());
    assert!(tests.sum::<usize>() <= Filters::PATHS_MAX);
}

/// Scenario: a call with more conditions than are looked at, beside another call. Guarantees: every call of the first is recorded, and the answer
/// says so; the other has its filter.
#[test]
fn a_call_with_too_many_conditions_is_recorded_whole() {
    let of = |result: usize| CallFilter {
        results: vec![i64::try_from(result).unwrap()],
        ..on_paths(short_paths(result, 1))
    };
    let (filters, effective) = compiled(vec![
        call("unlink", (0..=CLAUSES_MADE_MAX).map(of).collect()),
        call("rmdir", (0..3).map(of).collect()),
    ]);
    assert!(effective["unlink"].is_empty() && !effective["rmdir"].is_empty());
    assert!(!filters.native.contains_key(&numbers("unlink").0.unwrap()));
    assert!(filters.native.contains_key(&numbers("rmdir").0.unwrap()));
}

/// Scenario: a small plan that has the same event type thousands of times with a condition each, one that has two types twice without any, and one with
/// a type of an endless name. Guarantees: each is refused, and the answer says which type, what is to be done, and no more than that; nothing is made
/// of it. A call under both of its names is no reason to refuse.
#[test]
fn a_type_is_named_once() {
    let of = |result: i64| CallFilter { results: vec![result], ..CallFilter::default() };
    let refused = |calls: Vec<CallPlan>| {
        let (compiled, answer) = compile(plan(calls), &initial_settings(0));
        assert!(compiled.is_none() && answer.effective.is_none());
        answer.failure
    };
    let again = (0..2_001).map(|result| call("openat", vec![of(result)])).collect();
    assert_eq!(
        refused(again),
        "openat is there twice: an event type has one entry, with all of its conditions"
    );
    let without = ["unlink", "clone3", "clone3", "unlink"].map(|name| call(name, Vec::new()));
    assert!(refused(without.to_vec()).starts_with("clone3 is there twice"));
    let failure = refused(vec![call(&"x".repeat(65), vec![on_arguments(vec![argument(9, 1, &[])])])]);
    assert_eq!(failure, "the name of an event type has 65 bytes, which are more than 64");

    let (_, effective) = compiled(vec![call("pread", vec![of(1)]), call("pread64", vec![of(2)])]);
    assert_eq!(effective["pread"], effective["pread64"]);
}

/// Scenario: a condition with nine results and a hundred thousand bytes of paths, which takes two clauses, beside a small one. Guarantees: the first is
/// tested and its paths are not told, since there would be twice as many; the answer says so, is far smaller than the plan, and tells the small one.
#[test]
fn what_is_tested_is_told_as_far_as_it_fits() {
    let long_paths = (0..2_000).map(|index| path(Kind::Exact(format!("/{index:0>46}").into_bytes())));
    let large = CallFilter { results: (0..9).collect(), ..on_paths(long_paths.collect()) };
    let calls = vec![call("rmdir", vec![on_paths(vec![prefix("/etc/")])]), call("unlink", vec![large])];
    let plan = plan(calls.clone());
    assert!(plan.encoded_len() < check::PLAN_BYTES_MAX / 4);
    let (compiled, answer) = compile(plan, &initial_settings(0));
    let filter = &compiled.unwrap().filters.native[&numbers("unlink").0.unwrap()];
    assert!(filter.clauses.len() == 2 && filter.clauses.iter().all(|clause| clause.paths.len() == 2_000));
    assert!(answer.encoded_len() < 1_000);
    let effective = answer.effective.unwrap().calls;
    assert_eq!(effective[0], calls[0]);
    let cut = CallPlan { is_cut: true, ..call("unlink", Vec::new()) };
    assert_eq!(effective[1], cut);
}
