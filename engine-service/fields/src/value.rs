//! Values as they come out of events.

use std::{borrow::Cow, net::IpAddr};

use crate::named_ip::NamedIp;

/// What an extraction gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Extracted<'a> {
    /// A value.
    Value(Value<'a>),
    /// It is known that there is no value: Falco's missing value, on which every comparison is false.
    Absent,
    /// There may be a value, but metadata has not said so yet.
    Unknown,
}

/// An extracted value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text, a path or raw bytes. Linux gives no guarantee that any of them is UTF-8.
    Bytes(Cow<'a, [u8]>),
    /// A signed number.
    Int(i64),
    /// An unsigned number.
    Uint(u64),
    /// True or false.
    Bool(bool),
    /// A floating point number.
    Double(f64),
    /// An address.
    Ip(IpAddr),
    /// A point in time that shows as text and counts as nanoseconds since the epoch where values are typed (Falco's
    /// JSON output does this for `evt.time` and its relatives).
    Time {
        /// Nanoseconds since the epoch.
        epoch_ns: u64,
        /// What conditions and messages see.
        text: String,
    },
    /// Several values.
    List(Vec<Value<'a>>),
    /// The same of both ends of a connection, for the fields that mean either end (`fd.ip`): the client or local one
    /// first. Equality holds if it holds for one end, inequality if it holds for both.
    EitherEnd(Box<[Value<'a>; 2]>),
    /// The same of several processes, for the fields that mean any ancestor (`proc.aname`): whatever the comparison, it
    /// holds if it holds for one of them.
    AnyOf(Vec<Value<'a>>),
    /// An address that compares by its names (`fd.sip.name`): equal to each of them. It shows as the first.
    NamedIp(NamedIp<'a>),
}

// === impl Extracted ===

impl<'a> Extracted<'a> {
    /// Borrowed bytes.
    pub(crate) fn bytes(bytes: &'a [u8]) -> Self {
        Self::Value(Value::Bytes(Cow::Borrowed(bytes)))
    }

    /// Borrowed bytes; absent if there are none.
    pub(crate) fn bytes_unless_empty(bytes: &'a [u8]) -> Self {
        if bytes.is_empty() { Self::Absent } else { Self::bytes(bytes) }
    }

    /// Bytes that were put together.
    pub(crate) fn owned(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Value(Value::Bytes(Cow::Owned(bytes.into())))
    }

    /// The same for what may be missing.
    pub(crate) fn from_option(value: Option<Value<'a>>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }

    /// The value, if there is one.
    pub fn value(self) -> Option<Value<'a>> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Unknown => None,
        }
    }
}

impl<'a> From<Value<'a>> for Extracted<'a> {
    fn from(value: Value<'a>) -> Self {
        Self::Value(value)
    }
}

// === impl Value ===

impl<'a> Value<'a> {
    /// Borrowed or owned bytes.
    pub fn bytes(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// A text that lives as long as the program.
    pub(crate) fn text(text: &'static str) -> Self {
        Self::Bytes(Cow::Borrowed(text.as_bytes()))
    }

    /// Whether there is anything to be shown: of an address that nobody named there is not.
    pub fn is_there(&self) -> bool {
        match self {
            Self::NamedIp(ip) => ip.names().next().is_some(),
            _ => true,
        }
    }

    /// The value without borrows; an address becomes its first name.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Int(number) => Value::Int(number),
            Self::Uint(number) => Value::Uint(number),
            Self::Bool(value) => Value::Bool(value),
            Self::Double(number) => Value::Double(number),
            Self::Ip(ip) => Value::Ip(ip),
            Self::Time { epoch_ns, text } => Value::Time { epoch_ns, text },
            Self::List(values) => Value::List(values.into_iter().map(Value::into_owned).collect()),
            Self::AnyOf(values) => Value::AnyOf(values.into_iter().map(Value::into_owned).collect()),
            Self::EitherEnd(ends) => Value::EitherEnd(Box::new(ends.map(Value::into_owned))),
            Self::NamedIp(ip) => Value::bytes(ip.names().next().unwrap_or_default().as_bytes().to_vec()),
        }
    }
}
