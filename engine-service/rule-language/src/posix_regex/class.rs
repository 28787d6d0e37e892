//! `[…]`: sets of letters.

use super::{
    RegexError,
    translate::{escape, push_literal},
};

/// The classes that RE2 knows by name.
const NAMES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// The set that `text` begins with, for the `regex` crate, and its length in `text`.
pub(super) fn translate(text: &str) -> Result<(String, usize), RegexError> {
    let mut written = String::from("[");
    let mut at = 1;
    if text.get(at..).is_some_and(|rest| rest.starts_with('^')) {
        written.push('^');
        at += 1;
    }
    let start = at;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else {
            return Err(RegexError::MissingBracket(text.to_owned()));
        };
        // A bracket in the first place is a member.
        if first == ']' && at > start {
            written.push(']');
            return Ok((written, at + 1));
        }
        // A minus may only be the first or the last.
        let is_last = matches!(rest.chars().nth(1), Some(']') | None);
        if first == '-' && at > start && !is_last {
            let length = 1 + rest.chars().nth(1).map_or(0, char::len_utf8);
            return Err(RegexError::Range(rest.get(..length).unwrap_or_default().to_owned()));
        }
        at += match named(rest)? {
            Some((class, length)) => {
                written.push_str(class);
                length
            }
            None => range(rest, text, &mut written)?,
        };
    }
}

/// `[:alpha:]` or `[:^alpha:]`, and its length; without an end it is no name.
fn named(rest: &str) -> Result<Option<(&str, usize)>, RegexError> {
    let end = rest.strip_prefix("[:").and_then(|name| name.find(":]"));
    let Some(length) = end.map(|end| end + 4) else { return Ok(None) };
    let whole = rest.get(..length).unwrap_or_default();
    let name = whole.get(2..length - 2).unwrap_or_default();
    if NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
        Ok(Some((whole, length)))
    } else {
        Err(RegexError::Range(whole.to_owned()))
    }
}

/// Adds one letter or a range; gives its length.
fn range(rest: &str, text: &str, written: &mut String) -> Result<usize, RegexError> {
    let (low, length) = letter(rest, text)?;
    let behind = rest.get(length..).unwrap_or_default();
    push_literal(written, low);
    let Some(end) = behind.strip_prefix('-').filter(|end| !end.starts_with(']')) else { return Ok(length) };
    let (high, end_length) = letter(end, text)?;
    let length = length + 1 + end_length;
    if high < low {
        return Err(RegexError::Range(rest.get(..length).unwrap_or_default().to_owned()));
    }
    written.push('-');
    push_literal(written, high);
    Ok(length)
}

fn letter(rest: &str, text: &str) -> Result<(char, usize), RegexError> {
    match rest.chars().next() {
        Some('\\') => {
            let (letter, length) = escape(rest.get(1..).unwrap_or_default())?;
            Ok((letter, length + 1))
        }
        Some(letter) => Ok((letter, letter.len_utf8())),
        None => Err(RegexError::MissingBracket(text.to_owned())),
    }
}
