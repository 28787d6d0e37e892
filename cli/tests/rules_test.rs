//! `eyrie rules test` as a program: what it prints, writes and ends with.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;

#[path = "support/recorded.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod recorded;

const RULES: &str = "\
- macro: by_an_admin
  condition: user.uid = 0
- rule: Reads Secrets
  desc: Somebody reads a file of secrets
  condition: evt.type in (open, openat) and fd.name startswith /srv/secrets/ and not by_an_admin
  output: read %fd.name
  priority: WARNING
";
const CASES: &str = "\
rules: [rules.yaml]
cases:
  - name: a user reads a secret
    events:
      - {evt.type: openat, fd.name: /srv/secrets/key, user.uid: 1000}
    expect:
      - {rule: Reads Secrets, fields: {fd.name: /srv/secrets/key}}
    near_misses:
      - {fd.name: /srv/other/key}
";

/// What a run of the command left.
struct Run {
    code: i32,
    output: String,
    errors: String,
}

fn run(cases: &str, arguments: &[&str]) -> (tempfile::TempDir, Run) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("rules.yaml"), RULES).unwrap();
    fs::write(at("cases.yaml"), cases).unwrap();
    let run = run_in(folder.path(), arguments);
    (folder, run)
}

fn run_in(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eyrie"));
    let done =
        command.args(["rules", "test", "cases.yaml"]).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: done.status.code().unwrap(), output: text(done.stdout), errors: text(done.stderr) }
}

/// Scenario: a case that fires with a near miss; then its near miss is one that fires as well. Guarantees: the first run ends with 0, the
/// second with 1 and names the case, its line and the rule; both say how many passed.
#[test]
fn cases_pass_or_fail() {
    let (_folder, passed) = run(CASES, &[]);
    assert_eq!((passed.code, &*passed.errors), (0, ""), "{}", passed.output);
    assert!(passed.output.contains("2 passed"), "{}", passed.output);
    let (_folder, failed) = run(&CASES.replace("/srv/other/key", "/srv/secrets/other"), &[]);
    assert_eq!(failed.code, 1);
    for text in ["a user reads a secret", "cases.yaml:", "Reads Secrets", "1 passed", "1 failed"] {
        assert!(failed.output.contains(text), "no {text:?} in {}", failed.output);
    }
}

/// Scenario: the event is by root, so that the rule does not fire. Guarantees: the comparison that decides is told, with the field's value and
/// the macro that it stands in.
#[test]
fn why_a_rule_does_not_fire_is_told() {
    let (_folder, failed) = run(&CASES.replace("user.uid: 1000", "user.uid: 0"), &[]);
    assert_eq!(failed.code, 1);
    for text in ["user.uid = 0", "by_an_admin"] {
        assert!(failed.output.contains(text), "no {text:?} in {}", failed.output);
    }
}

/// Scenario: mutation of a rule of which the near miss by an admin is missing, once as it is, once with derived cases. Guarantees: the comparison
/// that nothing decides survives and is told; a least score decides how the run ends; derived cases bring it up.
#[test]
fn what_no_case_decides_is_told() {
    let (folder, alone) = run(CASES, &["--mutate", "--min-score", "100"]);
    assert_eq!(alone.code, 1, "{}", alone.output);
    assert!(
        alone.output.contains("user.uid = 0") && alone.output.contains("by_an_admin"),
        "{}",
        alone.output
    );
    let derived = run_in(folder.path(), &["--mutate", "--near-misses", "--min-score", "100"]);
    assert_eq!(derived.code, 0, "{}", derived.output);
}

/// Scenario: a run with a failure as JSON and as JUnit's XML, with mutation. Guarantees: JSON is one object with every scene, what fired in
/// it and the score; the XML has a test case for each, one of them failed, and is well-formed.
#[test]
fn results_are_written_for_programs() {
    let cases = CASES.replace("/srv/other/key", "/srv/secrets/other");
    let (folder, done) = run(&cases, &["--json", "--mutate", "--junit", "report.xml"]);
    assert_eq!(done.code, 1);
    let results: Value = serde_json::from_str(&done.output).unwrap();
    let scenes = results["scenes"].as_array().unwrap();
    let told: Vec<_> = scenes
        .iter()
        .map(|scene| (scene["kind"].as_str().unwrap(), scene["passed"].as_bool().unwrap()))
        .collect();
    assert_eq!(told, [("case", true), ("near_miss", false)]);
    assert_eq!((&scenes[0]["fired"][0]["rule"], &scenes[0]["line"]), (&"Reads Secrets".into(), &3.into()));
    assert!(results["score"].as_f64().is_some_and(|score| (0.0..100.0).contains(&score)), "{results}");
    assert_eq!(results["rules"][0]["rule"], "Reads Secrets");

    let report = fs::read_to_string(folder.path().join("report.xml")).unwrap();
    assert_eq!(
        (report.matches("<testcase ").count(), report.matches("<failure").count()),
        (2, 1),
        "{report}"
    );
    let read = quick_junit::Report::deserialize_from_str(&report).unwrap();
    assert_eq!((read.tests, read.failures), (2, 1));
}

/// Scenario: a field that is none, a rule that is none, a process name that no kernel keeps, a folder that is not there. Guarantees: each ends with 1
/// and an error that says which.
#[test]
fn wrong_cases_are_told() {
    let wrong = [
        (CASES.replace("user.uid: 1000", "user.id: 1000"), "user.id"),
        (CASES.replace("rule: Reads Secrets", "rule: Reads Secret"), "Reads Secret"),
        (CASES.replace("user.uid: 1000", "proc.name: a-very-long-name-of-a-process"), "proc.name"),
        (CASES.replace("rules.yaml", "no-rules.yaml"), "no-rules.yaml"),
        ("cases: {".to_owned(), "cases.yaml"),
    ];
    for (cases, told) in wrong {
        let (_folder, done) = run(&cases, &[]);
        let all = done.output + &done.errors;
        assert!(done.code == 1 && all.contains(told), "{told}: {} {all}", done.code);
    }
}

/// Scenario: a case that expects nothing but that a rule stays quiet, with a least score; results nowhere to be written. Guarantees: what was not
/// measured is no success and no figure; the path is told before anything else.
#[test]
fn what_was_not_measured_is_no_success() {
    let quiet =
        "rules: [rules.yaml]\ncases: [{name: q, events: [{evt.type: close}], expect_not: [Reads Secrets]}]\n";
    let (folder, done) = run(quiet, &["--mutate", "--min-score", "1"]);
    assert_eq!(done.code, 1);
    assert!(
        done.output.contains("nothing was measured") && !done.output.contains("100.0 %"),
        "{}",
        done.output
    );
    let done = run_in(folder.path(), &["--mutate", "--json"]);
    let results: Value = serde_json::from_str(&done.output).unwrap();
    assert_eq!((&results["rules"], &results["score"]), (&Value::Array(Vec::new()), &Value::Null));
    let done = run_in(folder.path(), &["--junit", "no-folder/report.xml"]);
    assert!(done.code == 1 && done.errors.contains("no-folder/report.xml"), "{}", done.errors);
}

/// Scenario: a rule expected at two events that different alternatives decide; then a case that fails beside it. Guarantees: both events count, so
/// that nothing of the alternatives survives; what fails as it is notices nothing.
#[test]
fn every_expected_event_counts_and_no_failed_one() {
    let cases = "\
rules: [rules.yaml]
cases:
  - name: twice
    events:
      - {evt.type: open, fd.name: /srv/secrets/a, user.uid: 1000}
      - {evt.type: openat, fd.name: /srv/secrets/b, user.uid: 1000}
    expect: [{rule: Reads Secrets, event: 1}, {rule: Reads Secrets, event: 2}]
";
    let survivors = |cases: &str| {
        let (_folder, done) = run(cases, &["--mutate", "--json"]);
        let results: Value = serde_json::from_str(&done.output).unwrap();
        let survivors = results["rules"][0]["survivors"].as_array().unwrap().clone();
        let negated = survivors.iter().filter(|survivor| survivor["mutation"] == "negated").count();
        (survivors.len(), negated)
    };
    // All three comparisons hold or not at both events: turned round each is noticed, taken out none is.
    assert_eq!(survivors(cases), (3, 0));
    let failing = cases.to_owned()
        + "  - {name: wrong, events: [{evt.type: openat, fd.name: /srv/other, user.uid: 1000}], expect: [{rule: Reads Secrets}]}\n";
    assert_eq!(survivors(&failing), (3, 0));
}

/// Scenario: fields of an alert that are expected to be something near what they are. Guarantees: an id with letters behind it, an address with
/// more than a mask and other mounts are not taken for what is there; the right ones are.
#[test]
fn expected_fields_are_compared_whole() {
    let case = |field: &str| {
        format!(
            "rules: [rules.yaml]
cases:
  - name: in a container
    containers: {{web: {{id: 3f4e21a07b9c, mounts: [{{source: /, dest: /host}}]}}}}
    events: [{{evt.type: openat, container: web, fd.name: /srv/secrets/a}}]
    expect: [{{rule: Reads Secrets, fields: {{{field}}}}}]
"
        )
    };
    for right in ["container.id: 3f4e21a07b9c", "container.mounts: [{source: /, dest: /host}]"] {
        let (_folder, done) = run(&case(right), &[]);
        assert_eq!(done.code, 0, "{right}: {}{}", done.output, done.errors);
    }
    for wrong in ["container.id: 3f4e21a07b9cWRONG", "container.mounts: [{source: /other, dest: /host}]"] {
        let (_folder, done) = run(&case(wrong), &[]);
        assert_eq!(done.code, 1, "{wrong}: {}{}", done.output, done.errors);
    }
}

/// Scenario: a case that is a recording, as it should be, with a wrong count, with a field that is another, and one that is cut off. Guarantees: it is replayed by the
/// rules of the file, its alerts are counted and their fields compared, and what is wrong is told of the case.
#[test]
fn recordings_are_cases() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let recording = recorded::recording(&["/srv/secrets/a", "/srv/secrets/b", "/etc/hosts"]);
    fs::write(at("cut.eyrie"), &recording[..recording.len() - 3]).unwrap();
    fs::write(at("r.eyrie"), recording).unwrap();
    fs::write(at("rules.yaml"), RULES).unwrap();
    let results = |file: &str, expect: &str| {
        let cases = format!("rules: [rules.yaml]\ncases:\n  - {{name: c, recording: {file}, {expect}}}\n");
        fs::write(at("cases.yaml"), cases).unwrap();
        let run = run_in(folder.path(), &[]);
        (run.code, run.output + &run.errors)
    };
    let field = |name: &str| {
        format!("expect: [{{rule: Reads Secrets, count: 1, fields: {{fd.name: {name}, evt.type: openat}}}}]")
    };
    for expect in
        ["expect: [Reads Secrets]", "expect: [{rule: Reads Secrets, count: 2}]", &field("/srv/secrets/b")]
    {
        let (code, output) = results("r.eyrie", expect);
        assert_eq!((code, output.contains("1 passed")), (0, true), "{output}");
    }
    let told = |file: &str, expect: &str, expected: &str| {
        let (code, output) = results(file, expect);
        assert_eq!((code, output.contains(expected)), (1, true), "{output}");
    };
    told(
        "r.eyrie",
        "expect: [{rule: Reads Secrets, count: 3}]",
        "should have fired 3 times, and did 2 times; in all 2 times",
    );
    told(
        "r.eyrie",
        &field("/etc/hosts"),
        "with fd.name=/etc/hosts, evt.type=openat, and did 0 times; in all 2 times",
    );
    told("r.eyrie", "expect: []", "should not have fired at event 1: read /srv/secrets/a");
    told(
        "cut.eyrie",
        "expect: [Reads Secrets]",
        "the recording cannot be used: the recording ends at offset",
    );
    told("none.eyrie", "expect: [Reads Secrets]", "cannot open the recording");
}
