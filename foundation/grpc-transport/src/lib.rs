//! Takes connections, and turns away what does not speak HTTP/2 before it reaches the gRPC server.
//!
//! Every service binds its [`Listener`] here, so that all of them keep plain text on the machine, bound what may be open,
//! and say the same about what is not gRPC. A connection goes from `accept` through its greeting into the stream that
//! `tonic` serves. What is said on it is not this crate's business; who may say it will be.
#![forbid(unsafe_code)]

mod address;
mod connection;
mod greeting;
pub mod log_limit;

use std::{io, os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, UnixListener},
    sync::{Semaphore, mpsc},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

pub use self::{
    address::{ListenAddress, ListenAddressError},
    connection::{Connection, Peer},
};
use self::{connection::Socket, greeting::Greeting, log_limit::LogLimit};

/// Connections whose greeting was right and that wait for the server.
const WAITING_CONNECTIONS: usize = 16;
/// How long a connection may take for its first 24 bytes.
const GREETING_WAIT: Duration = Duration::from_secs(5);
/// After a failure to accept (no file descriptors left), so that we do not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

static REFUSED: LogLimit = LogLimit::new(Duration::from_secs(5));
static ACCEPT_FAILED: LogLimit = LogLimit::new(Duration::from_secs(5));

/// Why we cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Plain text to the network.
    #[error(
        "refusing to listen on {address}: the stream would be plain text on the network; listen on 127.0.0.1, [::1] or \
         unix:PATH, or say --insecure if the network is trusted"
    )]
    Insecure {
        /// What was asked for.
        address: ListenAddress,
    },
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
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

// === impl Listener ===

impl Listener {
    /// Binds `address`. Port 0 takes any free one.
    pub async fn bind(address: ListenAddress, is_insecure_allowed: bool) -> Result<Self, ListenError> {
        if !address.is_local() && !is_insecure_allowed {
            return Err(ListenError::Insecure { address });
        }
        let failed = |source| ListenError::Bind { address: address.clone(), source };
        match &address {
            ListenAddress::Tcp(wanted) => {
                let listener = TcpListener::bind(wanted).await.map_err(failed)?;
                let bound = listener.local_addr().map_err(failed)?;
                Ok(Self { address: ListenAddress::Tcp(bound), socket: Bound::Tcp(listener) })
            }
            ListenAddress::Unix(path) => {
                remove_stale(&address, path)?;
                let listener = UnixListener::bind(path).map_err(failed)?;
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
                Ok(Self { address: address.clone(), socket: Bound::Unix(listener, path.clone()) })
            }
        }
    }

    /// Where we listen, with the port that was taken.
    pub fn local_address(&self) -> &ListenAddress {
        &self.address
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
                let greeted = tokio::select! {
                    () = stop.cancelled() => return,
                    greeted = tokio::time::timeout(GREETING_WAIT, Greeting::read(&socket)) => greeted,
                };
                match greeted {
                    Ok(Ok(greeting)) => {
                        let connection = Connection::new(socket, peer, greeting, permit);
                        // The server has ended: so does the connection.
                        let _ = sender.send(Ok(connection)).await;
                    }
                    Ok(Err(error)) if error.is_silent() => {}
                    Ok(Err(error)) => refuse(&peer, &error.to_string()),
                    Err(_) => refuse(&peer, "it did not send HTTP/2's 24 bytes of greeting in time"),
                }
            });
        }
        if let Bound::Unix(_, path) = &self.socket {
            let _ = std::fs::remove_file(path);
        }
    }

    async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match &self.socket {
            Bound::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Acks and alerts are small and wanted at once.
                stream.set_nodelay(true)?;
                Ok((Socket::Tcp(stream), Peer::new(address.to_string())))
            }
            Bound::Unix(listener, path) => {
                let (stream, _) = listener.accept().await?;
                let pid = stream.peer_cred().ok().and_then(|credentials| credentials.pid());
                let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
                Ok((Socket::Unix(stream), Peer::new(format!("unix:{}{pid}", path.display()))))
            }
        }
    }
}

fn refuse(peer: &Peer, why: &str) {
    if let Some(suppressed) = REFUSED.pass() {
        tracing::warn!(%peer, suppressed, "refused a connection: {why}");
    }
}

/// Removes the socket of a process that is gone. One that answers is left alone.
fn remove_stale(address: &ListenAddress, path: &std::path::Path) -> Result<(), ListenError> {
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
