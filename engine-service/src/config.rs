//! What an operator sets.

mod settings;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::PathBuf,
    sync::Arc,
};

use rule_language::OutputAddition;
use telemetry::{Instruments, TelemetryConfig};

pub use self::settings::{RuleSwitch, Settings, StaticField, static_fields};
use crate::{
    alert_log::sqlite::{SqliteLog, SqliteOptions},
    engine::{Engine, EngineError, EngineOptions, Running},
    evaluate::Evaluate as _,
    falco_format::FalcoFormat,
    listener::{ClientSecurity, ListenAddress, ListenSecurity, Listener, ServiceAddress, ServiceEndpoint},
    outputs::{LineFormat, LineOutput},
    rule_evaluator::{LoadedRules, RuleEvaluator, RuleOptions},
    rules::RulesError,
};

/// Where the admin pages are unless set.
const ADMIN_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7453));

/// Rules that ask for nearly everything and are named at load; the others are counted.
const GREEDY_NAMED: usize = 10;

/// A whole, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where agents and subscribers come in.
    pub listen: ListenAddress,
    /// How connections that come in are secured.
    pub security: ListenSecurity,
    /// Rules files and directories, in load order.
    pub rules: Vec<PathBuf>,
    /// Which of their rules are evaluated, and how.
    pub rule_options: RuleOptions,
    /// The metadata service.
    pub metadata: Option<ServiceAddress>,
    /// How it is spoken to.
    pub metadata_security: ClientSecurity,
    /// Where alerts are kept.
    pub data_dir: PathBuf,
    /// How many are.
    pub max_alerts: u64,
    /// How alerts are printed on standard output, if they are.
    pub printing: Option<Printing>,
    /// Bounds. The metadata service's address is put in by [`Config::start`].
    pub options: EngineOptions,
    /// Of the process around the engine.
    pub telemetry: TelemetryConfig,
}

/// How alerts are printed. By default as Falco prints them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Printing {
    /// As JSON, not as text.
    pub is_json: bool,
    /// Times in text as ISO 8601.
    pub is_iso_time: bool,
    /// With fields that Falco does not have, in JSON.
    pub includes_eyrie_fields: bool,
}

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: ListenAddress::Tcp(SocketAddr::from(([127, 0, 0, 1], 7443))),
            security: ListenSecurity::LOCAL,
            rules: vec!["/etc/eyrie/rules".into()],
            rule_options: RuleOptions {
                output_additions: vec![OutputAddition::suggested()],
                ..RuleOptions::default()
            },
            metadata: None,
            metadata_security: ClientSecurity::default(),
            data_dir: "/var/lib/eyrie/engine".into(),
            max_alerts: 1_000_000,
            printing: Some(Printing::default()),
            options: EngineOptions::default(),
            telemetry: TelemetryConfig::new(ADMIN_LISTEN),
        }
    }
}

impl Config {
    /// Loads, opens and binds everything, and starts the engine.
    pub async fn start(self, instruments: Instruments) -> Result<Running, EngineError> {
        let output = self.printing.map(Printing::output);
        let metadata = self.metadata.clone();
        let service = metadata.map(|address| ServiceEndpoint::new(address, &self.metadata_security));
        let service = service.transpose().map_err(EngineError::MetadataService)?;
        let listener = Listener::bind(self.listen.clone(), self.security.clone()).await?;
        let mut options = self.options.clone();
        options.metadata.service = service;
        // Reading, compiling and opening block; nothing else is waiting yet, but a caller's runtime may be busy.
        let opened = tokio::task::spawn_blocking(move || self.open()).await;
        let (evaluator, log) =
            opened.map_err(|error| EngineError::Interrupted { detail: error.to_string() })??;
        let (evaluator, log) = (Arc::new(evaluator), Arc::new(log));
        Engine { evaluator, log, listener, output, options, instruments }.start().await
    }

    fn load(&self) -> Result<LoadedRules, RulesError> {
        RuleEvaluator::load(&self.rules, &self.rule_options)
    }

    fn open(&self) -> Result<(RuleEvaluator, SqliteLog), EngineError> {
        let LoadedRules { evaluator, warnings } = self.load()?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        tracing::info!(rules = evaluator.enabled_rules(), "the rules are loaded");
        if self.options.plans.has_filters {
            warn_of_greed(&evaluator);
        }
        if evaluator.has_captures() && self.options.recordings.folder.is_none() {
            tracing::warn!("rules ask for recordings (capture: true) and none are made: set capture-enabled");
        }
        let options = SqliteOptions { max_entries: self.max_alerts, ..SqliteOptions::default() };
        Ok((evaluator, SqliteLog::open(&self.data_dir, options)?))
    }
}

/// Names the rules that keep hosts from dropping what is frequent.
fn warn_of_greed(evaluator: &RuleEvaluator) {
    let greedy = evaluator::greedy(evaluator.plans());
    for greed in greedy.iter().take(GREEDY_NAMED) {
        tracing::warn!("{greed}");
    }
    if greedy.len() > GREEDY_NAMED {
        tracing::warn!(
            "and {} more rules ask for every event of frequent types: `eyrie plan explain '*'` says which",
            greedy.len() - GREEDY_NAMED
        );
    }
}

// === impl Printing ===

impl Printing {
    fn output(self) -> LineOutput {
        let falco = FalcoFormat {
            is_iso_time: self.is_iso_time,
            includes_eyrie_fields: self.includes_eyrie_fields,
            ..FalcoFormat::default()
        };
        let line_format = if self.is_json { LineFormat::Json } else { LineFormat::Text };
        LineOutput { writer: Box::new(io::stdout()), line_format, falco }
    }
}
