//! Receives OpenTelemetry over OTLP/gRPC, for tests: a real server in this process, on port 0.
//!
//! It keeps what it got, up to a bound, and lets a test wait until something arrives that the test looks for. It is no
//! collector: nothing is passed on, and nothing is checked beyond what decoding checks.
#![forbid(unsafe_code)]

mod services;
mod store;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::logs_service_server::LogsServiceServer,
        metrics::v1::metrics_service_server::MetricsServiceServer,
        trace::v1::trace_service_server::TraceServiceServer,
    },
    common::v1::{KeyValue, any_value::Value},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Identity, Server, ServerTlsConfig};

pub use self::store::{ReceivedLog, ReceivedMetric, ReceivedSpan};
use self::{services::Services, store::Store};

/// How long a test waits before what it waits for counts as missing. Generous: machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A receiver at work; ends when dropped.
#[derive(Debug)]
pub struct OtlpReceiver {
    scheme: &'static str,
    address: SocketAddr,
    store: Arc<Store>,
    stop: CancellationToken,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
}

// === impl OtlpReceiver ===

impl OtlpReceiver {
    /// Starts one on a free port of this machine.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts one at `address`, for instance where another one was before.
    pub async fn start_at(address: SocketAddr) -> anyhow::Result<Self> {
        Self::start_server(address, Server::builder(), "http").await
    }

    /// Starts one on a free port that speaks TLS and has this certificate and key, in PEM; clients call it `localhost`.
    pub async fn start_tls(certificate: &str, key: &str) -> anyhow::Result<Self> {
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::start_server(address, Server::builder().tls_config(tls)?, "https").await
    }

    async fn start_server(
        address: SocketAddr,
        mut server: Server,
        scheme: &'static str,
    ) -> anyhow::Result<Self> {
        ensure!(address.ip().is_loopback(), "tests stay on this machine, and {address} is not");
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot bind {address}"))?;
        let address = listener.local_addr()?;
        let (store, stop) = (Arc::new(Store::default()), CancellationToken::new());
        let services = Services(Arc::clone(&store));
        let server = server
            .add_service(TraceServiceServer::new(services.clone()))
            .add_service(MetricsServiceServer::new(services.clone()))
            .add_service(LogsServiceServer::new(services))
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop.clone().cancelled_owned());
        Ok(Self { scheme, address, store, stop, server: tokio::spawn(server) })
    }

    /// What to set as the endpoint.
    pub fn endpoint(&self) -> String {
        match self.scheme {
            "https" => format!("https://localhost:{}", self.address.port()),
            scheme => format!("{scheme}://{}", self.address),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, and frees its port.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // Clients keep their connections open, and graceful ends wait for them.
        self.server.abort();
        let _ = (&mut self.server).await;
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.store.read().spans.clone()
    }

    /// Waits for a span that `is_wanted`.
    pub async fn span(&self, is_wanted: impl Fn(&ReceivedSpan) -> bool) -> anyhow::Result<ReceivedSpan> {
        self.store.wait("span", |received| received.spans.iter().find(|span| is_wanted(span)).cloned()).await
    }

    /// Waits for a metric with the name `name` that `is_wanted`: its latest state counts.
    pub async fn metric(
        &self,
        name: &str,
        is_wanted: impl Fn(&ReceivedMetric) -> bool,
    ) -> anyhow::Result<ReceivedMetric> {
        let find = |metric: &&ReceivedMetric| metric.metric.name == name && is_wanted(metric);
        self.store.wait("metric", |received| received.metrics.iter().rev().find(find).cloned()).await
    }

    /// Waits for a log record that `is_wanted`.
    pub async fn log(&self, is_wanted: impl Fn(&ReceivedLog) -> bool) -> anyhow::Result<ReceivedLog> {
        self.store
            .wait("log record", |received| received.logs.iter().find(|log| is_wanted(log)).cloned())
            .await
    }

    /// All log records so far.
    pub fn logs(&self) -> Vec<ReceivedLog> {
        self.store.read().logs.clone()
    }
}

impl Drop for OtlpReceiver {
    fn drop(&mut self) {
        self.stop.cancel();
        self.server.abort();
    }
}

/// The text of an attribute, or its number as text; nothing if it is not there.
pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        Value::DoubleValue(number) => Some(number.to_string()),
        Value::BoolValue(value) => Some(value.to_string()),
        _ => None,
    }
}
