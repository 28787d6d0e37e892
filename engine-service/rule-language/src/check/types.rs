//! Which operators work on which types (`libsinsp/filter_compare.cpp`, `sinsp_filtercheck.cpp`).

use crate::{
    catalogue::{Catalogue, FieldType, TypeClass},
    condition::{Modifier, Operand, Operator},
};

/// Says what is wrong if `operator` does not work on `lhs`, in Falco's words.
pub(super) fn check_operator(operator: Operator, lhs: &Operand) -> Result<(), String> {
    let (field_type, is_list) = (lhs.field_type(), lhs.is_list());
    if operator == Operator::Exists || operators(field_type, is_list).contains(&operator) {
        return Ok(());
    }
    let name = field_type.falco_name();
    if is_list {
        return Err(match can_be_list(field_type) {
            true => format!("filter error: '{operator}' operator not supported list filters"),
            false => format!("filter error: list filters are not supported for type '{name}'"),
        });
    }
    let kind = match field_type.class() {
        TypeClass::Text => "string",
        TypeClass::Buffer => "buffer",
        // Falco has one text for both.
        TypeClass::Signed | TypeClass::Unsigned | TypeClass::Double | TypeClass::Bool => "numeric",
        TypeClass::Address | TypeClass::Network => "ip address and network",
        TypeClass::Opaque => {
            return Err(format!("filter error: '{operator}' operator not supported for type '{name}'"));
        }
    };
    Err(format!("filter error: '{operator}' operator not supported for {kind} filters"))
}

/// What can be done with `lhs` instead.
pub(super) fn operators_help(lhs: &Operand) -> String {
    let names: Vec<&str> =
        operators(lhs.field_type(), lhs.is_list()).iter().map(|operator| operator.as_str()).collect();
    let what = type_name(lhs.field_type(), lhs.is_list());
    format!("'{lhs}' is {what}; use one of {}", names.join(", "))
}

/// Says what is wrong if `rhs`, which is extracted too, cannot be compared with `lhs`.
pub(super) fn check_rhs(
    operator: Operator,
    modifier: Option<Modifier>,
    (lhs, rhs): (&Operand, &Operand),
    catalogue: &dyn Catalogue,
) -> Result<(), String> {
    if let Some(modifier) = modifier {
        return Err(format!("'{modifier}' needs a list of values in parentheses"));
    }
    match operator {
        Operator::PMatch => return Err("operator 'PMATCH' doesn't support right-hand side fields".to_owned()),
        Operator::Regex => return Err("operator 'REGEX' doesn't support right-hand side fields".to_owned()),
        _ => {}
    }
    if lhs.field_type().class() == TypeClass::Network {
        return Err("field type 'IPNET' doesn't support right-hand side fields".to_owned());
    }
    if !is_allowed_on_rhs(lhs, catalogue) {
        return Err(format!("field '{lhs}' doesn't support right-hand side fields"));
    }
    if !is_allowed_on_rhs(rhs, catalogue) {
        return Err(format!("field '{rhs}' can't be used as a right-hand side field"));
    }
    if lhs.field_type() == rhs.field_type() && lhs.is_list() == rhs.is_list() {
        return Ok(());
    }
    let shown = |side: &Operand| {
        let list = if side.is_list() { " (list)" } else { "" };
        format!("'{}'{list}", side.field_type().falco_name())
    };
    Err(format!(
        "field '{lhs}' has type {} while the right-hand side field '{rhs}' has incompatible type {}",
        shown(lhs),
        shown(rhs)
    ))
}

/// What a transformer makes of one field can stand where the field can.
fn is_allowed_on_rhs(operand: &Operand, catalogue: &dyn Catalogue) -> bool {
    operand.transformed_field().is_none_or(|field| catalogue.info(field.id).allowed_on_rhs)
}

/// The operators that work on a type.
pub(super) fn operators(field_type: FieldType, is_list: bool) -> &'static [Operator] {
    use Operator::*;
    if is_list {
        return if can_be_list(field_type) { &[In, Intersects, Exists] } else { &[Exists] };
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

/// Whether lists of a type can be compared.
fn can_be_list(field_type: FieldType) -> bool {
    use FieldType::{AbsTime, Bool, CharBuf, IpAddr, IpNet, RelTime, Uint64};
    matches!(field_type, CharBuf | Uint64 | RelTime | AbsTime | Bool | IpAddr | IpNet)
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
        FieldType::Port => "a port from 0 to 65535, or a service's name",
        FieldType::RelTime => "a duration in nanoseconds",
        FieldType::AbsTime => "a time in nanoseconds",
        other => match (other.class(), other.bits()) {
            (TypeClass::Text, _) => "text",
            (TypeClass::Buffer, _) => "a byte buffer",
            (TypeClass::Signed | TypeClass::Unsigned, Some(8)) => "a whole number of 8 bits",
            (TypeClass::Signed | TypeClass::Unsigned, Some(16)) => "a whole number of 16 bits",
            (TypeClass::Signed | TypeClass::Unsigned, Some(32)) => "a whole number of 32 bits",
            (TypeClass::Signed | TypeClass::Unsigned, _) => "a whole number of 64 bits",
            (TypeClass::Double, _) => "a floating point number",
            (TypeClass::Bool, _) => "true or false",
            (TypeClass::Address, _) => "an IPv4 or IPv6 address",
            (TypeClass::Network, _) => "a network, as in 10.0.0.0/8",
            (TypeClass::Opaque, _) => "nothing that literals can be compared with",
        },
    }
}
