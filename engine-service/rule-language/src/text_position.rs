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

/// Where the lines of a text start, for those who ask for many places in it.
#[derive(Debug)]
pub(crate) struct LineIndex {
    starts: Vec<usize>,
    length: usize,
}

// === impl LineIndex ===

impl LineIndex {
    pub(crate) fn new(text: &str) -> Self {
        let behind_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(behind_breaks).collect(), length: text.len() }
    }

    /// The same as [`Position::of`].
    pub(crate) fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.length);
        let line = self.starts.partition_point(|&start| start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.starts.get(index)).copied().unwrap_or(0);
        Position { offset, line, column: 1 + offset - start }
    }
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

    /// The index gives the same places as counting does.
    #[test]
    fn the_index_agrees_with_counting() {
        for text in ["", "\n", "ab\ncd", "a\n\n\nb\n"] {
            let index = LineIndex::new(text);
            for offset in 0..text.len() + 2 {
                assert_eq!(index.position(offset), Position::of(text, offset), "{text:?} {offset}");
            }
        }
    }
}
