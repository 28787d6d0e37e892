//! Where a service is.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

use tonic::transport::Uri;

use crate::address::ListenAddress;

/// Where a service listens: `http://HOST:PORT`, `https://HOST:PORT` or `unix:/PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServiceAddress {
    /// A name or address, and a port.
    Tcp {
        /// A DNS name or an IP address; IPv6 without brackets.
        host: String,
        /// The port.
        port: u16,
        /// Whether TLS is spoken there.
        is_tls: bool,
    },
    /// A Unix socket of this machine.
    Unix(PathBuf),
}

/// The text is no address of a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no address of a service: {problem}; write https://HOST:PORT, http://HOST:PORT or unix:/PATH"
)]
pub struct ServiceAddressError {
    text: String,
    problem: &'static str,
}

// === impl ServiceAddress ===

impl ServiceAddress {
    /// How what listens at `address` is reached from this machine.
    pub fn of_listener(address: &ListenAddress, is_tls: bool) -> Self {
        match address {
            ListenAddress::Unix(path) => Self::Unix(path.clone()),
            ListenAddress::Tcp(address) => {
                let ip = match address.ip() {
                    // Every address has this machine's own among them.
                    IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
                    IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
                    ip => ip,
                };
                Self::Tcp { host: ip.to_string(), port: address.port(), is_tls }
            }
        }
    }

    /// Whether what is said there stays on this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                let ip = host.parse::<IpAddr>();
                host == "localhost" || ip.is_ok_and(|ip| ip.to_canonical().is_loopback())
            }
        }
    }

    /// Whether TLS is spoken there.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tcp { is_tls: true, .. })
    }
}

impl FromStr for ServiceAddress {
    type Err = ServiceAddressError;

    fn from_str(text: &str) -> Result<Self, ServiceAddressError> {
        let error = |problem| ServiceAddressError { text: text.to_owned(), problem };
        if let Some(path) = text.strip_prefix("unix:") {
            // Also as URIs have it: unix:///run/eyrie.sock.
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                Err(error("the path of the socket is not absolute"))
            };
        }
        let uri: Uri = text.parse().map_err(|_| error("it is no URI"))?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(error("it begins neither with https:// nor with http:// or unix:")),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(error("after the port comes nothing"));
        }
        let authority = uri.authority().ok_or_else(|| error("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(error("it has a user, and certificates say who we are"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(error("it names no host"));
        }
        let port = authority.port_u16().filter(|port| *port != 0).ok_or_else(|| error("it names no port"))?;
        Ok(Self::Tcp { host: host.to_ascii_lowercase(), port, is_tls })
    }
}

impl fmt::Display for ServiceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port, is_tls } => {
                let scheme = if *is_tls { "https" } else { "http" };
                if host.contains(':') {
                    write!(f, "{scheme}://[{host}]:{port}")
                } else {
                    write!(f, "{scheme}://{host}:{port}")
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Scenario: addresses on and off this machine, with TLS and without. Guarantees: they are read as meant, written as they
    /// were read, and only loopback and sockets are local.
    #[test]
    fn addresses_are_read_and_known_as_local_or_not() {
        for (text, is_local, is_tls) in [
            ("http://127.0.0.1:7443", true, false),
            ("http://[::1]:7443", true, false),
            ("http://[::ffff:127.0.0.1]:1", true, false),
            ("http://localhost:1", true, false),
            ("https://localhost:1", true, true),
            ("unix:/run/eyrie.sock", true, false),
            ("http://10.0.0.1:7443", false, false),
            ("https://engine.example.org:7443", false, true),
            ("http://localhost.evil.example:1", false, false),
            ("https://[2001:db8::1]:7443", false, true),
        ] {
            let address: ServiceAddress = text.parse().unwrap();
            assert_eq!((address.is_local(), address.is_tls()), (is_local, is_tls), "{text}");
            assert_eq!(address.to_string(), text);
        }
        assert_eq!("unix:///a/b".parse(), Ok(ServiceAddress::Unix("/a/b".into())));
        assert_eq!("HTTPS://Engine:1/".parse::<ServiceAddress>().unwrap().to_string(), "https://engine:1");
    }

    /// Scenario: what is no address. Guarantees: an error each that says what an address looks like.
    #[test]
    fn wrong_addresses_are_refused() {
        for text in [
            "",
            "127.0.0.1:7443",
            "ftp://e:1",
            "unix:",
            "unix:relative",
            "http://",
            "http://a b:1",
            "http://engine",
            "http://engine:0",
            "http://engine:99999",
            "http://me@engine:1",
            "https://engine:1/path",
            "https://engine:1?query",
        ] {
            let error = text.parse::<ServiceAddress>().unwrap_err().to_string();
            assert!(error.contains("https://HOST:PORT"), "{error}");
        }
    }

    /// Scenario: what a listener bound to. Guarantees: it is called by an address of this machine.
    #[test]
    fn a_listener_is_reached_from_its_machine() {
        let of = |text: &str, is_tls| ServiceAddress::of_listener(&text.parse().unwrap(), is_tls).to_string();
        assert_eq!(of("0.0.0.0:7443", true), "https://127.0.0.1:7443");
        assert_eq!(of("[::]:7443", false), "http://[::1]:7443");
        assert_eq!(of("10.0.0.1:7443", true), "https://10.0.0.1:7443");
        assert_eq!(of("unix:/a", false), "unix:/a");
    }

    proptest! {
        /// Scenario: any text. Guarantees: reading ends, and what is taken reads the same after it was written.
        #[test]
        fn any_text_is_answered(text in "(https?://|unix:)?.{0,40}") {
            if let Ok(address) = text.parse::<ServiceAddress>() {
                prop_assert_eq!(address.to_string().parse::<ServiceAddress>().unwrap(), address);
            }
        }
    }
}
