//! Health and metrics over HTTP, for probes and Prometheus.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use grpc_transport::{ListenAddress, ListenError};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::store::MetadataStore;

/// The type of OpenMetrics, which Prometheus asks for.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the pages are made of.
pub(crate) struct Admin {
    pub(crate) registry: Registry,
    pub(crate) store: Arc<dyn MetadataStore>,
    /// Draining has begun.
    pub(crate) stop: CancellationToken,
}

/// Binds the address of the pages; they are plain text, so the same holds for it as for the service's.
pub(crate) async fn bind(address: SocketAddr, is_insecure_allowed: bool) -> Result<TcpListener, ListenError> {
    let named = ListenAddress::Tcp(address);
    if !named.is_local() && !is_insecure_allowed {
        return Err(ListenError::Insecure { address: named });
    }
    TcpListener::bind(address).await.map_err(|source| ListenError::Bind { address: named, source })
}

/// Serves the pages until `end`, which comes after draining: a probe can see that.
pub(crate) async fn serve(listener: TcpListener, admin: Admin, end: CancellationToken) {
    let router = Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(admin));
    let serving = axum::serve(listener, router).into_future();
    tokio::select! {
        () = end.cancelled() => {}
        result = serving => if let Err(error) = result {
            tracing::error!(%error, "stopped serving health and metrics");
        }
    }
}

/// Ready means: not ending, and the store can be read.
async fn ready(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    if admin.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    match admin.store.find(Arc::new([])).await {
        Ok(_) => (StatusCode::OK, "ready\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    let mut text = String::new();
    match encode(&mut text, &admin.registry) {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, OPEN_METRICS)], text),
        Err(error) => {
            let text = format!("cannot encode the metrics: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], text)
        }
    }
}
