//! Makes connections to services.

mod connector;

use std::{error::Error, path::PathBuf, sync::Arc, time::Duration};

use tonic::{
    Status,
    transport::{Channel, Endpoint, Uri},
};

use self::connector::Connector;
use crate::{
    service_address::ServiceAddress,
    tls::{ClientTls, ClientTlsFiles, TlsError},
};

/// Until a connection stands, with its TLS, unless [`ServiceEndpoint::with`] says otherwise.
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// What a server that refuses our certificate says of it, as far as it can be mended here. It comes with the first answer
/// after the handshake (TLS 1.3), when only the text of the error is left.
const ALERTS: [(&str, &str); 4] = [
    (
        "alert: CertificateRequired",
        ": the service asks for a certificate, give one by --tls-cert and --tls-key",
    ),
    ("alert: UnknownCA", ": the service does not know the authority that signed our certificate"),
    ("alert: CertificateExpired", ": our certificate has expired"),
    // An alert of TLS, read as a frame of HTTP/2.
    ("frame with invalid size", ": the service may speak TLS, use https:// then"),
];

/// How a service is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSecurity {
    /// The authorities of the service's certificate; needed for `https://`.
    pub ca: Option<PathBuf>,
    /// Our own certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name that the service's certificate must have; the address's host otherwise.
    pub server_name: Option<String>,
    /// Plain text may leave this machine.
    pub is_insecure_allowed: bool,
}

/// A service that can be connected to, again and again.
///
/// Files of certificates are read at every connection that is made, also at those that a [`Channel`] makes by itself
/// after it lost one: what was rotated is used from then on.
#[derive(Clone, Debug)]
pub struct ServiceEndpoint {
    address: ServiceAddress,
    endpoint: Endpoint,
    tls: Option<Arc<ClientTls>>,
}

/// Why a service cannot be connected to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// What is said would leave the machine unencrypted.
    #[error(
        "{address} is not on this machine, and plain text would go there: use https://, a loopback address or unix:/PATH, \
         or say --insecure if the network is trusted"
    )]
    PlainText {
        /// The address.
        address: ServiceAddress,
    },
    /// TLS without anybody to trust.
    #[error("{address} asks for TLS: name the CA that signed the service's certificate by --tls-ca")]
    CaMissing {
        /// The address.
        address: ServiceAddress,
    },
    /// Files of TLS for an address without.
    #[error("{address} has no TLS, and files for TLS are given: use https://, or leave them out")]
    TlsNotApplicable {
        /// The address.
        address: ServiceAddress,
    },
    /// The files of TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address cannot be called.
    #[error("{address} cannot be called: {detail}")]
    Address {
        /// The address.
        address: ServiceAddress,
        /// What is wrong.
        detail: String,
    },
    /// Nobody answers there, or not as we want.
    #[error("cannot connect to {address}: {detail}")]
    Connect {
        /// The address.
        address: ServiceAddress,
        /// Why, with causes.
        detail: String,
    },
}

// === impl ClientSecurity ===

impl ClientSecurity {
    /// Whether `address` may be spoken to in this way. Reads no files.
    pub fn check(&self, address: &ServiceAddress) -> Result<(), ConnectError> {
        self.tls(address).map(|_| ())
    }

    /// Whether anything of TLS is given.
    fn has_tls(&self) -> bool {
        self.ca.is_some() || self.identity.is_some() || self.server_name.is_some()
    }

    /// TLS towards `address`, if it is spoken there; an error if what is asked for cannot be had.
    fn tls(&self, address: &ServiceAddress) -> Result<Option<ClientTls>, ConnectError> {
        let named = || address.clone();
        match (address, &self.ca) {
            (ServiceAddress::Tcp { is_tls: true, .. }, None) => {
                Err(ConnectError::CaMissing { address: named() })
            }
            (ServiceAddress::Tcp { host, is_tls: true, .. }, Some(ca)) => {
                let files = ClientTlsFiles { ca: ca.clone(), identity: self.identity.clone() };
                Ok(Some(ClientTls::new(files, self.server_name.as_deref().unwrap_or(host))?))
            }
            _ if self.has_tls() => Err(ConnectError::TlsNotApplicable { address: named() }),
            _ if address.is_local() || self.is_insecure_allowed => Ok(None),
            _ => Err(ConnectError::PlainText { address: named() }),
        }
    }
}

// === impl ServiceEndpoint ===

impl ServiceEndpoint {
    /// The service at `address`, if it may be spoken to in this way. Reads the files of TLS once, to say early what is
    /// wrong with them.
    pub fn new(address: ServiceAddress, security: &ClientSecurity) -> Result<Self, ConnectError> {
        let tls = security.tls(&address)?;
        tls.as_ref().map(ClientTls::check).transpose()?;
        let failed = |error: &dyn Error| ConnectError::Address {
            address: address.clone(),
            detail: with_causes(error),
        };
        // The connector speaks TLS, so that tonic is told of plain text; what is said in requests is the real origin.
        let (target, origin) = match &address {
            ServiceAddress::Unix(_) => ("http://localhost".to_owned(), "http://localhost".to_owned()),
            ServiceAddress::Tcp { host, port, .. } => {
                let plain = ServiceAddress::Tcp { host: host.clone(), port: *port, is_tls: false };
                (plain.to_string(), address.to_string())
            }
        };
        let endpoint = Endpoint::from_shared(target).map_err(|error| failed(&error))?;
        let origin: Uri = origin.parse().map_err(|error| failed(&error))?;
        let endpoint = endpoint.origin(origin).connect_timeout(CONNECT_WAIT);
        Ok(Self { address, endpoint, tls: tls.map(Arc::new) })
    }

    /// Sets what connections have besides: time-outs, keep-alives, windows.
    #[must_use]
    pub fn with(self, set: impl FnOnce(Endpoint) -> Endpoint) -> Self {
        Self { endpoint: set(self.endpoint), ..self }
    }

    /// Where the service is.
    pub fn address(&self) -> &ServiceAddress {
        &self.address
    }

    /// Connects now.
    pub async fn connect(&self) -> Result<Channel, ConnectError> {
        let connecting = self.endpoint.connect_with_connector(self.connector());
        connecting.await.map_err(|error| ConnectError::Connect {
            address: self.address.clone(),
            detail: with_causes(&error),
        })
    }

    /// Connects when there is something to say.
    pub fn connect_lazy(&self) -> Channel {
        self.endpoint.connect_with_connector_lazy(self.connector())
    }

    fn connector(&self) -> Connector {
        Connector::new(&self.address, self.tls.clone(), self.endpoint.get_connect_timeout())
    }
}

/// What a call was answered with, and what the transport knows of it, as people read it.
pub fn status_text(status: &Status) -> String {
    let message = status.message();
    let mut text = match status.source().map(with_causes) {
        Some(cause) if cause.contains(message) => cause,
        Some(cause) => format!("{message}: {cause}"),
        None => message.to_owned(),
    };
    if let Some((_, hint)) = ALERTS.iter().find(|(alert, _)| text.contains(alert)) {
        text.push_str(hint);
    }
    text
}

/// An error with its causes, each once: "cannot connect: connection refused".
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some libraries repeat their cause in their own text.
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
