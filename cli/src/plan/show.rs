//! `eyrie plan show`, by what an engine says.

use std::{io::Write, process::ExitCode};

use comfy_table::Cell;
use evaluator::filters_text;
use eyrie_proto::capture::{
    CallStatus, ListPlansRequest, ListPlansResponse, plan_service_client::PlanServiceClient,
};
use owo_colors::OwoColorize as _;
use serde_json::{Value, json};

use super::{
    byte_rate, cost_json, cut, effective_json, effective_text, filters_json, number, rate, write_table,
};
use crate::{alert_view::printable, args::PlanShowArguments, client, moment};

const COLUMNS: [&str; 7] =
    ["EVENT TYPE", "RECORDED", "EVENTS/S", "BYTES/S", "EVENTS", "DROPPED", "FORCED BY"];
/// What a share is told in.
const MILLION: u64 = 1_000_000;

/// Carries out `eyrie plan show`.
pub(super) async fn run(arguments: PlanShowArguments) -> anyhow::Result<ExitCode> {
    let channel = client::connect(&arguments.engine).await?;
    let request = ListPlansRequest { hosts: arguments.host, include_disconnected: arguments.all };
    let mut plans = PlanServiceClient::new(channel)
        .list_plans(request)
        .await
        .map_err(|status| client::refusal(&status))?
        .into_inner();
    let mut count = 0_usize;
    while let Some(host) = plans.message().await.map_err(|status| client::refusal(&status))? {
        if arguments.engine.json {
            writeln!(std::io::stdout().lock(), "{}", to_json(&host))?;
        } else {
            let mut output = anstream::stdout().lock();
            if count > 0 {
                writeln!(output)?;
            }
            write(&mut output, &host)?;
        }
        count += 1;
    }
    if count == 0 && !arguments.engine.json {
        println!("no host is connected to {}", arguments.engine.engine);
    }
    Ok(ExitCode::SUCCESS)
}

fn write(output: &mut impl Write, host: &ListPlansResponse) -> std::io::Result<()> {
    writeln!(output, "{}: {}", printable(host.hostname.as_bytes()).bold(), headline(host))?;
    for violation in &host.violations {
        writeln!(
            output,
            "{} filters kept back events of {} that the rule '{}' needed: {} of those that were marked",
            "fault:".red(),
            printable(violation.event_type.as_bytes()),
            printable(violation.rule.as_bytes()),
            violation.count
        )?;
    }
    write_table(output, &COLUMNS, host.calls.iter().map(|call| row(host, call)).collect())
}

fn headline(host: &ListPlansResponse) -> String {
    let mut parts = vec![match (host.running_generation, host.is_connected) {
        (_, false) => "gone".to_owned(),
        (0, true) => "carries out no plan of this engine yet".to_owned(),
        (generation, true) => {
            format!("plan {generation} since {}", moment::rfc3339(host.running_since_ns))
        }
    }];
    if !host.failure.is_empty() {
        parts.push(format!("the last plan was refused: {}", printable(host.failure.as_bytes())));
    } else if host.sent_generation > host.running_generation {
        parts.push(format!("plan {} is on its way", host.sent_generation));
    }
    match (host.is_verify_mode, host.verify_sample_ppm) {
        (true, _) => parts.push("filters only mark".to_owned()),
        (false, 0) => {}
        (false, ppm) => parts.push(format!("{ppm} of a million dropped events are verified")),
    }
    parts.join("; ")
}

fn row(host: &ListPlansResponse, call: &CallStatus) -> Vec<Cell> {
    let cost = call.cost.unwrap_or_default();
    vec![
        Cell::new(printable(call.event_type.as_bytes())),
        Cell::new(cut(&recorded(host, call))),
        number(rate(cost.events_per_second)),
        number(byte_rate(cost.bytes_per_second)),
        number(cost.events),
        number(dropped(host, call)),
        Cell::new(printable(forced_by(call).as_bytes())),
    ]
}

/// How many events stayed in the kernel, by those of them that were sent marked.
fn dropped(host: &ListPlansResponse, call: &CallStatus) -> String {
    let marked = call.cost.map_or(0, |cost| cost.marked_events);
    let is_filtered = call.effective.as_ref().is_some_and(|call| call.is_cut || !call.any_of.is_empty());
    match (host.is_verify_mode, u64::from(host.verify_sample_ppm), marked) {
        (_, _, 0) if !is_filtered => String::new(),
        (false, 0, _) => "-".to_owned(),
        (_, _, 0) => "none marked".to_owned(),
        (true, ..) => format!("{marked} marked"),
        (false, ppm, marked) => format!("~{}", marked.saturating_mul(MILLION) / ppm.min(MILLION)),
    }
}

/// What of the type's events comes.
fn recorded(host: &ListPlansResponse, call: &CallStatus) -> String {
    let text = match (&call.effective, &call.asked) {
        (Some(effective), _) => effective_text(effective),
        (None, Some(_)) if !call.uncaptured_reason.is_empty() => {
            return format!("not, or not whole: {}", printable(call.uncaptured_reason.as_bytes()));
        }
        (None, Some(asked)) if host.is_answer_cut => {
            format!("asked for, and its answer was too large to be kept: {}", filters_text(&asked.any_of))
        }
        (None, Some(asked)) => format!("asked for, not answered: {}", filters_text(&asked.any_of)),
        (None, None) => "comes by itself".to_owned(),
    };
    match call.uncaptured_reason.as_str() {
        "" => text,
        reason => format!("{text}, but {}", printable(reason.as_bytes())),
    }
}

/// Who makes every call of the type come.
fn forced_by(call: &CallStatus) -> String {
    let told = call.effective.as_ref().or(call.asked.as_ref());
    let is_whole = told.is_some_and(|call| call.any_of.is_empty() && !call.is_cut);
    match &call.asked {
        _ if !is_whole => String::new(),
        None => "the host".to_owned(),
        Some(asked) if !asked.any_of.is_empty() => "the host, which cannot tell less".to_owned(),
        Some(asked) if asked.forced_by_rule.is_empty() => "the state of processes".to_owned(),
        Some(asked) => asked.forced_by_rule.clone(),
    }
}

fn to_json(host: &ListPlansResponse) -> Value {
    let call = |call: &CallStatus| {
        json!({
            "event_type": call.event_type,
            "asked": call.asked.as_ref().map(|asked| filters_json(&asked.any_of)),
            "effective": effective_json(call.effective.as_ref()),
            "effective_cut": call.effective.as_ref().is_some_and(|effective| effective.is_cut),
            "forced_by": forced_by(call),
            "uncaptured_reason": call.uncaptured_reason,
            "cost": cost_json(&call.cost.unwrap_or_default()),
        })
    };
    let violation = |violation: &eyrie_proto::capture::FilterViolation| {
        json!({
            "rule": violation.rule,
            "event_type": violation.event_type,
            "count": violation.count,
            "last_sequence": violation.last_sequence,
            "last_generation": violation.last_generation,
        })
    };
    json!({
        "host": host.hostname,
        "origin": host.origin.as_ref().map(ToString::to_string),
        "connected": host.is_connected,
        "sent_generation": host.sent_generation,
        "running_generation": host.running_generation,
        "running_since": moment::known_exactly(host.running_since_ns),
        "verify_mode": host.is_verify_mode,
        "verify_sample_ppm": host.verify_sample_ppm,
        "failure": host.failure,
        "calls": host.calls.iter().map(call).collect::<Vec<_>>(),
        "answer_cut": host.is_answer_cut,
        "violations": host.violations.iter().map(violation).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use eyrie_proto::capture::{CallCost, CallFilter, CallPlan};

    use super::*;

    fn call(event_type: &str, asked: Option<usize>, effective: Option<usize>) -> CallStatus {
        let plan = |filters| CallPlan {
            any_of: vec![CallFilter { user_ids: vec![0], ..CallFilter::default() }; filters],
            ..CallPlan::default()
        };
        CallStatus {
            event_type: event_type.to_owned(),
            asked: asked.map(plan),
            effective: effective.map(plan),
            ..CallStatus::default()
        }
    }

    /// Scenario: types that are recorded as asked, wider, whole for a rule, for the model, by the host's own wish, not at
    /// all, not answered, and by conditions that are not told. Guarantees: each says what comes and who makes every call come; a host's words are no
    /// terminal's orders.
    #[test]
    fn rows_say_what_comes_and_who_forces_it() {
        let mut ruled = call("close", Some(0), Some(0));
        ruled.asked.as_mut().unwrap().forced_by_rule = "Any close".to_owned();
        let uncaptured = CallStatus {
            uncaptured_reason: "no such \u{1b}[31m call".to_owned(),
            ..call("poll", Some(0), None)
        };
        let mut cut = call("rename", Some(1), Some(0));
        cut.effective.as_mut().unwrap().is_cut = true;
        for (call, what, who) in [
            (cut, "some calls, by more conditions than the agent can tell", ""),
            (call("openat", Some(1), Some(1)), "uid 0", ""),
            (call("openat", Some(1), Some(0)), "every call", "the host, which cannot tell less"),
            (ruled, "every call", "Any close"),
            (call("chdir", Some(0), Some(0)), "every call", "the state of processes"),
            (call("bind", None, Some(0)), "every call", "the host"),
            (uncaptured, "not, or not whole: no such \\u{1b}[31m call", "the state of processes"),
            (call("connect", Some(1), None), "asked for, not answered: uid 0", ""),
        ] {
            let host = ListPlansResponse::default();
            assert_eq!((&*recorded(&host, &call), &*forced_by(&call)), (what, who), "{call:?}");
        }
    }

    /// Scenario: a host whose answer was too large, a type with an escape in its name, and samples of which one stands for a
    /// number that is not whole. Guarantees: the answer is not said to be missing; the name is no terminal's order; the number
    /// is right.
    #[test]
    fn what_is_odd_is_told_well() {
        let host = ListPlansResponse {
            is_answer_cut: true,
            verify_sample_ppm: 600_000,
            calls: vec![call("\u{1b}[31m", Some(1), None)],
            ..ListPlansResponse::default()
        };
        let told = recorded(&host, &host.calls[0]);
        assert_eq!(told, "asked for, and its answer was too large to be kept: uid 0");
        let mut output = anstream::StripStream::new(Vec::new());
        write(&mut output, &host).unwrap();
        assert!(String::from_utf8(output.into_inner()).unwrap().contains("\\u{1b}[31m"));
        let cost = |marked_events| Some(CallCost { marked_events, ..CallCost::default() });
        assert_eq!(dropped(&host, &CallStatus { cost: cost(6), ..call("open", Some(1), None) }), "~10");
    }

    /// Scenario: types with and without filters of which no event was marked, or some were, on hosts that mark a share, all, and none. Guarantees: where
    /// filters may have dropped something that is not known, it is not as if there were none of it.
    #[test]
    fn what_may_have_been_dropped_is_not_passed_over() {
        let host = |is_verify_mode, verify_sample_ppm| ListPlansResponse {
            is_verify_mode,
            verify_sample_ppm,
            ..ListPlansResponse::default()
        };
        let filtered = |marked_events| CallStatus {
            cost: Some(CallCost { marked_events, ..CallCost::default() }),
            ..call("open", Some(1), Some(1))
        };
        let told = |host: &ListPlansResponse| {
            [filtered(0), filtered(3), call("open", Some(1), Some(0)), call("open", Some(1), None)]
                .map(|call| dropped(host, &call))
        };
        assert_eq!(told(&host(false, 100)), ["none marked", "~30000", "", ""]);
        assert_eq!(told(&host(true, 100)), ["none marked", "3 marked", "", ""]);
        assert_eq!(told(&host(false, 0)), ["-", "-", "", ""]);
    }

    /// Scenario: a host with a plan, its costs, and a fault of a filter. Guarantees: the table has them all.
    #[test]
    fn the_table_tells_costs_and_faults() {
        let cost = CallCost {
            marked_events: 2,
            events: 640,
            events_per_second: 12.4,
            bytes_per_second: 2048.0,
            ..CallCost::default()
        };
        let host = ListPlansResponse {
            hostname: "web-1".into(),
            is_connected: true,
            running_generation: 3,
            sent_generation: 4,
            verify_sample_ppm: 100,
            calls: vec![CallStatus { cost: Some(cost), ..call("openat", Some(1), Some(1)) }],
            violations: vec![eyrie_proto::capture::FilterViolation {
                rule: "R".into(),
                event_type: "openat".into(),
                count: 2,
                ..Default::default()
            }],
            ..ListPlansResponse::default()
        };
        let mut output = anstream::StripStream::new(Vec::new());
        write(&mut output, &host).unwrap();
        let text = String::from_utf8(output.into_inner()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[0].starts_with("web-1: plan 3 since ") && lines[0].contains("plan 4 is on its way"),
            "{text}"
        );
        assert!(lines[1].contains("openat that the rule 'R' needed: 2"), "{text}");
        let words: Vec<_> = lines[3].split_whitespace().collect();
        assert_eq!(words, ["openat", "uid", "0", "12", "2.00", "KiB", "640", "~20000"], "{text}");
    }
}
