//! One comparison, as those who derive tests of it look at it.

use std::cell::OnceCell;

use fields::Value;
use rule_language::condition::{Check, FieldRef, Literal, LiteralValue, Modifier, Operand, Operator, Rhs};

use super::Calls;
use crate::condition::Test;

/// A comparison of a field with literals.
pub(super) struct Leaf<'a> {
    pub(super) field: &'a FieldRef,
    /// It must not be true, instead of not false.
    pub(super) is_negated: bool,
    pub(super) calls: Calls<'a>,
    pub(super) operator: Operator,
    pub(super) literals: &'a [Literal],
    modifier: Option<Modifier>,
    check: &'a Check,
    /// Made when a value is asked about: many leaves are asked about none, on many event types.
    test: OnceCell<Option<Test>>,
}

/// An order of whole numbers, with what it is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Below(i128),
    AtLeast(i128),
}

// === impl Leaf ===

impl<'a> Leaf<'a> {
    /// `None` if something else than a field is compared, or with something else than literals, or by a regular expression.
    pub(super) fn new(check: &'a Check, is_negated: bool, calls: Calls<'a>) -> Option<Self> {
        let Operand::Field(field) = &check.lhs else { return None };
        let literals = match &check.rhs {
            Rhs::None => &[],
            Rhs::Literal(literal) => std::slice::from_ref(literal),
            Rhs::List(literals) => literals.as_slice(),
            Rhs::Operand(_) => return None,
        };
        if check.operator == Operator::Regex {
            return None;
        }
        Some(Self {
            field,
            is_negated,
            calls,
            operator: check.operator,
            literals,
            modifier: check.modifier,
            check,
            test: OnceCell::new(),
        })
    }

    /// Whether the comparison itself, without the negation, is true of the value.
    pub(super) fn holds(&self, value: &Value<'_>) -> bool {
        // Only a regular expression could be wrong.
        let test = self.test.get_or_init(|| Test::new(fields::catalogue(), self.check).ok());
        test.as_ref().is_some_and(|test| test.holds(value))
    }

    pub(super) fn holds_text(&self, text: &str) -> bool {
        self.holds(&Value::bytes(text.as_bytes()))
    }

    /// Whether it may hold of the value, which is there and known.
    pub(super) fn may_hold(&self, value: &Value<'_>) -> bool {
        self.holds(value) != self.is_negated
    }

    /// The event type.
    pub(super) fn event_type(&self) -> &'a str {
        self.calls.event_type
    }

    /// The parameter that `evt.arg.NAME` is about.
    pub(super) fn parameter(&self) -> Option<&'a str> {
        (self.field.name == "evt.arg").then_some(self.field.argument.as_deref()?)
    }

    /// The literals, if the comparison can only hold where `operator` holds for one of them.
    pub(super) fn alternatives(&self) -> Option<&'a [Literal]> {
        (!self.is_negated && !self.literals.is_empty()).then_some(self.literals)
    }

    /// The literals, if the comparison can only hold where the value equals one of them.
    pub(super) fn equals_one_of(&self) -> Option<&'a [Literal]> {
        let is_negated_inequality =
            self.is_negated && self.operator == Operator::Ne && self.is_of_one_literal();
        let is_equality = !self.is_negated && matches!(self.operator, Operator::Eq | Operator::In);
        (is_equality || is_negated_inequality)
            .then_some(self.literals)
            .filter(|literals| !literals.is_empty())
    }

    /// The literals, if the comparison can only hold where the value equals none of them, or is missing.
    pub(super) fn equals_none_of(&self) -> Option<&'a [Literal]> {
        let is_inequality = !self.is_negated && self.operator == Operator::Ne && self.is_of_one_literal();
        let is_any = matches!(self.modifier, None | Some(Modifier::AnyOf));
        let is_negated_equality =
            self.is_negated && matches!(self.operator, Operator::Eq | Operator::In) && is_any;
        (is_inequality || is_negated_equality).then_some(self.literals)
    }

    /// What the value has to be in an order of numbers, where it is there.
    pub(super) fn order(&self) -> Option<Order> {
        if !self.is_of_one_literal() {
            return None;
        }
        let number = whole(self.literals.first()?)?;
        Some(match (self.operator, self.is_negated) {
            (Operator::Lt, false) | (Operator::Ge, true) => Order::Below(number),
            (Operator::Le, false) | (Operator::Gt, true) => Order::Below(number.saturating_add(1)),
            (Operator::Ge, false) | (Operator::Lt, true) => Order::AtLeast(number),
            (Operator::Gt, false) | (Operator::Le, true) => Order::AtLeast(number.saturating_add(1)),
            _ => return None,
        })
    }

    fn is_of_one_literal(&self) -> bool {
        self.literals.len() == 1 && self.modifier.is_none()
    }
}

/// The whole number that a literal stands for.
pub(super) fn whole(literal: &Literal) -> Option<i128> {
    match literal.value {
        LiteralValue::Int(number) => Some(number.into()),
        LiteralValue::Uint(number) => Some(number.into()),
        _ => None,
    }
}
