//! The role `cluster`: watches the Kubernetes API of its cluster and pushes what it sees to a central metadata service.
//!
//! [`cluster_watch`] keeps a picture of the cluster; [`pusher`] tells the central service what changes in it. The two know
//! nothing of each other's outages: while the API server is away the picture stays as it was, and while the central
//! service is away the picture notes what is to be told. Nothing is stored here: a restart lists again, and the central
//! service finds out by a snapshot what has gone.

mod progress;
mod pusher;

use std::{path::PathBuf, sync::Arc, time::Duration};

use cluster_watch::{ApiServer, Health, Kind, Picture, WatchMetrics, WatchOptions, Watcher};
use grpc_transport::{ClientSecurity, ServiceAddress, ServiceEndpoint};
use telemetry::{Checks, Meter};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{progress::Progress, pusher::Pusher};
use crate::service::StartError;

/// How the role works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    /// The central metadata service.
    pub central: ServiceAddress,
    /// How it is spoken to.
    pub security: ClientSecurity,
    /// Names the API server; without one, that of the cluster whose pod we are.
    pub kubeconfig: Option<PathBuf>,
    /// For people; the cluster is known by the uid of its namespace kube-system.
    pub name: String,
    /// Whose cluster it is.
    pub tenant: String,
    /// Objects that are kept.
    pub max_objects: usize,
    /// The longest wait between two tries to reach the central service.
    pub last_retry: Duration,
}

/// The role.
#[derive(Debug)]
pub struct ClusterService;

/// The role at work. Dropping it ends it at once; what the central service has not acked is told after the next start.
#[derive(Debug)]
pub struct ClusterRunning {
    stop: CancellationToken,
    tasks: TaskTracker,
    health: Arc<Health>,
    progress: Arc<Progress>,
    picture: Arc<Picture>,
    drain_wait: Duration,
}

// === impl ClusterService ===

impl ClusterService {
    /// Starts to watch and to push.
    pub async fn start(
        config: ClusterConfig,
        drain_wait: Duration,
        meter: &Meter,
    ) -> Result<ClusterRunning, StartError> {
        let server = ApiServer::connect(config.kubeconfig.as_deref()).await?;
        Self::start_on(config, server, WatchOptions::default(), drain_wait, meter)
    }

    /// The same on an API server that was chosen, watched as the options say.
    pub fn start_on(
        config: ClusterConfig,
        server: ApiServer,
        options: WatchOptions,
        drain_wait: Duration,
        meter: &Meter,
    ) -> Result<ClusterRunning, StartError> {
        let endpoint = ServiceEndpoint::new(config.central.clone(), &config.security)?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let picture = Arc::new(Picture::new(config.max_objects));
        let (health, metrics) = (Arc::new(Health::default()), WatchMetrics::default());
        let progress = Arc::new(Progress::default());
        let weak = Arc::downgrade(&health);
        metrics.show(meter, move || weak.upgrade().map(|health| health.unheard()));
        progress.show(meter, &picture);
        tracing::info!(server = server.address(), central = %config.central, "watching a cluster");
        for kind in Kind::ALL {
            let watcher = Watcher {
                kind,
                server: server.clone(),
                picture: Arc::clone(&picture),
                health: Arc::clone(&health),
                metrics: metrics.clone(),
                options: options.clone(),
            };
            tasks.spawn(watcher.run(stop.clone()));
        }
        let pusher = Pusher::new(&endpoint, config, Arc::clone(&picture), Arc::clone(&progress));
        tasks.spawn(pusher.run(stop.clone()));
        Ok(ClusterRunning { stop, tasks, health, progress, picture, drain_wait })
    }
}

// === impl ClusterRunning ===

impl ClusterRunning {
    /// Why what the central service has may be old, if it may.
    pub fn check(&self) -> Result<(), String> {
        let kubernetes = self.health.check();
        kubernetes.and_then(|()| self.progress.check())
    }

    /// What it has of the cluster.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// Ends: what was not acked is told after the next start.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(self.drain_wait, self.tasks.wait()).await.is_err() {
            tracing::warn!(waited = ?self.drain_wait, "watches did not end in time: giving them up");
        }
    }
}

impl service_runtime::Running for ClusterRunning {
    type Error = StartError;

    fn name(&self) -> &'static str {
        "metadata-service"
    }

    fn checks(&self) -> Checks {
        let (health, progress) = (Arc::clone(&self.health), Arc::clone(&self.progress));
        Checks::default()
            .with("kubernetes", move || std::future::ready(health.check()))
            .with("central", move || std::future::ready(progress.check()))
    }

    async fn failed(&mut self) -> StartError {
        // Nothing here ends by itself.
        std::future::pending().await
    }

    async fn shutdown(self) {
        ClusterRunning::shutdown(self).await;
    }
}

impl Drop for ClusterRunning {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
