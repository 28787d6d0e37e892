//! The lines around a place in a source, cut to what a person can read.
//!
//! The renderer would lay out whole lines, and fails on those of more than 65,535 columns; nor does a rule of a thousand
//! lines have to be repeated to say that it is meant.

use std::ops::Range;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use rule_language::Diagnostic;

/// The longest line that is shown whole, in bytes.
const MAX_LINE: usize = 240;
/// How much of a longer line is shown on either side of the place.
const AROUND: usize = 80;
/// Of more lines than these only the first is shown as the place.
const MAX_LINES: usize = 12;
/// The longest message, in bytes.
const MAX_MESSAGE: usize = 1000;
/// How far ends of lines are looked for.
const REACH: usize = 16 * 1024;

/// The lines, as the renderer reads them.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    text: String,
    /// The place, in `text`.
    span: Range<usize>,
    /// The first line of `text`, counted from 0.
    first_line: usize,
    /// Where the place is in the source, counted from 0.
    line: usize,
    column: usize,
}

// === impl Excerpt ===

impl Excerpt {
    pub(super) fn of(diagnostic: &Diagnostic) -> Self {
        let source = diagnostic.source.text.as_str();
        let place = shown_place(source, &diagnostic.span);
        let start_of_line = line_start(source, place.start);
        let has_line_before = source.get(..start_of_line).is_some_and(|before| before.ends_with('\n'));
        let first = if has_line_before { line_start(source, start_of_line - 1) } else { start_of_line };
        let end_of_line = line_end(source, place.end);
        let last = line_end(source, (end_of_line + 1).min(source.len()));
        let line = diagnostic.line.saturating_sub(1);
        let mut excerpt = Self {
            name: visible(diagnostic.file()),
            text: String::new(),
            span: 0..0,
            first_line: line.saturating_sub(usize::from(has_line_before)),
            line,
            column: diagnostic.column.saturating_sub(1),
        };
        let mut at = first;
        for shown in source.get(first..last).unwrap_or_default().split_inclusive('\n') {
            excerpt.push_line(shown, at, &place);
            at += shown.len();
        }
        excerpt.span.end = excerpt.span.end.max(excerpt.span.start);
        excerpt
    }

    /// The place, in the text that is shown.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Takes over a line that stands at byte `at` of the source.
    fn push_line(&mut self, line: &str, at: usize, place: &Range<usize>) {
        let content = line.trim_end_matches(['\n', '\r']);
        let end = at + content.len();
        let meant = place.start.clamp(at, end)..place.end.clamp(at, end);
        let kept = if content.len() <= MAX_LINE {
            at..end
        } else {
            let meant_end = meant.end.min(meant.start + MAX_LINE);
            meant.start.saturating_sub(AROUND).max(at)..(meant_end + AROUND).min(end)
        };
        if kept.start > at {
            self.text.push('…');
        }
        for (offset, letter) in content.char_indices() {
            let offset = at + offset;
            if offset + letter.len_utf8() <= kept.start {
                continue;
            }
            if offset >= kept.end {
                self.text.push('…');
                break;
            }
            if offset <= place.start {
                self.span.start = self.text.len();
            }
            self.text.push(if letter.is_control() && letter != '\t' { '\u{fffd}' } else { letter });
            if offset < place.end {
                self.span.end = self.text.len();
            }
        }
        // A place may be the end of a line.
        if (at..=end).contains(&place.start) && place.start == end {
            self.span.start = self.text.len();
        }
        if line.len() > content.len() {
            self.text.push('\n');
        }
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.text.read_span(span, lines_before, lines_after)?;
        // Asked for no lines around it, it is the place itself that is meant.
        let (line, column) = if lines_before == 0 {
            (self.line, self.column)
        } else {
            (self.first_line + contents.line(), contents.column())
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            contents.data(),
            *contents.span(),
            line,
            column,
            contents.line_count(),
        )))
    }
}

/// `text` without characters that could drive a terminal, and not at any length: a message may repeat a word of a file.
pub(super) fn visible(text: &str) -> String {
    let mut visible = String::new();
    for letter in text.chars() {
        if visible.len() >= MAX_MESSAGE {
            visible.push('…');
            break;
        }
        if letter.is_control() && letter != '\n' {
            visible.extend(letter.escape_unicode());
        } else {
            visible.push(letter);
        }
    }
    visible
}

/// What is underlined: without blanks at its end, which may be those before the next item, and not of many lines.
fn shown_place(source: &str, span: &Range<usize>) -> Range<usize> {
    let spanned = source.get(span.clone()).unwrap_or_default();
    let is_long = spanned.match_indices('\n').nth(MAX_LINES).is_some();
    let first_line = if is_long { spanned.lines().next().unwrap_or_default() } else { spanned };
    span.start..span.start + first_line.trim_end().len()
}

fn line_start(source: &str, at: usize) -> usize {
    let floor = at.saturating_sub(REACH);
    let before = source.as_bytes().get(floor..at).unwrap_or_default();
    let start = before.iter().rposition(|&byte| byte == b'\n').map_or(floor, |newline| floor + newline + 1);
    on_boundary(source, start)
}

fn line_end(source: &str, at: usize) -> usize {
    let after = source.as_bytes().get(at..).unwrap_or_default();
    let end = after.iter().take(REACH).position(|&byte| byte == b'\n');
    on_boundary(source, at + end.unwrap_or(after.len().min(REACH)))
}

/// The next boundary between characters.
fn on_boundary(source: &str, mut at: usize) -> usize {
    while !source.is_char_boundary(at) {
        at += 1;
    }
    at
}
