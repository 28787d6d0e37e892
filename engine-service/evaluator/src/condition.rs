//! Conditions, resolved and evaluated.

use fields::{EventView, Extracted, Fields, Value};
use rule_language::condition::{Check, Expr, Literal, LiteralValue, Modifier, Operator, Rhs};

use crate::{
    compare::{Members, PathPrefixes, Pattern},
    error::CompileProblem,
    operand::CompiledOperand,
    render,
    truth::Truth,
};

/// A condition whose fields are resolved and whose patterns are compiled.
#[derive(Clone, Debug)]
pub struct CompiledCondition(Node);

#[derive(Clone, Debug)]
pub(crate) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Check(CompiledCheck),
}

#[derive(Clone, Debug)]
pub(crate) struct CompiledCheck {
    pub(crate) lhs: CompiledOperand,
    pub(crate) test: Test,
}

/// What has to be true of a value.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Exists,
    Pattern(Operator, Pattern),
    Modified(Operator, Modifier, Members),
    In(Members),
    Intersects(Members),
    PathPrefixes(PathPrefixes),
    /// Against another value of the same event.
    Operand(Operator, Option<Modifier>, CompiledOperand),
}

// === impl CompiledCondition ===

impl CompiledCondition {
    /// Resolves the condition against the catalogue that it was checked with.
    pub fn new(fields: &'static Fields, condition: &Expr) -> Result<Self, CompileProblem> {
        Node::new(fields, condition).map(Self)
    }

    /// What the condition says of the event. Fields that it would have had to know are added to `unknown`.
    pub fn evaluate(&self, view: &EventView<'_>, unknown: &mut Vec<&'static str>) -> Truth {
        self.0.evaluate(view, unknown)
    }

    pub(crate) fn node(&self) -> &Node {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn from_node(node: Node) -> Self {
        Self(node)
    }
}

// === impl Node ===

impl Node {
    fn new(fields: &'static Fields, condition: &Expr) -> Result<Self, CompileProblem> {
        let all = |parts: &[Expr]| parts.iter().map(|part| Self::new(fields, part)).collect::<Result<_, _>>();
        Ok(match condition {
            Expr::And(parts) => Self::And(all(parts)?),
            Expr::Or(parts) => Self::Or(all(parts)?),
            Expr::Not(part) => Self::Not(Box::new(Self::new(fields, part)?)),
            Expr::Check(check) => Self::Check(CompiledCheck::new(fields, check)?),
        })
    }

    /// Stops as soon as nothing can change the answer; an unknown part never stops it.
    pub(crate) fn evaluate(&self, view: &EventView<'_>, unknown: &mut Vec<&'static str>) -> Truth {
        match self {
            Self::And(parts) => {
                let mut truth = Truth::True;
                for part in parts {
                    truth = truth.and(part.evaluate(view, unknown));
                    if truth == Truth::False {
                        break;
                    }
                }
                truth
            }
            Self::Or(parts) => {
                let mut truth = Truth::False;
                for part in parts {
                    truth = truth.or(part.evaluate(view, unknown));
                    if truth == Truth::True {
                        break;
                    }
                }
                truth
            }
            Self::Not(part) => !part.evaluate(view, unknown),
            Self::Check(check) => check.evaluate(view, unknown),
        }
    }
}

// === impl CompiledCheck ===

impl CompiledCheck {
    pub(crate) fn new(fields: &'static Fields, check: &Check) -> Result<Self, CompileProblem> {
        let lhs = CompiledOperand::new(fields, &check.lhs)?;
        let test = if lhs.is_distance() { Test::of_distance(check)? } else { Test::new(fields, check)? };
        Ok(Self { lhs, test })
    }

    pub(crate) fn evaluate(&self, view: &EventView<'_>, unknown: &mut Vec<&'static str>) -> Truth {
        self.test.of(&self.lhs.extract(view, unknown), view, unknown)
    }
}

// === impl Test ===

impl Test {
    /// What it says of what an extraction gave.
    pub(crate) fn of(
        &self,
        extracted: &Extracted<'_>,
        view: &EventView<'_>,
        unknown: &mut Vec<&'static str>,
    ) -> Truth {
        match extracted {
            Extracted::Value(value) => self.evaluate(value, view, unknown),
            Extracted::Absent => Truth::False,
            Extracted::Unknown => Truth::Unknown,
        }
    }

    pub(crate) fn new(fields: &'static Fields, check: &Check) -> Result<Self, CompileProblem> {
        let operator = check.operator;
        let problem =
            |what| CompileProblem::Operands { what, operator: format!("{operator:?}").to_lowercase() };
        Ok(match (&check.rhs, check.modifier) {
            _ if operator == Operator::Exists => Self::Exists,
            (Rhs::None, _) => return Err(problem("no right-hand side")),
            (Rhs::Operand(operand), modifier) => {
                Self::Operand(operator, modifier, CompiledOperand::new(fields, operand)?)
            }
            (Rhs::Literal(literal), None) => Self::of_literals(operator, std::slice::from_ref(literal))?,
            (Rhs::Literal(literal), Some(modifier)) => {
                Self::Modified(operator, modifier, Members::new(operator, vec![literal.clone()])?)
            }
            (Rhs::List(literals), None) => Self::of_literals(operator, literals)?,
            (Rhs::List(literals), Some(modifier)) => {
                Self::Modified(operator, modifier, Members::new(operator, literals.clone())?)
            }
        })
    }

    /// `evt.around[T] = D` asks whether the event is within D milliseconds of T, not whether it is just so far away.
    fn of_distance(check: &Check) -> Result<Self, CompileProblem> {
        let operator = match check.operator {
            Operator::Exists => return Ok(Self::Exists),
            Operator::Ne | Operator::Gt | Operator::Ge => Operator::Gt,
            _ => Operator::Le,
        };
        let literals = match &check.rhs {
            Rhs::Literal(literal) => std::slice::from_ref(literal),
            Rhs::List(literals) => literals,
            Rhs::None | Rhs::Operand(_) => &[],
        };
        let modifier = check.modifier.unwrap_or(Modifier::AnyOf);
        Ok(Self::Modified(operator, modifier, Members::new(operator, literals.to_vec())?))
    }

    fn of_literals(operator: Operator, literals: &[Literal]) -> Result<Self, CompileProblem> {
        Ok(match (operator, literals) {
            (Operator::In, _) => Self::In(Members::new(operator, literals.to_vec())?),
            (Operator::Intersects, _) => Self::Intersects(Members::new(operator, literals.to_vec())?),
            (Operator::PMatch, _) => {
                Self::PathPrefixes(PathPrefixes::new(literals.iter().map(|literal| &*literal.text)))
            }
            (_, [only]) => Self::Pattern(operator, Pattern::new(operator, only.clone())?),
            // A list without a modifier: as Falco reads a list of several behind `=`, any of them.
            _ => Self::Modified(operator, Modifier::AnyOf, Members::new(operator, literals.to_vec())?),
        })
    }

    fn evaluate(&self, value: &Value<'_>, view: &EventView<'_>, unknown: &mut Vec<&'static str>) -> Truth {
        if let Self::Operand(operator, modifier, operand) = self {
            return match operand.extract(view, unknown) {
                Extracted::Value(other) => holds_between(*operator, *modifier, value, other).into(),
                Extracted::Absent => Truth::False,
                Extracted::Unknown => Truth::Unknown,
            };
        }
        self.holds(value).into()
    }

    /// Whether it is true of the value alone; false where it takes another value of the event as well.
    pub(crate) fn holds(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Exists => value.is_there(),
            Self::Pattern(operator, pattern) => pattern.holds(*operator, value),
            Self::Modified(operator, modifier, members) => members.hold(*operator, *modifier, value),
            Self::In(members) => members.contain(value),
            Self::Intersects(members) => members.intersect(value),
            Self::PathPrefixes(paths) => matches_paths(paths, value),
            Self::Operand(..) => false,
        }
    }
}

fn matches_paths(paths: &PathPrefixes, value: &Value<'_>) -> bool {
    match value {
        Value::AnyOf(values) => values.iter().any(|value| matches_paths(paths, value)),
        Value::NamedIp(ip) => ip.names().any(|name| paths.contains(name.as_bytes())),
        Value::List(_) | Value::EitherEnd(_) => false,
        value => paths.contains(&render::plain_bytes(value)),
    }
}

/// Compares two values of one event as if the second had been written as a literal.
fn holds_between(
    operator: Operator,
    modifier: Option<Modifier>,
    value: &Value<'_>,
    other: Value<'_>,
) -> bool {
    let literals: Vec<_> = match other {
        Value::List(members) => members.iter().map(literal).collect(),
        other => vec![literal(&other)],
    };
    // Two lists are equal if they have the same members in the same order.
    if let (Value::List(values), Operator::Eq | Operator::Ne) = (value, operator) {
        let is_equal = values.iter().map(literal).eq(literals);
        return is_equal == (operator == Operator::Eq);
    }
    let test = match modifier {
        Some(modifier) => {
            Members::new(operator, literals).map(|members| members.hold(operator, modifier, value))
        }
        None => Test::of_literals(operator, &literals).map(|test| match test {
            Test::Pattern(operator, pattern) => pattern.holds(operator, value),
            Test::Modified(operator, modifier, members) => members.hold(operator, modifier, value),
            Test::In(members) => members.contain(value),
            Test::Intersects(members) => members.intersect(value),
            Test::PathPrefixes(paths) => matches_paths(&paths, value),
            Test::Exists | Test::Operand(..) => false,
        }),
    };
    // Only a regular expression that came out of an event can be wrong here; it then matches nothing.
    test.unwrap_or(false)
}

fn literal(value: &Value<'_>) -> Literal {
    let text = render::plain_bytes(value).into_owned();
    let value = match value {
        Value::Int(number) => LiteralValue::Int(*number),
        Value::Uint(number) => LiteralValue::Uint(*number),
        Value::Bool(value) => LiteralValue::Bool(*value),
        Value::Double(number) => LiteralValue::Double(*number),
        Value::Ip(ip) => LiteralValue::Ip(*ip),
        _ => LiteralValue::Text,
    };
    Literal { text, value }
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;
