//! Parameters' bytes and what they say.

use std::net::IpAddr;

use crate::{InternetAddress, table::ParameterType};

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

/// The bytes are not of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length} bytes cannot be a {parameter_type:?}")]
pub struct ValueError {
    /// What they should be.
    pub parameter_type: ParameterType,
    /// How many there are.
    pub length: usize,
}

/// What the bytes of a parameter say; `None` if it is absent (no bytes).
pub fn decode(parameter_type: ParameterType, bytes: &[u8]) -> Result<Option<Value>, ValueError> {
    let _ = IpAddr::is_ipv4;
    Err(ValueError { parameter_type, length: bytes.len() })
}

/// Appends the bytes of a value; a value that is not of the type is an error.
pub fn encode(parameter_type: ParameterType, value: &Value, bytes: &mut Vec<u8>) -> Result<(), ValueError> {
    let _ = value;
    Err(ValueError { parameter_type, length: bytes.len() })
}

/// Strings that end with NUL each: arguments, environment, control groups. The last NUL may be missing.
pub fn split_strings(bytes: &[u8]) -> Vec<Vec<u8>> {
    let _ = bytes;
    Vec::new()
}
