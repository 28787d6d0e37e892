//! The programs, and what they say.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, ensure};
use eyrie_proto::alert::Alert;
use integration::{
    eventually, pages,
    program::{PATIENCE, Program, free_port},
    scene::Scene,
    subscriber,
};
use test_certificates::{Authority, Issued};
use test_kubernetes::{ApiServer, objects};

use crate::host::PodHost;

/// uid of the cluster.
pub(crate) const CLUSTER: &str = "00000000-0000-4000-8000-0000000c1001";

/// Every file that is opened, and every connection.
const RULES: &str = "
- rule: Open
  desc: a file is opened
  condition: evt.type = openat
  output: >-
    %fd.name by %k8s.ns.name/%k8s.pod.name %k8s.pod.uid
    is %k8smeta.ns.name/%k8smeta.pod.name %k8smeta.pod.uid app=%k8smeta.pod.label[app]
    of deployment %k8smeta.deployment.name %k8smeta.deployment.uid, replica set %k8smeta.rs.name, service %k8smeta.svc.name
  priority: NOTICE
- rule: Connect
  desc: a connection
  condition: evt.type = connect
  output: >-
    %fd.name to %k8s.peer.kind %k8s.peer.ns/%k8s.peer.name %k8s.peer.uid
  priority: NOTICE
";

/// See the module.
pub(crate) struct Stage {
    pub(crate) scene: Scene,
    pub(crate) api: ApiServer,
    pub(crate) central: Program,
    pub(crate) cluster: Program,
    _engine: Program,
    central_flags: Vec<String>,
    cluster_flags: Vec<String>,
    central_pages: String,
    cluster_pages: String,
    engine_pages: String,
}

/// A page of one of the programs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    Central,
    Cluster,
    Engine,
}

// === impl Stage ===

impl Stage {
    /// Starts the programs, whose alerts wait for metadata for so long.
    pub(crate) async fn start(wait_ms: u64) -> anyhow::Result<Self> {
        let scene = Scene::new()?;
        std::fs::write(scene.rules(), RULES)?;
        std::fs::create_dir(cluster_folder(&scene))?;
        let api = ApiServer::start().await;
        api.put("namespaces", objects::namespace("kube-system", CLUSTER));
        api.put("namespaces", objects::namespace("shop", "ns-shop"));
        let kubeconfig = scene.folder().join("kubeconfig");
        std::fs::write(&kubeconfig, api.kubeconfig())?;

        let authority = Authority::new(scene.folder(), "ca");
        let id = |role: &str| format!("spiffe://test/eyrie/{role}");
        let of_engine = authority.client("engine", &[&id("engine")]);
        let of_cluster = authority.client("cluster", &[&id(&format!("metadata/cluster/{CLUSTER}"))]);
        let page = || Ok::<_, anyhow::Error>(format!("127.0.0.1:{}", free_port()?));
        let (central_pages, cluster_pages, engine_pages) = (page()?, page()?, page()?);

        let mut central_flags = tls("", "tls-client-ca", authority.file(), &authority.server("server"));
        central_flags.push(format!("--admin-listen={central_pages}"));
        let mut cluster_flags = tls("central-", "tls-ca", authority.file(), &of_cluster);
        cluster_flags.extend([
            "--role=cluster".to_owned(),
            format!("--central={}", scene.metadata_tls_url()),
            "--cluster-name=blue".to_owned(),
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--admin-listen={cluster_pages}"),
        ]);
        let mut engine_flags = tls("metadata-", "tls-ca", authority.file(), &of_engine);
        engine_flags.extend([
            format!("--metadata={}", scene.metadata_tls_url()),
            format!("--metadata-wait-ms={wait_ms}"),
            format!("--admin-listen={engine_pages}"),
        ]);

        let central = scene.metadata(&borrowed(&central_flags))?;
        let cluster = Program::start("metadata-service", &cluster_flags, &cluster_folder(&scene))?;
        let engine = scene.engine_with(&borrowed(&engine_flags))?;
        Ok(Self {
            scene,
            api,
            central,
            cluster,
            _engine: engine,
            central_flags,
            cluster_flags,
            central_pages,
            cluster_pages,
            engine_pages,
        })
    }

    /// A session of a host.
    pub(crate) async fn host(&self) -> anyhow::Result<PodHost> {
        PodHost::begin(&self.scene.url()).await
    }

    /// Starts the central service again, on what it has stored.
    pub(crate) fn restart_central(&mut self) -> anyhow::Result<()> {
        self.central = self.scene.metadata(&borrowed(&self.central_flags))?;
        Ok(())
    }

    /// The same for the role `cluster`.
    pub(crate) fn restart_cluster(&mut self) -> anyhow::Result<()> {
        let folder = cluster_folder(&self.scene);
        self.cluster = Program::start("metadata-service", &self.cluster_flags, &folder)?;
        Ok(())
    }

    /// A metric, summed over its labels; nothing while the program is away.
    pub(crate) fn metric(&self, of: Of, name: &str) -> Option<f64> {
        pages::metric_sum(self.pages(of), name)
    }

    /// Waits until a metric is as wanted.
    pub(crate) async fn until_metric(
        &self,
        of: Of,
        name: &str,
        is_so: impl Fn(f64) -> bool,
    ) -> anyhow::Result<()> {
        let waiting = eventually(|| Ok(self.metric(of, name).is_some_and(&is_so).then_some(())));
        waiting.await.with_context(|| format!("{name} of {of:?} is {:?}", self.metric(of, name)))
    }

    /// Waits until a program's readiness says something that contains these texts, or that all is well, for none.
    pub(crate) async fn until_ready(&self, of: Of, texts: &[&str]) -> anyhow::Result<()> {
        let is_so = |page: String| match texts.is_empty() {
            true => page.starts_with("HTTP/1.1 200"),
            false => !page.starts_with("HTTP/1.1 200") && texts.iter().all(|text| page.contains(text)),
        };
        let page = || pages::get(self.pages(of), "/readyz");
        let waiting = eventually(|| Ok(page().ok().is_some_and(is_so).then_some(())));
        waiting.await.with_context(|| format!("{of:?}, which should say {texts:?}, says {:?}", page()))
    }

    /// Lets the API server change, and waits until the central service has stored that.
    pub(crate) async fn change<T>(&self, change: impl FnOnce(&ApiServer) -> T) -> anyhow::Result<()> {
        let acked = "eyrie_metadata_push_deltas_acked_total";
        let before = self.metric(Of::Cluster, acked).context("the role cluster has no pages")?;
        change(&self.api);
        self.until_metric(Of::Cluster, acked, |now| now > before).await
    }

    /// The alerts about a file, the amendments among them, once there are so many.
    pub(crate) async fn alerts_of(&self, path: &str, count: usize) -> anyhow::Result<Vec<Alert>> {
        let is_of = |alert: &&Alert| alert.message.starts_with(&format!("{path} "));
        let is_enough = |alerts: &[Alert]| alerts.iter().filter(is_of).count() >= count;
        let alerts = subscriber::alerts_until(&self.scene.url(), is_enough).await?;
        Ok(alerts.into_iter().filter(|alert| is_of(&alert)).collect())
    }

    /// Opens files in a container until the engine knows all of its pod.
    pub(crate) async fn is_known(&self, host: &mut PodHost, container: u64) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for number in 0.. {
            ensure!(Instant::now() < deadline, "container {container} is never known");
            let path = format!("/known/{container}/{number}");
            host.open(container, &path).await?;
            if self.alerts_of(&path, 1).await?[0].unknown_fields.is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn pages(&self, of: Of) -> &str {
        match of {
            Of::Central => &self.central_pages,
            Of::Cluster => &self.cluster_pages,
            Of::Engine => &self.engine_pages,
        }
    }
}

fn cluster_folder(scene: &Scene) -> PathBuf {
    scene.folder().join("cluster")
}

fn tls(prefix: &str, ca: &str, authority: &Path, own: &Issued) -> Vec<String> {
    let named = [(ca, authority), ("tls-cert", &own.certificate), ("tls-key", &own.key)];
    named.map(|(name, file)| format!("--{prefix}{name}={}", file.display())).into()
}

fn borrowed(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}
