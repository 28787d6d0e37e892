//! Where to listen.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// An address to listen on: `IP:PORT` or `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// The text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no address to listen on: expected IP:PORT, such as 127.0.0.1:7443 or [::1]:7443, or unix:PATH"
)]
pub struct ListenAddressError {
    text: String,
}

// === impl ListenAddress ===

impl ListenAddress {
    /// Only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// How a gRPC client calls it in plain text.
    pub fn uri(&self) -> String {
        match self {
            Self::Tcp(address) => format!("http://{address}"),
            Self::Unix(path) => format!("unix:{}", path.display()),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, ListenAddressError> {
        let error = || ListenAddressError { text: text.to_owned() };
        match text.strip_prefix("unix:") {
            // Also as URIs have it: unix:///run/eyrie.sock.
            Some(path) => match path.strip_prefix("//").unwrap_or(path) {
                "" => Err(error()),
                path => Ok(Self::Unix(path.into())),
            },
            None => text.parse().map(Self::Tcp).map_err(|_| error()),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: addresses of all kinds. Guarantees: they are read as meant, and only loopback and sockets are local.
    #[test]
    fn addresses_are_read_and_known_as_local_or_not() {
        for (text, is_local) in [
            ("127.0.0.1:7443", true),
            ("127.9.9.9:1", true),
            ("[::1]:7443", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("unix:/run/eyrie.sock", true),
            ("0.0.0.0:7443", false),
            ("[::]:7443", false),
            ("10.0.0.1:7443", false),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.is_local(), is_local, "{text}");
            assert_eq!(address.to_string(), text);
        }
        assert_eq!("unix:///a/b".parse(), Ok(ListenAddress::Unix("/a/b".into())));
        for text in ["", "unix:", "unix://", "localhost", "127.0.0.1", ":7443"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }
}
