//! `eyrie coverage`: which rules are active on which hosts, since when, and why not.

use std::{io::Write, process::ExitCode};

use comfy_table::{Cell, CellAlignment, Table, presets};
use eyrie_proto::rules::{ListCoverageRequest, ListCoverageResponse, rule_service_client::RuleServiceClient};
use owo_colors::OwoColorize as _;
use serde_json::{Value, json};

use crate::{alert_view::printable, args::CoverageArguments, client, moment};

/// Rows of one table, of some 300 bytes each: more are for --json, which keeps none.
const MAX_ROWS: usize = 100_000;
const COLUMNS: [&str; 6] = ["HOST", "RULE", "STATE", "SINCE", "PLAN", "WHY"];

/// Carries out `eyrie coverage`.
pub(crate) async fn run(arguments: CoverageArguments) -> anyhow::Result<ExitCode> {
    let channel = client::connect(&arguments.engine).await?;
    let request = ListCoverageRequest {
        hosts: arguments.host.clone(),
        rules: arguments.rule.clone(),
        ..ListCoverageRequest::default()
    };
    let mut rows = RuleServiceClient::new(channel)
        .list_coverage(request)
        .await
        .map_err(|status| client::refusal(&status))?
        .into_inner();
    let mut table: Vec<[String; COLUMNS.len()]> = Vec::new();
    let mut is_any_told = false;
    while let Some(row) = rows.message().await.map_err(|status| client::refusal(&status))? {
        is_any_told = true;
        if arguments.gaps && row.is_active && row.reasons.is_empty() {
            continue;
        }
        if arguments.engine.json {
            writeln!(std::io::stdout().lock(), "{}", to_json(&row))?;
            continue;
        }
        anyhow::ensure!(
            table.len() < MAX_ROWS,
            "there are more than {MAX_ROWS} rows: filter them (--host, --rule, --gaps), or use --json"
        );
        table.push(cells(&row));
    }
    if arguments.engine.json {
        return Ok(ExitCode::SUCCESS);
    }
    match (table.is_empty(), is_any_told) {
        (true, true) => println!("no gaps: every rule that was asked for is active and sees all it needs"),
        (true, false) => println!("no host is or was connected to {}", arguments.engine.engine),
        (false, _) => write(&mut anstream::stdout().lock(), table)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn cells(row: &ListCoverageResponse) -> [String; COLUMNS.len()] {
    let state = match (row.is_active, row.reasons.is_empty()) {
        (true, true) => "active",
        (true, false) => "partly",
        (false, _) => "inactive",
    };
    let known = |value: u64, text: String| if value == 0 { "-".to_owned() } else { text };
    let since = known(row.active_since_ns, moment::rfc3339(row.active_since_ns));
    let generation = known(row.plan_generation, row.plan_generation.to_string());
    let text = |text: &str| printable(text.as_bytes());
    [text(&row.hostname), text(&row.rule), state.to_owned(), since, generation, text(&why(row))]
}

/// The first reason, or else the first note; how many there are besides.
fn why(row: &ListCoverageResponse) -> String {
    let more = |rest: usize| if rest == 0 { String::new() } else { format!(" (+{rest})") };
    match (row.reasons.split_first(), row.notes.split_first()) {
        (Some((first, rest)), _) => format!("{first}{}", more(rest.len())),
        (None, Some((first, rest))) => format!("[{first}]{}", more(rest.len())),
        (None, None) => String::new(),
    }
}

/// Without blanks at the ends of lines.
fn write(output: &mut impl Write, rows: Vec<[String; COLUMNS.len()]>) -> std::io::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(COLUMNS);
    for [host, rule, state, since, generation, why] in rows {
        let generation = Cell::new(generation).set_alignment(CellAlignment::Right);
        table.add_row([
            Cell::new(host),
            Cell::new(rule),
            Cell::new(state),
            Cell::new(since),
            generation,
            Cell::new(why),
        ]);
    }
    for (number, line) in table.to_string().lines().map(str::trim).enumerate() {
        match number {
            0 => writeln!(output, "{}", line.bold())?,
            _ => writeln!(output, "{line}")?,
        }
    }
    Ok(())
}

fn to_json(row: &ListCoverageResponse) -> Value {
    json!({
        "host": row.hostname,
        "origin": row.origin.as_ref().map(ToString::to_string),
        "rule": row.rule,
        "rule_set_digest": row.digest,
        "active": row.is_active,
        "active_since": moment::known_exactly(row.active_since_ns),
        "plan_generation": row.plan_generation,
        "reasons": row.reasons,
        "notes": row.notes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: rules that are active, active with a gap, active on a host that records more, and not active. Guarantees:
    /// the state tells them apart; the first reason is shown and the others are counted; a note is no reason.
    #[test]
    fn rows_tell_gaps_from_notes() {
        let row = |is_active, reasons: &[&str], notes: &[&str]| ListCoverageResponse {
            hostname: "web\u{1b}[31m".into(),
            rule: "R".into(),
            is_active,
            active_since_ns: if is_active { 1_000_000_000 } else { 0 },
            plan_generation: u64::from(is_active) * 3,
            reasons: reasons.iter().map(|text| (*text).to_owned()).collect(),
            notes: notes.iter().map(|text| (*text).to_owned()).collect(),
            ..ListCoverageResponse::default()
        };
        let rows = [
            row(true, &[], &[]),
            row(true, &["a", "b"], &["c"]),
            row(true, &[], &["c"]),
            row(false, &["gone"], &[]),
        ];
        let mut output = anstream::StripStream::new(Vec::new());
        write(&mut output, rows.iter().map(cells).collect()).unwrap();
        let text = String::from_utf8(output.into_inner()).unwrap();
        let lines: Vec<_> = text.lines().skip(1).collect();
        for (line, (state, end)) in
            lines.iter().zip([("active", "3"), ("partly", "a (+1)"), ("active", "[c]"), ("inactive", "gone")])
        {
            assert!(line.contains(state) && line.ends_with(end) && !line.contains('\u{1b}'), "{text}");
        }
        assert!(lines[3].contains(" - "), "{text}");
        assert_eq!(to_json(&rows[3])["active"], false);
    }
}
