//! `eyrie plan explain`: what of a rule reaches the kernel, and what it costs.

use std::{io::Write, process::ExitCode};

use evaluator::whole_filters_text;
use eyrie_proto::capture::{
    CallCost, ExplainRuleRequest, ExplainRuleResponse, RuleCall, plan_service_client::PlanServiceClient,
};
use indicatif::HumanBytes;
use owo_colors::OwoColorize as _;
use serde_json::{Value, json};

use super::{byte_rate, cost_json, effective_json, effective_text, filters_json, rate};
use crate::{alert_view::printable, args::PlanExplainArguments, client};

/// Carries out `eyrie plan explain`.
pub(super) async fn run(arguments: PlanExplainArguments) -> anyhow::Result<ExitCode> {
    let channel = client::connect(&arguments.engine).await?;
    let request = ExplainRuleRequest { rule: arguments.rule, hosts: arguments.host };
    let mut explained = PlanServiceClient::new(channel)
        .explain_rule(request)
        .await
        .map_err(|status| client::refusal(&status))?
        .into_inner();
    let mut last: Option<String> = None;
    while let Some(rule) = explained.message().await.map_err(|status| client::refusal(&status))? {
        if arguments.engine.json {
            writeln!(std::io::stdout().lock(), "{}", to_json(&rule))?;
        } else {
            write(&mut anstream::stdout().lock(), &rule, last.as_deref() == Some(rule.rule.as_str()))?;
        }
        last = Some(rule.rule);
    }
    Ok(ExitCode::SUCCESS)
}

/// What a rule needs, unless that `is_told` already, and what it costs on a host.
pub(super) fn write(
    output: &mut impl Write,
    rule: &ExplainRuleResponse,
    is_told: bool,
) -> std::io::Result<()> {
    if !is_told {
        write_needs(output, rule)?;
    }
    if rule.origin.is_none() || rule.calls.is_empty() {
        return Ok(());
    }
    writeln!(output, "  {} {}", "on".dimmed(), printable(rule.hostname.as_bytes()).bold())?;
    for call in &rule.calls {
        writeln!(output, "    {}: {}", call.event_type, on_host(rule, call))?;
    }
    Ok(())
}

fn write_needs(output: &mut impl Write, rule: &ExplainRuleResponse) -> std::io::Result<()> {
    let state = match (rule.is_enabled, rule.is_of_any_type) {
        (false, _) => ": switched off, so it asks for nothing",
        (true, true) if rule.calls.iter().all(|call| call.any_of.is_empty()) => {
            ": can hold on any type of event, so it asks for all of them"
        }
        (true, true) => ": can hold on any type of event, so it asks for all of them, whole but for these",
        (true, false) if rule.calls.is_empty() => ": asks for no system call",
        (true, false) => "",
    };
    writeln!(output, "{}{state}", printable(rule.rule.as_bytes()).bold())?;
    let is_told = |call: &&RuleCall| !rule.is_of_any_type || !call.any_of.is_empty();
    let told: Vec<&RuleCall> = rule.calls.iter().filter(is_told).collect();
    let mut rest = told.as_slice();
    while let Some(call) = rest.first() {
        let is_other = |other: &&RuleCall| !is_alike(call, other);
        let (alike, others) = rest.split_at(rest.iter().position(is_other).unwrap_or(rest.len()));
        rest = others;
        let types = alike.iter().map(|call| call.event_type.as_str()).collect::<Vec<_>>().join(", ");
        writeln!(output, "  {}: {}", types.cyan(), whole_filters_text(&call.any_of))?;
        if let Some(forced) = forced(call) {
            writeln!(output, "    {} {forced}", "forced".yellow())?;
        }
    }
    Ok(())
}

/// Whether the same is needed of two event types, for the same reason.
fn is_alike(one: &RuleCall, other: &RuleCall) -> bool {
    let needs =
        |call: &RuleCall| (call.any_of.clone(), call.forced_clause.clone(), call.forced_reason.clone());
    needs(one) == needs(other)
}

/// Why every call is needed.
fn forced(call: &RuleCall) -> Option<String> {
    match (call.forced_clause.as_str(), call.forced_reason.as_str()) {
        ("", "") => None,
        ("", reason) => Some(format!("as {}", printable(reason.as_bytes()))),
        (clause, "") => Some(format!("by {}", printable(clause.as_bytes()))),
        (clause, reason) => {
            Some(format!("by {}: {}", printable(clause.as_bytes()), printable(reason.as_bytes())))
        }
    }
}

fn on_host(rule: &ExplainRuleResponse, call: &RuleCall) -> String {
    let cost = call.cost.unwrap_or_default();
    let recorded = match &call.effective {
        Some(effective) => format!("recorded: {}", effective_text(effective)),
        None if call.uncaptured_reason.is_empty() && rule.is_answer_cut => {
            "what is recorded was too much to be kept".to_owned()
        }
        None if call.uncaptured_reason.is_empty() => "not answered yet".to_owned(),
        None => format!("not recorded, or not whole: {}", printable(call.uncaptured_reason.as_bytes())),
    };
    format!("{} of all rules; {recorded}", costs(&cost, call.admitted_share))
}

fn costs(cost: &CallCost, share: Option<f64>) -> String {
    let share = share.map_or(String::new(), |share| format!(", {:.1} % of them by this rule", share * 100.0));
    format!(
        "{} events/s, {}/s ({} events, {} so far{share})",
        rate(cost.events_per_second),
        byte_rate(cost.bytes_per_second),
        cost.events,
        HumanBytes(cost.bytes)
    )
}

pub(super) fn to_json(rule: &ExplainRuleResponse) -> Value {
    let call = |call: &RuleCall| {
        json!({
            "event_type": call.event_type,
            "filters": filters_json(&call.any_of),
            "forced_clause": call.forced_clause,
            "forced_reason": call.forced_reason,
            "effective": effective_json(call.effective.as_ref()),
            "effective_cut": call.effective.as_ref().is_some_and(|effective| effective.is_cut),
            "uncaptured_reason": call.uncaptured_reason,
            "cost": call.cost.as_ref().map(cost_json),
            "admitted_share": call.admitted_share,
        })
    };
    json!({
        "rule": rule.rule,
        "enabled": rule.is_enabled,
        "any_type": rule.is_of_any_type,
        "host": rule.origin.as_ref().map(|_| &rule.hostname),
        "origin": rule.origin.as_ref().map(ToString::to_string),
        "answer_cut": rule.is_answer_cut,
        "calls": rule.calls.iter().map(call).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use eyrie_proto::{
        capture::{CallFilter, CallPlan},
        event::Origin,
    };

    use super::*;

    fn text(rule: &ExplainRuleResponse, is_told: bool) -> String {
        let mut output = anstream::StripStream::new(Vec::new());
        write(&mut output, rule, is_told).unwrap();
        String::from_utf8(output.into_inner()).unwrap()
    }

    /// Scenario: a rule with a filter on one type and none on two others, with and without a host; rules that are off and of
    /// any type. Guarantees: what reaches the kernel, the clause that forces every call, and costs are told, each once.
    #[test]
    fn a_rule_is_explained() {
        let filtered = RuleCall {
            event_type: "setuid".into(),
            any_of: vec![CallFilter { user_ids: vec![0], ..CallFilter::default() }],
            effective: Some(CallPlan::default()),
            cost: Some(CallCost {
                events: 100,
                bytes: 4096,
                events_per_second: 2.0,
                bytes_per_second: 80.0,
                ..CallCost::default()
            }),
            admitted_share: Some(0.25),
            ..RuleCall::default()
        };
        let forced = RuleCall {
            event_type: "openat".into(),
            forced_clause: "proc.args contains x".into(),
            forced_reason: "proc.args is known only to the engine".into(),
            ..RuleCall::default()
        };
        let rule = ExplainRuleResponse {
            rule: "R".into(),
            is_enabled: true,
            calls: vec![RuleCall { event_type: "open".into(), ..forced.clone() }, forced, filtered],
            ..ExplainRuleResponse::default()
        };
        let needs = "R\n  open, openat: every call\n    forced by proc.args contains x: proc.args is known only to the engine\n  setuid: uid 0\n";
        assert_eq!(text(&rule, false), needs);
        let on_host =
            ExplainRuleResponse { origin: Some(Origin::default()), hostname: "web-1".into(), ..rule.clone() };
        let shown = text(&on_host, true);
        assert!(!shown.contains("forced") && shown.starts_with("  on web-1\n"), "{shown}");
        let cost = "setuid: 2.0 events/s, 80 B/s (100 events, 4.00 KiB so far, 25.0 % of them by this rule) of all rules; recorded: every call\n";
        assert!(shown.contains(cost), "{shown}");
        let off = ExplainRuleResponse { is_enabled: false, calls: Vec::new(), ..rule.clone() };
        assert_eq!(text(&off, false), "R: switched off, so it asks for nothing\n");
        let any = ExplainRuleResponse { is_of_any_type: true, ..rule };
        assert_eq!(
            text(&any, false),
            "R: can hold on any type of event, so it asks for all of them, whole but for these\n  setuid: uid 0\n"
        );
        let whole = ExplainRuleResponse { calls: any.calls[..2].to_vec(), ..any };
        assert_eq!(text(&whole, false), "R: can hold on any type of event, so it asks for all of them\n");
        assert_eq!(to_json(&on_host)["calls"][2]["filters"][0]["text"], "uid 0");
        assert_eq!(to_json(&on_host)["calls"][2]["effective"], json!([]));
        let mut cut = on_host;
        cut.calls[2].effective.as_mut().unwrap().is_cut = true;
        assert!(
            text(&cut, true).contains("recorded: some calls, by more conditions than the agent can tell\n")
        );
        let told = &to_json(&cut)["calls"][2];
        assert!(told["effective"].is_null() && told["effective_cut"] == true, "{told}");
    }
}
