//! Exceptions (A.4): their forms, how they become conditions, and what is wrong with them.

use super::{assert_error, assert_warning, loaded, rule};
use crate::{
    Code::{self, LoadErrValidate, LoadErrYamlValidate},
    load,
    tests::catalogue::TestCatalogue,
};

fn with(exceptions: &str) -> String {
    let file = rule("r", "evt.type=open") + "  exceptions: [" + exceptions + "]\n";
    loaded(&[&file]).rule_set.rules[0].condition.to_string()
}

/// Scenario: every form of an exception. Guarantees: they are put behind the condition as Falco writes them.
#[test]
fn exceptions_become_conditions() {
    let open = "evt.type = open and not";
    assert_eq!(
        with("{name: a, fields: proc.name, values: [x, 'y z']}"),
        format!("({open} proc.name in (x, \"y z\"))")
    );
    assert_eq!(
        with(
            "{name: a, fields: proc.name, comps: pmatch, values: [/a]}, {name: b, fields: fd.name, values: [z]}"
        ),
        "(evt.type = open and not proc.name pmatch (/a) and not fd.name in (z))"
    );
    assert_eq!(
        with("{name: a, fields: [proc.name, fd.name], comps: [=, startswith], values: [[x, /a b], [y, /c]]}"),
        format!(
            "({open} ((proc.name = x and fd.name startswith \"/a b\") or (proc.name = y and fd.name startswith /c)))"
        )
    );
    assert_eq!(
        with("{name: a, fields: [proc.name, fd.name], values: [[x, y]]}"),
        format!("({open} (proc.name = x and fd.name = y))")
    );
    assert_eq!(
        with("{name: a, fields: [proc.name, fd.name], comps: [in, pmatch], values: [[[x, y z], /a]]}"),
        format!("({open} (proc.name in (x, \"y z\") and fd.name pmatch (/a)))")
    );
    assert_eq!(
        with("{name: a, fields: [proc.name], comps: [in], values: [['(x, y)'], ['u, v']]}"),
        format!("({open} (proc.name in (x, y) or proc.name in (u, v)))")
    );
    assert_eq!(
        with("{name: a, fields: [proc.name], comps: [' contains  anyof'], values: [[[x, y]]]}"),
        format!("({open} proc.name contains anyof (x, y))")
    );
    assert_eq!(
        with("{name: a, fields: proc.name, comps: ' startswith oneof ', values: [x]}"),
        format!("({open} proc.name startswith oneof (x))")
    );
    for nothing in ["", "{name: a, fields: proc.name}", "{name: a, fields: [proc.name], values: []}"] {
        assert_eq!(with(nothing), "evt.type = open");
    }
}

/// Scenario: a condition with `or` in it. Guarantees: the exceptions hold for all of it.
#[test]
fn exceptions_hold_for_the_whole_condition() {
    let file = rule("r", "evt.type=open or evt.type=read")
        + "  exceptions: [{name: a, fields: proc.name, values: [x]}]\n";
    assert_eq!(
        loaded(&[&file]).rule_set.rules[0].condition.to_string(),
        "((evt.type = open or evt.type = read) and not proc.name in (x))"
    );
}

/// Scenario: transformers and other fields in exceptions, plain, quoted, and the names of lists. Guarantees: what is not quoted
/// is a transformer, a field or a list, as in any condition.
#[test]
fn transformers_and_lists_in_exceptions() {
    let open = "evt.type = open and not";
    assert_eq!(
        with("{name: a, fields: [tolower(proc.name)], values: [[val(proc.pname)]]}"),
        format!("({open} tolower(proc.name) = val(proc.pname))")
    );
    assert_eq!(
        with("{name: a, fields: tolower(proc.name), values: [x]}"),
        format!("({open} tolower(proc.name) in (x))")
    );
    assert_eq!(
        with("{name: a, fields: [proc.name], values: [['\"tolower(x)\"']]}"),
        super::condition("", "evt.type=open and not proc.name=\"tolower(x)\"")
    );
    let file = rule("r", "evt.type=open")
        + "  exceptions: [{name: a, fields: [proc.name], comps: [in], values: [[l]]}]\n- list: l\n  items: [x, y]\n";
    assert_eq!(
        loaded(&[&file]).rule_set.rules[0].condition.to_string(),
        format!("({open} proc.name in (x, y))")
    );
}

/// Scenario: exceptions that are appended, to known ones and as new ones, and replaced. Guarantees: by name; a known one takes
/// values only, a new one needs fields and values.
#[test]
fn exceptions_are_changed_by_name() {
    let base = rule("r", "evt.type=open") + "  exceptions: [{name: a, fields: proc.name, values: [x]}]\n";
    let changed = |how: &str, exceptions: &str| {
        format!("- rule: r\n  exceptions: [{exceptions}]\n  override: {{exceptions: {how}}}\n")
    };
    let condition = |change: &str| loaded(&[&base, change]).rule_set.rules[0].condition.to_string();
    let more = "{name: a, values: [y]}, {name: b, fields: fd.name, values: [z]}";
    assert_eq!(
        condition(&changed("append", more)),
        "(evt.type = open and not proc.name in (x, y) and not fd.name in (z))"
    );
    assert_eq!(
        condition(&changed("replace", "{name: c, fields: fd.name, values: [z]}")),
        "(evt.type = open and not fd.name in (z))"
    );
    assert_eq!(
        condition("- rule: r\n  exceptions: [{name: a, values: [y]}]\n  append: true\n"),
        "(evt.type = open and not proc.name in (x, y))"
    );
    let known = "Can not append exception";
    for (exception, message, name) in [
        (
            "{name: a, fields: fd.name, values: [x]}",
            format!("{known} fields to existing exception, only values"),
            "a",
        ),
        (
            "{name: a, comps: in, values: [x]}",
            format!("{known} comps to existing exception, only values"),
            "a",
        ),
        (
            "{name: b, values: [x]}",
            "Rule exception must have fields property with a list of fields".to_owned(),
            "b",
        ),
        (
            "{name: b, fields: fd.name, values: []}",
            "Rule exception must have values property with a list of values".to_owned(),
            "b",
        ),
        (
            "{name: b, fields: no.field, values: [x]}",
            "'no.field' is not a supported filter field".to_owned(),
            "b",
        ),
    ] {
        let steps = format!("rule 'r' > exception '{name}'");
        assert_error(&[&base, &changed("append", exception)], LoadErrValidate, &message, &steps);
    }
    let replace = changed("replace", "{name: a, values: [x]}");
    let message = "Item has no mapping for key 'fields'";
    assert_error(&[&base, &replace], LoadErrYamlValidate, message, "rule 'r' > exception 'a'");
    let message = "Overriding/appending exception with no values";
    assert_warning(
        &[&base, &changed("append", "{name: a}")],
        Code::LoadAppendNoValues,
        message,
        "rule 'r' > exception 'a'",
    );
}

/// Scenario: exceptions that are not built as they have to be. Guarantees: Falco's texts, codes and steps.
#[test]
fn wrong_structures_are_errors() {
    for (exceptions, message, steps) in [
        ("x", "Rule exceptions must be a sequence", "exceptions"),
        ("[x]", "Rule exception must be a mapping", "exceptions > exception"),
        ("[{fields: proc.name}]", "Item has no mapping for key 'name'", "exceptions > exception"),
        ("[{name: }]", "Mapping for key 'name' is empty", "exceptions > exception"),
        ("[{name: []}]", "Value is not a scalar value", "exceptions > exception > value for 'name'"),
        ("[{name: a}]", "Item has no mapping for key 'fields'", "exception 'a'"),
        ("[{name: a, fields: ''}]", "Value must be non-empty", "exception 'a' > value for 'fields'"),
        (
            "[{name: a, fields: [x, '']}]",
            "Value must be non-empty",
            "exception 'a' > value for 'fields' > exception > value for",
        ),
        (
            "[{name: a, fields: proc.name, values: x}]",
            "Rule exception values must be a sequence",
            "exception 'a' > exception values",
        ),
        (
            "[{name: a, fields: proc.name, values: }]",
            "Rule exception values must be a sequence",
            "exception 'a' > exception values",
        ),
        (
            "[{name: a, fields: proc.name, values: ['']}]",
            "Value must be non-empty",
            "exception 'a' > exception values > exception value > value for",
        ),
    ] {
        let file = rule("r", "evt.type=open") + "  exceptions: " + exceptions + "\n";
        assert_error(&[&file], LoadErrYamlValidate, message, &format!("rule 'r' > {steps}"));
    }
    let nothing = rule("r", "evt.type=open") + "  exceptions:\n";
    loaded(&[&nothing]);
}

/// Scenario: exceptions whose fields, operators and values do not fit. Guarantees: Falco's texts, all about the exception.
#[test]
fn what_does_not_fit_is_an_error() {
    let operators = "When fields is a single value, comps must be one of (in, pmatch, intersects) or a modifier operator (e.g. \
        startswith oneof)";
    for (exception, message) in [
        ("fields: []", "Rule exception item must have fields property with a list of fields"),
        ("fields: ", "Rule exception item must have fields property with a list of fields"),
        ("fields: proc.nmae", "'proc.nmae' is not a supported filter field"),
        ("fields: [proc.name, proc.nmae]", "'proc.nmae' is not a supported filter field"),
        ("fields: [[proc.name]]", "'' is not a supported filter field"),
        ("fields: val(proc.name)", "'val(proc.name)' is not a supported filter field"),
        ("fields: proc.name, comps: =", operators),
        ("fields: proc.name, comps: startswith", operators),
        ("fields: proc.name, comps: in oneof", operators),
        ("fields: proc.name, comps: [in]", "Fields and comps must both be strings"),
        ("fields: [proc.name], comps: [=, =]", "Fields and comps lists must have equal length"),
        ("fields: [proc.name], comps: in", "Fields and comps lists must have equal length"),
        ("fields: [proc.name], comps: [like]", "'like' is not a supported comparison operator"),
        ("fields: [proc.name], comps: [in oneof]", "'in oneof' is not a supported comparison operator"),
        ("fields: [proc.name], comps: ['< oneof']", "'< oneof' is not a supported comparison operator"),
        ("fields: [proc.name], comps: [[in]]", "'' is not a supported comparison operator"),
        ("fields: [proc.name, fd.name], values: [[x]]", "Fields and values lists must have equal length"),
        ("fields: [proc.name], values: [x]", "Fields and values lists must have equal length"),
        ("fields: proc.name, values: [[x]]", "Expected values array to contain a list of strings"),
    ] {
        let file = rule("r", "evt.type=open") + "  exceptions: [{name: a, " + exception + "}]\n";
        assert_error(&[&file], LoadErrValidate, message, "rule 'r' > exception 'a'");
    }
}

/// Scenario: two exceptions of one name. Guarantees: Falco's warning, and both hold.
#[test]
fn names_that_are_not_unique_are_warned_of() {
    let twice = "{name: a, fields: proc.name, values: [x]}, {name: a, fields: fd.name, values: [y]}";
    let file = rule("r", "evt.type=open") + "  exceptions: [" + twice + "]\n";
    let message = "Multiple definitions of exception 'a' in the same rule";
    assert_warning(&[&file], Code::LoadExceptionNameNotUnique, message, "rule 'r' > exception 'a'");
    assert_eq!(with(twice), "(evt.type = open and not proc.name in (x) and not fd.name in (y))");
}

/// Scenario: a value that is nothing, and one that is a mapping. Guarantees: both are empty to Falco, which a condition does not
/// have: an error, and no panic.
#[test]
fn empty_values_are_errors_of_the_condition() {
    for values in ["[a, ~]", "[{b: c}, a]"] {
        let file = rule("r", "evt.type=open")
            + "  exceptions: [{name: a, fields: proc.name, values: "
            + values
            + "}]\n";
        let error = load(&super::sources(&[&file]), &TestCatalogue::new()).unwrap_err();
        assert!(error.errors().all(|error| error.code == Code::LoadErrCompileCondition), "{error}");
    }
}
