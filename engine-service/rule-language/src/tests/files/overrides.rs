//! Overrides and appending (A.3).

use std::time::Duration;

use super::{assert_error, assert_warning, failed, listed, loaded, rule};
use crate::{
    Code::{self, LoadErrValidate, LoadErrYamlValidate},
    Priority,
};

/// Scenario: every key of a rule appended or replaced, both in one item. Guarantees: what is appended is joined with a blank,
/// tags are united, the rest is replaced.
#[test]
fn overrides_append_and_replace() {
    let base = rule("r", "evt.type=open") + "  tags: [x]\n";
    let change = "- rule: r\n  condition: and fd.num=1\n  desc: more\n  output: '%fd.name'\n  tags: [a]\n  priority: ERROR\n  \
        enabled: false\n  capture_duration: 7\n  warn_evttypes: no\n  skip-if-unknown-filter: yes\n  override: {condition: append, \
        desc: append, output: append, tags: append, priority: replace, enabled: replace, capture_duration: replace, \
        warn_evttypes: replace, skip-if-unknown-filter: replace}\n";
    let first = loaded(&[&base, change]);
    let rule = &first.rule_set.rules[0];
    assert_eq!(rule.condition.to_string(), "(evt.type = open and fd.num = 1)");
    assert_eq!((rule.description.as_str(), rule.output.text.as_str()), ("d more", "o %proc.name %fd.name"));
    assert_eq!(rule.tags, ["a", "x"]);
    assert_eq!((rule.priority, rule.enabled), (Priority::Error, false));
    assert_eq!(rule.capture_duration, Duration::from_millis(7));
    let change = "- rule: r\n  condition: evt.type=read\n  desc: D\n  output: O\n  tags: [b]\n  exceptions: []\n  \
        override: {condition: replace, desc: replace, output: replace, tags: replace, exceptions: replace}\n";
    let second = loaded(&[&base, change]);
    let rule = &second.rule_set.rules[0];
    assert_eq!((rule.condition.to_string().as_str(), rule.description.as_str()), ("evt.type = read", "D"));
    assert_eq!((rule.output.text.as_str(), rule.tags.as_slice()), ("O", ["b".to_owned()].as_slice()));
}

/// Scenario: the deprecated flag, on all three kinds of items. Guarantees: it appends, with Falco's warning; of a rule only the
/// condition and the exceptions.
#[test]
fn the_older_way_to_append() {
    let base =
        rule("r", "evt.type=open") + "- list: l\n  items: [x]\n- macro: m\n  condition: evt.type=open\n";
    let old = "- rule: r\n  condition: and m and proc.name in (l)\n  output: X\n  append: true\n- list: l\n  items: [y]\n  append: true\n\
        - macro: m\n  condition: or evt.type=read\n  append: true\n";
    let loaded = loaded(&[&base, old]);
    let rule = &loaded.rule_set.rules[0];
    assert_eq!(
        rule.condition.to_string(),
        "(evt.type = open and (evt.type = open or evt.type = read) and proc.name in (x, y))"
    );
    assert_eq!(rule.output.text, "o %proc.name");
    let found = loaded.diagnostics.iter().filter(|found| found.code == Code::LoadDeprecatedItem);
    let found: Vec<_> = found.map(|found| (found.message.as_str(), super::steps(found))).collect();
    let message = "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.";
    assert_eq!(found, ["rule 'r'", "list 'l'", "macro 'm'"].map(|steps| (message, steps.to_owned())));
}

/// Scenario: wrong overrides of each kind of item. Guarantees: Falco's texts, codes and steps.
#[test]
fn wrong_overrides_are_errors() {
    let both = "Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry (e.g. 'condition: append') \
        under 'override' instead.";
    let base =
        rule("r", "evt.type=open") + "- list: r\n  items: []\n- macro: r\n  condition: evt.type=open\n";
    for (change, message, steps) in [
        ("rule: r\n  condition: x\n  append: true\n  override: {condition: append}", both, "rule 'r'"),
        ("list: r\n  items: []\n  append: true\n  override: {items: append}", both, "list 'r'"),
        ("macro: r\n  condition: x\n  append: true\n  override: {condition: replace}", both, "macro 'r'"),
        (
            "rule: r\n  override: {condition: append}",
            "An append override for 'condition' was specified but 'condition' is not defined",
            "rule 'r'",
        ),
        (
            "rule: r\n  enabled: false\n  override: {tags: replace, enabled: replace}",
            "An replace override for 'tags' was specified but 'tags' is not defined",
            "rule 'r'",
        ),
        (
            "rule: r\n  condition: and x\n  output: y\n  desc: z\n  override: {condition: append}",
            "Unexpected key 'desc': no corresponding entry under 'override' is defined.",
            "rule 'r' > overrides 'desc'",
        ),
        (
            "rule: r\n  condition: x\n  override: {condition: prepend}",
            "Invalid override operation for key 'condition': 'prepend'. Allowed values are: append replace ",
            "rule 'r' > overrides > value for 'condition'",
        ),
        (
            "rule: r\n  enabled: x\n  override: {enabled: }",
            "Invalid override operation for key 'enabled': 'null'. Allowed values are: replace ",
            "rule 'r' > overrides > value for 'enabled'",
        ),
        (
            "rule: r\n  source: x\n  override: {source: set}",
            "Invalid override operation for key 'source': 'set'. Allowed values are: ",
            "rule 'r' > overrides > value for 'source'",
        ),
        (
            "rule: r\n  priority: INFO\n  override: {priority: append}",
            "Key 'priority' cannot be appended to, use 'replace' instead",
            "rule 'r' > overrides > overrides 'priority'",
        ),
        (
            "rule: r\n  source: x\n  override: {source: replace}",
            "Key 'source' cannot be replaced",
            "rule 'r' > overrides > overrides 'source'",
        ),
        (
            "list: r\n  items: []\n  override: {condition: append}",
            "Key 'condition' cannot be appended to, use 'replace' instead",
            "list 'r' > overrides > overrides 'condition'",
        ),
        (
            "macro: r\n  condition: x\n  override: {items: replace}",
            "Key 'items' cannot be replaced",
            "macro 'r' > overrides > overrides 'items'",
        ),
    ] {
        assert_error(&[&base, &format!("- {change}\n")], LoadErrYamlValidate, message, steps);
    }
    let nothing = "Appended rule must have exceptions or condition property";
    assert_error(&[&base, "- rule: r\n  append: true\n"], LoadErrValidate, nothing, "rule 'r'");
}

/// Scenario: changes of rules that nobody defined. Guarantees: Falco's texts, and a close name if there is one.
#[test]
fn changes_need_something_to_change() {
    let append = "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists";
    let replace =
        "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists";
    for (change, message) in [
        ("condition: x\n  append: true", append),
        ("condition: x\n  override: {condition: append}", append),
        ("condition: x\n  enabled: true\n  override: {enabled: replace, condition: append}", append),
        ("condition: x\n  override: {condition: replace}", replace),
    ] {
        assert_error(&[&format!("- rule: q\n  {change}\n")], LoadErrValidate, message, "rule 'q'");
    }
    let near =
        failed(&[&rule("Write etc", "evt.type=open"), "- rule: Write ect\n  condition: x\n  append: true\n"]);
    assert_eq!(near[0].help.as_deref(), Some("did you mean 'Write etc'?"), "{}", listed(&near));
}

/// Scenario: an override that is no mapping, or an empty one. Guarantees: Falco finds no pairs in it, so that the item defines
/// the rule again; here that is warned of.
#[test]
fn an_override_without_pairs_is_none() {
    let base = rule("r", "evt.type=open");
    for word in ["append", "[condition]"] {
        let file = format!("{}  override: {word}\n", rule("r", "evt.type=read"));
        let message = "Value of 'override' is not a mapping. It will be ignored.";
        assert_warning(&[&base, &file], Code::LoadUnknownKey, message, "rule 'r' > value for 'override'");
        assert_eq!(loaded(&[&base, &file]).rule_set.rules[0].condition.to_string(), "evt.type = read");
    }
    assert!(loaded(&[&base, &(rule("r", "evt.type=read") + "  override: {}\n")]).diagnostics.is_empty());
}

/// Scenario: an output that is appended or replaced with blanks around it. Guarantees: only a definition's output is trimmed.
#[test]
fn only_definitions_trim_outputs() {
    let change = "- rule: r\n  output: ' b '\n  override: {output: append}\n";
    assert_eq!(
        loaded(&[&rule("r", "evt.type=open"), change]).rule_set.rules[0].output.text,
        "o %proc.name  b "
    );
}
