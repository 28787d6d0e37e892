//! What a rule's condition makes of its comparisons.
//!
//! The comparisons are the leaves; each is evaluated by itself, by the evaluator, and and/or/not are applied to what they say.
//! That shows which leaf decides, and what the outcome would be if one said otherwise, without evaluating anything anew.

use evaluator::{CompileError, CompiledCondition, Truth};
use fields::EventView;
use rule_language::{
    LeafOrigin, Rule,
    condition::{Check, Expr, Literal, LiteralValue, Operand, Operator, Rhs},
};

/// More flips than any condition has leaves: it cannot be had.
const NEVER: usize = 1 << 40;

/// A condition over its leaves.
#[derive(Debug)]
pub(crate) struct Logic {
    root: Node,
    /// From the left.
    pub(crate) leaves: Vec<Leaf>,
    match_resolved: bool,
}

/// One comparison.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) check: Check,
    /// As rules are written.
    pub(crate) text: String,
    condition: CompiledCondition,
    pub(crate) origin: Option<LeafOrigin>,
    /// What it would have to say so that the condition is as if it were not there.
    pub(crate) neutral: bool,
    /// What it says of every event, if that is always the same.
    pub(crate) constant: Option<bool>,
}

#[derive(Debug)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Leaf(usize),
}

// === impl Logic ===

impl Logic {
    pub(crate) fn new(rule: &Rule, origins: &[LeafOrigin]) -> Result<Self, CompileError> {
        let mut leaves = Vec::new();
        let root = Node::new(&rule.condition, true, rule, &mut leaves)?;
        if origins.len() == leaves.len() {
            for (leaf, origin) in leaves.iter_mut().zip(origins) {
                leaf.origin = Some(origin.clone());
            }
        }
        Ok(Self { root, leaves, match_resolved: rule.match_resolved })
    }

    /// What each leaf says of an event. What is unknown does not hold.
    pub(crate) fn truths(&self, view: &EventView<'_>) -> Vec<bool> {
        let says = |leaf: &Leaf| leaf.condition.evaluate(view, &mut Vec::new()) == Truth::True;
        self.leaves.iter().map(says).collect()
    }

    /// The same; of an event on a file with two names, by the other one as well if the rule has `match_resolved`.
    pub(crate) fn truths_by_each_name(&self, view: &EventView<'_>) -> Vec<Vec<bool>> {
        let resolved = if self.match_resolved { view.resolved() } else { None };
        std::iter::once(self.truths(view)).chain(resolved.map(|view| self.truths(&view))).collect()
    }

    /// Whether the condition holds.
    pub(crate) fn holds(&self, truths: &[bool]) -> bool {
        self.root.holds(truths)
    }

    /// Of each leaf whether the outcome would be another one if this leaf alone said otherwise.
    pub(crate) fn decisive(&self, truths: &[bool]) -> Vec<bool> {
        let mut decisive = vec![false; self.leaves.len()];
        self.root.mark_decisive(truths, true, &mut decisive);
        decisive
    }

    /// The fewest leaves that have to say otherwise so that the condition holds.
    pub(crate) fn missing(&self, truths: &[bool]) -> Vec<usize> {
        let mut flips = Vec::new();
        self.root.flips(self, truths, true, &mut flips);
        flips
    }

    /// The leaves that have to say otherwise so that `leaf` decides and does not say what is neutral; it comes first, if it is
    /// among them. `None` if that cannot be had.
    pub(crate) fn to_make_decisive(&self, leaf: usize, truths: &[bool]) -> Option<Vec<usize>> {
        let own = self.leaves.get(leaf)?;
        let mut flips = Vec::new();
        if truths.get(leaf) == Some(&own.neutral) {
            flips.push(leaf);
        }
        let is_found = self.root.flips_around(self, truths, leaf, &mut flips);
        (is_found == Some(true)).then_some(flips)
    }
}

// === impl Leaf ===

impl Leaf {
    /// Whether the condition is the same without it.
    pub(crate) fn is_neutral_always(&self) -> bool {
        self.constant == Some(self.neutral)
    }
}

// === impl Node ===

impl Node {
    /// `neutral`: what a part has to be here so that it is as if it were not there.
    fn new(expr: &Expr, neutral: bool, rule: &Rule, leaves: &mut Vec<Leaf>) -> Result<Self, CompileError> {
        let all = |parts: &[Expr], neutral, leaves: &mut Vec<Leaf>| {
            parts.iter().map(|part| Self::new(part, neutral, rule, leaves)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match expr {
            Expr::And(parts) => Self::And(all(parts, true, leaves)?),
            Expr::Or(parts) => Self::Or(all(parts, false, leaves)?),
            Expr::Not(part) => Self::Not(Box::new(Self::new(part, !neutral, rule, leaves)?)),
            Expr::Check(check) => {
                let condition = CompiledCondition::new(fields::catalogue(), expr)
                    .map_err(|problem| CompileError { rule: rule.name.clone(), problem })?;
                let constant = constant(check);
                let (check, text) = (check.clone(), expr.to_string());
                leaves.push(Leaf { check, text, condition, origin: None, neutral, constant });
                Self::Leaf(leaves.len() - 1)
            }
        })
    }

    fn holds(&self, truths: &[bool]) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(truths)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(truths)),
            Self::Not(part) => !part.holds(truths),
            Self::Leaf(leaf) => truths.get(*leaf).copied().unwrap_or(false),
        }
    }

    /// A part decides if the whole hangs on it: of an `and` all the others hold, of an `or` none.
    fn mark_decisive(&self, truths: &[bool], is_decisive: bool, decisive: &mut [bool]) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                let undecided = matches!(self, Self::And(_));
                let deciding = parts.iter().filter(|part| part.holds(truths) != undecided).count();
                for part in parts {
                    let others = deciding - usize::from(part.holds(truths) != undecided);
                    part.mark_decisive(truths, is_decisive && others == 0, decisive);
                }
            }
            Self::Not(part) => part.mark_decisive(truths, is_decisive, decisive),
            Self::Leaf(leaf) => {
                if let Some(own) = decisive.get_mut(*leaf) {
                    *own = is_decisive;
                }
            }
        }
    }

    /// How many leaves have to say otherwise so that this is `wanted`.
    fn cost(&self, logic: &Logic, truths: &[bool], wanted: bool) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                let costs = parts.iter().map(|part| part.cost(logic, truths, wanted));
                if matches!(self, Self::And(_)) == wanted {
                    costs.fold(0, |sum, cost| (sum + cost).min(NEVER))
                } else {
                    costs.min().unwrap_or(NEVER)
                }
            }
            Self::Not(part) => part.cost(logic, truths, !wanted),
            Self::Leaf(leaf) => match logic.leaves.get(*leaf).and_then(|leaf| leaf.constant) {
                Some(constant) if constant != wanted => NEVER,
                _ => usize::from(truths.get(*leaf) != Some(&wanted)),
            },
        }
    }

    /// Adds these leaves.
    fn flips(&self, logic: &Logic, truths: &[bool], wanted: bool, flips: &mut Vec<usize>) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                if matches!(self, Self::And(_)) == wanted {
                    parts.iter().for_each(|part| part.flips(logic, truths, wanted, flips));
                } else if let Some(part) = parts.iter().min_by_key(|part| part.cost(logic, truths, wanted)) {
                    part.flips(logic, truths, wanted, flips);
                }
            }
            Self::Not(part) => part.flips(logic, truths, !wanted, flips),
            Self::Leaf(leaf) if truths.get(*leaf) != Some(&wanted) => flips.push(*leaf),
            Self::Leaf(_) => {}
        }
    }

    /// Adds what has to change beside the way to a leaf. `None` if the leaf is not below, false if something cannot change.
    fn flips_around(
        &self,
        logic: &Logic,
        truths: &[bool],
        leaf: usize,
        flips: &mut Vec<usize>,
    ) -> Option<bool> {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                let wanted = matches!(self, Self::And(_));
                let (place, mut can_be) = parts.iter().enumerate().find_map(|(place, part)| {
                    Some((place, part.flips_around(logic, truths, leaf, flips)?))
                })?;
                for (_, part) in parts.iter().enumerate().filter(|(other, _)| *other != place) {
                    can_be &= part.cost(logic, truths, wanted) < NEVER;
                    part.flips(logic, truths, wanted, flips);
                }
                Some(can_be)
            }
            Self::Not(part) => part.flips_around(logic, truths, leaf, flips),
            Self::Leaf(own) => (*own == leaf).then_some(true),
        }
    }
}

/// Events are numbered from 1, which rules use for what never or always holds; and in an empty list nothing is.
fn constant(check: &Check) -> Option<bool> {
    let Operand::Field(field) = &check.lhs else { return None };
    let number = match &check.rhs {
        Rhs::List(literals) => {
            let is_in = matches!(check.operator, Operator::In | Operator::Intersects | Operator::PMatch);
            return (literals.is_empty() && is_in && !field.is_list).then_some(false);
        }
        Rhs::Literal(Literal { value: LiteralValue::Uint(number), .. }) if field.name == "evt.num" => number,
        _ => return None,
    };
    match (check.operator, number) {
        (Operator::Eq | Operator::Le, 0) | (Operator::Lt, 0 | 1) => Some(false),
        (Operator::Ne | Operator::Gt, 0) | (Operator::Ge, 0 | 1) => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
