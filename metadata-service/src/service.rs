//! Puts the parts together, runs them, and lets them end in order.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use eyrie_proto::metadata::metadata_service_server::MetadataServiceServer;
use grpc_transport::{ListenAddress, ListenError, Listener};
use telemetry::{Checks, Meter};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::Server;
use tonic_health::server::HealthReporter;

use crate::{
    config::Config,
    layers,
    lookup::Lookup,
    metrics::Metrics,
    rpc::{Central, CentralParts},
    store::{MetadataStore, StoreError, sqlite::SqliteStore},
};

/// A message of facts; above that of the engine's stream, so that what came in by one message goes on in one.
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Calls at a time on one connection.
const MAX_STREAMS: u32 = 128;
/// How often a quiet connection is asked whether it lives, and how long it may take to answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_WAIT: Duration = Duration::from_secs(10);
/// Between two looks for tombstones that were kept for long enough.
const FORGET_INTERVAL: Duration = Duration::from_secs(1);

/// The metadata service.
#[derive(Debug)]
pub struct MetadataService;

/// A metadata service at work. Dropping it ends it at once, without harm to what it has acked; [`Running::shutdown`] is
/// kinder.
#[derive(Debug)]
pub struct Running {
    address: ListenAddress,
    stop: CancellationToken,
    tasks: TaskTracker,
    acceptor: JoinHandle<()>,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
    health: HealthReporter,
    store: Weak<dyn MetadataStore>,
    drain_wait: Duration,
}

/// Why the service does not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The gRPC server.
    #[error("the gRPC server failed: {detail}")]
    Server {
        /// What it says.
        detail: String,
    },
}

// === impl MetadataService ===

impl MetadataService {
    /// Opens, binds and starts everything. From then on clients are served.
    pub async fn start(config: Config, meter: &Meter) -> Result<Running, StartError> {
        let listener = Listener::bind(config.listen.clone(), config.is_insecure_allowed).await?;
        let (directory, limits) = (config.data_dir.clone(), config.store);
        let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&directory, limits)).await;
        let store = opened.map_err(|error| server_error(&error))??;
        store.metrics().show(meter);
        run(config, Arc::new(store), Metrics::new(meter), listener).await
    }
}

async fn run(
    config: Config,
    store: Arc<dyn MetadataStore>,
    metrics: Metrics,
    listener: Listener,
) -> Result<Running, StartError> {
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let to_check = Arc::downgrade(&store);
    tasks.spawn(forget_expired(Arc::clone(&store), stop.clone()));
    let central = Central(Arc::new(CentralParts {
        lookup: Lookup::new(Arc::clone(&store), config.lookup, metrics.clone()),
        store,
        metrics,
        heartbeat: config.watch_heartbeat,
        max_watches: config.max_watches,
        watch_permits: Arc::new(Semaphore::new(config.max_watches)),
        stop: stop.clone(),
        tasks: tasks.clone(),
    }));
    let service = MetadataServiceServer::new(central).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<MetadataServiceServer<Central>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(eyrie_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("eyrie.metadata.v1.MetadataService")
        .with_service_name("grpc.health.v1.Health")
        .build_v1()
        .map_err(|error| server_error(&error))?;
    let address = listener.local_address().clone();
    let (incoming, accepting) = listener.incoming(config.max_connections, stop.clone());
    let server = Server::builder()
        .max_concurrent_streams(MAX_STREAMS)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_WAIT))
        .trace_fn(layers::span)
        .timeout(layers::CALL_TIMEOUT)
        .layer(layers::layers(config.max_calls))
        .add_service(health_service)
        .add_service(reflection)
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
    tracing::info!(%address, data_dir = %config.data_dir.display(), "the metadata service takes connections");
    Ok(Running {
        address,
        stop,
        tasks,
        acceptor: tokio::spawn(accepting),
        server: tokio::spawn(server),
        health,
        store: to_check,
        drain_wait: config.drain_wait,
    })
}

// === impl Running ===

impl Running {
    /// Where clients come in, with the port that was taken.
    pub fn local_address(&self) -> &ListenAddress {
        &self.address
    }

    /// Ends in order: probes are told, no new work, calls under way are answered, watches are closed with a status, what
    /// is stored is closed.
    pub async fn shutdown(mut self) {
        self.health.set_not_serving::<MetadataServiceServer<Central>>().await;
        self.stop.cancel();
        self.tasks.close();
        let deadline = tokio::time::Instant::now() + self.drain_wait;
        if tokio::time::timeout_at(deadline, self.tasks.wait()).await.is_err() {
            tracing::warn!(waited = ?self.drain_wait, "watches did not end in time: giving them up");
        }
        let _ = tokio::time::timeout(Duration::from_secs(1), &mut self.acceptor).await;
        // Calls end by themselves; connections that a client keeps open are not waited for for long.
        if tokio::time::timeout(Duration::from_secs(1), &mut self.server).await.is_err() {
            self.server.abort();
            let _ = (&mut self.server).await;
        }
    }
}

impl service_runtime::Running for Running {
    type Error = StartError;

    fn name(&self) -> &'static str {
        "metadata-service"
    }

    /// The store can be read.
    fn checks(&self) -> Checks {
        let store = Weak::clone(&self.store);
        Checks::default().with("store", move || {
            let store = Weak::upgrade(&store);
            async move {
                let store = store.ok_or("it is closed")?;
                store.find(Arc::new([])).await.map(drop).map_err(|error| error.to_string())
            }
        })
    }

    async fn failed(&mut self) -> StartError {
        match (&mut self.server).await {
            Ok(Ok(())) => StartError::Server { detail: "it ended".to_owned() },
            Ok(Err(error)) => server_error(&error),
            Err(error) => server_error(&error),
        }
    }

    async fn shutdown(self) {
        Running::shutdown(self).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        self.server.abort();
        // The acceptor is left to end by its token: it removes its socket on the way.
    }
}

async fn forget_expired(store: Arc<dyn MetadataStore>, stop: CancellationToken) {
    let mut interval = tokio::time::interval(FORGET_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        // Tried again at the next tick.
        if let Err(error) = store.forget_expired().await {
            tracing::warn!(%error, "cannot forget old tombstones");
        }
    }
}

fn server_error(error: &dyn std::error::Error) -> StartError {
    StartError::Server { detail: error.to_string() }
}
