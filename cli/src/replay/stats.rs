//! `--stats`: what there was, how fast it went, and where the time was spent.

use std::{collections::BTreeMap, fs, io::Write as _, time::Duration};

use comfy_table::{Cell, CellAlignment, Table, presets};
use engine_service::replay::{Stats, StreamEnd};
use owo_colors::OwoColorize as _;
use recording::Counts;
use serde_json::{Map, Value, json};

/// Event types and rules that the table names; JSON has all.
const SHOWN: usize = 12;

/// Of all files together.
#[derive(Default)]
pub(super) struct Report {
    stats: Stats,
    counts: Counts,
    /// Reading what is told of containers and the host beforehand.
    pub(super) first_pass: Duration,
    pub(super) read: Duration,
    /// Unpacking, decoding, and translating what is in another format.
    pub(super) decode: Duration,
    /// Making and writing lines.
    pub(super) format: Duration,
}

// === impl Report ===

impl Report {
    pub(super) fn add_counts(&mut self, counts: &Counts) {
        self.counts.processes += counts.processes;
        self.counts.late_facts += counts.late_facts;
        for (what, count) in &counts.not_understood {
            *self.counts.not_understood.entry(what.clone()).or_default() += count;
        }
    }

    pub(super) fn add(&mut self, stats: Stats) {
        self.stats.add(stats);
    }

    /// To standard error: standard output has the alerts.
    pub(super) fn print(&self, took: Duration, is_json: bool) -> std::io::Result<()> {
        let mut output = anstream::stderr().lock();
        if is_json {
            return writeln!(output, "{}", self.to_json(took));
        }
        for (title, rows) in self.sections(took) {
            writeln!(output, "{}", title.bold())?;
            let mut table = Table::new();
            table.load_preset(presets::NOTHING);
            for (name, value) in rows {
                table.add_row([Cell::new(name), Cell::new(value).set_alignment(CellAlignment::Right)]);
            }
            for line in table.to_string().lines() {
                writeln!(output, "  {}", line.trim_end())?;
            }
        }
        Ok(())
    }

    fn sections(&self, took: Duration) -> Vec<(String, Vec<(String, String)>)> {
        let stats = &self.stats;
        let row = |name: &str, value: String| (name.to_owned(), value);
        let mut all = vec![
            row("streams", stats.stream_count.to_string()),
            row("without an end", stats.cut_off_count.to_string()),
            row("processes at the beginning", self.counts.processes.to_string()),
            row("events", stats.events.to_string()),
            row("facts, snapshots and losses among them", stats.state_events.to_string()),
            row("left out by a filter", stats.left_out_events.to_string()),
            row("lost on the host", stats.lost_events.to_string()),
            row("missing in the recording", stats.missing_events.to_string()),
            row("late facts", self.counts.late_facts.to_string()),
            row("alerts", stats.alert_count().to_string()),
            row("of these marked, as something was unknown", stats.marked_alerts.to_string()),
            row("events per second", format!("{:.0}", rate(stats.events, took))),
        ];
        all.extend(peak_memory().map(|bytes| row("peak memory, MiB", (bytes >> 20).to_string())));
        let stages = self.stages(took);
        let stages = stages.iter().map(|(name, time)| row(name, format!("{:.3} s", time.as_secs_f64())));
        let mut skipped = counted(&stats.skipped);
        skipped.extend(counted(&self.counts.not_understood));
        let sections = vec![
            ("all".to_owned(), all),
            ("time".to_owned(), stages.collect()),
            ("events by type".to_owned(), top(counted(&stats.event_types))),
            ("not understood or not used".to_owned(), top(skipped)),
            ("alerts by rule".to_owned(), top(counted(&stats.alerts))),
        ];
        sections.into_iter().filter(|(_, rows)| !rows.is_empty()).collect()
    }

    /// By what it was spent on; what is not measured is the rest.
    fn stages(&self, took: Duration) -> [(&'static str, Duration); 8] {
        let stages = [
            ("first pass", self.first_pass),
            ("read", self.read),
            ("decode", self.decode),
            ("apply", self.stats.apply_time),
            ("evaluate", self.stats.evaluate_time),
            ("format", self.format),
        ];
        let known: Duration = stages.iter().map(|(_, time)| *time).sum();
        let [first, read, decode, apply, evaluate, format] = stages;
        let rest = ("rest", took.saturating_sub(known));
        [first, read, decode, apply, evaluate, format, rest, ("all", took)]
    }

    fn to_json(&self, took: Duration) -> Value {
        let stats = &self.stats;
        let end = |end: &StreamEnd| match end {
            StreamEnd::Missing => Value::Null,
            StreamEnd::Complete => json!("complete"),
            StreamEnd::Budget => json!("budget"),
            StreamEnd::Stream => json!("stream"),
            StreamEnd::Other(message) => json!(message),
        };
        let stages =
            self.stages(took).map(|(name, time)| (name.replace(' ', "_"), json!(time.as_secs_f64())));
        json!({
            "streams": stats.streams.iter().map(end).collect::<Vec<_>>(),
            "stream_count": stats.stream_count,
            "cut_off_streams": stats.cut_off_count,
            "processes": self.counts.processes,
            "events": stats.events,
            "state_events": stats.state_events,
            "events_by_type": stats.event_types,
            "left_out_events": stats.left_out_events,
            "lost_events": stats.lost_events,
            "missing_events": stats.missing_events,
            "late_facts": self.counts.late_facts,
            "skipped": stats.skipped,
            "not_understood": self.counts.not_understood,
            "alerts": stats.alert_count(),
            "marked_alerts": stats.marked_alerts,
            "alerts_by_rule": stats.alerts,
            "first_event_ns": stats.first_event_ns,
            "last_event_ns": stats.last_event_ns,
            "events_per_second": rate(stats.events, took),
            "seconds": stages.into_iter().collect::<Map<_, _>>(),
            "peak_memory_bytes": peak_memory(),
        })
    }
}

fn counted(counts: &BTreeMap<impl ToString, u64>) -> Vec<(String, u64)> {
    counts.iter().map(|(name, count)| (name.to_string(), *count)).collect()
}

/// The most frequent ones; the others in one row.
fn top(mut counts: Vec<(String, u64)>) -> Vec<(String, String)> {
    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let others: u64 = counts.iter().skip(SHOWN).map(|(_, count)| count).sum();
    let names = counts.len().saturating_sub(SHOWN);
    counts.truncate(SHOWN);
    if names > 0 {
        counts.push((format!("{names} others"), others));
    }
    let printable = |name: String| crate::alert_view::printable(name.as_bytes());
    counts.into_iter().map(|(name, count)| (printable(name), count.to_string())).collect()
}

fn rate(events: u64, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let events = events as f64;
    if took.is_zero() { 0.0 } else { events / took.as_secs_f64() }
}

/// The most memory that this process ever had resident, as `proc_pid_status(5)` tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: more names than a table shows. Guarantees: the most frequent are shown, in order, and the rest is summed up.
    #[test]
    fn a_table_shows_what_is_most_frequent() {
        let counts = (1..=14).map(|count| (format!("t{count}"), count)).collect();
        let rows = top(counts);
        assert_eq!(rows.len(), SHOWN + 1);
        assert_eq!(rows[0], ("t14".to_owned(), "14".to_owned()));
        assert_eq!(rows[SHOWN], ("2 others".to_owned(), "3".to_owned()));
        assert!(peak_memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
