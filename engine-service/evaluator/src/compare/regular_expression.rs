//! `regex`: has to fit the whole text.

use regex::bytes::Regex;
use rule_language::compile_regex;

use crate::error::CompileProblem;

/// A regular expression that is anchored at both ends.
#[derive(Clone, Debug)]
pub(super) struct Anchored(Regex);

// === impl Anchored ===

impl Anchored {
    pub(super) fn new(pattern: &[u8]) -> Result<Self, CompileProblem> {
        compile_regex(pattern).map(Self).map_err(|source| CompileProblem::Regex {
            pattern: String::from_utf8_lossy(pattern).into_owned(),
            source,
        })
    }

    /// Bytes that are not UTF-8 count as U+FFFD, as they do in Falco, which cleans its subjects.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        self.0.is_match(String::from_utf8_lossy(text).as_bytes())
    }
}
