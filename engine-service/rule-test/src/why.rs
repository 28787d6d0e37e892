//! Why a rule did not fire.

use rule_language::{
    LeafOrigin,
    condition::{FieldRef, Operand, Rhs},
};

use crate::{
    cases::Case,
    given::{Given, Setting},
    play::{Changed, Checking, play},
    rules::Rules,
    world::show,
};

/// A comparison that would have to say otherwise.
#[derive(Clone, Debug)]
pub struct Reason {
    /// The comparison as rules are written.
    pub leaf: String,
    /// What it says now.
    pub holds: bool,
    /// The fields that it compares, with their values.
    pub values: Vec<(String, String)>,
    /// Where it stands.
    pub origin: Option<LeafOrigin>,
}

/// The event that came nearest to firing the rule (or the one that should have), from 1, and the fewest comparisons that would
/// have to say otherwise there.
pub(crate) fn why_not(
    rules: &Rules,
    case: &Case,
    changed: Changed<'_>,
    place: usize,
    event: Option<usize>,
) -> (usize, Vec<Reason>) {
    let Some(logic) = rules.logic(place) else { return (1, Vec::new()) };
    let mut nearest: Option<(usize, Vec<Reason>)> = None;
    let played = play(rules, case, changed, Checking::Lenient, &mut |number, view| {
        if event.is_some_and(|event| event != number + 1) {
            return Ok(true);
        }
        let truths = logic.truths(view);
        let missing = logic.missing(&truths);
        if nearest.as_ref().is_some_and(|(_, reasons)| reasons.len() <= missing.len()) {
            return Ok(true);
        }
        let reasons = missing.iter().filter_map(|leaf| {
            let own = logic.leaves.get(*leaf)?;
            let mut values: Vec<(String, String)> = Vec::new();
            for field in fields_of(&own.check.lhs, &own.check.rhs) {
                let setting = Setting::new(field.to_string(), Given::Missing, &case.span);
                let value = rules
                    .extractors
                    .of(&setting)
                    .map_or_else(|problem| problem.message, |extractor| show(&extractor.extract(view)));
                if values.iter().all(|(known, _)| *known != setting.field) {
                    values.push((setting.field, value));
                }
            }
            let holds = truths.get(*leaf).copied().unwrap_or(false);
            Some(Reason { leaf: own.text.clone(), holds, values, origin: own.origin.clone() })
        });
        nearest = Some((number + 1, reasons.collect()));
        Ok(true)
    });
    match (played, nearest) {
        (Ok(()), Some(nearest)) => nearest,
        _ => (event.unwrap_or(1), Vec::new()),
    }
}

fn fields_of<'c>(lhs: &'c Operand, rhs: &'c Rhs) -> Vec<&'c FieldRef> {
    let mut fields = Vec::new();
    lhs.for_each_field(&mut |field| fields.push(field));
    if let Rhs::Operand(operand) = rhs {
        operand.for_each_field(&mut |field| fields.push(field));
    }
    fields
}
