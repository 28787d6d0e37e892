//! Opens the streams that channels run over.

use std::{
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use tokio::net::UnixStream;
use tonic::transport::Uri;
use tower::Service;

use crate::{connection::Stream, service_address::ServiceAddress, tls::ClientTls};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Connects to one service, with TLS where it is spoken there.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    /// Resolves names, and tries all the addresses of one.
    tcp: HttpConnector,
    socket: Option<PathBuf>,
    tls: Option<Arc<ClientTls>>,
}

// === impl Connector ===

impl Connector {
    /// The wait is for all the addresses of a name together.
    pub(super) fn new(address: &ServiceAddress, tls: Option<Arc<ClientTls>>, wait: Option<Duration>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(wait);
        let socket = match address {
            ServiceAddress::Unix(path) => Some(path.clone()),
            ServiceAddress::Tcp { .. } => None,
        };
        Self { tcp, socket, tls }
    }

    async fn connect(mut self, uri: Uri) -> Result<Stream, BoxError> {
        if let Some(path) = self.socket {
            return Ok(Stream::Unix(UnixStream::connect(path).await?));
        }
        let stream = self.tcp.call(uri).await?.into_inner();
        match self.tls {
            Some(tls) => Ok(Stream::Tls(Box::new(tls.connect(stream).await?.into()))),
            None => Ok(Stream::Tcp(stream)),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.clone().connect(uri);
        Box::pin(async move { connecting.await.map(TokioIo::new) })
    }
}
