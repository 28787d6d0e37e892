//! Rules, ready to be evaluated.

use std::time::Duration;

use crate::condition::{Expr, Operand};

/// The rules of one or more files after all of them were read, in load order.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSet {
    /// The rules, disabled ones included; first-match evaluation follows this order.
    pub rules: Vec<Rule>,
    /// `sha256:` and the hexadecimal digest of the sources in load order; every alert carries it.
    pub digest: String,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Unique in its rule set.
    pub name: String,
    /// `syscall`, or the source that a plugin declares.
    pub source: String,
    /// What the rule is about, for people.
    pub description: String,
    /// How grave a match is.
    pub priority: Priority,
    /// Sorted and without repetitions.
    pub tags: Vec<String>,
    /// Whether the rule is evaluated.
    pub enabled: bool,
    /// Whether a match should start a dump of what follows (`capture`).
    pub capture: bool,
    /// For how long (`capture_duration`, milliseconds); zero leaves it to the configuration.
    pub capture_duration: Duration,
    /// Whether it also matches an event that matches it with the kernel's own paths in place of those that were asked for.
    pub match_resolved: bool,
    /// When it matches.
    pub condition: Expr,
    /// The event types on which it can match, ascending; `None` means on all of them.
    pub event_types: Option<Vec<String>>,
    /// What a match says.
    pub output: Template,
    /// What configuration puts beside that.
    pub extra_fields: Vec<ExtraField>,
}

/// A field of alerts that is not in their message.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtraField {
    /// What the alert's `output_fields` call it.
    pub name: String,
    /// Its text; of a raw one a single field.
    pub template: Template,
    /// Whether it is the value of that field, of its own type, and not text.
    pub is_raw: bool,
}

/// An output with its fields resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The text as the rule gives it.
    pub text: String,
    /// The text in pieces.
    pub parts: Vec<TemplatePart>,
}

/// A piece of an output.
#[derive(Clone, Debug, PartialEq)]
pub enum TemplatePart {
    /// Characters that stand for themselves.
    Text(String),
    /// A value to be put in.
    Value {
        /// The text between `%` and the end of the field.
        key: String,
        /// What to put in.
        operand: Operand,
        /// How many bytes it takes, filled or cut, from `%20proc.name`.
        width: Option<usize>,
    },
}

/// Syslog's severities, the most severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// 0
    Emergency,
    /// 1
    Alert,
    /// 2
    Critical,
    /// 3
    Error,
    /// 4
    Warning,
    /// 5
    Notice,
    /// 6; `INFO` in rules means the same
    Informational,
    /// 7
    Debug,
}

// === impl Template ===

impl Template {
    /// Puts another output behind this one.
    pub(crate) fn append(&mut self, other: &Self) {
        self.text.push_str(&other.text);
        for part in &other.parts {
            match (self.parts.last_mut(), part) {
                (Some(TemplatePart::Text(last)), TemplatePart::Text(text)) => last.push_str(text),
                _ => self.parts.push(part.clone()),
            }
        }
    }
}
