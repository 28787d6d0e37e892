//! Which fields rules use, and which of them have no data.

use super::catalogue::{ABSENT_BECAUSE, TestCatalogue};
use crate::{Rule, Source, absent_fields, load, used_fields};

/// The only rule of a file, with this condition and output.
fn rule(condition: &str, output: &str) -> Rule {
    let text =
        format!("- rule: r\n  desc: d\n  condition: {condition}\n  output: '{output}'\n  priority: INFO\n");
    let source = Source { name: "rules.yaml".to_owned(), text };
    let loaded = load(&[source], &TestCatalogue::new()).unwrap_or_else(|error| panic!("{error}"));
    loaded.rule_set.rules.into_iter().next().expect("a rule")
}

fn used(rule: &Rule) -> Vec<String> {
    used_fields(rule).into_iter().map(ToString::to_string).collect()
}

/// Scenario: fields on both sides of comparisons, in transformers and lists, under negation, and in the output.
/// Guarantees: each use is found, in order.
#[test]
fn every_use_is_found() {
    let rule = rule(
        "evt.type = open and not (tolower(proc.name) = val(proc.pname) or fd.name = concat(proc.exe, proc.cwd)) \
         and proc.aname[2] exists",
        "%evt.time and %join(\",\", (user.name, \"x\")) and %evt.arg.flags",
    );
    let expected = "evt.type proc.name proc.pname fd.name proc.exe proc.cwd proc.aname[2] evt.time user.name evt.arg.flags";
    assert_eq!(used(&rule).join(" "), expected);
}

/// Scenario: a rule with fields that no event has a value of, more than once. Guarantees: each is named once, with the reason.
#[test]
fn absent_fields_are_named() {
    let without =
        rule("evt.type = open and fs.path.name = x and fs.path.name != y", "%fs.path.name %evt.info");
    let expected = [("evt.info", ABSENT_BECAUSE), ("fs.path.name", ABSENT_BECAUSE)];
    assert_eq!(absent_fields(&without, &TestCatalogue::new()), expected);
    let with = rule("evt.type = open", "%proc.name");
    assert!(absent_fields(&with, &TestCatalogue::new()).is_empty());
}

/// Scenario: a condition nested as deep as is allowed. Guarantees: no overflow of the stack.
#[test]
fn deep_conditions_are_walked() {
    let deep = format!("{}proc.name = x{}", "(evt.num = 1 or ".repeat(490), ")".repeat(490));
    assert_eq!(used(&rule(&deep, "o")).len(), 491);
}
