//! Cases that are recordings.

use std::rc::Rc;

use rule_language::yaml::{Content, Node};

use super::Reader;
use crate::cases::{RecordedCase, RecordedExpectation, RuleName};

/// Whether a case names a recording in place of events.
pub(super) fn is_recorded(case: &Node) -> bool {
    match &case.content {
        Content::Mapping(pairs) => pairs.iter().any(|(key, _)| key.scalar() == Some("recording")),
        _ => false,
    }
}

// === impl Reader ===

impl Reader {
    pub(super) fn recorded_case(&mut self, node: &Rc<Node>) -> RecordedCase {
        let (name, recording) = (String::new(), String::new());
        let mut case =
            RecordedCase { name, span: node.span(), recording, expect: None, expect_not: Vec::new() };
        for (key, value) in self.mapping(node, "a case").to_vec() {
            match key.scalar() {
                Some("name") => {
                    case.name = self.text(&value, "name");
                    case.span = value.span();
                }
                Some("recording") => case.recording = self.text(&value, "recording"),
                Some("expect") => {
                    let expected = self.sequence(&value, "expect").to_vec();
                    case.expect =
                        Some(expected.iter().map(|expected| self.recorded_expectation(expected)).collect());
                }
                Some("expect_not") => case.expect_not = self.rule_names(&value),
                _ => {
                    self.unknown_key(&key, "a recorded case", &["name", "recording", "expect", "expect_not"])
                }
            }
        }
        self.scenes += 1;
        if case.name.is_empty() || case.recording.is_empty() {
            self.tell(&case.span, "a recorded case needs a `name` and the file of its `recording`");
        }
        self.check_expects(&case.span, case.expect.is_some() || !case.expect_not.is_empty());
        case
    }

    fn recorded_expectation(&mut self, node: &Rc<Node>) -> RecordedExpectation {
        let rule = RuleName { name: String::new(), span: node.span() };
        let mut expected = RecordedExpectation { rule, count: None, fields: Vec::new() };
        if node.scalar().is_some() {
            expected.rule = self.rule_name(node);
            return expected;
        }
        for (key, value) in self.mapping(node, "an expected alert").to_vec() {
            match key.scalar() {
                Some("rule") => expected.rule = self.rule_name(&value),
                Some("fields") => expected.fields = self.settings(&value),
                Some("count") => match value.scalar().and_then(|text| text.parse().ok()) {
                    Some(count) => expected.count = Some(count),
                    None => self.tell(&value.span(), "`count` is how many alerts must come, from 0"),
                },
                _ => self.unknown_key(&key, "an alert of a recording", &["rule", "count", "fields"]),
            }
        }
        if expected.rule.name.is_empty() {
            self.tell(&node.span(), "an expected alert needs a `rule`");
        }
        expected
    }
}
