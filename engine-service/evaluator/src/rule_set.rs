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

/// What conditions say of one event. What several rules ask is answered once.
struct TruthOf<'rules, 'event> {
    conditions: &'rules SharedConditions,
    view: EventView<'event>,
    /// Made when the first rule asks: of most events none does.
    by_asked_names: Option<Answers<'rules, 'event>>,
    /// Made of both paths from end to end, for rules that try them.
    by_kernels_names: Option<Option<(EventView<'event>, Answers<'rules, 'event>)>>,
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
        if view.event.is_filter_marked {
            return;
        }
        let mut is_one_unknown = false;
        let mut answers = TruthOf::new(&self.conditions, *view);
        for rule in self.candidates(view) {
            let mut unknown = Vec::new();
            let (truth, resolved) = answers.truth(rule, &mut unknown);
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

    /// The rules that an event which the plan's filters marked may match, each of which is a fault of the filters. No alert
    /// may come of it.
    pub fn violations(&self, view: &EventView<'_>) -> Vec<(usize, Truth)> {
        let mut answers = TruthOf::new(&self.conditions, *view);
        let truths = self.candidates(view).map(|rule| (rule.place, answers.truth(rule, &mut Vec::new()).0));
        truths.filter(|(_, truth)| *truth != Truth::False).collect()
    }

    /// The rules that are evaluated on events of this type and source, in load order. Facts, losses and the like have none.
    fn candidates(&self, view: &EventView<'_>) -> impl Iterator<Item = &CompiledRule> {
        let event_type = event_type(view.event, view.architecture);
        let places = match event_type {
            None if view.event.call.is_none() => &[],
            event_type => event_type
                .and_then(|name| self.by_event_type.get(name))
                .unwrap_or(&self.on_any_type)
                .as_slice(),
        };
        let source = self.sources.iter().position(|source| source == view.source);
        places
            .iter()
            .filter_map(|place| self.rules.get(*place))
            .filter(move |rule| Some(rule.source) == source)
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

// === impl TruthOf ===

impl<'rules, 'event> TruthOf<'rules, 'event> {
    fn new(conditions: &'rules SharedConditions, view: EventView<'event>) -> Self {
        Self { conditions, view, by_asked_names: None, by_kernels_names: None }
    }

    /// What the rule's condition says of the event, with the event by the kernel's names if it had to be asked as well: about the whole
    /// condition. Not each comparison by itself takes the name that suits it: an exclusion then holds by the same name as what it is an
    /// exclusion from, and nothing is excluded that was not before.
    fn truth(
        &mut self,
        rule: &CompiledRule,
        unknown: &mut Vec<&'static str>,
    ) -> (Truth, Option<EventView<'event>>) {
        let (conditions, asked) = (self.conditions, self.view);
        let answers = self.by_asked_names.get_or_insert_with(|| Answers::new(conditions, asked));
        let truth = answers.evaluate(rule.condition, unknown);
        if truth == Truth::True || !rule.match_resolved {
            return (truth, None);
        }
        let by_them = self
            .by_kernels_names
            .get_or_insert_with(|| asked.resolved().map(|view| (view, Answers::new(conditions, view))));
        match by_them {
            Some((view, answers)) => (truth.or(answers.evaluate(rule.condition, unknown)), Some(*view)),
            None => (truth, None),
        }
    }
}

#[cfg(test)]
mod tests;
