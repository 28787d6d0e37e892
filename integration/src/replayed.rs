//! `eyrie replay` as a process.

use std::{path::Path, process::Command};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::program;

/// What a replay came to.
#[derive(Debug)]
pub struct Replayed {
    /// As `--stats --json` tells.
    pub stats: Value,
}

// === impl Replayed ===

impl Replayed {
    /// Replays a file by the rules at `rules`, and prints no alerts.
    pub fn run(file: &Path, rules: &Path) -> anyhow::Result<Self> {
        let output = Command::new(program::built("eyrie")?)
            .args(["replay", "--stats", "--json", "--quiet", "--rules"])
            .args([rules, file])
            .output()
            .context("cannot start eyrie")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "replaying {} failed: {errors}", file.display());
        let stats = serde_json::from_str(&errors).with_context(|| format!("no statistics, but: {errors}"))?;
        Ok(Self { stats })
    }
}
