//! Connecting to an engine, or to a metadata service.

use std::time::Duration;

use anyhow::Context as _;
use grpc_transport::{ClientSecurity, ServiceAddress, ServiceEndpoint, status_text};
use tonic::transport::Channel;

use crate::args::EngineArguments;

const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Connects to the engine that the arguments name, as they say.
pub(crate) async fn connect(arguments: &EngineArguments) -> anyhow::Result<Channel> {
    let security = arguments.tls.clone().security(arguments.insecure)?;
    connect_to(&arguments.engine, &security)
        .await
        .context("no engine answers; start one with `eyrie up`, or name another with --engine")
}

/// Connects to a service.
pub(crate) async fn connect_to(
    address: &ServiceAddress,
    security: &ClientSecurity,
) -> anyhow::Result<Channel> {
    let endpoint = ServiceEndpoint::new(address.clone(), security)?;
    let endpoint =
        endpoint.with(|endpoint| endpoint.http2_keep_alive_interval(KEEP_ALIVE).keep_alive_while_idle(true));
    Ok(endpoint.connect().await?)
}

/// An engine's refusal as people read it.
pub(crate) fn refusal(status: &tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("the engine answered {:?}: {}", status.code(), status_text(status))
}
