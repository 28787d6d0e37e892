//! Takes connections, and turns away what is not for us before it reaches the gRPC server.

mod admission;

use std::{
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, UnixListener},
    sync::{Semaphore, mpsc},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use self::admission::{Socket, admit};
use crate::{
    address::ListenAddress,
    connection::Connection,
    log_limit::LogLimit,
    peer::Identity,
    tls::{ServerTls, ServerTlsFiles, TlsError},
};

/// Connections whose greeting was right and that wait for the server.
const WAITING_CONNECTIONS: usize = 16;
/// After a failure to accept (no file descriptors left), so that we do not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

static REFUSED: LogLimit = LogLimit::new(Duration::from_secs(5));
static ACCEPT_FAILED: LogLimit = LogLimit::new(Duration::from_secs(5));

/// How connections are secured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenSecurity {
    /// TLS; plain text without it.
    pub tls: Option<ServerTlsFiles>,
    /// Whoever can reach the address may come in, whatever it is.
    pub is_insecure_allowed: bool,
}

/// Why we cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Plain text to the network.
    #[error(
        "refusing to listen on {address}: the stream would be plain text on the network; give a certificate and a client \
         CA, listen on 127.0.0.1, [::1] or unix:PATH, or say --insecure if the network is trusted"
    )]
    Insecure {
        /// What was asked for.
        address: ListenAddress,
    },
    /// TLS to the network, and anybody may come.
    #[error(
        "refusing to listen on {address}: without a client CA anybody on the network would be let in; give one, listen on \
         127.0.0.1 or [::1], or say --insecure if the network is trusted"
    )]
    Anonymous {
        /// What was asked for.
        address: ListenAddress,
    },
    /// TLS where there can be none.
    #[error(
        "refusing to listen on {address}: a Unix socket has no TLS; leave out the certificate or listen on IP:PORT"
    )]
    TlsOnUnixSocket {
        /// What was asked for.
        address: ListenAddress,
    },
    /// The files of TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system refuses.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// What was asked for.
        address: ListenAddress,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody listens on the socket.
    #[error("cannot listen on {address}: another process does already; stop it or choose another path")]
    SocketInUse {
        /// What was asked for.
        address: ListenAddress,
    },
}

/// A bound address.
#[derive(Debug)]
pub struct Listener {
    address: ListenAddress,
    socket: Bound,
    tls: Option<Arc<ServerTls>>,
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

// === impl ListenSecurity ===

impl ListenSecurity {
    /// Plain text, and only for this machine.
    pub const LOCAL: Self = Self { tls: None, is_insecure_allowed: false };

    fn check(&self, address: &ListenAddress) -> Result<(), ListenError> {
        let address = address.clone();
        match &self.tls {
            Some(_) if matches!(address, ListenAddress::Unix(_)) => {
                Err(ListenError::TlsOnUnixSocket { address })
            }
            _ if address.is_local() || self.is_insecure_allowed => Ok(()),
            None => Err(ListenError::Insecure { address }),
            Some(ServerTlsFiles { client_ca: None, .. }) => Err(ListenError::Anonymous { address }),
            Some(_) => Ok(()),
        }
    }
}

// === impl Listener ===

impl Listener {
    /// Binds `address`. Port 0 takes any free one.
    pub async fn bind(address: ListenAddress, security: ListenSecurity) -> Result<Self, ListenError> {
        security.check(&address)?;
        let tls = security.tls.map(ServerTls::load).transpose()?.map(Arc::new);
        let failed = |source| ListenError::Bind { address: address.clone(), source };
        match &address {
            ListenAddress::Tcp(wanted) => {
                let listener = TcpListener::bind(wanted).await.map_err(failed)?;
                let bound = listener.local_addr().map_err(failed)?;
                Ok(Self { address: ListenAddress::Tcp(bound), socket: Bound::Tcp(listener), tls })
            }
            ListenAddress::Unix(path) => {
                remove_stale(&address, path)?;
                let listener = UnixListener::bind(path).map_err(failed)?;
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
                Ok(Self { address: address.clone(), socket: Bound::Unix(listener, path.clone()), tls })
            }
        }
    }

    /// Where we listen, with the port that was taken.
    pub fn local_address(&self) -> &ListenAddress {
        &self.address
    }

    /// Whether connections have to speak TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The connections, until `stop`; at most `max_connections` at a time. The future of the pair accepts them.
    pub fn incoming(
        self,
        max_connections: usize,
        stop: CancellationToken,
    ) -> (ReceiverStream<io::Result<Connection>>, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(WAITING_CONNECTIONS);
        (ReceiverStream::new(receiver), self.accept_all(sender, Semaphore::new(max_connections), stop))
    }

    async fn accept_all(
        self,
        sender: mpsc::Sender<io::Result<Connection>>,
        permits: Semaphore,
        stop: CancellationToken,
    ) {
        let permits = Arc::new(permits);
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.accept() => accepted,
            };
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    if let Some(suppressed) = ACCEPT_FAILED.pass() {
                        tracing::error!(%error, suppressed, "cannot accept a connection; trying again");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                refuse(&peer, "too many connections are open; close some or raise the limit");
                continue;
            };
            let (sender, stop) = (sender.clone(), stop.clone());
            // Ends by itself: after the greeting's time at the latest, or when the server is gone.
            tokio::spawn(async move {
                let admitted = tokio::select! {
                    () = stop.cancelled() => return,
                    admitted = admit(socket, Arc::clone(&peer), permit) => admitted,
                };
                match admitted {
                    // If the server has ended, so does the connection.
                    Ok(connection) => drop(sender.send(Ok(connection)).await),
                    Err(refusal) if refusal.is_silent() => {}
                    Err(refusal) => refuse(&peer, &refusal.to_string()),
                }
            });
        }
        if let Bound::Unix(_, path) = &self.socket {
            let _ = std::fs::remove_file(path);
        }
    }

    async fn accept(&self) -> io::Result<(Socket, Arc<str>)> {
        match &self.socket {
            Bound::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Acks and alerts are small and wanted at once.
                stream.set_nodelay(true)?;
                let is_local = address.ip().to_canonical().is_loopback();
                let plain = if is_local { Identity::Local } else { Identity::Unauthenticated };
                Ok((Socket::Tcp(stream, self.tls.clone(), plain), address.to_string().into()))
            }
            Bound::Unix(listener, path) => {
                let (stream, _) = listener.accept().await?;
                let pid = stream.peer_cred().ok().and_then(|credentials| credentials.pid());
                let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
                Ok((Socket::Unix(stream), format!("unix:{}{pid}", path.display()).into()))
            }
        }
    }
}

fn refuse(peer: &str, why: &str) {
    if let Some(suppressed) = REFUSED.pass() {
        tracing::warn!(peer, suppressed, "refused a connection: {why}");
    }
}

/// Removes the socket of a process that is gone. One that answers is left alone.
fn remove_stale(address: &ListenAddress, path: &Path) -> Result<(), ListenError> {
    use std::os::unix::fs::FileTypeExt as _;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    if !is_socket {
        // Nothing there; or something else, which binding reports.
        return Ok(());
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(ListenError::SocketInUse { address: address.clone() });
    }
    std::fs::remove_file(path).map_err(|source| ListenError::Bind { address: address.clone(), source })
}
