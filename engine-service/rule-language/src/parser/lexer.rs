//! The tokens of conditions. A method that finds its token consumes it; one that does not consumes nothing.

use super::Failure;
use crate::{
    condition::{Modifier, Transformer, names::Spelling},
    escape::unescape,
};

pub(super) struct Lexer<'text> {
    text: &'text str,
    offset: usize,
    /// Where the token that was consumed last starts and ends.
    last: (usize, usize),
}

impl<'text> Lexer<'text> {
    pub(super) fn new(text: &'text str) -> Self {
        Self { text, offset: 0, last: (0, 0) }
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn rest(&self) -> &'text str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    /// The token that was consumed last, without quotes around it.
    pub(super) fn last_token(&self) -> &'text str {
        let token = self.text.get(self.last.0..self.last.1).unwrap_or_default();
        let quote = |quote: char| token.strip_prefix(quote)?.strip_suffix(quote);
        quote('"').or_else(|| quote('\'')).unwrap_or(token)
    }

    pub(super) fn take(&mut self, token: &str) -> bool {
        self.rest().starts_with(token) && self.advance(token.len()).is_some()
    }

    /// Whether there were any.
    pub(super) fn skip_blanks(&mut self) -> bool {
        let blanks = prefix(self.rest(), is_blank);
        self.offset += blanks;
        blanks > 0
    }

    /// `not` with a blank behind it, and the blanks.
    pub(super) fn take_not(&mut self) -> bool {
        let Some(rest) = self.rest().strip_prefix("not") else { return false };
        let blanks = prefix(rest, is_space);
        blanks > 0 && self.advance("not".len() + blanks).is_some()
    }

    pub(super) fn operator(&mut self, spellings: &'static [Spelling]) -> Option<&'static Spelling> {
        let rest = self.rest();
        let found = spellings.iter().find(|spelling| {
            rest.strip_prefix(spelling.text)
                .is_some_and(|behind| !spelling.blank_follows || behind.starts_with(is_blank_char))
        })?;
        self.advance(found.text.len());
        Some(found)
    }

    /// A modifier, if what follows it can be its list; else `oneof` is a string like any other.
    pub(super) fn modifier(&mut self) -> Option<Modifier> {
        let rest = self.rest();
        let found = Modifier::ALL.into_iter().find(|modifier| {
            let Some(behind) = rest.strip_prefix(modifier.as_str()) else { return false };
            let list = behind.get(prefix(behind, is_blank)..).unwrap_or_default();
            list.starts_with('(')
                || list.len() < behind.len()
                    && identifier_length(list)
                        .and_then(|length| list.get(..length))
                        .is_some_and(|word| !matches!(word, "and" | "or" | "not"))
        })?;
        self.advance(found.as_str().len());
        Some(found)
    }

    pub(super) fn transformer(&mut self) -> Option<Transformer> {
        let rest = self.rest();
        let found = Transformer::ALL.into_iter().find(|transformer| {
            rest.strip_prefix(transformer.as_str()).is_some_and(|behind| behind.starts_with('('))
        })?;
        self.advance(found.as_str().len() + "(".len());
        Some(found)
    }

    pub(super) fn identifier(&mut self) -> Option<&'text str> {
        let length = identifier_length(self.rest())?;
        self.advance(length)
    }

    /// Identifiers with dots between them, two at least.
    pub(super) fn field_name(&mut self) -> Option<&'text str> {
        let rest = self.rest();
        let mut length = identifier_length(rest)?;
        let first = length;
        while let Some(behind) = rest.get(length..).and_then(|behind| behind.strip_prefix('.')) {
            let Some(part) = identifier_length(behind) else { break };
            length += ".".len() + part;
        }
        if length > first { self.advance(length) } else { None }
    }

    pub(super) fn bare_argument(&mut self) -> Option<&'text str> {
        let length =
            prefix(self.rest(), |byte| !matches!(byte, b'[' | b']' | b'"' | b'\'') && !is_space(byte));
        if length > 0 { self.advance(length) } else { None }
    }

    pub(super) fn number(&mut self) -> Option<&'text str> {
        let length = number_length(self.rest())?;
        self.advance(length)
    }

    /// A string, quoted or bare, without its quotes.
    pub(super) fn string(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if let Some(quoted) = self.quoted()? {
            return Ok(Some(quoted));
        }
        let length = prefix(self.rest(), |byte| {
            !matches!(byte, b'(' | b')' | b'"' | b'\'' | b'=' | b',' | 0) && !is_space(byte)
        });
        Ok(if length > 0 { self.advance(length).map(|bare| bare.as_bytes().to_vec()) } else { None })
    }

    /// A string in quotes. It ends at the first quote with no backslash before it, not even an escaped one.
    pub(super) fn quoted(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let bytes = self.rest().as_bytes();
        let Some(&quote @ (b'"' | b'\'')) = bytes.first() else { return Ok(None) };
        let mut previous = quote;
        let end = bytes.iter().skip(1).position(|&byte| {
            let ends = byte == quote && previous != b'\\';
            previous = byte;
            ends
        });
        let Some(length) = end else {
            let message = "the string has no closing quote (a quote behind a backslash does not close)";
            return Err(Failure { offset: self.offset, message: message.to_owned() });
        };
        let inside = self.rest().get(1..=length).unwrap_or_default();
        let value = unescape(inside, quote)
            .map_err(|error| Failure { offset: self.offset + 1 + error.offset, message: error.message })?;
        self.advance(length + 2);
        Ok(Some(value))
    }

    fn advance(&mut self, length: usize) -> Option<&'text str> {
        let token = self.rest().get(..length)?;
        self.last = (self.offset, self.offset + length);
        self.offset += length;
        Some(token)
    }
}

/// What Falco's lexer skips; `\u{8}` is a backspace.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x08 | b'\r' | b'\n')
}

fn is_blank_char(character: char) -> bool {
    u8::try_from(character).is_ok_and(is_blank)
}

/// POSIX `[[:space:]]`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// How many bytes at the start satisfy `test`. `test` must hold for all bytes of a character or for none.
fn prefix(text: &str, test: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|&byte| test(byte)).count()
}

fn identifier_length(text: &str) -> Option<usize> {
    let starts = text.bytes().next()?.is_ascii_alphabetic();
    starts.then(|| prefix(text, |byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}

fn number_length(text: &str) -> Option<usize> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let length = prefix(digits, |byte| byte.is_ascii_hexdigit());
        if length > 0 {
            return Some("0x".len() + length);
        }
    }
    let digits = |at: usize| prefix(text.get(at..).unwrap_or_default(), |byte| byte.is_ascii_digit());
    let byte = |at: usize| text.as_bytes().get(at).copied();
    let mut end = usize::from(matches!(byte(0), Some(b'+' | b'-')));
    match digits(end) {
        0 => return None,
        count => end += count,
    }
    if byte(end) == Some(b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(byte(end), Some(b'e' | b'E')) && matches!(byte(end + 1), Some(b'+' | b'-')) {
        match digits(end + 2) {
            0 => {}
            count => end += 2 + count,
        }
    }
    Some(end)
}
