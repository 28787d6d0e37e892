//! Requests to a metadata service: HTTP/1.1 in plain text, one connection each, bounded in everything.
//!
//! No redirect is followed and no proxy asked: a metadata service has neither, and credentials could be had from it by who can
//! make us ask elsewhere.

use std::{fmt, io, str::FromStr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header::HOST, uri::Scheme};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

/// Until a connection stands. They go no further than the hypervisor.
const CONNECT_WAIT: Duration = Duration::from_secs(1);
/// Bytes of an answer's body.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Bytes of its headers, and of what is read at a time.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How much of a wrong answer an error shows.
const SHOWN_BYTES: usize = 64;
/// Where all clouds answer.
const DEFAULT_AUTHORITY: &str = "169.254.169.254";

/// Where a metadata service answers: `http://HOST` or `http://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataUrl {
    host: String,
    port: u16,
}

/// What is wrong with such an address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{found}' is no http://HOST or http://HOST:PORT")]
pub struct MetadataUrlError {
    found: String,
}

/// Why a cloud has not told what it should.
#[derive(Debug, Error)]
pub(super) enum CloudError {
    #[error("the cloud's metadata service at {url} cannot be reached: {source}")]
    Connect { url: MetadataUrl, source: io::Error },
    #[error("the cloud's metadata service at {url} did not answer {path} in time")]
    Silent { url: MetadataUrl, path: String },
    #[error("asking the cloud's metadata service at {url} for {path} failed: {source}")]
    Broken { url: MetadataUrl, path: String, source: hyper::Error },
    #[error("the cloud's metadata service at {url} answered {path} with more than {MAX_BODY_BYTES} bytes")]
    TooLarge { url: MetadataUrl, path: String },
    #[error("the cloud's metadata service at {url} answered {path} with {status}{hint}")]
    Status { url: MetadataUrl, path: String, status: StatusCode, hint: &'static str },
    #[error(
        "what the cloud's metadata service at {url} answered to {path} is not what this cloud says: {problem}"
    )]
    Shape { url: MetadataUrl, path: String, problem: String },
}

/// A metadata service, for one attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metadata<'a> {
    pub(super) url: &'a MetadataUrl,
    pub(super) deadline: Instant,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) method: Verb,
    pub(super) path: &'a str,
    pub(super) headers: &'a [(&'static str, &'a str)],
}

/// What a metadata service is asked by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    Get,
    Put,
}

/// An answer with status 200.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

// === impl MetadataUrl ===

impl Default for MetadataUrl {
    fn default() -> Self {
        Self { host: DEFAULT_AUTHORITY.to_owned(), port: 80 }
    }
}

impl FromStr for MetadataUrl {
    type Err = MetadataUrlError;

    fn from_str(text: &str) -> Result<Self, MetadataUrlError> {
        let error = || MetadataUrlError { found: text.to_owned() };
        let uri: Uri = text.parse().map_err(|_| error())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(error)?;
        let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        let is_plain = uri.scheme() == Some(&Scheme::HTTP) && matches!(uri.path(), "" | "/");
        if !is_plain || uri.query().is_some() || has_user {
            return Err(error());
        }
        Ok(Self { host: host.to_owned(), port: uri.port_u16().unwrap_or(80) })
    }
}

impl fmt::Display for MetadataUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            80 => write!(f, "http://{}", self.host),
            port => write!(f, "http://{}:{port}", self.host),
        }
    }
}

// === impl Metadata ===

impl Metadata<'_> {
    /// Asks, and gives an answer of status 200 whose body is within bounds.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, CloudError> {
        let silent = || CloudError::Silent { url: self.url.clone(), path: ask.path.to_owned() };
        timeout_at(self.deadline, self.ask_once(ask)).await.map_err(|_| silent())?
    }

    /// The text of an answer.
    pub(super) async fn text(&self, ask: Ask<'_>) -> Result<String, CloudError> {
        let answer = self.ask(ask).await?;
        match str::from_utf8(&answer.body) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(_) => Err(self.shape(ask.path, "it is no UTF-8")),
        }
    }

    /// The same; nothing if there is no such thing.
    pub(super) async fn text_if_any(&self, ask: Ask<'_>) -> Result<Option<String>, CloudError> {
        match self.text(ask).await {
            Ok(text) => Ok(Some(text)),
            Err(CloudError::Status { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An answer that is JSON of this shape.
    pub(super) async fn json<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, CloudError> {
        let answer = self.ask(ask).await?;
        serde_json::from_slice(&answer.body).map_err(|error| {
            let start = answer.body.get(..SHOWN_BYTES).unwrap_or(&answer.body);
            self.shape(ask.path, &format!("{error}; it begins with '{}'", start.escape_ascii()))
        })
    }

    pub(super) fn shape(&self, path: &str, problem: &str) -> CloudError {
        CloudError::Shape { url: self.url.clone(), path: path.to_owned(), problem: problem.to_owned() }
    }

    async fn ask_once(&self, ask: Ask<'_>) -> Result<Answer, CloudError> {
        let broken = |source| CloudError::Broken { url: self.url.clone(), path: ask.path.to_owned(), source };
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_HEAD_BYTES);
        let (mut sender, connection) =
            builder.handshake(TokioIo::new(self.connect().await?)).await.map_err(broken)?;
        let asking = async {
            let response = sender.send_request(self.request(ask)?).await.map_err(broken)?;
            let (head, body) = response.into_parts();
            if head.status != StatusCode::OK {
                let hint = hint(head.status);
                let (url, path) = (self.url.clone(), ask.path.to_owned());
                return Err(CloudError::Status { url, path, status: head.status, hint });
            }
            let too_large = || CloudError::TooLarge { url: self.url.clone(), path: ask.path.to_owned() };
            let body = Limited::new(body, MAX_BODY_BYTES).collect().await.map_err(|error| {
                // Whatever is no failure of the connection is the limit.
                error.downcast::<hyper::Error>().map_or_else(|_| too_large(), |source| broken(*source))
            })?;
            Ok(Answer { headers: head.headers, body: body.to_bytes() })
        };
        tokio::pin!(asking);
        // The connection is driven as long as somebody waits for its answer, and then dropped.
        tokio::select! {
            answer = &mut asking => answer,
            ended = connection => match ended {
                Ok(()) => asking.await,
                Err(source) => Err(broken(source)),
            },
        }
    }

    fn request(&self, ask: Ask<'_>) -> Result<Request<Empty<Bytes>>, CloudError> {
        let method = match ask.method {
            Verb::Get => Method::GET,
            Verb::Put => Method::PUT,
        };
        let authority = match self.url.port {
            80 => self.url.host.clone(),
            port => format!("{}:{port}", self.url.host),
        };
        let mut request = Request::builder().method(method).uri(ask.path).header(HOST, authority);
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        // Only a token that the service gave can make it wrong.
        request.body(Empty::new()).map_err(|error| self.shape(ask.path, &error.to_string()))
    }

    async fn connect(&self) -> Result<TcpStream, CloudError> {
        let host = self.url.host.trim_start_matches('[').trim_end_matches(']');
        let connecting = timeout(CONNECT_WAIT, TcpStream::connect((host, self.url.port)));
        let connected = connecting.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        connected.map_err(|source| CloudError::Connect { url: self.url.clone(), source })
    }
}

// === impl Ask ===

impl<'a> Ask<'a> {
    pub(super) fn get(path: &'a str, headers: &'a [(&'static str, &'a str)]) -> Self {
        Self { method: Verb::Get, path, headers }
    }
}

fn hint(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => ": a redirect, which is not followed",
        401 | 403 => ": is the metadata service switched off for this instance?",
        404 => ": is this the cloud that --cloud-metadata says?",
        _ => "",
    }
}
