//! Where the comparisons of a rule come from, once its macros, lists and exceptions are put in.

use std::rc::Rc;

use super::{Compiled, Loaded, Outcome, run};
use crate::{
    ast::Node, catalogue::Catalogue, definitions, diagnostic::LoadError, exceptions::with_exceptions,
    limits::Budget, lists::Expanded, parser::parse_within, ruleset::Rule, source::Source, text::Text,
    text_position::Position,
};

/// Where one comparison of a rule stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafOrigin {
    /// The macro that it is written in; `None` for the rule's own condition.
    pub in_macro: Option<String>,
    /// The name of the source.
    pub file: String,
    /// Line and column, counted from 1.
    pub position: Position,
    /// An exception of the rule made it.
    pub is_exception: bool,
}

/// Loads `sources` as [`load`](super::load) does, and tells for each rule where its comparisons come from, in the order in
/// which its condition holds them from the left.
pub fn load_with_leaves(
    sources: &[Source],
    catalogue: &dyn Catalogue,
) -> Result<(Loaded, Vec<Vec<LeafOrigin>>), LoadError> {
    let Outcome { rule_set, diagnostics, result } =
        run(sources, catalogue, true, |compiled, rules| Origins::new(compiled, sources).of(rules))?;
    Ok((Loaded { rule_set, diagnostics }, result.unwrap_or_default()))
}

struct Origins<'run> {
    compiled: &'run Compiled<'run>,
    sources: &'run [Source],
    texts: Vec<&'run str>,
    /// As for loading, so that what could be loaded once can be looked at once more.
    budget: Budget,
    /// Of the macros, by their places in the order.
    macros: Vec<Rc<[LeafOrigin]>>,
}

// === impl Origins ===

impl<'run> Origins<'run> {
    fn new(compiled: &'run Compiled<'run>, sources: &'run [Source]) -> Self {
        let entries = compiled.run.definitions.macros.entries();
        let texts = sources.iter().map(|source| source.text.as_str()).collect();
        let macros = vec![Rc::default(); entries.len()];
        let mut origins = Self { compiled, sources, texts, budget: Budget::new(), macros };
        for position in compiled.macros.checked_order() {
            let Some(entry) = entries.get(position).filter(|_| compiled.macros.is_sound(position)) else {
                continue;
            };
            let name = entry.value.context.name();
            let leaves = origins.of_text(&entry.value.condition, Some(name), entry.visibility);
            if let Some(slot) = origins.macros.get_mut(position) {
                *slot = leaves.into();
            }
        }
        origins
    }

    fn of(&mut self, rules: &[Rule]) -> Vec<Vec<LeafOrigin>> {
        let definitions = &self.compiled.run.definitions.rules;
        rules
            .iter()
            .map(|rule| definitions.get(&rule.name).map_or_else(Vec::new, |entry| self.of_rule(&entry.value)))
            .collect()
    }

    fn of_rule(&mut self, rule: &definitions::Rule) -> Vec<LeafOrigin> {
        let text = with_exceptions(&rule.condition, &rule.exceptions);
        text.map_or_else(|_| Vec::new(), |text| self.of_text(&text, None, u64::MAX))
    }

    /// Nothing for what cannot be parsed, which was told when it was loaded.
    fn of_text(&mut self, text: &Text, in_macro: Option<&str>, visibility: u64) -> Vec<LeafOrigin> {
        let Ok(expanded) = self.compiled.lists.expand(&text.value, &mut self.budget) else {
            return Vec::new();
        };
        let Ok(root) = parse_within(&expanded.text, self.budget.parsed()) else { return Vec::new() };
        let mut leaves = Vec::new();
        let mut pending = vec![&root];
        while let Some(node) = pending.pop() {
            match node {
                Node::And(children) | Node::Or(children) => pending.extend(children.iter().rev()),
                Node::Not(child) => pending.push(child),
                Node::Identifier(identifier) => {
                    let table = &self.compiled.run.definitions.macros;
                    let is_seen = table.get(&identifier.name).is_some_and(|entry| entry.index < visibility);
                    let position = table.position(&identifier.name).filter(|_| is_seen);
                    let of_macro = position.and_then(|position| self.macros.get(position));
                    leaves.extend(of_macro.iter().flat_map(|of_macro| of_macro.iter().cloned()));
                }
                Node::Check(check) => {
                    leaves.push(self.leaf(text, &expanded, check.lhs.offset()..check.end, in_macro));
                }
            }
        }
        leaves
    }

    fn leaf(
        &self,
        text: &Text,
        expanded: &Expanded,
        span: std::ops::Range<usize>,
        in_macro: Option<&str>,
    ) -> LeafOrigin {
        let span = expanded.origin(span);
        let is_exception = text.is_made(span.start);
        let place = text.place(span, &self.texts);
        let source = self.sources.get(place.source);
        LeafOrigin {
            in_macro: in_macro.map(str::to_owned),
            file: source.map_or_else(String::new, |source| source.name.clone()),
            position: Position::of(source.map_or("", |source| &source.text), place.span.start),
            is_exception,
        }
    }
}
