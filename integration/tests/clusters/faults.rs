//! What becomes of alerts while parts are away.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use eyrie_proto::alert::{Alert, MetadataState};
use integration::{eventually, subscriber};
use test_kubernetes::{ApiServer, objects};
use tokio::task::JoinHandle;

use crate::{
    host::PodHost,
    stage::{Of, Stage},
};

/// Between two events of the load.
const PAUSE: Duration = Duration::from_millis(10);
/// How long alerts wait here.
const WAIT_MS: u64 = 300;

fn put_pod(api: &ApiServer, container: u64) {
    let app = format!("app-{container}");
    api.put("pods", objects::pod("shop", &pod_name(container), &pod_uid(container), &[("app", &app)]));
}

fn pod_name(container: u64) -> String {
    format!("pod-{container}")
}

fn pod_uid(container: u64) -> String {
    format!("p{container}")
}

/// As a whole alert says it.
fn whole(path: &str, container: u64) -> String {
    let (name, uid) = (pod_name(container), pod_uid(container));
    format!(
        "{path} by shop/name-of-{uid} {uid} is shop/{name} {uid} app=app-{container} of deployment <NA> <NA>"
    )
}

/// As it says it while the cluster has not been heard of the pod: what the runtime knows.
fn marked(path: &str, container: u64) -> String {
    let uid = pod_uid(container);
    format!("{path} by shop/name-of-{uid} {uid} is <NA>/<NA> <NA> app=<NA> of deployment <NA> <NA>")
}

/// Scenario: the API server is away; a container of a pod that is known acts, and one of a pod that was made meanwhile; then the API server
/// is back and has forgotten its history. Guarantees: the first alert is right and whole; the second goes out in time, says what is
/// unknown, and is completed by one amendment; health and metrics say that the API server is away, and that a resource version was gone.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_right_while_the_api_server_is_away() -> anyhow::Result<()> {
    let stage = Stage::start(WAIT_MS).await?;
    put_pod(&stage.api, 0);
    stage.until_ready(Of::Cluster, &[]).await?;
    let mut host = stage.host().await?;
    host.start(0, &pod_uid(0)).await?;
    stage.is_known(&mut host, 0).await?;
    let amended = stage.metric(Of::Engine, "eyrie_engine_metadata_amended_total").unwrap_or_default();

    stage.api.go_away();
    stage.until_ready(Of::Cluster, &["pods: as of", "does not answer"]).await?;
    stage
        .until_metric(Of::Cluster, "eyrie_metadata_kubernetes_seconds_unheard", |seconds| seconds > 0.0)
        .await?;
    put_pod(&stage.api, 1);
    host.start(1, &pod_uid(1)).await?;
    host.open(0, "/known").await?;
    host.open(1, "/new").await?;
    let known = stage.alerts_of("/known", 1).await?.remove(0);
    assert!(known.message.starts_with(&whole("/known", 0)) && known.unknown_fields.is_empty(), "{known:?}");
    let new = stage.alerts_of("/new", 1).await?.remove(0);
    assert!(new.message.starts_with(&marked("/new", 1)) && !new.is_amendment, "{new:?}");
    assert_eq!(new.metadata_state(), MetadataState::Partial);
    for field in ["k8smeta.pod.name", "k8smeta.deployment.name", "k8smeta.svc.name"] {
        assert!(new.unknown_fields.iter().any(|unknown| unknown == field), "{:?}", new.unknown_fields);
    }

    stage.api.forget_history(false);
    stage.api.come_back();
    let alerts = stage.alerts_of("/new", 2).await?;
    assert!(alerts[1].message.starts_with(&whole("/new", 1)), "{:?}", alerts[1]);
    assert_eq!((alerts[1].is_amendment, &alerts[1].id), (true, &new.id));
    let is_one_more = |count: f64| count >= amended + 1.0;
    stage.until_metric(Of::Engine, "eyrie_engine_metadata_amended_total", is_one_more).await?;
    stage.until_metric(Of::Cluster, "eyrie_metadata_kubernetes_expired_total", |count| count >= 1.0).await?;
    stage.until_ready(Of::Cluster, &[]).await?;
    assert_eq!(stage.metric(Of::Cluster, "eyrie_metadata_kubernetes_seconds_unheard"), Some(0.0));
    Ok(())
}

/// Containers that act all the time, each in turn; more of them as they are started.
struct Load {
    started: Arc<AtomicU64>,
    unacked: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    acts: JoinHandle<anyhow::Result<HashMap<String, u64>>>,
}

impl Load {
    fn begin(host: PodHost, started: u64) -> Self {
        let (started, unacked, is_over) = (Arc::new(AtomicU64::new(started)), Arc::default(), Arc::default());
        let acts = tokio::spawn(act(host, Arc::clone(&started), Arc::clone(&unacked), Arc::clone(&is_over)));
        Self { started, unacked, is_over, acts }
    }

    /// One more container.
    fn start_one(&self) -> u64 {
        self.started.fetch_add(1, Ordering::SeqCst)
    }

    /// Stops it; gives the file of each event, and the container that it was in.
    async fn finish(self) -> anyhow::Result<HashMap<String, u64>> {
        self.is_over.store(true, Ordering::SeqCst);
        self.acts.await?
    }
}

async fn act(
    mut host: PodHost,
    started: Arc<AtomicU64>,
    unacked: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
) -> anyhow::Result<HashMap<String, u64>> {
    let mut acts = HashMap::new();
    while !is_over.load(Ordering::SeqCst) {
        for container in 0..started.load(Ordering::SeqCst) {
            host.start(container, &pod_uid(container)).await?;
            let path = format!("/{container}/{}", acts.len());
            host.open(container, &path).await?;
            acts.insert(path, container);
            unacked.store(host.unacked_facts(), Ordering::SeqCst);
            tokio::time::sleep(PAUSE).await;
        }
    }
    host.facts_are_acked().await?;
    Ok(acts)
}

/// The last word of an alert is whole, if it is there, and none says what is not so.
fn is_right(alerts: &[Alert], acts: &HashMap<String, u64>) -> bool {
    let mut last: HashMap<&str, &Alert> = HashMap::new();
    for alert in alerts {
        let path = alert.message.split(' ').next().unwrap();
        let container = acts[path];
        let is_whole = alert.unknown_fields.is_empty() && alert.message.starts_with(&whole(path, container));
        let is_marked = !alert.unknown_fields.is_empty()
            && alert.message.starts_with(&marked(path, container))
            && alert.metadata_state() == MetadataState::Partial;
        assert!(is_whole || is_marked, "{alert:?}");
        let before = last.insert(path, alert);
        assert_eq!(before.is_some(), alert.is_amendment, "{alert:?} after {before:?}");
    }
    last.len() == acts.len() && last.values().all(|alert| alert.unknown_fields.is_empty())
}

/// Scenario: containers act all the time and new ones start, while the central service is killed and comes back, then the role
/// `cluster`; pods are made and deleted meanwhile. Guarantees: each event has its alert; whatever one says of the pod is
/// so, or it says that it does not know and is completed later, once; each part that is missed says so in its health or metrics, and that
/// it is well again.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_survive_the_services_of_clusters() -> anyhow::Result<()> {
    let mut stage = Stage::start(WAIT_MS).await?;
    (0..4).for_each(|container| put_pod(&stage.api, container));
    stage.until_ready(Of::Cluster, &[]).await?;
    let load = Load::begin(stage.host().await?, 4);
    stage.alerts_of("/3/3", 1).await?;

    stage.central.kill()?;
    let new = load.start_one();
    put_pod(&stage.api, new);
    stage.api.delete("pods", "shop", &pod_name(0));
    stage.until_ready(Of::Cluster, &["central", &stage.scene.metadata_tls_url()]).await?;
    eventually(|| Ok((load.unacked.load(Ordering::SeqCst) > 0).then_some(()))).await?;
    stage.until_metric(Of::Engine, "eyrie_engine_metadata_timed_out_total", |count| count > 0.0).await?;
    stage.restart_central()?;
    eventually(|| Ok((load.unacked.load(Ordering::SeqCst) == 0).then_some(()))).await?;
    stage.until_ready(Of::Cluster, &[]).await?;
    stage.until_metric(Of::Engine, "eyrie_engine_metadata_amended_total", |count| count > 0.0).await?;

    stage.cluster.kill()?;
    stage.until_metric(Of::Central, "eyrie_metadata_clusters_streams", |count| count == 0.0).await?;
    stage.until_metric(Of::Central, "eyrie_metadata_clusters_seconds_unheard", |count| count > 0.0).await?;
    let [timed_out, amended] = ["timed_out", "amended"]
        .map(|name| stage.metric(Of::Engine, &format!("eyrie_engine_metadata_{name}_total")).unwrap());
    let new = load.start_one();
    put_pod(&stage.api, new);
    stage.api.delete("pods", "shop", &pod_name(1));
    stage
        .until_metric(Of::Engine, "eyrie_engine_metadata_timed_out_total", |count| count > timed_out)
        .await?;
    stage.restart_cluster()?;
    stage.until_ready(Of::Cluster, &[]).await?;
    stage.until_metric(Of::Central, "eyrie_metadata_clusters_streams", |count| count == 1.0).await?;
    stage.until_metric(Of::Engine, "eyrie_engine_metadata_amended_total", |count| count > amended).await?;

    let acts = load.finish().await?;
    let alerts = subscriber::alerts_until(&stage.scene.url(), |alerts| is_right(alerts, &acts)).await?;
    let amendments = alerts.iter().filter(|alert| alert.is_amendment).count();
    println!("{} events, {} entries of the log, {amendments} of them amendments", acts.len(), alerts.len());
    assert_eq!(alerts.len(), acts.len() + amendments);
    Ok(())
}
