//! From an accepted socket to a connection that the server can use.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    net::{TcpStream, UnixStream},
    sync::OwnedSemaphorePermit,
};

use crate::{
    connection::{Connection, Stream},
    greeting::{Greeting, GreetingError},
    peer::{Identity, IdentityError, TransportPeer},
    tls::{HandshakeError, ServerTls},
};

/// How long a connection may take for its handshake and its first 24 bytes.
const GREETING_WAIT: Duration = Duration::from_secs(5);

/// What was accepted and said nothing yet.
pub(super) enum Socket {
    Tcp(TcpStream, Option<Arc<ServerTls>>, Identity),
    Unix(UnixStream),
}

/// Why a connection is not let in.
pub(super) enum Refusal {
    Handshake(HandshakeError),
    Greeting(GreetingError),
    TooSlow,
}

// === impl Socket ===

impl Socket {
    /// Shakes hands where that is asked for.
    async fn secure(self) -> Result<(Stream, Result<Identity, IdentityError>), HandshakeError> {
        match self {
            Self::Unix(stream) => Ok((Stream::Unix(stream), Ok(Identity::Local))),
            Self::Tcp(stream, None, plain) => Ok((Stream::Tcp(stream), Ok(plain))),
            Self::Tcp(stream, Some(tls), _) => {
                let (stream, identity) = tls.accept(stream).await?;
                Ok((Stream::Tls(Box::new(stream.into())), identity))
            }
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// Not worth a line in the log.
    pub(super) fn is_silent(&self) -> bool {
        match self {
            Self::Handshake(error) => matches!(error, HandshakeError::Closed),
            Self::Greeting(error) => error.is_silent(),
            Self::TooSlow => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => error.fmt(f),
            Self::Greeting(error) => error.fmt(f),
            Self::TooSlow => {
                f.write_str("it did not finish its handshake and send HTTP/2's 24 bytes of greeting in time")
            }
        }
    }
}

/// Lets a connection in that shakes hands and greets as it should, and in time.
pub(super) async fn admit(
    socket: Socket,
    address: Arc<str>,
    permit: OwnedSemaphorePermit,
) -> Result<Connection, Refusal> {
    let greeted = async {
        let (mut stream, identity) = socket.secure().await.map_err(Refusal::Handshake)?;
        let greeting = Greeting::read(&mut stream).await.map_err(Refusal::Greeting)?;
        Ok((stream, identity, greeting))
    };
    let (stream, identity, greeting) =
        tokio::time::timeout(GREETING_WAIT, greeted).await.map_err(|_| Refusal::TooSlow)??;
    Ok(Connection::new(stream, TransportPeer::new(address, identity), greeting, permit))
}
