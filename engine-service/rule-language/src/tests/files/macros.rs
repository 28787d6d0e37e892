//! Macros (A.5): what they see, and what is told of them.

use super::{assert_error, assert_warning, condition, failed, listed, loaded, rule, warned};
use crate::Code;

/// Scenario: macros that use macros, before and after. Guarantees: they keep their parentheses' meaning; a macro sees what
/// stands above it, a rule sees all.
#[test]
fn macros_and_what_they_see() {
    let macros =
        "- macro: m\n  condition: evt.type=open or evt.type=read\n- macro: n\n  condition: m and fd.num=1\n";
    assert_eq!(condition(macros, "not n"), "not ((evt.type = open or evt.type = read) and fd.num = 1)");
    let late = format!("{}{macros}", rule("r", "n"));
    assert_eq!(loaded(&[&late]).rule_set.rules.len(), 1);
    let file = "- macro: n\n  condition: m\n- macro: m\n  condition: evt.type=open\n";
    let message = "Undefined macro 'm' used in filter.";
    assert_error(&[file], Code::LoadErrValidate, message, "macro 'n' > condition expression");
    let error = &failed(&[file])[0];
    assert!(error.help.as_ref().is_some_and(|help| help.contains("further down")));
    assert_eq!((error.line, error.column), (2, 14));
    let in_rule = rule("r", "evt.type=open and m");
    assert_error(&[&in_rule], Code::LoadErrValidate, message, "rule 'r' > condition expression");
}

/// Scenario: macros that are defined again or appended to. Guarantees: they keep their places but see more, themselves too:
/// that is a loop.
#[test]
fn redefined_macros_see_what_came_between() {
    let file = "- macro: a\n  condition: evt.type=open\n- macro: b\n  condition: evt.type=read\n- macro: a\n  condition: b\n";
    assert_eq!(condition(file, "a"), "evt.type = read");
    for again in ["condition: or a\n  override: {condition: append}", "condition: a"] {
        let file = format!("- macro: a\n  condition: evt.type=open\n- macro: a\n  {again}\n");
        let message = "reference loop in macro 'a'";
        assert_error(&[&file], Code::LoadErrValidate, message, "macro 'a' > condition expression");
    }
    let mutual =
        "- macro: a\n  condition: evt.type=open\n- macro: b\n  condition: a\n- macro: a\n  condition: b\n";
    assert!(failed(&[mutual])[0].message.contains("reference loop"));
}

/// Scenario: changes to a macro. Guarantees: conditions are joined with a blank, or replaced.
#[test]
fn macros_are_changed() {
    let changed = |change: &str| {
        condition(
            &format!("- macro: m\n  condition: evt.type=open\n- macro: m\n  condition: {change}\n"),
            "m",
        )
    };
    let appended = "(evt.type = open or fd.num = 1)";
    assert_eq!(changed("or fd.num=1\n  append: true"), appended);
    assert_eq!(changed("or fd.num=1\n  override: {condition: append}"), appended);
    assert_eq!(
        changed("fd.num=1 and evt.type=read\n  override: {condition: replace}"),
        "(fd.num = 1 and evt.type = read)"
    );
    for append in ["append: true", "override: {condition: append}"] {
        let file = format!("- macro: q\n  condition: evt.type=open\n  {append}\n");
        let message =
            "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists";
        assert_error(&[&file], Code::LoadErrValidate, message, "macro 'q'");
    }
}

/// Scenario: conditions that cannot be parsed, whether used or not. Guarantees: an error in the condition.
#[test]
fn conditions_are_parsed_though_unused() {
    let errors = failed(&["- macro: m\n  condition: evt.type=open and (fd.num=1\n"]);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].code, Code::LoadErrCompileCondition);
    assert_eq!(super::steps(&errors[0]), "macro 'm' > macro condition > condition expression");
}

/// Scenario: an unknown field in a macro that two rules use, and in one that none does. Guarantees: the error is told where the
/// macro stands, once, and only if a rule uses it.
#[test]
fn errors_in_macros_are_told_at_the_macro() {
    let macros = "- macro: m\n  condition: >\n    evt.type=open and\n    proc.nmae=x\n";
    let errors = failed(&[&format!("{macros}{}{}", rule("a", "m"), rule("b", "not m"))]);
    assert_eq!(errors.len(), 1, "{}", listed(&errors));
    assert_eq!((errors[0].line, errors[0].column), (4, 5));
    assert_eq!(&errors[0].source.text[errors[0].span.clone()], "proc.nmae");
    assert_eq!(loaded(&[&format!("{macros}{}", rule("a", "evt.type=open"))]).rule_set.rules.len(), 1);
}

/// Scenario: names that no condition can hold, and macros that nothing names. Guarantees: Falco's warnings.
#[test]
fn odd_and_unused_macros_are_warned_of() {
    let message = "Macro not referred to by any other rule/macro";
    let unused = "- macro: m\n  condition: evt.type=open\n- macro: n\n  condition: m\n";
    assert_warning(&[unused], Code::LoadUnusedMacro, message, "macro 'n'");
    for name in ["m-n", "1m", "_m", "a.b", "ä"] {
        let found =
            warned(&[&format!("- macro: {name}\n  condition: evt.type=open\n")], Code::LoadInvalidMacroName);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(
            found[0].0,
            "Macro has an invalid name. Macro names should match a regular expression: ([a-zA-Z]+[a-zA-Z0-9_]*)"
        );
    }
    // A rule of an unknown source is not compiled, and uses nothing.
    let skipped = rule("r", "m") + "  source: x\n- macro: m\n  condition: evt.type=open\n";
    assert_warning(&[&skipped], Code::LoadUnusedMacro, message, "macro 'm'");
}
