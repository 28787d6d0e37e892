//! Outputs.

use proptest::prelude::*;

use super::catalogue::TestCatalogue;
use crate::{Diagnostic, Template, TemplatePart, compile_template};

fn compiled(text: &str) -> Template {
    match compile_template(text, &TestCatalogue::new()) {
        Ok(template) => template,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn error(text: &str) -> Diagnostic {
    match compile_template(text, &TestCatalogue::new()) {
        Ok(template) => panic!("{text} was accepted: {template:?}"),
        Err(error) => error,
    }
}

/// The pieces in short: text as it is, values as `<key>` or `<key:width>`.
fn shown(text: &str) -> String {
    let parts = compiled(text).parts.into_iter().map(|part| match part {
        TemplatePart::Text(text) => text,
        TemplatePart::Value { key, width: None, .. } => format!("<{key}>"),
        TemplatePart::Value { key, width: Some(width), .. } => format!("<{key}:{width}>"),
    });
    parts.collect()
}

/// Fields end where their name or their bracket ends; the key is what stands there.
#[test]
fn values_have_keys() {
    assert_eq!(shown("a %proc.name, b=%proc.aname[2]."), "a <proc.name>, b=<proc.aname[2]>.");
    assert_eq!(shown("%evt.arg.flags %evt.arg[1]"), "<evt.arg.flags> <evt.arg[1]>");
    assert_eq!(shown("%proc.name%fd.name"), "<proc.name><fd.name>");
    assert_eq!(shown("%fd.sip:%fd.sport"), "<fd.sip>:<fd.sport>");
    assert_eq!(shown("no field"), "no field");
    assert_eq!(compiled("*x %proc.name").text, "*x %proc.name");
}

/// A number is a width, a leading star says nothing, transformers may be used.
#[test]
fn widths_stars_and_transformers() {
    assert_eq!(shown("%20proc.name|%0fd.name"), "<proc.name:20>|<fd.name>");
    assert_eq!(shown("*%proc.name*"), "<proc.name>*");
    assert_eq!(shown("%toupper(proc.name)!"), "<toupper(proc.name)>!");
    assert_eq!(shown("%join(\",\", fd.types) x"), "<join(\",\", fd.types)> x");
}

/// The old `%container.info` stands for nothing, whatever follows it.
#[test]
fn container_info_is_nothing() {
    assert_eq!(shown("a %container.info b"), "a  b");
    assert_eq!(shown("%container.infos"), "s");
}

/// The longest name that is a field counts, and what follows it is text.
#[test]
fn names_may_touch_text() {
    assert_eq!(shown("%proc.names"), "<proc.name>s");
    assert_eq!(shown("%proc.name.x"), "<proc.name>.x");
    assert_eq!(shown("%fd.sip.name_x"), "<fd.sip.name>_x");
    assert_eq!(shown("%fd.sip.nam"), "<fd.sip>.nam");
    assert_eq!(shown("%proc.name[1"), "<proc.name>[1");
    assert_eq!(shown("%proc.name[x]"), "<proc.name>[x]");
    assert_eq!(shown("%proc.aname[x]"), "<proc.aname>[x]");
    assert_eq!(shown("%tolower(proc.name)[x]"), "<tolower(proc.name)>[x]");
    assert_eq!(shown("%tolower(proc.name)["), "<tolower(proc.name)>[");
    assert_eq!(shown("%tolower(proc.name))"), "<tolower(proc.name)>)");
    assert_eq!(shown("*"), "");
    assert_eq!(shown("**"), "*");
}

/// What is no field is an error at its place; there is no way to write a `%` alone.
#[test]
fn wrong_tokens_are_errors() {
    for (text, part) in [
        ("100%", "cannot end with a %"),
        ("x %20", "cannot end with a number"),
        ("50% of", "unknown filter: '' is no field"),
        ("a %% b", "unknown filter: '%' is no field"),
        ("%proc.nmae", "unknown filter: nonexistent field 'proc.nmae'"),
        ("%evt.arg", "requires an argument"),
        ("%tolower(fd.num)", "unknown filter: can't add field transformer"),
        ("%fd.ip", "unknown filter: fd.ip is filter only and cannot be used as a display field"),
        ("%99999proc.name", "at most"),
        ("%99999999999999999999999proc.name", "at most"),
        ("", "empty formatting token"),
    ] {
        assert!(error(text).message.contains(part), "{text}: {}", error(text));
    }
    assert_eq!(error("x %proc.nmae y").span, 3..12);
    assert_eq!(error("x %proc.nmae y").help.as_deref(), Some("did you mean 'proc.name'?"));
}

proptest! {
    /// No output makes the compiler panic; what it accepts, it keeps whole.
    #[test]
    fn any_output_is_compiled_or_refused(text in "\\PC{0,40}|([%*.0-9\\[\\]()' ]|proc\\.name|tolower\\(|fd){0,12}") {
        if let Ok(template) = compile_template(&text, &TestCatalogue::new()) {
            let kept: usize = template.parts.iter().map(|part| match part {
                TemplatePart::Text(text) => text.len(),
                TemplatePart::Value { key, .. } => key.len(),
            }).sum();
            prop_assert!(kept <= text.len());
        }
    }
}
