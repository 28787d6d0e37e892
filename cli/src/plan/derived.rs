//! The plan of rules files, without an engine.

use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use comfy_table::Cell;
use evaluator::{RulePlan, RulePlans, filters_text};
use eyrie_proto::capture::{ExplainRuleResponse, RuleCall};
use rule_language::RuleSet;
use serde_json::json;

use super::{cut, explain as explaining, filters_json, number, write_table};
use crate::{
    alert_view::printable,
    args::PlannedRules,
    diagnostics,
    rules::{self, Checked},
};

const COLUMNS: [&str; 4] = ["EVENT TYPE", "RECORDED", "RULES", "FORCED BY"];

/// Carries out `eyrie plan show --rules`.
pub(super) fn show(files: &PlannedRules, is_json: bool) -> anyhow::Result<ExitCode> {
    let Some(rules) = load(files)? else { return Ok(ExitCode::FAILURE) };
    let plans = RulePlans::new(&rules);
    let mut asking: BTreeMap<&str, usize> = BTreeMap::new();
    for call in plans.rules().iter().flat_map(|plan| &plan.calls) {
        *asking.entry(&call.event_type).or_default() += 1;
    }
    let calls = plans.calls();
    let mut output = anstream::stdout().lock();
    if is_json {
        for call in &calls {
            let object = json!({
                "event_type": call.event_type,
                "filters": filters_json(&call.any_of),
                "forced_by": call.forced_by_rule,
                "rules": asking.get(call.event_type.as_str()),
            });
            writeln!(output, "{object}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let row = |call: &eyrie_proto::capture::CallPlan| {
        vec![
            Cell::new(&call.event_type),
            Cell::new(cut(&filters_text(&call.any_of))),
            number(asking.get(call.event_type.as_str()).copied().unwrap_or_default()),
            Cell::new(printable(call.forced_by_rule.as_bytes())),
        ]
    };
    write_table(&mut output, &COLUMNS, calls.iter().map(row).collect())?;
    Ok(ExitCode::SUCCESS)
}

/// Carries out `eyrie plan explain --rules`.
pub(super) fn explain(pattern: &str, files: &PlannedRules, is_json: bool) -> anyhow::Result<ExitCode> {
    let Some(rules) = load(files)? else { return Ok(ExitCode::FAILURE) };
    let plans = RulePlans::new(&rules);
    let planned: BTreeMap<&str, &RulePlan> =
        plans.rules().iter().map(|plan| (plan.rule.as_str(), plan)).collect();
    let mut output = anstream::stdout().lock();
    let mut is_found = false;
    for rule in rules.rules.iter().filter(|rule| engine_service::name_matches(pattern, &rule.name)) {
        is_found = true;
        let explained = explained(&rule.name, rule.enabled, planned.get(rule.name.as_str()).copied());
        if is_json {
            writeln!(output, "{}", explaining::to_json(&explained))?;
        } else {
            explaining::write(&mut output, &explained, false)?;
        }
    }
    let near = rule_language::closest(pattern, rules.rules.iter().map(|rule| rule.name.as_str()));
    let hint = near.map_or(String::new(), |near| format!("; did you mean \"{near}\"?"));
    anyhow::ensure!(is_found, "no rule is called \"{pattern}\"{hint}");
    Ok(ExitCode::SUCCESS)
}

fn explained(rule: &str, is_enabled: bool, plan: Option<&RulePlan>) -> ExplainRuleResponse {
    let call = |call: &evaluator::RuleCall| {
        let forced = call.forced.clone();
        let (forced_clause, forced_reason) =
            forced.map(|forced| (forced.clause, forced.reason)).unwrap_or_default();
        RuleCall {
            event_type: call.event_type.clone(),
            any_of: call.any_of.clone(),
            forced_clause,
            forced_reason,
            ..RuleCall::default()
        }
    };
    ExplainRuleResponse {
        rule: rule.to_owned(),
        is_enabled,
        is_of_any_type: plan.is_some_and(|plan| plan.is_of_any_type),
        calls: plan.iter().flat_map(|plan| &plan.calls).map(call).collect(),
        ..ExplainRuleResponse::default()
    }
}

/// The rules; nothing if they cannot be used, which is then explained.
fn load(files: &PlannedRules) -> anyhow::Result<Option<RuleSet>> {
    let settings = rules::settings(&files.static_fields)?;
    let checked = Checked::of_files(&files.rules, &settings)?;
    if let Some(loaded) = checked.loaded {
        return Ok(Some(loaded.rule_set));
    }
    let is_coloured = std::io::stderr().is_terminal();
    for diagnostic in &checked.diagnostics {
        anstream::eprintln!("{}", diagnostics::render(diagnostic, is_coloured));
    }
    Ok(None)
}
