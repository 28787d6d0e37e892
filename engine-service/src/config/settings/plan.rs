//! What hosts are asked to record.

use clap::Args;
use serde::{Deserialize, Serialize};
use service_runtime::{ConfigError, limits::number};

use crate::plans::PlanOptions;

/// All of them.
const MAX_PPM: u32 = 1_000_000;

/// Settings of capture plans as somebody gave them.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the flags' help is the documentation")]
pub struct PlanSettings {
    /// Ask hosts only for the events that a rule can need; false asks for every event of each type that one needs [default: true]
    #[arg(long)]
    pub plan_filters: Option<bool>,

    /// Have hosts send what filters would drop, marked, so that the engine can say whether a rule needed it; for tests and trials
    #[arg(long)]
    pub plan_verify_mode: Option<bool>,

    /// The same of a share of what filters drop, in parts per million; 0 for none [default: 100]
    #[arg(long, value_name = "PPM")]
    pub plan_verify_sample_ppm: Option<u32>,
}

// === impl PlanSettings ===

impl PlanSettings {
    pub(super) fn resolve(&self, default: PlanOptions) -> Result<PlanOptions, ConfigError> {
        Ok(PlanOptions {
            has_filters: self.plan_filters.unwrap_or(default.has_filters),
            is_verify_mode: self.plan_verify_mode.unwrap_or(default.is_verify_mode),
            verify_sample_ppm: number(
                "plan-verify-sample-ppm",
                self.plan_verify_sample_ppm,
                0..=MAX_PPM,
                default.verify_sample_ppm,
            )?,
        })
    }

    /// What is in force.
    pub(super) fn of(options: PlanOptions) -> Self {
        Self {
            plan_filters: Some(options.has_filters),
            plan_verify_mode: Some(options.is_verify_mode),
            plan_verify_sample_ppm: Some(options.verify_sample_ppm),
        }
    }
}
