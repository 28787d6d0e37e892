//! What an operator can set.

mod labels;
mod settings;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::PathBuf,
    time::Duration,
};

use telemetry::TelemetryConfig;

use grpc_transport::{ClientSecurity, ServiceAddress, ServiceAddressError};

pub use self::{labels::Label, settings::Settings};
use crate::{budget::CpuBudget, cloud::CloudConfig, containers::Sockets, kernel::RingLimits, stream::Limits};

/// Where the admin pages are unless set.
const ADMIN_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7455));

/// What the agent runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the engine listens.
    pub engine: ServiceAddress,
    /// How it, and the engines that it may send us to, are spoken to.
    pub security: ClientSecurity,
    /// The recording that is sent in place of this host's events; `-` for standard input.
    pub replay: Option<PathBuf>,
    /// Whose host this is; empty for the default tenant.
    pub tenant: String,
    /// Instead of the one in `/etc/machine-id`.
    pub machine_id: Option<String>,
    /// Told to engines and usable in rules and assignments.
    pub labels: BTreeMap<String, String>,
    /// Bounds of the queue of events that are not acked.
    pub limits: Limits,
    /// The rings between kernel and agent.
    pub rings: RingLimits,
    /// How much of a processor the agent may use.
    pub cpu_budget: CpuBudget,
    /// The object with the BPF programs; probed for unless set.
    pub object: Option<eyrie_bpf::Object>,
    /// How long to wait for acks at the end.
    pub drain_timeout: Duration,
    /// Capture this process's own events too. They are left out otherwise, as sending an event would make more.
    pub is_self_captured: bool,
    /// Do not give up what capture does not need.
    pub are_privileges_kept: bool,
    /// Where passwd and group are.
    pub etc: PathBuf,
    /// Storages of podman for the whole host; those of users are found by their containers.
    pub podman_storage: Vec<PathBuf>,
    /// Where docker keeps containers and images.
    pub docker_root: PathBuf,
    /// Where runtimes are asked about their containers.
    pub sockets: Sockets,
    /// How the host's cloud is asked about it; unless set it is not.
    pub cloud: CloudConfig,
    /// Of the process around the agent.
    pub telemetry: TelemetryConfig,
}

// === impl Config ===

impl Config {
    /// The default configuration for an engine at `engine`.
    pub fn new(engine: &str) -> Result<Self, ServiceAddressError> {
        Ok(Self { engine: engine.parse()?, ..Self::default() })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            engine: ServiceAddress::Tcp { host: "127.0.0.1".to_owned(), port: 7443, is_tls: false },
            security: ClientSecurity::default(),
            replay: None,
            tenant: String::new(),
            machine_id: None,
            labels: BTreeMap::new(),
            limits: Limits::default(),
            rings: RingLimits::default(),
            cpu_budget: CpuBudget::default(),
            object: None,
            drain_timeout: Duration::from_secs(10),
            is_self_captured: false,
            are_privileges_kept: false,
            etc: PathBuf::from("/etc"),
            podman_storage: vec![PathBuf::from("/var/lib/containers/storage")],
            docker_root: PathBuf::from("/var/lib/docker"),
            sockets: Sockets::default(),
            cloud: CloudConfig::default(),
            telemetry: TelemetryConfig::new(ADMIN_LISTEN),
        }
    }
}
