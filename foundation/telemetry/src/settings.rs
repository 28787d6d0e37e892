//! What an operator sets about telemetry; flattened into each service's settings.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, ValueEnum};
use grpc_transport::{ClientSecurity, ServiceAddress};
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use crate::endpoint;

/// What is logged if nobody says anything.
const DEFAULT_LOG_LEVEL: &str = "info";
/// Prometheus' and OpenTelemetry's habits lie around this.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
const MAX_INTERVAL_SECS: u64 = 3_600;

/// Settings of telemetry as somebody gave them.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the flags' help is the documentation")]
pub struct TelemetrySettings {
    /// What is logged: error, warn, info, debug, trace, or a filter as RUST_LOG has it
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,

    /// How it is written to standard error
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,

    /// Where traces, metrics and logs are sent by OTLP over gRPC: https://HOST:PORT, http://HOST:PORT or unix:/PATH; unless set, where
    /// OTEL_EXPORTER_OTLP_ENDPOINT says, or nowhere
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// The certificates (PEM) that the receiver's is checked against, for https
    #[arg(long, value_name = "FILE")]
    pub otlp_ca: Option<PathBuf>,

    /// How often metrics are sent
    #[arg(long, value_name = "SECONDS")]
    pub otlp_interval_secs: Option<u64>,

    /// How many of the traces that begin here are recorded, from 0 to 1; those of alerts always are
    #[arg(long, value_name = "RATIO")]
    pub trace_ratio: Option<f64>,

    /// Where /healthz, /readyz and /metrics are served over HTTP: IP:PORT, or none
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Option<AdminListen>,
}

/// All that telemetry needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct TelemetryConfig {
    /// A filter of `tracing`.
    pub log_level: String,
    /// How logs are written.
    pub log_format: LogFormat,
    /// Where telemetry is sent, if it is.
    pub otlp: Option<OtlpConfig>,
    /// How often metrics are sent.
    pub metric_interval: Duration,
    /// How many of the traces that begin here are recorded.
    pub trace_ratio: f64,
    /// Where the pages are served.
    pub admin_listen: AdminListen,
    /// The pages may be where other machines can reach them.
    pub is_insecure_allowed: bool,
}

/// A receiver of OTLP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpConfig {
    /// Where it is.
    pub endpoint: ServiceAddress,
    /// How it may be spoken to.
    pub security: ClientSecurity,
}

/// How logs are written to standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Where the admin pages are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum AdminListen {
    /// Nowhere.
    Off,
    /// At an address; port 0 is any free one.
    At(SocketAddr),
}

/// A setting of telemetry that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {found}: {problem}")]
pub struct SettingError {
    /// Its name in files and flags.
    pub setting: &'static str,
    /// What was set.
    pub found: String,
    /// What is wrong with it, and what can be.
    pub problem: String,
}

// === impl TelemetryConfig ===

impl TelemetryConfig {
    /// The defaults, with the pages at `admin`.
    pub fn new(admin: SocketAddr) -> Self {
        Self {
            log_level: DEFAULT_LOG_LEVEL.to_owned(),
            log_format: LogFormat::default(),
            otlp: None,
            metric_interval: DEFAULT_INTERVAL,
            trace_ratio: 0.0,
            admin_listen: AdminListen::At(admin),
            is_insecure_allowed: false,
        }
    }
}

// === impl TelemetrySettings ===

impl TelemetrySettings {
    /// All of it with defaults filled in. The pages are served at `admin` unless anything else is said.
    pub fn resolve(
        self,
        admin: SocketAddr,
        is_insecure_allowed: bool,
    ) -> Result<TelemetryConfig, SettingError> {
        let default = TelemetryConfig::new(admin);
        let log_level = self.log_level.or_else(|| variable("RUST_LOG")).unwrap_or(default.log_level);
        if let Err(error) = check_log_level(&log_level) {
            let problem = format!("{error}; use error, warn, info, debug, trace or off, or crate=level,…");
            return Err(SettingError { setting: "log-level", found: log_level, problem });
        }
        let endpoint = self.otlp_endpoint.or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT"));
        let otlp =
            endpoint.map(|endpoint| receiver(endpoint, self.otlp_ca, is_insecure_allowed)).transpose()?;
        let seconds = self.otlp_interval_secs.unwrap_or(default.metric_interval.as_secs());
        if !(1..=MAX_INTERVAL_SECS).contains(&seconds) {
            let problem = format!("it must be 1 to {MAX_INTERVAL_SECS}");
            return Err(SettingError { setting: "otlp-interval-secs", found: seconds.to_string(), problem });
        }
        let trace_ratio = self.trace_ratio.unwrap_or(default.trace_ratio);
        if !(0.0..=1.0).contains(&trace_ratio) {
            let (found, problem) = (trace_ratio.to_string(), "it must be from 0 to 1".to_owned());
            return Err(SettingError { setting: "trace-ratio", found, problem });
        }
        Ok(TelemetryConfig {
            log_level,
            log_format: self.log_format.unwrap_or(default.log_format),
            otlp,
            metric_interval: Duration::from_secs(seconds),
            trace_ratio,
            admin_listen: self.admin_listen.unwrap_or(default.admin_listen),
            is_insecure_allowed,
        })
    }
}

impl From<&TelemetryConfig> for TelemetrySettings {
    /// Everything in force, to be printed.
    fn from(config: &TelemetryConfig) -> Self {
        Self {
            log_level: Some(config.log_level.clone()),
            log_format: Some(config.log_format),
            otlp_endpoint: config.otlp.as_ref().map(|otlp| otlp.endpoint.to_string()),
            otlp_ca: config.otlp.as_ref().and_then(|otlp| otlp.security.ca.clone()),
            otlp_interval_secs: Some(config.metric_interval.as_secs()),
            trace_ratio: Some(config.trace_ratio),
            admin_listen: Some(config.admin_listen),
        }
    }
}

fn receiver(
    found: String,
    ca: Option<PathBuf>,
    is_insecure_allowed: bool,
) -> Result<OtlpConfig, SettingError> {
    let security = ClientSecurity { ca, is_insecure_allowed, ..ClientSecurity::default() };
    let checked = match found.parse::<ServiceAddress>() {
        Ok(endpoint) => match endpoint::problem(&endpoint, &security) {
            None => Ok(OtlpConfig { endpoint, security }),
            Some(problem) => Err(problem),
        },
        Err(error) => Err(error.to_string()),
    };
    checked.map_err(|problem| SettingError { setting: "otlp-endpoint", found, problem })
}

/// A variable that other programs read too. An empty one says nothing.
/// A word that is no level would be taken for the name of a crate, and one that does not exist logs nothing: a slip of the
/// pen would silence the service.
fn check_log_level(text: &str) -> Result<(), String> {
    EnvFilter::try_new(text).map_err(|error| error.to_string())?;
    let is_level =
        |word: &str| word.contains(['=', '[']) || (!word.is_empty() && word.parse::<LevelFilter>().is_ok());
    match text.split(',').map(str::trim).find(|word| !is_level(word)) {
        Some(word) => Err(format!("{word:?} is no level")),
        None => Ok(()),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

// === impl AdminListen ===

impl FromStr for AdminListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Off);
        }
        let error = |_| format!("{text:?} is neither IP:PORT, such as 127.0.0.1:7453, nor none");
        text.parse().map(Self::At).map_err(error)
    }
}

impl TryFrom<String> for AdminListen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<AdminListen> for String {
    fn from(address: AdminListen) -> Self {
        address.to_string()
    }
}

impl fmt::Display for AdminListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("none"),
            Self::At(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
