//! What surrounds a service in its process: telemetry, admin pages, signals.

use std::{io, net::SocketAddr};

use grpc_transport::ListenError;
use telemetry::{
    Instruments, Readiness, ServiceIdentity, Telemetry, TelemetryConfig, TelemetryError,
    admin::{AdminListener, Pages},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::running::{End, Running, Signals, serve_until_told};

/// A process in which services can run.
#[derive(Debug)]
pub struct Shell {
    telemetry: Telemetry,
    readiness: Readiness,
    signals: Signals,
    pages: Option<(SocketAddr, JoinHandle<()>)>,
    end_pages: CancellationToken,
}

/// Why a process cannot run services.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// Logs, traces or metrics.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The address of the admin pages.
    #[error("the admin pages: {0} (admin-listen says where they are to be)")]
    Pages(#[from] ListenError),
    /// Signals.
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
    /// Threads.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
}

// === impl Shell ===

impl Shell {
    /// Starts to log, to measure, to listen for signals, and to serve the admin pages.
    pub async fn start(config: &TelemetryConfig, identity: ServiceIdentity) -> Result<Self, ShellError> {
        let signals = Signals::listen().map_err(ShellError::Signals)?;
        let telemetry = Telemetry::start(config, identity)?;
        telemetry.install();
        let (readiness, end_pages) = (Readiness::default(), CancellationToken::new());
        let listener = AdminListener::bind(config.admin_listen, config.is_insecure_allowed).await?;
        let pages = listener.map(|listener| {
            let address = listener.local_address();
            tracing::info!(%address, "serving /healthz, /readyz and /metrics");
            let pages = Pages { readiness: readiness.clone(), metrics: telemetry.metrics().clone() };
            (address, tokio::spawn(listener.serve(pages, end_pages.clone())))
        });
        Ok(Self { telemetry, readiness, signals, pages, end_pages })
    }

    /// Where the admin pages are served, with the port that was taken.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.pages.as_ref().map(|(address, _)| *address)
    }

    /// What services measure and trace with.
    pub fn instruments(&self) -> Instruments {
        self.telemetry.instruments()
    }

    /// Starts a service and runs it until a signal comes or it fails; after a signal it drains, until a second one. In the
    /// end what telemetry still has is sent, unless there is a hurry.
    pub async fn serve<R, E>(mut self, start: impl Future<Output = Result<R, E>>) -> Result<End, E>
    where
        R: Running,
        E: From<R::Error>,
    {
        let ended = serve_until_told(&mut self.signals, &self.readiness, start).await;
        self.end_pages.cancel();
        if let Some((_, pages)) = self.pages {
            let _ = pages.await;
        }
        if !matches!(ended, Ok(End::Hurried)) {
            tokio::select! {
                () = self.telemetry.shutdown() => {}
                _ = self.signals.next() => {}
            }
        }
        ended
    }
}
