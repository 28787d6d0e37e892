//! What is wrong with rules: where, under which of Falco's codes, and what to do.
//!
//! A [`Diagnostic`] carries the source's name and text and a byte span in it, so that a terminal can show it without
//! reading files again. [`falco_load_results`] renders diagnostics as `falco -V … -o json_output=true` does.

mod code;
mod json;
mod snippet;

use std::{fmt, ops::Range, sync::Arc};

pub(crate) use self::snippet::falco_snippet;
use self::snippet::snippet;
pub use self::{
    code::{Code, Severity},
    json::falco_load_results,
};
use crate::{context::item_type, source::Source, text_position::Position};

/// Something to say about a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the rules can be used nevertheless.
    pub severity: Severity,
    /// Falco's code for it.
    pub code: Code,
    /// What is wrong, in one sentence.
    pub message: String,
    /// The source, with its name and its text.
    pub source: Arc<Source>,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in bytes, counted from 1.
    pub column: usize,
    /// The bytes of the source that it is about; in `source.text`, at boundaries of characters.
    pub span: Range<usize>,
    /// What to do about it.
    pub help: Option<String>,
    /// From the file down to the place: Falco's `locations`.
    pub context: Vec<ContextItem>,
    /// How many were told before. Falco tells the first error of a file, and nothing after it.
    pub(crate) sequence: u32,
}

/// A step from the file to the place of a diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextItem {
    /// Falco's name for such a thing: `rule`, `macro condition`.
    pub item_type: &'static str,
    /// Its own name, if it has one.
    pub item_name: String,
    /// What the place is in: the source's name, or the start of a condition.
    pub name: String,
    /// Where it stands there; for a condition, where Falco says that it does.
    pub position: Position,
    /// Falco's excerpt, where it is one of a condition and not of the source.
    pub(crate) excerpt: Option<String>,
}

/// Rules that cannot be used: everything that is to say about them, at least one error among it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LoadError {
    /// Errors and warnings, by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

// === impl Diagnostic ===

impl Diagnostic {
    pub(crate) fn new(
        code: Code,
        message: impl Into<String>,
        source: Arc<Source>,
        span: Range<usize>,
    ) -> Self {
        let span = on_boundaries(&source.text, span);
        let position = Position::of(&source.text, span.start);
        Self::located(code, message, source, span, position)
    }

    /// As [`Diagnostic::new`], for a span that begins and ends at boundaries of characters, at `position`.
    pub(crate) fn located(
        code: Code,
        message: impl Into<String>,
        source: Arc<Source>,
        span: Range<usize>,
        position: Position,
    ) -> Self {
        let whole_file = ContextItem {
            item_type: item_type::RULES_CONTENT,
            item_name: String::new(),
            name: source.name.clone(),
            position: Position { offset: 0, line: 1, column: 1 },
            excerpt: None,
        };
        Self {
            severity: code.severity(),
            code,
            message: message.into(),
            line: position.line,
            column: position.column,
            span,
            help: None,
            context: vec![whole_file],
            sequence: 0,
            source,
        }
    }

    /// An error in a file beside the rules, of the form that rules' own have.
    pub fn of_yaml(source: Arc<Source>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Code::LoadErrYamlValidate, message, source, span)
    }

    /// The same with something to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The line, and a line with carets below the place.
    pub fn snippet(&self) -> String {
        let position = Position { offset: self.span.start, line: self.line, column: self.column };
        snippet(&self.source.text, position, &self.span)
    }

    /// The name of the source.
    pub fn file(&self) -> &str {
        &self.source.name
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, severity, message, code, .. } = self;
        write!(f, "{}:{line}:{column}: {severity}: {message} [{code}]", self.file())?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

// === impl LoadError ===

impl LoadError {
    /// The diagnostics that are errors.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errors().next() {
            Some(first) if self.errors().count() > 1 => {
                write!(f, "{} errors in the rules, the first at {first}", self.errors().count())
            }
            Some(only) => only.fmt(f),
            None => f.write_str("the rules cannot be used"),
        }
    }
}

/// `span` inside `text`, widened to whole characters.
pub(crate) fn on_boundaries(text: &str, span: Range<usize>) -> Range<usize> {
    let mut start = span.start.min(text.len());
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source { name: "a.yaml".to_owned(), text: text.to_owned() })
    }

    /// A diagnostic knows its line and column and shows the line with a caret.
    #[test]
    fn a_diagnostic_points_into_its_source() {
        let diagnostic = Diagnostic::new(Code::LoadErrValidate, "wrong", source("one\ntwo three\n"), 8..13);
        assert_eq!((diagnostic.line, diagnostic.column), (2, 5));
        assert_eq!(diagnostic.snippet(), "two three\n    ^^^^^\n");
        assert_eq!(diagnostic.to_string(), "a.yaml:2:5: error: wrong [LOAD_ERR_VALIDATE]");
    }

    /// Spans behind the end and inside characters are put right, and long lines are cut.
    #[test]
    fn spans_are_put_on_boundaries() {
        assert_eq!(Diagnostic::new(Code::LoadErrValidate, "", source("é"), 1..1).span, 0..2);
        assert_eq!(Diagnostic::new(Code::LoadErrValidate, "", source("ab"), 9..12).span, 2..2);
        let long = "x".repeat(10_000);
        let diagnostic = Diagnostic::new(Code::LoadErrValidate, "", source(&long), 5000..5001);
        assert!(diagnostic.snippet().len() < 500);
    }
}
