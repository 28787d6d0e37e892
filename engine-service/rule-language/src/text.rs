//! Texts that are put together from pieces of sources, and the way back from a byte of theirs to the source.

use std::{ops::Range, rc::Rc};

use granit_parser::ScalarStyle;

use crate::yaml::{Content, Node};

/// Bytes of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// Which source.
    pub(crate) source: usize,
    pub(crate) span: Range<usize>,
}

/// A condition or an output, put together from what files say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) value: String,
    /// By start, ascending.
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
struct Piece {
    start: usize,
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    /// The scalar's value from byte `skipped` on.
    Scalar { source: usize, scalar: Rc<Node>, skipped: usize },
    /// Made by us, because of what stands there.
    Made(Place),
}

// === impl Text ===

impl Text {
    /// The value of a scalar; empty if the node is none.
    pub(crate) fn of_scalar(source: usize, scalar: &Rc<Node>) -> Self {
        let mut text = Self::default();
        text.push_scalar(source, scalar);
        text
    }

    /// Cuts what C calls spaces at both ends.
    pub(crate) fn trimmed(mut self) -> Self {
        let is_space = |letter: char| letter.is_ascii_whitespace() || letter == '\u{b}';
        let before = self.value.len() - self.value.trim_start_matches(is_space).len();
        self.value = self.value.trim_matches(is_space).to_owned();
        if let Some(Piece { origin: Origin::Scalar { skipped, .. }, .. }) = self.pieces.first_mut() {
            *skipped += before;
        }
        self
    }

    /// Appends `other` behind a blank, as Falco's `append` does.
    pub(crate) fn append(&mut self, other: Self) {
        self.value.push(' ');
        let shift = self.value.len();
        self.value.push_str(&other.value);
        self.pieces
            .extend(other.pieces.into_iter().map(|piece| Piece { start: piece.start + shift, ..piece }));
    }

    /// Appends characters that no source holds, made because of what stands at `place`.
    pub(crate) fn push_made(&mut self, characters: &str, place: &Place) {
        self.pieces.push(Piece { start: self.value.len(), origin: Origin::Made(place.clone()) });
        self.value.push_str(characters);
    }

    /// Appends another text as it is.
    pub(crate) fn push_text(&mut self, other: &Self) {
        let shift = self.value.len();
        self.value.push_str(&other.value);
        let pieces = other.pieces.iter().cloned();
        self.pieces.extend(pieces.map(|piece| Piece { start: piece.start + shift, ..piece }));
    }

    fn push_scalar(&mut self, source: usize, scalar: &Rc<Node>) {
        let origin = Origin::Scalar { source, scalar: Rc::clone(scalar), skipped: 0 };
        self.pieces.push(Piece { start: self.value.len(), origin });
        self.value.push_str(scalar.scalar().unwrap_or_default());
    }

    /// Whether no source holds the byte at `offset`: an exception made it.
    pub(crate) fn is_made(&self, offset: usize) -> bool {
        let after = self.pieces.partition_point(|piece| piece.start <= offset);
        let piece = after.checked_sub(1).and_then(|index| self.pieces.get(index));
        matches!(piece, Some(Piece { origin: Origin::Made(_), .. }))
    }

    /// Where the bytes `span` of this text come from; `sources` are the sources' texts.
    pub(crate) fn place(&self, span: Range<usize>, sources: &[&str]) -> Place {
        let after = self.pieces.partition_point(|piece| piece.start <= span.start);
        let Some(Piece { start, origin }) = after.checked_sub(1).and_then(|index| self.pieces.get(index))
        else {
            return Place { source: 0, span: 0..0 };
        };
        match origin {
            Origin::Made(place) => place.clone(),
            Origin::Scalar { source, scalar, skipped } => {
                let text = sources.get(*source).copied().unwrap_or_default();
                let at = |offset: usize| source_offset(text, scalar, skipped + offset - start);
                let last = span.end.saturating_sub(1).max(span.start);
                let next_piece = self.pieces.get(after).map_or(usize::MAX, |piece| piece.start);
                let span = match (at(span.start), at(last.min(next_piece - 1))) {
                    (Some(first), Some(last)) => first..(last + 1).max(first),
                    (Some(first), None) => first..first + 1,
                    _ => scalar.span(),
                };
                Place { source: *source, span }
            }
        }
    }
}

/// The byte of `text` from which byte `offset` of the scalar's value comes.
///
/// Folding changes blanks only, and escapes are few: both are followed by comparing what is no blank, and where that
/// does not come out even, `None` says so.
fn source_offset(text: &str, scalar: &Node, offset: usize) -> Option<usize> {
    let Content::Scalar(content) = &scalar.content else { return None };
    let source = text.as_bytes().get(..scalar.span().end.min(text.len()))?;
    let byte = |at: usize| source.get(at).copied();
    let mut at = scalar.span().start;
    match content.style {
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => at += 1,
        ScalarStyle::Literal | ScalarStyle::Folded if matches!(byte(at), Some(b'|' | b'>')) => {
            at += source.get(at..)?.iter().position(|&byte| byte == b'\n')? + 1;
        }
        _ => {}
    }
    let value = content.value.as_bytes();
    for (index, &wanted) in value.iter().enumerate() {
        if wanted.is_ascii_whitespace() {
            if index >= offset {
                return Some(at);
            }
            continue;
        }
        loop {
            match byte(at)? {
                blank if blank.is_ascii_whitespace() => at += 1,
                b'\\' if content.style == ScalarStyle::DoubleQuoted => match byte(at + 1)? {
                    escaped if escaped == wanted => break,
                    _ => at += 2,
                },
                found if found == wanted => break,
                _ => return None,
            }
        }
        if index >= offset {
            return Some(at);
        }
        let doubled = content.style == ScalarStyle::SingleQuoted && wanted == b'\''
            || content.style == ScalarStyle::DoubleQuoted && byte(at) == Some(b'\\');
        at += if doubled { 2 } else { 1 };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn located(yaml: &str, word: &str) -> String {
        let documents = yaml::parse(yaml).unwrap();
        let text = Text::of_scalar(0, &documents[0]);
        let start = text.value.find(word).expect("the word is in the value");
        let place = text.place(start..start + word.len(), &[yaml]);
        yaml[place.span].to_owned()
    }

    /// A word is found again in the source, however the scalar is written.
    #[test]
    fn words_are_found_in_every_style() {
        assert_eq!(located("a b target c", "target"), "target");
        assert_eq!(located("'it''s a target'", "target"), "target");
        assert_eq!(located("\"a \\\"b\\\"\\n target\"", "target"), "target");
        assert_eq!(located(">\n  ä b\n  c target\n", "target"), "target");
        assert_eq!(located("|-\n  a\n   target\n", "target"), "target");
        assert_eq!(located("a\n  b\n  target\n", "target"), "target");
    }

    /// Appended texts lead back to their own pieces.
    #[test]
    fn appended_texts_keep_their_origins() {
        let sources = ["one two", "three four"];
        let nodes: Vec<_> = sources.iter().map(|text| yaml::parse(text).unwrap()).collect();
        let mut text = Text::of_scalar(0, &nodes[0][0]);
        text.append(Text::of_scalar(1, &nodes[1][0]));
        assert_eq!(text.value, "one two three four");
        assert_eq!(text.place(4..7, &sources), Place { source: 0, span: 4..7 });
        assert_eq!(text.place(14..18, &sources), Place { source: 1, span: 6..10 });
    }
}
