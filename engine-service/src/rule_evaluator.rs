//! The evaluation of Falco rules, behind the engine's seam.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    time::Duration,
};

use evaluator::{
    CompiledRuleSet, Matching, RulePlans, Truth, admits, event_types_needed, host_names_needed,
    host_names_of, to_alert_value,
};
use eyrie_proto::{alert::Priority, event::event::Kind};
use fields::{EventView, FieldSettings, PathNames};
use rule_language::{Diagnostic, OutputAddition, Selection, Source, append_outputs};

use crate::{
    evaluate::{Evaluate, Occurrence, RuleFacts, RuleMatch, Violation},
    rules::{RulesError, read_sources},
};

/// Event types that change what the model holds of processes: they are wanted whatever the rules say. `prlimit` is none of them: agents
/// tell every change of a limit unasked, and where it is asked for every reading of one as well, as each program's start has it.
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

/// Rules whose filters events are tested against: some 100 ns each, for one event of some dozens.
pub(crate) const MAX_TESTED_RULES: usize = 1_024;

/// What the events of a host are called as a source.
const SYSCALL_SOURCE: &str = "syscall";

/// Which rules are evaluated, and how.
#[derive(Clone, Debug)]
pub struct RuleOptions {
    /// How many rules an event may match.
    pub matching: Matching,
    /// Which rules are switched on and off after loading, one step after the other.
    pub selections: Vec<Selection>,
    /// Rules that are less severe are not evaluated.
    pub min_priority: rule_language::Priority,
    /// What is added to the outputs of rules, in this order.
    pub output_additions: Vec<OutputAddition>,
    /// Which static fields there are, and what else fields hang on.
    pub fields: FieldSettings,
}

/// A compiled rule set.
#[derive(Debug)]
pub struct RuleEvaluator {
    rules: CompiledRuleSet,
    matching: Matching,
    fields: FieldSettings,
    event_types: BTreeSet<String>,
    state_event_types: BTreeSet<String>,
    host_names: BTreeSet<String>,
    /// The rules that ask for recordings, and how long.
    captures: BTreeMap<String, Duration>,
    plans: RulePlans,
    /// Of `plans`, the places of rules and of their calls, by event type; of the first so many rules.
    planned: HashMap<String, Vec<(u32, usize)>>,
    facts: Vec<RuleFacts>,
}

/// Rules that were loaded, and what is to be said about them.
#[derive(Debug)]
pub struct LoadedRules {
    /// Ready for use.
    pub evaluator: RuleEvaluator,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

// === impl RuleOptions ===

impl Default for RuleOptions {
    /// The first rule that matches of all rules that their files have on, with the outputs that they have.
    fn default() -> Self {
        Self {
            matching: Matching::First,
            selections: Vec::new(),
            min_priority: rule_language::Priority::Debug,
            output_additions: Vec::new(),
            fields: FieldSettings::default(),
        }
    }
}

// === impl RuleEvaluator ===

impl RuleEvaluator {
    /// Reads, checks and compiles rules files; see [`read_sources`] for which.
    pub fn load(paths: &[PathBuf], options: &RuleOptions) -> Result<LoadedRules, RulesError> {
        Self::compile(&read_sources(paths)?, options)
    }

    /// Checks and compiles rules that were read already.
    pub fn compile(sources: &[Source], options: &RuleOptions) -> Result<LoadedRules, RulesError> {
        let catalogue = fields::catalogue().configured(&options.fields);
        let mut loaded = rule_language::load(sources, &catalogue)?;
        loaded.rule_set.select(&options.selections, options.min_priority);
        let additions = &options.output_additions;
        let warnings = append_outputs(&mut loaded.rule_set, additions, &catalogue)?;
        loaded.diagnostics.extend(warnings);
        let state_event_types: BTreeSet<String> =
            STATE_EVENT_TYPES.iter().map(|name| (*name).to_owned()).collect();
        let event_types = event_types_needed(&loaded.rule_set)
            .into_iter()
            .chain(state_event_types.iter().cloned())
            .collect();
        let host_names = host_names_needed(&loaded.rule_set);
        let captures = loaded.rule_set.rules.iter().filter(|rule| rule.enabled && rule.capture);
        let captures = captures.map(|rule| (rule.name.clone(), rule.capture_duration)).collect();
        let plans = RulePlans::new(&loaded.rule_set);
        let planned = planned(&plans);
        let facts = loaded.rule_set.rules.iter().map(facts).collect();
        let rules = CompiledRuleSet::new(loaded.rule_set, fields::catalogue())?;
        let fields = options.fields.clone();
        let matching = options.matching;
        let evaluator = Self {
            rules,
            matching,
            fields,
            event_types,
            state_event_types,
            host_names,
            captures,
            plans,
            planned,
            facts,
        };
        Ok(LoadedRules { evaluator, warnings: loaded.diagnostics })
    }

    /// The names of all rules that were loaded, evaluated or not.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.rules.source().rules.iter().map(|rule| rule.name.as_str())
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

    fn state_event_types(&self) -> &BTreeSet<String> {
        &self.state_event_types
    }

    fn host_names_needed(&self) -> &BTreeSet<String> {
        &self.host_names
    }

    fn plans(&self) -> &RulePlans {
        &self.plans
    }

    fn rules(&self) -> &[RuleFacts] {
        &self.facts
    }

    fn violations(&self, occurrence: &Occurrence<'_>) -> Vec<Violation> {
        let found = self.rules.violations(&self.view(occurrence));
        let violation = |(place, truth): (usize, Truth)| {
            let rule = self.rules.source().rules.get(place)?;
            Some(Violation { rule: rule.name.clone(), is_certain: truth == Truth::True })
        };
        found.into_iter().filter_map(violation).collect()
    }

    fn admitting(&self, occurrence: &Occurrence<'_>, rules: &mut Vec<u32>) {
        let view = self.view(occurrence);
        let event_type = fields::event_type(view.event, view.architecture);
        let places = event_type.and_then(|name| self.planned.get(name)).map_or(&[][..], Vec::as_slice);
        let admitting = places.iter().filter(|(rule, call)| {
            let plan = usize::try_from(*rule).ok().and_then(|place| self.plans.rules().get(place));
            let call = plan.and_then(|plan| plan.calls.get(*call));
            call.is_some_and(|call| admits(&call.any_of, &view))
        });
        rules.extend(admitting.map(|(rule, _)| *rule));
    }

    fn capture(&self, rule: &str) -> Option<Duration> {
        self.captures.get(rule).copied()
    }

    fn has_captures(&self) -> bool {
        !self.captures.is_empty()
    }

    fn evaluate(&self, occurrence: &Occurrence<'_>, matches: &mut Vec<RuleMatch>) {
        let view = self.view(occurrence);
        // Holds no memory as long as nothing matches.
        let mut found = Vec::new();
        self.rules.evaluate(&view, self.matching, &mut found);
        matches.extend(found.into_iter().filter_map(|found| self.rule_match(found, &view)));
    }
}

impl RuleEvaluator {
    fn view<'a>(&'a self, occurrence: &Occurrence<'a>) -> EventView<'a> {
        let source = match &occurrence.event.kind {
            Some(Kind::SourceEvent(event)) => event.source.as_str(),
            _ => SYSCALL_SOURCE,
        };
        EventView {
            event: occurrence.event,
            host: occurrence.model,
            sequence: occurrence.sequence,
            epoch_offset_ns: occurrence.epoch_offset_ns,
            hostname: &occurrence.host.hostname,
            architecture: occurrence.host.numbering(),
            source,
            container: occurrence.container,
            machine: occurrence.machine,
            peer: occurrence.peer,
            settings: &self.fields,
            paths: PathNames::AskedFor,
        }
    }

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

fn planned(plans: &RulePlans) -> HashMap<String, Vec<(u32, usize)>> {
    let mut planned: HashMap<String, Vec<(u32, usize)>> = HashMap::new();
    for (rule, plan) in (0..).zip(plans.rules()).take(MAX_TESTED_RULES) {
        for (place, call) in plan.calls.iter().enumerate() {
            planned.entry(call.event_type.clone()).or_default().push((rule, place));
        }
    }
    planned
}

fn facts(rule: &rule_language::Rule) -> RuleFacts {
    RuleFacts {
        name: rule.name.clone(),
        is_enabled: rule.enabled,
        source: rule.source.clone(),
        event_types: rule.event_types.clone(),
        host_names: host_names_of(&rule.condition),
        asks_of_containers: evaluator::asks_of_containers(&rule.condition),
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

#[cfg(test)]
mod tests {
    use rule_language::{Priority as Severity, RuleSelector};

    use super::*;

    /// Scenario: a rule that its file has off, one that is on, and one that is less severe than what is asked for. Guarantees:
    /// only what configuration switches on is evaluated, and what nobody evaluates asks for no events.
    #[test]
    fn configuration_chooses_the_rules() {
        let rule = |name: &str, event: &str, rest: &str| {
            format!("- {{rule: {name}, desc: d, condition: evt.type={event}, output: o, {rest}}}\n")
        };
        let text = rule("a", "bind", "priority: ERROR, enabled: false")
            + &rule("b", "listen", "priority: ERROR")
            + &rule("c", "socket", "priority: DEBUG, tags: [t]");
        let sources = [Source { name: "r.yaml".to_owned(), text }];
        let step = |enable, rules| Selection { enable, rules };
        let options = RuleOptions {
            selections: vec![
                step(false, RuleSelector::Name("*".to_owned())),
                step(true, RuleSelector::Name("a".to_owned())),
                step(true, RuleSelector::Tag("t".to_owned())),
            ],
            min_priority: Severity::Notice,
            ..RuleOptions::default()
        };
        let evaluator = RuleEvaluator::compile(&sources, &options).unwrap().evaluator;
        let wanted = |event: &str| evaluator.event_types_needed().contains(event);
        assert_eq!(evaluator.enabled_rules(), 1);
        assert_eq!(["bind", "listen", "socket"].map(wanted), [true, false, false]);
        let all = RuleEvaluator::compile(&sources, &RuleOptions::default()).unwrap().evaluator;
        assert_eq!(all.enabled_rules(), 2);
    }
}
