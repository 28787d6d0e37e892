//! The one schema of flags, environment and file.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use grpc_transport::{
    CentralTlsSettings, ListenAddress, ServerTlsSettings, ServiceAddress, TlsSettingsError,
};
use serde::{Deserialize, Serialize};
use service_runtime::{
    ConfigError,
    limits::{count, number, seconds, stored},
};
use telemetry::{TelemetryConfig, TelemetrySettings};

use super::{ADMIN_LISTEN, Config, LookupLimits, Role, nats::NatsSettings};
use crate::{cluster::ClusterConfig, store::StoreLimits};

/// A call is given up by the server after half a minute.
const MAX_LOOKUP_WAIT_SECS: u64 = 20;
/// Objects of a cluster that are kept by its own service; some 700 bytes each.
const MAX_CLUSTER_OBJECTS: usize = 500_000;
/// Between two tries to reach the central service, at the most.
const LAST_RETRY: Duration = Duration::from_secs(10);
/// Of a tenant and of a cluster's name; the central service has the same bound.
const MAX_NAME_BYTES: usize = 256;

/// Settings as somebody gave them; what is absent is left to the next in line, and to the defaults in the end.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the flags' help is the documentation")]
pub struct Settings {
    /// Which part of the metadata service this process is
    #[arg(long, value_enum)]
    pub role: Option<Role>,

    /// Role cluster: the central metadata service, https://HOST:PORT
    #[arg(long, value_name = "ADDRESS")]
    #[serde(with = "service_runtime::as_text")]
    pub central: Option<ServiceAddress>,

    #[command(flatten)]
    #[serde(flatten)]
    pub central_tls: CentralTlsSettings,

    /// Role cluster: names the API server; without it, that of the cluster in which this is a pod
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Role cluster: what people call it; it is known by the uid of its namespace kube-system
    #[arg(long, value_name = "NAME")]
    pub cluster_name: Option<String>,

    /// Role cluster: whose it is; the default tenant's unless set
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,

    /// Role cluster: objects that are kept; what is beyond is left out, and counted
    #[arg(long, value_name = "COUNT")]
    pub max_cluster_objects: Option<u32>,

    /// Where engines come in: IP:PORT or unix:PATH
    #[arg(long, value_name = "ADDRESS")]
    #[serde(with = "service_runtime::as_text")]
    pub listen: Option<ListenAddress>,

    /// Allow plain text, and clients without certificates, on addresses that other machines can reach
    #[arg(long)]
    pub insecure: Option<bool>,

    #[command(flatten)]
    #[serde(flatten)]
    pub tls: ServerTlsSettings,

    /// Where entities are kept
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,

    #[command(flatten)]
    #[serde(flatten)]
    pub nats: NatsSettings,

    /// Entities that are kept of one origin; tombstones leave first
    #[arg(long, value_name = "COUNT")]
    pub max_entities_per_scope: Option<u64>,

    /// Kubernetes objects that are kept of one cluster; tombstones leave first
    #[arg(long, value_name = "COUNT")]
    pub max_objects_per_cluster: Option<u64>,

    /// Entities that are kept altogether
    #[arg(long, value_name = "COUNT")]
    pub max_entities: Option<u64>,

    /// Origins and clusters that are known at a time; the least recently heard leaves first
    #[arg(long, value_name = "COUNT")]
    pub max_scopes: Option<u64>,

    /// How long what has ended is kept
    #[arg(long, value_name = "SECONDS")]
    pub tombstone_retention_secs: Option<u64>,

    /// The longest that a lookup may wait for what is on its way
    #[arg(long, value_name = "SECONDS")]
    pub max_lookup_wait_secs: Option<u64>,

    /// How long something unknown counts as on its way, before it counts as absent
    #[arg(long, value_name = "SECONDS")]
    pub pending_secs: Option<u64>,

    /// How long engines may remember that something is absent
    #[arg(long, value_name = "SECONDS")]
    pub negative_expiry_secs: Option<u64>,

    /// How often a quiet watch is told that all is well
    #[arg(long, value_name = "SECONDS")]
    pub watch_heartbeat_secs: Option<u64>,

    /// Watches at a time
    #[arg(long, value_name = "COUNT")]
    pub max_watches: Option<u32>,

    /// Connections at a time
    #[arg(long, value_name = "COUNT")]
    pub max_connections: Option<u32>,

    /// Calls at a time; what is beyond is refused at once
    #[arg(long, value_name = "COUNT")]
    pub max_calls: Option<u32>,

    /// How long calls and watches may take to finish at the end
    #[arg(long, value_name = "SECONDS")]
    pub drain_wait_secs: Option<u64>,

    #[command(flatten)]
    #[serde(flatten)]
    pub telemetry: TelemetrySettings,
}

// === impl Settings ===

impl service_runtime::Settings for Settings {
    const ENVIRONMENT: &'static str = "METADATA";
    type Config = Config;

    fn resolve(self) -> Result<Config, ConfigError> {
        let default = Config::default();
        let cluster = self.cluster()?;
        let (store, lookup) = (default.store, default.lookup);
        let is_insecure_allowed = self.insecure.unwrap_or(default.security.is_insecure_allowed);
        Ok(Config {
            cluster,
            listen: self.listen.unwrap_or(default.listen),
            security: self.tls.security(is_insecure_allowed).map_err(incomplete)?,
            data_dir: self.data_dir.unwrap_or(default.data_dir),
            nats: self.nats.resolve(is_insecure_allowed)?,
            store: StoreLimits {
                max_entities_per_scope: stored(
                    "max-entities-per-scope",
                    self.max_entities_per_scope,
                    store.max_entities_per_scope,
                )?,
                max_objects_per_cluster: stored(
                    "max-objects-per-cluster",
                    self.max_objects_per_cluster,
                    store.max_objects_per_cluster,
                )?,
                max_entities: stored("max-entities", self.max_entities, store.max_entities)?,
                max_scopes: stored("max-scopes", self.max_scopes, store.max_scopes)?,
                max_entity_bytes: store.max_entity_bytes,
                tombstone_retention: seconds(
                    "tombstone-retention-secs",
                    self.tombstone_retention_secs,
                    store.tombstone_retention,
                )?,
                join_patience: seconds("pending-secs", self.pending_secs, store.join_patience)?,
            },
            lookup: LookupLimits {
                max_wait: number(
                    "max-lookup-wait-secs",
                    self.max_lookup_wait_secs,
                    0..=MAX_LOOKUP_WAIT_SECS,
                    lookup.max_wait.as_secs(),
                )
                .map(Duration::from_secs)?,
                patience: seconds("pending-secs", self.pending_secs, lookup.patience)?,
                negative_expiry: seconds(
                    "negative-expiry-secs",
                    self.negative_expiry_secs,
                    lookup.negative_expiry,
                )?,
            },
            watch_heartbeat: seconds(
                "watch-heartbeat-secs",
                self.watch_heartbeat_secs,
                default.watch_heartbeat,
            )?,
            max_watches: count("max-watches", self.max_watches, default.max_watches)?,
            max_connections: count("max-connections", self.max_connections, default.max_connections)?,
            max_calls: count("max-calls", self.max_calls, default.max_calls)?,
            drain_wait: seconds("drain-wait-secs", self.drain_wait_secs, default.drain_wait)?,
            telemetry: self.telemetry.resolve(ADMIN_LISTEN, is_insecure_allowed)?,
        })
    }

    fn telemetry(config: &Config) -> &TelemetryConfig {
        &config.telemetry
    }

    fn effective(config: &Config) -> Self {
        let small = |count: usize| u32::try_from(count).ok();
        let cluster = config.cluster.as_ref();
        Self {
            role: Some(if config.cluster.is_some() { Role::Cluster } else { Role::Central }),
            central: cluster.map(|cluster| cluster.central.clone()),
            central_tls: cluster.map(|cluster| CentralTlsSettings::of(&cluster.security)).unwrap_or_default(),
            kubeconfig: cluster.and_then(|cluster| cluster.kubeconfig.clone()),
            cluster_name: cluster.map(|cluster| cluster.name.clone()),
            tenant: cluster.map(|cluster| cluster.tenant.clone()),
            max_cluster_objects: cluster.and_then(|cluster| small(cluster.max_objects)),
            listen: Some(config.listen.clone()),
            insecure: Some(config.security.is_insecure_allowed),
            tls: ServerTlsSettings::of(&config.security),
            data_dir: Some(config.data_dir.clone()),
            nats: NatsSettings::of(config.nats.as_ref()),
            max_entities_per_scope: Some(config.store.max_entities_per_scope),
            max_objects_per_cluster: Some(config.store.max_objects_per_cluster),
            max_entities: Some(config.store.max_entities),
            max_scopes: Some(config.store.max_scopes),
            tombstone_retention_secs: Some(config.store.tombstone_retention.as_secs()),
            max_lookup_wait_secs: Some(config.lookup.max_wait.as_secs()),
            pending_secs: Some(config.lookup.patience.as_secs()),
            negative_expiry_secs: Some(config.lookup.negative_expiry.as_secs()),
            watch_heartbeat_secs: Some(config.watch_heartbeat.as_secs()),
            max_watches: small(config.max_watches),
            max_connections: small(config.max_connections),
            max_calls: small(config.max_calls),
            drain_wait_secs: Some(config.drain_wait.as_secs()),
            telemetry: TelemetrySettings::from(&config.telemetry),
        }
    }
}

impl Settings {
    /// Refuses what would do nothing in the role `central`.
    fn check_central(&self) -> Result<(), ConfigError> {
        let of_cluster = [
            ("central", self.central.as_ref().map(ToString::to_string)),
            ("kubeconfig", self.kubeconfig.as_ref().map(|path| path.display().to_string())),
            ("cluster-name", self.cluster_name.clone()),
            ("tenant", self.tenant.clone()),
            ("max-cluster-objects", self.max_cluster_objects.map(|count| count.to_string())),
        ];
        match of_cluster.into_iter().find_map(|(setting, found)| Some((setting, found?))) {
            None => Ok(()),
            Some((setting, found)) => Err(ConfigError::Invalid {
                setting,
                found,
                problem: "it is of the role cluster, add --role cluster".to_owned(),
            }),
        }
    }

    /// What the role `cluster` needs; nothing for the other.
    fn cluster(&self) -> Result<Option<ClusterConfig>, ConfigError> {
        let invalid = |setting, found: &str, problem: &str| ConfigError::Invalid {
            setting,
            found: found.to_owned(),
            problem: problem.to_owned(),
        };
        if self.role != Some(Role::Cluster) {
            return self.check_central().map(|()| None);
        }
        let Some(central) = self.central.clone() else {
            return Err(invalid(
                "central",
                "not set",
                "the role cluster needs the address of a central metadata service",
            ));
        };
        let (name, tenant) =
            (self.cluster_name.clone().unwrap_or_default(), self.tenant.clone().unwrap_or_default());
        for (setting, text) in [("cluster-name", &name), ("tenant", &tenant)] {
            if text.len() > MAX_NAME_BYTES {
                return Err(invalid(setting, "too long", "it must have at most 256 bytes"));
            }
        }
        let security =
            self.central_tls.clone().security(self.insecure.unwrap_or(false)).map_err(incomplete)?;
        security
            .check(&central)
            .map_err(|error| invalid("central", &central.to_string(), &error.to_string()))?;
        let max_objects = count("max-cluster-objects", self.max_cluster_objects, MAX_CLUSTER_OBJECTS)?;
        let kubeconfig = self.kubeconfig.clone();
        Ok(Some(ClusterConfig {
            central,
            security,
            kubeconfig,
            name,
            tenant,
            max_objects,
            last_retry: LAST_RETRY,
        }))
    }
}

fn incomplete(error: TlsSettingsError) -> ConfigError {
    let TlsSettingsError { setting, found, missing } = error;
    let problem = format!("{missing} must be set as well");
    ConfigError::Invalid { setting, found: found.display().to_string(), problem }
}

#[cfg(test)]
mod tests;
