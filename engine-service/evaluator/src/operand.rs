//! Values that a condition or an output works on.

use fields::{EventView, Extracted, FieldExtractor, Fields};
use rule_language::condition::Operand;

use crate::{error::CompileProblem, transform::CompiledTransform};

/// An operand, resolved.
#[derive(Clone, Debug)]
pub(crate) enum CompiledOperand {
    Field(FieldExtractor),
    Transformed(Box<CompiledTransform>),
    /// What metadata would bring: no field can be unknown by itself yet.
    #[cfg(test)]
    Fixed(&'static str, Extracted<'static>),
}

// === impl CompiledOperand ===

impl CompiledOperand {
    pub(crate) fn new(fields: &'static Fields, operand: &Operand) -> Result<Self, CompileProblem> {
        Ok(match operand {
            Operand::Field(field) => Self::Field(FieldExtractor::new(fields, field)?),
            Operand::Transformed(transform) => {
                Self::Transformed(Box::new(CompiledTransform::new(fields, transform)?))
            }
        })
    }

    /// Whether its value is how far the event is from a time.
    pub(crate) fn is_distance(&self) -> bool {
        matches!(self, Self::Field(field) if field.name() == "evt.around")
    }

    /// The value in this event. Fields whose value is still to come are added to `unknown`.
    pub(crate) fn extract<'a>(&self, view: &EventView<'a>, unknown: &mut Vec<&'static str>) -> Extracted<'a> {
        match self {
            Self::Field(field) => {
                let extracted = field.extract(view);
                if extracted == Extracted::Unknown {
                    note(unknown, field.name());
                }
                extracted
            }
            Self::Transformed(transform) => transform.extract(view, unknown),
            #[cfg(test)]
            Self::Fixed(name, extracted) => {
                if *extracted == Extracted::Unknown {
                    note(unknown, name);
                }
                extracted.clone()
            }
        }
    }
}

fn note(unknown: &mut Vec<&'static str>, name: &'static str) {
    if !unknown.contains(&name) {
        unknown.push(name);
    }
}
