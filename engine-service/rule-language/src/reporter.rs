//! Collects diagnostics while files are read and compiled.

use std::{collections::HashSet, sync::Arc};

use crate::{
    context::{Context, item_type},
    diagnostic::{Code, ContextItem, Diagnostic, Severity, falco_snippet, on_boundaries},
    source::Source,
    text::Place,
    text_position::{LineIndex, Position},
};

/// How many errors, and how many warnings, are kept; the rest is counted. At a kilobyte each that is 2 MB.
const MAX_DIAGNOSTICS: usize = 1000;

/// How much of a condition Falco gives as its name, in bytes.
const CONDITION_NAME: usize = 20;

/// The error has been reported; the caller only has to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported;

/// What to report, beside the code.
#[derive(Debug)]
pub(crate) struct Report<'report> {
    message: String,
    /// What Falco says that it is about.
    context: &'report Context,
    /// Where people should look, if that is not where the context ends.
    place: Option<Place>,
    help: Option<String>,
    expression: Option<Expression<'report>>,
}

/// A place in a condition, after lists are put in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expression<'text> {
    /// The condition as Falco calls it by its start.
    pub(crate) name: &'text str,
    /// The condition that was parsed.
    pub(crate) text: &'text str,
    /// In bytes of that.
    pub(crate) offset: usize,
}

pub(crate) struct Reporter {
    sources: Vec<Arc<Source>>,
    lines: Vec<LineIndex>,
    diagnostics: Vec<(usize, Diagnostic)>,
    seen: HashSet<(Code, Place, String)>,
    errors: usize,
    warnings: usize,
}

// === impl Report ===

impl<'report> Report<'report> {
    pub(crate) fn new(message: impl Into<String>, context: &'report Context) -> Self {
        Self { message: message.into(), context, place: None, help: None, expression: None }
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        self.maybe_help(Some(help.into()))
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    pub(crate) fn in_condition(mut self, expression: Expression<'report>) -> Self {
        self.expression = Some(expression);
        self
    }
}

// === impl Reporter ===

impl Reporter {
    pub(crate) fn new(sources: &[Source]) -> Self {
        Self {
            sources: sources.iter().cloned().map(Arc::new).collect(),
            lines: sources.iter().map(|_| LineIndex::default()).collect(),
            diagnostics: Vec::new(),
            seen: HashSet::new(),
            errors: 0,
            warnings: 0,
        }
    }

    pub(crate) fn texts(&self) -> Vec<&str> {
        self.sources.iter().map(|source| source.text.as_str()).collect()
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Counts a diagnostic that would not be kept any more, so that nobody has to look for its place.
    pub(crate) fn is_only_counted(&mut self, code: Code) -> bool {
        let count = match code.severity() {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        let is_full = *count >= MAX_DIAGNOSTICS;
        *count += usize::from(is_full);
        is_full
    }

    /// Books a diagnostic, once; what comes back stops the caller if it was an error.
    pub(crate) fn report(&mut self, code: Code, report: Report<'_>) -> Reported {
        let place = report.place.clone().unwrap_or_else(|| report.context.place().clone());
        if self.is_only_counted(code) || !self.seen.insert((code, place.clone(), report.message.clone())) {
            return Reported;
        }
        match code.severity() {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        let Some(source) = self.sources.get(place.source).cloned() else { return Reported };
        let span = on_boundaries(&source.text, place.span);
        let position = self.position(place.source, span.start);
        let mut diagnostic = Diagnostic::located(code, report.message, source, span, position);
        diagnostic.sequence = u32::try_from(self.diagnostics.len()).unwrap_or(u32::MAX);
        diagnostic.help = report.help;
        diagnostic.context = self.context(report.context);
        if let Some(expression) = report.expression {
            let last = diagnostic.context.last().map_or(Position::default(), |item| item.position);
            diagnostic.context.push(expression.context_item(last));
        }
        self.diagnostics.push((place.source, diagnostic));
        Reported
    }

    /// The diagnostics by source and place, with a last word if some were only counted.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort_by_key(|(source, diagnostic)| (*source, diagnostic.span.start));
        let mut diagnostics: Vec<Diagnostic> =
            self.diagnostics.into_iter().map(|(_, diagnostic)| diagnostic).collect();
        let counts = [(self.errors, Code::LoadErrValidate), (self.warnings, Code::LoadWarningExtension)];
        if let Some(source) = self.sources.last() {
            for (count, code) in counts {
                if count > MAX_DIAGNOSTICS {
                    let message = format!("{} more of this severity are not shown", count - MAX_DIAGNOSTICS);
                    diagnostics.push(Diagnostic::new(code, message, Arc::clone(source), 0..0));
                }
            }
        }
        diagnostics
    }

    fn position(&mut self, source: usize, offset: usize) -> Position {
        let found = self.sources.get(source).zip(self.lines.get_mut(source));
        found.map_or_else(Position::default, |(source, lines)| lines.position(&source.text, offset))
    }

    fn context(&mut self, context: &Context) -> Vec<ContextItem> {
        let steps = context.steps();
        let items = steps.into_iter().map(|step| ContextItem {
            item_type: step.item_type,
            item_name: step.name.clone(),
            name: self.sources.get(step.place.source).map_or_else(String::new, |source| source.name.clone()),
            position: self.position(step.place.source, step.place.span.start),
            excerpt: None,
        });
        items.collect()
    }
}

// === impl Expression ===

impl Expression<'_> {
    /// Falco's step into a condition: named by the condition's start, and as far behind the step before as the place is
    /// behind the condition's start.
    fn context_item(&self, last: Position) -> ContextItem {
        let mut name: String = match self.name.get(..CONDITION_NAME + 1) {
            None if self.name.len() <= CONDITION_NAME => self.name.to_owned(),
            _ => {
                let shown = self.name.char_indices().map(|(at, letter)| at + letter.len_utf8());
                let end = shown.take_while(|&end| end <= CONDITION_NAME - 3).last().unwrap_or(0);
                format!("{}...", self.name.get(..end).unwrap_or_default())
            }
        };
        name = format!("\"{}\"", name.replace(['\n', '\r'], " "));
        let within = Position::of(self.text, self.offset);
        ContextItem {
            item_type: item_type::CONDITION_EXPRESSION,
            item_name: String::new(),
            name,
            position: Position {
                offset: last.offset + within.offset,
                line: last.line + within.line,
                column: last.column + within.column,
            },
            excerpt: Some(falco_snippet(self.text, within.offset)),
        }
    }
}
