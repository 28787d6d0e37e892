use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

/// The list that mutation is held to. It names a comparison by its number, its field and its operator, never by what it compares with.
const UNDECIDED: &str = include_str!("../../tests/stock_rules/undecided.tsv");

const INTRODUCTION: &str = "\
## Leaves that no case decides

`integration/rule-cases` has cases for all rules, as scenes of our own in the format of `eyrie rules test`: each rule fires on one and stays
quiet on near misses. `integration/tests/stock_rules.rs` runs them, and then changes each comparison (leaf) of each rule, once
by taking it out and once by turning it round: at least nine of ten such changes have to be noticed by a case. Those that none notices are
listed here, by the number of the leaf in the rule's condition (from 1, with all macros in place), its field and its operator, under the
reason that they share; the test fails if one is missing here, or is here and noticed. *Taken out* means
that the leaf says what does not count where it stands: true in an `and`, false in an `or`. Changes that make no difference whatever happens, such as
taking out `evt.num = 0` or a comparison with an empty list, are not counted.

Two rules can fire only once a site has filled something in; `integration/tests/stock_rules/site_rules.yaml` does it for the cases, which
`eyrie rules test` runs as well, with the stock files wherever they are:

```console
$ eyrie rules test integration/rule-cases --mutate --near-misses --rules falco_rules.yaml --rules falco-incubating_rules.yaml \\
      --rules falco-sandbox_rules.yaml --rules integration/tests/stock_rules/site_rules.yaml
```
";

/// Why some changes go unnoticed, and which.
#[derive(Debug)]
pub struct Group {
    /// A sentence or two.
    pub reason: &'static str,
    /// In the order of the list.
    pub leaves: Vec<Leaf>,
}

/// A change of one comparison that no case notices.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaf {
    /// The rule.
    pub rule: String,
    /// Which of the comparisons of its condition it is, from 1.
    pub number: usize,
    /// The field and the operator of it.
    pub what: String,
    /// Whether it is taken out, or else turned round.
    pub is_deleted: bool,
}

/// The list, by reason.
///
/// Panics if it is malformed, which a test would see.
pub fn undecided_leaves() -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for line in UNDECIDED.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        if let Some(reason) = line.strip_prefix("## ") {
            groups.push(Group { reason, leaves: Vec::new() });
            continue;
        }
        let added = groups.last_mut().zip(Leaf::parse(line));
        #[allow(clippy::panic, reason = "the list is part of the program")]
        let Some((group, leaves)) = added else { panic!("not a leaf of undecided.tsv: {line}") };
        group.leaves.extend(leaves);
    }
    groups
}

/// The section of the page.
pub(super) fn section() -> String {
    let mut section = INTRODUCTION.to_owned();
    // Writing to a string cannot fail.
    for group in undecided_leaves() {
        let _ = writeln!(section, "\n{}\n\n| rule | taken out | turned round |\n|---|---|---|", group.reason);
        let mut rules: Vec<&str> = group.leaves.iter().map(|leaf| leaf.rule.as_str()).collect();
        rules.dedup();
        for rule in rules {
            let of = |is_deleted| group.shown(rule, is_deleted);
            let _ = writeln!(section, "| {rule} | {} | {} |", of(true), of(false));
        }
    }
    section
}

// === impl Group ===

impl Group {
    /// The leaves of a rule: what they are, with their numbers.
    fn shown(&self, rule: &str, is_deleted: bool) -> String {
        let leaves = self.leaves.iter().filter(|leaf| leaf.rule == rule && leaf.is_deleted == is_deleted);
        let mut numbers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for leaf in leaves {
            numbers.entry(&leaf.what).or_default().push(leaf.number.to_string());
        }
        let shown = numbers.iter().map(|(what, numbers)| format!("`{what}` ({})", numbers.join(", ")));
        shown.collect::<Vec<_>>().join(", ")
    }
}

// === impl Leaf ===

impl Leaf {
    /// Of one line: rule, number, field with operator, and what is done to it, with tabs between.
    fn parse(line: &str) -> Option<Vec<Self>> {
        let mut columns = line.split('\t');
        let (rule, number, what) = (columns.next()?, columns.next()?.parse().ok()?, columns.next()?);
        let changes = columns.next().filter(|_| columns.next().is_none())?;
        let leaf = |change: &str| {
            let is_deleted = change == "deleted";
            let (rule, what) = (rule.to_owned(), what.to_owned());
            (is_deleted || change == "negated").then_some(Self { rule, number, what, is_deleted })
        };
        changes.split(", ").map(leaf).collect()
    }
}

/// As a line of the list.
impl fmt::Display for Leaf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, number, what, is_deleted } = self;
        let change = if *is_deleted { "deleted" } else { "negated" };
        write!(formatter, "{rule}\t{number}\t{what}\t{change}")
    }
}
