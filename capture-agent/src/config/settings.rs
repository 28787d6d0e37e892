//! The one schema of flags, environment and file.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use eyrie_bpf::Object;
use grpc_transport::{ClientTlsSettings, ServiceAddress, TlsSettingsError};
use serde::{Deserialize, Serialize};
use service_runtime::{
    ConfigError,
    limits::{DAY, number},
};
use telemetry::{AdminListen, TelemetryConfig, TelemetrySettings};

use super::{ADMIN_LISTEN, Config, labels::Label};
use crate::{
    budget::CpuBudget,
    cloud::{CloudChoice, CloudConfig, MetadataUrl},
    containers::Sockets,
    kernel::RingLimits,
    stream::Limits,
};

/// Below this a burst of execs would not fit.
const MIN_QUEUE_BYTES: u32 = 1 << 20;
/// A ring of fewer pages would be full all the time; more than a gigabyte no kernel gives.
const MIN_RING_BYTES: u32 = 64 << 10;
const MAX_RING_BYTES: u32 = 1 << 30;
/// More than any host has processors.
const MAX_RINGS: u32 = 4_096;
/// A hundred processors: the agent has but a few threads.
const MAX_CPU_PERCENT: u32 = 10_000;

/// Settings as somebody gave them; what is absent is left to the next in line, and to the defaults in the end.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the flags' help is the documentation")]
pub struct Settings {
    /// Where the engine listens: https://HOST:PORT, http://HOST:PORT or unix:/PATH
    #[arg(long, value_name = "ADDRESS")]
    #[serde(with = "service_runtime::as_text")]
    pub engine: Option<ServiceAddress>,

    /// Allow plain text to an engine on another machine
    #[arg(long)]
    pub insecure: Option<bool>,

    #[command(flatten)]
    #[serde(flatten)]
    pub tls: ClientTlsSettings,

    /// A recording to send in place of what happens on this host, as a host of its own: of eyrie's format or .scap; - for standard input
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,

    /// Whose host this is
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,

    /// 32 hexadecimal digits instead of those in /etc/machine-id
    #[arg(long, value_name = "ID")]
    pub machine_id: Option<String>,

    /// A label of this host; may be repeated, or separated by commas. In the file they are a table
    #[arg(long = "label", value_name = "NAME=VALUE", value_delimiter = ',')]
    #[serde(with = "super::labels")]
    pub labels: Option<Vec<Label>>,

    /// Bytes of events that may wait while the engine is away; a quarter more is kept for events that carry state
    #[arg(long, value_name = "BYTES")]
    pub queue_bytes: Option<u32>,

    /// Rings between kernel and agent; 0 for one for every eight processors
    #[arg(long, value_name = "NUMBER")]
    pub rings: Option<u32>,

    /// Bytes of each ring at the start; rounded up to a power of two
    #[arg(long, value_name = "BYTES")]
    pub ring_bytes: Option<u32>,

    /// The object with the BPF programs; the agent chooses by what the kernel can unless this is set
    #[arg(long, value_name = "OBJECT")]
    pub bpf_object: Option<BpfObject>,

    /// Bytes that each ring may grow to when it is more than half full; rounded up to a power of two
    #[arg(long, value_name = "BYTES")]
    pub ring_bytes_max: Option<u32>,

    /// Percent of one processor above which the costliest calls are left out, and counted as lost; 0 for no bound
    #[arg(long, value_name = "PERCENT")]
    pub cpu_budget_percent: Option<u32>,

    /// How long to wait for the engine's acks at the end
    #[arg(long, value_name = "SECONDS")]
    pub drain_seconds: Option<u64>,

    /// Where podman keeps containers and images (graphroot in storage.conf); may be repeated, or separated by commas
    #[arg(long, value_name = "DIRECTORY", value_delimiter = ',')]
    pub podman_storage: Option<Vec<PathBuf>>,

    /// Where docker keeps containers and images (data-root in daemon.json)
    #[arg(long, value_name = "DIRECTORY")]
    pub docker_root: Option<PathBuf>,

    /// Docker's socket
    #[arg(long, value_name = "SOCKET")]
    pub docker_socket: Option<PathBuf>,

    /// The socket of podman's service for the whole host
    #[arg(long, value_name = "SOCKET")]
    pub podman_socket: Option<PathBuf>,

    /// containerd's socket
    #[arg(long, value_name = "SOCKET")]
    pub containerd_socket: Option<PathBuf>,

    /// A socket that speaks the Kubernetes container runtime interface; may be repeated, or separated by commas
    #[arg(long, value_name = "SOCKET", value_delimiter = ',')]
    pub cri_socket: Option<Vec<PathBuf>>,

    /// Whose metadata service tells what instance this host is; auto asks the cloud that the firmware names, if any
    #[arg(long, value_name = "CLOUD")]
    pub cloud_metadata: Option<CloudChoice>,

    /// Where that service answers: http://HOST or http://HOST:PORT
    #[arg(long, value_name = "URL")]
    #[serde(with = "service_runtime::as_text")]
    pub cloud_metadata_url: Option<MetadataUrl>,

    /// Capture the agent's own events too
    #[arg(long)]
    pub capture_self: Option<bool>,

    /// Keep the capabilities that capture does not need, and filter none of the agent's own system calls
    #[arg(long)]
    pub keep_privileges: Option<bool>,

    #[command(flatten)]
    #[serde(flatten)]
    pub telemetry: TelemetrySettings,
}

/// An object with the BPF programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BpfObject {
    /// All programs, for kernels from 5.11
    Full,
    /// What Linux 5.8 can load
    Baseline,
}

// === impl BpfObject ===

impl BpfObject {
    fn object(self) -> Object {
        match self {
            Self::Full => Object::Full,
            Self::Baseline => Object::Baseline,
        }
    }

    fn of(object: Object) -> Self {
        match object {
            Object::Full => Self::Full,
            Object::Baseline => Self::Baseline,
        }
    }
}

// === impl Settings ===

impl service_runtime::Settings for Settings {
    const ENVIRONMENT: &'static str = "AGENT";
    type Config = Config;

    fn resolve(self) -> Result<Config, ConfigError> {
        let default = Config::default();
        let rings = self.rings(&default.rings)?;
        let sockets = self.sockets(default.sockets);
        let is_insecure_allowed = self.insecure.unwrap_or(default.security.is_insecure_allowed);
        let security = self.tls.security(is_insecure_allowed).map_err(incomplete)?;
        let engine = self.engine.unwrap_or(default.engine);
        security.check(&engine).map_err(|error| ConfigError::Invalid {
            setting: "engine",
            found: engine.to_string(),
            problem: error.to_string(),
        })?;
        let queue_bytes = small(default.limits.queue_bytes);
        let queue_bytes = number("queue-bytes", self.queue_bytes, MIN_QUEUE_BYTES..=u32::MAX, queue_bytes)?;
        let percent = number("cpu-budget-percent", self.cpu_budget_percent, 0..=MAX_CPU_PERCENT, 0)?;
        let drain_seconds = default.drain_timeout.as_secs();
        let drain_seconds = number("drain-seconds", self.drain_seconds, 0..=DAY.as_secs(), drain_seconds)?;
        let mut telemetry = self.telemetry;
        if self.replay.is_some() {
            // It is done in a while, and beside it the host's own agent may run, whose pages are there.
            telemetry.admin_listen.get_or_insert(AdminListen::Off);
        }
        Ok(Config {
            engine,
            security,
            replay: self.replay,
            tenant: self.tenant.unwrap_or(default.tenant),
            machine_id: self.machine_id.map(machine_id).transpose()?,
            labels: self.labels.unwrap_or_default().into_iter().map(Label::into_pair).collect(),
            limits: Limits::with_queue_bytes(usize::try_from(queue_bytes).unwrap_or(usize::MAX)),
            rings,
            cpu_budget: CpuBudget { percent, ..default.cpu_budget },
            object: self.bpf_object.map(BpfObject::object),
            drain_timeout: Duration::from_secs(drain_seconds),
            is_self_captured: self.capture_self.unwrap_or(default.is_self_captured),
            are_privileges_kept: self.keep_privileges.unwrap_or(default.are_privileges_kept),
            etc: default.etc,
            podman_storage: self.podman_storage.unwrap_or(default.podman_storage),
            docker_root: self.docker_root.unwrap_or(default.docker_root),
            sockets,
            cloud: CloudConfig {
                choice: self.cloud_metadata.unwrap_or(CloudChoice::Auto),
                url: self.cloud_metadata_url.unwrap_or(default.cloud.url),
                dmi: default.cloud.dmi,
            },
            telemetry: telemetry.resolve(ADMIN_LISTEN, is_insecure_allowed)?,
        })
    }

    fn telemetry(config: &Config) -> &TelemetryConfig {
        &config.telemetry
    }

    fn effective(config: &Config) -> Self {
        let labels = config.labels.iter().map(|(name, value)| Label::new(name, value));
        Self {
            engine: Some(config.engine.clone()),
            insecure: Some(config.security.is_insecure_allowed),
            tls: ClientTlsSettings::of(&config.security),
            replay: config.replay.clone(),
            tenant: Some(config.tenant.clone()),
            machine_id: config.machine_id.clone(),
            labels: Some(labels.collect()),
            queue_bytes: Some(small(config.limits.queue_bytes)),
            bpf_object: config.object.map(BpfObject::of),
            rings: Some(config.rings.rings),
            ring_bytes: Some(config.rings.bytes),
            ring_bytes_max: Some(config.rings.max_bytes),
            cpu_budget_percent: Some(config.cpu_budget.percent),
            drain_seconds: Some(config.drain_timeout.as_secs()),
            podman_storage: Some(config.podman_storage.clone()),
            docker_root: Some(config.docker_root.clone()),
            docker_socket: Some(config.sockets.docker.clone()),
            podman_socket: Some(config.sockets.podman.clone()),
            containerd_socket: Some(config.sockets.containerd.clone()),
            cri_socket: Some(config.sockets.cri.clone()),
            capture_self: Some(config.is_self_captured),
            keep_privileges: Some(config.are_privileges_kept),
            cloud_metadata: Some(config.cloud.choice),
            cloud_metadata_url: Some(config.cloud.url.clone()),
            telemetry: TelemetrySettings::from(&config.telemetry),
        }
    }
}

impl Settings {
    fn sockets(&self, default: Sockets) -> Sockets {
        Sockets {
            docker: self.docker_socket.clone().unwrap_or(default.docker),
            podman: self.podman_socket.clone().unwrap_or(default.podman),
            containerd: self.containerd_socket.clone().unwrap_or(default.containerd),
            cri: self.cri_socket.clone().unwrap_or(default.cri),
        }
    }

    fn rings(&self, default: &RingLimits) -> Result<RingLimits, ConfigError> {
        let bytes = number("ring-bytes", self.ring_bytes, MIN_RING_BYTES..=MAX_RING_BYTES, default.bytes)?;
        let least = default.max_bytes.max(bytes);
        Ok(RingLimits {
            rings: number("rings", self.rings, 0..=MAX_RINGS, default.rings)?,
            bytes: bytes.next_power_of_two(),
            max_bytes: number("ring-bytes-max", self.ring_bytes_max, bytes..=MAX_RING_BYTES, least)?
                .next_power_of_two(),
        })
    }
}

fn machine_id(text: String) -> Result<String, ConfigError> {
    if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    let problem = "it must be 32 hexadecimal digits".to_owned();
    Err(ConfigError::Invalid { setting: "machine-id", found: text, problem })
}

fn incomplete(error: TlsSettingsError) -> ConfigError {
    let TlsSettingsError { setting, found, missing } = error;
    let problem = format!("{missing} must be set as well");
    ConfigError::Invalid { setting, found: found.display().to_string(), problem }
}

fn small(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
