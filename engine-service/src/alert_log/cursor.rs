//! A place in a log, as clients hold it.

use std::{fmt, str::FromStr};

/// Identifies one log: random, made with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogId(pub u128);

/// After which entry of which log. Clients treat its text as opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The log that the position is in.
    pub log: LogId,
    /// The last entry that was seen; 0 for none.
    pub position: u64,
}

/// The text is no cursor of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: expected the text of an earlier message's `cursor`, such as {example}", example = EXAMPLE)]
pub struct CursorError;

const EXAMPLE: &str = "a1-<32 hexadecimal digits>-<number>";
/// Names the format, so that it may change.
const FORMAT: &str = "a1";

// === impl LogId ===

impl LogId {
    /// A new identity.
    pub fn random() -> Self {
        Self(rand::random())
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for LogId {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        if text.len() != 32 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(CursorError);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| CursorError)
    }
}

// === impl Cursor ===

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FORMAT}-{}-{}", self.log, self.position)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (format, rest) = text.split_once('-').ok_or(CursorError)?;
        let (log, position) = rest.split_once('-').ok_or(CursorError)?;
        // u64's own parser takes a leading plus sign.
        if format != FORMAT || position.is_empty() || !position.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CursorError);
        }
        Ok(Self { log: log.parse()?, position: position.parse().map_err(|_| CursorError)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Scenario: any log and any position. Guarantees: a cursor survives being written and read.
        #[test]
        fn text_round_trips(log: u128, position: u64) {
            let cursor = Cursor { log: LogId(log), position };
            prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
        }

        /// Scenario: any text. Guarantees: reading never panics, and takes only what it would write (leading zeros of
        /// the position aside).
        #[test]
        fn any_text_is_refused_or_understood(text in "(a1-)?[0-9a-f+-]{0,40}-?[0-9+]{0,22}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
                prop_assert!(!text.contains('+'));
            }
        }
    }
}
