//! `eyrie replay` as a program: what it prints, says and ends with.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "all of it is a test")]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

#[path = "support/recorded.rs"]
mod recorded;

use recorded::{BEGIN_NS, recording};

const RULES: &str = "\
- rule: Reads Secrets
  desc: Somebody reads a file of secrets
  condition: evt.type in (open, openat) and fd.name startswith /srv/secrets/
  output: read %fd.name by %static.who
  priority: WARNING
  tags: [secrets]
- rule: Reads Others
  desc: Somebody reads another file
  condition: evt.type in (open, openat) and fd.name startswith /srv/others/
  output: read %fd.name
  priority: NOTICE
";
/// What a run of the command left.
struct Run {
    code: i32,
    output: String,
    errors: String,
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let one = recording(&["/srv/secrets/key", "/etc/hosts", "/srv/others/a"]);
    fs::write(at("rules.yaml"), RULES).unwrap();
    // Cut off in the block of the trailer.
    fs::write(at("cut.eyrie"), &one[..one.len() - 3]).unwrap();
    fs::write(at("one.eyrie"), one).unwrap();
    fs::write(at("two.eyrie"), recording(&["/srv/secrets/other"])).unwrap();
    fs::write(at("no.eyrie"), "no recording").unwrap();
    folder
}

fn run_in(folder: &Path, arguments: &str, input: Stdio) -> Run {
    let rules = "--rules rules.yaml --static-fields who=us --time-zone UTC";
    let output = Command::new(env!("CARGO_BIN_EXE_eyrie"))
        .arg("replay")
        .args(arguments.split_whitespace().chain(rules.split_whitespace()))
        .current_dir(folder)
        .stdin(input)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap();
    Run { code, output: text(&output.stdout), errors: text(&output.stderr) }
}

fn run(arguments: &str) -> Run {
    run_in(folder().path(), arguments, Stdio::null())
}

/// Scenario: two recordings, as text. Guarantees: their alerts are Falco's lines without colours, in the order of files and events, and nothing else is
/// said; exit code 0.
#[test]
fn alerts_are_falcos_lines() {
    let Run { code, output, errors } = run("one.eyrie two.eyrie");
    assert_eq!((code, errors.as_str()), (0, ""));
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines.len(), 3, "{output}");
    assert!(lines[0].starts_with("10:00:01.000000000: Warning read /srv/secrets/key by us"), "{output}");
    assert!(lines[1].starts_with("10:00:03.000000000: Notice read /srv/others/a"), "{output}");
    assert!(lines[2].starts_with("10:00:01.000000000: Warning read /srv/secrets/other"), "{output}");
}

/// Scenario: the same with --json, with and without what Falco does not have. Guarantees: each line is one of Falco's objects; ids are there if
/// they are asked for.
#[test]
fn json_is_falcos() {
    let plain = run("one.eyrie --json").output;
    let alerts: Vec<Value> = plain.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = ["hostname", "output", "output_fields", "priority", "rule", "source", "tags", "time"];
    assert_eq!(alerts[0].as_object().unwrap().keys().collect::<Vec<_>>(), expected);
    assert_eq!(alerts[0]["rule"], "Reads Secrets");
    assert_eq!(alerts[0]["time"], "2026-11-27T10:00:01.000000000Z");
    assert_eq!(alerts[0]["output_fields"]["static.who"], "us");
    let ours: Value =
        serde_json::from_str(run("one.eyrie --json --eyrie-fields").output.lines().next().unwrap()).unwrap();
    assert_eq!(ours["output_fields"]["eyrie.alert_id"].as_str().unwrap().len(), 32);
}

/// Scenario: rules are chosen by name, by pattern, by severity, by steps; one name is misspelt. Guarantees: only what is chosen is evaluated, and a name that is none
/// is told with the one that was meant.
#[test]
fn rules_are_chosen() {
    let rules = |arguments: &str| {
        let output = run(&format!("one.eyrie --json {arguments}")).output;
        let rule =
            |line: &str| serde_json::from_str::<Value>(line).unwrap()["rule"].as_str().unwrap().to_owned();
        output.lines().map(rule).collect::<Vec<_>>()
    };
    assert_eq!(rules("--rule *Others"), ["Reads Others"]);
    assert_eq!(rules("--min-priority warning"), ["Reads Secrets"]);
    assert_eq!(rules("--select-rules disable:tag=secrets"), ["Reads Others"]);
    let misspelt = run("one.eyrie --rule Reads_Others");
    assert_eq!(misspelt.code, 1);
    assert!(
        misspelt.errors.contains("no rule is called \"Reads_Others\"; did you mean \"Reads Others\"?"),
        "{}",
        misspelt.errors
    );
}

/// Scenario: a recording that is cut off, a file that is none, one that is not there, and a whole one. Guarantees: everything that can be read is evaluated,
/// also behind what cannot; each failure is told with its file, its place and what to do; exit code 1.
#[test]
fn what_cannot_be_read_is_told_after_what_can() {
    let Run { code, output, errors } = run("cut.eyrie no.eyrie none.eyrie two.eyrie");
    assert_eq!(code, 1);
    assert_eq!(output.lines().count(), 3, "{output}");
    let errors = errors.replace(['\n', '│'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(errors.contains("cut.eyrie: the recording ends at offset"), "{errors}");
    assert!(errors.contains("no.eyrie: this is no recording"), "{errors}");
    assert!(errors.contains("none.eyrie: cannot open the recording: No such file"), "{errors}");
}

/// Scenario: a recording on standard input, with statistics as a table and as JSON. Guarantees: the alerts are the same, and alone on standard output; the figures are
/// those of the recording.
#[test]
fn statistics_are_told_apart() {
    let folder = folder();
    let piped = |arguments: &str| {
        let file = fs::File::open(folder.path().join("one.eyrie")).unwrap();
        run_in(folder.path(), arguments, file.into())
    };
    let table = piped("- --stats");
    assert_eq!(table.output.lines().count(), 2);
    let rows: Vec<Vec<&str>> = table.errors.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(rows.contains(&vec!["openat", "3"]), "{}", table.errors);
    assert!(rows.contains(&vec!["Reads", "Secrets", "1"]), "{}", table.errors);
    let json = piped("- --stats --json --quiet");
    assert_eq!(json.output, "");
    let stats: Value = serde_json::from_str(&json.errors).unwrap();
    assert_eq!((&stats["events"], &stats["alerts"]), (&3.into(), &2.into()));
    assert_eq!(stats["streams"], serde_json::json!(["complete"]));
    assert_eq!(stats["events_by_type"], serde_json::json!({"openat": 3}));
    assert_eq!(stats["alerts_by_rule"], serde_json::json!({"Reads Others": 1, "Reads Secrets": 1}));
    assert_eq!(stats["first_event_ns"], BEGIN_NS + 1_000_000_000);
    assert!(stats["seconds"]["all"].as_f64().unwrap() > 0.0);
    assert!(stats["peak_memory_bytes"].as_u64().unwrap() > 1 << 20);
}

/// Scenario: rules that are wrong. Guarantees: they are explained, and nothing is replayed.
#[test]
fn wrong_rules_are_explained() {
    let folder = folder();
    fs::write(folder.path().join("rules.yaml"), RULES.replace("fd.name startswith", "fd.nam startswith"))
        .unwrap();
    let Run { code, output, errors } = run_in(folder.path(), "one.eyrie", Stdio::null());
    assert_eq!((code, output.as_str()), (1, ""));
    assert!(errors.contains("fd.nam"), "{errors}");
    assert!(errors.contains("nothing was replayed"), "{errors}");
}
