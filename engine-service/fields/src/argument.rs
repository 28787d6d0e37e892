//! What stands in a field's brackets, parsed once.

/// The argument of a field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum Argument {
    /// Nothing.
    #[default]
    None,
    /// `proc.aname[2]`
    Index(usize),
    /// `proc.env[PATH]`, `evt.arg.flags`
    Key(String),
}

// === impl Argument ===

impl Argument {
    /// The argument's number.
    pub(crate) fn index(&self) -> Option<usize> {
        match self {
            Self::Index(index) => Some(*index),
            Self::None | Self::Key(_) => None,
        }
    }
}
