//! The one schema of flags, environment and file.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use grpc_transport::ListenAddress;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Config, ConfigError, LookupLimits, Role};
use crate::store::StoreLimits;

/// A day: nothing here makes sense beyond.
const MAX_SECONDS: u64 = 86_400;

/// Settings as somebody gave them; what is absent is left to the next in line, and to the defaults in the end.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the flags' help is the documentation")]
pub struct Settings {
    /// Which part of the metadata service this process is [default: central]
    #[arg(long, env = "EYRIE_METADATA_ROLE", value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,

    /// Where engines come in: IP:PORT or unix:PATH [default: 127.0.0.1:7444]
    #[arg(long, env = "EYRIE_METADATA_LISTEN", value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "print", deserialize_with = "parse")]
    pub listen: Option<ListenAddress>,

    /// Where /healthz, /readyz and /metrics are served over HTTP: IP:PORT [default: nowhere]
    #[arg(long, env = "EYRIE_METADATA_ADMIN_LISTEN", value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_listen: Option<SocketAddr>,

    /// Allow plain text on addresses that other machines can reach
    #[arg(long, env = "EYRIE_METADATA_INSECURE", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure: Option<bool>,

    /// Where entities are kept [default: /var/lib/eyrie/metadata]
    #[arg(long, env = "EYRIE_METADATA_DATA_DIR", value_name = "DIRECTORY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,

    /// Entities that are kept of one origin or cluster; tombstones leave first [default: 20000]
    #[arg(long, env = "EYRIE_METADATA_MAX_ENTITIES_PER_SCOPE", value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_entities_per_scope: Option<u64>,

    /// Entities that are kept altogether [default: 2000000]
    #[arg(long, env = "EYRIE_METADATA_MAX_ENTITIES", value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_entities: Option<u64>,

    /// Origins and clusters that are known at a time; the least recently heard leaves first [default: 65536]
    #[arg(long, env = "EYRIE_METADATA_MAX_SCOPES", value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_scopes: Option<u64>,

    /// How long what has ended is kept [default: 3600]
    #[arg(long, env = "EYRIE_METADATA_TOMBSTONE_RETENTION_SECS", value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tombstone_retention_secs: Option<u64>,

    /// The longest that a lookup may wait for what is on its way [default: 5]
    #[arg(long, env = "EYRIE_METADATA_MAX_LOOKUP_WAIT_SECS", value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lookup_wait_secs: Option<u64>,

    /// How long something unknown counts as on its way, before it counts as absent [default: 30]
    #[arg(long, env = "EYRIE_METADATA_PENDING_SECS", value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_secs: Option<u64>,

    /// How long engines may remember that something is absent [default: 10]
    #[arg(long, env = "EYRIE_METADATA_NEGATIVE_EXPIRY_SECS", value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_expiry_secs: Option<u64>,

    /// How often a quiet watch is told that all is well [default: 15]
    #[arg(long, env = "EYRIE_METADATA_WATCH_HEARTBEAT_SECS", value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch_heartbeat_secs: Option<u64>,

    /// Watches at a time [default: 256]
    #[arg(long, env = "EYRIE_METADATA_MAX_WATCHES", value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_watches: Option<u32>,

    /// Connections at a time [default: 1024]
    #[arg(long, env = "EYRIE_METADATA_MAX_CONNECTIONS", value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u32>,

    /// Calls at a time; what is beyond is refused at once [default: 512]
    #[arg(long, env = "EYRIE_METADATA_MAX_CALLS", value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<u32>,

    /// How long calls and watches may take to finish at the end [default: 10]
    #[arg(long, env = "EYRIE_METADATA_DRAIN_WAIT_SECS", value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_wait_secs: Option<u64>,
}

// === impl Settings ===

impl Settings {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        // toml's message shows the line and what it expected.
        toml::from_str(&text)
            .map_err(|error| ConfigError::Malformed { path: path.to_owned(), detail: error.to_string() })
    }

    /// These settings, and `other` where they say nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            role: self.role.or(other.role),
            listen: self.listen.or(other.listen),
            admin_listen: self.admin_listen.or(other.admin_listen),
            insecure: self.insecure.or(other.insecure),
            data_dir: self.data_dir.or(other.data_dir),
            max_entities_per_scope: self.max_entities_per_scope.or(other.max_entities_per_scope),
            max_entities: self.max_entities.or(other.max_entities),
            max_scopes: self.max_scopes.or(other.max_scopes),
            tombstone_retention_secs: self.tombstone_retention_secs.or(other.tombstone_retention_secs),
            max_lookup_wait_secs: self.max_lookup_wait_secs.or(other.max_lookup_wait_secs),
            pending_secs: self.pending_secs.or(other.pending_secs),
            negative_expiry_secs: self.negative_expiry_secs.or(other.negative_expiry_secs),
            watch_heartbeat_secs: self.watch_heartbeat_secs.or(other.watch_heartbeat_secs),
            max_watches: self.max_watches.or(other.max_watches),
            max_connections: self.max_connections.or(other.max_connections),
            max_calls: self.max_calls.or(other.max_calls),
            drain_wait_secs: self.drain_wait_secs.or(other.drain_wait_secs),
        }
    }

    /// The configuration with all defaults filled in, if it is valid.
    pub fn resolve(self) -> Result<Config, ConfigError> {
        let default = Config::default();
        if self.role == Some(Role::Cluster) {
            return Err(ConfigError::RoleNotThereYet);
        }
        let count = |setting, value: Option<u64>, default: u64| {
            in_range(setting, value, 1, i64::MAX.cast_unsigned(), "at least 1")
                .map(|value| value.unwrap_or(default))
        };
        let small = |setting, value: Option<u32>, default: usize| {
            let value = in_range(setting, value.map(u64::from), 1, 1_000_000, "1 to 1000000")?;
            Ok(value.and_then(|value| usize::try_from(value).ok()).unwrap_or(default))
        };
        let seconds = |setting, value: Option<u64>, default: Duration| {
            let value = in_range(setting, value, 1, MAX_SECONDS, "1 to 86400 seconds")?;
            Ok(value.map_or(default, Duration::from_secs))
        };
        let (store, lookup) = (default.store, default.lookup);
        Ok(Config {
            role: Role::Central,
            listen: self.listen.unwrap_or(default.listen),
            admin_listen: self.admin_listen,
            is_insecure_allowed: self.insecure.unwrap_or(default.is_insecure_allowed),
            data_dir: self.data_dir.unwrap_or(default.data_dir),
            store: StoreLimits {
                max_entities_per_scope: count(
                    "max-entities-per-scope",
                    self.max_entities_per_scope,
                    store.max_entities_per_scope,
                )?,
                max_entities: count("max-entities", self.max_entities, store.max_entities)?,
                max_scopes: count("max-scopes", self.max_scopes, store.max_scopes)?,
                tombstone_retention: seconds(
                    "tombstone-retention-secs",
                    self.tombstone_retention_secs,
                    store.tombstone_retention,
                )?,
            },
            lookup: LookupLimits {
                // A call is given up by the server after half a minute.
                max_wait: in_range(
                    "max-lookup-wait-secs",
                    self.max_lookup_wait_secs,
                    0,
                    20,
                    "0 to 20 seconds",
                )?
                .map_or(lookup.max_wait, Duration::from_secs),
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
            max_watches: small("max-watches", self.max_watches, default.max_watches)?,
            max_connections: small("max-connections", self.max_connections, default.max_connections)?,
            max_calls: small("max-calls", self.max_calls, default.max_calls)?,
            drain_wait: seconds("drain-wait-secs", self.drain_wait_secs, default.drain_wait)?,
        })
    }
}

impl From<&Config> for Settings {
    /// Everything in force, to be printed.
    fn from(config: &Config) -> Self {
        let small = |count: usize| u32::try_from(count).ok();
        Self {
            role: Some(config.role),
            listen: Some(config.listen.clone()),
            admin_listen: config.admin_listen,
            insecure: Some(config.is_insecure_allowed),
            data_dir: Some(config.data_dir.clone()),
            max_entities_per_scope: Some(config.store.max_entities_per_scope),
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
        }
    }
}

fn in_range(
    setting: &'static str,
    value: Option<u64>,
    least: u64,
    most: u64,
    expected: &'static str,
) -> Result<Option<u64>, ConfigError> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(ConfigError::OutOfRange { setting, found: value.to_string(), expected })
        }
        value => Ok(value),
    }
}

fn print<S: Serializer>(address: &Option<ListenAddress>, serializer: S) -> Result<S::Ok, S::Error> {
    address.as_ref().map(ToString::to_string).serialize(serializer)
}

fn parse<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ListenAddress>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::config::Arguments;

    fn flags(flags: &[&str]) -> Settings {
        let program = std::iter::once(&"metadata-service");
        Arguments::try_parse_from(program.chain(flags)).unwrap().settings
    }

    /// Scenario: the same setting in the file and as a flag, another in the file only. Guarantees: the flag wins, the file
    /// stays where there is none, and defaults fill the rest.
    #[test]
    fn flags_go_over_the_file() {
        let file: Settings = toml::from_str("listen = '127.0.0.1:1'\nmax-watches = 7").unwrap();
        let config = flags(&["--listen", "127.0.0.1:2", "--insecure"]).or(file).resolve().unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:2");
        assert_eq!(config.max_watches, 7);
        assert!(config.is_insecure_allowed);
        assert_eq!(config.max_connections, Config::default().max_connections);
    }

    /// Scenario: the configuration is printed and read again. Guarantees: it is the same.
    #[test]
    fn what_is_printed_can_be_read() {
        let config = Config { admin_listen: "127.0.0.1:9".parse().ok(), ..Config::default() };
        let text = toml::to_string(&Settings::from(&config)).unwrap();
        let read: Settings = toml::from_str(&text).unwrap();
        assert_eq!(read.resolve().unwrap(), config, "{text}");
    }

    /// Scenario: names, types and values that cannot be. Guarantees: each is refused by its name.
    #[test]
    fn mistakes_are_named() {
        for (text, named) in
            [("max-watch = 1", "max-watch"), ("listen = 'here'", "here"), ("insecure = 3", "3")]
        {
            let error = toml::from_str::<Settings>(text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let error = flags(&["--max-watches", "0"]).resolve().unwrap_err().to_string();
        assert!(error.contains("max-watches is 0"), "{error}");
        let error = flags(&["--role", "cluster"]).resolve().unwrap_err();
        assert!(matches!(error, ConfigError::RoleNotThereYet));
    }
}
