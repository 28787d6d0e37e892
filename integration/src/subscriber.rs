//! A gRPC client as a SOC would write it.

use std::time::Duration;

use anyhow::Context as _;
use eyrie_proto::{
    alert::{
        Alert, SubscribeRequest, alert_service_client::AlertServiceClient, subscribe_request::Start,
        subscribe_response::Kind,
    },
    capture::{Host, ListHostsRequest, host_service_client::HostServiceClient},
    metadata::{
        self, ContainerKey, LookupRequest, Query, entity, metadata_service_client::MetadataServiceClient,
        query,
    },
};
use test_containers::Container;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::transport::Channel;

use crate::{program::PATIENCE, scene::Scene};

/// Between two looks at something that is to become true.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Connects as soon as something listens there.
pub async fn connect(url: &str) -> anyhow::Result<Channel> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match tonic::transport::Endpoint::from_shared(url.to_owned())?.connect().await {
            Ok(channel) => return Ok(channel),
            Err(error) if Instant::now() > deadline => {
                return Err(error).context(format!("nothing at {url}"));
            }
            Err(_) => sleep(POLL_INTERVAL).await,
        }
    }
}

/// Alerts from the log's beginning on, until `is_enough` holds of what has come; an error if it does not in time.
pub async fn alerts_until(
    url: &str,
    mut is_enough: impl FnMut(&[Alert]) -> bool,
) -> anyhow::Result<Vec<Alert>> {
    let alerts = alerts_within(url, &mut is_enough).await?;
    let count = alerts.len();
    anyhow::ensure!(is_enough(&alerts), "waited too long; {count} alerts came: {:?}", rules(&alerts));
    Ok(alerts)
}

/// Alerts from the log's beginning on, until `is_enough` holds of what has come, or it has taken too long.
pub async fn alerts_within(
    url: &str,
    mut is_enough: impl FnMut(&[Alert]) -> bool,
) -> anyhow::Result<Vec<Alert>> {
    let deadline = Instant::now() + PATIENCE;
    let request = SubscribeRequest {
        start: Some(Start::FromBeginning(true)),
        follow: true,
        ..SubscribeRequest::default()
    };
    let mut stream = AlertServiceClient::new(connect(url).await?).subscribe(request).await?.into_inner();
    let mut alerts = Vec::new();
    while !is_enough(&alerts) {
        let Ok(message) = timeout_at(deadline, stream.message()).await else { break };
        let response = message?.context("the engine ended the subscription")?;
        if let Some(Kind::Alert(alert)) = response.kind {
            alerts.push(alert);
        }
    }
    Ok(alerts)
}

/// All alerts that the log has now.
pub async fn alerts_now(url: &str) -> anyhow::Result<Vec<Alert>> {
    let request = SubscribeRequest { start: Some(Start::FromBeginning(true)), ..SubscribeRequest::default() };
    let mut stream = AlertServiceClient::new(connect(url).await?).subscribe(request).await?.into_inner();
    let mut alerts = Vec::new();
    while let Some(response) = stream.message().await? {
        if let Some(Kind::Alert(alert)) = response.kind {
            alerts.push(alert);
        }
    }
    Ok(alerts)
}

/// Waits until the engine's list of hosts satisfies `is_so`, and returns it.
pub async fn hosts_until(url: &str, mut is_so: impl FnMut(&[Host]) -> bool) -> anyhow::Result<Vec<Host>> {
    let deadline = Instant::now() + PATIENCE;
    let mut client = HostServiceClient::new(connect(url).await?);
    loop {
        let hosts =
            client.list_hosts(ListHostsRequest { include_disconnected: true }).await?.into_inner().hosts;
        if is_so(&hosts) {
            return Ok(hosts);
        }
        anyhow::ensure!(Instant::now() < deadline, "waited too long; the hosts are {hosts:?}");
        sleep(POLL_INTERVAL).await;
    }
}

/// Waits until the scene's metadata service knows a running container by its name.
pub async fn knows_container(scene: &Scene, container: &Container) -> anyhow::Result<()> {
    container_until(scene, container.id(), |known| known.name == container.name()).await.map(drop)
}

/// Waits until what the scene's metadata service knows of the container with this id satisfies `is_so`, and returns that.
pub async fn container_until(
    scene: &Scene,
    runtime_id: &str,
    mut is_so: impl FnMut(&metadata::Container) -> bool,
) -> anyhow::Result<metadata::Container> {
    let hosts = hosts_until(&scene.url(), |hosts| !hosts.is_empty()).await?;
    let origin = hosts.into_iter().next().and_then(|host| host.origin);
    let mut client = MetadataServiceClient::new(connect(&scene.metadata_url()).await?);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let key = ContainerKey {
            origin: origin.clone(),
            runtime_id: runtime_id.to_owned(),
            ..ContainerKey::default()
        };
        let query = Query { query_id: 1, as_of_ns: 0, key: Some(query::Key::Container(key)) };
        let request = LookupRequest { queries: vec![query], wait_ms: 0 };
        let answers = client.lookup(request).await?.into_inner().answers;
        let entity = answers.into_iter().next().and_then(|answer| answer.entity?.kind);
        match entity {
            Some(entity::Kind::Container(known)) if is_so(&known) => return Ok(known),
            other => {
                anyhow::ensure!(Instant::now() < deadline, "of {runtime_id} it knows {other:?}");
            }
        }
        sleep(POLL_INTERVAL).await;
    }
}

fn rules(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|alert| alert.rule.as_str()).collect()
}
