//! A field of a rule, resolved.

use rule_language::{ArgumentKind, condition::FieldRef};
use std::fmt;

use crate::{
    argument::Argument,
    catalogue::Fields,
    declaration::{Declaration, Scope},
    value::Extracted,
    view::EventView,
};

/// Why a field of a rule cannot be extracted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldError {
    /// The field does not belong to this catalogue.
    Unknown {
        /// Its name.
        name: String,
    },
    /// Something is wrong with what stands in its brackets.
    Argument {
        /// Its name.
        name: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// Extracts one field, with its argument parsed.
#[derive(Clone)]
pub struct FieldExtractor {
    declaration: &'static Declaration,
    argument: Argument,
}

// === impl FieldError ===

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(f, "'{name}' is not a supported field"),
            Self::Argument { name, problem } => write!(f, "field '{name}': {problem}"),
        }
    }
}

impl std::error::Error for FieldError {}

// === impl FieldExtractor ===

impl FieldExtractor {
    /// Resolves a field of a rule and parses its argument.
    pub fn new(fields: &'static Fields, field: &FieldRef) -> Result<Self, FieldError> {
        let declaration = fields
            .declaration(field.id)
            .filter(|declaration| declaration.info.name == field.name)
            .ok_or_else(|| FieldError::Unknown { name: field.name.clone() })?;
        let argument = parse_argument(declaration, field.argument.as_deref())
            .map_err(|problem| FieldError::Argument { name: field.name.clone(), problem })?;
        Ok(Self { declaration, argument })
    }

    /// The field's value in this event.
    pub fn extract<'a>(&self, view: &EventView<'a>) -> Extracted<'a> {
        (self.declaration.extract)(view, &self.argument)
    }

    /// The field's name, without its argument.
    pub fn name(&self) -> &'static str {
        self.declaration.info.name
    }

    /// What its value belongs to.
    pub fn scope(&self) -> Scope {
        self.declaration.scope
    }
}

impl fmt::Debug for FieldExtractor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldExtractor({}, {:?})", self.name(), self.argument)
    }
}

fn parse_argument(declaration: &Declaration, text: Option<&str>) -> Result<Argument, String> {
    let Some(text) = text else {
        return if declaration.info.argument_required {
            Err("it needs an argument in brackets".to_owned())
        } else {
            Ok(Argument::None)
        };
    };
    let index = text.parse().map(Argument::Index);
    match declaration.info.argument {
        None => Err(format!("it takes no argument, but has '{text}'")),
        Some(ArgumentKind::Index) => {
            index.map_err(|_| format!("its argument '{text}' should be a number from 0"))
        }
        Some(ArgumentKind::Key) => Ok(Argument::Key(text.to_owned())),
        Some(ArgumentKind::IndexOrKey) => Ok(index.unwrap_or_else(|_| Argument::Key(text.to_owned()))),
    }
}
