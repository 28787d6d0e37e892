//! Names in texts, and names for people.

use rule_language::condition::{Check, Operand, Operator, Rhs};

use super::leaf::Leaf;

/// Of each literal the parts between `|`, of which each has to be part of a name, if the text that is compared is names with `|` between;
/// `None` if a number could fit too, or if the comparison is of another kind.
pub(super) fn pieces<'a>(leaf: &Leaf<'a>) -> Option<Vec<Vec<&'a str>>> {
    let is_of_parts = matches!(
        leaf.operator,
        Operator::Eq | Operator::In | Operator::Contains | Operator::StartsWith | Operator::EndsWith
    );
    let literals = leaf.alternatives().filter(|_| is_of_parts)?;
    let of_literal = |text: &'a [u8]| {
        let text = str::from_utf8(text).ok()?;
        let is_name = text.bytes().any(|byte| !byte.is_ascii_digit());
        is_name.then(|| text.split('|').filter(|piece| !piece.is_empty()).collect())
    };
    literals.iter().map(|literal| of_literal(&literal.text)).collect()
}

/// Why nothing that programs can test follows from the comparison.
pub(super) fn reason(check: &Check, is_negated: bool) -> String {
    let field = match &check.lhs {
        Operand::Field(field) => field.to_string(),
        Operand::Transformed(transform) => {
            return format!("{transform} is computed when rules are evaluated");
        }
    };
    if matches!(check.rhs, Rhs::Operand(_)) {
        return format!("{field} is compared with another value of the event");
    }
    let family = field.split('.').next().unwrap_or_default();
    match family {
        "proc" | "thread" | "user" | "group" => format!("{field} is known only to the engine"),
        "container" | "k8s" | "k8smeta" => format!("{field} is known only to the engine"),
        _ if is_negated || check.operator == Operator::Ne => {
            format!("the programs have no test for what {field} is not")
        }
        _ => format!("the programs have no such test of {field} in this call"),
    }
}
