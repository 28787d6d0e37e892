//! Rules files: what their items define, and what is said about wrong ones.
//!
//! Expectations are Falco's: the texts, codes and steps are those of `rule_loader_reader.cpp`, `rule_loader_collector.cpp`,
//! `rule_loader_compiler.cpp` and `rule_loading_messages.h` of its engine 0.63.

mod exceptions;
mod json;
mod lists;
mod macros;
mod overrides;
mod requirements;
mod rules;
mod selection;
mod structure;
mod warnings;

use super::catalogue::TestCatalogue;
use crate::{Code, Diagnostic, LoadError, Loaded, Severity, Source, load};

fn sources(files: &[&str]) -> Vec<Source> {
    let name = |index: usize| format!("{index}.yaml");
    files.iter().enumerate().map(|(i, text)| Source { name: name(i), text: (*text).to_owned() }).collect()
}

fn try_load(files: &[&str]) -> Result<Loaded, LoadError> {
    load(&sources(files), &TestCatalogue::new())
}

fn loaded(files: &[&str]) -> Loaded {
    try_load(files).unwrap_or_else(|error| panic!("{}", listed(&error.diagnostics)))
}

fn failed(files: &[&str]) -> Vec<Diagnostic> {
    match try_load(files) {
        Ok(loaded) => panic!("{files:?} was accepted: {loaded:?}"),
        Err(error) => error.diagnostics.into_iter().filter(|d| d.severity == Severity::Error).collect(),
    }
}

fn listed(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n{}", diagnostic.snippet())).collect()
}

/// The steps behind the file: `rule 'r' > value for 'enabled'`.
fn steps(diagnostic: &Diagnostic) -> String {
    let items = diagnostic.context.iter().skip(1).map(|item| match item.item_name.as_str() {
        "" => item.item_type.to_owned(),
        name => format!("{} '{name}'", item.item_type),
    });
    assert_eq!(diagnostic.context[0].item_type, "rules content");
    items.collect::<Vec<_>>().join(" > ")
}

/// The only error, with this code, this text, and these steps.
fn assert_error(files: &[&str], code: Code, message: &str, expected_steps: &str) {
    let errors = failed(files);
    assert_eq!(errors.len(), 1, "{files:?}: {}", listed(&errors));
    let found = (errors[0].code, errors[0].message.as_str(), steps(&errors[0]));
    assert_eq!(found, (code, message, expected_steps.to_owned()), "{files:?}");
}

/// The warnings with this code, each as its text and its steps.
fn warned(files: &[&str], code: Code) -> Vec<(String, String)> {
    let loaded = loaded(files);
    let found = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.code == code);
    found.map(|diagnostic| (diagnostic.message.clone(), steps(diagnostic))).collect()
}

fn assert_warning(files: &[&str], code: Code, message: &str, expected_steps: &str) {
    assert_eq!(warned(files, code), [(message.to_owned(), expected_steps.to_owned())], "{files:?}");
}

fn rule(name: &str, condition: &str) -> String {
    format!("- rule: {name}\n  desc: d\n  condition: {condition}\n  output: o %proc.name\n  priority: INFO\n")
}

/// The condition of the first rule, `r`, of a file that holds `before` and a rule with `condition`.
fn condition(before: &str, condition: &str) -> String {
    let loaded = loaded(&[&format!("{before}\n{}", rule("r", condition))]);
    loaded.rule_set.rules[0].condition.to_string()
}

/// Scenario: errors in several items of several files. Guarantees: all come in one run, by file and line; what an error
/// hides is not told on top of it.
#[test]
fn all_errors_come_at_once() {
    let first = format!(
        "- macro: broken\n  condition: [x]\n{}",
        rule("a", "evt.type=open and proc.nmae=x and fd.nam=y")
    );
    let second = rule("b", "evt.type=opne and broken").replace("%proc.name", "%proc.nmae");
    let errors = failed(&[&first, &second]);
    let found: Vec<_> = errors.iter().map(|e| (e.file().to_owned(), e.line, e.code)).collect();
    let expected = [
        ("0.yaml", 2, Code::LoadErrYamlValidate),
        ("0.yaml", 5, Code::LoadErrCompileCondition),
        ("0.yaml", 5, Code::LoadErrCompileCondition),
        ("1.yaml", 3, Code::LoadErrCompileCondition),
        ("1.yaml", 4, Code::LoadErrCompileOutput),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(file, line, code)| (file.to_owned(), line, code)).collect();
    assert_eq!(found, expected, "{}", listed(&errors));
}

/// Scenario: the same files in other orders and cuts. Guarantees: the digest is of the contents in their order, and of
/// nothing else.
#[test]
fn digests_are_of_contents_in_order() {
    let (a, b) = (rule("a", "evt.type=open"), rule("b", "evt.type=open"));
    let digest = |files: &[&str]| loaded(files).rule_set.digest;
    assert_eq!(digest(&[&a, &b]), digest(&[&a, &b]));
    assert_ne!(digest(&[&a, &b]), digest(&[&b, &a]));
    assert_ne!(digest(&[&a, &b]), digest(&[&format!("{a}{b}")]));
    let sha = digest(&[""]);
    assert_eq!(sha, "sha256:af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc");
}
