//! What alerts say of pods and of peers.

use eyrie_proto::alert::{Alert, MetadataState};
use test_kubernetes::objects;

use crate::{
    host::PodHost,
    stage::{Of, Stage},
};

/// Longer than anything takes: matches wait until the answer comes.
const PATIENT_MS: u64 = 60_000;

/// A pod with an address of a replica set of the deployment `web`.
fn web_pod(name: &str, uid: &str, ip: &str) -> serde_json::Value {
    let pod = objects::pod("shop", name, uid, &[("app", "web")]);
    let mut pod = objects::owned_by(pod, "ReplicaSet", "web-1", "r1");
    pod["status"]["podIP"] = ip.into();
    pod["status"]["podIPs"] = serde_json::json!([{ "ip": ip }]);
    pod
}

/// As alerts say it of a file in a container of such a pod.
fn of_web_pod(path: &str, name: &str, uid: &str) -> String {
    format!(
        "{path} by shop/name-of-{uid} {uid} is shop/{name} {uid} app=web of deployment web d1, replica set web-1, service (web)"
    )
}

fn is_whole(alert: &Alert) -> bool {
    alert.unknown_fields.is_empty()
        && !alert.is_amendment
        && alert.metadata_state() == MetadataState::Complete
}

/// The deployment `web` with its service, its node and a pod.
async fn web(stage: &Stage) -> anyhow::Result<()> {
    let rs = objects::workload("ReplicaSet", "shop", "web-1", "r1", &[]);
    stage.api.put("deployments", objects::workload("Deployment", "shop", "web", "d1", &[]));
    stage.api.put("replicasets", objects::owned_by(rs, "Deployment", "web", "d1"));
    stage.api.put("services", objects::service("shop", "web", "s1", &[("app", "web")]));
    let mut other = objects::service("shop", "other", "s2", &[("app", "other")]);
    other["spec"]["clusterIPs"] = serde_json::json!(["10.96.0.10"]);
    stage.api.put("services", other);
    stage.api.put("nodes", objects::node("node-1", "n1"));
    stage.api.put("pods", web_pod("web-1-a", "p1", "10.0.0.7"));
    stage.until_ready(Of::Cluster, &[]).await
}

/// Opens a file in a container; the one alert of it says all, at once.
async fn one_whole(stage: &Stage, host: &mut PodHost, container: u64, path: &str) -> anyhow::Result<Alert> {
    host.open(container, path).await?;
    let mut alerts = stage.alerts_of(path, 1).await?;
    assert!(alerts.len() == 1 && is_whole(&alerts[0]), "{alerts:?}");
    Ok(alerts.remove(0))
}

/// Connects, with another port of this side each time, until the alert says all; gives what it says.
async fn peer(stage: &Stage, host: &mut PodHost, ip: [u8; 4]) -> anyhow::Result<String> {
    for _ in 0..1_000 {
        let path = host.connect(0, ip).await?;
        let alert = stage.alerts_of(&path, 1).await?.remove(0);
        let rest = alert.message.strip_prefix(&format!("{path} ")).unwrap();
        let told = rest.split(" container_").next().unwrap().to_owned();
        if alert.unknown_fields.is_empty() {
            return Ok(told);
        }
        // The picture of the cluster is on its way, and nothing is guessed.
        assert_eq!(told, "to <NA> <NA>/<NA> <NA>");
    }
    anyhow::bail!("the peer is never known")
}

/// Scenario: a host with a container of a pod of a deployment, in a cluster with a service that selects the pod and one that does not; connections
/// to a pod's, the service's and the node's address, and to one that nobody has. Guarantees: the alert of the container's first event says all that
/// the pod belongs to, although neither agent nor engine can reach the cluster; each connection has its peer.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_say_what_a_pod_belongs_to_and_who_its_peers_are() -> anyhow::Result<()> {
    let stage = Stage::start(PATIENT_MS).await?;
    web(&stage).await?;
    let mut host = stage.host().await?;
    host.start(0, "p1").await?;
    let alert = one_whole(&stage, &mut host, 0, "/first").await?;
    assert!(alert.message.starts_with(&of_web_pod("/first", "web-1-a", "p1")), "{}", alert.message);
    let pod = alert.container.unwrap().kubernetes.unwrap().pod.unwrap();
    assert_eq!((&*pod.node_name, &*pod.cluster_name), ("node-1", "blue"));

    assert_eq!(peer(&stage, &mut host, [10, 96, 0, 9]).await?, "to service shop/web s1");
    assert_eq!(peer(&stage, &mut host, [10, 1, 0, 1]).await?, "to node <NA>/node-1 n1");
    assert_eq!(peer(&stage, &mut host, [10, 0, 0, 7]).await?, "to pod shop/web-1-a p1");
    assert_eq!(peer(&stage, &mut host, [192, 0, 2, 1]).await?, "to <NA> <NA>/<NA> <NA>");
    Ok(())
}

/// Scenario: a pod is deleted, and acts after that; another pod is gone before its host's agent tells of its container; the first pod's
/// address goes to a new one. Guarantees: both deleted pods are named as they were; the address is the new pod's, and nobody's
/// until that is known.
#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_deleted_is_named_as_it_was() -> anyhow::Result<()> {
    let stage = Stage::start(PATIENT_MS).await?;
    web(&stage).await?;
    let mut host = stage.host().await?;
    host.start(0, "p1").await?;
    one_whole(&stage, &mut host, 0, "/before").await?;
    assert_eq!(peer(&stage, &mut host, [10, 0, 0, 7]).await?, "to pod shop/web-1-a p1");
    stage.change(|api| api.delete("pods", "shop", "web-1-a")).await?;
    let alert = one_whole(&stage, &mut host, 0, "/after").await?;
    assert!(alert.message.starts_with(&of_web_pod("/after", "web-1-a", "p1")), "{}", alert.message);

    stage.change(|api| api.put("pods", web_pod("web-1-b", "p2", "10.0.0.8"))).await?;
    stage.change(|api| api.delete("pods", "shop", "web-1-b")).await?;
    host.start(1, "p2").await?;
    let alert = one_whole(&stage, &mut host, 1, "/short").await?;
    assert!(alert.message.starts_with(&of_web_pod("/short", "web-1-b", "p2")), "{}", alert.message);

    stage.change(|api| api.put("pods", web_pod("web-1-c", "p3", "10.0.0.7"))).await?;
    let mut told = String::new();
    for _ in 0..1_000 {
        told = peer(&stage, &mut host, [10, 0, 0, 7]).await?;
        if told.contains("p3") {
            break;
        }
        // Who had it is known to be gone, or that has not come yet.
        assert!(["to <NA> <NA>/<NA> <NA>", "to pod shop/web-1-a p1"].contains(&&*told), "{told}");
    }
    assert_eq!(told, "to pod shop/web-1-c p3");
    Ok(())
}
