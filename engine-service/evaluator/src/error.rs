//! Why a rule set cannot be compiled.

use fields::FieldError;

/// A rule that cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("rule '{rule}': {problem}")]
pub struct CompileError {
    /// The rule's name.
    pub rule: String,
    /// What is wrong with it.
    #[source]
    pub problem: CompileProblem,
}

/// What is wrong with a condition or an output.
#[derive(Debug, thiserror::Error)]
pub enum CompileProblem {
    /// A field cannot be extracted.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A regular expression is wrong or too big.
    #[error("regular expression '{pattern}': {source}")]
    Regex {
        /// The expression as written.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: rule_language::RegexError,
    },
    /// An operator was given something that it cannot work on.
    #[error("{what} of '{operator}'")]
    Operands {
        /// What is missing, or too much.
        what: &'static str,
        /// Of which operator or transformer.
        operator: String,
    },
}
