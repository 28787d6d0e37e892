//! Rules: from their definitions to what evaluators work on.

use super::{Compiled, Unit, macros::Visible};
use crate::{
    check::{Checked, Checker, Problem},
    definitions,
    diagnostic::{Code, Severity},
    event_types::{are_warned_of, event_types},
    exceptions::with_exceptions,
    limits::Budget,
    lists::Expanded,
    reporter::{Report, Reporter},
    ruleset::{Rule, Template},
    template,
};

/// Compiles rules.
pub(super) struct Rules<'scope> {
    pub(super) compiled: &'scope Compiled<'scope>,
}

// === impl Rules ===

impl Rules<'_> {
    /// All rules that can be used. Those with errors are left out, and so are those that ask to be.
    pub(super) fn compile(&self, reporter: &mut Reporter, budget: &mut Budget) -> Vec<Rule> {
        let definitions = self.compiled.run.definitions.rules.entries().iter().map(|entry| &entry.value);
        let known = definitions.filter(|definition| !definition.source_is_unknown);
        known.filter_map(|definition| self.rule(definition, reporter, budget)).collect()
    }

    fn rule(
        &self,
        definition: &definitions::Rule,
        reporter: &mut Reporter,
        budget: &mut Budget,
    ) -> Option<Rule> {
        let output = self.output(definition, reporter);
        let condition = self.condition(definition, reporter, budget);
        let (output, condition) = (output?, condition?);
        let catalogue = self.compiled.run.catalogue;
        let event_types = event_types(&condition.expr, catalogue);
        let many = are_warned_of(event_types.as_deref(), catalogue);
        if many && definition.warn_event_types && definition.source == "syscall" {
            let message =
                "Rule matches too many evt.type values. This has a significant performance penalty.";
            let report = Report::new(message, &definition.item)
                .help("name the calls that matter: evt.type in (…); or say 'warn_evttypes: false'");
            reporter.report(Code::LoadNoEvttype, &definition.item.place, report);
        }
        Some(Rule {
            name: definition.item.name.clone(),
            source: definition.source.clone(),
            description: definition.description.clone(),
            priority: definition.priority,
            tags: definition.tags.iter().cloned().collect(),
            enabled: definition.enabled,
            capture: definition.capture,
            capture_duration: definition.capture_duration,
            condition: condition.expr,
            event_types,
            output,
            extra_fields: Vec::new(),
        })
    }

    fn output(&self, definition: &definitions::Rule, reporter: &mut Reporter) -> Option<Template> {
        let text = definition.output.clone();
        let (template, mut problems) =
            template::compile(&text.value, self.compiled.run.catalogue, self.compiled.run.allowance);
        let unit = Unit { item: &definition.item, part: "rule output", text, expanded: Expanded::default() };
        downgrade(definition, &mut problems);
        problems.iter().for_each(|problem| unit.report(problem, reporter));
        template
    }

    fn condition(
        &self,
        definition: &definitions::Rule,
        reporter: &mut Reporter,
        budget: &mut Budget,
    ) -> Option<Checked> {
        let text = match with_exceptions(&definition.condition, &definition.exceptions) {
            Ok(text) => text,
            Err((problem, place)) => {
                let report = Report::new(problem.message, &definition.item).part("exception values");
                reporter.report(problem.code, &place, report);
                return None;
            }
        };
        let (unit, node) =
            Unit::parse(&definition.item, "rule condition", text, &self.compiled.lists, reporter, budget);
        let node = node?;
        let mut used = Vec::new();
        node.for_each_identifier(&mut |identifier| {
            used.extend(self.compiled.run.definitions.macros.position(&identifier.name));
        });
        used.iter().for_each(|&position| self.compiled.macros.mark_used(position));
        let visibility = u64::MAX;
        let scope = Visible {
            run: self.compiled.run,
            lists: &self.compiled.lists,
            macros: &self.compiled.macros,
            visibility,
        };
        let (checked, mut problems) =
            Checker::new(self.compiled.run.catalogue, &scope, budget, self.compiled.run.allowance).run(&node);
        if definition.skip_if_unknown_filter {
            // What a macro lacks is told at the rule: to other rules it may be an error.
            self.compiled.macros.for_each_problem(used, false, &mut |unit, problem| {
                if is_error(problem) {
                    let message = format!("{} (in macro '{}')", problem.message, unit.item.name);
                    problems.push(Problem { message, span: 0..0, ..problem.clone() });
                }
            });
            downgrade(definition, &mut problems);
        } else {
            let tell = &mut |unit: &Unit<'_>, problem: &Problem| unit.report(problem, reporter);
            self.compiled.macros.for_each_problem(used, true, tell);
        }
        problems.iter().for_each(|problem| unit.report(problem, reporter));
        checked
    }
}

fn is_error(problem: &Problem) -> bool {
    problem.code.severity() == Severity::Error
}

/// Makes errors about unknown names warnings if the rule asks to be skipped for them and nothing else is wrong.
fn downgrade(definition: &definitions::Rule, problems: &mut [Problem]) {
    let only_unknown = problems.iter().filter(|problem| is_error(problem)).all(|p| p.is_unknown_name);
    if !definition.skip_if_unknown_filter || !only_unknown {
        return;
    }
    for problem in problems.iter_mut().filter(|problem| is_error(problem)) {
        problem.code = Code::LoadUnknownFilter;
    }
}
