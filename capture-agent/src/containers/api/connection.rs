//! One connection to a runtime's socket.

use std::{
    error::Error as _,
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use grpc_transport::{status_text, with_causes};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::{net::UnixStream, time::timeout};
use tonic::{
    Code, Response, Status,
    transport::{Channel, Endpoint},
};
use tower::service_fn;

/// Until a connection stands.
const CONNECT_WAIT: Duration = Duration::from_secs(1);
/// Until an answer is there.
const CALL_WAIT: Duration = Duration::from_secs(5);

/// Why a runtime could not be asked.
#[derive(Debug, Error)]
pub(in crate::containers) enum ApiError {
    #[error("cannot connect to {socket}: {detail}")]
    Connect { socket: String, detail: String, is_no_runtime: bool },
    #[error("{socket} does not answer {call} within {wait:?}")]
    NoAnswer { socket: String, call: &'static str, wait: Duration },
    #[error("{socket} answers {call} by an error: {} ({:?})", status_text(.status), .status.code())]
    Refused { socket: String, call: &'static str, status: Box<Status> },
    #[error("{socket} ended the stream of its events")]
    EventsEnded { socket: String },
}

/// Made once: when it breaks, all calls fail from then on, and nobody believes that nothing was missed in between.
#[derive(Clone, Debug)]
pub(in crate::containers) struct Connection {
    channel: Channel,
    socket: Arc<str>,
}

// === impl Connection ===

impl Connection {
    pub(in crate::containers) async fn open(path: &Path) -> Result<Self, ApiError> {
        let socket = path.display().to_string();
        let failed = |detail: String, is_no_runtime| ApiError::Connect {
            socket: socket.clone(),
            detail,
            is_no_runtime,
        };
        let connecting = async {
            let stream = UnixStream::connect(path).await.map_err(|error| {
                // Nothing, or what a runtime that has ended left.
                let is_no_runtime =
                    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
                failed(error.to_string(), is_no_runtime)
            })?;
            let once = Mutex::new(Some(TokioIo::new(stream)));
            let connector = service_fn(move |_| {
                let stream = once.lock().unwrap_or_else(PoisonError::into_inner).take();
                let ended = || io::Error::new(io::ErrorKind::NotConnected, "the connection has ended");
                std::future::ready(stream.ok_or_else(ended))
            });
            // The name is not looked up: it is what HTTP/2 asks for.
            let endpoint = Endpoint::from_static("http://localhost");
            endpoint
                .connect_with_connector(connector)
                .await
                .map_err(|error| failed(with_causes(&error), false))
        };
        let channel = timeout(CONNECT_WAIT, connecting)
            .await
            .map_err(|_| failed(format!("nobody takes the connection within {CONNECT_WAIT:?}"), false))??;
        Ok(Self { channel, socket: socket.into() })
    }

    /// For a client of one service.
    pub(in crate::containers) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Waits for the answer of a call, but not for ever.
    pub(in crate::containers) async fn answer<T>(
        &self,
        call: &'static str,
        calling: impl Future<Output = Result<Response<T>, Status>> + Send,
    ) -> Result<T, ApiError> {
        match timeout(CALL_WAIT, calling).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.refused(call, status)),
            Err(_) => {
                Err(ApiError::NoAnswer { socket: self.socket.as_ref().to_owned(), call, wait: CALL_WAIT })
            }
        }
    }

    pub(in crate::containers) fn refused(&self, call: &'static str, status: Status) -> ApiError {
        ApiError::Refused { socket: self.socket.as_ref().to_owned(), call, status: Box::new(status) }
    }

    pub(super) fn events_ended(&self) -> ApiError {
        ApiError::EventsEnded { socket: self.socket.as_ref().to_owned() }
    }
}

// === impl ApiError ===

impl ApiError {
    /// There is nobody to ask, which is no fault.
    pub(super) fn is_no_runtime(&self) -> bool {
        matches!(self, Self::Connect { is_no_runtime: true, .. })
    }

    /// The runtime says that it does not have what was asked for.
    fn is_not_found(&self) -> bool {
        self.code() == Some(Code::NotFound)
    }

    /// The runtime does not have the call.
    pub(in crate::containers) fn is_unsupported(&self) -> bool {
        self.code() == Some(Code::Unimplemented)
    }

    /// The answer has more bytes than are taken, or than the runtime gives.
    pub(in crate::containers) fn is_too_large(&self) -> bool {
        matches!(self.code(), Some(Code::OutOfRange | Code::ResourceExhausted))
    }

    /// It was not one answer that failed, but the connection: what the peer says itself has no cause.
    pub(super) fn is_of_connection(&self) -> bool {
        match self {
            Self::Refused { status, .. } => status.source().is_some() || status.code() == Code::Unavailable,
            Self::NoAnswer { .. } => false,
            Self::Connect { .. } | Self::EventsEnded { .. } => true,
        }
    }

    fn code(&self) -> Option<Code> {
        match self {
            Self::Refused { status, .. } => Some(status.code()),
            _ => None,
        }
    }
}

/// `None` for what the runtime does not have.
pub(in crate::containers) fn found<T>(answer: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
