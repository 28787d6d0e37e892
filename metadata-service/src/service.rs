//! Puts the parts together, runs them, and lets them end in order.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use eyrie_proto::metadata::metadata_service_server::MetadataServiceServer;
use grpc_transport::{
    AccessTable, ListenAddress, ListenError, Listener, Permission, Server, ServerError, ServerOptions,
    Serving,
};
use telemetry::{Checks, Meter};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::Config,
    lookup::Lookup,
    metrics::Metrics,
    rpc::{Central, CentralParts},
    store::{MetadataStore, StoreError, sqlite::SqliteStore},
};

/// A message of facts; above that of the engine's stream, so that what came in by one message goes on in one.
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Between two looks for tombstones that were kept for long enough.
const FORGET_INTERVAL: Duration = Duration::from_secs(1);

/// What the methods ask of whoever calls them. Operators of one tenant are held to it by the handlers.
const ACCESS: AccessTable = &[
    ("/eyrie.metadata.v1.MetadataService/Lookup", Permission::ReadMetadata),
    ("/eyrie.metadata.v1.MetadataService/Watch", Permission::ReadMetadata),
    ("/eyrie.metadata.v1.MetadataService/List", Permission::ReadMetadata),
    ("/eyrie.metadata.v1.MetadataService/RelayFacts", Permission::RelayFacts),
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

// === impl MetadataService ===

impl MetadataService {
    /// Opens, binds and starts everything. From then on clients are served.
    pub async fn start(config: Config, meter: &Meter) -> Result<Running, StartError> {
        let listener = Listener::bind(config.listen.clone(), config.security.clone()).await?;
        let (directory, limits) = (config.data_dir.clone(), config.store);
        let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&directory, limits)).await;
        let store = opened.map_err(|error| StartError::Interrupted { detail: error.to_string() })??;
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
    let options = ServerOptions {
        max_connections: config.max_connections,
        max_calls: config.max_calls,
        ..ServerOptions::default()
    };
    let serving = Server::new(options, ACCESS).add_service(service).serve(listener, stop.clone()).await?;
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
        // Calls end by themselves.
        self.serving.end().await;
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
        self.serving.failed().await.into()
    }

    async fn shutdown(self) {
        Running::shutdown(self).await;
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
