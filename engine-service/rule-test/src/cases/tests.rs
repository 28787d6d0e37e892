//! The format of case files.

use crate::{
    cases::read,
    fixture::{problems, rule, source},
    given::Given,
};

const WHOLE: &str = r#"
rules: [../rules/mine.yaml]
cases:
  - name: first
    containers:
      web: {id: 3f4e21a07b9c, image: "nginx:1.25", k8s.pod.name: p, mounts: [{source: /, dest: /host}]}
    host: {hostname: h, users: [{uid: 7, name: x}], groups: [{gid: 7, name: y}]}
    events:
      - {evt.type: openat, container: web, proc.args: [a, "b c"], "proc.aname[2]": ~, evt.buffer: {hex: cafe}}
      - {evt.type: close}
    expect:
      - {rule: R, fields: {fd.name: /x}, event: 1}
      - Other
    expect_not: [Third]
    variants: [{fd.name: /y}]
    near_misses: [{name: because, proc.name: z}]
  - {name: second, events: [{evt.type: close}], expect: []}
"#;

/// Scenario: a file with everything that there is. Guarantees: it is read as it is written, each value with its place.
#[test]
fn everything_is_read() {
    let file = read(&source("c.yaml", WHOLE)).unwrap();
    assert_eq!(file.rules, ["../rules/mine.yaml"]);
    let [first, second] = file.cases.as_slice() else { panic!("two cases") };
    assert_eq!(first.containers[0].0, "web");
    let fields: Vec<_> = first.containers[0].1.iter().map(|setting| setting.field.as_str()).collect();
    assert_eq!(fields, ["container.id", "container.image", "k8s.pod.name", "container.mounts"]);
    assert_eq!(first.host.hostname.as_deref(), Some("h"));
    assert_eq!((first.host.users.len(), first.host.groups.len(), first.events.len()), (1, 1, 2));
    let values: Vec<_> = first.events[0].iter().map(|setting| setting.value.clone()).collect();
    assert_eq!(values[2], Given::List(vec![Given::of("a"), Given::of("b c")]));
    assert_eq!((&values[3], &values[4]), (&Given::Missing, &Given::Bytes(vec![0xca, 0xfe])));
    let place = first.events[0][0].span.clone();
    assert_eq!(&file.source.text[place], "evt.type: openat");
    assert_eq!(first.expected_rules().collect::<Vec<_>>(), ["R", "Other"]);
    assert_eq!((first.expect.as_ref().unwrap()[0].event, first.is_quiet()), (Some(1), false));
    assert_eq!(first.variants[0].label(), "fd.name: /y");
    assert_eq!(first.near_misses[0].label(), "because");
    assert!(second.is_quiet());
}

/// Scenario: a file with a mistake of every kind. Guarantees: all are told at once, each with its place and what to do.
#[test]
fn every_mistake_is_told() {
    let text = "
cases:
  - nam: x
    events: []
  - {name: a, events: [{evt.type: close, evt.type: open}], expect: [R], near_misses: [{}]}
  - {name: a, events: [{evt.type: close}]}
  - {name: b, events: [{evt.type: close}], expect_not: [R], near_misses: [{proc.name: x}]}
  - {name: c, events: [{evt.type: {hex: abc}}], expect: [{rule: R, event: 2}]}
  - {name: d, recording: x, events: 3, expect: [{rule: R, count: x}]}
";
    let problems = problems(&rule("R", "evt.type=close"), text);
    let expected = [
        "nam: a case has no key 'nam' (did you mean 'name'?)",
        "a case needs a `name`",
        "a case needs `events`",
        "expects nothing that could fail",
        "evt.type: evt.type is set twice",
        "a change needs at least one field",
        "name rules under `expect` or `expect_not`",
        "near misses are misses of the rules in `expect`",
        "pairs of hexadecimal digits",
        "the case has 1 events, counted from 1",
        "a recorded case has no key 'events'",
        "`count` is how many alerts must come",
        "another case of this file has the same name",
    ];
    for part in expected {
        assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:#?}");
    }
}

/// Scenario: no YAML, several documents, something else than a mapping, and aliases that would make billions of values.
/// Guarantees: one message each, at once.
#[test]
fn hostile_files_are_refused() {
    for (text, expected) in [
        ("cases: [", "cases: ["),
        ("a: b\n---\nc: d\n", "one YAML document"),
        ("- a\n", "a mapping is expected"),
        ("", "one YAML document"),
    ] {
        let problems = problems(&rule("R", "evt.type=close"), text);
        assert!(problems.len() == 1, "{text}: {problems:#?}");
        assert!(problems[0].contains(expected) || expected == text, "{text}: {problems:#?}");
    }
    let mut bomb = "cases:\n- {name: a, expect: [], events: [&e {evt.type: close, proc.args: &l0 [x, x, x, x, x, x, x, x, x, x]".to_owned();
    for level in 1..4 {
        let members = vec![format!("*l{}", level - 1); 100].join(", ");
        bomb += &format!(", k{level}: &l{level} [{members}]");
    }
    bomb += "}]}\n";
    let problems = problems(&rule("R", "evt.type=close"), &bomb);
    assert!(problems.iter().any(|problem| problem.contains("1000000 values")), "{problems:#?}");
}
