//! From a byte offset to what people call a place in a text.

/// A place in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes from the start.
    pub offset: usize,
    /// Counted from 1.
    pub line: usize,
    /// In bytes from the start of the line, counted from 1.
    pub column: usize,
}

impl Position {
    /// The place of byte `offset` in `text`; an offset behind the end means the end.
    pub fn of(text: &str, offset: usize) -> Self {
        let offset = offset.min(text.len());
        let before = text.as_bytes().get(..offset).unwrap_or_default();
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Self { offset, line, column: 1 + offset - line_start }
    }
}

/// Bytes between two marks of a [`LineIndex`]: what has to be looked through for a position.
const MARK_EVERY: usize = 64 << 10;

/// Marks in a text, for those who ask for many places in it; made when the first one is asked for.
#[derive(Debug, Default)]
pub(crate) struct LineIndex {
    marks: Vec<Mark>,
}

/// What is known where a stretch of the text begins.
#[derive(Clone, Copy, Debug)]
struct Mark {
    line: usize,
    line_start: usize,
}

// === impl LineIndex ===

impl LineIndex {
    /// The same as [`Position::of`], if `text` is always the same.
    pub(crate) fn position(&mut self, text: &str, offset: usize) -> Position {
        if self.marks.is_empty() {
            self.marks = marks(text.as_bytes());
        }
        let offset = offset.min(text.len());
        let stretch = offset / MARK_EVERY;
        let Some(&Mark { mut line, mut line_start }) = self.marks.get(stretch) else {
            return Position::of(text, offset);
        };
        let start = stretch * MARK_EVERY;
        for (at, _) in breaks(text.as_bytes().get(start..offset).unwrap_or_default()) {
            (line, line_start) = (line + 1, start + at + 1);
        }
        Position { offset, line, column: 1 + offset - line_start }
    }
}

fn marks(text: &[u8]) -> Vec<Mark> {
    let mut mark = Mark { line: 1, line_start: 0 };
    let mut marks = vec![mark];
    for (index, stretch) in text.chunks(MARK_EVERY).enumerate() {
        for (at, _) in breaks(stretch) {
            mark = Mark { line: mark.line + 1, line_start: index * MARK_EVERY + at + 1 };
        }
        marks.push(mark);
    }
    marks
}

fn breaks(text: &[u8]) -> impl Iterator<Item = (usize, &u8)> {
    text.iter().enumerate().filter(|(_, byte)| **byte == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offsets inside, at the end and behind the end give lines and columns that count from one.
    #[test]
    fn positions_count_lines_and_columns_from_one() {
        assert_eq!(Position::of("ab\ncd", 0), Position { offset: 0, line: 1, column: 1 });
        assert_eq!(Position::of("ab\ncd", 4), Position { offset: 4, line: 2, column: 2 });
        assert_eq!(Position::of("ab\ncd", 99), Position { offset: 5, line: 2, column: 3 });
        assert_eq!(Position::of("", 0), Position { offset: 0, line: 1, column: 1 });
    }

    /// Scenario: texts shorter and longer than the distance of marks, with lines that cross marks. Guarantees: the index
    /// gives the same places as counting does.
    #[test]
    fn the_index_agrees_with_counting() {
        let long = "x".repeat(MARK_EVERY - 1) + "\n" + &"y\n".repeat(MARK_EVERY) + &"z".repeat(MARK_EVERY);
        for text in ["", "\n", "ab\ncd", "a\n\n\nb\n", &long] {
            let mut index = LineIndex::default();
            let near_marks = (1..4).flat_map(|mark| (mark * MARK_EVERY - 2)..(mark * MARK_EVERY + 2));
            for offset in (0..text.len().min(20) + 2).chain(near_marks) {
                assert_eq!(index.position(text, offset), Position::of(text, offset), "{offset}");
            }
        }
    }
}
