//! A condition after parsing, expansion and type checking: what evaluators work on.
//!
//! Macros and lists are gone, fields are resolved against the [`Catalogue`](crate::Catalogue), operators are known to
//! fit their operands. The text form is [`Expr`]'s `Display`: Falco's canonical rendering (`condition_compiled`).

mod display;
pub(crate) mod names;

use crate::catalogue::{FieldId, FieldType};

/// A checked condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// Holds if all parts hold; never empty.
    And(Vec<Expr>),
    /// Holds if one part holds; never empty.
    Or(Vec<Expr>),
    /// Holds if the part does not hold.
    Not(Box<Expr>),
    /// One comparison.
    Check(Check),
}

/// One comparison of an extracted value.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What is compared.
    pub lhs: Operand,
    /// How.
    pub operator: Operator,
    /// `startswith oneof (…)` and its like.
    pub modifier: Option<Modifier>,
    /// With what; [`Rhs::None`] for `exists`.
    pub rhs: Rhs,
}

/// A value that is extracted from an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A field.
    Field(FieldRef),
    /// A function of other operands.
    Transformed(Transform),
}

/// A field as a rule names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldRef {
    /// Its place in the catalogue.
    pub id: FieldId,
    /// Its name, without the argument.
    pub name: String,
    /// What stood in brackets or behind a dot.
    pub argument: Option<String>,
    /// Whether the argument stood behind a dot.
    pub is_dotted: bool,
    /// Its type, with that argument.
    pub field_type: FieldType,
    /// Whether its value is a list.
    pub is_list: bool,
}

/// A transformer applied to its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Transform {
    /// Which.
    pub kind: Transformer,
    /// To what, in order.
    pub arguments: Vec<TransformArgument>,
    /// What stood in brackets after it (`getopt(…)[x]`).
    pub selector: Option<String>,
}

/// What a transformer may be applied to.
#[derive(Clone, Debug, PartialEq)]
pub enum TransformArgument {
    /// An extracted value.
    Operand(Operand),
    /// A literal.
    Text(Vec<u8>),
    /// A list of literals.
    List(Vec<Vec<u8>>),
    /// A list that holds extracted values too, as in `join(",", (proc.name, proc.pname))`.
    Members(Vec<TransformArgument>),
}

/// Falco's transformers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transformer {
    /// `tolower(…)`
    ToLower,
    /// `toupper(…)`
    ToUpper,
    /// `b64(…)`: decodes
    B64,
    /// `basename(…)`
    Basename,
    /// `len(…)`
    Len,
    /// `join(separator, list)`
    Join,
    /// `concat(…)`
    Concat,
    /// `getopt(list, options)`
    Getopt,
}

/// The right-hand side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Rhs {
    /// Nothing, for `exists`.
    None,
    /// One literal.
    Literal(Literal),
    /// The literals of a list.
    List(Vec<Literal>),
    /// `val(field)`, or a transformer.
    Operand(Operand),
}

/// A literal, as written and as its left-hand side understands it.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// The characters after unquoting and unescaping.
    pub text: Vec<u8>,
    /// The value that they stand for in a comparison with the left-hand side's type.
    pub value: LiteralValue,
}

/// A literal's value.
#[derive(Clone, Debug, PartialEq)]
pub enum LiteralValue {
    /// Text or bytes: compare with [`Literal::text`].
    Text,
    /// Bytes, from the hexadecimal digits of `bcontains` and `bstartswith`.
    Bytes(Vec<u8>),
    /// A signed number.
    Int(i64),
    /// An unsigned number.
    Uint(u64),
    /// A floating point number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// An address.
    Ip(std::net::IpAddr),
    /// A network: address and prefix length in bits.
    Net(std::net::IpAddr, u8),
}

/// The operators of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `=` and `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `contains`
    Contains,
    /// `icontains`
    IContains,
    /// `bcontains`
    BContains,
    /// `startswith`
    StartsWith,
    /// `bstartswith`
    BStartsWith,
    /// `endswith`
    EndsWith,
    /// `glob`
    Glob,
    /// `iglob`
    IGlob,
    /// `regex`, anchored at both ends
    Regex,
    /// `in`
    In,
    /// `intersects`
    Intersects,
    /// `pmatch`
    PMatch,
    /// `exists`
    Exists,
}

/// How many members of a list a string operator has to hold for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Modifier {
    /// Exactly one.
    OneOf,
    /// At least one.
    AnyOf,
    /// Every one.
    AllOf,
}

// === impl Operand ===

impl Operand {
    /// The type of the extracted value, or of its elements.
    pub fn field_type(&self) -> FieldType {
        match self {
            Self::Field(field) => field.field_type,
            Self::Transformed(transform) => transform.field_type(),
        }
    }

    /// Whether the extracted value is a list.
    pub fn is_list(&self) -> bool {
        match self {
            Self::Field(field) => field.is_list,
            Self::Transformed(transform) => transform.is_list(),
        }
    }

    /// The field, or the one that transformers of a single value are applied to.
    pub fn transformed_field(&self) -> Option<&FieldRef> {
        match self {
            Self::Field(field) => Some(field),
            Self::Transformed(transform) if transform.kind.takes_one_value() => {
                match transform.arguments.first() {
                    Some(TransformArgument::Operand(operand)) => operand.transformed_field(),
                    _ => None,
                }
            }
            Self::Transformed(_) => None,
        }
    }

    /// Tells every field in it, from the left.
    pub fn for_each_field<'operand>(&'operand self, tell: &mut dyn FnMut(&'operand FieldRef)) {
        match self {
            Self::Field(field) => tell(field),
            Self::Transformed(transform) => {
                transform.arguments.iter().for_each(|argument| argument.for_each_field(tell));
            }
        }
    }
}

// === impl TransformArgument ===

impl TransformArgument {
    fn for_each_field<'argument>(&'argument self, tell: &mut dyn FnMut(&'argument FieldRef)) {
        match self {
            Self::Operand(operand) => operand.for_each_field(tell),
            Self::Members(members) => members.iter().for_each(|member| member.for_each_field(tell)),
            Self::Text(_) | Self::List(_) => {}
        }
    }
}

// === impl Transformer ===

impl Transformer {
    /// Whether it changes one value and keeps what is declared of its field.
    pub fn takes_one_value(self) -> bool {
        !matches!(self, Self::Join | Self::Concat | Self::Getopt)
    }
}

// === impl Transform ===

impl Transform {
    /// The type of what the transformer gives, or of its elements.
    pub fn field_type(&self) -> FieldType {
        match (self.kind, self.arguments.first()) {
            (Transformer::Len, _) => FieldType::Uint64,
            // These keep the type of what they change.
            (
                Transformer::ToLower | Transformer::ToUpper | Transformer::Basename | Transformer::B64,
                Some(TransformArgument::Operand(operand)),
            ) => operand.field_type(),
            _ => FieldType::CharBuf,
        }
    }

    /// Whether the transformer gives a list.
    pub fn is_list(&self) -> bool {
        match (self.kind, self.arguments.first()) {
            (Transformer::Len | Transformer::Join | Transformer::Concat, _) => false,
            (Transformer::Getopt, _) => self.selector.is_none(),
            (_, Some(TransformArgument::Operand(operand))) => operand.is_list(),
            _ => false,
        }
    }
}
