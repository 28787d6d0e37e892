//! Where the bucket is, and how it is to be.

use std::{fmt, path::PathBuf, str::FromStr};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Servers that are named; more are learned from them.
const MAX_SERVERS: usize = 16;

/// A bucket of NATS JetStream that several metadata services share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsConfig {
    /// Servers of one NATS cluster.
    pub servers: NatsServers,
    /// The bucket's name.
    pub bucket: String,
    /// Servers that keep it, if it has to be made.
    pub replicas: u8,
    /// Where they keep it, if it has to be made.
    pub storage: NatsStorage,
    /// A file as `nsc` makes it, with the user's JWT and key.
    pub credentials: Option<PathBuf>,
    /// Authorities that the servers' certificates are of.
    pub tls_ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub tls_identity: Option<(PathBuf, PathBuf)>,
}

/// Where a bucket is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NatsStorage {
    /// On disks.
    #[default]
    File,
    /// In memory: gone when all servers that keep it are down at the same time.
    Memory,
}

/// `nats://HOST:PORT` or `tls://HOST:PORT`, several with commas between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsServers(Vec<async_nats::ServerAddr>);

/// Why servers cannot be used. What was given is not repeated: it might hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NatsServersError {
    /// It is no address.
    #[error("server {number} is no nats://HOST:PORT or tls://HOST:PORT")]
    NoAddress {
        /// Counted from 1.
        number: usize,
    },
    /// A secret where everybody sees it.
    #[error(
        "server {number} has a user or a password in its address: put them into a file, --nats-credentials FILE"
    )]
    HasSecret {
        /// Counted from 1.
        number: usize,
    },
    /// There are none, or too many.
    #[error("there are {found} servers: name 1 to {MAX_SERVERS}")]
    Count {
        /// How many.
        found: usize,
    },
}

// === impl NatsServers ===

impl NatsServers {
    /// The addresses.
    pub(super) fn addresses(&self) -> Vec<async_nats::ServerAddr> {
        self.0.clone()
    }

    /// The first server that would be spoken to in plain text over a network.
    pub fn plain_text_over_network(&self) -> Option<String> {
        let is_local = |host: &str| {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        };
        let plain = self.0.iter().find(|server| !server.tls_required() && !is_local(server.host()));
        plain.map(|server| format!("{}:{}", server.host(), server.port()))
    }
}

impl FromStr for NatsServers {
    type Err = NatsServersError;

    fn from_str(text: &str) -> Result<Self, NatsServersError> {
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        if parts.is_empty() || parts.len() > MAX_SERVERS {
            return Err(NatsServersError::Count { found: parts.len() });
        }
        let server = |(index, part): (usize, &&str)| {
            let number = index + 1;
            if !part.starts_with("nats://") && !part.starts_with("tls://") {
                return Err(NatsServersError::NoAddress { number });
            }
            let server: async_nats::ServerAddr =
                part.parse().map_err(|_| NatsServersError::NoAddress { number })?;
            match server.username().is_some() || server.password().is_some() {
                true => Err(NatsServersError::HasSecret { number }),
                false => Ok(server),
            }
        };
        parts.iter().enumerate().map(server).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for NatsServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, server) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}://{}:{}", server.scheme(), server.host(), server.port())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: addresses as people write them, right and wrong. Guarantees: what is right reads back as it was written, what is
    /// wrong names the place, and a password is never repeated.
    #[test]
    fn servers_are_read_and_secrets_refused() {
        let read = |text: &str| text.parse::<NatsServers>();
        let two = "nats://127.0.0.1:4222,tls://nats.example.org:4223";
        assert_eq!(read(two).unwrap().to_string(), two);
        assert_eq!(read("nats://10.0.0.1").unwrap().to_string(), "nats://10.0.0.1:4222");
        assert_eq!(read(" "), Err(NatsServersError::Count { found: 0 }));
        assert_eq!(read("nats://a,http://b"), Err(NatsServersError::NoAddress { number: 2 }));
        let secret = read("nats://user:hush@a:4222").unwrap_err();
        assert!(!secret.to_string().contains("hush") && secret == NatsServersError::HasSecret { number: 1 });
        assert_eq!(read(two).unwrap().plain_text_over_network(), None);
        let plain = read("nats://[::1]:1,nats://10.0.0.1:2").unwrap();
        assert_eq!(plain.plain_text_over_network().as_deref(), Some("10.0.0.1:2"));
    }
}
