//! Falco's stock rules against cases of our own (`integration/rule-cases`): every rule fires on one, stays quiet on near misses, and
//! hardly a comparison of a rule could be lost without a case that notices.
//!
//! What this does not prove: that the kernel's side delivers what the cases say happens. `stock_live.rs` looks at that.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "all of it is a test")]

use std::{collections::BTreeSet, fs, path::Path};

use integration::stock_rules_page::{Leaf, undecided_leaves};
use rule_language::Source;
use rule_test::{
    Rules, Search,
    cases::{self, CaseFile},
    mutate,
    mutation::{Mutation, Options, RuleReport, Score},
};
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
    sources.push(source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stock_rules/site_rules.yaml")));
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

/// Mutants that cases must notice, in per cent.
const LEAST_SCORE: f64 = 90.0;

/// Scenario: each leaf of each rule is taken out and turned round, before the written cases alone. Guarantees: they notice nine of ten.
#[test]
fn written_cases_notice_most_mutants() {
    requires!(Requirement::Data);
    let reports = measured(false);
    let score = score(&reports);
    assert!(score.percent() >= LEAST_SCORE, "{:.1} % ({score:?})", score.percent());
}

/// Scenario: the same, with cases besides that are derived from those that fire. Guarantees: those come out as the rule's own logic has it;
/// what nobody notices is exactly what the page lists, with reasons.
#[test]
fn what_no_case_notices_is_listed() {
    requires!(Requirement::Data);
    let reports = measured(true);
    let derived = reports.iter().flat_map(|report| &report.leaves).filter_map(|leaf| leaf.derived.as_ref());
    let wrong: Vec<_> = derived
        .filter_map(|search| match search {
            Search::Found(found) => Some(found),
            Search::Written | Search::NotFound(_) => None,
        })
        .filter(|found| found.fired != found.should_fire)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let score = score(&reports);
    assert!(score.percent() >= LEAST_SCORE, "{:.1} % ({score:?})", score.percent());
    let found: BTreeSet<Leaf> = reports.iter().flat_map(survivors).collect();
    let listed: Vec<Leaf> = undecided_leaves().into_iter().flat_map(|group| group.leaves).collect();
    let repeated = listed.len() - listed.iter().collect::<BTreeSet<_>>().len();
    let listed: BTreeSet<Leaf> = listed.into_iter().collect();
    let lines =
        |leaves: &mut dyn Iterator<Item = &Leaf>| leaves.map(|leaf| format!("{leaf}\n")).collect::<String>();
    let (missing, killed) = (lines(&mut found.difference(&listed)), lines(&mut listed.difference(&found)));
    assert!(
        missing.is_empty() && killed.is_empty() && repeated == 0,
        "undecided.tsv lacks\n{missing}and has, though cases notice them or nothing could,\n{killed}and {repeated} twice"
    );
}

fn measured(derive: bool) -> Vec<RuleReport> {
    let options = Options { derive, is_case_wanted: &|_| true, is_rule_wanted: &|_| true };
    mutate(&rules(), &files(), options, &mut |_| {})
}

fn score(reports: &[RuleReport]) -> Score {
    reports.iter().fold(Score::default(), |sum, report| sum + report.score(false))
}

fn survivors(report: &RuleReport) -> Vec<Leaf> {
    let leaf = |(leaf, mutation): (&rule_test::mutation::LeafReport, Mutation)| Leaf {
        rule: report.rule.clone(),
        number: leaf.number + 1,
        what: without_text(&leaf.subject),
        is_deleted: mutation == Mutation::Deleted,
    };
    report.survivors().map(leaf).collect()
}

/// A field and its operator without the path or name that the field is asked for: that is the rule's text.
fn without_text(subject: &str) -> String {
    match subject.split_once('[').zip(subject.rsplit_once(']')) {
        Some(((field, argument), (_, operator))) if argument.starts_with('/') => {
            format!("{field}[…]{operator}")
        }
        _ => subject.to_owned(),
    }
}
