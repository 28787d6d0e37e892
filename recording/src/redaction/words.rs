//! Finding what is to be blotted out in a row of words.

use std::{cmp::Reverse, ops::Range};

use regex::bytes::{Captures, Regex};

use super::REDACTED;

/// The words of a command, and what of each is to be blotted out.
pub(super) struct Words<'a> {
    texts: Vec<&'a mut Vec<u8>>,
    /// Index of a word, and where in it.
    marks: Vec<(usize, Range<usize>)>,
}

// === impl Words ===

impl<'a> Words<'a> {
    pub(super) fn new(texts: Vec<&'a mut Vec<u8>>) -> Self {
        Self { texts, marks: Vec::new() }
    }

    /// Marks what `pattern` finds in each word, and in each word with the next: `--password secret` are two.
    pub(super) fn mark(&mut self, pattern: &Regex) {
        for (index, text) in self.texts.iter().enumerate() {
            let found = pattern.captures_iter(text);
            self.marks.extend(found.filter_map(|captures| secret(&captures)).map(|range| (index, range)));
        }
        for (index, pair) in self.texts.windows(2).enumerate() {
            let [first, second] = pair else { continue };
            let (border, both) = (first.len(), [first.as_slice(), b" ", second.as_slice()].concat());
            for captures in pattern.captures_iter(&both) {
                let whole = captures.get_match().range();
                // What is found in the first word alone only goes on into the second because it is greedy.
                let is_of_first =
                    || pattern.find_at(first, whole.start).is_some_and(|it| it.start() == whole.start);
                if whole.start >= border || whole.end <= border + 1 || is_of_first() {
                    continue;
                }
                let Some(range) = secret(&captures) else { continue };
                self.marks.push((index, range.start.min(border)..range.end.min(border)));
                let behind = |at: usize| at.saturating_sub(border + 1);
                self.marks.push((index + 1, behind(range.start)..behind(range.end)));
            }
        }
        self.marks.retain(|(_, range)| !range.is_empty());
    }

    /// Replaces what was marked; marks that touch or overlap are one.
    pub(super) fn blot_out(self) {
        let Self { mut texts, mut marks } = self;
        // From the back, so that what is before keeps its place.
        marks.sort_by_key(|(index, range)| Reverse((*index, range.start)));
        let mut marks = marks.into_iter().peekable();
        while let Some((index, mut range)) = marks.next() {
            while let Some((_, before)) =
                marks.next_if(|(at, before)| *at == index && before.end >= range.start)
            {
                range = before.start..range.end.max(before.end);
            }
            if let Some(text) = texts.get_mut(index) {
                text.splice(range, REDACTED.bytes());
            }
        }
    }
}

/// The first group, or all that was found by an expression that has none. A group that took no part marks nothing.
fn secret(captures: &Captures<'_>) -> Option<Range<usize>> {
    let found = if captures.len() > 1 { captures.get(1) } else { captures.get(0) };
    found.map(|found| found.range()).filter(|range| !range.is_empty())
}
