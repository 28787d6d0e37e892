//! Regular expressions in the syntax that rules have them in: RE2's, restricted to POSIX's (`RE2::POSIX`).
//!
//! That is egrep's, with RE2's escapes and without Perl's extensions: no `\d`, no `\b`, no `(?i)`, no lazy repetition (a
//! `?` behind a repetition makes that optional). `^` and `$` stand for the ends of lines, `.` for anything but the end
//! of one. An expression has to fit the whole text. It is read here and written anew for the `regex` crate, which takes
//! more than RE2 does, and some things differently.

mod class;
mod translate;

use regex::bytes::{Regex, RegexBuilder};

/// How large a compiled expression may be, in bytes: RE2's own budget.
const MAX_SIZE: usize = 8 << 20;

/// How deep what was translated may be nested: groups, and those that repetitions are put into.
const MAX_NESTING: u32 = 1000;

/// Why a pattern is no regular expression, in RE2's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegexError {
    /// `\d`, and other letters that mean nothing.
    #[error("invalid escape sequence: {0}")]
    Escape(String),
    /// `[z-a]`, `[a-c-e]` or `[[:foo:]]`.
    #[error("invalid character class range: {0}")]
    Range(String),
    /// `[` without `]`.
    #[error("missing ]: {0}")]
    MissingBracket(String),
    /// `(` without `)`.
    #[error("missing ): {0}")]
    MissingParenthesis(String),
    /// `)` without `(`.
    #[error("unexpected ): {0}")]
    UnexpectedParenthesis(String),
    /// `\` at the end.
    #[error("trailing \\")]
    TrailingBackslash,
    /// `*` with nothing before it.
    #[error("no argument for repetition operator: {0}")]
    NoArgument(String),
    /// `{1001}` or `{2,1}`.
    #[error("invalid repetition size: {0}")]
    RepetitionSize(String),
    /// Bytes that are no text.
    #[error("invalid UTF-8")]
    Utf8,
    /// More than can be compiled within bounds.
    #[error("pattern too large - compile failed")]
    TooLarge,
}

/// The expression that fits what the whole of `pattern` fits.
///
/// Its subjects have to be UTF-8; what is not counts as U+FFFD ([`String::from_utf8_lossy`]).
pub fn compile_regex(pattern: &[u8]) -> Result<Regex, RegexError> {
    let pattern = std::str::from_utf8(pattern).map_err(|_| RegexError::Utf8)?;
    let translated = translate::translate(pattern)?;
    let anchored = format!(r"\A(?:{translated})\z");
    // What was translated is well-formed; only its size is left to be wrong.
    RegexBuilder::new(&anchored)
        .size_limit(MAX_SIZE)
        .nest_limit(MAX_NESTING)
        .build()
        .map_err(|_| RegexError::TooLarge)
}

#[cfg(test)]
mod tests;
