//! The first bytes of a connection.

use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What every HTTP/2 client sends first (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a wrong greeting that are shown.
const SHOWN_BYTES: usize = 16;

/// The preface was read off the stream: the server has to be given it again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Greeting(());

/// The connection does not begin as it should.
#[derive(Debug)]
pub(crate) enum GreetingError {
    /// It was closed before it said anything, as health checks do, or it broke.
    Closed,
    /// It was closed within the greeting.
    Short(Vec<u8>),
    /// It says something else.
    Wrong(Vec<u8>),
}

// === impl Greeting ===

impl Greeting {
    /// Reads the preface, and gives up at the first byte that is not of it.
    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self, GreetingError> {
        let mut buffer = [0; PREFACE.len()];
        let mut length = 0;
        while length < PREFACE.len() {
            let rest = buffer.get_mut(length..).unwrap_or_default();
            let count = stream.read(rest).await.map_err(|_: io::Error| GreetingError::Closed)?;
            if count == 0 && length == 0 {
                return Err(GreetingError::Closed);
            }
            length += count;
            let read = buffer.get(..length).unwrap_or_default();
            if !PREFACE.starts_with(read) {
                return Err(GreetingError::Wrong(read.to_vec()));
            }
            if count == 0 {
                return Err(GreetingError::Short(read.to_vec()));
            }
        }
        Ok(Self(()))
    }

    /// What was read.
    pub(crate) fn bytes(self) -> &'static [u8] {
        PREFACE
    }
}

// === impl GreetingError ===

impl GreetingError {
    /// Not worth a line in the log.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

impl fmt::Display for GreetingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, bytes) = match self {
            Self::Closed => return f.write_str("it was closed before it said anything"),
            Self::Short(bytes) => ("it was closed within its greeting", bytes),
            Self::Wrong(bytes) => ("it does not speak HTTP/2", bytes),
        };
        write!(f, "{what}; its first bytes are")?;
        for byte in bytes.iter().take(SHOWN_BYTES) {
            write!(f, " {byte:02x}")?;
        }
        match bytes.as_slice() {
            [0x16, 0x03, ..] => f.write_str(
                " (TLS): this port speaks plain text, use http:// there, or give the server a certificate",
            ),
            [b'G' | b'H' | b'D' | b'O', b'A'..=b'Z', ..] | [b'P', b'U' | b'O' | b'A', ..] => {
                f.write_str(" (HTTP/1): this port speaks gRPC only")
            }
            _ => f.write_str("; point gRPC clients of Eyrie at this port, and nothing else"),
        }
    }
}
