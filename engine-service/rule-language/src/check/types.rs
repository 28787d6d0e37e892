//! Which operators work on which types (`libsinsp/filter_compare.cpp`).

use crate::{
    catalogue::{FieldType, TypeClass},
    condition::{Modifier, Operand, Operator},
};

/// Says what is wrong if `operator` does not work on `lhs`.
pub(super) fn check_operator(operator: Operator, lhs: &Operand) -> Result<(), String> {
    let allowed = operators(lhs.field_type(), lhs.is_list());
    if allowed.contains(&operator) {
        return Ok(());
    }
    let names: Vec<&str> = allowed.iter().map(|operator| operator.as_str()).collect();
    Err(format!(
        "operator '{operator}' does not work on '{lhs}', which is {}; use one of {}",
        type_name(lhs.field_type(), lhs.is_list()),
        names.join(", ")
    ))
}

/// Says what is wrong if `rhs`, which is extracted too, cannot be compared with `lhs`.
pub(super) fn check_rhs(
    operator: Operator,
    modifier: Option<Modifier>,
    lhs: &Operand,
    rhs: &Operand,
) -> Result<(), String> {
    if let Some(modifier) = modifier {
        return Err(format!("'{modifier}' needs a list of values in parentheses"));
    }
    if matches!(operator, Operator::PMatch | Operator::Regex) {
        return Err(format!("operator '{operator}' cannot be used with a field on its right-hand side"));
    }
    if matches!(operator, Operator::BContains | Operator::BStartsWith) {
        return Err(format!("operator '{operator}' supports hex strings only"));
    }
    if [lhs, rhs].iter().any(|side| side.field_type().class() == TypeClass::Network) {
        return Err("networks cannot be compared with a field on the right-hand side".to_owned());
    }
    let same_type = lhs.field_type() == rhs.field_type()
        || lhs.field_type().class() == TypeClass::Text && rhs.field_type().class() == TypeClass::Text;
    if same_type && lhs.is_list() == rhs.is_list() {
        return Ok(());
    }
    Err(format!(
        "'{lhs}' is {} and '{rhs}' is {}: both sides have to be of one type",
        type_name(lhs.field_type(), lhs.is_list()),
        type_name(rhs.field_type(), rhs.is_list())
    ))
}

/// The operators that work on a type.
pub(super) fn operators(field_type: FieldType, is_list: bool) -> &'static [Operator] {
    use Operator::*;
    if is_list {
        return &[In, Intersects, Exists];
    }
    match field_type.class() {
        TypeClass::Text => &[
            Eq, Ne, Lt, Le, Gt, Ge, Contains, IContains, StartsWith, EndsWith, Glob, IGlob, Regex, In,
            Intersects, PMatch, Exists,
        ],
        TypeClass::Buffer => {
            &[Eq, Ne, Contains, In, StartsWith, EndsWith, BContains, BStartsWith, Intersects, Exists]
        }
        TypeClass::Signed | TypeClass::Unsigned | TypeClass::Double => {
            &[Eq, Ne, Lt, Le, Gt, Ge, In, Intersects, Exists]
        }
        TypeClass::Bool | TypeClass::Address | TypeClass::Network => &[Eq, Ne, In, Intersects, Exists],
        TypeClass::Opaque => &[Exists],
    }
}

/// A type in words, with its article.
pub(super) fn type_name(field_type: FieldType, is_list: bool) -> &'static str {
    if is_list {
        return "a list";
    }
    match field_type {
        FieldType::FsPath | FieldType::FsRelPath => "a path",
        FieldType::Flags8 | FieldType::Flags16 | FieldType::Flags32 => "a set of flags",
        FieldType::Pid => "a process id",
        FieldType::Port => "a port",
        FieldType::RelTime => "a duration in nanoseconds",
        FieldType::AbsTime => "a time in nanoseconds",
        other => match other.class() {
            TypeClass::Text => "text",
            TypeClass::Buffer => "a byte buffer",
            TypeClass::Signed | TypeClass::Unsigned => "a number",
            TypeClass::Double => "a floating point number",
            TypeClass::Bool => "true or false",
            TypeClass::Address => "an IP address",
            TypeClass::Network => "an IP network",
            TypeClass::Opaque => "nothing that literals can be compared with",
        },
    }
}
