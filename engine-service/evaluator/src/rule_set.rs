//! Rule sets, resolved and evaluated.

use std::{
    collections::{BTreeSet, HashMap},
    sync::OnceLock,
};

use fields::{EventView, Fields, event_type};
use rule_language::{Catalogue as _, RuleSet};

use crate::{
    condition::CompiledCondition,
    error::CompileError,
    output::{CompiledTemplate, OutputFields},
    residual::{Residual, reduce},
    shared::{Answers, Builder, NodeId, SharedConditions},
    truth::Truth,
};

/// How many rules an event may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// The first one in load order (Falco's default).
    First,
    /// All of them.
    All,
}

/// A rule that an event matched, or may still turn out to have matched.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleMatch {
    /// The rule's place in [`RuleSet::rules`].
    pub rule: usize,
    /// [`Truth::True`], or [`Truth::Unknown`] where the match hangs on values that are still to come.
    pub truth: Truth,
    /// Under [`Matching::First`]: an earlier rule in this very result is unknown, so that this match counts only if that
    /// one turns out false. Matches of other events are never held back.
    pub is_held_back: bool,
    /// The output with its values put in.
    pub message: String,
    /// The output's values, and `evt.time`.
    pub output_fields: OutputFields,
    /// Fields of condition and output whose value is still to come.
    pub unknown_fields: Vec<&'static str>,
    /// Where fields are unknown: what is left, if it can wait for them.
    pub residual: Option<Residual>,
}

/// The enabled rules of a rule set, ready to be evaluated.
#[derive(Debug)]
pub struct CompiledRuleSet {
    source: RuleSet,
    fields: &'static Fields,
    conditions: SharedConditions,
    /// The sources that rules are for, each once.
    sources: Vec<String>,
    rules: Vec<CompiledRule>,
    /// Places in `rules`, ascending, by event type; each includes the rules without event types.
    by_event_type: HashMap<String, Vec<usize>>,
    /// Rules that are evaluated on every event type.
    on_any_type: Vec<usize>,
}

#[derive(Debug)]
struct CompiledRule {
    place: usize,
    /// Its place in `sources`.
    source: usize,
    condition: NodeId,
    /// The condition by itself, made when something is left of a match.
    alone: OnceLock<Option<CompiledCondition>>,
    output: CompiledTemplate,
    match_resolved: bool,
}

/// The event types that the enabled rules need; all that there are if one rule is for all of them.
pub fn event_types_needed(rules: &RuleSet) -> BTreeSet<String> {
    let mut needed = BTreeSet::new();
    for rule in rules.rules.iter().filter(|rule| rule.enabled) {
        match &rule.event_types {
            Some(types) => needed.extend(types.iter().cloned()),
            None => return fields::catalogue().event_types().iter().map(|name| (*name).to_owned()).collect(),
        }
    }
    needed
}

// === impl CompiledRuleSet ===

impl CompiledRuleSet {
    /// Resolves the enabled rules against the catalogue that they were checked with.
    pub fn new(source: RuleSet, fields: &'static Fields) -> Result<Self, CompileError> {
        let (mut rules, mut conditions) = (Vec::new(), Builder::default());
        let sources: BTreeSet<&String> = source.rules.iter().map(|rule| &rule.source).collect();
        let sources: Vec<String> = sources.into_iter().cloned().collect();
        for (place, rule) in source.rules.iter().enumerate().filter(|(_, rule)| rule.enabled) {
            let error = |problem| CompileError { rule: rule.name.clone(), problem };
            rules.push(CompiledRule {
                place,
                // All of them are there.
                source: sources.binary_search(&rule.source).unwrap_or(usize::MAX),
                condition: conditions.add(fields, &rule.condition).map_err(error)?,
                alone: OnceLock::new(),
                output: CompiledTemplate::new(fields, &rule.output, &rule.extra_fields).map_err(error)?,
                match_resolved: rule.match_resolved,
            });
        }
        let mut compiled = Self {
            source,
            fields,
            conditions: conditions.build(),
            sources,
            rules,
            by_event_type: HashMap::new(),
            on_any_type: Vec::new(),
        };
        compiled.index();
        Ok(compiled)
    }

    /// Sorts the rules into their event types, each list in load order.
    fn index(&mut self) {
        let types = |rule: &CompiledRule| {
            self.source.rules.get(rule.place).and_then(|rule| rule.event_types.as_ref())
        };
        let names: BTreeSet<&String> = self.rules.iter().filter_map(types).flatten().collect();
        let mut by_event_type: HashMap<String, Vec<usize>> =
            names.into_iter().map(|name| (name.clone(), Vec::new())).collect();
        let mut on_any_type = Vec::new();
        for (place, rule) in self.rules.iter().enumerate() {
            match types(rule) {
                Some(names) => {
                    for name in names {
                        by_event_type.entry(name.clone()).or_default().push(place);
                    }
                }
                None => {
                    by_event_type.values_mut().for_each(|places| places.push(place));
                    on_any_type.push(place);
                }
            }
        }
        self.by_event_type = by_event_type;
        self.on_any_type = on_any_type;
    }

    /// The rule set as it was given.
    pub fn source(&self) -> &RuleSet {
        &self.source
    }

    /// Adds the rules that the event matches, in load order.
    ///
    /// Facts, losses and other entries of a stream that are no events match nothing, and neither does an event that the
    /// capture plan's filters only marked: no alert may come from it.
    pub fn evaluate(&self, view: &EventView<'_>, matching: Matching, matches: &mut Vec<RuleMatch>) {
        let event_type = event_type(view.event, view.architecture);
        if view.event.is_filter_marked || (event_type.is_none() && view.event.call.is_none()) {
            return;
        }
        let places = event_type.and_then(|name| self.by_event_type.get(name)).unwrap_or(&self.on_any_type);
        let source = self.sources.iter().position(|source| source == view.source);
        if places.is_empty() || source.is_none() {
            return;
        }
        let mut is_one_unknown = false;
        let mut answers = Answers::new(&self.conditions, *view);
        // The same for every rule that asks for it, and made of both paths from end to end.
        let mut by_kernels_names = None;
        for rule in places.iter().filter_map(|place| self.rules.get(*place)) {
            if Some(rule.source) != source {
                continue;
            }
            let mut unknown = Vec::new();
            let mut truth = answers.evaluate(rule.condition, &mut unknown);
            let mut resolved = None;
            if truth != Truth::True && rule.match_resolved {
                // What the whole condition says of the event by the kernel's names. Not each comparison by itself takes the name
                // that suits it: an exclusion then holds by the same name as what it is an exclusion from, and nothing is
                // excluded that was not before.
                let by_them = by_kernels_names.get_or_insert_with(|| {
                    view.resolved().map(|view| (view, Answers::new(&self.conditions, view)))
                });
                if let Some((view, answers)) = by_them {
                    resolved = Some(*view);
                    truth = truth.or(answers.evaluate(rule.condition, &mut unknown));
                }
            }
            if truth == Truth::False {
                continue;
            }
            // A condition that holds does not depend on what was unknown on the way there.
            if truth == Truth::True {
                unknown.clear();
            }
            let (message, output_fields) = rule.output.fill(view, &mut unknown);
            let residual =
                if unknown.is_empty() { None } else { self.residual(rule, view, resolved.as_ref()) };
            matches.push(RuleMatch {
                rule: rule.place,
                truth,
                is_held_back: matching == Matching::First && is_one_unknown,
                message,
                output_fields,
                unknown_fields: unknown,
                residual,
            });
            is_one_unknown |= truth == Truth::Unknown;
            if matching == Matching::First && truth == Truth::True {
                return;
            }
        }
    }

    fn residual(
        &self,
        rule: &CompiledRule,
        view: &EventView<'_>,
        resolved: Option<&EventView<'_>>,
    ) -> Option<Residual> {
        let source = self.source.rules.get(rule.place)?;
        // It was made before, as part of all conditions, so that it can be made.
        let alone = rule.alone.get_or_init(|| CompiledCondition::new(self.fields, &source.condition).ok());
        reduce(self.fields, source, (alone.as_ref()?, &rule.output), view, resolved)
    }
}

#[cfg(test)]
mod tests;
