//! `covered.tsv`: which calls are tested live, how they went there, and by which test. `docs/events.md` tells it to users, and
//! each test is held to it in both directions.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use test_programs::Abi;

const TABLE: &str = include_str!("covered.tsv");
/// The module of these tests, which libtest puts before their names.
const MODULE: &str = "calls::";

/// Whether a call succeeded, and whose it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Ok,
    Failed,
    Ok32,
    Failed32,
}

/// Calls by name, with how they went.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Covered(BTreeMap<String, BTreeSet<Outcome>>);

// === impl Outcome ===

impl Outcome {
    const ALL: [Self; 4] = [Self::Ok, Self::Failed, Self::Ok32, Self::Failed32];

    pub(crate) fn of(abi: Abi, result: i64) -> Self {
        match (abi, result) {
            (Abi::X86_64, 0..) => Self::Ok,
            (Abi::X86_64, _) => Self::Failed,
            (Abi::I386, 0..) => Self::Ok32,
            (Abi::I386, _) => Self::Failed32,
        }
    }

    fn parse(text: &str) -> Self {
        let is_it = |outcome: &Self| outcome.to_string() == text;
        Self::ALL.into_iter().find(is_it).unwrap_or_else(|| panic!("covered.tsv: {text} is no outcome"))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Ok32 => "32-bit-ok",
            Self::Failed32 => "32-bit-failed",
        })
    }
}

// === impl Covered ===

impl Covered {
    pub(crate) fn add(&mut self, name: &str, outcome: Outcome) {
        self.0.entry(name.to_owned()).or_default().insert(outcome);
    }

    /// What the table says of a test.
    fn of(test: &str) -> Self {
        let mut covered = Self::default();
        for (name, outcomes, _) in rows().filter(|(.., own)| *own == test) {
            let outcomes = outcomes.split(',').map(Outcome::parse).collect();
            assert_eq!(covered.0.insert(name.to_owned(), outcomes), None, "{name} of {test} twice");
        }
        covered
    }

    /// Fails the test that runs unless it looked at what the table says of it, and at nothing else.
    pub(crate) fn check(&self) {
        let thread = std::thread::current();
        let test = thread.name().and_then(|name| name.strip_prefix(MODULE)).expect("the thread of a test");
        let claimed = Self::of(test);
        let line = |(name, outcomes): (&String, &BTreeSet<Outcome>)| {
            let outcomes: Vec<_> = outcomes.iter().map(Outcome::to_string).collect();
            format!("{name}\t{}\t{test}\n", outcomes.join(","))
        };
        let lines: String = self.0.iter().map(line).collect();
        assert!(
            *self == claimed,
            "covered.tsv has to say of {test}, and nothing else:\n{lines}it says {claimed:?}"
        );
    }
}

/// Call, outcomes and test of each line.
fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    TABLE.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut columns = line.split('\t');
        match [columns.next(), columns.next(), columns.next(), columns.next()] {
            [Some(name), Some(outcomes), Some(test), None] => (name, outcomes, test),
            _ => panic!("covered.tsv: a line has three columns: {line:?}"),
        }
    })
}

/// Scenario: the tests that the table names. Guarantees: each exists, so that no line stands for nothing; lines are in order.
#[test]
fn every_test_exists() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls");
    for (.., test) in rows() {
        let (file, function) = test.split_once("::").expect("a module and a function");
        let source = fs::read_to_string(folder.join(file).with_extension("rs")).unwrap();
        assert!(source.contains(&format!("#[test]\nfn {function}() {{")), "{test}");
    }
    assert!(TABLE.lines().skip_while(|line| line.starts_with('#')).is_sorted(), "lines are out of order");
}
