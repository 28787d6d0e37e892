//! Falco's stock rules against cases of our own (`integration/rule-cases`): every rule fires on one, stays quiet on near misses, and
//! hardly a comparison of a rule could be lost without a case that notices.
//!
//! What this does not prove: that the kernel's side delivers what the cases say happens. `stock_live.rs` looks at that.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "all of it is a test")]

use std::{collections::BTreeSet, fs, path::Path};

use rule_language::Source;
use rule_test::{Rules, cases, cases::CaseFile};
use test_requirements::{Requirement, data_dir, requires};

/// Stock rules files, in the order in which Falco's own configuration loads them.
const STOCK: [&str; 3] = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];

fn source(path: &Path) -> Source {
    Source { name: path.display().to_string(), text: fs::read_to_string(path).unwrap() }
}

/// The stock rules with what a site fills in.
fn rules() -> Rules {
    let mut sources: Vec<Source> =
        STOCK.iter().map(|name| source(&data_dir().join("falco-rules").join(name))).collect();
    sources.push(source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("stock-rules/site_rules.yaml")));
    Rules::load(&sources).unwrap()
}

/// All files of cases.
fn files() -> Vec<CaseFile> {
    let folder = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("rule-cases")).unwrap();
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| cases::read(&source(path)).unwrap()).collect()
}

/// Scenario: all cases, with their variants and near misses. Guarantees: what should fire does, with the fields as they should be, and
/// what should not does not.
#[test]
fn every_case_is_as_it_says() {
    requires!(Requirement::Data);
    let (rules, files) = (rules(), files());
    let reports: Vec<_> = files.iter().flat_map(|file| rule_test::run(&rules, file, &|_| true)).collect();
    let failed: Vec<_> = reports.iter().filter(|report| !report.failures.is_empty()).collect();
    assert!(failed.is_empty(), "{} of {} scenes failed: {failed:#?}", failed.len(), reports.len());
}

/// Scenario: the 93 stock rules beside the rules that cases expect. Guarantees: none is without a case, those included that their files
/// have off.
#[test]
fn every_rule_has_a_case_that_fires_and_a_near_miss() {
    requires!(Requirement::Data);
    let (rules, files) = (rules(), files());
    let cases = || files.iter().flat_map(|file| &file.cases);
    let firing: BTreeSet<&str> = cases().flat_map(|case| case.expected_rules()).collect();
    let missed = cases().filter(|case| !case.near_misses.is_empty());
    let missed: BTreeSet<&str> = missed.flat_map(|case| case.expected_rules()).collect();
    let rules: BTreeSet<&str> = rules.rule_names().collect();
    assert_eq!(rules.len(), 93);
    assert_eq!(rules.difference(&firing).collect::<Vec<_>>(), [&""; 0], "no case expects these");
    assert_eq!(rules.difference(&missed).collect::<Vec<_>>(), [&""; 0], "these have no near miss");
}
