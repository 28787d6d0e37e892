//! Alerts as Falco's lines.

use std::{
    io::{self, Write as _},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use engine_service::falco_format::{FalcoFormat, priority_name};
use eyrie_proto::alert::Alert;
use owo_colors::OwoColorize as _;

use super::input::Progress;
use crate::{alert_view, args::OutputArguments};

/// Prints to standard output.
pub(super) struct Printer {
    format: FalcoFormat,
    is_json: bool,
    is_quiet: bool,
    spent: Duration,
}

// === impl Printer ===

impl Printer {
    pub(super) fn new(arguments: &OutputArguments) -> Self {
        let mut format = FalcoFormat {
            is_iso_time: arguments.iso_time,
            includes_eyrie_fields: arguments.eyrie_fields,
            ..FalcoFormat::default()
        };
        if let Some(time_zone) = &arguments.time_zone {
            format.time_zone = time_zone.clone();
        }
        Self { format, is_json: arguments.json, is_quiet: arguments.quiet, spent: Duration::ZERO }
    }

    pub(super) fn print(&mut self, alerts: &[Alert], progress: &Progress) -> anyhow::Result<()> {
        if alerts.is_empty() || self.is_quiet {
            return Ok(());
        }
        let begun = Instant::now();
        let mut text = String::new();
        for alert in alerts {
            text.push_str(&self.line(alert));
            text.push('\n');
        }
        progress.suspend(|| write(&text)).context("cannot write to standard output")?;
        self.spent += begun.elapsed();
        Ok(())
    }

    /// How long making and writing lines took so far.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }

    fn line(&self, alert: &Alert) -> String {
        if self.is_json {
            return self.format.json(alert);
        }
        coloured(&self.format.text(alert), alert)
    }
}

/// Colours are taken off again where they are not wanted.
fn write(text: &str) -> io::Result<()> {
    let mut output = anstream::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// Falco's line with its time and priority in the colours of `eyrie alerts`.
fn coloured(line: &str, alert: &Alert) -> String {
    let name = priority_name(alert.priority());
    let parts = line.split_once(": ").and_then(|(time, rest)| Some((time, rest.strip_prefix(name)?)));
    match parts {
        Some((time, message)) => {
            format!("{}: {}{message}", time.dimmed(), alert_view::priority(alert.priority(), name))
        }
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::alert::Priority;

    use super::*;

    /// Scenario: an alert as text, with colours and with them taken off. Guarantees: what is left is Falco's line.
    #[test]
    fn colours_change_no_letter() {
        let message = "a: Warning b".to_owned();
        let alert = Alert { priority: Priority::Warning.into(), message, ..Alert::default() };
        let plain = FalcoFormat::default().text(&alert);
        let shown = coloured(&plain, &alert);
        assert_ne!(shown, plain);
        assert_eq!(anstream::adapter::strip_str(&shown).to_string(), plain);
    }
}
