//! What runs tell.

use super::{Failure, Scene};
use crate::fixture::{problems, results, rule};

const RULES: &str = "
- list: secrets
  items: [/etc/shadow, /etc/sudoers]
- macro: reads
  condition: (evt.type in (open, openat) and evt.is_open_read=true)
";

fn rules() -> String {
    let condition = "reads and fd.name in (secrets) and not proc.name = login";
    format!("{RULES}{}{}", rule("Secret Read", condition), rule("Anything Opened", "evt.type = openat"))
}

/// Scenario: a case with a variant and a near miss that are as they should be, and one that wants quiet. Guarantees: all pass, and
/// what fired is told by event.
#[test]
fn what_is_right_passes() {
    let text = "
cases:
  - name: two events
    events:
      - {evt.type: openat, fd.name: /etc/passwd}
      - {evt.type: openat, fd.name: /etc/shadow, proc.name: cat}
    expect: [{rule: Secret Read, event: 2, fields: {proc.name: cat, evt.is_open_read: true, fd.directory: /etc}}]
    variants: [{fd.name: /etc/sudoers}]
    near_misses: [{proc.name: login}, {evt.arg.flags: O_WRONLY}]
  - {name: quiet, events: [{evt.type: read}], expect: []}
";
    let results = results(&rules(), text);
    assert!(results.iter().all(|scene| scene.failures.is_empty()), "{results:#?}");
    let fired = |rule: &str, event| (rule.to_owned(), event);
    let expected = [fired("Anything Opened", 1), fired("Secret Read", 2), fired("Anything Opened", 2)];
    assert_eq!(results[0].fired, expected);
    let scenes: Vec<_> = results.iter().map(|scene| &scene.scene).collect();
    assert!(matches!(
        scenes[..],
        [Scene::Case, Scene::Variant(_), Scene::NearMiss(_), Scene::NearMiss(_), Scene::Case]
    ));
}

/// Scenario: a rule that should have fired and did not. Guarantees: the comparison that kept it back is told, with the value of its
/// field and the macro that it stands in; the nearest event is chosen.
#[test]
fn why_a_rule_did_not_fire_is_told() {
    let text = "
cases:
  - name: c
    events: [{evt.type: openat, fd.name: /etc/shadow, evt.arg.flags: O_WRONLY}, {evt.type: read, proc.name: login}]
    expect: [Secret Read]
";
    let results = results(&rules(), text);
    let [Failure::NotFired { rule, event, reasons }] = results[0].failures.as_slice() else {
        panic!("{results:#?}")
    };
    assert_eq!((rule.as_str(), *event), ("Secret Read", 1));
    let [reason] = reasons.as_slice() else { panic!("{reasons:#?}") };
    assert_eq!((reason.leaf.as_str(), reason.holds), ("evt.is_open_read = true", false));
    assert_eq!(reason.values, [("evt.is_open_read".to_owned(), "false".to_owned())]);
    let origin = reason.origin.as_ref().unwrap();
    assert_eq!(
        (origin.in_macro.as_deref(), origin.file.as_str(), origin.position.line),
        (Some("reads"), "rules.yaml", 5)
    );
}

/// Scenario: a comparison under `not` that holds. Guarantees: it is told that it holds, and should not.
#[test]
fn what_should_not_hold_is_told() {
    let text = "
cases: [{name: c, events: [{evt.type: openat, fd.name: /etc/shadow, proc.name: login}], expect: [Secret Read]}]
";
    let results = results(&rules(), text);
    let [Failure::NotFired { reasons, .. }] = results[0].failures.as_slice() else { panic!("{results:#?}") };
    assert_eq!((reasons[0].leaf.as_str(), reasons[0].holds), ("proc.name = login", true));
}

/// Scenario: near misses, `expect_not` and `expect: []` that are wrong, a field that is another, an event that is another.
/// Guarantees: each fails, and says what fired or what was found.
#[test]
fn what_is_wrong_fails() {
    let text = "
cases:
  - name: a
    events: [{evt.type: openat, fd.name: /etc/shadow}]
    expect: [{rule: Secret Read, fields: {fd.name: /etc/sudoers}}]
    near_misses: [{fd.name: /etc/sudoers}]
  - {name: b, events: [{evt.type: openat}], expect_not: [Anything Opened]}
  - {name: c, events: [{evt.type: openat}], expect: []}
  - {name: d, events: [{evt.type: openat, fd.name: /etc/shadow}, {evt.type: read}], expect: [{rule: Secret Read, event: 2}]}
";
    let results = results(&rules(), text);
    let failures: Vec<_> = results.iter().map(|scene| scene.failures.first()).collect();
    assert!(matches!(failures[0], Some(Failure::Field { field, expected, found, .. })
            if field == "fd.name" && expected == "/etc/sudoers" && found == "/etc/shadow"));
    assert!(matches!(failures[1], Some(Failure::Fired { rule, event: 1, .. }) if rule == "Secret Read"));
    assert!(matches!(failures[2], Some(Failure::Fired { message, .. }) if message == "/tmp/file program"));
    assert!(matches!(failures[3], Some(Failure::Fired { .. })));
    assert!(matches!(failures[4], Some(Failure::NotFired { event: 2, .. })));
}

/// Scenario: cases that cannot be: unknown rules, fields and events, values that do not fit, fields that follow from others, and
/// such as contradict each other. Guarantees: each is an error at its place that says what to do.
#[test]
fn cases_that_cannot_be_are_told() {
    let case = |event: &str| format!("cases: [{{name: c, events: [{{{event}}}], expect: []}}]\n");
    for (event, expected) in [
        (
            "evt.type: opennat",
            "evt.type: opennat: there are no events of type 'opennat' (did you mean openat?)",
        ),
        ("proc.name: x", "an event needs an evt.type"),
        ("evt.type: openat, proc.nmae: x", "did you mean"),
        ("evt.type: openat, evt.arg.flags: O_RDONL", "did you mean O_RDONLY?"),
        (
            "evt.type: unlink, evt.arg.flags: '0'",
            "have no parameter 'flags' (there are evt.arg.res, evt.arg.path)",
        ),
        ("evt.type: unlink, fd.name: /x", "are about no descriptor"),
        ("evt.type: openat, proc.name: a-name-of-17-bytes", "the kernel keeps 15"),
        ("evt.type: openat, proc.cmdnargs: 3", "set proc.args, as a list"),
        ("evt.type: openat, user.uid: x", "user.uid should be a number, and is x"),
        ("evt.type: openat, evt.num: 0", "they count from 1"),
        ("evt.type: openat, proc.name: a, proc.cmdline: b c", "cannot be together with proc.name: a"),
        ("evt.type: connect, fd.lport: 22, fd.name: '1.2.3.4:5->1.2.3.5:6'", "cannot be together with"),
        (
            "evt.type: openat, fd.name: /a/b, fd.directory: /c",
            "fd.directory cannot be /c together with the rest of the event: it is /a",
        ),
        ("evt.type: openat, container: web", "no container of the case is called 'web'"),
        (
            "evt.type: openat, container.id: host, container.image.tag: x",
            "container.image.tag is missing on the host",
        ),
        ("evt.type: openat, proc.name: ~", "proc.name"),
    ] {
        let problems = problems(&rules(), &case(event));
        assert!(problems.len() == 1 && problems[0].contains(expected), "{event}: {problems:#?}");
    }
    let unknown = "cases: [{name: c, events: [{evt.type: close}], expect: [Secret Raed]}]\n";
    assert!(problems(&rules(), unknown)[0].contains("did you mean 'Secret Read'?"));
}
