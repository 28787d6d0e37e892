//! What an operator sets.

use std::{io, net::IpAddr, path::PathBuf, sync::Arc};

use clap::Parser;
use evaluator::Matching;
use tonic::transport::Endpoint;

use crate::{
    alert_log::sqlite::{SqliteLog, SqliteOptions},
    engine::{Engine, EngineError, EngineOptions, Running},
    falco_format::FalcoFormat,
    listener::{ListenAddress, Listener},
    outputs::{LineFormat, LineOutput},
    rule_evaluator::{LoadedRules, RuleEvaluator},
};

/// Evaluates the streams of capture agents against Falco rules; keeps, prints and streams the alerts.
#[derive(Clone, Debug, Parser)]
#[command(name = "engine-service", version)]
pub struct Config {
    /// Where agents and subscribers come in: IP:PORT or unix:PATH.
    #[arg(long, env = "EYRIE_ENGINE_LISTEN", default_value = "127.0.0.1:7443", value_name = "ADDRESS")]
    pub listen: ListenAddress,

    /// Allow plain text on addresses that other machines can reach.
    #[arg(long, env = "EYRIE_ENGINE_INSECURE")]
    pub insecure: bool,

    /// Rules files, and directories with .yaml and .yml files; in this order.
    #[arg(long, env = "EYRIE_ENGINE_RULES", default_value = "/etc/eyrie/rules", num_args = 1..,
          value_delimiter = ',', value_name = "PATH")]
    pub rules: Vec<PathBuf>,

    /// Report every rule that an event matches, instead of the first in load order.
    #[arg(long, env = "EYRIE_ENGINE_MATCH_ALL")]
    pub match_all: bool,

    /// The metadata service: http://HOST:PORT or unix:PATH. Without one, names and images are known only as the agents on
    /// the containers' own hosts tell them, in memory: an engine that restarts does not know them until they are told
    /// again.
    #[arg(long, env = "EYRIE_ENGINE_METADATA", value_name = "ADDRESS")]
    pub metadata: Option<String>,

    /// Where alerts are kept.
    #[arg(
        long,
        env = "EYRIE_ENGINE_DATA_DIR",
        default_value = "/var/lib/eyrie/engine",
        value_name = "DIRECTORY"
    )]
    pub data_dir: PathBuf,

    /// How many alerts are kept; the oldest leave first.
    #[arg(long, env = "EYRIE_ENGINE_MAX_ALERTS", default_value_t = 1_000_000, value_name = "COUNT",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub max_alerts: u64,

    /// Print alerts as Falco's JSON instead of its text.
    #[arg(long, env = "EYRIE_ENGINE_JSON")]
    pub json: bool,

    /// Times in text as ISO 8601.
    #[arg(long, env = "EYRIE_ENGINE_ISO_TIME")]
    pub iso_time: bool,

    /// Add what Falco does not have to the output fields of JSON, under `eyrie.`.
    #[arg(long, env = "EYRIE_ENGINE_EYRIE_FIELDS")]
    pub eyrie_fields: bool,

    /// Do not print alerts.
    #[arg(long, env = "EYRIE_ENGINE_QUIET", conflicts_with_all = ["json", "iso_time", "eyrie_fields"])]
    pub quiet: bool,
}

// === impl Config ===

impl Config {
    /// Loads, opens and binds everything, and starts the engine. Alerts are printed on standard output unless `quiet`.
    pub async fn start(self) -> Result<Running, EngineError> {
        let output = self.line_output();
        let metadata =
            self.metadata.as_deref().map(|address| endpoint(address, self.insecure)).transpose()?;
        let listener = Listener::bind(self.listen.clone(), self.insecure).await?;
        // Reading, compiling and opening block; nothing else is waiting yet, but a caller's runtime may be busy.
        let config = self.clone();
        let open = move || config.open();
        let opened = tokio::task::spawn_blocking(open).await;
        let (evaluator, log) = opened
            .map_err(|error| EngineError::Server { detail: format!("the start failed: {error}") })??;
        let mut options = EngineOptions::default();
        options.metadata.service = metadata;
        Engine { evaluator: Arc::new(evaluator), log: Arc::new(log), listener, output, options }.start().await
    }

    fn open(&self) -> Result<(RuleEvaluator, SqliteLog), EngineError> {
        let matching = if self.match_all { Matching::All } else { Matching::First };
        let LoadedRules { evaluator, warnings } = RuleEvaluator::load(&self.rules, matching)?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        tracing::info!(rules = evaluator.enabled_rules(), "the rules are loaded");
        let options = SqliteOptions { max_entries: self.max_alerts, ..SqliteOptions::default() };
        Ok((evaluator, SqliteLog::open(&self.data_dir, options)?))
    }

    fn line_output(&self) -> Option<LineOutput> {
        let falco = FalcoFormat {
            is_iso_time: self.iso_time,
            includes_eyrie_fields: self.eyrie_fields,
            ..FalcoFormat::default()
        };
        let line_format = if self.json { LineFormat::Json } else { LineFormat::Text };
        (!self.quiet).then(|| LineOutput { writer: Box::new(io::stdout()), line_format, falco })
    }
}

/// Where the metadata service is. What leaves the machine would be plain text, which has to be asked for.
fn endpoint(address: &str, is_insecure: bool) -> Result<Endpoint, EngineError> {
    let error = |detail: String| EngineError::MetadataService { address: address.to_owned(), detail };
    let expected = "expected http://HOST:PORT or unix:PATH";
    let endpoint =
        Endpoint::from_shared(address.to_owned()).map_err(|fault| error(format!("{fault}: {expected}")))?;
    if address.starts_with("unix:") {
        return Ok(endpoint);
    }
    let uri = endpoint.uri();
    let (Some("http"), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return Err(error(expected.to_owned()));
    };
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_local = host == "localhost" || ip.is_ok_and(|ip| ip.to_canonical().is_loopback());
    if is_local || is_insecure {
        Ok(endpoint)
    } else {
        Err(error("it is not on this machine, and plain text goes there only with --insecure".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    /// Scenario: addresses of a metadata service. Guarantees: plain text leaves the machine only where that was asked for,
    /// and what is no address is refused with what one looks like.
    #[test]
    fn metadata_is_reached_in_the_clear_on_this_machine_only() {
        for local in
            ["http://127.0.0.1:7444", "http://[::1]:7444", "http://localhost:7444", "unix:/run/m.sock"]
        {
            assert!(endpoint(local, false).is_ok(), "{local}");
        }
        assert!(endpoint("http://10.0.0.1:7444", false).unwrap_err().to_string().contains("--insecure"));
        assert!(endpoint("http://10.0.0.1:7444", true).is_ok());
        for wrong in ["", "127.0.0.1:7444", "ftp://127.0.0.1", "a b"] {
            assert!(endpoint(wrong, true).unwrap_err().to_string().contains("http://HOST:PORT"), "{wrong}");
        }
    }
}
