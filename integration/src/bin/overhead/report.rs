//! What was measured, as a table.

use std::collections::BTreeMap;

use comfy_table::{Cell, CellAlignment, Table, presets};
use integration::measured::{attached::Arm, statistics::Median, usage::Usage, workload::Workload};

const HEADER: [&str; 10] = [
    "workload",
    "arm",
    "ns/iteration",
    "added ns",
    "ratio",
    "agent CPU",
    "engine CPU",
    "resident MiB",
    "events",
    "lost",
];

/// One run of a workload.
#[derive(Clone, Debug)]
pub(crate) struct Measurement {
    /// Nanoseconds an iteration.
    pub(crate) ns_per_iteration: f64,
    /// What agent and engine used for it.
    pub(crate) used: Usage,
    /// Other BPF programs ran at the same time.
    pub(crate) is_disturbed: bool,
}

/// All runs, of each workload and arm in the order of rounds.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    runs: BTreeMap<(Workload, Arm), Vec<Measurement>>,
}

// === impl Figures ===

impl Figures {
    pub(crate) fn add(&mut self, arm: Arm, workload: Workload, measurement: Measurement) {
        self.runs.entry((workload, arm)).or_default().push(measurement);
    }

    fn of(&self, workload: Workload, arm: Arm) -> &[Measurement] {
        self.runs.get(&(workload, arm)).map_or(&[], Vec::as_slice)
    }

    /// What `compare` makes of an arm's run and the bare one of the same round.
    fn against_bare(
        &self,
        workload: Workload,
        arm: Arm,
        compare: impl Fn(f64, f64) -> f64,
    ) -> Option<Median> {
        let pairs = self.of(workload, arm).iter().zip(self.of(workload, Arm::Bare));
        Median::of(pairs.map(|(run, bare)| compare(run.ns_per_iteration, bare.ns_per_iteration)))
    }

    fn row(&self, workload: Workload, arm: Arm) -> Option<[String; 10]> {
        let runs = self.of(workload, arm);
        let count = f64::from(u32::try_from(runs.len()).ok()?);
        let time = Median::of(runs.iter().map(|run| run.ns_per_iteration))?;
        let used = runs.iter().map(|run| run.used.clone()).reduce(|one, other| one + other)?;
        let mut row = [const { String::new() }; 10];
        row[..3].clone_from_slice(&[workload.to_string(), arm.to_string(), whole(time.value)]);
        if arm == Arm::Bare {
            return Some(row);
        }
        let added = self.against_bare(workload, arm, |with, bare| with - bare)?;
        let ratio = self.against_bare(workload, arm, |with, bare| with / bare)?;
        let mib = |bytes: u64| bytes >> 20;
        row[3..].clone_from_slice(&[
            with_interval(added, |value| format!("{value:+.0}")),
            with_interval(ratio, |value| format!("{value:.3}")),
            format!("{:.2} s", used.agent_seconds / count),
            format!("{:.2} s", used.engine_seconds / count),
            format!("{} + {}", mib(used.agent_bytes), mib(used.engine_bytes)),
            whole(used.events / count),
            percent(used.losses, used.events),
        ]);
        Some(row)
    }

    fn disturbed(&self) -> usize {
        self.runs.values().flatten().filter(|run| run.is_disturbed).count()
    }
}

/// Prints the table, for people or as Markdown, and what it stands on.
pub(crate) fn print(figures: &Figures, is_markdown: bool) {
    let mut table = Table::new();
    table.load_preset(if is_markdown { presets::ASCII_MARKDOWN } else { presets::NOTHING });
    table.set_header(HEADER);
    for workload in Workload::ALL {
        for row in Arm::ALL.into_iter().filter_map(|arm| figures.row(workload, arm)) {
            let cells = row.into_iter().enumerate().map(|(column, text)| {
                let alignment = if column < 2 { CellAlignment::Left } else { CellAlignment::Right };
                Cell::new(text).set_alignment(alignment)
            });
            table.add_row(cells.collect::<Vec<_>>());
        }
    }
    println!("{table}\n");
    let rounds = figures.runs.values().map(Vec::len).max().unwrap_or_default();
    println!(
        "Medians of {rounds} rounds; added and ratio are medians of differences and ratios within a round, with 95 % intervals. \
         Processor time and events are means of a run, memory is the most after a run."
    );
    let disturbed = figures.disturbed();
    if disturbed > 0 {
        println!(
            "While {disturbed} of the runs went on, BPF programs of others were loaded: do not trust these figures."
        );
    }
}

fn with_interval(median: Median, text: impl Fn(f64) -> String) -> String {
    let value = text(median.value);
    match median.interval {
        Some((low, high)) => format!("{value} ({} to {})", text(low), text(high)),
        None => value,
    }
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

/// Of everything that was to be had: what came and what was lost.
fn percent(lost: f64, came: f64) -> String {
    if lost == 0.0 { "0".to_owned() } else { format!("{:.2} %", 100.0 * lost / (lost + came)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ns_per_iteration: f64) -> Measurement {
        let used = Usage { agent_seconds: 0.5, events: 900.0, losses: 100.0, ..Usage::default() };
        Measurement { ns_per_iteration, used, is_disturbed: false }
    }

    /// Scenario: six rounds in which an arm costs 10 ns more each time, while the machine itself becomes slower. Guarantees: the
    /// difference is 10 in the whole interval, though the arms' own figures overlap; bare has nothing to compare.
    #[test]
    fn arms_are_compared_within_rounds() {
        let mut figures = Figures::default();
        for round in 0..6 {
            let bare = f64::from(100 + round * 20);
            figures.add(Arm::Bare, Workload::Io, run(bare));
            figures.add(Arm::StockRules, Workload::Io, run(bare + 10.0));
        }
        let row = figures.row(Workload::Io, Arm::StockRules).unwrap();
        assert_eq!(row[2..4], ["160", "+10 (+10 to +10)"]);
        assert_eq!(row[5], "0.50 s");
        assert_eq!(row[9], "10.00 %");
        assert_eq!(figures.row(Workload::Io, Arm::Bare).unwrap()[2..4], ["150", ""]);
        assert_eq!(figures.row(Workload::Fork, Arm::Bare), None);
    }
}
