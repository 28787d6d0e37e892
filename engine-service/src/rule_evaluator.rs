//! The evaluation of Falco rules, behind the engine's seam.

use std::{collections::BTreeSet, path::PathBuf};

use evaluator::{CompiledRuleSet, Matching, Truth, event_types_needed, to_alert_value};
use eyrie_proto::{alert::Priority, event::event::Kind};
use fields::{Architecture, EventView};
use rule_language::{Diagnostic, OutputAddition, Source, append_outputs};

use crate::{
    evaluate::{Evaluate, Occurrence, RuleMatch},
    rules::{RulesError, read_sources},
};

/// Event types that change what the model holds of processes: they are wanted whatever the rules say.
const STATE_EVENT_TYPES: &[&str] = &[
    "capset",
    "chdir",
    "chroot",
    "clone",
    "clone3",
    "execve",
    "execveat",
    "fchdir",
    "fork",
    "pivot_root",
    "prctl",
    "prlimit",
    "procexit",
    "setfsgid",
    "setfsuid",
    "setgid",
    "setns",
    "setpgid",
    "setregid",
    "setresgid",
    "setresuid",
    "setreuid",
    "setsid",
    "setuid",
    "unshare",
    "vfork",
];

/// What the events of a host are called as a source.
const SYSCALL_SOURCE: &str = "syscall";

/// A compiled rule set.
#[derive(Debug)]
pub struct RuleEvaluator {
    rules: CompiledRuleSet,
    matching: Matching,
    event_types: BTreeSet<String>,
}

/// Rules that were loaded, and what is to be said about them.
#[derive(Debug)]
pub struct LoadedRules {
    /// Ready for use.
    pub evaluator: RuleEvaluator,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

// === impl RuleEvaluator ===

impl RuleEvaluator {
    /// Reads, checks and compiles rules files (see [`read_sources`] for which), with `additions` to their outputs.
    pub fn load(
        paths: &[PathBuf],
        matching: Matching,
        additions: &[OutputAddition],
    ) -> Result<LoadedRules, RulesError> {
        Self::compile(&read_sources(paths)?, matching, additions)
    }

    /// Checks and compiles rules that were read already.
    pub fn compile(
        sources: &[Source],
        matching: Matching,
        additions: &[OutputAddition],
    ) -> Result<LoadedRules, RulesError> {
        let mut loaded = rule_language::load(sources, fields::catalogue())?;
        let warnings = append_outputs(&mut loaded.rule_set, additions, fields::catalogue())?;
        loaded.diagnostics.extend(warnings);
        let event_types = event_types_needed(&loaded.rule_set)
            .into_iter()
            .chain(STATE_EVENT_TYPES.iter().map(|name| (*name).to_owned()))
            .collect();
        let rules = CompiledRuleSet::new(loaded.rule_set, fields::catalogue())?;
        Ok(LoadedRules { evaluator: Self { rules, matching, event_types }, warnings: loaded.diagnostics })
    }

    /// How many rules are evaluated.
    pub fn enabled_rules(&self) -> usize {
        self.rules.source().rules.iter().filter(|rule| rule.enabled).count()
    }
}

impl Evaluate for RuleEvaluator {
    fn rule_set_digest(&self) -> &str {
        &self.rules.source().digest
    }

    fn event_types_needed(&self) -> &BTreeSet<String> {
        &self.event_types
    }

    fn evaluate(&self, occurrence: &Occurrence<'_>, matches: &mut Vec<RuleMatch>) {
        let source = match &occurrence.event.kind {
            Some(Kind::SourceEvent(event)) => event.source.as_str(),
            _ => SYSCALL_SOURCE,
        };
        let view = EventView {
            event: occurrence.event,
            host: occurrence.model,
            sequence: occurrence.sequence,
            epoch_offset_ns: occurrence.epoch_offset_ns,
            hostname: &occurrence.host.hostname,
            // An agent that does not say runs on what most machines are.
            architecture: Architecture::from_machine(&occurrence.host.architecture)
                .unwrap_or(Architecture::X86_64),
            source,
            container: occurrence.container,
        };
        // Holds no memory as long as nothing matches.
        let mut found = Vec::new();
        self.rules.evaluate(&view, self.matching, &mut found);
        matches.extend(found.into_iter().filter_map(|found| self.rule_match(found, &view)));
    }
}

impl RuleEvaluator {
    fn rule_match(&self, found: evaluator::RuleMatch, view: &EventView<'_>) -> Option<RuleMatch> {
        let rule = self.rules.source().rules.get(found.rule)?;
        Some(RuleMatch {
            rule: rule.name.clone(),
            priority: priority(rule.priority),
            source: rule.source.clone(),
            tags: rule.tags.clone(),
            event_type: fields::event_type(view.event, view.architecture).unwrap_or_default().to_owned(),
            message: found.message,
            output_fields: found
                .output_fields
                .into_iter()
                .map(|(name, value)| (name, to_alert_value(value.as_ref())))
                .collect(),
            is_certain: found.truth == Truth::True,
            unknown_fields: found.unknown_fields.into_iter().map(str::to_owned).collect(),
            residual: found.residual,
            is_held_back: found.is_held_back,
        })
    }
}

fn priority(priority: rule_language::Priority) -> Priority {
    use rule_language::Priority as Rule;
    match priority {
        Rule::Emergency => Priority::Emergency,
        Rule::Alert => Priority::Alert,
        Rule::Critical => Priority::Critical,
        Rule::Error => Priority::Error,
        Rule::Warning => Priority::Warning,
        Rule::Notice => Priority::Notice,
        Rule::Informational => Priority::Informational,
        Rule::Debug => Priority::Debug,
    }
}
