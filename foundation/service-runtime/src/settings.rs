//! One schema for flags, environment and file.

mod arguments;
pub mod as_text;
mod error;
mod file;
pub mod limits;

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};
use telemetry::TelemetryConfig;
use toml::Table;

pub use self::{
    arguments::{Arguments, environment_name, with_settings},
    error::ConfigError,
};

/// What can be set of a service. Every field is optional: what is absent is left to the next layer, and to the defaults
/// in the end.
///
/// A field `max_watches` is the flag `--max-watches`, the variable `EYRIE_<SERVICE>_MAX_WATCHES` and the key
/// `max-watches` in the file, so the struct is `#[serde(default, rename_all = "kebab-case")]`. Structs that services
/// share are flattened into it, for clap and for serde alike; keys that nobody knows are refused by [`layered`], since
/// serde cannot (`deny_unknown_fields` does not go with `flatten`).
pub trait Settings: clap::Args + Default + Serialize + DeserializeOwned {
    /// The part of variables' names that says whose they are, such as `ENGINE`.
    const ENVIRONMENT: &'static str;
    /// A whole, valid configuration.
    type Config;

    /// The configuration with all defaults filled in, if it is valid.
    fn resolve(self) -> Result<Self::Config, ConfigError>;

    /// The part of `config` that is about telemetry.
    fn telemetry(config: &Self::Config) -> &TelemetryConfig;

    /// Everything that is in force with `config`.
    fn effective(config: &Self::Config) -> Self;
}

/// `flags`, which have the environment in them already, over the file at `path`.
///
/// Tables, such as labels, are laid over each other key by key; lists are replaced as a whole.
pub fn layered<S: Settings>(flags: &S, path: Option<&Path>) -> Result<S, ConfigError> {
    let mut table = path.map(file::read::<S>).transpose()?.unwrap_or_default();
    overlay(&mut table, table_of(flags)?);
    table
        .try_into()
        .map_err(|error: toml::de::Error| ConfigError::Unusable { detail: error.message().to_owned() })
}

/// What is in force with `config`, as a file that says the same.
pub fn effective_text<S: Settings>(config: &S::Config) -> Result<String, ConfigError> {
    let table = table_of(&S::effective(config))?;
    toml::to_string(&table).map_err(|error| ConfigError::Unusable { detail: error.to_string() })
}

/// Settings that say nothing are not in the table.
fn table_of<S: Serialize>(settings: &S) -> Result<Table, ConfigError> {
    Table::try_from(settings).map_err(|error| ConfigError::Unusable { detail: error.to_string() })
}

fn overlay(lower: &mut Table, upper: Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(toml::Value::Table(lower)), toml::Value::Table(upper)) => overlay(lower, upper),
            (_, value) => drop(lower.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests;
