//! Which fields a rule uses.

use std::collections::BTreeSet;

use crate::{
    catalogue::Catalogue,
    condition::{Expr, FieldRef, Rhs},
    ruleset::{Rule, TemplatePart},
};

/// Every use of a field in the rule's condition and output, in the order in which they stand there.
pub fn used_fields(rule: &Rule) -> Vec<&FieldRef> {
    let mut fields = Vec::new();
    of_condition(&rule.condition, &mut fields);
    for part in &rule.output.parts {
        if let TemplatePart::Value { operand, .. } = part {
            operand.for_each_field(&mut |field| fields.push(field));
        }
    }
    fields
}

/// The fields that the rule uses and that no event has a value of, by name, each with the reason; in alphabetical order.
/// A comparison of such a field is false, as of any that is missing, and an output shows `<NA>`.
pub fn absent_fields(rule: &Rule, catalogue: &dyn Catalogue) -> Vec<(&'static str, &'static str)> {
    let infos = used_fields(rule).into_iter().map(|field| catalogue.info(field.id));
    let absent: BTreeSet<_> = infos.filter_map(|info| Some((info.name, info.absent_because?))).collect();
    absent.into_iter().collect()
}

/// With a stack of its own: conditions may be nested deep.
fn of_condition<'rule>(condition: &'rule Expr, fields: &mut Vec<&'rule FieldRef>) {
    let mut pending = vec![condition];
    while let Some(expr) = pending.pop() {
        match expr {
            Expr::And(children) | Expr::Or(children) => pending.extend(children.iter().rev()),
            Expr::Not(child) => pending.push(child),
            Expr::Check(check) => {
                check.lhs.for_each_field(&mut |field| fields.push(field));
                if let Rhs::Operand(operand) = &check.rhs {
                    operand.for_each_field(&mut |field| fields.push(field));
                }
            }
        }
    }
}
