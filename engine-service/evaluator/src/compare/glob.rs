//! Shell patterns, as fnmatch(3) of glibc without flags in the C locale has them.
//!
//! `*` matches any bytes, slashes and leading dots included; `?` one byte; a backslash takes the next byte's meaning
//! away, and one at the end matches nothing; `[…]` is one byte of a set ([`bracket`]).

mod bracket;

use self::bracket::Bracket;

/// Whether letters of either case are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// They are not.
    Exact,
    /// They are, for ASCII letters.
    Ignored,
}

/// Whether the whole text fits the pattern. Takes at most as many steps as the two lengths multiplied.
pub(super) fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where to go on if what follows the last star does not fit: the star takes one byte more.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some((b'*', rest)) = pattern.split_first() {
            retry = Some((rest, text));
            pattern = rest;
            continue;
        }
        let after = match text.split_first() {
            Some((&byte, rest_of_text)) => step(pattern, byte, case).map(|rest| (rest, rest_of_text)),
            None if pattern.is_empty() => return true,
            None => None,
        };
        match (after, retry) {
            (Some(after), _) => (pattern, text) = after,
            (None, Some((after_star, from))) => {
                let Some((_, shorter)) = from.split_first() else { return false };
                retry = Some((after_star, shorter));
                (pattern, text) = (after_star, shorter);
            }
            (None, None) => return false,
        }
    }
}

/// What is left of a pattern that begins with no star, if its first element fits the byte.
fn step(pattern: &[u8], byte: u8, case: Case) -> Option<&[u8]> {
    let (first, rest) = pattern.split_first()?;
    match first {
        b'?' => Some(rest),
        b'[' => match bracket::matches(rest, byte, case) {
            Bracket::Fits(rest) => Some(rest),
            Bracket::DoesNotFit => None,
            Bracket::IsNone => (byte == b'[').then_some(rest),
        },
        b'\\' => {
            let (escaped, rest) = rest.split_first()?;
            is_same(*escaped, byte, case).then_some(rest)
        }
        own => is_same(*own, byte, case).then_some(rest),
    }
}

fn is_same(own: u8, byte: u8, case: Case) -> bool {
    own == byte || case == Case::Ignored && own.eq_ignore_ascii_case(&byte)
}

#[cfg(test)]
mod tests;
