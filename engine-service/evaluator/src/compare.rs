//! Operators on values that are there.

mod glob;
mod path_prefixes;
mod regular_expression;

use std::{cmp::Ordering, collections::HashSet, net::IpAddr};

use fields::{NamedIp, Value};
use ipnet::IpNet;
use memchr::memmem;
use rule_language::condition::{Literal, LiteralValue, Modifier, Operator};

pub(crate) use self::path_prefixes::PathPrefixes;
use self::regular_expression::Anchored;
use crate::{error::CompileProblem, render};

/// From this many texts on, a list is looked up by hash.
const HASH_FROM: usize = 8;

/// A literal with what was computed from it beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    literal: Literal,
    regex: Option<Anchored>,
}

/// The members of a list.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    patterns: Vec<Pattern>,
    /// All of them, where all are texts and there are many.
    texts: Option<HashSet<Vec<u8>>>,
}

// === impl Pattern ===

impl Pattern {
    pub(crate) fn new(operator: Operator, literal: Literal) -> Result<Self, CompileProblem> {
        let regex = match operator {
            Operator::Regex => Some(Anchored::new(&literal.text)?),
            _ => None,
        };
        Ok(Self { literal, regex })
    }

    /// Whether the operator holds between the value and this pattern.
    pub(crate) fn holds(&self, operator: Operator, value: &Value<'_>) -> bool {
        match value {
            // What is not equal to either end is not equal to both.
            Value::EitherEnd(ends) if operator == Operator::Ne => {
                ends.iter().all(|end| self.holds(operator, end))
            }
            Value::EitherEnd(ends) => ends.iter().any(|end| self.holds(operator, end)),
            Value::AnyOf(values) => values.iter().any(|value| self.holds(operator, value)),
            Value::NamedIp(ip) => self.holds_named(operator, ip),
            // Lists have operators of their own.
            Value::List(_) => false,
            Value::Bytes(bytes) => self.holds_text(operator, bytes),
            Value::Time { text, .. } => self.holds_text(operator, text.as_bytes()),
            Value::Ip(ip) => self.holds_ip(operator, *ip),
            Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Double(_) => {
                self.holds_ordered(operator, value)
            }
        }
    }

    fn holds_text(&self, operator: Operator, text: &[u8]) -> bool {
        let pattern = &*self.literal.text;
        let bytes = match &self.literal.value {
            LiteralValue::Bytes(bytes) => bytes,
            _ => pattern,
        };
        match operator {
            Operator::Eq | Operator::In | Operator::Intersects => text == pattern,
            Operator::Ne => text != pattern,
            Operator::Lt => text < pattern,
            Operator::Le => text <= pattern,
            Operator::Gt => text > pattern,
            Operator::Ge => text >= pattern,
            Operator::Contains => memmem::find(text, pattern).is_some(),
            Operator::IContains => contains_ignoring_case(text, pattern),
            Operator::BContains => memmem::find(text, bytes).is_some(),
            Operator::StartsWith => text.starts_with(pattern),
            Operator::BStartsWith => text.starts_with(bytes),
            Operator::EndsWith => text.ends_with(pattern),
            Operator::Glob => glob::matches(pattern, text, glob::Case::Exact),
            Operator::IGlob => glob::matches(pattern, text, glob::Case::Ignored),
            Operator::Regex => self.regex.as_ref().is_some_and(|regex| regex.matches(text)),
            Operator::PMatch => PathPrefixes::new([pattern]).contains(text),
            Operator::Exists => true,
        }
    }

    /// A name that nobody has resolved is a missing value: not even `!=` holds.
    fn holds_named(&self, operator: Operator, ip: &NamedIp<'_>) -> bool {
        match operator {
            Operator::Eq | Operator::In | Operator::Intersects => {
                ip.has_name(&self.literal.text) == Some(true)
            }
            Operator::Ne => ip.has_name(&self.literal.text) == Some(false),
            _ => ip.names().any(|name| self.holds_text(operator, name.as_bytes())),
        }
    }

    fn holds_ip(&self, operator: Operator, ip: IpAddr) -> bool {
        let is_equal = match self.literal.value {
            LiteralValue::Ip(other) => ip == other,
            LiteralValue::Net(address, length) => {
                IpNet::new(address, length).is_ok_and(|network| network.contains(&ip))
            }
            _ => ip.to_string().as_bytes() == self.literal.text,
        };
        match operator {
            Operator::Eq | Operator::In | Operator::Intersects => is_equal,
            Operator::Ne => !is_equal,
            _ => false,
        }
    }

    fn holds_ordered(&self, operator: Operator, value: &Value<'_>) -> bool {
        let Some(order) = self.order(value) else {
            // NaN is unequal to everything and in no order.
            return operator == Operator::Ne;
        };
        let is_number = !matches!(value, Value::Bool(_));
        match operator {
            Operator::Eq | Operator::In | Operator::Intersects => order == Ordering::Equal,
            Operator::Ne => order != Ordering::Equal,
            Operator::Lt => is_number && order == Ordering::Less,
            Operator::Le => is_number && order != Ordering::Greater,
            Operator::Gt => is_number && order == Ordering::Greater,
            Operator::Ge => is_number && order != Ordering::Less,
            _ => false,
        }
    }

    /// How the value lies to the literal. Numbers compare by value whatever their width and sign.
    fn order(&self, value: &Value<'_>) -> Option<Ordering> {
        match (whole(value), whole_literal(&self.literal.value)) {
            (Some(value), Some(literal)) => Some(value.cmp(&literal)),
            _ => match (float(value), float_literal(&self.literal.value)) {
                (Some(value), Some(literal)) => value.partial_cmp(&literal),
                // A literal of another type: its text is all that there is to compare with.
                _ => Some(render::plain_text(value).as_bytes().cmp(&self.literal.text)),
            },
        }
    }
}

fn whole(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Int(number) => Some((*number).into()),
        Value::Uint(number) => Some((*number).into()),
        Value::Bool(value) => Some((*value).into()),
        _ => None,
    }
}

fn whole_literal(value: &LiteralValue) -> Option<i128> {
    match value {
        LiteralValue::Int(number) => Some((*number).into()),
        LiteralValue::Uint(number) => Some((*number).into()),
        LiteralValue::Bool(value) => Some((*value).into()),
        _ => None,
    }
}

// Beyond 2^53 a whole number loses its last digits here, as it does in Falco.
#[allow(clippy::cast_precision_loss)]
fn float(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Double(number) => Some(*number),
        _ => whole(value).map(|number| number as f64),
    }
}

#[allow(clippy::cast_precision_loss)]
fn float_literal(value: &LiteralValue) -> Option<f64> {
    match value {
        LiteralValue::Double(number) => Some(*number),
        _ => whole_literal(value).map(|number| number as f64),
    }
}

/// Case is ignored for ASCII letters only, as strcasestr(3) does in the C locale.
fn contains_ignoring_case(text: &[u8], pattern: &[u8]) -> bool {
    pattern.is_empty() || text.windows(pattern.len()).any(|window| window.eq_ignore_ascii_case(pattern))
}

// === impl Members ===

impl Members {
    pub(crate) fn new(operator: Operator, literals: Vec<Literal>) -> Result<Self, CompileProblem> {
        let are_texts = literals.iter().all(|literal| literal.value == LiteralValue::Text);
        let texts = (are_texts && literals.len() >= HASH_FROM)
            .then(|| literals.iter().map(|literal| literal.text.clone()).collect());
        let patterns = literals.into_iter().map(|literal| Pattern::new(operator, literal));
        Ok(Self { patterns: patterns.collect::<Result<_, _>>()?, texts })
    }

    /// `in`: every value of a list is a member; for anything else the value is, or one of the ends or ancestors.
    pub(crate) fn contain(&self, value: &Value<'_>) -> bool {
        match value {
            Value::List(values) => values.iter().all(|value| self.contains(value)),
            value => self.contains(value),
        }
    }

    /// `intersects`: one value of a list is a member; for anything else the same as `in`.
    pub(crate) fn intersect(&self, value: &Value<'_>) -> bool {
        match value {
            Value::List(values) => values.iter().any(|value| self.contains(value)),
            value => self.contains(value),
        }
    }

    fn contains(&self, value: &Value<'_>) -> bool {
        match (value, &self.texts) {
            (Value::Bytes(bytes), Some(texts)) => texts.contains(&**bytes),
            (Value::AnyOf(values), _) => values.iter().any(|value| self.contains(value)),
            _ => self.patterns.iter().any(|pattern| pattern.holds(Operator::In, value)),
        }
    }

    /// Whether a string operator holds for as many members as the modifier wants.
    pub(crate) fn hold(&self, operator: Operator, modifier: Modifier, value: &Value<'_>) -> bool {
        // Each ancestor counts for itself: two of them that match one member each are not two matches of one value.
        if let Value::AnyOf(values) = value {
            return values.iter().any(|value| self.hold(operator, modifier, value));
        }
        let mut matches = self.patterns.iter().filter(|pattern| pattern.holds(operator, value));
        match modifier {
            Modifier::AnyOf => matches.next().is_some(),
            Modifier::OneOf => matches.take(2).count() == 1,
            // Of no members nothing holds, not even for all of them.
            Modifier::AllOf => {
                !self.patterns.is_empty()
                    && self.patterns.iter().all(|pattern| pattern.holds(operator, value))
            }
        }
    }
}

#[cfg(test)]
mod tests;
