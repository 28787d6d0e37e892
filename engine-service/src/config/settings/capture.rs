//! Recordings on trigger: Falco's `capture`, and how much of it there may be.

use std::{path::Path, time::Duration};

use clap::{Args, ValueEnum};
use recording::{RedactionError, Redactions};
use serde::{Deserialize, Serialize};
use service_runtime::{
    ConfigError,
    limits::{count, number},
};

use crate::recordings::{CaptureMode, RecordingOptions};

const MIB: u64 = 1024 * 1024;
/// A TiB: nobody keeps more recordings than that.
const MAX_MB: u64 = 1024 * 1024;
/// What comes before an alert is held in memory.
const MAX_BEFORE_MS: u64 = 600_000;
const MAX_AFTER_MS: u64 = 86_400_000;

/// Below the engine's data directory.
const FOLDER: &str = "recordings";

/// Settings of recordings as somebody gave them.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the flags' help is the documentation")]
pub struct CaptureSettings {
    /// Record a host when an alert comes of a rule with `capture: true`: Falco's capture.enabled
    #[arg(long)]
    pub capture_enabled: Option<bool>,

    /// Which alerts make a recording begin: those of rules that ask for it, or all; Falco's capture.mode
    #[arg(long, value_name = "MODE")]
    pub capture_mode: Option<Mode>,

    /// How long before the alert a recording begins, in milliseconds; events of that time are held in memory
    #[arg(long, value_name = "MILLISECONDS")]
    pub capture_before: Option<u64>,

    /// How long a recording goes on after the alert where its rule has no capture_duration, in milliseconds: Falco's
    /// capture.default_duration
    #[arg(long, value_name = "MILLISECONDS")]
    pub capture_default_duration: Option<u64>,

    /// How large one recording may get, in MiB: Falco's capture.max_file_size_mb; 0 for as large as those of one host in all
    #[arg(long, value_name = "MIB")]
    pub capture_max_file_size_mb: Option<u64>,

    /// How large the recordings of one host may get; the oldest leave first
    #[arg(long, value_name = "MIB")]
    pub capture_max_host_mb: Option<u64>,

    /// How large all recordings may get; the oldest leave first
    #[arg(long, value_name = "MIB")]
    pub capture_max_total_mb: Option<u64>,

    /// Recordings that are made at a time; alerts beyond make none
    #[arg(long, value_name = "COUNT")]
    pub capture_max_at_once: Option<u32>,

    /// Recordings of one host that may begin within an hour; alerts beyond make none
    #[arg(long, value_name = "COUNT")]
    pub capture_max_per_hour: Option<u32>,

    /// How much is held in memory of one host for the time before an alert, in MiB as on the wire
    #[arg(long, value_name = "MIB")]
    pub capture_window_mb: Option<u64>,

    /// The same of all hosts
    #[arg(long, value_name = "MIB")]
    pub capture_windows_mb: Option<u64>,

    /// Blot out of recordings what this regular expression matches in arguments and environments; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub capture_redact: Option<Vec<String>>,

    /// Blot out of recordings the values of these variables of the environment; * stands for any characters; may be repeated
    #[arg(long, value_name = "NAME")]
    pub capture_redact_env: Option<Vec<String>>,

    /// Blot out of recordings what well-known programs take as secrets
    #[arg(long)]
    pub capture_redact_secrets: Option<bool>,
}

/// As Falco's capture.mode spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Mode {
    /// Those of rules with `capture: true`
    Rules,
    /// All
    AllRules,
}

// === impl CaptureSettings ===

impl CaptureSettings {
    /// What is recorded, below `data_dir`.
    pub(super) fn resolve(
        self,
        data_dir: &Path,
        default: &RecordingOptions,
    ) -> Result<RecordingOptions, ConfigError> {
        let bytes = |setting, value: Option<u64>, range, default: u64| {
            number(setting, value, range, default / MIB).map(|mb| mb.saturating_mul(MIB))
        };
        let stored = |setting, value, default| bytes(setting, value, 1..=MAX_MB, default);
        let (before, after) = (milliseconds(default.before), milliseconds(default.default_after));
        let max_origin_bytes =
            stored("capture-max-host-mb", self.capture_max_host_mb, default.max_origin_bytes)?;
        let max_file = self.capture_max_file_size_mb;
        let max_file_bytes =
            match bytes("capture-max-file-size-mb", max_file, 0..=MAX_MB, default.max_file_bytes)? {
                0 => max_origin_bytes,
                limited => limited,
            };
        let redactions = Redactions {
            arguments: self.capture_redact.unwrap_or_default(),
            environment: self.capture_redact_env.unwrap_or_default(),
            has_secrets: self.capture_redact_secrets.unwrap_or(false),
            has_data: false,
        };
        recording::Redactor::new(&redactions).map_err(|error| ConfigError::Invalid {
            setting: "capture-redact",
            // Of patterns only the one that is wrong, which is no secret's: the others may be secrets themselves.
            found: match &error {
                RedactionError::Pattern { pattern, .. } | RedactionError::Useless { pattern } => {
                    pattern.clone()
                }
                _ => format!("{} patterns", redactions.arguments.len() + redactions.environment.len()),
            },
            problem: error.to_string(),
        })?;
        let (at_once, an_hour) = (self.capture_max_at_once, self.capture_max_per_hour);
        let (window, windows) = (self.capture_window_mb, self.capture_windows_mb);
        Ok(RecordingOptions {
            folder: self.capture_enabled.unwrap_or(false).then(|| data_dir.join(FOLDER)),
            mode: match self.capture_mode {
                Some(Mode::AllRules) => CaptureMode::AllRules,
                Some(Mode::Rules) | None => CaptureMode::Rules,
            },
            before: number("capture-before", self.capture_before, 0..=MAX_BEFORE_MS, before)
                .map(Duration::from_millis)?,
            default_after: number(
                "capture-default-duration",
                self.capture_default_duration,
                1..=MAX_AFTER_MS,
                after,
            )
            .map(Duration::from_millis)?,
            max_file_bytes,
            max_origin_bytes,
            max_total_bytes: stored(
                "capture-max-total-mb",
                self.capture_max_total_mb,
                default.max_total_bytes,
            )?,
            max_at_once: number(
                "capture-max-at-once",
                at_once.map(|count| count as usize),
                1..=256,
                default.max_at_once,
            )?,
            max_an_hour: count("capture-max-per-hour", an_hour, default.max_an_hour)?,
            max_window_bytes: stored("capture-window-mb", window, default.max_window_bytes)?,
            max_windows_bytes: stored("capture-windows-mb", windows, default.max_windows_bytes)?,
            redactions,
            ..default.clone()
        })
    }

    /// What is in force.
    pub(super) fn of(options: &RecordingOptions) -> Self {
        let small = |count: usize| u32::try_from(count).ok();
        let mb = |bytes: u64| Some(bytes / MIB);
        Self {
            capture_enabled: Some(options.folder.is_some()),
            capture_mode: Some(match options.mode {
                CaptureMode::Rules => Mode::Rules,
                CaptureMode::AllRules => Mode::AllRules,
            }),
            capture_before: Some(milliseconds(options.before)),
            capture_default_duration: Some(milliseconds(options.default_after)),
            capture_max_file_size_mb: mb(options.max_file_bytes),
            capture_max_host_mb: mb(options.max_origin_bytes),
            capture_max_total_mb: mb(options.max_total_bytes),
            capture_max_at_once: small(options.max_at_once),
            capture_max_per_hour: small(options.max_an_hour),
            capture_window_mb: mb(options.max_window_bytes),
            capture_windows_mb: mb(options.max_windows_bytes),
            capture_redact: Some(options.redactions.arguments.clone()),
            capture_redact_env: Some(options.redactions.environment.clone()),
            capture_redact_secrets: Some(options.redactions.has_secrets),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
