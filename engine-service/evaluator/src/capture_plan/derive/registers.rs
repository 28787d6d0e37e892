//! Parameters with names that a register holds: `evt.arg.request`, `evt.arg.domain`, `evt.arg.mode`…

mod table;

use eyrie_proto::capture::{ArgumentFilter, CallFilter};
use fields::{NumberTexts, Value};
use rule_language::condition::{Literal, Operator};

use super::{super::need::Need, leaf::Leaf, names::pieces};
pub(in crate::capture_plan) use table::Register;

/// What counts of a register that has an `int`: above it there may be anything.
const INT: u64 = 0xffff_ffff;

pub(super) fn need(leaf: &Leaf<'_>) -> Option<Need> {
    let parameter = leaf.parameter()?;
    let register = Register::of(leaf.event_type(), parameter)?;
    match fields::number_texts(leaf.event_type(), parameter)? {
        NumberTexts::Set(names) => of_set(leaf, register.index, &names),
        NumberTexts::One { known, others } => {
            let mut values: Vec<u64> = known
                .iter()
                .filter(|(_, text)| leaf.may_hold(&Value::bytes(text.as_bytes())))
                .map(|(number, _)| *number)
                .collect();
            match others {
                Some(text) if leaf.may_hold(&Value::bytes(text.as_bytes())) => return None,
                Some(_) => {}
                None => values.extend(unknown(leaf, &known)?),
            }
            // A value that is missing holds a negated comparison.
            if leaf.is_negated && values.is_empty() { None } else { Some(one_of(register.index, values)) }
        }
    }
}

fn one_of(index: u32, mut values: Vec<u64>) -> Need {
    if values.is_empty() {
        return Need::impossible();
    }
    // Agents refuse what no mask has.
    values.iter_mut().for_each(|value| *value &= INT);
    values.sort_unstable();
    values.dedup();
    of(ArgumentFilter { index, mask: INT, values })
}

fn of(argument: ArgumentFilter) -> Need {
    Need::of(CallFilter { arguments: vec![argument], ..CallFilter::default() })
}

/// Numbers without a name that may fit; `None` if there may be any number of them. They show as digits.
fn unknown(leaf: &Leaf<'_>, known: &[(u64, String)]) -> Option<Vec<u64>> {
    let literals = leaf.alternatives()?;
    match leaf.operator {
        Operator::Eq | Operator::In => {
            let number = |literal: &Literal| str::from_utf8(&literal.text).ok()?.parse().ok();
            let is_unknown = |number: &u64| known.iter().all(|(own, _)| own != number);
            Some(literals.iter().filter_map(number).filter(is_unknown).map(|number| number & INT).collect())
        }
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
            let is_name = |literal: &Literal| literal.text.iter().any(|byte| !byte.is_ascii_digit());
            literals.iter().all(is_name).then(Vec::new)
        }
        _ => None,
    }
}

/// Every piece of a text has to be part of a name, and a name shows only where all of its bits are set.
fn of_set(leaf: &Leaf<'_>, index: u32, names: &[(&'static str, u64)]) -> Option<Need> {
    let mut all = Need::impossible();
    for pieces in pieces(leaf)? {
        let mut text = Need::nothing();
        for piece in pieces {
            let fitting = names.iter().filter(|(name, _)| name.contains(piece)).map(|(_, bits)| *bits);
            text = text.and(of_bits(index, &fitting.collect::<Vec<_>>()));
        }
        all = all.or(text);
    }
    Some(all)
}

/// All bits of one of these are set. That of several is tested as "one bit of any of them".
fn of_bits(index: u32, sets: &[u64]) -> Need {
    match sets {
        [] => Need::impossible(),
        // A name that the kernel has no bits for, or that stands for no bits at all.
        sets if sets.contains(&0) => Need::nothing(),
        [bits] => of(ArgumentFilter { index, mask: *bits, values: vec![*bits] }),
        sets => {
            let mask = sets.iter().fold(0, |all, bits| all | bits);
            of(ArgumentFilter { index, mask, values: Vec::new() })
        }
    }
}
