//! On which event types a condition can hold (`libsinsp/filter/ppm_codes.cpp`).
//!
//! Comparisons of `evt.type` and `syscall.type` with names say it exactly, and so does `evt.num` where its comparison
//! holds always or never; all others leave it open. `and`, `or` and `not` work on the sets, `not` at the leaves only,
//! so that what is open stays open.
//!
//! The sets are of names as `evt.type` has them, since events are dispatched by it.

use crate::{
    catalogue::Catalogue,
    condition::{Check, Expr, Literal, LiteralValue, Operand, Operator, Rhs},
};

/// A rule on more event codes than this is warned of, and so is one on none; Falco's number.
const MANY_EVENT_CODES: usize = 100;

/// What a comparison says of the event types.
enum Leaf {
    /// It holds on these, or on all but these.
    Exact { set: Set, but: bool },
    /// It may hold on all.
    Open,
}

/// The types on which `condition` can hold, ascending; `None` if it can on all.
pub(crate) fn event_types(condition: &Expr, catalogue: &dyn Catalogue) -> Option<Vec<String>> {
    let names = catalogue.event_types();
    let set = set_of(condition, false, catalogue);
    if set.is_full() {
        return None;
    }
    let holding = names.iter().enumerate().filter(|(position, _)| set.contains(*position));
    Some(holding.map(|(_, name)| (*name).to_owned()).collect())
}

/// Whether Falco warns of a rule that can hold on these types.
pub(crate) fn are_warned_of(event_types: Option<&[String]>, catalogue: &dyn Catalogue) -> bool {
    event_types.is_none_or(|types| !(1..=MANY_EVENT_CODES).contains(&catalogue.count_event_codes(types)))
}

/// A set of positions among the names of event types.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Set(Vec<bool>);

/// Recurses as deep as the condition is nested.
fn set_of(condition: &Expr, negated: bool, catalogue: &dyn Catalogue) -> Set {
    let (children, narrows) = match condition {
        Expr::Not(child) => return set_of(child, !negated, catalogue),
        Expr::Check(check) => return set_of_check(check, negated, catalogue),
        // De Morgan: a negated `and` is an `or` of what is negated.
        Expr::And(children) => (children, !negated),
        Expr::Or(children) => (children, negated),
    };
    let mut set = Set::new(catalogue.event_types().len(), narrows);
    for child in children {
        set.join(&set_of(child, negated, catalogue), narrows);
    }
    set
}

#[inline(never)]
fn set_of_check(check: &Check, negated: bool, catalogue: &dyn Catalogue) -> Set {
    match leaf(check, catalogue) {
        Leaf::Exact { set, but } if but == negated => set,
        Leaf::Exact { mut set, .. } => {
            set.invert();
            set
        }
        Leaf::Open => Set::new(catalogue.event_types().len(), true),
    }
}

fn leaf(check: &Check, catalogue: &dyn Catalogue) -> Leaf {
    let Operand::Field(field) = &check.lhs else { return Leaf::Open };
    let literals = match &check.rhs {
        Rhs::Literal(literal) => std::slice::from_ref(literal),
        Rhs::List(literals) => literals.as_slice(),
        Rhs::None | Rhs::Operand(_) => return Leaf::Open,
    };
    let but = check.operator == Operator::Ne;
    let is_exact = but || matches!(check.operator, Operator::Eq | Operator::In);
    match field.name.as_str() {
        _ if check.modifier.is_some() => Leaf::Open,
        "evt.num" => match number_holds(check.operator, literals) {
            Some(holds) => Leaf::Exact { set: Set::new(catalogue.event_types().len(), holds), but: false },
            None => Leaf::Open,
        },
        "evt.type" if is_exact => {
            let names = literals.iter().map(|literal| String::from_utf8_lossy(&literal.text));
            Leaf::Exact { set: Set::of(names, catalogue.event_types()), but }
        }
        "syscall.type" if is_exact && !but => of_calls(literals, catalogue),
        // Events whose type is another call's name may be events of this call, so that all but the call's own events
        // would be too few.
        _ => Leaf::Open,
    }
}

/// The events that come of calls.
fn of_calls(calls: &[Literal], catalogue: &dyn Catalogue) -> Leaf {
    let calls: Vec<_> = calls.iter().map(|call| String::from_utf8_lossy(&call.text)).collect();
    let events: Option<Vec<&str>> = calls.iter().map(|call| catalogue.event_of_call(call)).collect();
    match events {
        Some(events) => Leaf::Exact { set: Set::of(events.into_iter(), catalogue.event_types()), but: false },
        None => Leaf::Open,
    }
}

/// Whether a comparison of `evt.num` holds always or never: events are numbered from 1, so that `evt.num=0` is the way
/// to write a condition that never holds. `None` if it depends on the event.
fn number_holds(operator: Operator, literals: &[Literal]) -> Option<bool> {
    let number = |literal: &Literal| match literal.value {
        LiteralValue::Uint(number) => Some(number),
        LiteralValue::Int(number) => u64::try_from(number).ok(),
        _ => None,
    };
    if operator == Operator::In {
        return literals.iter().all(|literal| number(literal) == Some(0)).then_some(false);
    }
    match (operator, number(literals.first()?)?) {
        (Operator::Eq, 0) | (Operator::Lt, 0 | 1) | (Operator::Le, 0) => Some(false),
        (Operator::Ne, 0) | (Operator::Gt, 0) | (Operator::Ge, 0 | 1) => Some(true),
        _ => None,
    }
}

// === impl Set ===

impl Set {
    fn new(length: usize, full: bool) -> Self {
        Self(vec![full; length])
    }

    /// The positions of `members` among `names`, which are ascending.
    fn of(members: impl Iterator<Item = impl AsRef<str>>, names: &[&str]) -> Self {
        let mut set = Self::new(names.len(), false);
        for member in members {
            let position = names.binary_search(&member.as_ref());
            if let Some(slot) = position.ok().and_then(|position| set.0.get_mut(position)) {
                *slot = true;
            }
        }
        set
    }

    fn is_full(&self) -> bool {
        self.0.iter().all(|&member| member)
    }

    fn contains(&self, position: usize) -> bool {
        self.0.get(position).copied().unwrap_or(false)
    }

    fn invert(&mut self) {
        self.0.iter_mut().for_each(|member| *member = !*member);
    }

    /// Intersection if it narrows, union otherwise.
    fn join(&mut self, other: &Self, narrows: bool) {
        for (mine, &theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = if narrows { *mine && theirs } else { *mine || theirs };
        }
    }
}
