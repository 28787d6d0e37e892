//! Descriptions: conditions once more, as trees with their macros put in.

use std::{cell::RefCell, rc::Rc};

use super::{Compiled, Loaded, Outcome, run};
use crate::{
    ast::Node,
    catalogue::Catalogue,
    definitions::{self, Words},
    description::{
        ConditionDetails, Described, Description, ExceptionDescription, ListDescription, MacroDescription,
        RuleDescription,
    },
    diagnostic::LoadError,
    event_types::event_types,
    exceptions::with_exceptions,
    limits::Budget,
    parser::parse_condition,
    ruleset::Rule,
    source::Source,
};

/// Loads `sources` as [`load`](super::load) does, and says what they define.
pub fn describe(sources: &[Source], catalogue: &dyn Catalogue) -> Result<Described, LoadError> {
    let Outcome { rule_set, diagnostics, result } =
        run(sources, catalogue, true, |compiled, rules| Describer::new(compiled).describe(rules))?;
    Ok(Described { loaded: Loaded { rule_set, diagnostics }, description: result.unwrap_or_default() })
}

struct Describer<'run> {
    compiled: &'run Compiled<'run>,
    /// What loading spent again is spent once more, so that it is enough; as a cell, as everything here only looks.
    budget: RefCell<Budget>,
    /// The macros' conditions with other macros put in, by their places in the order.
    macros: Vec<Option<Rc<Node>>>,
}

// === impl Describer ===

impl<'run> Describer<'run> {
    fn new(compiled: &'run Compiled<'run>) -> Self {
        let definitions = &compiled.run.definitions.macros;
        let macros = vec![None; definitions.entries().len()];
        let mut describer = Self { compiled, budget: RefCell::new(Budget::new()), macros };
        for position in compiled.macros.checked_order() {
            let entry = definitions.entries().get(position);
            let node = entry.and_then(|entry| {
                let node = describer.parse(&entry.value.condition.value)?;
                // One that does not fit together cannot be put in anywhere, and nothing has to be put into it.
                let visibility = if compiled.macros.is_sound(position) { entry.visibility } else { 0 };
                Some(describer.with_macros(node, visibility))
            });
            if let Some(slot) = describer.macros.get_mut(position) {
                *slot = node.map(Rc::new);
            }
        }
        describer
    }

    fn describe(&self, rules: &[Rule]) -> Description {
        let definitions = self.compiled.run.definitions;
        let described = |rule: &Rule| {
            let definition = definitions.rules.get(&rule.name)?;
            self.rule(&definition.value)
        };
        Description {
            required_engine_version: definitions.required_engine_version,
            required_plugin_versions: definitions.required_plugin_versions.clone(),
            rules: rules.iter().filter_map(described).collect(),
            macros: (0..self.macros.len()).filter_map(|position| self.macro_(position)).collect(),
            lists: self.lists(),
        }
    }

    fn rule(&self, definition: &definitions::Rule) -> Option<RuleDescription> {
        let text = with_exceptions(&definition.condition, &definition.exceptions).ok()?;
        let compiled = self.with_macros(self.parse(&text.value)?, u64::MAX);
        Some(RuleDescription {
            name: definition.context.name().to_owned(),
            condition: definition.condition.value.clone(),
            output: definition.output.value.clone(),
            exceptions: definition.exceptions.iter().map(exception).collect(),
            details: self.details(&definition.condition.value, compiled),
        })
    }

    fn macro_(&self, position: usize) -> Option<MacroDescription> {
        let definition = &self.compiled.run.definitions.macros.entries().get(position)?.value;
        let node = self.macros.get(position)?.as_deref()?;
        let expr = self.compiled.macros.expr(position);
        Some(MacroDescription {
            name: definition.context.name().to_owned(),
            condition: definition.condition.value.clone(),
            is_used: self.compiled.macros.is_used(position),
            event_types: expr.and_then(|expr| event_types(expr, self.compiled.run.catalogue)),
            details: self.details(&definition.condition.value, node.clone()),
        })
    }

    fn lists(&self) -> Vec<ListDescription> {
        let table = &self.compiled.run.definitions.lists;
        let unused: Vec<usize> = self.compiled.lists.unused().collect();
        let described = table.entries().iter().enumerate().map(|(position, entry)| {
            let (mut items, mut lists, mut compiled) = (Vec::new(), Vec::new(), Vec::new());
            for item in &entry.value.items {
                match table.get(item).filter(|other| other.index < entry.visibility) {
                    Some(other) => {
                        lists.push(item.clone());
                        compiled.extend(other.value.items.iter().cloned());
                    }
                    None => {
                        items.push(item.clone());
                        compiled.push(item.clone());
                    }
                }
            }
            lists.sort();
            lists.dedup();
            let is_used = unused.binary_search(&position).is_err();
            let name = entry.value.context.name().to_owned();
            ListDescription { name, items, lists, items_compiled: compiled, is_used }
        });
        described.collect()
    }

    fn details(&self, written: &str, compiled: Node) -> ConditionDetails {
        let definitions = self.compiled.run.definitions;
        let is_macro = |name: &str| definitions.macros.get(name).is_some();
        let is_list = |name: &str| definitions.lists.get(name).is_some();
        ConditionDetails::new(parse_condition(written).ok().as_ref(), compiled, &is_macro, &is_list)
    }

    /// A condition that has been parsed before, with its lists.
    fn parse(&self, text: &str) -> Option<Node> {
        let expanded = self.compiled.lists.expand(text, &mut self.budget.borrow_mut()).ok()?;
        parse_condition(&expanded.text).ok()
    }

    /// Puts macros in that were defined before `visibility`. Recurses as deep as the parser lets conditions be nested.
    fn with_macros(&self, node: Node, visibility: u64) -> Node {
        let each = |children: Vec<Node>| {
            children.into_iter().map(|child| self.with_macros(child, visibility)).collect()
        };
        match node {
            Node::And(children) => Node::And(each(children)),
            Node::Or(children) => Node::Or(each(children)),
            Node::Not(child) => Node::Not(Box::new(self.with_macros(*child, visibility))),
            Node::Identifier(identifier) => {
                let table = &self.compiled.run.definitions.macros;
                let entry = table.get(&identifier.name).filter(|entry| entry.index < visibility);
                let position = entry.and_then(|_| table.position(&identifier.name));
                let found = position.and_then(|position| self.macros.get(position)?.as_deref());
                found.cloned().unwrap_or(Node::Identifier(identifier))
            }
            Node::Check(check) => Node::Check(check),
        }
    }
}

fn exception(exception: &definitions::Exception) -> ExceptionDescription {
    let texts = |words: &Option<Words>| match words {
        None => Vec::new(),
        Some(Words::One(word)) => vec![word.clone()],
        Some(Words::Many(words)) => words.iter().filter_map(|word| word.one().map(str::to_owned)).collect(),
    };
    ExceptionDescription {
        name: exception.name.clone(),
        fields: texts(&exception.fields),
        operators: texts(&exception.comps),
        has_values: !exception.values.is_empty(),
    }
}
