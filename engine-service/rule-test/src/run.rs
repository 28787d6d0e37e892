//! Runs cases: what fired, what should have, and why it did not.

use std::sync::Arc;

use evaluator::{Matching, Truth};
use fields::EventView;
use rule_language::{Diagnostic, Source};

use crate::{
    cases::{Case, CaseFile, Change, Expectation, diagnostic},
    given::{Problem, Setting},
    play::{Changed, Checking, play},
    rules::Rules,
    why::{Reason, why_not},
    world::{matches, show},
};

/// What became of a case, a variant or a near miss.
#[derive(Clone, Debug)]
pub struct SceneReport {
    /// The file's name.
    pub file: String,
    /// Where the scene stands, from 1.
    pub line: usize,
    /// The case.
    pub case: String,
    /// What of it.
    pub scene: Scene,
    /// The alerts that came: rule, and number of the event from 1.
    pub fired: Vec<(String, usize)>,
    /// What is wrong; nothing if the scene passed.
    pub failures: Vec<Failure>,
}

/// A case as written, or with one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scene {
    /// As it is written.
    Case,
    /// With a change that should make no difference.
    Variant(String),
    /// With a change that should keep the rules quiet.
    NearMiss(String),
    /// A recording.
    Recording,
}

/// Something that is not as the case has it.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The case cannot be played.
    Broken(Box<Diagnostic>),
    /// A rule should have fired, and did not.
    NotFired {
        /// Which.
        rule: String,
        /// At which event it should have, from 1, or else the one that came nearest.
        event: usize,
        /// The comparisons that would have to say otherwise.
        reasons: Vec<Reason>,
    },
    /// A rule fired that should not have.
    Fired {
        /// Which.
        rule: String,
        /// At which event, from 1.
        event: usize,
        /// The alert's text.
        message: String,
    },
    /// A field of an alert is another than expected.
    Field {
        /// The rule that fired.
        rule: String,
        /// The field.
        field: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A rule fired at a recording more or less often than it should have.
    Count {
        /// Which.
        rule: String,
        /// The fields that are looked at, with what they should be.
        with: Vec<String>,
        /// How often it should have; at least once if it is not said.
        expected: Option<usize>,
        /// How often it did.
        found: usize,
        /// How often whatever its fields are.
        of_rule: usize,
    },
    /// The recording of a case cannot be read to its end.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// A match hangs on what metadata would have to tell, which no case leaves open.
    Unknown {
        /// Which rule.
        rule: String,
        /// The fields.
        fields: Vec<String>,
    },
}

/// An alert, with what the case expects of it.
struct Fired {
    place: usize,
    event: usize,
    message: String,
    /// Fields that are not as expected, with what is expected and what is found.
    wrong: Vec<(String, String, String)>,
}

/// Runs every case of a file with its variants and near misses.
pub fn run(rules: &Rules, file: &CaseFile, is_wanted: &dyn Fn(&Case) -> bool) -> Vec<SceneReport> {
    let mut reports = Vec::new();
    for case in file.cases.iter().filter(|case| is_wanted(case)) {
        reports.push(run_scene(rules, file, case, Scene::Case, None));
        for change in &case.variants {
            reports.push(run_scene(rules, file, case, Scene::Variant(change.label()), Some(change)));
        }
        for change in &case.near_misses {
            reports.push(run_scene(rules, file, case, Scene::NearMiss(change.label()), Some(change)));
        }
    }
    reports
}

fn run_scene(
    rules: &Rules,
    file: &CaseFile,
    case: &Case,
    scene: Scene,
    change: Option<&Change>,
) -> SceneReport {
    let is_near_miss = matches!(scene, Scene::NearMiss(_));
    let span = change.map_or(&case.span, |change| &change.span);
    let line = 1 + file.source.text.get(..span.start).unwrap_or_default().matches('\n').count();
    let mut report = SceneReport {
        file: file.source.name.clone(),
        line,
        case: case.name.clone(),
        scene,
        fired: Vec::new(),
        failures: Vec::new(),
    };
    let mut run = Run { rules, case, is_near_miss, fired: Vec::new(), unknown: Vec::new() };
    let changed = Changed {
        event: case.events.len().saturating_sub(1),
        settings: change.map_or(&[], |change| &change.settings),
    };
    let expected = case.expect.iter().flatten().map(|expected| &expected.rule);
    let played = rules.check_names(expected.chain(&case.expect_not)).and_then(|()| {
        play(rules, case, changed, Checking::Strict, &mut |number, view| run.look(number, view))
    });
    if let Err(problem) = played {
        report.failures.push(broken(&file.source, problem));
        return report;
    }
    let name = |place: usize| rules.rule(place).map_or_else(String::new, |rule| rule.name.clone());
    report.fired = run.fired.iter().map(|fired| (name(fired.place), fired.event)).collect();
    report.failures = run.failures(changed);
    report
}

fn broken(source: &Arc<Source>, problem: Problem) -> Failure {
    Failure::Broken(Box::new(diagnostic(source, problem)))
}

struct Run<'r> {
    rules: &'r Rules,
    case: &'r Case,
    is_near_miss: bool,
    fired: Vec<Fired>,
    unknown: Vec<Failure>,
}

// === impl Run ===

impl Run<'_> {
    fn look(&mut self, number: usize, view: &EventView<'_>) -> Result<bool, Problem> {
        let mut found = Vec::new();
        self.rules.set.evaluate(view, Matching::All, &mut found);
        for found in found {
            let rule = self.rules.rule(found.rule).map_or_else(String::new, |rule| rule.name.clone());
            if found.truth == Truth::Unknown {
                let fields = found.unknown_fields.iter().map(|field| (*field).to_owned()).collect();
                self.unknown.push(Failure::Unknown { rule, fields });
                continue;
            }
            let wrong = self.wrong_fields(&rule, number, view)?;
            self.fired.push(Fired { place: found.rule, event: number + 1, message: found.message, wrong });
        }
        Ok(true)
    }

    /// The expected fields of the rule's alert at this event that are something else. A variant changes what it changes.
    fn wrong_fields(
        &self,
        rule: &str,
        number: usize,
        view: &EventView<'_>,
    ) -> Result<Vec<(String, String, String)>, Problem> {
        let mut wrong = Vec::new();
        for expected in
            self.expected_of(rule).filter(|expected| expected.event.is_none_or(|event| event == number + 1))
        {
            for setting in &expected.fields {
                let extracted = self.rules.extractors.of(setting)?.extract(view);
                if !matches(setting, &extracted, view) {
                    let Setting { field, value, .. } = setting;
                    wrong.push((field.clone(), value.to_string(), show(&extracted)));
                }
            }
        }
        Ok(wrong)
    }

    fn expected_of(&self, rule: &str) -> impl Iterator<Item = &Expectation> {
        let expected = self.case.expect.iter().flatten();
        expected.filter(move |expected| expected.rule.name == rule)
    }

    fn failures(self, changed: Changed<'_>) -> Vec<Failure> {
        let mut failures = Vec::new();
        if self.is_near_miss {
            let expected: Vec<&str> = self.case.expected_rules().collect();
            failures.extend(self.fired_of(&|rule| expected.contains(&rule)));
        } else {
            for expected in self.case.expect.iter().flatten() {
                self.missing(expected, changed, &mut failures);
            }
        }
        let not: Vec<&str> = self.case.expect_not.iter().map(|rule| rule.name.as_str()).collect();
        let is_quiet = self.case.is_quiet();
        failures.extend(self.fired_of(&|rule| is_quiet || not.contains(&rule)));
        failures.extend(self.unknown);
        failures
    }

    /// What is wrong with an expected alert.
    fn missing(&self, expected: &Expectation, changed: Changed<'_>, failures: &mut Vec<Failure>) {
        let name = &expected.rule.name;
        let Some(place) = self.rules.place(name) else { return };
        let is_it =
            |fired: &&Fired| fired.place == place && expected.event.is_none_or(|event| event == fired.event);
        let fired: Vec<&Fired> = self.fired.iter().filter(is_it).collect();
        // A variant is told by its changes: the fields of the case as written need not be its.
        let is_right = |fired: &&&Fired| !changed.settings.is_empty() || fired.wrong.is_empty();
        if fired.iter().any(|fired| is_right(&fired)) {
            return;
        }
        match fired.first() {
            Some(fired) => {
                for (field, expected, found) in &fired.wrong {
                    failures.push(Failure::Field {
                        rule: name.clone(),
                        field: field.clone(),
                        expected: expected.clone(),
                        found: found.clone(),
                    });
                }
            }
            None => {
                let (event, reasons) = why_not(self.rules, self.case, changed, place, expected.event);
                failures.push(Failure::NotFired { rule: name.clone(), event, reasons });
            }
        }
    }

    fn fired_of(&self, is_unwanted: &dyn Fn(&str) -> bool) -> Vec<Failure> {
        let unwanted = self.fired.iter().filter_map(|fired| {
            let rule = self.rules.rule(fired.place)?.name.clone();
            let Fired { event, message, .. } = fired;
            is_unwanted(&rule).then(|| Failure::Fired { rule, event: *event, message: message.clone() })
        });
        unwanted.collect()
    }
}

#[cfg(test)]
mod tests;
