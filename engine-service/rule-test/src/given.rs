//! Values as cases give them, and the fields that they are given to.

use std::ops::Range;

/// A value as a case gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// `~`: the field has no value.
    Missing,
    /// A scalar, as it is written.
    Text(String),
    /// `{hex: cafebabe}`: bytes that need not be text.
    Bytes(Vec<u8>),
    /// `[a, b]`
    List(Vec<Given>),
    /// `{a: b}`, for what has parts, such as mounts.
    Map(Vec<(String, Given)>),
}

/// A field with the value that it is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// As rules name it, with its argument: `proc.aname[2]`, `evt.arg.flags`.
    pub field: String,
    /// What it is to be.
    pub value: Given,
    /// Where the case says so, in bytes of its file.
    pub span: Range<usize>,
}

/// What is wrong with a setting, or with a place of a case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// Where, in bytes of the file.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

// === impl Problem ===

impl Problem {
    pub(crate) fn new(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self { span: span.clone(), message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

// === impl Setting ===

impl Setting {
    pub(crate) fn new(field: impl Into<String>, value: Given, span: &Range<usize>) -> Self {
        Self { field: field.into(), value, span: span.clone() }
    }

    pub(crate) fn is_missing(&self) -> bool {
        self.value == Given::Missing
    }

    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(&self.span, message)
    }

    /// The value as bytes; the members of a list with blanks between.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Problem> {
        self.value.bytes().ok_or_else(|| self.misfit("a text"))
    }

    pub(crate) fn text(&self) -> Result<String, Problem> {
        match &self.value {
            Given::Text(text) => Ok(text.clone()),
            _ => Err(self.misfit("a text")),
        }
    }

    pub(crate) fn flag(&self) -> Result<bool, Problem> {
        match &self.value {
            Given::Text(text) if matches!(text.as_str(), "true" | "1") => Ok(true),
            Given::Text(text) if matches!(text.as_str(), "false" | "0") => Ok(false),
            _ => Err(self.misfit("true or false")),
        }
    }

    /// A number of a type that has room for it.
    pub(crate) fn number<N: TryFrom<i128>>(&self) -> Result<N, Problem> {
        let number = match &self.value {
            Given::Text(text) => number(text),
            _ => None,
        };
        let number = number.ok_or_else(|| self.misfit("a number"))?;
        N::try_from(number)
            .map_err(|_| self.problem(format!("{} cannot be {number}: out of range", self.field)))
    }

    /// The members of a list, or the words of a text.
    pub(crate) fn words(&self) -> Result<Vec<Vec<u8>>, Problem> {
        match &self.value {
            Given::List(members) => members
                .iter()
                .map(|member| member.bytes().ok_or_else(|| self.misfit("a list of texts")))
                .collect(),
            Given::Text(text) => {
                Ok(text.split(' ').filter(|word| !word.is_empty()).map(|word| word.into()).collect())
            }
            Given::Missing => Ok(Vec::new()),
            Given::Bytes(_) | Given::Map(_) => Err(self.misfit("a list of texts")),
        }
    }

    pub(crate) fn misfit(&self, wanted: &str) -> Problem {
        self.problem(format!("{} should be {wanted}, and is {}", self.field, self.value))
    }
}

// === impl Given ===

impl Given {
    pub(crate) fn of(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Bytes, as text where they are text.
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }

    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Bytes(bytes) => Some(bytes.clone()),
            Self::List(members) => {
                let members: Option<Vec<_>> = members.iter().map(Self::bytes).collect();
                Some(members?.join(&b' '))
            }
            Self::Missing | Self::Map(_) => None,
        }
    }
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("~"),
            Self::Text(text) => f.write_str(text),
            Self::Bytes(bytes) => {
                f.write_str("0x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::List(members) => {
                f.write_str("[")?;
                for (place, member) in members.iter().enumerate() {
                    write!(f, "{}{member}", if place > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Map(pairs) => {
                f.write_str("{")?;
                for (place, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if place > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Decimal, or hexadecimal behind `0x`.
pub(crate) fn number(text: &str) -> Option<i128> {
    match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
