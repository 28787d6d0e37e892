//! A container as docker describes it: in its answers, which podman's service gives as well, and in its own files.

use std::{collections::BTreeMap, path::Path};

use eyrie_proto::metadata::{Container, ContainerMount};
use serde::Deserialize;

use super::super::{
    bundle::{MAX_MOUNTS, clipped, environment_names},
    images::image_of,
    labels, probes,
};

const MAX_TEXT: usize = 1_024;
const MAX_NAME: usize = 256;
/// Networks of a container of which addresses are told.
const MAX_NETWORKS: usize = 16;

/// `GET /containers/ID/json`, and `config.v2.json` beside `hostconfig.json`. Go writes `null` for what is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct DockerContainer {
    #[serde(alias = "ID")]
    pub(in super::super) id: String,
    name: String,
    created: String,
    /// The image's id.
    pub(in super::super) image: String,
    driver: String,
    config: Option<Config>,
    pub(in super::super) host_config: Option<HostConfig>,
    state: Option<State>,
    /// Of answers.
    mounts: Option<Vec<MountPoint>>,
    /// Of files, by where they are mounted.
    mount_points: Option<BTreeMap<String, MountPoint>>,
    network_settings: Option<NetworkSettings>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Config {
    image: String,
    user: String,
    env: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    healthcheck: Option<Healthcheck>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Healthcheck {
    test: Option<Vec<String>>,
}

/// `hostconfig.json` is this alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(in super::super) struct HostConfig {
    privileged: bool,
    network_mode: String,
    pid_mode: String,
    ipc_mode: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct State {
    started_at: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct MountPoint {
    name: String,
    source: String,
    destination: String,
    driver: String,
    /// In files it has the name of the only thing that it was for at first.
    #[serde(alias = "Relabel")]
    mode: String,
    #[serde(rename = "RW")]
    is_writable: bool,
    propagation: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(rename = "IPAddress")]
    ip_address: String,
    networks: Option<BTreeMap<String, Option<Network>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Network {
    #[serde(rename = "IPAddress")]
    ip_address: String,
    #[serde(rename = "GlobalIPv6Address")]
    ipv6_address: String,
}

// === impl DockerContainer ===

impl DockerContainer {
    /// The storage driver, which names folders.
    pub(in super::super) fn driver(&self) -> &str {
        &self.driver
    }

    /// The container whose network it shares, by what it was called when it was started.
    pub(in super::super) fn network_of(&self) -> Option<&str> {
        let host_config = self.host_config.as_ref()?;
        self.ips().is_empty().then(|| host_config.network_mode.strip_prefix("container:"))?
    }

    /// Everything but capabilities, of which docker only says what differs from its defaults. `image_names` are all names of the image, `volumes` is where those
    /// are that files only name.
    pub(in super::super) fn described(&self, image_names: &[String], volumes: Option<&Path>) -> Container {
        let mut container = Container {
            name: clipped(self.name.strip_prefix('/').unwrap_or(&self.name), MAX_TEXT),
            created_ns: epoch_ns(&self.created),
            started_ns: self.state.as_ref().map_or(0, |state| epoch_ns(&state.started_at)),
            mounts: self.mounts(volumes),
            ips: self.ips(),
            ..Container::default()
        };
        if let Some(host_config) = &self.host_config {
            container.is_privileged = Some(host_config.privileged);
            container.is_host_network = Some(host_config.network_mode == "host");
            container.is_host_pid = Some(host_config.pid_mode == "host");
            container.is_host_ipc = Some(host_config.ipc_mode == "host");
        }
        if let Some(config) = &self.config {
            let named = if config.image.is_empty() { &self.image } else { &config.image };
            if !named.is_empty() {
                container.image = Some(image_of(named, &self.image, image_names));
            }
            container.user = clipped(&config.user, MAX_NAME);
            container.environment_names = environment_names(config.env.as_deref().unwrap_or_default());
            config.describe_labels(&mut container);
        }
        container
    }

    fn mounts(&self, volumes: Option<&Path>) -> Vec<ContainerMount> {
        let of_answer = self.mounts.iter().flatten();
        let all = of_answer.chain(self.mount_points.iter().flat_map(BTreeMap::values));
        all.take(MAX_MOUNTS).map(|mount| mount.told(volumes)).collect()
    }

    fn ips(&self) -> Vec<String> {
        let Some(settings) = &self.network_settings else { return Vec::new() };
        let networks = settings.networks.iter().flat_map(BTreeMap::values).flatten().take(MAX_NETWORKS);
        let of_networks = networks.flat_map(|network| [&network.ip_address, &network.ipv6_address]);
        let mut ips: Vec<String> = Vec::new();
        for ip in [&settings.ip_address].into_iter().chain(of_networks) {
            if ip.parse::<std::net::IpAddr>().is_ok() && !ips.contains(ip) {
                ips.push(ip.clone());
            }
        }
        ips
    }
}

// === impl Config ===

impl Config {
    /// Labels, and what some of them stand for: dockershim and cri-dockerd name the pod by labels.
    fn describe_labels(&self, container: &mut Container) {
        let no_labels = BTreeMap::new();
        let labels = self.labels.as_ref().unwrap_or(&no_labels);
        for (name, into) in [
            ("io.kubernetes.pod.name", &mut container.pod_name),
            ("io.kubernetes.pod.namespace", &mut container.pod_namespace),
            ("io.kubernetes.pod.uid", &mut container.pod_uid),
            ("io.kubernetes.sandbox.id", &mut container.pod_sandbox_id),
        ] {
            *into = clipped(labels.get(name).map_or("", String::as_str), MAX_NAME);
        }
        container.probes =
            labels.get(probes::LAST_APPLIED_LABEL).map_or_else(Vec::new, |text| probes::of_label(text));
        // Kubernetes does not use docker's health checks.
        if container.probes.is_empty() {
            let test = self.healthcheck.as_ref().and_then(|check| check.test.as_deref());
            container.probes.extend(probes::health_check(test.unwrap_or_default()));
        }
        container.labels = labels::kept(labels.clone());
    }
}

// === impl MountPoint ===

impl MountPoint {
    fn told(&self, volumes: Option<&Path>) -> ContainerMount {
        let mut source = clipped(&self.source, MAX_TEXT);
        let is_plain_name = !self.name.is_empty() && !self.name.contains('/') && self.name != "..";
        if let Some(volumes) = volumes
            && source.is_empty()
            && self.driver == "local"
            && is_plain_name
        {
            source = clipped(&volumes.join(&self.name).join("_data").to_string_lossy(), MAX_TEXT);
        }
        ContainerMount {
            source,
            destination: clipped(&self.destination, MAX_TEXT),
            mode: clipped(&self.mode, MAX_NAME),
            is_writable: self.is_writable,
            propagation: clipped(&self.propagation, MAX_NAME),
        }
    }
}

/// Of RFC 3339; what has not happened yet is the year 1 to Go.
fn epoch_ns(text: &str) -> u64 {
    let time = text.parse::<jiff::Timestamp>().ok();
    time.and_then(|time| u64::try_from(time.as_nanosecond()).ok()).unwrap_or(0)
}
