//! `/healthz`, `/readyz` and `/metrics` over HTTP/1, for probes and Prometheus.
//!
//! Plain text without authentication, so that it stays on the machine unless `--insecure`. Everything a client can do is
//! bounded: connections, the size of a request, and the time that a connection may take.

use std::{collections::VecDeque, convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use grpc_transport::{ListenAddress, ListenError, log_limit::LogLimit};
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body as _, Incoming},
    header::{CONNECTION, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{AdminListen, Metrics, Readiness};

/// Connections at a time; each holds up to [`MAX_REQUEST_BYTES`] and an answer of some hundred KiB.
const MAX_CONNECTIONS: usize = 32;
/// The line and headers of a request.
const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// How long a client may take for these, also between two requests on one connection.
const REQUEST_WAIT: Duration = Duration::from_secs(10);
/// How long a connection lives: one that is not read must not hold its answer for ever.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(120);
/// After a failure to accept (no file descriptors left), so that we do not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

static CLOSED: LogLimit = LogLimit::new(Duration::from_secs(30));
static ACCEPT_FAILED: LogLimit = LogLimit::new(Duration::from_secs(30));

/// What the pages are made of.
#[derive(Clone, Debug)]
pub struct Pages {
    /// For `/readyz`.
    pub readiness: Readiness,
    /// For `/metrics`.
    pub metrics: Metrics,
}

/// A bound address.
#[derive(Debug)]
pub struct AdminListener {
    listener: TcpListener,
    address: SocketAddr,
}

// === impl AdminListener ===

impl AdminListener {
    /// Binds `address`, if it is one. Port 0 takes any free one.
    pub async fn bind(address: AdminListen, is_insecure_allowed: bool) -> Result<Option<Self>, ListenError> {
        let AdminListen::At(address) = address else { return Ok(None) };
        let named = ListenAddress::Tcp(address);
        if !named.is_local() && !is_insecure_allowed {
            return Err(ListenError::Insecure { address: named });
        }
        let failed = |source| ListenError::Bind { address: named.clone(), source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Some(Self { listener, address }))
    }

    /// Where we listen, with the port that was taken.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Serves the pages until `end`, which comes after draining, so that probes can see that.
    pub async fn serve(self, pages: Pages, end: CancellationToken) {
        let (pages, connections) = (Arc::new(pages), TaskTracker::new());
        // By age; what has ended is cancelled too.
        let mut open: VecDeque<CancellationToken> = VecDeque::with_capacity(MAX_CONNECTIONS);
        loop {
            let accepted = tokio::select! {
                () = end.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    open.retain(|connection| !connection.is_cancelled());
                    if open.len() >= MAX_CONNECTIONS {
                        close_oldest(&mut open, peer);
                    }
                    let (pages, close) = (Arc::clone(&pages), end.child_token());
                    open.push_back(close.clone());
                    connections.spawn(async move {
                        let ended = close.clone().drop_guard();
                        tokio::select! {
                            () = close.cancelled() => {}
                            () = serve_connection(stream, pages) => {}
                        }
                        drop(ended);
                    });
                }
                Err(error) => wait_after(&error).await,
            }
        }
        connections.close();
        connections.wait().await;
    }
}

/// Makes room for a connection that has just come: a probe asks at once and goes, and whoever sits on connections must not
/// make a service seem dead that is not.
fn close_oldest(open: &mut VecDeque<CancellationToken>, peer: SocketAddr) {
    if let Some(oldest) = open.pop_front() {
        oldest.cancel();
    }
    if let Some(suppressed) = CLOSED.pass() {
        tracing::warn!(%peer, suppressed, "closed the oldest of {MAX_CONNECTIONS} connections to the admin pages for another one");
    }
}

async fn wait_after(error: &io::Error) {
    if let Some(suppressed) = ACCEPT_FAILED.pass() {
        tracing::error!(%error, suppressed, "cannot accept a connection to the admin pages; trying again");
    }
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// What a client does wrong is its own affair, and answered with a status where there is one.
async fn serve_connection(stream: TcpStream, pages: Arc<Pages>) {
    let service = service_fn(move |request| {
        let pages = Arc::clone(&pages);
        async move { Ok::<_, Infallible>(answer(&pages, request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_WAIT)
        .max_buf_size(MAX_REQUEST_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let _ = tokio::time::timeout(MAX_CONNECTION_AGE, serving).await;
}

async fn answer(pages: &Pages, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if !request.body().is_end_stream() {
        // Not read, so the connection cannot go on.
        let mut refusal = text(StatusCode::PAYLOAD_TOO_LARGE, "no page takes a body\n");
        refusal.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return refusal;
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    }
    match request.uri().path() {
        "/healthz" => text(StatusCode::OK, "alive\n"),
        "/readyz" => {
            let report = pages.readiness.report().await;
            let status = if report.is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            text(status, report.text)
        }
        "/metrics" => metrics(pages.metrics.clone()).await,
        _ => text(StatusCode::NOT_FOUND, "there are /healthz, /readyz and /metrics\n"),
    }
}

async fn metrics(metrics: Metrics) -> Response<Full<Bytes>> {
    // Looking at everything that is counted, and writing it out, can take a millisecond or more.
    let written = tokio::task::spawn_blocking(move || metrics.text()).await;
    match written {
        Ok(Ok(written)) => {
            let mut page = text(StatusCode::OK, written);
            page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(prometheus::TEXT_FORMAT));
            page
        }
        Ok(Err(error)) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
