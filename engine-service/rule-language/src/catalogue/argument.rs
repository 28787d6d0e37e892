//! Arguments of fields: what stands in brackets or behind a dot after the name.

/// What a field's argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// A number, as in `proc.aname[2]`.
    Index,
    /// A word, as in `proc.env[PATH]`.
    Key,
    /// Either, as in `evt.arg[0]` and `evt.arg.flags`.
    IndexOrKey,
}

/// How a field's argument is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentNotation {
    /// `proc.aname[2]`
    Brackets,
    /// `thread.cgroup.cpu`; what Falco only takes behind a dot may stand in brackets too.
    Dot,
    /// Words behind a dot, numbers in brackets: `evt.arg.flags`, `evt.arg[0]`.
    DotOrNumberInBrackets,
}

/// Why a field cannot be used with this argument, or without one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// The field has none.
    #[error("nonexistent field '{field}[{argument}]': '{field}' takes no argument")]
    NotTaken {
        /// The field's name.
        field: String,
        /// What was given.
        argument: String,
    },
    /// There is none.
    #[error("field '{field}' requires an argument, as in '{example}'")]
    Missing {
        /// The field's name.
        field: String,
        /// The field with an argument.
        example: String,
    },
    /// It should be a number.
    #[error("field '{field}' takes a number as its argument, not '{argument}'")]
    NoNumber {
        /// The field's name.
        field: String,
        /// What was given.
        argument: String,
    },
    /// No event has such a parameter.
    #[error("unknown event argument {argument}")]
    UnknownParameter {
        /// The field's name.
        field: String,
        /// What was given.
        argument: String,
    },
    /// It would have to be configured, and is not.
    #[error(
        "nonexistent field '{field}.{argument}': it is not among the engine's static fields; \
        set it by static-fields = [\"{argument}=VALUE\"]"
    )]
    NotConfigured {
        /// The field's name.
        field: String,
        /// What was given.
        argument: String,
    },
    /// It is none of the few that there are.
    #[error("field '{field}' takes {expected} as its argument, not '{argument}'")]
    NotAmong {
        /// The field's name.
        field: String,
        /// What was given.
        argument: String,
        /// What would be right.
        expected: &'static str,
    },
}

// === impl ArgumentNotation ===

impl ArgumentNotation {
    /// A field with an argument, for people to see how it is done.
    pub(crate) fn example(self, field: &str, kind: ArgumentKind) -> String {
        match (self, kind) {
            (Self::Brackets, ArgumentKind::Index) => format!("{field}[0]"),
            (Self::Brackets, _) => format!("{field}[key]"),
            (Self::Dot | Self::DotOrNumberInBrackets, _) => format!("{field}.name"),
        }
    }
}

// === impl ArgumentError ===

impl ArgumentError {
    /// Whether Falco takes the field with this argument for one that does not exist, which `skip-if-unknown-filter`
    /// lets pass.
    pub(crate) fn is_unknown_name(&self) -> bool {
        matches!(self, Self::NotTaken { .. } | Self::NotAmong { .. } | Self::NotConfigured { .. })
    }
}
