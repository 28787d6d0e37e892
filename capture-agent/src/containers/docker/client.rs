//! Requests over a Unix socket, each on a connection of its own, bounded in time and size.

use std::{io, path::PathBuf, time::Duration};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, Response, StatusCode, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::{net::UnixStream, time::timeout};
use tokio_util::task::AbortOnDropHandle;

/// A local socket takes a connection at once, or its queue is full.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// From the request to the last byte of the answer, or the first of one without an end.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Headers of an answer; they have some hundred bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// A line of events; some 500 bytes, and the container's labels.
const MAX_LINE_BYTES: usize = 64 << 10;

/// Where a runtime answers.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: PathBuf,
}

/// An answer that comes line by line, without an end.
#[derive(Debug)]
pub(super) struct Lines {
    body: Incoming,
    pending: BytesMut,
    _connection: AbortOnDropHandle<()>,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub(super) enum ClientError {
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    #[error("no connection within {} s", CONNECT_WITHIN.as_secs())]
    ConnectTimeout,
    #[error("no whole answer to GET {path} within {} s", ANSWER_WITHIN.as_secs())]
    Timeout { path: String },
    #[error("GET {path} cannot be sent: {cause}")]
    Request { path: String, cause: hyper::http::Error },
    #[error("the connection failed: {0}")]
    Connection(#[from] hyper::Error),
    #[error("GET {path} is answered by {status}")]
    Status { path: String, status: StatusCode },
    #[error("the answer to GET {path} has more than {max_bytes} bytes or breaks off: {cause}")]
    Body { path: String, max_bytes: usize, cause: Box<dyn std::error::Error + Send + Sync> },
    #[error("the answer to GET {path} cannot be understood: {cause}")]
    Json { path: String, cause: serde_json::Error },
    #[error("a line has more than {MAX_LINE_BYTES} bytes")]
    LineTooLong,
    #[error("the stream has ended")]
    Ended,
    #[error("GET {path} is answered with the container {found:?}")]
    AnotherContainer { path: String, found: String },
}

// === impl Client ===

impl Client {
    /// A whole answer of at most `max_bytes`.
    pub(super) async fn get_json<T: DeserializeOwned>(
        &self,
        path: &str,
        max_bytes: usize,
    ) -> Result<T, ClientError> {
        let whole = async {
            let (response, _connection) = self.get(path).await?;
            let body = Limited::new(response.into_body(), max_bytes).collect().await;
            let failed = |cause| ClientError::Body { path: path.to_owned(), max_bytes, cause };
            Ok::<_, ClientError>(body.map_err(failed)?.aggregate())
        };
        let timed_out = |_| ClientError::Timeout { path: path.to_owned() };
        let body = timeout(ANSWER_WITHIN, whole).await.map_err(timed_out)??;
        let failed = |cause| ClientError::Json { path: path.to_owned(), cause };
        serde_json::from_reader(body.reader()).map_err(failed)
    }

    /// An answer that goes on for as long as it is listened to.
    pub(super) async fn get_lines(&self, path: &str) -> Result<Lines, ClientError> {
        let timed_out = |_| ClientError::Timeout { path: path.to_owned() };
        let (response, connection) = timeout(ANSWER_WITHIN, self.get(path)).await.map_err(timed_out)??;
        Ok(Lines { body: response.into_body(), pending: BytesMut::new(), _connection: connection })
    }

    async fn get(&self, path: &str) -> Result<(Response<Incoming>, AbortOnDropHandle<()>), ClientError> {
        let stream = timeout(CONNECT_WITHIN, UnixStream::connect(&self.socket)).await;
        let stream = stream.map_err(|_| ClientError::ConnectTimeout)?.map_err(ClientError::Connect)?;
        let (mut sender, connection) =
            http1::Builder::new().max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
        let driven = AbortOnDropHandle::new(tokio::spawn(async {
            // Whoever waits for the answer hears of it.
            let _ = connection.await;
        }));
        let request = Request::get(path).header("Host", "localhost").body(Empty::<Bytes>::new());
        let request = request.map_err(|cause| ClientError::Request { path: path.to_owned(), cause })?;
        let response = sender.send_request(request).await?;
        match response.status() {
            status if status.is_success() => Ok((response, driven)),
            status => Err(ClientError::Status { path: path.to_owned(), status }),
        }
    }
}

// === impl Lines ===

impl Lines {
    /// The next line without its end; waits for it for as long as it takes. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Result<Bytes, ClientError> {
        loop {
            if let Some(at) = self.pending.iter().position(|&byte| byte == b'\n') {
                let line = self.pending.split_to(at);
                self.pending.advance(1);
                return Ok(line.freeze());
            }
            if self.pending.len() > MAX_LINE_BYTES {
                return Err(ClientError::LineTooLong);
            }
            let frame = self.body.frame().await.ok_or(ClientError::Ended)??;
            if let Ok(data) = frame.into_data() {
                self.pending.extend_from_slice(&data);
            }
        }
    }
}

// === impl ClientError ===

impl ClientError {
    /// Somebody answered that there is no such thing.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: StatusCode::NOT_FOUND, .. })
    }

    /// There is nobody to ask, which most hosts are like.
    pub(super) fn is_nobody(&self) -> bool {
        matches!(self, Self::Connect(cause) if cause.kind() == io::ErrorKind::NotFound)
    }
}
