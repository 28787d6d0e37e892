//! The table for people.

use std::io::Write;

use comfy_table::{Cell, Table, presets};
use owo_colors::OwoColorize as _;

use crate::{
    alert_view::printable,
    known::{KnownContainer, completeness},
    moment,
};

/// Rows of one table, of some 300 bytes each: more are for --json, which keeps none.
const MAX_ROWS: usize = 200_000;
const COLUMNS: [&str; 8] = ["HOST", "CONTAINER ID", "NAME", "IMAGE", "POD", "STATUS", "AGE", "KNOWN"];
const WIDE_COLUMNS: [&str; 13] = [
    "HOST",
    "CONTAINER ID",
    "NAME",
    "IMAGE",
    "POD",
    "RUNTIME",
    "IPS",
    "PRIVILEGED",
    "STARTED",
    "STATUS",
    "AGE",
    "TOLD BY",
    "KNOWN",
];

/// What is known of containers, a row each.
pub(super) struct Rows {
    is_wide: bool,
    now_epoch_ns: u64,
    rows: Vec<Vec<String>>,
}

// === impl Rows ===

impl Rows {
    pub(super) fn new(is_wide: bool, now_epoch_ns: u64) -> Self {
        Self { is_wide, now_epoch_ns, rows: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn add(&mut self, known: &KnownContainer) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.rows.len() < MAX_ROWS,
            "there are more than {MAX_ROWS} containers: filter them (--host, --namespace, --image), or use --json"
        );
        let row = if self.is_wide { self.wide(known) } else { self.usual(known) };
        self.rows.push(row.into_iter().map(|cell| printable(cell.as_bytes())).collect());
        Ok(())
    }

    fn usual(&self, known: &KnownContainer) -> Vec<String> {
        let missing = missing(known);
        vec![
            known.host(),
            or(known.short_id(), missing),
            or(known.container.name.clone(), missing),
            or(known.image(), missing),
            or(known.pod(), missing),
            status(known, self.now_epoch_ns),
            age(known, self.now_epoch_ns),
            completeness(known.container.completeness()).to_owned(),
        ]
    }

    fn wide(&self, known: &KnownContainer) -> Vec<String> {
        let (container, missing) = (&known.container, missing(known));
        let privileged =
            container.is_privileged.map(|is_privileged| if is_privileged { "yes" } else { "no" });
        let sources: Vec<&str> = container.provenance.iter().map(|one| &*one.source).collect();
        let wide = [
            or(container.runtime.clone(), missing),
            or(container.ips.join(","), missing),
            or(privileged.unwrap_or_default().to_owned(), missing),
            or(moment::known(container.started_ns).unwrap_or_default(), missing),
        ];
        let mut row = self.usual(known);
        if let Some(id) = row.get_mut(1) {
            *id = or(known.id().to_owned(), missing);
        }
        // Behind the pod, and before the last.
        row.splice(5..5, wide);
        row.insert(row.len().saturating_sub(1), or(sources.join(","), missing));
        row
    }

    /// The rows by host and name, without blanks at their ends; the last word has a colour.
    pub(super) fn write(mut self, output: &mut dyn Write) -> std::io::Result<()> {
        self.rows.sort_by(|left, right| order(left).cmp(&order(right)));
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        let header: &[&str] = if self.is_wide { &WIDE_COLUMNS } else { &COLUMNS };
        table.add_row(header.iter().copied().map(Cell::new));
        for row in self.rows {
            table.add_row(row);
        }
        let text = table.to_string();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            match line.rsplit_once(' ') {
                Some(_) if number == 0 => writeln!(output, "{}", line.bold())?,
                Some((before, known)) => writeln!(output, "{before} {}", coloured(known))?,
                None => writeln!(output, "{line}")?,
            }
        }
        Ok(())
    }
}

/// Host, name, id.
fn order(row: &[String]) -> [Option<&String>; 3] {
    [row.first(), row.get(2), row.get(1)]
}

fn coloured(known: &str) -> String {
    match known {
        "complete" => known.green().to_string(),
        "pending" => known.yellow().to_string(),
        _ => known.red().to_string(),
    }
}

/// What is empty although all is known, there is none of.
fn missing(known: &KnownContainer) -> &'static str {
    match completeness(known.container.completeness()) {
        "complete" => "<none>",
        _ => "<unknown>",
    }
}

fn or(text: String, missing: &str) -> String {
    if text.is_empty() { missing.to_owned() } else { text }
}

/// Whether it runs, and if not, since when.
fn status(known: &KnownContainer, now_epoch_ns: u64) -> String {
    match (known.has_ended(), known.listed.until_epoch_ns) {
        (false, _) => "running".to_owned(),
        (true, 0) => "ended".to_owned(),
        (true, until) => format!("ended {} ago", moment::age(until, now_epoch_ns)),
    }
}

fn age(known: &KnownContainer, now_epoch_ns: u64) -> String {
    match known.listed.from_epoch_ns {
        0 => "<unknown>".to_owned(),
        from => moment::age(from, now_epoch_ns),
    }
}
