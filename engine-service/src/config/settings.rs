//! The one schema of flags, environment and file.

mod capture;
mod plan;
mod rule_switch;
mod static_field;

use std::{path::PathBuf, time::Duration};

use clap::Args;
use evaluator::Matching;
use fields::FieldSettings;
use rule_language::{OutputAddition, Priority};
use serde::{Deserialize, Serialize};
use service_runtime::{
    ConfigError,
    limits::{count, number, seconds, stored},
};
use telemetry::{TelemetryConfig, TelemetrySettings};

use self::{capture::CaptureSettings, plan::PlanSettings};
pub use self::{
    rule_switch::RuleSwitch,
    static_field::{StaticField, static_fields},
};
use super::{ADMIN_LISTEN, Config, Printing};
use crate::{
    engine::EngineOptions,
    intake::SessionLimits,
    listener::{
        ClientSecurity, ListenAddress, MetadataTlsSettings, ServerTlsSettings, ServiceAddress,
        TlsSettingsError,
    },
    metadata::MetadataOptions,
    parking::ParkingLimits,
    rule_evaluator::RuleOptions,
    session::BatchPacking,
};

/// More threads than any machine that we know of has processors.
const MAX_THREADS: usize = 1_024;
/// Nobody wants to hear of an attack a minute late.
const MAX_METADATA_WAIT_MS: u64 = 60_000;

/// Settings as somebody gave them; what is absent is left to the next in line, and to the defaults in the end.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the flags' help is the documentation")]
pub struct Settings {
    /// Where agents and subscribers come in: IP:PORT or unix:PATH
    #[arg(long, value_name = "ADDRESS")]
    #[serde(with = "service_runtime::as_text")]
    pub listen: Option<ListenAddress>,

    /// Allow plain text, and clients without certificates, on addresses that other machines can reach
    #[arg(long)]
    pub insecure: Option<bool>,

    #[command(flatten)]
    #[serde(flatten)]
    pub tls: ServerTlsSettings,

    /// Rules files, and directories with .yaml and .yml files; in this order
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "PATH")]
    pub rules: Option<Vec<PathBuf>>,

    /// Report every rule that an event matches, instead of the first in load order
    #[arg(long)]
    pub match_all: Option<bool>,

    /// Switch rules on or off, one step after the other: enable:rule=NAME, enable:tag=TAG, disable:rule=NAME or
    /// disable:tag=TAG, where * stands for any characters of a name; may be repeated
    #[arg(long, value_name = "STEP")]
    pub select_rules: Option<Vec<RuleSwitch>>,

    /// Evaluate no rules that are less severe than this: emergency, alert, critical, error, warning, notice,
    /// informational or debug
    #[arg(long, value_name = "PRIORITY")]
    #[serde(with = "service_runtime::as_text")]
    pub min_priority: Option<Priority>,

    /// Add the fields that are suggested for a rule's source, which are container and pod, to its output, as Falco does;
    /// true unless set
    #[arg(long)]
    pub suggested_output: Option<bool>,

    /// What else is added to the outputs of rules: an entry of Falco's append_output, here as JSON
    #[arg(long, value_name = "JSON", value_parser = output_addition)]
    pub append_output: Option<Vec<OutputAddition>>,

    /// A value that stands on all alerts and that rules may use as static.KEY: Falco's static_fields; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub static_fields: Option<Vec<StaticField>>,

    /// Let fd.typechar of a failed open(2) be 'o', as in Falco, and not 'f', as of openat(2)
    #[arg(long)]
    pub falco_open_typechar: Option<bool>,

    /// The metadata service: https://HOST:PORT, http://HOST:PORT or unix:/PATH
    ///
    /// Without one, names and images are known only as the agents on the containers' own hosts tell them, in memory: an
    /// engine that restarts does not know them until they are told again.
    #[arg(long, value_name = "ADDRESS")]
    #[serde(with = "service_runtime::as_text")]
    pub metadata: Option<ServiceAddress>,

    #[command(flatten)]
    #[serde(flatten)]
    pub metadata_tls: MetadataTlsSettings,

    /// How long an alert is held back for what metadata has still to say of its container, in milliseconds; then it goes
    /// out marked, and is amended when the answer comes
    #[arg(long, value_name = "MILLISECONDS")]
    pub metadata_wait_ms: Option<u64>,

    /// How long after that an alert can still be amended
    #[arg(long, value_name = "SECONDS")]
    pub amend_secs: Option<u64>,

    /// Events whose matches may wait for metadata; the alerts of those beyond go out marked at once
    #[arg(long, value_name = "COUNT")]
    pub max_waiting: Option<u32>,

    /// Where alerts are kept
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,

    /// How many alerts are kept; the oldest leave first
    #[arg(long, value_name = "COUNT")]
    pub max_alerts: Option<u64>,

    #[command(flatten)]
    #[serde(flatten)]
    pub capture: CaptureSettings,

    #[command(flatten)]
    #[serde(flatten)]
    pub plan: PlanSettings,

    /// Print alerts as Falco's JSON instead of its text
    #[arg(long)]
    pub json: Option<bool>,

    /// Times in text as ISO 8601
    #[arg(long)]
    pub iso_time: Option<bool>,

    /// Add what Falco does not have to the output fields of JSON, under `eyrie.`
    #[arg(long)]
    pub eyrie_fields: Option<bool>,

    /// Do not print alerts
    #[arg(long)]
    pub quiet: Option<bool>,

    /// Connections at a time
    #[arg(long, value_name = "COUNT")]
    pub max_connections: Option<u32>,

    /// Calls at a time that are not answered yet; what is beyond is refused at once
    #[arg(long, value_name = "COUNT")]
    pub max_calls: Option<u32>,

    /// Agents' streams at a time; each may have some MiB of batches on their way
    #[arg(long, value_name = "COUNT")]
    pub max_sessions: Option<u32>,

    /// How agents pack what they send: auto compresses it unless they are on this machine; also none and zstd
    #[arg(long, value_name = "PACKING")]
    pub batch_encoding: Option<BatchPacking>,

    /// Subscriptions at a time; each holds a page of alerts if its client does not read
    #[arg(long, value_name = "COUNT")]
    pub max_subscriptions: Option<u32>,

    /// Evaluations at a time; as many as there are processors unless set
    #[arg(long, value_name = "COUNT")]
    pub evaluation_threads: Option<u32>,

    /// How long the state of a host is held for its return, so that it need not be sent again
    #[arg(long, value_name = "SECONDS")]
    pub hold_state_secs: Option<u64>,

    /// How long sessions and subscriptions may take to finish at the end
    #[arg(long, value_name = "SECONDS")]
    pub drain_wait_secs: Option<u64>,

    #[command(flatten)]
    #[serde(flatten)]
    pub telemetry: TelemetrySettings,
}

// === impl Settings ===

impl service_runtime::Settings for Settings {
    const ENVIRONMENT: &'static str = "ENGINE";
    type Config = Config;

    fn resolve(self) -> Result<Config, ConfigError> {
        let printing = self.printing()?;
        let mut options = self.options()?;
        let default = Config::default();
        let data_dir = self.data_dir.unwrap_or(default.data_dir);
        options.recordings = self.capture.resolve(&data_dir, &options.recordings)?;
        let is_insecure_allowed = self.insecure.unwrap_or(default.security.is_insecure_allowed);
        let metadata_security = self.metadata_tls.security(is_insecure_allowed).map_err(incomplete)?;
        match &self.metadata {
            Some(address) => check(address, &metadata_security)?,
            None => unused(&metadata_security)?,
        }
        Ok(Config {
            listen: self.listen.unwrap_or(default.listen),
            security: self.tls.security(is_insecure_allowed).map_err(incomplete)?,
            rules: self.rules.unwrap_or(default.rules),
            rule_options: RuleOptions {
                matching: if self.match_all.unwrap_or(false) { Matching::All } else { Matching::First },
                selections: self.select_rules.into_iter().flatten().map(|RuleSwitch(step)| step).collect(),
                min_priority: self.min_priority.unwrap_or(default.rule_options.min_priority),
                output_additions: output_additions(self.suggested_output, self.append_output),
                fields: FieldSettings {
                    static_fields: static_fields(self.static_fields.unwrap_or_default())
                        .map_err(given_twice)?,
                    has_falcos_open_typechar: self.falco_open_typechar.unwrap_or(false),
                },
            },
            metadata: self.metadata,
            metadata_security,
            data_dir,
            max_alerts: stored("max-alerts", self.max_alerts, default.max_alerts)?,
            printing,
            options,
            telemetry: self.telemetry.resolve(ADMIN_LISTEN, is_insecure_allowed)?,
        })
    }

    fn telemetry(config: &Config) -> &TelemetryConfig {
        &config.telemetry
    }

    fn effective(config: &Config) -> Self {
        let small = |count: usize| u32::try_from(count).ok();
        let (options, printing) = (&config.options, config.printing.unwrap_or_default());
        let parking = &options.metadata.parking;
        Self {
            listen: Some(config.listen.clone()),
            insecure: Some(config.security.is_insecure_allowed),
            tls: ServerTlsSettings::of(&config.security),
            rules: Some(config.rules.clone()),
            match_all: Some(config.rule_options.matching == Matching::All),
            select_rules: Some(config.rule_options.selections.iter().cloned().map(RuleSwitch).collect()),
            min_priority: Some(config.rule_options.min_priority),
            suggested_output: Some(
                config.rule_options.output_additions.contains(&OutputAddition::suggested()),
            ),
            append_output: Some(appended(&config.rule_options.output_additions)),
            static_fields: Some(StaticField::all(&config.rule_options.fields.static_fields)),
            falco_open_typechar: Some(config.rule_options.fields.has_falcos_open_typechar),
            metadata: config.metadata.clone(),
            metadata_tls: MetadataTlsSettings::of(&config.metadata_security),
            metadata_wait_ms: u64::try_from(parking.wait.as_millis()).ok(),
            amend_secs: Some(parking.amend_for.as_secs()),
            max_waiting: small(parking.max_groups),
            data_dir: Some(config.data_dir.clone()),
            max_alerts: Some(config.max_alerts),
            capture: CaptureSettings::of(&options.recordings),
            plan: PlanSettings::of(options.plans),
            json: Some(printing.is_json),
            iso_time: Some(printing.is_iso_time),
            eyrie_fields: Some(printing.includes_eyrie_fields),
            quiet: Some(config.printing.is_none()),
            max_connections: small(options.max_connections),
            max_calls: small(options.max_calls),
            max_sessions: small(options.session.max_sessions),
            batch_encoding: Some(options.session.batch_packing),
            max_subscriptions: small(options.max_subscriptions),
            evaluation_threads: small(options.evaluation_threads),
            hold_state_secs: Some(options.hold_state_for.as_secs()),
            drain_wait_secs: Some(options.drain_wait.as_secs()),
            telemetry: TelemetrySettings::from(&config.telemetry),
        }
    }
}

impl Settings {
    /// How alerts are printed; nothing if they are not.
    fn printing(&self) -> Result<Option<Printing>, ConfigError> {
        let printing = Printing {
            is_json: self.json.unwrap_or(false),
            is_iso_time: self.iso_time.unwrap_or(false),
            includes_eyrie_fields: self.eyrie_fields.unwrap_or(false),
        };
        match self.quiet.unwrap_or(false) {
            false => Ok(Some(printing)),
            true if printing == Printing::default() => Ok(None),
            true => Err(ConfigError::Invalid {
                setting: "quiet",
                found: "true".to_owned(),
                problem: "nothing is printed then, so json, iso-time and eyrie-fields must be false"
                    .to_owned(),
            }),
        }
    }

    fn parking(&self, default: ParkingLimits) -> Result<ParkingLimits, ConfigError> {
        let wait = u64::try_from(default.wait.as_millis()).unwrap_or_default();
        let wait = number("metadata-wait-ms", self.metadata_wait_ms, 0..=MAX_METADATA_WAIT_MS, wait)?;
        Ok(ParkingLimits {
            wait: Duration::from_millis(wait),
            amend_for: seconds("amend-secs", self.amend_secs, default.amend_for)?,
            max_groups: count("max-waiting", self.max_waiting, default.max_groups)?,
            ..default
        })
    }

    fn options(&self) -> Result<EngineOptions, ConfigError> {
        let default = EngineOptions::default();
        let parking = self.parking(default.metadata.parking.clone())?;
        let max_sessions = count("max-sessions", self.max_sessions, default.session.max_sessions)?;
        let threads = self.evaluation_threads.map(|threads| usize::try_from(threads).unwrap_or(usize::MAX));
        Ok(EngineOptions {
            session: SessionLimits {
                max_sessions,
                batch_packing: self.batch_encoding.unwrap_or(default.session.batch_packing),
                ..default.session
            },
            max_connections: count("max-connections", self.max_connections, default.max_connections)?,
            max_calls: count("max-calls", self.max_calls, default.max_calls)?,
            max_subscriptions: count("max-subscriptions", self.max_subscriptions, default.max_subscriptions)?,
            evaluation_threads: number(
                "evaluation-threads",
                threads,
                1..=MAX_THREADS,
                default.evaluation_threads,
            )?,
            hold_state_for: seconds("hold-state-secs", self.hold_state_secs, default.hold_state_for)?,
            drain_wait: seconds("drain-wait-secs", self.drain_wait_secs, default.drain_wait)?,
            metadata: MetadataOptions { parking, ..default.metadata.clone() },
            plans: self.plan.resolve(default.plans)?,
            ..default
        })
    }
}

fn given_twice(key: String) -> ConfigError {
    let problem = "it is given twice: leave one of them away".to_owned();
    ConfigError::Invalid { setting: "static-fields", found: key, problem }
}

fn output_addition(json: &str) -> Result<OutputAddition, serde_json::Error> {
    serde_json::from_str(json)
}

/// The suggested fields come first.
fn output_additions(suggested: Option<bool>, appended: Option<Vec<OutputAddition>>) -> Vec<OutputAddition> {
    let suggested = suggested.unwrap_or(true).then(OutputAddition::suggested);
    suggested.into_iter().chain(appended.into_iter().flatten()).collect()
}

/// The additions beyond the suggested fields.
fn appended(additions: &[OutputAddition]) -> Vec<OutputAddition> {
    let suggested = OutputAddition::suggested();
    additions.iter().filter(|addition| **addition != suggested).cloned().collect()
}

fn check(address: &ServiceAddress, security: &ClientSecurity) -> Result<(), ConfigError> {
    security.check(address).map_err(|error| ConfigError::Invalid {
        setting: "metadata",
        found: address.to_string(),
        problem: error.to_string(),
    })
}

/// What is asked for and cannot be had is an error, not left out.
fn unused(security: &ClientSecurity) -> Result<(), ConfigError> {
    let certificate = security.identity.as_ref().map(|(certificate, _)| certificate);
    let files = [("metadata-tls-ca", security.ca.as_ref()), ("metadata-tls-cert", certificate)];
    let names = [("metadata-tls-server-name", security.server_name.clone())];
    let files = files.map(|(setting, file)| (setting, file.map(|file| file.display().to_string())));
    let mut set =
        files.into_iter().chain(names).filter_map(|(setting, found)| found.map(|found| (setting, found)));
    match set.next() {
        Some((setting, found)) => {
            let problem = "there is no metadata service to use it for: set metadata as well".to_owned();
            Err(ConfigError::Invalid { setting, found, problem })
        }
        None => Ok(()),
    }
}

fn incomplete(error: TlsSettingsError) -> ConfigError {
    let TlsSettingsError { setting, found, missing } = error;
    let problem = format!("{missing} must be set as well");
    ConfigError::Invalid { setting, found: found.display().to_string(), problem }
}

#[cfg(test)]
mod tests;
