//! Case files: what should happen when something happens.

mod reader;

use std::{ops::Range, sync::Arc};

use rule_language::Source;

pub(crate) use self::reader::diagnostic;
pub use self::reader::read;
use crate::given::{Given, Setting};

/// A file of cases.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// Its name and text, for messages.
    pub source: Arc<Source>,
    /// Rules files and folders, as the file names them: relative to its own place.
    pub rules: Vec<String>,
    /// The cases that are written out, in the order of the file.
    pub cases: Vec<Case>,
    /// Those that are recordings.
    pub recordings: Vec<RecordedCase>,
}

/// What happens, and which alerts should come of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// Unique in its file.
    pub name: String,
    /// Where it stands, in bytes of the file.
    pub span: Range<usize>,
    /// Containers by the name that events use, each as `container.*` and `k8s.*` settings.
    pub containers: Vec<(String, Vec<Setting>)>,
    /// What is known of the host.
    pub host: HostSettings,
    /// What happens, in order; at least one.
    pub events: Vec<Vec<Setting>>,
    /// Alerts that must come; with none at all named, none may.
    pub expect: Option<Vec<Expectation>>,
    /// Rules that must not fire.
    pub expect_not: Vec<RuleName>,
    /// Changes of the last event with which everything is as without.
    pub variants: Vec<Change>,
    /// Changes of the last event with which none of the expected rules fires.
    pub near_misses: Vec<Change>,
}

/// A recording, and which alerts should come of it.
#[derive(Clone, Debug)]
pub struct RecordedCase {
    /// Unique in its file.
    pub name: String,
    /// Where it stands, in bytes of the file.
    pub span: Range<usize>,
    /// The file of the recording, relative to the place of the file of cases.
    pub recording: String,
    /// Alerts that must come; with none at all named, none may.
    pub expect: Option<Vec<RecordedExpectation>>,
    /// Rules that must not fire.
    pub expect_not: Vec<RuleName>,
}

/// Alerts that must come of a recording.
#[derive(Clone, Debug)]
pub struct RecordedExpectation {
    /// Of this rule.
    pub rule: RuleName,
    /// How many with these fields; at least one if it is not said.
    pub count: Option<usize>,
    /// What these fields must be, as text.
    pub fields: Vec<Setting>,
}

/// The host of a case.
#[derive(Clone, Debug, Default)]
pub struct HostSettings {
    /// `evt.hostname`
    pub hostname: Option<String>,
    /// Users, whose keys are uid, gid, name, home and shell.
    pub users: Vec<Entry>,
    /// Groups, whose keys are gid and name.
    pub groups: Vec<Entry>,
}

/// A user or group.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Keys with their values.
    pub values: Vec<Setting>,
    /// Where it stands.
    pub span: Range<usize>,
}

/// A rule that a case names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleName {
    /// As the rules file has it.
    pub name: String,
    /// Where the case names it.
    pub span: Range<usize>,
}

/// An alert that must come.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Of this rule.
    pub rule: RuleName,
    /// What these fields must be at the event that fired it.
    pub fields: Vec<Setting>,
    /// Which event must fire it, from 1; any if it is not said.
    pub event: Option<usize>,
}

/// A change of a case's last event.
#[derive(Clone, Debug)]
pub struct Change {
    /// What reports call it.
    pub name: Option<String>,
    /// Fields with their new values.
    pub settings: Vec<Setting>,
    /// Where it stands.
    pub span: Range<usize>,
}

// === impl Case ===

impl Case {
    /// The names of the rules that must fire.
    pub fn expected_rules(&self) -> impl Iterator<Item = &str> {
        self.expect.iter().flatten().map(|expected| expected.rule.name.as_str())
    }

    /// Whether nothing at all may fire.
    pub fn is_quiet(&self) -> bool {
        self.expect.as_ref().is_some_and(Vec::is_empty)
    }
}

// === impl RecordedCase ===

impl RecordedCase {
    /// The names of the rules that are expected.
    pub fn expected_rules(&self) -> impl Iterator<Item = &str> {
        self.expect.iter().flatten().map(|expected| expected.rule.name.as_str())
    }

    /// Whether nothing at all may fire.
    pub fn is_quiet(&self) -> bool {
        self.expect.as_ref().is_some_and(Vec::is_empty)
    }
}

// === impl Change ===

impl Change {
    /// Its name, or what it sets.
    pub fn label(&self) -> String {
        let settings = || {
            let shown = self.settings.iter().map(|Setting { field, value, .. }| match value {
                Given::Missing => format!("{field}: ~"),
                value => format!("{field}: {value}"),
            });
            shown.collect::<Vec<_>>().join(", ")
        };
        self.name.clone().unwrap_or_else(settings)
    }
}

#[cfg(test)]
mod tests;
