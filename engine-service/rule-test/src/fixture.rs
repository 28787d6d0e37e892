//! Rules and cases for tests.

use rule_language::Source;

use crate::{
    Rules,
    cases::{self, CaseFile},
    run::{SceneReport, run},
};

pub(crate) fn source(name: &str, text: &str) -> Source {
    Source { name: name.to_owned(), text: text.to_owned() }
}

/// A rule of this name and condition.
pub(crate) fn rule(name: &str, condition: &str) -> String {
    format!(
        "- rule: {name}\n  desc: d\n  condition: >\n    {condition}\n  output: \"%fd.name %proc.name\"\n  priority: INFO\n"
    )
}

pub(crate) fn rules(text: &str) -> Rules {
    Rules::load(&[source("rules.yaml", text)]).unwrap()
}

pub(crate) fn cases(text: &str) -> CaseFile {
    cases::read(&source("cases.yaml", text)).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Runs cases against rules.
pub(crate) fn results(rules_text: &str, cases_text: &str) -> Vec<SceneReport> {
    run(&rules(rules_text), &cases(cases_text), &|_| true)
}

/// What is wrong with a file of cases, or with its only case once it is played: each with the text that it is about.
pub(crate) fn problems(rules_text: &str, cases_text: &str) -> Vec<String> {
    let shown = |diagnostic: &rule_language::Diagnostic| {
        let place = diagnostic.source.text.get(diagnostic.span.clone()).unwrap_or_default();
        let help = diagnostic.help.as_deref().unwrap_or_default();
        format!("{}: {} ({help})", place.lines().next().unwrap_or_default(), diagnostic.message)
    };
    match cases::read(&source("cases.yaml", cases_text)) {
        Err(diagnostics) => diagnostics.iter().map(shown).collect(),
        Ok(file) => {
            let scenes = run(&rules(rules_text), &file, &|_| true);
            let failures = scenes.iter().flat_map(|scene| &scene.failures);
            failures
                .filter_map(|failure| match failure {
                    crate::run::Failure::Broken(diagnostic) => Some(shown(diagnostic)),
                    _ => None,
                })
                .collect()
        }
    }
}
