//! Serves gRPC services: the same way for all of Eyrie's.
//!
//! A [`Server`] takes services and the table of what their methods ask of a peer, adds health and reflection, surrounds them
//! with the [`layers`], and serves them on a [`Listener`] until it is told to stop.

mod access;
mod around;
mod authentication;
mod call_limit;
mod deadline;
mod layers;
mod metrics;
mod observation;
mod observed_body;
mod panics;

use std::{convert::Infallible, time::Duration};

use opentelemetry::global;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{body::Body, server::NamedService, service::Routes};
use tonic_health::{ServingStatus, server::HealthReporter};
use tower::Service;

pub use self::access::{AccessError, AccessTable};
use self::{access::Methods, layers::Layers, metrics::CallMetrics};
use crate::{address::ListenAddress, listener::Listener};

/// How often a quiet connection is asked whether it lives, and how long it may take to answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_WAIT: Duration = Duration::from_secs(10);
/// For connections to close at the end; those that a client keeps open are not waited for for longer.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// Bounds of a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Connections at a time.
    pub max_connections: usize,
    /// Calls at a time on one connection, streams among them.
    pub max_streams: u32,
    /// Calls over all connections whose response has not begun. Streams that have begun have bounds of their services'.
    pub max_calls: usize,
    /// Until a response begins.
    pub call_timeout: Duration,
    /// What HTTP/2 lets a client send ahead on one stream, in bytes: memory that a slow handler may cost.
    pub stream_window_bytes: u32,
    /// The same for all streams of a connection.
    pub connection_window_bytes: u32,
    /// The largest piece of a message.
    pub max_frame_bytes: u32,
}

/// A server before it serves.
#[derive(Debug)]
pub struct Server {
    options: ServerOptions,
    access: AccessTable,
    routes: Routes,
    services: Vec<&'static str>,
}

/// A server at work. Dropping it ends it at once.
#[derive(Debug)]
pub struct Serving {
    address: ListenAddress,
    services: Vec<&'static str>,
    health: HealthReporter,
    stop: CancellationToken,
    acceptor: JoinHandle<()>,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// Why a server does not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The table of permissions does not fit to the services.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Reflection.
    #[error("the descriptors of the services cannot be used: {detail}")]
    Reflection {
        /// What it says.
        detail: String,
    },
    /// It ended by itself.
    #[error("the gRPC server ended by itself: {detail}")]
    Ended {
        /// What it says.
        detail: String,
    },
}

// === impl ServerOptions ===

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            max_connections: 1_024,
            max_streams: 128,
            max_calls: 512,
            call_timeout: Duration::from_secs(30),
            stream_window_bytes: 1024 * 1024,
            connection_window_bytes: 2 * 1024 * 1024,
            max_frame_bytes: 1024 * 1024,
        }
    }
}

// === impl Server ===

impl Server {
    /// A server whose methods ask for what `access` says.
    pub fn new(options: ServerOptions, access: AccessTable) -> Self {
        Self { options, access, routes: Routes::default(), services: Vec::new() }
    }

    /// Serves one more service. Each of its methods must be in the table.
    #[must_use]
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.routes = self.routes.add_service(service);
        self.services.push(S::NAME);
        self
    }

    /// Serves until `stop`, which is the caller's to cancel.
    pub async fn serve(self, listener: Listener, stop: CancellationToken) -> Result<Serving, ServerError> {
        let Self { options, access, routes, services } = self;
        let methods = Methods::new(access, &services)?;
        let (health, health_service) = tonic_health::server::health_reporter();
        for service in &services {
            health.set_service_status(service, ServingStatus::Serving).await;
        }
        let failed =
            |error: tonic_reflection::server::Error| ServerError::Reflection { detail: error.to_string() };
        // Both versions: grpcurl asks for the older one if it is older itself.
        let routes = routes
            .add_service(health_service)
            .add_service(reflection(&services).build_v1().map_err(failed)?)
            .add_service(reflection(&services).build_v1alpha().map_err(failed)?)
            .prepare();
        let metrics = CallMetrics::new(&global::meter("eyrie"));
        let layers = Layers::new(methods, metrics, options.call_timeout, options.max_calls);
        let address = listener.local_address().clone();
        let (incoming, accepting) = listener.incoming(options.max_connections, stop.clone());
        let server = tonic::transport::Server::builder()
            .initial_stream_window_size(options.stream_window_bytes)
            .initial_connection_window_size(options.connection_window_bytes)
            .max_frame_size(options.max_frame_bytes)
            .max_concurrent_streams(options.max_streams)
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_WAIT))
            .layer(layers)
            .serve_with_incoming_shutdown(routes, incoming, stop.clone().cancelled_owned());
        let (acceptor, server) = (tokio::spawn(accepting), tokio::spawn(server));
        Ok(Serving { address, services, health, stop, acceptor, server })
    }
}

// === impl Serving ===

impl Serving {
    /// Where clients come in, with the port that was taken.
    pub fn local_address(&self) -> &ListenAddress {
        &self.address
    }

    /// Tells probes that no new work is taken.
    pub async fn set_not_serving(&self) {
        for service in self.services.iter().chain(&[""]) {
            self.health.set_service_status(service, ServingStatus::NotServing).await;
        }
    }

    /// Resolves if the server ends by itself, which it should not. Not to be called again after that.
    pub async fn failed(&mut self) -> ServerError {
        let detail = match (&mut self.server).await {
            Ok(Ok(())) => "nobody told it to".to_owned(),
            Ok(Err(error)) => crate::client::with_causes(&error),
            Err(error) => error.to_string(),
        };
        ServerError::Ended { detail }
    }

    /// Takes no more connections, and waits shortly for those that are open to close. Calls under way should have ended
    /// by now.
    pub async fn end(&mut self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(CLOSE_WAIT, &mut self.acceptor).await;
        let _ = tokio::time::timeout(CLOSE_WAIT, &mut self.server).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.cancel();
        self.server.abort();
        // The acceptor is left to end by its token: it removes its socket on the way.
    }
}

fn reflection(services: &[&'static str]) -> tonic_reflection::server::Builder<'static> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(eyrie_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    let names = services.iter().copied().chain(["grpc.health.v1.Health"]);
    names.fold(builder, tonic_reflection::server::Builder::with_service_name)
}
