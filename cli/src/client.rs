//! Connecting to an engine.

use std::time::Duration;

use anyhow::Context as _;
use tonic::transport::{Channel, Endpoint};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects to the engine at `url`.
pub(crate) async fn connect(url: &str) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(url.to_owned())
        .with_context(|| format!("{url} is no address of an engine; give http://HOST:PORT or unix:/PATH"))?;
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_while_idle(true)
        .connect()
        .await
        .with_context(|| {
            format!("no engine answers at {url}; start one with `eyrie up`, or name another with --engine")
        })
}

/// An engine's refusal as people read it.
pub(crate) fn refusal(status: &tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("the engine answered {:?}: {}", status.code(), status.message())
}
