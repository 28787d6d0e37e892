//! How operators, modifiers and transformers are spelled.

use std::fmt;

use super::{Modifier, Operator, Transformer};

/// An operator's spelling, and whether a blank has to follow it.
pub(crate) struct Spelling {
    pub(crate) text: &'static str,
    pub(crate) operator: Operator,
    pub(crate) blank_follows: bool,
}

const fn spelling(text: &'static str, operator: Operator, blank_follows: bool) -> Spelling {
    Spelling { text, operator, blank_follows }
}

/// Operators whose right-hand side is a number; longer spellings before their prefixes.
pub(crate) const NUMBER_OPERATORS: [Spelling; 4] = [
    spelling("<=", Operator::Le, false),
    spelling("<", Operator::Lt, false),
    spelling(">=", Operator::Ge, false),
    spelling(">", Operator::Gt, false),
];

/// Operators whose right-hand side is one string, or a list after a modifier.
pub(crate) const STRING_OPERATORS: [Spelling; 12] = [
    spelling("==", Operator::Eq, false),
    spelling("=", Operator::Eq, false),
    spelling("!=", Operator::Ne, false),
    spelling("glob", Operator::Glob, true),
    spelling("iglob", Operator::IGlob, true),
    spelling("contains", Operator::Contains, true),
    spelling("icontains", Operator::IContains, true),
    spelling("bcontains", Operator::BContains, true),
    spelling("startswith", Operator::StartsWith, true),
    spelling("bstartswith", Operator::BStartsWith, true),
    spelling("endswith", Operator::EndsWith, true),
    spelling("regex", Operator::Regex, true),
];

/// Operators whose right-hand side is a list.
pub(crate) const LIST_OPERATORS: [Spelling; 3] = [
    spelling("intersects", Operator::Intersects, false),
    spelling("in", Operator::In, false),
    spelling("pmatch", Operator::PMatch, false),
];

/// The operators' names for messages.
pub(crate) const OPERATOR_NAMES: &str = "'exists', '<=', '<', '>=', '>', '==', '=', '!=', 'glob', 'iglob', \
    'contains', 'icontains', 'bcontains', 'startswith', 'bstartswith', 'endswith', 'regex', 'intersects', 'in', \
    'pmatch'";

/// The transformers' names for messages.
pub(crate) const TRANSFORMER_NAMES: &str =
    "'val', 'tolower', 'toupper', 'b64', 'basename', 'len', 'join', 'concat', 'getopt'";

impl Operator {
    /// The spelling that Falco writes; `=` for both spellings of equality.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Contains => "contains",
            Self::IContains => "icontains",
            Self::BContains => "bcontains",
            Self::StartsWith => "startswith",
            Self::BStartsWith => "bstartswith",
            Self::EndsWith => "endswith",
            Self::Glob => "glob",
            Self::IGlob => "iglob",
            Self::Regex => "regex",
            Self::In => "in",
            Self::Intersects => "intersects",
            Self::PMatch => "pmatch",
            Self::Exists => "exists",
        }
    }

    /// Whether the right-hand side is a list.
    pub fn takes_list(self) -> bool {
        matches!(self, Self::In | Self::Intersects | Self::PMatch)
    }

    /// The operator spelled `text`, in either spelling of equality.
    pub(crate) fn from_name(text: &str) -> Option<Self> {
        let spellings = NUMBER_OPERATORS.iter().chain(&STRING_OPERATORS).chain(&LIST_OPERATORS);
        let found = spellings.into_iter().find(|spelling| spelling.text == text);
        found.map(|spelling| spelling.operator).or_else(|| (text == "exists").then_some(Self::Exists))
    }
}

impl Modifier {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::OneOf, Self::AnyOf, Self::AllOf];

    /// Its spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneOf => "oneof",
            Self::AnyOf => "anyof",
            Self::AllOf => "allof",
        }
    }
}

impl Transformer {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::ToLower,
        Self::ToUpper,
        Self::B64,
        Self::Basename,
        Self::Len,
        Self::Join,
        Self::Concat,
        Self::Getopt,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToLower => "tolower",
            Self::ToUpper => "toupper",
            Self::B64 => "b64",
            Self::Basename => "basename",
            Self::Len => "len",
            Self::Join => "join",
            Self::Concat => "concat",
            Self::Getopt => "getopt",
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Modifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Transformer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
