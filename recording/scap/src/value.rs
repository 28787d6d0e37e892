//! Parameters' bytes and what they say.

use crate::{InternetAddress, table::ParameterType};

mod decode;
mod encode;

pub use self::{decode::decode, encode::encode};

/// What a parameter says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// Any signed number: errno, fd, pid, int8 to int64.
    Signed(i64),
    /// Any unsigned number: flags, ids, times, ports, booleans.
    Unsigned(u64),
    /// Text without its NUL.
    Text(Vec<u8>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An address.
    Address(SocketAddress),
    /// Two ends.
    Tuple(SocketTuple),
    /// Descriptors with `PPM_POLL*` flags.
    Descriptors(Vec<(i64, u16)>),
    /// A value of one of several types, by the index of its type.
    Dynamic(u8, Box<Value>),
}

/// A socket's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketAddress {
    /// IPv4 or IPv6.
    Internet(InternetAddress),
    /// A path.
    Unix(Vec<u8>),
    /// Another family, with its bytes.
    Other(u8, Vec<u8>),
}

/// The two ends of a connection, in the order of the event: see `scap-events` for which is whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketTuple {
    /// IPv4 or IPv6.
    Internet {
        /// The first.
        source: InternetAddress,
        /// The second.
        destination: InternetAddress,
    },
    /// Unix: kernel addresses and a path.
    Unix {
        /// The first.
        source: u64,
        /// The second.
        destination: u64,
        /// Of the server's end.
        path: Vec<u8>,
    },
    /// Another family, with its bytes.
    Other(u8, Vec<u8>),
}

/// Bytes and a type, or a value and a type, do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// There are not as many bytes as the type has.
    #[error("{length} bytes cannot be a {parameter_type}")]
    Length {
        /// What they should be.
        parameter_type: ParameterType,
        /// How many there are.
        length: usize,
    },
    /// A value of another kind.
    #[error("{value:?} cannot be a {parameter_type}")]
    Kind {
        /// What it should be.
        parameter_type: ParameterType,
        /// What it is.
        value: Value,
    },
    /// Text with a NUL byte in it, where it would end.
    #[error("text with a NUL byte cannot be a {parameter_type}")]
    Nul {
        /// What it should be.
        parameter_type: ParameterType,
    },
    /// An event without such a parameter.
    #[error("event {code} has no parameter {name}")]
    NoParameter {
        /// The event's code.
        code: u16,
        /// The name that was asked for.
        name: String,
    },
}

// Families of addresses, Linux's numbers.
const FAMILY_UNIX: u8 = 1;
const FAMILY_IPV4: u8 = 2;
const FAMILY_IPV6: u8 = 10;

/// Strings that end with NUL each: arguments, environment, control groups. The last NUL may be missing.
pub fn split_strings(bytes: &[u8]) -> Vec<Vec<u8>> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}

/// Strings with a NUL behind each: what [`split_strings`] takes apart.
pub fn join_strings(strings: &[Vec<u8>]) -> Vec<u8> {
    strings.iter().flat_map(|string| string.iter().chain(&[0])).copied().collect()
}

#[cfg(test)]
pub(crate) mod tests;
