//! `eyrie plan`: what hosts are asked to record, and why.

mod derived;
mod explain;
mod show;

use std::{io::Write, process::ExitCode};

use comfy_table::{Cell, CellAlignment, Table, presets};
use eyrie_proto::capture::{CallCost, CallFilter, CallPlan};
use indicatif::HumanBytes;
use owo_colors::OwoColorize as _;
use serde_json::{Value, json};

use crate::args::PlanCommand;

/// Characters of a cell that says what is recorded; `--json` has all of it.
const CELL_CHARACTERS: usize = 110;

/// Carries out `eyrie plan`.
pub(crate) async fn run(command: PlanCommand) -> anyhow::Result<ExitCode> {
    match command {
        PlanCommand::Show(arguments) if !arguments.rules.rules.is_empty() => {
            derived::show(&arguments.rules, arguments.engine.json)
        }
        PlanCommand::Show(arguments) => show::run(arguments).await,
        PlanCommand::Explain(arguments) if !arguments.rules.rules.is_empty() => {
            derived::explain(&arguments.rule, &arguments.rules, arguments.engine.json)
        }
        PlanCommand::Explain(arguments) => explain::run(arguments).await,
    }
}

/// A table without lines, and without blanks at the ends of lines.
fn write_table(output: &mut impl Write, columns: &[&str], rows: Vec<Vec<Cell>>) -> std::io::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(columns).add_rows(rows);
    for (number, line) in table.to_string().lines().map(str::trim).enumerate() {
        match number {
            0 => writeln!(output, "{}", line.bold())?,
            _ => writeln!(output, "{line}")?,
        }
    }
    Ok(())
}

fn number(value: impl ToString) -> Cell {
    Cell::new(value.to_string()).set_alignment(CellAlignment::Right)
}

/// A text that is not too long for a cell.
fn cut(text: &str) -> String {
    match text.char_indices().nth(CELL_CHARACTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// Something a second: tenths where they count.
fn rate(per_second: f64) -> String {
    if per_second >= 10.0 { format!("{per_second:.0}") } else { format!("{per_second:.1}") }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size for people, not negative")]
fn byte_rate(per_second: f64) -> String {
    HumanBytes(per_second.max(0.0) as u64).to_string()
}

/// What a host records of an event type.
fn effective_text(effective: &CallPlan) -> String {
    match effective.is_cut {
        true => "some calls, by more conditions than the agent can tell".to_owned(),
        false => evaluator::filters_text(&effective.any_of),
    }
}

/// Null where it is not told.
fn effective_json(effective: Option<&CallPlan>) -> Option<Vec<Value>> {
    effective.filter(|effective| !effective.is_cut).map(|effective| filters_json(&effective.any_of))
}

fn filters_json(filters: &[CallFilter]) -> Vec<Value> {
    let one =
        |filter: &CallFilter| json!({ "text": evaluator::whole_filter_text(filter), "rules": filter.rules });
    filters.iter().map(one).collect()
}

fn cost_json(cost: &CallCost) -> Value {
    json!({
        "events": cost.events,
        "bytes": cost.bytes,
        "events_per_second": cost.events_per_second,
        "bytes_per_second": cost.bytes_per_second,
        "marked_events": cost.marked_events,
    })
}
