//! Rules: their keys, redefinition, sources, and the older way to enable them (A.2).

use std::time::Duration;

use super::{assert_error, assert_warning, failed, listed, loaded, rule, warned};
use crate::{Code, Priority};

/// Scenario: a rule with its keys. Guarantees: they are taken, with defaults where they are missing; the output is trimmed,
/// tags are sorted.
#[test]
fn a_rule_takes_its_keys() {
    let file = "- rule: R\n  desc: what\n  condition: evt.type = open\n  output: >\n    out %proc.name\n  priority: wARNING\n  \
        tags: [b, a, b]\n  enabled: no\n  source: syscall\n  capture_duration: 1500\n";
    let loaded = loaded(&[file]);
    let rule = &loaded.rule_set.rules[0];
    assert_eq!((rule.name.as_str(), rule.description.as_str()), ("R", "what"));
    assert_eq!((rule.priority, rule.enabled, rule.capture), (Priority::Warning, false, false));
    assert_eq!(rule.capture_duration, Duration::from_millis(1500));
    assert_eq!(rule.tags, ["a", "b"]);
    assert_eq!(rule.output.text, "out %proc.name");
    assert_eq!(rule.event_types.as_deref(), Some(["open".to_owned()].as_slice()));
    assert!(loaded.diagnostics.is_empty());
}

/// Scenario: rules with the key of ours, without it, with it replaced, and with what is no truth. Guarantees: off unless said, changed by an override,
/// and an error that says where.
#[test]
fn a_rule_may_want_the_kernels_names() {
    let plain = rule("r", "evt.type=open");
    let wants = plain.clone() + "  match_resolved: true\n";
    let wanted = |files: &[&str]| {
        let loaded = loaded(files);
        assert!(loaded.diagnostics.is_empty(), "{}", listed(&loaded.diagnostics));
        loaded.rule_set.rules[0].match_resolved
    };
    assert!(!wanted(&[&plain]) && wanted(&[&wants]));
    let replaced = "- rule: r\n  match_resolved: false\n  override: {match_resolved: replace}\n";
    assert!(!wanted(&[&wants, replaced]));
    let wrong = failed(&[&(plain + "  match_resolved: maybe\n")]);
    assert!(listed(&wrong).contains("match_resolved"), "{}", listed(&wrong));
}

/// Scenario: a rule that asks for recordings. Guarantees: that is kept, and nothing is said of it.
#[test]
fn captures_are_kept() {
    let file = rule("r", "evt.type=open") + "  capture: true\n  capture_duration: 0x10\n";
    let loaded = loaded(&[&file]);
    assert!(loaded.diagnostics.is_empty(), "{}", listed(&loaded.diagnostics));
    let rule = &loaded.rule_set.rules[0];
    assert_eq!((rule.capture, rule.capture_duration), (true, Duration::from_millis(16)));
}

/// Scenario: a rule that is defined twice, in one file and in two. Guarantees: it is replaced at its old place.
#[test]
fn redefined_rules_keep_their_place() {
    let first = format!("{}{}", rule("a", "evt.type=open"), rule("b", "evt.type=open"));
    for files in [vec![first.clone(), rule("a", "evt.type=read")], vec![first + &rule("a", "evt.type=read")]]
    {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let loaded = loaded(&files);
        let names: Vec<_> = loaded.rule_set.rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(loaded.rule_set.rules[0].condition.to_string(), "evt.type = read");
    }
}

/// Scenario: sources that nobody provides, and rules that change theirs. Guarantees: such rules are skipped with a warning and
/// can be appended to, unknown fields and all; another source for the same rule is an error, in changes too.
#[test]
fn sources() {
    let other = rule("r", "ka.verb=x") + "  source: k8s_audit\n";
    assert_warning(&[&other], Code::LoadUnknownSource, "Unknown source k8s_audit, skipping", "rule 'r'");
    let append = "- rule: r\n  condition: and no.field=x\n  exceptions: [{name: a, fields: no.field, values: [x]}]\n  \
        override: {condition: append, exceptions: append}\n";
    assert!(loaded(&[&other, append]).rule_set.rules.is_empty());
    let message = "Rule has been re-defined with a different source";
    assert_error(&[&other, &rule("r", "evt.type=open")], Code::LoadErrValidate, message, "rule 'r'");
    let known = rule("r", "evt.type=open");
    for change in ["append: true", "override: {condition: append}", "override: {condition: replace}"] {
        let same = format!("- rule: r\n  condition: or evt.type=read\n  source: SOURCE\n  {change}\n");
        assert_error(&[&known, &same.replace("SOURCE", "x")], Code::LoadErrValidate, message, "rule 'r'");
        if !change.contains("replace") {
            loaded(&[&known, &same.replace("SOURCE", "syscall")]);
        }
    }
    for empty in ["''", ""] {
        let file = format!("{known}  source: {empty}\n");
        assert_eq!(loaded(&[&file]).rule_set.rules[0].source, "syscall");
    }
}

/// Scenario: an item with a rule's name and `enabled` only. Guarantees: it switches an earlier rule, with Falco's warning.
#[test]
fn the_older_way_to_enable() {
    let base = rule("r", "evt.type=open");
    let off = "- rule: r\n  enabled: false\n";
    assert!(!loaded(&[&base, off]).rule_set.rules[0].enabled);
    let message = "The standalone 'enabled' key usage is deprecated. The correct approach requires also a 'replace' entry under \
        the 'override' key (i.e. 'enabled: replace').";
    assert_warning(&[&base, off], Code::LoadDeprecatedItem, message, "rule 'r'");
    let message = "Rule has 'enabled' key but no rule by that name already exists";
    assert_error(&[off], Code::LoadErrValidate, message, "rule 'r'");
}

/// Scenario: rules with `skip-if-unknown-filter`, with unknown names in conditions, macros and outputs, and with other errors.
/// Guarantees: unknown names drop the rule with a warning, and nothing else does.
#[test]
fn rules_can_be_skipped_for_unknown_names() {
    let skip = "  skip-if-unknown-filter: true\n";
    let open = rule("r", "evt.type=open");
    for (file, steps) in [
        (
            rule("r", "evt.type=open and no.field=x") + skip,
            "rule 'r' > rule condition > condition expression",
        ),
        (rule("r", "evt.type=opne") + skip, "rule 'r' > rule condition > condition expression"),
        (open.replace("%proc.name", "%no.field") + skip, "rule 'r' > rule output"),
        (
            format!("- macro: m\n  condition: no.field=x\n{}{skip}", rule("r", "evt.type=open and m")),
            "rule 'r' > rule condition > condition expression",
        ),
    ] {
        assert!(loaded(&[&file]).rule_set.rules.is_empty());
        let found = warned(&[&file], Code::LoadUnknownFilter);
        assert_eq!(found.len(), 1, "{file}");
        assert_eq!(found[0].1, steps);
    }
    // An output that cannot be used ends it: the condition is not looked at.
    let both = rule("r", "no.such=x").replace("%proc.name", "%no.field") + skip;
    assert_eq!(warned(&[&both], Code::LoadUnknownFilter).len(), 1);
    let both = format!("- macro: m\n  condition: no.field=x\n{}{skip}{}", rule("r", "m"), rule("s", "m"));
    assert_eq!(failed(&[&both]).len(), 1);
    assert_eq!(failed(&[&(rule("r", "no.field=x and fd.num contains y") + skip)]).len(), 2);
    assert_eq!(failed(&[&(rule("r", "nothing") + skip)]).len(), 1);
}

/// Scenario: a condition with an undefined macro behind an unknown field. Guarantees: all is told; Falco puts macros in first,
/// so that the macro comes first in its order.
#[test]
fn undefined_macros_come_before_unknown_fields() {
    let file = rule("r", "evt.type=open and no.field=x and nothing").replace("%proc.name", "%no.such");
    let mut errors = failed(&[&file]);
    assert_eq!(errors.len(), 3, "{}", listed(&errors));
    errors.sort_by_key(|error| error.sequence);
    let codes: Vec<_> = errors.iter().map(|error| error.code).collect();
    assert_eq!(codes, [Code::LoadErrCompileOutput, Code::LoadErrValidate, Code::LoadErrCompileCondition]);
}

/// Scenario: a rule with something wrong in every key, one that changes another with as much, and one whose source cannot be
/// read. Guarantees: all of it is told in one run (of one file Falco tells the first), in Falco's order; what may follow from
/// a source that is not known is not.
#[test]
fn one_key_hides_no_other() {
    let file = "- rule: r\n  condition: evt.type=opn and no.field=1\n  output: '%no.field'\n  desc: ''\n  priority: high\n  \
        enabled: maybe\n  tags: t\n  exceptions: [{name: a}, {name: b, fields: no.field, values: [x]}, {name: c, fields: \
        proc.name, comps: like}]\n";
    let mut errors = failed(&[file]);
    errors.sort_by_key(|error| error.sequence);
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    let expected = [
        "Value must be non-empty",
        "Invalid priority",
        "Can't decode YAML scalar value",
        "Value is not a sequence",
        "Item has no mapping for key 'fields'",
        "'no.field' is not a supported filter field",
        "When fields is a single value, comps must be one of (in, pmatch, intersects) or a modifier operator (e.g. \
         startswith oneof)",
        "unknown filter: nonexistent field 'no.field'",
        "unknown event type opn",
        "nonexistent field 'no.field'",
    ];
    assert_eq!(messages, expected, "{}", listed(&errors));
    let change = "- rule: r\n  condition: no.field=1\n  priority: high\n  enabled: maybe\n  override: {condition: replace, \
        priority: replace, enabled: replace, output: append}\n";
    assert_eq!(failed(&[&rule("r", "evt.type=open"), change]).len(), 4);
    let unread = rule("r", "ka.verb=x").replace("INFO", "high") + "  source: [a]\n";
    assert_eq!(failed(&[&unread]).len(), 2);
}
