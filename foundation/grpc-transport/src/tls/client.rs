//! The side that makes connections.

use std::{path::PathBuf, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, client::Resumption, crypto::ring, pki_types::ServerName},
};

use super::{ALPN_H2, HandshakeError, TlsError, files};

/// By whom a server's certificate has to be signed, and what is shown to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTlsFiles {
    /// PEM: the authorities of servers' certificates. Those of the operating system are not asked: a fleet has its own.
    pub ca: PathBuf,
    /// PEM: the client's certificate and its private key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// TLS towards one server, read from the files at every connection: certificates are replaced while we run.
#[derive(Clone, Debug)]
pub(crate) struct ClientTls {
    files: ClientTlsFiles,
    /// Must be in the server's certificate.
    server_name: ServerName<'static>,
}

// === impl ClientTls ===

impl ClientTls {
    /// TLS towards the server of this name.
    pub(crate) fn new(files: ClientTlsFiles, server_name: &str) -> Result<Self, TlsError> {
        let server_name = ServerName::try_from(server_name.to_owned())
            .map_err(|_| TlsError::ServerName { name: server_name.to_owned() })?;
        Ok(Self { files, server_name })
    }

    /// Whether the files can be used as they are. Blocks shortly.
    pub(crate) fn check(&self) -> Result<(), TlsError> {
        self.config().map(|_| ())
    }

    /// Shakes hands. The server's certificate is verified by then; what the server thinks of ours comes only with its
    /// first answer (TLS 1.3).
    pub(crate) async fn connect(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, HandshakeError> {
        let this = self.clone();
        let config = tokio::task::spawn_blocking(move || this.config()).await;
        let config = config.map_err(|_| HandshakeError::Interrupted)??;
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector
            .connect(self.server_name.clone(), stream)
            .await
            .map_err(|error| HandshakeError::of_server(&error, &self.files.ca))?;
        match stream.get_ref().1.alpn_protocol() {
            Some(ALPN_H2) => Ok(stream),
            _ => Err(HandshakeError::NoHttp2),
        }
    }

    fn config(&self) -> Result<ClientConfig, TlsError> {
        let roots = files::authorities(&self.files.ca)?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::setup)?
            .with_root_certificates(roots);
        let mut config = match &self.files.identity {
            Some((certificate, key)) => builder
                .with_client_auth_cert(files::chain(certificate)?, files::key(key)?)
                .map_err(|error| TlsError::Pair {
                    certificate: certificate.clone(),
                    key: key.clone(),
                    detail: error.to_string(),
                })?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN_H2.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}
