//! Addresses of engines, and which of them may be spoken to in plain text.

use std::{fmt, net::IpAddr, str::FromStr};

use thiserror::Error;
use tonic::transport::Uri;

/// Where an engine listens: `http://HOST:PORT` or `unix:/PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineAddress {
    text: String,
    is_local: bool,
}

/// Why an address cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    /// It cannot be read.
    #[error("{address:?} is no address of an engine: {problem}; write http://HOST:PORT or unix:/PATH")]
    Malformed {
        /// The address.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// TLS is asked for, and this version has none.
    #[error(
        "{address:?} asks for TLS, which this version does not speak yet; use http:// to a loopback \
             address, for instance the end of a tunnel, or unix:/PATH"
    )]
    TlsUnsupported {
        /// The address.
        address: String,
    },
    /// Events would leave the machine unencrypted.
    #[error(
        "{address:?} is not on this machine, and events would go there in plain text; use a loopback address or \
             unix:/PATH, or allow it by --insecure"
    )]
    PlainText {
        /// The address.
        address: String,
    },
}

// === impl EngineAddress ===

impl EngineAddress {
    /// Refuses plain text to another machine unless `is_insecure_allowed`.
    pub fn check(self, is_insecure_allowed: bool) -> Result<Self, AddressError> {
        if self.is_local || is_insecure_allowed {
            return Ok(self);
        }
        Err(AddressError::PlainText { address: self.text })
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for EngineAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let malformed =
            |problem: &str| AddressError::Malformed { address: text.to_owned(), problem: problem.to_owned() };
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') {
                Ok(Self { text: text.to_owned(), is_local: true })
            } else {
                Err(malformed("the path of the socket is not absolute"))
            };
        }
        let uri: Uri = text.parse().map_err(|_| malformed("it is no URI"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(AddressError::TlsUnsupported { address: text.to_owned() }),
            _ => return Err(malformed("it does not begin with http:// or unix:")),
        }
        let host = uri.host().ok_or_else(|| malformed("it names no host"))?;
        Ok(Self { text: text.to_owned(), is_local: is_loopback(host) })
    }
}

impl Default for EngineAddress {
    /// This machine, at the engine's own default port.
    fn default() -> Self {
        Self { text: "http://127.0.0.1:7443".to_owned(), is_local: true }
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, insecure: bool) -> Result<EngineAddress, AddressError> {
        text.parse::<EngineAddress>()?.check(insecure)
    }

    /// Scenario: addresses on and off this machine. Guarantees: plain text leaves the machine only by leave.
    #[test]
    fn plain_text_stays_on_the_machine() {
        for local in ["http://127.0.0.1:7443", "http://[::1]:7443", "http://localhost:1", "unix:/run/e.sock"]
        {
            assert_eq!(check(local, false).unwrap().as_str(), local);
        }
        for remote in ["http://10.0.0.1:7443", "http://engine:7443", "http://localhost.evil.example:1"] {
            assert!(matches!(check(remote, false), Err(AddressError::PlainText { .. })), "{remote}");
            assert!(check(remote, true).is_ok());
        }
    }

    /// Scenario: what is no address. Guarantees: a clear error each, also where plain text would be allowed.
    #[test]
    fn wrong_addresses_are_refused() {
        assert!(matches!(check("https://e:1", true), Err(AddressError::TlsUnsupported { .. })));
        for wrong in ["", "127.0.0.1:7443", "ftp://e:1", "unix:relative", "http://", "http://a b"] {
            assert!(matches!(check(wrong, true), Err(AddressError::Malformed { .. })), "{wrong}");
        }
    }
}
