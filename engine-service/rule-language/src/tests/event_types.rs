//! Event types of conditions, and the warning about too many of them.

use super::catalogue::TestCatalogue;
use crate::{Code, Source, compile_condition, event_types::event_types, load};

/// The types that a condition can hold on, with blanks between.
fn types(text: &str) -> Option<String> {
    let catalogue = TestCatalogue::new();
    let condition = compile_condition(text, &catalogue).unwrap_or_else(|error| panic!("{text}: {error}"));
    event_types(&condition, &catalogue).map(|types| types.join(" "))
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Scenario: conditions on `evt.type`, joined and negated. Guarantees: comparisons by `=`, `!=` and `in` are exact, `not`
/// is pushed to them, everything else stays open, negated or not.
#[test]
fn sets_follow_the_algebra() {
    assert_eq!(types("evt.type = open"), some("open"));
    assert_eq!(types("evt.type == open"), some("open"));
    assert_eq!(types("evt.type in (openat, open) and proc.name = x"), some("open openat"));
    assert_eq!(types("evt.type = open or evt.type = read"), some("open read"));
    assert_eq!(types("evt.type = open and evt.type = read"), some(""));
    assert_eq!(types("evt.type = open or proc.name = x"), None);
    assert_eq!(types("proc.name = x"), None);
    assert_eq!(types("not proc.name = x"), None);
    assert_eq!(types("evt.type in (open, read) and not evt.type = read"), some("open"));
    assert_eq!(types("evt.type in (open, read) and not evt.type in (read, write)"), some("open"));
    assert_eq!(types("not (evt.type != open)"), some("open"));
    assert_eq!(types("not (evt.type != open or evt.type != open)"), some("open"));
    assert_eq!(types("not (proc.name = x and not evt.type = open)"), None);
    assert_eq!(types("not (proc.name = x or not evt.type = open)"), some("open"));
    assert_eq!(types("not not evt.type = open"), some("open"));
    assert_eq!(types("evt.type exists"), None);
    assert_eq!(types("evt.type startswith open"), None);
    assert!(types("evt.type != open").is_some_and(|types| !types.split(' ').any(|name| name == "open")));
}

/// Scenario: comparisons of `evt.num`, which is never below 1. Guarantees: those that never hold leave no type, those
/// that always hold leave all, negation turns one into the other, and those that depend on the event stay open.
#[test]
fn events_are_numbered_from_one() {
    for never in
        ["evt.num = 0", "evt.num < 1", "evt.num < 0", "evt.num <= 0", "evt.num in (0)", "evt.num in (0, 0)"]
    {
        assert_eq!(types(never), some(""), "{never}");
        assert_eq!(types(&format!("not {never}")), None, "{never}");
        assert_eq!(types(&format!("evt.type = open and not {never}")), some("open"), "{never}");
        assert_eq!(types(&format!("evt.type = open or {never}")), some("open"), "{never}");
    }
    for always in ["evt.num >= 0", "evt.num >= 1", "evt.num > 0", "evt.num != 0"] {
        assert_eq!(types(always), None, "{always}");
        assert_eq!(types(&format!("not {always}")), some(""), "{always}");
    }
    for open in
        ["evt.num = 1", "evt.num < 2", "evt.num <= 1", "evt.num > 1", "evt.num >= 2", "evt.num in (0, 1)"]
    {
        assert_eq!(types(open), None, "{open}");
        assert_eq!(types(&format!("not {open}")), None, "{open}");
    }
}

/// Scenario: `syscall.type`. Guarantees: what it equals narrows as `evt.type` does; what it does not equal leaves all
/// open, as events of other names may come of the call.
#[test]
fn calls_narrow_as_events_do() {
    assert_eq!(types("syscall.type = open"), some("open"));
    assert_eq!(types("evt.num >= 0 and syscall.type in (open, read)"), some("open read"));
    assert_eq!(types("evt.type in (open, read) and syscall.type = open"), some("open"));
    assert_eq!(types("syscall.type != open"), None);
    // What only 32-bit programs call has events of many names.
    assert_eq!(types("syscall.type = socketcall"), None);
}

/// Whether a rule with this condition is warned of.
fn is_warned_of(condition: &str) -> bool {
    let rule = format!("- rule: r\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n");
    let source = Source { name: "rules.yaml".to_owned(), text: rule };
    let loaded = load(&[source], &TestCatalogue::new()).unwrap_or_else(|error| panic!("{error}"));
    loaded.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::LoadNoEvttype)
}

/// Scenario: rules on few, on many, on all event types and on none. Guarantees: the warning is about more than 100 codes,
/// which are two for each name here, and about none, as in Falco.
#[test]
fn too_many_types_are_warned_of_and_none_are() {
    assert!(!is_warned_of("evt.type = open"));
    assert!(is_warned_of("proc.name = x"));
    assert!(is_warned_of("evt.type != open"));
    assert!(is_warned_of("evt.type = open and evt.num = 0"));
    let names = super::catalogue::EVENT_TYPES;
    assert!(!is_warned_of(&format!("evt.type in ({})", names[..50].join(", "))));
    assert!(is_warned_of(&format!("evt.type in ({})", names[..51].join(", "))));
}
