use std::collections::BTreeMap;

use eyrie_proto::alert::{Process, ValueList};
use proptest::prelude::*;

use super::*;

/// 2023-11-14 22:13:20.123456789 UTC
const TIME_NS: u64 = 1_700_000_000_123_456_789;

fn value(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

fn alert() -> Alert {
    let mut output_fields = BTreeMap::new();
    output_fields.insert("proc.name".to_owned(), value(Kind::Text("cat".into())));
    output_fields.insert("proc.pid".to_owned(), value(Kind::Int(-7)));
    output_fields.insert("fd.is_server".to_owned(), value(Kind::Bool(false)));
    output_fields.insert("evt.rawarg.addr".to_owned(), value(Kind::Raw(vec![b'a', 0xff])));
    output_fields.insert("container.id".to_owned(), Value { kind: None });
    let values = vec![value(Kind::Uint(1)), value(Kind::Text("x".into()))];
    output_fields.insert("proc.aname".to_owned(), value(Kind::List(ValueList { values })));
    Alert {
        id: "0123".into(),
        time_ns: TIME_NS,
        rule: "Read sensitive file".into(),
        priority: Priority::Warning.into(),
        source: "syscall".into(),
        tags: vec!["filesystem".into(), "T1003".into()],
        message: "Sensitive file opened (file=/etc/shadow)".into(),
        output_fields,
        hostname: "h1".into(),
        ..Alert::default()
    }
}

fn utc_format() -> FalcoFormat {
    FalcoFormat { time_zone: TimeZone::UTC, ..FalcoFormat::default() }
}

/// Scenario: an alert with a field of every type. Guarantees: the line is Falco's, byte by byte: keys sorted, numbers,
/// booleans and lists typed, what is missing null, tags sorted, time in UTC with nine digits.
#[test]
fn a_json_line_is_falcos() {
    let expected = concat!(
        r#"{"hostname":"h1","output":"22:13:20.123456789: Warning Sensitive file opened (file=/etc/shadow)","#,
        r#""output_fields":{"container.id":null,"evt.rawarg.addr":"a�","evt.time":1700000000123456789,"#,
        r#""fd.is_server":false,"proc.aname":[1,"x"],"proc.name":"cat","proc.pid":-7},"#,
        r#""priority":"Warning","rule":"Read sensitive file","source":"syscall","#,
        r#""tags":["T1003","filesystem"],"time":"2023-11-14T22:13:20.123456789Z"}"#
    );
    assert_eq!(utc_format().json(&alert()), expected);
}

/// Scenario: a list with nothing in it. Guarantees: null, as in Falco, which makes an array of the first value.
#[test]
fn an_empty_list_is_null() {
    let mut alert = alert();
    alert.output_fields.insert("fd.types".to_owned(), value(Kind::List(ValueList { values: Vec::new() })));
    let line: serde_json::Value = serde_json::from_str(&utc_format().json(&alert)).unwrap();
    assert!(line["output_fields"]["fd.types"].is_null(), "{line}");
}

/// Scenario: the settings that add to the line. Guarantees: each adds exactly its own, in its alphabetical place.
#[test]
fn settings_add_their_own_fields() {
    let with_message = FalcoFormat { includes_message: true, ..utc_format() };
    assert!(with_message.json(&alert()).starts_with(
        r#"{"hostname":"h1","message":"Sensitive file opened (file=/etc/shadow)","output":"22:13:20.1"#
    ));
    let process = Process { exec_id: "e1".into(), ..Process::default() };
    let ours = FalcoFormat { includes_eyrie_fields: true, ..utc_format() }.json(&Alert {
        process: Some(process),
        rule_set_digest: "sha256:9".into(),
        ..alert()
    });
    assert!(ours.contains(concat!(
        r#""eyrie.alert_id":"0123","eyrie.container_id":null,"eyrie.evidence_lost":false,"eyrie.exec_id":"e1","#,
        r#""eyrie.metadata":null,"eyrie.origin":null,"eyrie.recording":null,"#,
        r#""eyrie.rule_set":"sha256:9","fd.is_server":false"#
    )));
}

/// Scenario: text lines in UTC, in another zone, and with ISO times. Guarantees: local time with nine digits, and Falco's
/// offset without a colon.
#[test]
fn a_text_line_is_falcos() {
    assert_eq!(
        utc_format().text(&alert()),
        "22:13:20.123456789: Warning Sensitive file opened (file=/etc/shadow)"
    );
    let zone = TimeZone::fixed(jiff::tz::offset(-5));
    let local = FalcoFormat { time_zone: zone.clone(), ..FalcoFormat::default() };
    assert!(local.text(&alert()).starts_with("17:13:20.123456789: Warning "));
    let iso = FalcoFormat { time_zone: zone, is_iso_time: true, ..FalcoFormat::default() };
    assert!(iso.text(&alert()).starts_with("2023-11-14T17:13:20.123456789-0500: Warning "));
    assert!(iso.json(&alert()).contains(r#""evt.time.iso8601":1700000000123456789"#));
}

/// Scenario: every priority. Guarantees: the names are Falco's, `Informational` in full.
#[test]
fn priorities_are_named_as_falco_names_them() {
    let names: Vec<_> = (1..=8).map(|number| priority_name(Priority::try_from(number).unwrap())).collect();
    let expected = ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"];
    assert_eq!(names, expected);
}

proptest! {
    /// Scenario: any message, names and time. Guarantees: a text line has no control character, a JSON line is one line of
    /// JSON that says what the alert said.
    #[test]
    fn any_alert_is_one_line(message in any::<String>(), rule in any::<String>(), time_ns in any::<u64>()) {
        let alert = Alert { message: message.clone(), rule: rule.clone(), time_ns, ..alert() };
        prop_assert!(!utc_format().text(&alert).chars().any(char::is_control));
        let line = utc_format().json(&alert);
        prop_assert!(!line.contains('\n'));
        let read: Json = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(read["rule"].as_str(), Some(rule.as_str()));
        prop_assert!(read["output"].as_str().unwrap().ends_with(&message));
        prop_assert_eq!(&read["output_fields"]["evt.time"], &json!(time_ns));
    }
}
