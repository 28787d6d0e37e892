//! Which comparisons of Falco's stock rules no case decides, and why: a section of `docs/stock-rules.md`.
//!
//! The list is kept by hand in `integration/stock-rules/undecided_leaves.tsv`, under a heading for each reason; a test holds it against what
//! mutation finds, both ways. It names a comparison by its number, its field and its operator, never by what it compares with.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use anyhow::{Context as _, ensure};

const LIST: &str = include_str!("../stock-rules/undecided_leaves.tsv");

const HEAD: &str = "\
## Leaves that no case decides

`integration/rule-cases` has cases for all stock rules: each fires, and stays quiet where a near miss says so. A test changes each comparison
(leaf) of each rule, once by taking it out and once by turning it round, and looks whether a case notices. Listed are
the changes that none does, by the number of the leaf in the rule's condition (from 1, with all macros in place), its field and its operator,
under the reason that they share. *Taken out* means replaced by what does not count there: true in an `and`, false in an `or`.
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
pub fn groups() -> anyhow::Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for (line, number) in LIST.lines().zip(1..) {
        let place = || format!("line {number} of undecided_leaves.tsv");
        if let Some(reason) = line.strip_prefix("## ") {
            groups.push(Group { reason, leaves: Vec::new() });
        } else if !line.is_empty() && !line.starts_with("# ") {
            let group = groups.last_mut().with_context(|| format!("{} comes before any reason", place()))?;
            group.leaves.extend(leaves(line).with_context(place)?);
        }
    }
    Ok(groups)
}

/// The page that the section is on.
pub fn page() -> anyhow::Result<String> {
    Ok(format!("# Falco's stock rules\n\n{}", section()?))
}

/// The section as Markdown.
pub fn section() -> anyhow::Result<String> {
    let mut text = HEAD.to_owned();
    for group in groups()? {
        writeln!(text, "\n{}\n\n| rule | taken out | turned round |\n|---|---|---|", group.reason)?;
        let mut rules: Vec<&str> = group.leaves.iter().map(|leaf| leaf.rule.as_str()).collect();
        rules.dedup();
        for rule in rules {
            let of = |is_deleted: bool| {
                let leaves =
                    group.leaves.iter().filter(|leaf| leaf.rule == rule && leaf.is_deleted == is_deleted);
                let mut numbers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
                leaves.for_each(|leaf| numbers.entry(&leaf.what).or_default().push(leaf.number.to_string()));
                let shown =
                    numbers.iter().map(|(what, numbers)| format!("`{what}` ({})", numbers.join(", ")));
                shown.collect::<Vec<_>>().join(", ")
            };
            writeln!(text, "| {rule} | {} | {} |", of(true), of(false))?;
        }
    }
    Ok(text)
}

// === impl Leaf ===

/// As a line of the list.
impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = if self.is_deleted { "deleted" } else { "negated" };
        write!(f, "{}\t{}\t{}\t{change}", self.rule, self.number, self.what)
    }
}

/// One line: rule, number, field with operator, and the changes, with tabs between.
fn leaves(line: &str) -> anyhow::Result<Vec<Leaf>> {
    let mut columns = line.split('\t');
    let mut next = |what: &str| columns.next().with_context(|| format!("there is no {what}"));
    let (rule, number, what, changes) = (next("rule")?, next("number")?, next("field")?, next("change")?);
    let number = number.parse().context("the number of the leaf is none")?;
    ensure!(columns.next().is_none(), "there are more than four columns");
    let leaf = |change: &str| match change {
        "deleted" | "negated" => {
            Ok(Leaf { rule: rule.to_owned(), number, what: what.to_owned(), is_deleted: change == "deleted" })
        }
        other => anyhow::bail!("a change is `deleted` or `negated`, and not '{other}'"),
    };
    changes.split(", ").map(leaf).collect()
}
