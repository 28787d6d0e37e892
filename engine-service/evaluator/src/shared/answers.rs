//! What is known of one event so far.

use fields::{EventView, Extracted};

use super::{NodeId, Part, SharedConditions};
use crate::{condition::Test, truth::Truth};

/// Answers conditions about one event, and keeps what several of them ask.
///
/// Nothing is kept that hangs on a value that is still to come: each condition has to learn the names of what it hangs on itself.
pub(crate) struct Answers<'rules, 'event> {
    conditions: &'rules SharedConditions,
    view: EventView<'event>,
    truths: Vec<Option<bool>>,
    /// For each place one more than where its value is in `values`; 0 if it is not there.
    value_places: Vec<u16>,
    pub(super) values: Vec<Extracted<'event>>,
}

// === impl Answers ===

impl<'rules, 'event> Answers<'rules, 'event> {
    pub(crate) fn new(conditions: &'rules SharedConditions, view: EventView<'event>) -> Self {
        Self {
            conditions,
            view,
            truths: vec![None; conditions.shared_nodes],
            value_places: vec![0; conditions.shared_operands],
            values: Vec::new(),
        }
    }

    /// What a condition says of the event. Fields that it would have had to know are added to `unknown`.
    pub(crate) fn evaluate(&mut self, id: NodeId, unknown: &mut Vec<&'static str>) -> Truth {
        let conditions = self.conditions;
        let Some(node) = conditions.nodes.get(id.0) else { return Truth::False };
        let kept = node.place.and_then(|place| self.truths.get(place).copied().flatten());
        if let Some(holds) = kept {
            return holds.into();
        }
        let is_first_unknown = unknown.is_empty();
        let truth = self.evaluate_part(&node.part, unknown);
        if let Some(place) = node.place
            && is_first_unknown
            && unknown.is_empty()
            && let Some(kept) = self.truths.get_mut(place)
        {
            *kept = match truth {
                Truth::True => Some(true),
                Truth::False => Some(false),
                Truth::Unknown => None,
            };
        }
        truth
    }

    /// Stops as soon as nothing can change the answer; an unknown part never stops it.
    fn evaluate_part(&mut self, part: &'rules Part, unknown: &mut Vec<&'static str>) -> Truth {
        match part {
            Part::And(parts) => {
                let mut truth = Truth::True;
                for part in parts {
                    truth = truth.and(self.evaluate(*part, unknown));
                    if truth == Truth::False {
                        break;
                    }
                }
                truth
            }
            Part::Or(parts) => {
                let mut truth = Truth::False;
                for part in parts {
                    truth = truth.or(self.evaluate(*part, unknown));
                    if truth == Truth::True {
                        break;
                    }
                }
                truth
            }
            Part::Not(part) => !self.evaluate(*part, unknown),
            Part::Check(operand, test) => self.check(*operand, test, unknown),
        }
    }

    fn check(&mut self, operand: usize, test: &Test, unknown: &mut Vec<&'static str>) -> Truth {
        let Some(operand) = self.conditions.operands.get(operand) else { return Truth::False };
        let place = operand.place.and_then(|place| self.value_places.get_mut(place));
        if let Some(at) = place.as_deref().and_then(|at| usize::from(*at).checked_sub(1))
            && let Some(value) = self.values.get(at)
        {
            return test.of(value, &self.view, unknown);
        }
        let is_first_unknown = unknown.is_empty();
        let value = operand.extractor.extract(&self.view, unknown);
        let is_kept = is_first_unknown && unknown.is_empty();
        let truth = test.of(&value, &self.view, unknown);
        if let Some(place) = place.filter(|_| is_kept) {
            self.values.push(value);
            *place = u16::try_from(self.values.len()).unwrap_or(0);
        }
        truth
    }
}
