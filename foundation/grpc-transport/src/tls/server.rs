//! The side that takes connections.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};
use tokio_rustls::{
    LazyConfigAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        server::{Acceptor, NoServerSessionStorage, WebPkiClientVerifier},
    },
    server::TlsStream,
};

use super::{
    ALPN_H2, HandshakeError, TlsError,
    files::{self, FileStamp},
};
use crate::{
    log_limit::LogLimit,
    peer::{CertificateIdentity, Identity, IdentityError},
};

/// Between two looks at the files; a rotated certificate is used for new connections after it.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How long a client that is refused may take to close its side, and what it may still say.
const LINGER_WAIT: Duration = Duration::from_millis(500);
const LINGER_BYTES: u64 = 64 * 1024;

static NOT_RELOADED: LogLimit = LogLimit::new(Duration::from_secs(60));

/// Where a server's certificate is, and by whom those of its clients have to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTlsFiles {
    /// PEM: the certificate, and after it those of the authorities between it and the root.
    pub certificate: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
    /// PEM: the authorities of clients' certificates. Without it clients show none, and anybody is taken.
    pub client_ca: Option<PathBuf>,
}

/// TLS as the files have it.
#[derive(Debug)]
pub(crate) struct ServerTls {
    files: ServerTlsFiles,
    look_interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    loaded: Loaded,
    looked: Instant,
}

/// What was read, and from what.
#[derive(Clone, Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    stamps: Vec<FileStamp>,
}

// === impl ServerTls ===

impl ServerTls {
    /// Reads the files. Blocks shortly.
    pub(crate) fn load(files: ServerTlsFiles) -> Result<Self, TlsError> {
        let loaded = Loaded::read(&files)?;
        let state = Mutex::new(State { loaded, looked: Instant::now() });
        Ok(Self { files, look_interval: LOOK_INTERVAL, state })
    }

    /// Shakes hands. The client's certificate is verified by then; what it says is told beside.
    pub(crate) async fn accept(
        self: &Arc<Self>,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Result<Identity, IdentityError>), HandshakeError> {
        let mut greeting = LazyConfigAcceptor::new(Acceptor::default(), stream);
        let hello = match (&mut greeting).await {
            Ok(hello) => hello,
            Err(error) => {
                if let Some(stream) = greeting.take_io() {
                    linger(stream).await;
                }
                return Err(HandshakeError::of_hello(&error));
            }
        };
        let config = self.current().await;
        let stream = match hello.into_stream(config).into_fallible().await {
            Ok(stream) => stream,
            Err((error, stream)) => {
                linger(stream).await;
                return Err(HandshakeError::of_client(&error));
            }
        };
        let (_, session) = stream.get_ref();
        if session.alpn_protocol() != Some(ALPN_H2) {
            return Err(HandshakeError::NoHttp2);
        }
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        let identity = match certificate {
            Some(certificate) => {
                CertificateIdentity::from_certificate(certificate).map(Identity::Certificate)
            }
            None => Ok(Identity::Unauthenticated),
        };
        Ok((stream, identity))
    }

    /// What the files say now, or said when they were last of use.
    async fn current(self: &Arc<Self>) -> Arc<ServerConfig> {
        let Some(stamps) = self.due() else { return self.config() };
        let this = Arc::clone(self);
        let reloaded = tokio::task::spawn_blocking(move || this.reload(&stamps)).await;
        if let Ok(Err(error)) = reloaded
            && let Some(suppressed) = NOT_RELOADED.pass()
        {
            tracing::error!(suppressed, "the new TLS files cannot be used, going on with the old: {error}");
        }
        self.config()
    }

    /// The stamps of what is in use, if it is time to look whether they are the files' still. Of many connections that
    /// come at once, one looks.
    fn due(&self) -> Option<Vec<FileStamp>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() < self.look_interval {
            return None;
        }
        state.looked = Instant::now();
        Some(state.loaded.stamps.clone())
    }

    fn reload(&self, stamps: &[FileStamp]) -> Result<(), TlsError> {
        if self.files.stamps() == stamps {
            return Ok(());
        }
        // What cannot be used is looked at again: a certificate is often there a moment before its key.
        let loaded = Loaded::read(&self.files)?;
        self.state.lock().unwrap_or_else(PoisonError::into_inner).loaded = loaded;
        tracing::info!(certificate = %self.files.certificate.display(), "read the TLS files again");
        Ok(())
    }

    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.state.lock().unwrap_or_else(PoisonError::into_inner).loaded.config)
    }
}

// === impl ServerTlsFiles ===

impl ServerTlsFiles {
    fn stamps(&self) -> Vec<FileStamp> {
        let paths = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        paths.into_iter().flatten().map(|path| FileStamp::of(path)).collect()
    }
}

// === impl Loaded ===

impl Loaded {
    fn read(files: &ServerTlsFiles) -> Result<Self, TlsError> {
        // Before the files: what changes while they are read is then seen at the next look.
        let stamps = files.stamps();
        let (chain, key) = (files::chain(&files.certificate)?, files::key(&files.key)?);
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::setup)?;
        let builder = match &files.client_ca {
            Some(path) => {
                let roots = Arc::new(files::authorities(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build().map_err(
                    |error| TlsError::Authorities { path: path.clone(), detail: error.to_string() },
                )?;
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| TlsError::Pair {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            detail: error.to_string(),
        })?;
        config.alpn_protocols = vec![ALPN_H2.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), stamps })
    }
}

/// Lets the alert arrive that says why a handshake failed: a socket that is closed with something unread on it resets the
/// connection, and the client would hear only of that.
async fn linger(mut stream: TcpStream) {
    let rest = async {
        let mut rest = (&mut stream).take(LINGER_BYTES);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(LINGER_WAIT, rest).await;
}

#[cfg(test)]
mod tests;
