//! What sets of rules need.

use eyrie_proto::capture::path_filter::Kind;

use super::{super::RulePlans, load, path, rule};
use crate::filter_text;

/// Scenario: rules on the same calls with the same tests but for paths, with other tests, switched off, and one that never holds. Guarantees:
/// one filter with the paths and names of all that differ in these only, and nothing of those that do not count.
#[test]
fn filters_that_differ_in_paths_are_one() {
    let rules = load(
        [
            rule("a", "evt.type = openat and fd.name = /etc/a", ""),
            rule("b", "evt.type in (openat, unlink) and fd.name = /etc/b", ""),
            rule("c", "evt.type = openat and fd.name = /etc/c and evt.failed = true", ""),
            rule("d", "evt.type = openat and fd.name = /etc/d", "  enabled: false\n"),
            rule("e", "evt.type = openat and (evt.num = 0 or evt.arg.oldpath = /etc/e)", ""),
        ]
        .concat(),
    );
    let plans = RulePlans::new(&rules);
    let names: Vec<_> = plans.rules().iter().map(|plan| (plan.rule.as_str(), plan.calls.len())).collect();
    assert_eq!(names, [("a", 1), ("b", 2), ("c", 1), ("e", 0)]);
    let calls = plans.calls();
    let types: Vec<_> = calls.iter().map(|call| call.event_type.as_str()).collect();
    assert_eq!(types, ["openat", "unlink"]);
    let [open, unlink] = calls.try_into().unwrap();
    assert_eq!(open.any_of.len(), 2, "{open:#?}");
    let both = &open.any_of[0];
    assert_eq!(both.rules, ["a", "b"]);
    assert_eq!(both.paths, [path(Kind::Exact, "/etc/a"), path(Kind::Exact, "/etc/b")]);
    assert_eq!(open.any_of[1].rules, ["c"]);
    assert_eq!((unlink.any_of.len(), unlink.forced_by_rule.as_str()), (0, "b"));
}

/// Scenario: two rules on reads of a path each, and one on all reads in containers. Guarantees: the tests of paths stay, beside a filter for
/// containers alone: what is one is so without letting more through.
#[test]
fn filters_that_differ_in_more_stay_apart() {
    let read = "evt.type = openat and evt.is_open_read = true";
    let rules = load(
        [
            rule("a", &format!("{read} and fd.name contains liblzma.so"), ""),
            rule("b", &format!("{read} and container.id != host"), ""),
            rule("c", &format!("{read} and fd.directory = /"), ""),
        ]
        .concat(),
    );
    let calls = RulePlans::new(&rules).calls();
    let [open] = &*calls else { panic!("{calls:#?}") };
    let told: Vec<_> =
        open.any_of.iter().map(|filter| (filter.rules.concat(), filter_text(filter))).collect();
    let told: Vec<_> = told.iter().map(|(rules, text)| (rules.as_str(), text.as_str())).collect();
    assert_eq!(
        told,
        [
            ("b", "opened to read or to read and write or with access mode 3, in a container"),
            (
                "ac",
                "path with liblzma.so or directly in / or /, opened to read or to read and write or with access mode 3"
            ),
        ]
    );
}

/// Scenario: rules on bytes in a path and on its short beginning, as many as programs have room for bytes, and one more; two that say the same bytes.
/// Guarantees: the bytes are tested, since fewer paths have them, until there are too many: then the last rules make do with the beginning. What has nothing
/// else keeps its bytes.
#[test]
fn bytes_in_paths_are_few() {
    let rule_on = |name: &str, bytes: &str| {
        let both = format!("evt.type = openat and fd.name startswith /opt and fd.name contains /{bytes}/");
        rule(name, &both, "")
    };
    let bytes_only = rule("only", "evt.type = openat and fd.name contains /only/", "");
    let parts_of = |rules: String| {
        let plans = RulePlans::new(&load(rules));
        let told = plans.rules().iter().map(|plan| filter_text(&plan.calls[0].any_of[0]));
        told.collect::<Vec<_>>()
    };
    let four = ["aaaa", "bbbb", "cccc", "dddd"].map(|bytes| rule_on(bytes, bytes)).concat();
    let with = |bytes: &str| format!("path with /{bytes}/");
    let expected = ["aaaa", "bbbb", "cccc", "dddd"].map(with).to_vec();
    assert_eq!(parts_of(four.clone()), expected);
    let again = [four.clone(), rule_on("again", "aaaa")].concat();
    assert_eq!(parts_of(again), [&*expected, &[with("aaaa")]].concat());
    let more = [four, bytes_only, rule_on("eeee", "eeee")].concat();
    let opt = || "path /opt*".to_owned();
    assert_eq!(parts_of(more), [&expected[..3], &[opt(), with("only"), opt()]].concat());
}

/// Scenario: rules that need every call, for the sake of a comparison, an exclusion, a transformer, another value, and the type alone. Guarantees:
/// each says which part of its condition is to blame.
#[test]
fn what_forces_every_call_is_told() {
    let conditions = [
        ("evt.type = openat and proc.args contains x", "proc.args contains x"),
        ("evt.type = openat and not fd.name startswith /etc", "not fd.name startswith /etc"),
        ("evt.type = openat and (fd.name = /a or tolower(fd.name) = /b)", "tolower(fd.name) = /b"),
        ("evt.type = openat and fd.name = val(proc.exepath)", "fd.name = val(proc.exepath)"),
        ("evt.type = openat and evt.num >= 0", ""),
    ];
    for (condition, clause) in conditions {
        let plans = RulePlans::new(&load(rule("a", condition, "")));
        let [plan] = plans.rules() else { panic!("one rule") };
        let forced = plan.calls[0].forced.as_ref().unwrap();
        assert_eq!(forced.clause, clause);
        assert!(!forced.reason.is_empty() && plan.calls[0].any_of.is_empty());
        assert_eq!(plans.calls()[0].forced_by_rule, "a");
    }
}

/// Scenario: a rule on events of every type. Guarantees: it says so, and has what it needs of each.
#[test]
fn rules_on_every_type_are_told() {
    let plans = RulePlans::new(&load(rule("a", "evt.failed = true and container.id != host", "")));
    let [plan] = plans.rules() else { panic!("one rule") };
    assert!(plan.is_of_any_type && plan.calls.len() > 300);
    assert!(plan.calls.iter().all(|call| call.any_of.len() == 1 && call.forced.is_none()));
}
