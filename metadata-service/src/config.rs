//! What an operator sets: by flags, by environment, by a file, in this order of precedence.

mod nats;
mod settings;

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::PathBuf,
    time::Duration,
};

use clap::ValueEnum;
use grpc_transport::{ListenAddress, ListenSecurity};
use serde::{Deserialize, Serialize};
use telemetry::TelemetryConfig;

pub use self::settings::Settings;
use crate::{
    cluster::ClusterConfig,
    store::{StoreLimits, nats::NatsConfig},
};

/// Where the admin pages are unless set.
const ADMIN_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7454));

/// Which part of the metadata service this process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Takes facts from engines and answers them.
    #[default]
    Central,
    /// Watches the Kubernetes API of one cluster and pushes to a central one.
    Cluster,
}

/// A whole, valid configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Which part this is: with a cluster, the role `cluster`; without, `central`.
    pub cluster: Option<ClusterConfig>,
    /// Where engines come in.
    pub listen: ListenAddress,
    /// How connections that come in are secured.
    pub security: ListenSecurity,
    /// Where entities are kept.
    pub data_dir: PathBuf,
    /// Where they are shared with other central services; nowhere unless set.
    pub nats: Option<NatsConfig>,
    /// Bounds of the store.
    pub store: StoreLimits,
    /// Times of lookups.
    pub lookup: LookupLimits,
    /// How often a quiet watch is told that all is well.
    pub watch_heartbeat: Duration,
    /// Watches at a time; each holds up to 6 MiB if its client does not read.
    pub max_watches: usize,
    /// Connections at a time.
    pub max_connections: usize,
    /// Calls at a time.
    pub max_calls: usize,
    /// How long everything may take to finish at the end.
    pub drain_wait: Duration,
    /// Of the process around the service.
    pub telemetry: TelemetryConfig,
}

/// Times of lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupLimits {
    /// The longest that an answer may wait.
    pub max_wait: Duration,
    /// How long something unknown counts as on its way.
    pub patience: Duration,
    /// How long its absence may be remembered by who asked.
    pub negative_expiry: Duration,
}

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Self {
            cluster: None,
            listen: ListenAddress::Tcp(SocketAddr::from(([127, 0, 0, 1], 7444))),
            security: ListenSecurity::LOCAL,
            data_dir: "/var/lib/eyrie/metadata".into(),
            nats: None,
            store: StoreLimits::default(),
            lookup: LookupLimits {
                max_wait: Duration::from_secs(5),
                patience: Duration::from_secs(30),
                negative_expiry: Duration::from_secs(10),
            },
            watch_heartbeat: Duration::from_secs(15),
            max_watches: 256,
            max_connections: 1_024,
            max_calls: 512,
            drain_wait: Duration::from_secs(10),
            telemetry: TelemetryConfig::new(ADMIN_LISTEN),
        }
    }
}
