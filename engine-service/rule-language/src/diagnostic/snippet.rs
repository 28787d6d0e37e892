//! Excerpts from texts: ours for people, and the ones in Falco's JSON.

use std::ops::Range;

use super::on_boundaries;
use crate::text_position::Position;

/// The longest part of a line that a snippet shows, in bytes.
const SNIPPET_WIDTH: usize = 160;

/// The line around a place, and carets below `span`.
pub(super) fn snippet(text: &str, position: Position, span: &Range<usize>) -> String {
    let line_start = position.offset - (position.column - 1);
    let line_end = text
        .as_bytes()
        .get(position.offset..)
        .and_then(|rest| rest.iter().position(|&byte| byte == b'\n'))
        .map_or(text.len(), |length| position.offset + length);
    let from = line_start.max(position.offset.saturating_sub(SNIPPET_WIDTH / 2));
    let shown = on_boundaries(text, from..line_end.min(from + SNIPPET_WIDTH));
    let line = text.get(shown.clone()).unwrap_or_default().trim_end();
    let before = text.get(shown.start..position.offset).unwrap_or_default().chars().count();
    let marked = text.get(span.start..span.end.min(shown.end).max(span.start)).unwrap_or_default();
    format!("{line}\n{}{}\n", " ".repeat(before), "^".repeat(marked.chars().count().max(1)))
}

/// The line around `offset`, cut to a width with `...`, and a caret below the place (`rule_loader.cpp`).
pub(crate) fn falco_snippet(text: &str, offset: usize) -> String {
    let bytes = text.as_bytes();
    let is_break = |at: usize| bytes.get(at) == Some(&b'\n');
    // Behind the end, or at a line's end, what stands before is shown.
    let mut at = offset.min(bytes.len());
    while at > 0 && (at >= bytes.len() || is_break(at)) {
        at -= 1;
    }
    let half = SNIPPET_WIDTH / 2;
    let start = bytes.get(..at).unwrap_or_default().iter().rev().take(half);
    let start = at - start.take_while(|&&byte| byte != b'\n').count();
    let rest = bytes.get(at..).unwrap_or_default().iter().take(half);
    let end = at + rest.take_while(|&&byte| byte != b'\n').count();
    let shown = on_boundaries(text, start..end);
    let line = text.get(shown.clone()).unwrap_or_default();
    if line.is_empty() {
        return "<No context available>\n".to_owned();
    }
    let mut line = line.to_owned();
    if at - start >= half {
        let cut = on_boundaries(&line, 0..3);
        line.replace_range(cut, "...");
    }
    if end - at >= half {
        let cut = on_boundaries(&line, line.len().saturating_sub(3)..line.len());
        line.replace_range(cut, "...");
    }
    format!("{line}\n{}^\n", " ".repeat(at - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: places in short and long lines, at ends of lines and behind the text. Guarantees: the line is shown with the
    /// caret below the place, long lines are cut on both sides, and there is no panic inside of characters.
    #[test]
    fn falcos_snippets_are_lines_with_a_caret() {
        assert_eq!(falco_snippet("one\ntwo three\n", 8), "two three\n    ^\n");
        assert_eq!(falco_snippet("one\ntwo\n", 99), "two\n  ^\n");
        assert_eq!(falco_snippet("one\ntwo\n", 3), "one\n  ^\n");
        assert_eq!(falco_snippet("", 0), "<No context available>\n");
        let long = falco_snippet(&"x".repeat(1000), 500);
        assert_eq!(long, format!("...{}...\n{}^\n", "x".repeat(154), " ".repeat(80)));
        falco_snippet(&"ä".repeat(1000), 501);
    }
}
