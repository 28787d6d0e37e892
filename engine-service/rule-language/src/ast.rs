//! A condition as it is written: macros are names still, nothing is known about fields.
//!
//! `Display` gives Falco's canonical rendering (what Falco calls `condition_compiled`); the alternate form, `{:#}`,
//! quotes a little more, so that [`parse_condition`](crate::parse_condition) reads the same tree from it again.

mod json;

use std::fmt;

use crate::{
    condition::{Modifier, Operator, Transformer},
    escape::{quote_as_falco, quote_for_reading},
};

/// A part of a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `a and b and …`; two parts at least.
    And(Vec<Node>),
    /// `a or b or …`; two parts at least.
    Or(Vec<Node>),
    /// `not a`
    Not(Box<Node>),
    /// The name of a macro.
    Identifier(Identifier),
    /// A comparison.
    Check(Box<Check>),
}

/// The name of a macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    /// Where it stands, in bytes.
    pub offset: usize,
    /// The name.
    pub name: String,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What is compared.
    pub lhs: Operand,
    /// How.
    pub operator: Operator,
    /// The operator as written: `==` and `=` are one operator.
    pub operator_text: &'static str,
    /// Where the operator stands, in bytes.
    pub operator_offset: usize,
    /// `oneof` and its like.
    pub modifier: Option<Modifier>,
    /// With what.
    pub rhs: Rhs,
    /// Where the right-hand side stands, in bytes.
    pub rhs_offset: usize,
    /// Where the comparison ends, in bytes.
    pub end: usize,
}

/// Something that is extracted from an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A field.
    Field(Field),
    /// A transformer with its arguments.
    Call(Call),
}

/// A field with what stood in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it stands, in bytes.
    pub offset: usize,
    /// The name: `proc.aname`.
    pub name: String,
    /// The argument: `2` in `proc.aname[2]`.
    pub argument: Option<String>,
}

/// A transformer with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Where it stands, in bytes.
    pub offset: usize,
    /// Which.
    pub transformer: Transformer,
    /// To what it is applied.
    pub arguments: Vec<Argument>,
    /// What stood in brackets behind it.
    pub selector: Option<String>,
}

/// An argument of a transformer.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A field or another transformer.
    Operand(Operand),
    /// A quoted string or a number.
    Text(Vec<u8>),
    /// A list in parentheses.
    List(Vec<Argument>),
}

/// The right-hand side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Rhs {
    /// Nothing, behind `exists`.
    None,
    /// A string or a number.
    Value(Vec<u8>),
    /// A word where a list is expected: the name of a list that nobody substituted, so it means itself.
    Word(String),
    /// A list in parentheses.
    List(Vec<Vec<u8>>),
    /// `val(field)`
    Val(Field),
    /// A transformer.
    Call(Call),
}

// === impl Node ===

impl Node {
    /// Where the node starts, in bytes of the condition.
    pub fn offset(&self) -> usize {
        let mut node = self;
        loop {
            match node {
                Self::And(children) | Self::Or(children) => match children.first() {
                    Some(first) => node = first,
                    None => return 0,
                },
                Self::Not(child) => node = child,
                Self::Identifier(identifier) => return identifier.offset,
                Self::Check(check) => return check.lhs.offset(),
            }
        }
    }

    /// Calls `visit` with every macro's name in the condition.
    pub fn for_each_identifier<'node>(&'node self, visit: &mut dyn FnMut(&'node Identifier)) {
        let mut pending = vec![self];
        while let Some(node) = pending.pop() {
            match node {
                Self::And(children) | Self::Or(children) => pending.extend(children.iter().rev()),
                Self::Not(child) => pending.push(child),
                Self::Identifier(identifier) => visit(identifier),
                Self::Check(_) => {}
            }
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (children, operator) = match self {
            Self::And(children) => (children, " and "),
            Self::Or(children) => (children, " or "),
            // Two `not` side by side would cancel each other when they are read.
            Self::Not(child) if f.alternate() && matches!(**child, Self::Not(_)) => {
                f.write_str("not (")?;
                child.fmt(f)?;
                return f.write_str(")");
            }
            Self::Not(child) => {
                f.write_str("not ")?;
                return child.fmt(f);
            }
            // A macro of this name is possible where no space follows, and read as such only there.
            Self::Identifier(identifier) if f.alternate() && identifier.name == "not" => {
                return f.write_str("(not)");
            }
            Self::Identifier(identifier) => return f.write_str(&identifier.name),
            Self::Check(check) => return check.fmt(f),
        };
        f.write_str("(")?;
        write_joined(f, children, operator, |f, child| child.fmt(f))?;
        f.write_str(")")
    }
}

// === impl Check ===

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lhs.fmt(f)?;
        write!(f, " {}", self.operator_text)?;
        if let Some(modifier) = self.modifier {
            write!(f, " {modifier}")?;
        }
        if self.rhs == Rhs::None {
            return Ok(());
        }
        f.write_str(" ")?;
        self.rhs.fmt(f)
    }
}

// === impl Operand ===

impl Operand {
    /// Where it starts, in bytes of the condition.
    pub fn offset(&self) -> usize {
        match self {
            Self::Field(field) => field.offset,
            Self::Call(call) => call.offset,
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => field.fmt(f),
            Self::Call(call) => call.fmt(f),
        }
    }
}

// === impl Field ===

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        write_bracketed(f, self.argument.as_deref())
    }
}

// === impl Call ===

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.transformer)?;
        write_joined(f, &self.arguments, ", ", |f, argument| argument.fmt(f))?;
        f.write_str(")")?;
        write_bracketed(f, self.selector.as_deref())
    }
}

// === impl Argument ===

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operand(operand) => operand.fmt(f),
            // Only quotes and numbers are readable here.
            Self::Text(text) if f.alternate() => f.write_str(&quote_always(text)),
            Self::Text(text) => f.write_str(&quote_as_falco(text)),
            Self::List(members) => {
                f.write_str("(")?;
                write_joined(f, members, ", ", |f, member| member.fmt(f))?;
                f.write_str(")")
            }
        }
    }
}

// === impl Rhs ===

impl fmt::Display for Rhs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Value(value) => write_value(f, value),
            Self::Word(word) => f.write_str(word),
            Self::List(values) => {
                f.write_str("(")?;
                write_joined(f, values, ", ", |f, value| write_value(f, value))?;
                f.write_str(")")
            }
            Self::Val(field) => {
                f.write_str("val(")?;
                field.fmt(f)?;
                f.write_str(")")
            }
            Self::Call(call) => call.fmt(f),
        }
    }
}

/// Writes `items` with `separator` between them.
pub(crate) fn write_joined<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    separator: &str,
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write(f, item)?;
    }
    Ok(())
}

/// Writes a value of a comparison, quoted as the form (plain or alternate) asks.
pub(crate) fn write_value(f: &mut fmt::Formatter<'_>, value: &[u8]) -> fmt::Result {
    let text = if f.alternate() { quote_for_reading(value) } else { quote_as_falco(value) };
    // What would be read as a modifier or a transformer has to be quoted to stay a string.
    let is_word = f.alternate() && (Modifier::ALL.iter().any(|word| word.as_str() == text));
    if is_word { write!(f, "\"{text}\"") } else { f.write_str(&text) }
}

/// Writes a field's or a transformer's brackets.
pub(crate) fn write_bracketed(f: &mut fmt::Formatter<'_>, argument: Option<&str>) -> fmt::Result {
    match argument {
        None => Ok(()),
        Some(argument) if f.alternate() => write!(f, "[{}]", quote_always(argument.as_bytes())),
        Some(argument) => write!(f, "[{}]", quote_as_falco(argument.as_bytes())),
    }
}

fn quote_always(text: &[u8]) -> String {
    let quoted = quote_for_reading(text);
    if quoted.starts_with('"') { quoted } else { format!("\"{quoted}\"") }
}
