//! What an operator sets.

use std::{io, path::PathBuf, sync::Arc};

use clap::Parser;
use evaluator::Matching;

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
        let listener = Listener::bind(self.listen.clone(), self.insecure).await?;
        // Reading, compiling and opening block; nothing else is waiting yet, but a caller's runtime may be busy.
        let open = move || self.open();
        let opened = tokio::task::spawn_blocking(open).await;
        let (evaluator, log) = opened
            .map_err(|error| EngineError::Server { detail: format!("the start failed: {error}") })??;
        let options = EngineOptions::default();
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
