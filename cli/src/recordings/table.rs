//! The table for people.

use std::io::Write;

use comfy_table::{Table, presets};
use eyrie_proto::recording::Recording;
use indicatif::HumanBytes;
use owo_colors::OwoColorize as _;

use super::state;
use crate::{alert_view::printable, moment};

/// Rows of one table, of some 200 bytes each: more are for --json, which keeps none.
const MAX_ROWS: usize = 100_000;
const COLUMNS: [&str; 7] = ["ID", "HOST", "RULE", "AGE", "EVENTS", "SIZE", "STATE"];

pub(super) struct Rows {
    now_epoch_ns: u64,
    rows: Vec<[String; COLUMNS.len()]>,
}

// === impl Rows ===

impl Rows {
    pub(super) fn new(now_epoch_ns: u64) -> Self {
        Self { now_epoch_ns, rows: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn add(&mut self, recording: &Recording) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.rows.len() < MAX_ROWS,
            "there are more than {MAX_ROWS} recordings: filter them (--host, --rule, --since), or use --json"
        );
        let rule = recording.triggers.first().map_or("", |trigger| trigger.rule.as_str());
        let rule = match recording.triggers.len() {
            0 | 1 => rule.to_owned(),
            alerts => format!("{rule} (+{})", alerts - 1),
        };
        self.rows.push([
            printable(recording.id.as_bytes()),
            printable(recording.hostname.as_bytes()),
            printable(rule.as_bytes()),
            moment::age(recording.created_ns, self.now_epoch_ns),
            recording.event_count.to_string(),
            HumanBytes(recording.size_bytes).to_string(),
            state(recording).to_owned(),
        ]);
        Ok(())
    }

    /// Without blanks at the ends of lines.
    pub(super) fn write(&self, output: &mut impl Write) -> std::io::Result<()> {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header(COLUMNS).add_rows(&self.rows);
        for (number, line) in table.to_string().lines().map(str::trim).enumerate() {
            match number {
                0 => writeln!(output, "{}", line.bold())?,
                _ => writeln!(output, "{line}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::recording::{RecordingEnd, RecordingState, RecordingTrigger};

    use super::*;

    /// Scenario: recordings that run, are complete, and were cut, about one alert and several, with a terminal's escape in a name.
    /// Guarantees: a row each, with what there is to know, and nothing that a terminal would obey.
    #[test]
    fn rows_say_how_recordings_stand() {
        let trigger = |rule: &str| RecordingTrigger { rule: rule.to_owned(), ..RecordingTrigger::default() };
        let recording = |state: RecordingState, end: RecordingEnd, rules: &[&str]| Recording {
            id: "5f2a".into(),
            hostname: "web\u{1b}[31m".into(),
            triggers: rules.iter().map(|rule| trigger(rule)).collect(),
            created_ns: 1_000_000_000,
            event_count: 7,
            size_bytes: 2048,
            state: state.into(),
            end: end.into(),
            ..Recording::default()
        };
        let mut rows = Rows::new(61_000_000_000);
        rows.add(&recording(RecordingState::Running, RecordingEnd::Unspecified, &["Shell"])).unwrap();
        rows.add(&recording(RecordingState::Finished, RecordingEnd::Complete, &["Shell", "Read"])).unwrap();
        rows.add(&recording(RecordingState::Finished, RecordingEnd::Budget, &[])).unwrap();
        rows.add(&recording(RecordingState::Cut, RecordingEnd::Unspecified, &[])).unwrap();
        let mut output = Vec::new();
        rows.write(&mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(lines.len(), 4, "{text}");
        for (line, end) in lines.iter().zip(["running", "complete", "budget", "cut"]) {
            assert!(line.starts_with("5f2a") && line.contains("60s") && line.ends_with(end), "{line}");
            assert!(!line.contains('\u{1b}'), "{line:?}");
        }
        assert!(lines[1].contains("Shell (+1)") && lines[1].contains("2.00 KiB"), "{text}");
    }
}
