//! On which event types a condition can hold (`libsinsp/filter/ppm_codes.cpp`).
//!
//! Comparisons of `evt.type` with names say it exactly; all others leave it open. `and`, `or` and `not` work on the
//! sets, `not` at the leaves only, so that what is open stays open.

use crate::{
    catalogue::Catalogue,
    condition::{Check, Expr, LiteralValue, Operand, Operator, Rhs},
};

/// The types on which `condition` can hold, ascending; `None` if it can on all.
pub(crate) fn event_types(condition: &Expr, catalogue: &dyn Catalogue) -> Option<Vec<String>> {
    let names = catalogue.event_types();
    let set = set_of(condition, false, names);
    if set.is_full() {
        return None;
    }
    let holding = names.iter().enumerate().filter(|(position, _)| set.contains(*position));
    Some(holding.map(|(_, name)| (*name).to_owned()).collect())
}

/// A set of positions among the names of event types.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Set(Vec<bool>);

/// Recurses as deep as the condition is nested.
fn set_of(condition: &Expr, negated: bool, names: &[&str]) -> Set {
    let (children, narrows) = match condition {
        Expr::Not(child) => return set_of(child, !negated, names),
        Expr::Check(check) => return set_of_check(check, negated, names),
        // De Morgan: a negated `and` is an `or` of what is negated.
        Expr::And(children) => (children, !negated),
        Expr::Or(children) => (children, negated),
    };
    let mut set = Set::new(names.len(), narrows);
    for child in children {
        set.join(&set_of(child, negated, names), narrows);
    }
    set
}

#[inline(never)]
fn set_of_check(check: &Check, negated: bool, names: &[&str]) -> Set {
    let all = Set::new(names.len(), true);
    let Operand::Field(field) = &check.lhs else { return all };
    let literals = match &check.rhs {
        Rhs::Literal(literal) => std::slice::from_ref(literal),
        Rhs::List(literals) => literals.as_slice(),
        Rhs::None | Rhs::Operand(_) => return all,
    };
    if field.name == "evt.num" {
        // Events are numbered from 1, so `evt.num=0` is the way to write a condition that never holds.
        let is_zero = |value: &LiteralValue| matches!(value, LiteralValue::Int(0) | LiteralValue::Uint(0));
        let never = check.operator == Operator::Eq
            && check.modifier.is_none()
            && literals.iter().all(|literal| is_zero(&literal.value));
        return if never && !negated { Set::new(names.len(), false) } else { all };
    }
    if !matches!(field.name.as_str(), "evt.type" | "syscall.type") || check.modifier.is_some() {
        return all;
    }
    let inverted = match check.operator {
        Operator::Eq | Operator::In => negated,
        Operator::Ne => !negated,
        _ => return all,
    };
    let mut set = Set::new(names.len(), inverted);
    for literal in literals {
        let name = String::from_utf8_lossy(&literal.text);
        if let Ok(position) = names.binary_search(&&*name) {
            set.put(position, !inverted);
        }
    }
    set
}

// === impl Set ===

impl Set {
    fn new(length: usize, full: bool) -> Self {
        Self(vec![full; length])
    }

    fn is_full(&self) -> bool {
        self.0.iter().all(|&member| member)
    }

    fn contains(&self, position: usize) -> bool {
        self.0.get(position).copied().unwrap_or(false)
    }

    fn put(&mut self, position: usize, member: bool) {
        if let Some(slot) = self.0.get_mut(position) {
            *slot = member;
        }
    }

    /// Intersection if it narrows, union otherwise.
    fn join(&mut self, other: &Self, narrows: bool) {
        for (mine, &theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = if narrows { *mine && theirs } else { *mine || theirs };
        }
    }
}
