//! Rules: from their definitions to what evaluators work on.

use super::{Compiled, Unit, macros::Visible};
use crate::{
    check::{Checked, Checker, Problem},
    definitions,
    diagnostic::{Code, Severity},
    event_types::{are_warned_of, event_types},
    exceptions::with_exceptions,
    limits::Budget,
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
        let (output, is_skipped) = self.output(definition, reporter, budget);
        if is_skipped {
            return None;
        }
        let condition = self.condition(definition, reporter, budget);
        let (output, condition) = (output?, condition?);
        let catalogue = self.compiled.run.catalogue;
        let event_types = event_types(&condition.expr, catalogue);
        let many = are_warned_of(event_types.as_deref(), catalogue);
        if many && definition.warn_event_types && definition.source == "syscall" {
            let message =
                "Rule matches too many evt.type values. This has a significant performance penalty.";
            let report = Report::new(message, &definition.context)
                .help("name the calls that matter: evt.type in (…); or say 'warn_evttypes: false'");
            reporter.report(Code::LoadNoEvttype, report);
        }
        Some(Rule {
            name: definition.context.name().to_owned(),
            source: definition.source.clone(),
            description: definition.description.clone(),
            priority: definition.priority,
            tags: definition.tags.iter().cloned().collect(),
            enabled: definition.enabled,
            capture: definition.capture,
            capture_duration: definition.capture_duration,
            match_resolved: definition.match_resolved,
            condition: condition.expr,
            event_types,
            output,
            extra_fields: Vec::new(),
        })
    }

    /// The output, or whether the rule is skipped for it.
    fn output(
        &self,
        definition: &definitions::Rule,
        reporter: &mut Reporter,
        budget: &mut Budget,
    ) -> (Option<Template>, bool) {
        let text = definition.output.clone();
        if let Err(exhausted) = budget.spend_nodes(text.value.matches('%').count(), 0) {
            if budget.tell() {
                let message = format!("{}, those of outputs included", exhausted.message());
                let report = Report::new(message, &definition.output_context);
                reporter.report(Code::LoadErrValidate, report);
            }
            return (None, false);
        }
        let (template, mut problems) =
            template::compile(&text.value, self.compiled.run.catalogue, self.compiled.run.allowance);
        let unit = Unit::of_output(&definition.context, &definition.output_context, text);
        let is_skipped = downgrade(definition, &mut problems);
        problems.iter().for_each(|problem| unit.report(problem, reporter));
        (template, is_skipped)
    }

    fn condition(
        &self,
        definition: &definitions::Rule,
        reporter: &mut Reporter,
        budget: &mut Budget,
    ) -> Option<Checked> {
        let text = match with_exceptions(&definition.condition, &definition.exceptions) {
            Ok(text) => text,
            Err((problem, context)) => {
                reporter.report(problem.code, Report::new(problem.message, &context));
                return None;
            }
        };
        let (context, part) = (&definition.context, &definition.condition_context);
        let (unit, node) = Unit::parse(context, part, text, &self.compiled.lists, reporter, budget);
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
                    let message = format!("{} (in macro '{}')", problem.message, unit.context.name());
                    problems.push(Problem { message, span: 0..0, ..problem.clone() });
                }
            });
            downgrade(definition, &mut problems);
        } else {
            let tell = &mut |unit: &Unit<'_>, problem: &Problem| unit.report(problem, reporter);
            self.compiled.macros.for_each_problem(used, true, tell);
        }
        // Falco puts macros in before it looks at fields.
        problems.sort_by_key(|problem| problem.code != Code::LoadErrValidate);
        problems.iter().for_each(|problem| unit.report(problem, reporter));
        checked
    }
}

fn is_error(problem: &Problem) -> bool {
    problem.code.severity() == Severity::Error
}

/// Makes errors about unknown names warnings if the rule asks to be skipped for them and nothing else is wrong; says
/// whether there were any.
fn downgrade(definition: &definitions::Rule, problems: &mut [Problem]) -> bool {
    let only_unknown = problems.iter().filter(|problem| is_error(problem)).all(|p| p.is_unknown_name);
    if !definition.skip_if_unknown_filter || !only_unknown {
        return false;
    }
    let mut errors = 0;
    for problem in problems.iter_mut().filter(|problem| is_error(problem)) {
        problem.code = Code::LoadUnknownFilter;
        errors += 1;
    }
    errors > 0
}
