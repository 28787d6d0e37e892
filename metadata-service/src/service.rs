//! Puts the parts together, runs them, and lets them end in order.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use cluster_watch::ApiError;
use eyrie_proto::metadata::{
    cluster_service_server::ClusterServiceServer, metadata_service_server::MetadataServiceServer,
};
use grpc_transport::{
    AccessTable, ConnectError, ListenAddress, ListenError, Listener, Permission, Server, ServerError,
    ServerOptions, Serving,
};
use telemetry::{Checks, Meter};
use tokio::sync::{Notify, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cluster::{ClusterRunning, ClusterService},
    config::Config,
    lookup::Lookup,
    metrics::Metrics,
    push::{self, Clusters},
    rpc::{Central, CentralParts},
    store::{MetadataStore, StoreError, nats::NatsStore, sqlite::SqliteStore},
};

/// A message of facts; above that of the engine's stream, so that what came in by one message goes on in one.
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Between two looks for tombstones that were kept for long enough.
const FORGET_INTERVAL: Duration = Duration::from_secs(1);

/// What the methods ask of whoever calls them. Operators of one tenant, and services of one
/// cluster, are held to it by the handlers.
const ACCESS: AccessTable = &[
    ("/eyrie.metadata.v1.MetadataService/Lookup", Permission::ReadMetadata),
    ("/eyrie.metadata.v1.MetadataService/Watch", Permission::ReadMetadata),
    ("/eyrie.metadata.v1.MetadataService/List", Permission::ReadMetadata),
    ("/eyrie.metadata.v1.MetadataService/RelayFacts", Permission::RelayFacts),
    ("/eyrie.metadata.v1.ClusterService/PushCluster", Permission::PushCluster),
];

/// The metadata service.
#[derive(Debug)]
pub struct MetadataService;

/// A metadata service at work. Dropping it ends it at once, without harm to what it has acked; [`Running::shutdown`] is
/// kinder.
#[derive(Debug)]
pub struct Running {
    stop: CancellationToken,
    tasks: TaskTracker,
    serving: Serving,
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
    /// The Kubernetes API.
    #[error(transparent)]
    Kubernetes(#[from] ApiError),
    /// The central service's address.
    #[error(transparent)]
    Central(#[from] ConnectError),
    /// The gRPC server.
    #[error(transparent)]
    Serve(#[from] ServerError),
    /// The start was interrupted.
    #[error("the metadata service cannot start: {detail}")]
    Interrupted {
        /// What it says.
        detail: String,
    },
}

/// A process at work, in whichever role.
#[derive(Debug)]
pub enum RoleRunning {
    /// Takes and answers.
    Central(Running),
    /// Watches a cluster and pushes.
    Cluster(ClusterRunning),
}

// === impl MetadataService ===

impl MetadataService {
    /// Starts the role that the configuration has.
    pub async fn start_role(mut config: Config, meter: &Meter) -> Result<RoleRunning, StartError> {
        match config.cluster.take() {
            Some(cluster) => {
                let running = ClusterService::start(cluster, config.drain_wait, meter).await?;
                Ok(RoleRunning::Cluster(running))
            }
            None => Ok(RoleRunning::Central(Self::start(config, meter).await?)),
        }
    }

    /// Opens, binds and starts everything. From then on clients are served.
    pub async fn start(config: Config, meter: &Meter) -> Result<Running, StartError> {
        let listener = Listener::bind(config.listen.clone(), config.security.clone()).await?;
        let store = open(&config, meter).await?;
        let clusters = Clusters::new(store.clusters().await?, meter);
        run(config, store, clusters, Metrics::new(meter), listener).await
    }
}

/// The store of this service alone, or the one that it shares.
async fn open(config: &Config, meter: &Meter) -> Result<Arc<dyn MetadataStore>, StartError> {
    let (directory, limits) = (config.data_dir.clone(), config.store);
    if let Some(nats) = config.nats.clone() {
        return Ok(Arc::new(NatsStore::open(&directory, limits, nats, meter).await?));
    }
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&directory, limits)).await;
    let store = opened.map_err(|error| StartError::Interrupted { detail: error.to_string() })??;
    store.metrics().show(meter);
    Ok(Arc::new(store))
}

async fn run(
    config: Config,
    store: Arc<dyn MetadataStore>,
    clusters: Arc<Clusters>,
    metrics: Metrics,
    listener: Listener,
) -> Result<Running, StartError> {
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let to_check = Arc::downgrade(&store);
    tasks.spawn(forget_expired(Arc::clone(&store), stop.clone()));
    let applied = Arc::new(Notify::new());
    tasks.spawn(rejoin(Arc::clone(&store), Arc::clone(&applied), stop.clone()));
    let central = Central(Arc::new(CentralParts {
        lookup: Lookup::new(Arc::clone(&store), config.lookup, metrics.clone()),
        store,
        metrics,
        heartbeat: config.watch_heartbeat,
        max_watches: config.max_watches,
        watch_permits: Arc::new(Semaphore::new(config.max_watches)),
        clusters,
        push_permits: Arc::new(Semaphore::new(push::MAX_STREAMS)),
        max_cluster_objects: usize::try_from(config.store.max_objects_per_cluster).unwrap_or(usize::MAX),
        applied,
        stop: stop.clone(),
        tasks: tasks.clone(),
    }));
    let service = MetadataServiceServer::new(central.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let clusters = ClusterServiceServer::new(central).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let options = ServerOptions {
        max_connections: config.max_connections,
        max_calls: config.max_calls,
        ..ServerOptions::default()
    };
    let server = Server::new(options, ACCESS).add_service(service).add_service(clusters);
    let serving = server.serve(listener, stop.clone()).await?;
    let address = serving.local_address();
    tracing::info!(%address, data_dir = %config.data_dir.display(), "the metadata service takes connections");
    Ok(Running { stop, tasks, serving, store: to_check, drain_wait: config.drain_wait })
}

// === impl Running ===

impl Running {
    /// Where clients come in, with the port that was taken.
    pub fn local_address(&self) -> &ListenAddress {
        self.serving.local_address()
    }

    /// Ends in order: probes are told, no new work, calls under way are answered, watches are closed with a status, what
    /// is stored is closed.
    pub async fn shutdown(mut self) {
        self.serving.set_not_serving().await;
        self.stop.cancel();
        self.tasks.close();
        let deadline = tokio::time::Instant::now() + self.drain_wait;
        if tokio::time::timeout_at(deadline, self.tasks.wait()).await.is_err() {
            tracing::warn!(waited = ?self.drain_wait, "watches did not end in time: giving them up");
        }
        let store = self.store.upgrade();
        // Calls end by themselves.
        self.serving.end().await;
        if let Some(store) = store {
            store.close().await;
        }
    }
}

impl service_runtime::Running for Running {
    type Error = StartError;

    fn name(&self) -> &'static str {
        "metadata-service"
    }

    /// The store can be read, and the one that is shared can be reached.
    fn checks(&self) -> Checks {
        let store = Weak::clone(&self.store);
        Checks::default().with("store", move || {
            let store = Weak::upgrade(&store);
            async move {
                let store = store.ok_or("it is closed")?;
                store.check().await.map_err(|error| error.to_string())
            }
        })
    }

    async fn failed(&mut self) -> StartError {
        self.serving.failed().await.into()
    }

    async fn shutdown(self) {
        Running::shutdown(self).await;
    }
}

// === impl RoleRunning ===

impl service_runtime::Running for RoleRunning {
    type Error = StartError;

    fn name(&self) -> &'static str {
        "metadata-service"
    }

    fn checks(&self) -> Checks {
        match self {
            Self::Central(running) => running.checks(),
            Self::Cluster(running) => running.checks(),
        }
    }

    async fn failed(&mut self) -> StartError {
        match self {
            Self::Central(running) => running.failed().await,
            Self::Cluster(running) => running.failed().await,
        }
    }

    async fn shutdown(self) {
        match self {
            Self::Central(running) => running.shutdown().await,
            Self::Cluster(running) => running.shutdown().await,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
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

/// Tells containers anew whose pods changed: soon after a push, and now and then for those that waited for long enough.
async fn rejoin(store: Arc<dyn MetadataStore>, applied: Arc<Notify>, stop: CancellationToken) {
    let mut interval = tokio::time::interval(FORGET_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = applied.notified() => {}
            _ = interval.tick() => {}
        }
        while !stop.is_cancelled() {
            match store.rejoin().await {
                Ok(true) => {}
                Ok(false) => break,
                // Tried again at the next tick.
                Err(error) => {
                    tracing::warn!(%error, "cannot tell containers anew");
                    break;
                }
            }
        }
    }
}
