//! Results as JUnit's XML: a suite for each file of cases, and one for derived cases.

use std::{collections::BTreeMap, io::Write};

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::{Results, mutation, report};

pub(super) fn write(output: impl Write, results: &Results) -> Result<(), SerializeError> {
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for scene in &results.scenes {
        let status = match scene.failures.first() {
            None => TestCaseStatus::success(),
            Some(_) => {
                let text: String = scene.failures.iter().map(report::text).collect();
                failure(text.lines().next().unwrap_or_default().trim(), &text)
            }
        };
        let mut case = TestCase::new(in_xml(&report::name(scene)), status);
        case.set_classname(&scene.file);
        case.extra.insert("line".into(), scene.line.to_string().into());
        suites.entry(&scene.file).or_insert_with(|| TestSuite::new(&*scene.file)).add_test_case(case);
    }
    let mut whole = Report::new("eyrie rules test");
    whole.add_test_suites(suites.into_values());
    let mut derived = TestSuite::new("derived cases");
    for (rule, leaf, found) in mutation::derived(&results.reports) {
        let status = if found.fired == found.should_fire {
            TestCaseStatus::success()
        } else {
            failure("the rule does not do what its own logic says", &leaf.text)
        };
        let mut case =
            TestCase::new(in_xml(&format!("{} / {}", found.case, found.changes.join(", "))), status);
        case.set_classname(&rule.rule);
        derived.add_test_case(case);
    }
    if !derived.test_cases.is_empty() {
        whole.add_test_suite(derived);
    }
    whole.serialize(output)
}

/// Without the two characters that XML has no place for and the library lets through.
fn in_xml(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

fn failure(message: &str, text: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(in_xml(message)).set_description(in_xml(text));
    status
}
