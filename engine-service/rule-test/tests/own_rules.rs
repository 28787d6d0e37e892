//! The rules that the project ships, with their cases: what `eyrie rules test deploy/rules-tests --mutate --near-misses` does.

#![allow(clippy::unwrap_used, reason = "all of it is a test")]

use std::{collections::BTreeSet, fs, path::Path};

use rule_language::Source;
use rule_test::{
    Rules, Search,
    cases::{self, CaseFile},
    mutation::{self, Options, Score},
};

/// The `.yaml` files of a folder of `deploy`.
fn sources(folder: &str) -> Vec<Source> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| Source { name: path.display().to_string(), text: fs::read_to_string(path).unwrap() })
        .collect()
}

fn own() -> (Rules, Vec<CaseFile>) {
    let rules = Rules::load(&sources("rules")).unwrap();
    let files = sources("rules-tests").iter().map(|source| cases::read(source).unwrap()).collect();
    (rules, files)
}

/// Scenario: every case of our own rules, with its variants and near misses. Guarantees: all pass, and every rule has a case in
/// which it fires.
#[test]
fn our_rules_pass_their_cases() {
    let (rules, files) = own();
    let mut expected = BTreeSet::new();
    for file in &files {
        for scene in rule_test::run(&rules, file, &|_| true) {
            assert!(scene.failures.is_empty(), "{} {:?}: {:#?}", scene.case, scene.scene, scene.failures);
        }
        expected.extend(file.cases.iter().flat_map(|case| case.expected_rules()));
    }
    let all: BTreeSet<&str> = rules.rule_names().collect();
    assert_eq!(expected, all);
}

/// Scenario: our own rules, each of their comparisons deleted and negated, and cases derived from those that are written.
/// Guarantees: derived cases come out as the rules' own logic says, and at least 95 of 100 mutants are noticed.
#[test]
fn our_rules_mutants_are_killed() {
    let (rules, files) = own();
    let options = Options { is_case_wanted: &|_| true, is_rule_wanted: &|_| true, derive: true };
    let reports = mutation::mutate(&rules, &files, options, &mut |_| {});
    assert_eq!(reports.len(), rules.rule_names().count());
    let mut score = Score::default();
    for report in &reports {
        score = score + report.score(false);
        for leaf in &report.leaves {
            if let Some(Search::Found(derived)) = &leaf.derived {
                assert_eq!(derived.fired, derived.should_fire, "{}: {} {derived:?}", report.rule, leaf.text);
            }
        }
    }
    let survivors: Vec<String> = reports
        .iter()
        .flat_map(|report| {
            report.survivors().map(|(leaf, how)| format!("{}: {how:?} {}", report.rule, leaf.text))
        })
        .collect();
    assert!(score.percent() >= 95.0, "{score:?}: {survivors:#?}");
}
