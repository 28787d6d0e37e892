//! Messages, and the values beside them.

use eyrie_proto::event::Event;
use fields::Value;

use super::{CompiledTemplate, OutputFields};
use crate::fixture::{host, open, view};

fn filled(text: &str, event: &Event) -> (String, OutputFields) {
    let template = rule_language::compile_template(text, fields::catalogue())
        .unwrap_or_else(|error| panic!("{text}: {}", error.message));
    let compiled =
        CompiledTemplate::new(fields::catalogue(), &template, &[]).expect("an output that was checked");
    compiled.fill_gaps(&view(event, &host()), &mut Vec::new())
}

fn message(text: &str) -> String {
    filled(text, &open("/tmp/\u{e9}".as_bytes())).0
}

/// Scenario: widths below, at and above a value's length, for a value that is missing too. Guarantees: the value is filled
/// and cut to that many bytes, as Falco does; no letter is cut in two.
#[test]
fn widths_fill_and_cut() {
    assert_eq!(message("<%5proc.name>"), "<cat  >");
    assert_eq!(message("<%3proc.name>"), "<cat>");
    assert_eq!(message("<%2proc.name>"), "<ca>");
    assert_eq!(message("<%0proc.name>"), "<cat>");
    assert_eq!(message("<%2fd.sport><%6fd.sport>"), "<<N><<NA>  >");
    assert_eq!(message("<%7fd.name>"), "</tmp/\u{e9}>");
    assert_eq!(message("<%6fd.name>"), "</tmp/ >");
    assert_eq!(message("<%6toupper(proc.name)>"), "<CAT   >");
}

/// Scenario: a fraction of a second that is short, in text and beside it. Guarantees: nine digits in text, a number beside it.
#[test]
fn fractions_have_nine_digits() {
    let (message, fields) = filled("%evt.rawtime.s.%evt.rawtime.ns|%3evt.rawtime.ns", &open(b"/x"));
    assert_eq!(message, "1700000000.000000005|000");
    assert_eq!(fields["evt.rawtime.ns"], Some(Value::Uint(5)));
}

/// Scenario: outputs that touch fields with text, that begin with a star, and that name nothing. Guarantees: Falco's text.
#[test]
fn texts_stay_as_they_are() {
    assert_eq!(message("*%proc.name:%proc.names*"), "cat:cats*");
    assert_eq!(message("100 percent"), "100 percent");
    assert_eq!(message("*"), "");
}

/// Scenario: fields with arguments, fields that are missing, transformers. Guarantees: values go by the field's canonical
/// name, missing ones are there without a value, and of a transformer the fields in it are told, as Falco has it.
#[test]
fn values_go_by_the_names_of_fields() {
    let text = "%proc.aname[2] %proc.aname[\"2\"] %fd.sport %evt.arg.flags %concat(toupper(proc.name), proc.pname) \
        %len(proc.env[NONE])";
    let (message, fields) = filled(text, &open(b"/x"));
    let flags = filled("%evt.arg.flags", &open(b"/x")).0;
    assert_eq!(message, format!("systemd systemd <NA> {flags} CATbash <NA>"));
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["evt.arg.flags", "fd.sport", "proc.aname[2]", "proc.env[NONE]", "proc.name", "proc.pname"]
    );
    assert_eq!(fields["fd.sport"], None);
    assert_eq!(fields["proc.env[NONE]"], None);
    assert_eq!(fields["proc.name"], Some(Value::bytes(&b"cat"[..])));
}
