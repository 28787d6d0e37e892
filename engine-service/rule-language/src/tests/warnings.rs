//! Warnings about conditions and outputs that Falco gives too, in its words.

use super::catalogue::TestCatalogue;
use crate::{Code, Source, load};

/// The warnings of one code about a rule with this condition and output.
fn about(condition: &str, output: &str, code: Code) -> Vec<String> {
    let condition = serde_json::to_string(&format!("evt.type = open and ({condition})")).unwrap();
    let output = serde_json::to_string(output).unwrap();
    let text = format!("- {{rule: r, desc: d, condition: {condition}, output: {output}, priority: INFO}}\n");
    let loaded = load(&[Source { name: "x.yaml".to_owned(), text }], &TestCatalogue::new());
    let loaded = loaded.unwrap_or_else(|error| panic!("{condition}: {:?}", error.diagnostics));
    let found = loaded.diagnostics.into_iter().filter(|found| found.code == code);
    found.map(|found| found.message).collect()
}

/// Scenario: values that read like fields or transformers, and some that only remind of them. Guarantees: a warning for the
/// former, blanks or not, in lists too.
#[test]
fn fields_and_transformers_as_text_are_warned_of() {
    let warned = |condition: &str| about(condition, "o", Code::LoadCompileCondition);
    for (condition, value) in [
        ("proc.name = proc.pname", "proc.pname"),
        ("proc.name = 'proc.pname '", "proc.pname "),
        ("proc.name in (a, proc.pname)", "proc.pname"),
        ("proc.name startswith evt.arg.flags", "evt.arg.flags"),
        ("proc.name contains 'proc.aname[2]'", "proc.aname[2]"),
    ] {
        let message = format!("'{value}' may be a valid field misused as a const string value");
        assert_eq!(warned(condition), [message], "{condition}");
    }
    for (condition, value) in [
        ("proc.name = 'tolower(proc.name)'", "tolower(proc.name)"),
        ("proc.name = 'val( x )'", "val( x )"),
        ("proc.name = 'len()'", "len()"),
        ("proc.name in ('getopt(a)')", "getopt(a)"),
    ] {
        let message = format!("'{value}' may be a valid field transformer misused as a const string value");
        assert_eq!(warned(condition), [message], "{condition}");
    }
    for condition in [
        "proc.name = val(proc.pname)",
        "proc.name = proc.nothing",
        "proc.name = 'proc.name x'",
        "proc.name = 'lower(x)'",
        "proc.name = 'tolower(x'",
        "proc.name = proc",
    ] {
        assert_eq!(warned(condition), Vec::<String>::new(), "{condition}");
    }
}

/// Scenario: expressions that other operators could replace, and such as need one. Guarantees: a warning for the former.
#[test]
fn simple_expressions_are_warned_of() {
    let warned =
        |pattern: &str| about(&format!("proc.name regex '{pattern}'"), "o", Code::LoadCompileCondition);
    for pattern in
        ["abc", "^abc", "abc$", "^abc$", ".*abc", "abc.*", ".*abc.*", ".+abc", "abc.?", "^", "", ".*"]
    {
        let message = format!(
            "regex check with '{pattern}' may be optimized with simpler operators such as '=', 'contains', \
            'startswith', 'endswith'"
        );
        assert_eq!(warned(pattern), [message], "{pattern}");
    }
    for pattern in ["a.c", "a.*c", "a|b", "[ab]", "^.*abc", "abc.*$", "a{2}", ".", "a+", "(a)"] {
        assert_eq!(warned(pattern), Vec::<String>::new(), "{pattern}");
    }
}

/// Scenario: a deprecated field on the left, on the right, inside of transformers, and in outputs. Guarantees: a warning for
/// each place in a condition, and for each field of an output.
#[test]
fn deprecated_fields_are_warned_of() {
    let condition = "usage of deprecated field 'evt.dir' has been detected in the rule condition";
    for (text, count) in [
        ("evt.dir = <", 1),
        ("proc.name = val(evt.dir)", 1),
        ("tolower(evt.dir) = x", 1),
        ("proc.name = concat(evt.dir, 'x')", 1),
        ("join(',', (evt.dir, 'x')) = val(evt.dir)", 2),
        ("evt.dir exists and proc.name = x", 1),
        ("proc.name = evt_dir", 0),
    ] {
        assert_eq!(about(text, "o", Code::LoadDeprecatedItem), vec![condition; count], "{text}");
    }
    let output = "usage of deprecated field 'evt.dir' has been detected in the rule output";
    for (text, count) in [("%evt.dir", 1), ("%evt.dir %evt.dir", 1), ("%tolower(evt.dir)", 1), ("evt.dir", 0)]
    {
        assert_eq!(about("proc.name = x", text, Code::LoadDeprecatedItem), vec![output; count], "{text}");
    }
    let info = "%container.info is deprecated and no more useful, and will be dropped by Falco 1.0.0. The container \
        plugin will automatically add required fields to the output message.";
    assert_eq!(about("proc.name = x", "%container.info %container.info", Code::LoadDeprecatedItem), [info]);
}

/// Scenario: `<NA>` beside fields of audit events and beside others. Guarantees: a warning where equality is asked of the
/// former.
#[test]
fn unsafe_missing_values_are_warned_of() {
    for (condition, count) in [
        ("ka.user.name = <NA>", 1),
        ("ka.user.name != <NA>", 1),
        ("ka.user.name in (a, <NA>)", 1),
        ("ka.user.name intersects (<NA>)", 1),
        ("ka.user.name pmatch (<NA>)", 1),
        ("tolower(ka.user.name) = <NA>", 1),
        ("ka.user.name contains <NA>", 0),
        ("ka.user.name startswith <NA>", 0),
        ("proc.name = <NA>", 0),
        ("ka.user.name = NA", 0),
    ] {
        assert_eq!(about(condition, "o", Code::LoadUnsafeNaCheck).len(), count, "{condition}");
    }
}
