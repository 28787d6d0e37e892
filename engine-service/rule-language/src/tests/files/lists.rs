//! Lists (A.5): textual substitution and what follows from it.

use super::{assert_error, assert_warning, condition, loaded, rule, warned};
use crate::Code;

const LISTS: &str = "- list: a\n  items: [x, 'y z', '\"(w)\"', 0777, yes]\n- list: b\n  items: [a, v]\n- list: none\n  items: []\n";

fn put(text: &str) -> String {
    condition(LISTS, &format!("{text} and evt.type=open"))
}

/// Scenario: lists between all kinds of delimiters, nested, quoted, empty. Guarantees: they are put in as text, as Falco's
/// `resolve_list` does.
#[test]
fn lists_are_text() {
    assert_eq!(put("proc.name in (a)"), "(proc.name in (x, \"y z\", (w), 0777, yes) and evt.type = open)");
    assert_eq!(put("proc.name in (b, u)"), put("proc.name in (x, 'y z', '(w)', 0777, yes, v, u)"));
    assert_eq!(put("proc.name in (a.b, ab, a-)"), "(proc.name in (a.b, ab, a-) and evt.type = open)");
    assert_eq!(put("proc.name in (\ta\t,u)"), put("proc.name in (a, u)"));
    let bare = condition("- list: one\n  items: [p]\n", "evt.type=open and proc.name=one");
    assert_eq!(bare, "(evt.type = open and proc.name = p)");
}

/// Scenario: an empty list beside commas. Guarantees: it takes along the comma before it, or else the one behind it.
#[test]
fn empty_lists_take_a_comma_along() {
    assert_eq!(put("proc.name in (none)"), "(proc.name in () and evt.type = open)");
    assert_eq!(put("proc.name in (none, u)"), put("proc.name in (u)"));
    assert_eq!(put("proc.name in (u, none)"), put("proc.name in (u)"));
    assert_eq!(put("proc.name in (u, none, v)"), put("proc.name in (u, v)"));
    assert_eq!(put("proc.name in (none, none, u , none)"), put("proc.name in (u)"));
}

/// Scenario: the name of a list in quoted text. Guarantees: it is replaced between delimiters there, too, and not next to a
/// quote, which is none.
#[test]
fn names_in_quotes_are_replaced() {
    assert_eq!(put("proc.name = \"k none l\""), "(proc.name = \"k  l\" and evt.type = open)");
    // `last` ends with the items of `w`, whose pass comes later and takes the blank of the first along: one blank is left.
    let ends = "- list: last\n  items: [w]\n- list: w\n  items: [v]\n";
    let ended = condition(ends, "evt.type=open and proc.name contains \"k last l\"");
    assert_eq!(ended, "(evt.type = open and proc.name contains \"k v l\")");
    assert_eq!(put("proc.name = \"a\""), "(proc.name = a and evt.type = open)");
    assert_eq!(put("proc.name in ('a', \"b\")"), "(proc.name in (a, b) and evt.type = open)");
}

/// Scenario: a list that names lists that are defined before it, and after it. Guarantees: an item that names an earlier list
/// stands for its items as they are written, one level deep; what is left is replaced by the passes of later lists.
#[test]
fn lists_of_lists() {
    let file = format!(
        "{}- list: a\n  items: [b]\n- list: b\n  items: [x]\n",
        rule("r", "evt.type=open and proc.name in (a)")
    );
    let put = |file: &str| loaded(&[file]).rule_set.rules[0].condition.to_string();
    assert_eq!(put(&file), "(evt.type = open and proc.name in (x))");
    let in_order = |lists: &str| put(&format!("{lists}{}", rule("r", "evt.type=open and proc.name in (a)")));
    // `c` is later than `a`, and brings in the items of `b`, which is earlier.
    assert_eq!(
        in_order("- list: b\n  items: [x]\n- list: a\n  items: [c]\n- list: c\n  items: [b]\n"),
        "(evt.type = open and proc.name in (x))"
    );
    // `b` brings the raw item `c`, which no pass replaces any more: the one of `c` has been.
    assert_eq!(
        in_order("- list: c\n  items: [x]\n- list: b\n  items: [c]\n- list: a\n  items: [b]\n"),
        "(evt.type = open and proc.name in (c))"
    );
    // Appending makes a list see what was defined in between.
    assert_eq!(
        in_order(
            "- list: a\n  items: [p]\n- list: b\n  items: [x]\n- list: a\n  items: [b]\n  override: {items: append}\n"
        ),
        "(evt.type = open and proc.name in (p, x))"
    );
}

/// Scenario: lists that are appended to, replaced, and defined again. Guarantees: items are added or replaced, at the old place.
#[test]
fn lists_are_changed() {
    let changed = |change: &str| {
        let lists = format!("- list: l\n  items: [x]\n- list: l\n  items: [y]\n{change}");
        condition(&lists, "evt.type=open and proc.name in (l)")
    };
    assert_eq!(changed("  override: {items: append}\n"), "(evt.type = open and proc.name in (x, y))");
    assert_eq!(changed("  append: true\n"), "(evt.type = open and proc.name in (x, y))");
    assert_eq!(changed("  override: {items: replace}\n"), "(evt.type = open and proc.name in (y))");
    assert_eq!(changed(""), "(evt.type = open and proc.name in (y))");
    for append in ["append: true", "override: {items: append}"] {
        let file = format!("- list: q\n  items: [x]\n  {append}\n");
        let message =
            "List uses 'append' or 'override.items: append' but no list by that name already exists";
        assert_error(&[&file], Code::LoadErrValidate, message, "list 'q'");
    }
}

/// Scenario: names with characters that delimit, and lists that nothing names. Guarantees: Falco's warnings.
#[test]
fn odd_and_unused_lists_are_warned_of() {
    let open = rule("r", "evt.type=open and proc.name in (used)");
    let file = format!("{open}- list: used\n  items: [x]\n- list: l\n  items: [x]\n");
    let message = "List not referred to by any other rule/macro";
    assert_warning(&[&file], Code::LoadUnusedList, message, "list 'l'");
    for name in ["a b", "a(", "\"a'b\"", "a=b", "'a,b'", "'a\"'"] {
        let file = format!("- list: {name}\n  items: [x]\n");
        let found = warned(&[&file], Code::LoadInvalidListName);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(
            found[0].0,
            "List has an invalid name. List names should match a regular expression: ([^()\"'[:space:]=,]+)"
        );
    }
    assert!(warned(&["- list: a-b.c/d%\n  items: [x]\n"], Code::LoadInvalidListName).is_empty());
    // A list counts as used by another list, even one that is not used itself.
    let by_list = "- list: l\n  items: [x]\n- list: k\n  items: [l]\n";
    assert_warning(&[by_list], Code::LoadUnusedList, message, "list 'k'");
}

/// Scenario: a word that is close to a list's name. Guarantees: a word to Falco; here it is warned of.
#[test]
fn misspelt_lists_are_warned_of() {
    let list = "- list: shell_binaries\n  items: [bash]\n";
    for wrong in ["(shel_binaries)", "shell_binariess"] {
        let file = format!("{list}{}", rule("r", &format!("evt.type=open and proc.name in {wrong}")));
        let found = loaded(&[&file]).diagnostics;
        let help = found.iter().find(|found| found.code == Code::LoadCompileCondition).unwrap().help.clone();
        assert!(help.is_some_and(|help| help.contains("shell_binaries")), "{found:?}");
    }
}
