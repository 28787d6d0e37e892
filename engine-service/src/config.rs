//! What an operator sets.

mod settings;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    path::PathBuf,
    sync::Arc,
};

use evaluator::Matching;
use telemetry::{Instruments, TelemetryConfig};
use tonic::transport::Endpoint;

pub use self::settings::Settings;
use crate::{
    alert_log::sqlite::{SqliteLog, SqliteOptions},
    engine::{Engine, EngineError, EngineOptions, Running},
    falco_format::FalcoFormat,
    listener::{ListenAddress, Listener},
    outputs::{LineFormat, LineOutput},
    rule_evaluator::{LoadedRules, RuleEvaluator},
};

/// Where the admin pages are unless set.
const ADMIN_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7453));

/// A whole, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where agents and subscribers come in.
    pub listen: ListenAddress,
    /// Plain text to the network is allowed.
    pub is_insecure_allowed: bool,
    /// Rules files and directories, in load order.
    pub rules: Vec<PathBuf>,
    /// How many rules an event may match.
    pub matching: Matching,
    /// The metadata service.
    pub metadata: Option<String>,
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
            is_insecure_allowed: false,
            rules: vec!["/etc/eyrie/rules".into()],
            matching: Matching::First,
            metadata: None,
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
        let metadata = self.metadata.as_deref().map(|address| {
            endpoint(address, self.is_insecure_allowed)
                .map_err(|detail| EngineError::MetadataService { address: address.to_owned(), detail })
        });
        let metadata = metadata.transpose()?;
        let listener = Listener::bind(self.listen.clone(), self.is_insecure_allowed).await?;
        let mut options = self.options.clone();
        options.metadata.service = metadata;
        // Reading, compiling and opening block; nothing else is waiting yet, but a caller's runtime may be busy.
        let opened = tokio::task::spawn_blocking(move || self.open()).await;
        let (evaluator, log) = opened
            .map_err(|error| EngineError::Server { detail: format!("the start failed: {error}") })??;
        let (evaluator, log) = (Arc::new(evaluator), Arc::new(log));
        Engine { evaluator, log, listener, output, options, instruments }.start().await
    }

    fn open(&self) -> Result<(RuleEvaluator, SqliteLog), EngineError> {
        let LoadedRules { evaluator, warnings } = RuleEvaluator::load(&self.rules, self.matching)?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        tracing::info!(rules = evaluator.enabled_rules(), "the rules are loaded");
        let options = SqliteOptions { max_entries: self.max_alerts, ..SqliteOptions::default() };
        Ok((evaluator, SqliteLog::open(&self.data_dir, options)?))
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

/// Where the metadata service is, or what is wrong with it. What leaves the machine would be plain text, which has to be
/// asked for.
fn endpoint(address: &str, is_insecure: bool) -> Result<Endpoint, String> {
    let expected = "expected http://HOST:PORT or unix:PATH";
    let endpoint =
        Endpoint::from_shared(address.to_owned()).map_err(|fault| format!("{fault}: {expected}"))?;
    if address.starts_with("unix:") {
        return Ok(endpoint);
    }
    let uri = endpoint.uri();
    let (Some("http"), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return Err(expected.to_owned());
    };
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_local = host == "localhost" || ip.is_ok_and(|ip| ip.to_canonical().is_loopback());
    if is_local || is_insecure {
        Ok(endpoint)
    } else {
        Err("it is not on this machine, and plain text goes there only with --insecure".to_owned())
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
        assert!(endpoint("http://10.0.0.1:7444", false).unwrap_err().contains("--insecure"));
        assert!(endpoint("http://10.0.0.1:7444", true).is_ok());
        for wrong in ["", "127.0.0.1:7444", "ftp://127.0.0.1", "a b"] {
            assert!(endpoint(wrong, true).unwrap_err().contains("http://HOST:PORT"), "{wrong}");
        }
    }
}
