//! Pods and their containers, made as the kubelet makes them.

use std::{collections::BTreeMap, path::Path, thread, time::Duration};

use anyhow::{Context as _, anyhow};
use tonic::{
    Response, Status,
    transport::{Channel, Endpoint},
};

use self::wire::{
    ContainerConfig, ContainerMetadata, CreateContainerRequest, ImageSpec, KeyValue, LinuxContainerConfig,
    LinuxContainerSecurityContext, LinuxPodSandboxConfig, LinuxSandboxSecurityContext, Mount,
    MountPropagation, NamespaceMode, NamespaceOption, PodSandboxConfig, PodSandboxMetadata,
    PodSandboxRequest, RunPodSandboxRequest, StartContainerRequest,
    runtime_service_client::RuntimeServiceClient,
};
use super::Containerd;

#[allow(missing_docs, unreachable_pub, clippy::enum_variant_names)]
mod wire {
    tonic::include_proto!("runtime.v1");
}

/// For a call; making a sandbox takes half a second on a quiet machine.
const CALL_WAIT: Duration = Duration::from_secs(60);

/// What a pod or a container is made with.
#[derive(Clone, Debug, Default)]
pub struct PodOptions {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations; of pods only.
    pub annotations: BTreeMap<String, String>,
    /// May do everything. A pod must be, too, for its containers to be.
    pub is_privileged: bool,
    /// Uses the host's processes; of pods only.
    pub is_host_pid: bool,
    /// Variables of the environment; of containers only.
    pub environment: BTreeMap<String, String>,
    /// Pairs of paths on the host and in the container, mounted read-only; of containers only.
    pub mounts: Vec<(String, String)>,
}

/// A pod, of a uid made of its name; removed with its containers when dropped.
#[derive(Debug)]
pub struct Pod {
    containerd: Containerd,
    config: PodSandboxConfig,
    id: String,
}

// === impl Containerd ===

impl Containerd {
    /// Runs a pod called `name` in the namespace `eyrie`, with the host's network.
    pub fn run_pod(&self, name: &str, options: PodOptions) -> anyhow::Result<Pod> {
        let namespaces = namespaces(&options);
        let security = LinuxSandboxSecurityContext {
            namespace_options: Some(namespaces),
            privileged: options.is_privileged,
        };
        let config = PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: name.to_owned(),
                uid: uid(name),
                namespace: "eyrie".to_owned(),
            }),
            log_directory: self.own.folder.path().join("logs").display().to_string(),
            labels: options.labels,
            annotations: options.annotations,
            linux: Some(LinuxPodSandboxConfig {
                cgroup_parent: String::new(),
                security_context: Some(security),
            }),
        };
        let request = RunPodSandboxRequest { config: Some(config.clone()) };
        let made = call(&self.socket(), |mut client| async move { client.run_pod_sandbox(request).await })?;
        Ok(Pod { containerd: self.clone(), config, id: made.pod_sandbox_id })
    }
}

// === impl Pod ===

impl Pod {
    /// The id of its sandbox.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its uid.
    pub fn uid(&self) -> &str {
        self.config.metadata.as_ref().map_or("", |metadata| &metadata.uid)
    }

    /// Runs a container in it, and gives its id. It stays until the pod goes.
    pub fn run(&self, name: &str, options: PodOptions, command: &[&str]) -> anyhow::Result<String> {
        let PodOptions { labels, is_privileged, environment, mounts, .. } = options;
        let mount = |(host_path, container_path)| Mount {
            host_path,
            container_path,
            readonly: true,
            // Others need a host whose root is shared, which within a container it is not.
            propagation: MountPropagation::PropagationPrivate.into(),
        };
        let sandbox = self.config.linux.as_ref().and_then(|linux| linux.security_context.as_ref());
        let security = LinuxContainerSecurityContext {
            privileged: is_privileged,
            namespace_options: sandbox.and_then(|sandbox| sandbox.namespace_options),
        };
        let config = ContainerConfig {
            metadata: Some(ContainerMetadata { name: name.to_owned() }),
            image: Some(ImageSpec {
                image: self.containerd.image().to_owned(),
                user_specified_image: String::new(),
            }),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            envs: environment.into_iter().map(|(key, value)| KeyValue { key, value }).collect(),
            mounts: mounts.into_iter().map(mount).collect(),
            labels,
            log_path: format!("{name}.log"),
            linux: Some(LinuxContainerConfig { security_context: Some(security) }),
        };
        let request = CreateContainerRequest {
            pod_sandbox_id: self.id.clone(),
            config: Some(config),
            sandbox_config: Some(self.config.clone()),
        };
        call(&self.containerd.socket(), |mut client| async move {
            let container_id = client.create_container(request).await?.into_inner().container_id;
            client.start_container(StartContainerRequest { container_id: container_id.clone() }).await?;
            Ok(Response::new(container_id))
        })
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let request = PodSandboxRequest { pod_sandbox_id: self.id.clone() };
        let _ = call(&self.containerd.socket(), |mut client| async move {
            client.stop_pod_sandbox(request.clone()).await?;
            client.remove_pod_sandbox(request).await
        });
    }
}

fn namespaces(options: &PodOptions) -> NamespaceOption {
    let pid = if options.is_host_pid { NamespaceMode::Node } else { NamespaceMode::Pod };
    NamespaceOption { network: NamespaceMode::Node.into(), pid: pid.into(), ipc: NamespaceMode::Pod.into() }
}

/// As Kubernetes writes them: 36 characters.
fn uid(name: &str) -> String {
    let sum = name.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    format!("00000000-0000-4000-8000-{:012x}", sum & 0xffff_ffff_ffff)
}

/// Makes a call from wherever the test is: also from within a runtime, which is blocked meanwhile.
fn call<T, F>(socket: &Path, ask: impl FnOnce(RuntimeServiceClient<Channel>) -> F + Send) -> anyhow::Result<T>
where
    T: Send,
    F: Future<Output = Result<Response<T>, Status>>,
{
    let asking = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let endpoint = Endpoint::from_shared(format!("unix://{}", socket.display()))?.timeout(CALL_WAIT);
            let channel = endpoint.connect().await.context("cannot connect to containerd")?;
            Ok(ask(RuntimeServiceClient::new(channel)).await?.into_inner())
        })
    };
    thread::scope(|scope| scope.spawn(asking).join().map_err(|_| anyhow!("the call panicked"))?)
}
