use super::*;
use crate::cases;

const RULES: &str = "
- rule: Read
  desc: d
  condition: evt.type = openat and fd.name startswith /srv/
  output: o
  priority: INFO
- rule: Other
  desc: d
  condition: evt.type = connect
  output: o
  priority: INFO
";

fn file(cases: &str) -> CaseFile {
    cases::read(&Source { name: "c.yaml".to_owned(), text: format!("cases:\n{cases}") }).unwrap()
}

fn told(cases: &str) -> String {
    let source = Source { name: "c.yaml".to_owned(), text: format!("cases:\n{cases}") };
    cases::read(&source).unwrap_err().iter().map(|diagnostic| diagnostic.message.clone() + "\n").collect()
}

fn alert(rule: &str, sequence: usize, name: &str) -> RecordedAlert {
    let fields = [("fd.name".to_owned(), name.to_owned())].into();
    RecordedAlert { rule: rule.to_owned(), sequence, message: "m".to_owned(), fields }
}

fn judged(expected: &str, alerts: &[RecordedAlert]) -> Vec<Failure> {
    let file = file(&format!("  - {{name: n, recording: r.eyrie, {expected}}}\n"));
    judge(&file, &file.recordings[0], Ok(alerts)).failures
}

/// Scenario: a case that is a recording beside one that is written out. Guarantees: each is read as what it is, with its file, what it expects and how often.
#[test]
fn recordings_are_cases() {
    let file = file(
        "  - {name: a, events: [{evt.type: openat}], expect: []}\n  - {name: b, recording: r/b.scap, expect: [Read, {rule: Other, count: 3, fields: {fd.name: x}}], expect_not: [Third]}\n",
    );
    assert_eq!((file.cases.len(), file.recordings.len()), (1, 1));
    let case = &file.recordings[0];
    assert_eq!((case.name.as_str(), case.recording.as_str()), ("b", "r/b.scap"));
    let [first, second] = case.expect.as_deref().unwrap() else { panic!("{case:?}") };
    assert_eq!((first.rule.name.as_str(), first.count), ("Read", None));
    assert_eq!((second.count, second.fields.len()), (Some(3), 1));
    assert_eq!(fields_asked_for(case).collect::<Vec<_>>(), [("Other", "fd.name")]);
    assert_eq!(case.expect_not[0].name, "Third");
}

/// Scenario: recorded cases with keys that only written ones have, without expectations, with a count that is none, and a name that is there twice. Guarantees: each is told.
#[test]
fn mistakes_are_told() {
    let of = |rest: &str| told(&format!("  - {{name: a, recording: r, {rest}}}\n"));
    assert!(of("expect: [Read], events: [{evt.type: open}]").contains("a recorded case has no key 'events'"));
    assert!(of("expect: [Read], variants: []").contains("a recorded case has no key 'variants'"));
    assert!(of("expect_not: []").contains("expects nothing that could fail"));
    assert!(of("expect: [{rule: Read, count: some}]").contains("`count` is how many alerts"));
    assert!(of("expect: [{rule: Read, event: 1}]").contains("an alert of a recording has no key 'event'"));
    let twice =
        "  - {name: a, recording: r, expect: []}\n  - {name: a, events: [{evt.type: open}], expect: []}\n";
    assert!(told(twice).contains("the same name"));
    let rules = Rules::load(&[Source { name: "r.yaml".to_owned(), text: RULES.to_owned() }]).unwrap();
    let wrong = |expected: &str| {
        let file = file(&format!("  - {{name: n, recording: r.eyrie, expect: [{expected}]}}\n"));
        match check(&rules, &file, &file.recordings[0]) {
            Err(Failure::Broken(diagnostic)) => diagnostic.message.clone(),
            other => format!("{other:?}"),
        }
    };
    assert!(wrong("Raed").contains("no rule is called 'Raed'"));
    assert!(wrong("{rule: Read, fields: {fd.nme: x}}").contains("fd.nme"));
    assert!(wrong("{rule: Read, fields: {fd.name: [x]}}").contains("compared as a text"));
    assert_eq!(wrong("{rule: Read, fields: {fd.name: x}}"), "Ok(())");
}

/// Scenario: alerts, and cases that expect them, more, fewer, others, with other fields, or none. Guarantees: a case passes if and only if they are what it says, and what is wrong is told.
#[test]
fn alerts_are_counted() {
    let alerts = [alert("Read", 4, "/srv/a"), alert("Read", 9, "/srv/b")];
    assert!(judged("expect: [Read]", &alerts).is_empty());
    assert!(judged("expect: [{rule: Read, count: 2}]", &alerts).is_empty());
    assert!(judged("expect: [{rule: Read, fields: {fd.name: /srv/b}}]", &alerts).is_empty());
    assert!(judged("expect: [{rule: Read, count: 0, fields: {fd.name: /srv/c}}]", &alerts).is_empty());
    assert!(judged("expect_not: [Other]", &alerts).is_empty());
    assert!(judged("expect: []", &[]).is_empty());
    let one = judged("expect: [{rule: Read, count: 1}]", &alerts);
    assert!(
        matches!(one.as_slice(), [Failure::Count { expected: Some(1), found: 2, of_rule: 2, .. }]),
        "{one:?}"
    );
    let other = judged("expect: [{rule: Read, fields: {fd.name: /srv/c}}]", &alerts);
    let [Failure::Count { with, expected: None, found: 0, of_rule: 2, .. }] = other.as_slice() else {
        panic!("{other:?}")
    };
    assert_eq!(with, &["fd.name=/srv/c"]);
    let field = judged("expect: [{rule: Read, fields: {fd.name: /srv/c}}]", &alerts[..1]);
    assert!(matches!(field.as_slice(), [Failure::Field { found, .. }] if found == "/srv/a"), "{field:?}");
    assert!(matches!(
        judged("expect_not: [Read]", &alerts).as_slice(),
        [Failure::Fired { event: 4, .. }, Failure::Fired { event: 9, .. }]
    ));
    assert_eq!(judged("expect: []", &vec![alerts[0].clone(); 10]).len(), 3);
}
