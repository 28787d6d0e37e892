//! What was measured: goals first, then tables, then what it stands on.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use comfy_table::{Cell, CellAlignment, Table as Drawn, presets};
use integration::measured::workload::Workload;
use serde_json::{Map, Value, json};

use crate::{
    goals::{Goal, Verdict},
    machine::Machine,
};

/// All results.
#[derive(Debug)]
pub(crate) struct Report {
    rounds: usize,
    is_quick: bool,
    before: Machine,
    after: Option<Machine>,
    goals: Vec<Goal>,
    tables: Vec<Table>,
    notes: Vec<String>,
    took: Vec<(String, Duration)>,
    figures: Map<String, Value>,
    runs: usize,
    disturbed: usize,
    /// What workloads are slowed by, in nanoseconds an iteration, for parts that say what of it they explain.
    pub(crate) added: BTreeMap<Workload, f64>,
}

/// Figures that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) header: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

// === impl Report ===

impl Report {
    pub(crate) fn new(rounds: usize, is_quick: bool, before: Machine) -> Self {
        Self {
            rounds,
            is_quick,
            before,
            after: None,
            goals: Vec::new(),
            tables: Vec::new(),
            notes: Vec::new(),
            took: Vec::new(),
            figures: Map::new(),
            runs: 0,
            disturbed: 0,
            added: BTreeMap::new(),
        }
    }

    pub(crate) fn goal(&mut self, goal: Goal) {
        self.goals.push(goal);
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// A sentence below the tables.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Figures of a part, for machines.
    pub(crate) fn figures(&mut self, part: &str, figures: Value) {
        self.figures.insert(part.to_owned(), figures);
    }

    /// A run was made; others had BPF programs loaded meanwhile, or not.
    pub(crate) fn run(&mut self, is_disturbed: bool) {
        self.runs += 1;
        self.disturbed += usize::from(is_disturbed);
    }

    pub(crate) fn took(&mut self, part: String, time: Duration) {
        self.took.push((part, time));
    }

    pub(crate) fn ended(&mut self, machine: Machine) {
        self.after = Some(machine);
    }

    /// For people, or as Markdown.
    pub(crate) fn text(&self, is_markdown: bool) -> String {
        let mut text = String::new();
        let goals = Table {
            title: "Goals".to_owned(),
            header: Goal::HEADER.to_vec(),
            rows: self.goals.iter().map(|goal| goal.row().to_vec()).collect(),
        };
        for table in std::iter::once(&goals).chain(&self.tables).filter(|table| !table.rows.is_empty()) {
            let heading = if is_markdown { "### " } else { "" };
            let _ = writeln!(text, "{heading}{}\n\n{}\n", table.title, table.draw(is_markdown));
        }
        for note in self.notes.iter().cloned().chain(self.about()) {
            let _ = writeln!(text, "{note}");
        }
        text
    }

    /// What the figures stand on.
    fn about(&self) -> Vec<String> {
        let count = |wanted| self.goals.iter().filter(|goal| goal.absolute.verdict() == wanted).count();
        let Machine { kernel, processors, load, programs, is_measured_anyway, .. } = &self.before;
        let mut about = vec![
            format!(
                "Goals met {}, open {}, missed {}, as absolute figures; the last three columns hold the same against the bare times of both machines.",
                count(Verdict::Met),
                count(Verdict::Open),
                count(Verdict::Missed)
            ),
            format!(
                "{} rounds on Linux {kernel}, {processors}. Medians; intervals are of 95 %, by bootstrap over rounds.",
                self.rounds
            ),
            format!(
                "Load of the machine (loadavg of a minute): {load} before, {} after, the measurement itself among it; BPF programs of others before: {programs}.",
                self.after.as_ref().map_or_else(|| "?".to_owned(), |after| after.load.to_string())
            ),
        ];
        if self.disturbed > 0 {
            about.push(format!(
                "While {} of {} runs went on, BPF programs of others were loaded: do not trust these figures.",
                self.disturbed, self.runs
            ));
        }
        if self.is_quick {
            about.push("Quick: few rounds, fewer iterations; to try it, not to believe it.".to_owned());
        }
        if *is_measured_anyway {
            about.push(
                "kernel.bpf_stats_enabled is on: every run of a BPF program is dearer for it.".to_owned(),
            );
        }
        let took = self.took.iter().map(|(part, time)| format!("{part} {} s", time.as_secs()));
        about.push(format!("It took: {}.", took.collect::<Vec<_>>().join(", ")));
        about
    }

    pub(crate) fn json(&self) -> Value {
        let machine = |machine: &Machine| {
            json!({
                "kernel": machine.kernel, "processors": machine.processors, "load": machine.load,
                "bpf_programs": machine.programs, "epoch_seconds": machine.epoch_seconds,
            })
        };
        let took: Map<_, _> =
            self.took.iter().map(|(part, time)| (part.clone(), json!(time.as_secs_f64()))).collect();
        json!({
            "rounds": self.rounds,
            "is_quick": self.is_quick,
            "before": machine(&self.before),
            "after": self.after.as_ref().map(machine),
            "runs": self.runs,
            "disturbed_runs": self.disturbed,
            "goals": self.goals.iter().map(Goal::json).collect::<Vec<_>>(),
            "figures": self.figures,
            "took_seconds": took,
        })
    }
}

// === impl Table ===

impl Table {
    fn draw(&self, is_markdown: bool) -> Drawn {
        let mut drawn = Drawn::new();
        drawn.load_preset(if is_markdown { presets::ASCII_MARKDOWN } else { presets::NOTHING });
        drawn.set_header(&self.header);
        for row in &self.rows {
            let cells = row.iter().enumerate().map(|(column, text)| {
                let is_name = column == 0 || text.parse::<f64>().is_err();
                let alignment = if is_name { CellAlignment::Left } else { CellAlignment::Right };
                Cell::new(text).set_alignment(alignment)
            });
            drawn.add_row(cells.collect::<Vec<_>>());
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use integration::measured::statistics::Estimate;

    use super::*;
    use crate::goals::{Bound, Held, Unit};

    fn machine() -> Machine {
        Machine {
            kernel: "6.18".to_owned(),
            processors: "2 × Some CPU".to_owned(),
            load: 0.5,
            programs: 0,
            is_measured_anyway: false,
            epoch_seconds: 1,
        }
    }

    /// Scenario: a goal that is missed, an empty table, and a run that others disturbed. Guarantees: the text says so, in the goals' table and below; the
    /// empty table is left out; the same is in the JSON.
    #[test]
    fn a_report_hides_nothing() {
        let mut report = Report::new(31, false, machine());
        let absolute = Held { measured: Estimate::exact(9.0), bound: Bound::AtMost(3.0) };
        report.goal(Goal { what: "getpid".to_owned(), unit: Unit::Nanoseconds, absolute, scaled: None });
        report.table(Table { title: "Nothing".to_owned(), header: vec!["a"], rows: Vec::new() });
        report.run(true);
        report.run(false);
        report.ended(machine());
        for is_markdown in [false, true] {
            let text = report.text(is_markdown);
            assert!(text.contains("MISSED") && text.contains("missed 1"), "{text}");
            assert!(text.contains("While 1 of 2 runs") && !text.contains("Nothing"), "{text}");
        }
        let json = report.json();
        assert_eq!(json["goals"][0]["absolute"]["verdict"], "MISSED");
        assert_eq!(json["disturbed_runs"], 1);
    }
}
