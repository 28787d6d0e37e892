//! Falco's canonical rendering of checked conditions.

use std::fmt::{self, Display};

use super::{Check, Expr, FieldRef, Literal, Operand, Rhs, Transform, TransformArgument};
use crate::ast::{write_bracketed, write_joined, write_value};

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (children, operator) = match self {
            Self::And(children) => (children, " and "),
            Self::Or(children) => (children, " or "),
            // Two `not` side by side would cancel each other when they are read.
            Self::Not(child) if f.alternate() && matches!(**child, Self::Not(_)) => {
                f.write_str("not (")?;
                child.fmt(f)?;
                return f.write_str(")");
            }
            Self::Not(child) => {
                f.write_str("not ")?;
                return child.fmt(f);
            }
            Self::Check(check) => return check.fmt(f),
        };
        f.write_str("(")?;
        write_joined(f, children, operator, |f, child| child.fmt(f))?;
        f.write_str(")")
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_operand(f, &self.lhs)?;
        write!(f, " {}", self.operator)?;
        if let Some(modifier) = self.modifier {
            write!(f, " {modifier}")?;
        }
        match &self.rhs {
            Rhs::None => Ok(()),
            Rhs::Literal(literal) => {
                f.write_str(" ")?;
                write_value(f, &literal.text)
            }
            Rhs::List(literals) => {
                f.write_str(" (")?;
                write_joined(f, literals, ", ", |f, Literal { text, .. }| write_value(f, text))?;
                f.write_str(")")
            }
            Rhs::Operand(Operand::Field(field)) => {
                f.write_str(" val(")?;
                field.fmt(f)?;
                f.write_str(")")
            }
            Rhs::Operand(operand) => {
                f.write_str(" ")?;
                write_operand(f, operand)
            }
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_operand(f, self)
    }
}

impl fmt::Display for FieldRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.argument {
            Some(argument) if self.is_dotted => write!(f, ".{argument}"),
            argument => write_bracketed(f, argument.as_deref()),
        }
    }
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.kind)?;
        write_joined(f, &self.arguments, ", ", write_argument)?;
        f.write_str(")")?;
        write_bracketed(f, self.selector.as_deref())
    }
}

fn write_operand(f: &mut fmt::Formatter<'_>, operand: &Operand) -> fmt::Result {
    match operand {
        Operand::Field(field) => field.fmt(f),
        Operand::Transformed(transform) => transform.fmt(f),
    }
}

fn write_argument(f: &mut fmt::Formatter<'_>, argument: &TransformArgument) -> fmt::Result {
    match argument {
        TransformArgument::Operand(operand) => write_operand(f, operand),
        TransformArgument::Text(text) => write_value(f, text),
        TransformArgument::List(texts) => {
            f.write_str("(")?;
            write_joined(f, texts, ", ", |f, text| write_value(f, text))?;
            f.write_str(")")
        }
        TransformArgument::Members(members) => {
            f.write_str("(")?;
            write_joined(f, members, ", ", write_argument)?;
            f.write_str(")")
        }
    }
}
