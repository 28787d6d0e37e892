//! From a condition to what is necessary for it, on one event type.
//!
//! The condition is walked with negations pushed to its comparisons. What is necessary is so for the condition to be true *or unknown*, so
//! that a comparison which metadata may still decide counts as one that may hold, and so does a negated comparison whose value
//! is missing: a comparison with a missing value is false.

mod constants;
mod containers;
mod leaf;
mod names;
mod opens;
mod outcome;
mod paths;
mod registers;
mod sockets;

use rule_language::condition::{Check, Expr};

use super::{Forced, need::Need, path_test::Preference};
use leaf::Leaf;
pub(super) use registers::Register;

/// The calls that a condition is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls<'a> {
    /// As `evt.type` has it.
    pub(super) event_type: &'a str,
    /// The condition may hold of the kernel's paths instead.
    pub(super) is_match_resolved: bool,
    /// Which tests of paths it is asked for where one of several is enough.
    pub(super) preference: Preference,
}

/// What is necessary for the condition to be true or unknown. Recurses as deep as the condition is nested.
pub(super) fn need(condition: &Expr, is_negated: bool, calls: Calls<'_>) -> Need {
    let (parts, is_conjunction) = match condition {
        Expr::Not(part) => return need(part, !is_negated, calls),
        Expr::Check(check) => return need_of_check(check, is_negated, calls),
        Expr::And(parts) => (parts, !is_negated),
        Expr::Or(parts) => (parts, is_negated),
    };
    let mut all = Need::of_constant(is_conjunction);
    for part in parts {
        let need = need(part, is_negated, calls);
        all = if is_conjunction { all.and_preferring(need, calls.preference) } else { all.or(need) };
        if all.is_impossible() && is_conjunction || all.is_nothing() && !is_conjunction {
            break;
        }
    }
    all
}

#[inline(never)]
fn need_of_check(check: &Check, is_negated: bool, calls: Calls<'_>) -> Need {
    let Some(leaf) = Leaf::new(check, is_negated, calls) else { return Need::nothing() };
    constants::need(&leaf)
        .or_else(|| outcome::need(&leaf))
        .or_else(|| opens::need(&leaf))
        .or_else(|| paths::need(&leaf))
        .or_else(|| registers::need(&leaf))
        .or_else(|| sockets::need(&leaf))
        .or_else(|| containers::need(&leaf))
        .unwrap_or_else(Need::nothing)
}

/// Why the condition has no test, if it has none.
pub(super) fn forced(condition: &Expr, calls: Calls<'_>) -> Forced {
    match blamed(condition, false, calls) {
        Some((check, is_negated)) => Forced {
            clause: if is_negated { format!("not {check}") } else { check.to_string() },
            reason: names::reason(check, is_negated),
        },
        None => Forced {
            clause: String::new(),
            reason: "the condition asks for nothing but the type of the event".to_owned(),
        },
    }
}

/// The first comparison that leaves it open whether the condition holds. Only called where no part of a conjunction has a test, so that any
/// of them will do.
fn blamed<'c>(condition: &'c Expr, is_negated: bool, calls: Calls<'_>) -> Option<(&'c Check, bool)> {
    match condition {
        Expr::Not(part) => blamed(part, !is_negated, calls),
        Expr::Check(check) => {
            let is_decided = Leaf::new(check, is_negated, calls)
                .is_some_and(|leaf| constants::need(&leaf).is_some_and(|need| need.is_nothing()));
            (!is_decided && need_of_check(check, is_negated, calls).is_nothing())
                .then_some((check, is_negated))
        }
        Expr::And(parts) | Expr::Or(parts) => {
            let is_open = |part: &&Expr| need(part, is_negated, calls).is_nothing();
            parts.iter().filter(is_open).find_map(|part| blamed(part, is_negated, calls))
        }
    }
}
