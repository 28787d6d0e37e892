//! Collects diagnostics while files are read and compiled.

use std::{collections::HashSet, sync::Arc};

use crate::{
    diagnostic::{Code, ContextItem, Diagnostic, Severity},
    source::Source,
    text::Place,
    text_position::LineIndex,
};

/// How many errors, and how many warnings, are kept; the rest is counted. At a kilobyte each that is 2 MB.
const MAX_DIAGNOSTICS: usize = 1000;

/// A rule, macro, list or another item of a file.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Falco's name for the kind.
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// The error has been reported; the caller only has to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported;

/// What to report, beside code and place.
#[derive(Debug, Default)]
pub(crate) struct Report<'item> {
    pub(crate) message: String,
    pub(crate) item: Option<&'item Item>,
    /// Falco's name for the part of the item: `rule condition`.
    pub(crate) part: Option<&'static str>,
    pub(crate) help: Option<String>,
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

impl<'item> Report<'item> {
    pub(crate) fn new(message: impl Into<String>, item: &'item Item) -> Self {
        Self { message: message.into(), item: Some(item), ..Self::default() }
    }

    pub(crate) fn part(mut self, part: &'static str) -> Self {
        self.part = Some(part);
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

// === impl Reporter ===

impl Reporter {
    pub(crate) fn new(sources: &[Source]) -> Self {
        Self {
            sources: sources.iter().cloned().map(Arc::new).collect(),
            lines: sources.iter().map(|source| LineIndex::new(&source.text)).collect(),
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
    pub(crate) fn report(&mut self, code: Code, place: &Place, report: Report<'_>) -> Reported {
        let count = match code.severity() {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if *count >= MAX_DIAGNOSTICS || !self.seen.insert((code, place.clone(), report.message.clone())) {
            *count += usize::from(*count >= MAX_DIAGNOSTICS);
            return Reported;
        }
        *count += 1;
        let source = self.sources.get(place.source).zip(self.lines.get(place.source));
        let Some((source, lines)) = source else { return Reported };
        let span = place.span.clone();
        let mut diagnostic = Diagnostic::indexed(code, report.message, Arc::clone(source), lines, span);
        diagnostic.help = report.help;
        diagnostic.context = context(lines, place, report.item, report.part);
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
}

fn context(
    lines: &LineIndex,
    place: &Place,
    item: Option<&Item>,
    part: Option<&'static str>,
) -> Vec<ContextItem> {
    let at = |item_type, item_name: &str, offset| ContextItem {
        item_type,
        item_name: item_name.to_owned(),
        position: lines.position(offset),
    };
    let mut context = vec![at("rules content", "", 0)];
    if let Some(item) = item.filter(|item| item.place.source == place.source) {
        context.push(at(item.kind, &item.name, item.place.span.start));
    }
    if let Some(part) = part {
        context.push(at(part, "", place.span.start));
    }
    context
}
