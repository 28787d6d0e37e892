//! What is in a recording, as counts that can be written down.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context as _, ensure};
use eyrie_proto::{
    event::{Event, event::Kind as EventKind},
    recording::recording_entry::Kind,
};
use fields::{Architecture, event_type};
use serde_json::{Value, json};

use crate::program::built;

/// What is in a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events by type, as Falco names it; what is none is not here.
    pub events: BTreeMap<String, u64>,
    /// Programs that were executed, by name.
    pub programs: BTreeMap<String, u64>,
    /// Alerts by rule.
    pub alerts: BTreeMap<String, u64>,
}

// === impl Summary ===

impl Summary {
    /// For the file beside the recordings.
    pub fn to_json(&self) -> Value {
        json!({"events": self.events, "programs": self.programs, "alerts": self.alerts})
    }

    fn add(&mut self, event: &Event, architecture: Architecture) {
        if let Some(name) = event_type(event, architecture) {
            *self.events.entry(name.to_owned()).or_default() += 1;
        }
        let is_successful = event.call.as_ref().is_none_or(|call| call.result >= 0);
        if let (Some(EventKind::Exec(_)), Some(task), true) = (&event.kind, &event.task, is_successful) {
            let name = String::from_utf8_lossy(&task.comm).into_owned();
            *self.programs.entry(name).or_default() += 1;
        }
    }
}

/// Reads a recording, and replays it with rules by the program `eyrie`.
pub fn summary(file: &Path, rules: &[&Path]) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    let mut source = recording::open(file)?;
    let mut architecture = Architecture::X86_64;
    while let Some(kind) = source.next()? {
        match kind {
            Kind::Header(header) => {
                let agent = header.agent.unwrap_or_default();
                architecture =
                    Architecture::from_machine(&agent.architecture).context("an unknown machine")?;
            }
            Kind::Batch(recorded) => {
                let events = recorded.batch.iter().flat_map(|batch| &batch.events);
                events.for_each(|event| summary.add(event, architecture));
            }
            _ => {}
        }
    }
    let mut replay = Command::new(built("eyrie")?);
    replay.args(["replay", "--json", "--match-all"]).arg(file);
    rules.iter().for_each(|rules| _ = replay.arg("--rules").arg(rules));
    let output = replay.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in String::from_utf8(output.stdout)?.lines() {
        let alert: Value = serde_json::from_str(line)?;
        let rule = alert.get("rule").and_then(Value::as_str).context("an alert without a rule")?;
        *summary.alerts.entry(rule.to_owned()).or_default() += 1;
    }
    Ok(summary)
}
