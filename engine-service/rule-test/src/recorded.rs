//! Cases that are recordings: which alerts come of one, and how often.
//!
//! What a recording has is not made here, and not evaluated here: whoever can read one says which alerts came, and this says
//! whether they are those that should have.

use std::collections::BTreeMap;

use rule_language::Source;

use crate::{
    cases::{CaseFile, RecordedCase, RecordedExpectation, RuleName, diagnostic},
    given::{Given, Problem, Setting},
    rules::Rules,
    run::{Failure, Scene, SceneReport},
};

/// Alerts of one rule that should not have come and are told each.
const TOLD: usize = 3;

/// An alert that came of a recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordedAlert {
    /// Of this rule.
    pub rule: String,
    /// The place of its event in the stream, from 1.
    pub sequence: usize,
    /// Its text.
    pub message: String,
    /// The fields that the case asks for, as text; those without a value are not there.
    pub fields: BTreeMap<String, String>,
}

/// The fields that the alerts of each rule have to show for the case, rule by rule.
pub fn fields_asked_for(case: &RecordedCase) -> impl Iterator<Item = (&str, &str)> {
    let expected = case.expect.iter().flatten();
    expected.flat_map(|expected| {
        expected.fields.iter().map(|setting| (expected.rule.name.as_str(), setting.field.as_str()))
    })
}

/// Whether the case names rules and fields that there are.
pub fn check(rules: &Rules, file: &CaseFile, case: &RecordedCase) -> Result<(), Failure> {
    let expected = case.expect.iter().flatten();
    let checked = rules
        .check_names(expected.clone().map(|expected| &expected.rule).chain(&case.expect_not))
        .and_then(|()| {
            expected.flat_map(|expected| &expected.fields).try_for_each(|setting| check_field(rules, setting))
        });
    checked.map_err(|problem| Failure::Broken(Box::new(diagnostic(&file.source, problem))))
}

fn check_field(rules: &Rules, setting: &Setting) -> Result<(), Problem> {
    rules.extractors.of(setting)?;
    match setting.value {
        Given::Missing | Given::Text(_) => Ok(()),
        Given::Bytes(_) | Given::List(_) | Given::Map(_) => Err(setting.problem(
            "a field of a recording's alert is compared as a text: give one, as an output shows it",
        )),
    }
}

/// What became of a case of which these alerts came, or of which none could.
pub fn judge(file: &CaseFile, case: &RecordedCase, alerts: Result<&[RecordedAlert], Failure>) -> SceneReport {
    let mut report = SceneReport {
        file: file.source.name.clone(),
        line: line(&file.source, case.span.start),
        case: case.name.clone(),
        scene: Scene::Recording,
        fired: Vec::new(),
        failures: Vec::new(),
    };
    match alerts {
        Ok(alerts) => {
            report.fired = alerts.iter().map(|alert| (alert.rule.clone(), alert.sequence)).collect();
            report.failures = failures(case, alerts);
        }
        Err(failure) => report.failures.push(failure),
    }
    report
}

fn failures(case: &RecordedCase, alerts: &[RecordedAlert]) -> Vec<Failure> {
    let mut failures: Vec<Failure> =
        case.expect.iter().flatten().filter_map(|expected| missing(expected, alerts)).collect();
    let is_unwanted = |rule: &str| case.is_quiet() || case.expect_not.iter().any(|not| not.name == rule);
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for alert in alerts.iter().filter(|alert| is_unwanted(&alert.rule)) {
        let count = told.entry(&alert.rule).or_default();
        *count += 1;
        if *count <= TOLD {
            let RecordedAlert { rule, sequence, message, .. } = alert.clone();
            failures.push(Failure::Fired { rule, event: sequence, message });
        }
    }
    failures
}

/// What is wrong with how often an alert came.
fn missing(expected: &RecordedExpectation, alerts: &[RecordedAlert]) -> Option<Failure> {
    let RecordedExpectation { rule: RuleName { name, .. }, count, fields } = expected;
    let of_rule: Vec<&RecordedAlert> = alerts.iter().filter(|alert| alert.rule == *name).collect();
    let is_right = |alert: &&&RecordedAlert| fields.iter().all(|setting| has(alert, setting));
    let found = of_rule.iter().filter(is_right).count();
    if count.map_or(found > 0, |count| found == count) {
        return None;
    }
    // With one field that is another, that one is worth telling.
    if let ([setting], [alert], None | Some(1)) = (fields.as_slice(), of_rule.as_slice(), count) {
        let found = alert.fields.get(&setting.field).cloned().unwrap_or_else(|| "missing".to_owned());
        let (rule, field, expected) = (name.clone(), setting.field.clone(), setting.value.to_string());
        return Some(Failure::Field { rule, field, expected, found });
    }
    let with = fields.iter().map(|setting| format!("{}={}", setting.field, setting.value)).collect();
    Some(Failure::Count { rule: name.clone(), with, expected: *count, found, of_rule: of_rule.len() })
}

fn has(alert: &RecordedAlert, setting: &Setting) -> bool {
    match (&setting.value, alert.fields.get(&setting.field)) {
        (Given::Missing, None) => true,
        (Given::Text(expected), Some(found)) => expected == found,
        _ => false,
    }
}

fn line(source: &Source, offset: usize) -> usize {
    1 + source.text.get(..offset).unwrap_or_default().matches('\n').count()
}

#[cfg(test)]
mod tests;
