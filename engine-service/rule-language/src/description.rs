//! What rules files define, as they say it and as it was understood: what Falco's `-L` and `-l` show.
//!
//! [`describe`](crate::describe) makes it; loading alone does not, and pays nothing for it.

mod json;

use std::collections::BTreeSet;

pub use self::json::falco_describe_results;
use crate::{
    ast::{Argument, Check, Field, Node, Operand, Rhs},
    loader::Loaded,
    version::Version,
};

/// Loaded rules, and what is to be said about them and what they are made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// As [`load`](crate::load) gives it.
    pub loaded: Loaded,
    /// What the files define.
    pub description: Description,
}

/// What files define.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// The highest engine version that is required; nothing if none is.
    pub required_engine_version: Option<Version>,
    /// The requirements of plugins in their order; of each the alternatives, the preferred one first.
    pub required_plugin_versions: Vec<Vec<PluginVersion>>,
    /// The rules of the rule set, in its order. Rules that were skipped are not among them.
    pub rules: Vec<RuleDescription>,
    /// All macros, in order of first definition.
    pub macros: Vec<MacroDescription>,
    /// All lists, in order of first definition.
    pub lists: Vec<ListDescription>,
}

/// A version of a plugin, as a file asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginVersion {
    /// Which plugin.
    pub name: String,
    /// The version, as it is written.
    pub version: String,
}

/// What a rule is made of, beside what [`Rule`](crate::Rule) says.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleDescription {
    /// Its name.
    pub name: String,
    /// The condition as written, with what was appended, and without exceptions.
    pub condition: String,
    /// The output as written, with what was appended.
    pub output: String,
    /// Its exceptions, in their order.
    pub exceptions: Vec<ExceptionDescription>,
    /// What the condition is made of.
    pub details: ConditionDetails,
}

/// An exception of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionDescription {
    /// Its name.
    pub name: String,
    /// Its fields, in their order.
    pub fields: Vec<String>,
    /// How the fields are compared, one operator for each.
    pub operators: Vec<String>,
    /// Whether it has values; without any it excepts nothing, and Falco does not list its fields.
    pub has_values: bool,
}

/// What a macro is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct MacroDescription {
    /// Its name.
    pub name: String,
    /// The condition as written, with what was appended.
    pub condition: String,
    /// Whether a rule or a macro uses it.
    pub is_used: bool,
    /// The event types on which it can hold, ascending; `None` means on all of them.
    pub event_types: Option<Vec<String>>,
    /// What the condition is made of.
    pub details: ConditionDetails,
}

/// What a list is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListDescription {
    /// Its name.
    pub name: String,
    /// The items as written that are not names of other lists.
    pub items: Vec<String>,
    /// The lists that its items name, ascending.
    pub lists: Vec<String>,
    /// The items after those lists' items took their names' place.
    pub items_compiled: Vec<String>,
    /// Whether a rule, a macro or a list uses it.
    pub is_used: bool,
}

/// What a condition is made of; names are ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionDetails {
    /// The macros that it names itself.
    pub macros: Vec<String>,
    /// The lists that it names itself.
    pub lists: Vec<String>,
    /// The operators of the compiled condition, as written: `=`, `startswith oneof`.
    pub operators: Vec<String>,
    /// The fields of the compiled condition, with their arguments: `proc.aname[2]`.
    pub fields: Vec<String>,
    /// The condition with its lists, exceptions and macros put in. Its `Display` is Falco's `condition_compiled`.
    pub compiled: Node,
}

// === impl ConditionDetails ===

impl ConditionDetails {
    /// `written` is the condition before lists and macros are put in, if that can be parsed.
    pub(crate) fn new(
        written: Option<&Node>,
        compiled: Node,
        is_macro: &dyn Fn(&str) -> bool,
        is_list: &dyn Fn(&str) -> bool,
    ) -> Self {
        let (mut macros, mut lists) = (BTreeSet::new(), BTreeSet::new());
        if let Some(written) = written {
            written.for_each_identifier(&mut |identifier| {
                macros.extend(is_macro(&identifier.name).then(|| identifier.name.clone()));
            });
            for_each_check(written, &mut |check| {
                let mut note = |word: &str| lists.extend(is_list(word).then(|| word.to_owned()));
                match &check.rhs {
                    Rhs::Word(word) => note(word),
                    Rhs::List(words) => words.iter().for_each(|word| note(&String::from_utf8_lossy(word))),
                    Rhs::None | Rhs::Value(_) | Rhs::Val(_) | Rhs::Call(_) => {}
                }
            });
        }
        let (mut operators, mut fields) = (BTreeSet::new(), BTreeSet::new());
        for_each_check(&compiled, &mut |check| {
            operators.insert(match check.modifier {
                Some(modifier) => format!("{} {modifier}", check.operator_text),
                None => check.operator_text.to_owned(),
            });
            for_each_field(check, &mut |field| {
                fields.insert(match &field.argument {
                    Some(argument) => format!("{}[{argument}]", field.name),
                    None => field.name.clone(),
                });
            });
        });
        let sorted = |names: BTreeSet<String>| names.into_iter().collect();
        Self {
            macros: sorted(macros),
            lists: sorted(lists),
            operators: sorted(operators),
            fields: sorted(fields),
            compiled,
        }
    }
}

fn for_each_check<'node>(node: &'node Node, visit: &mut dyn FnMut(&'node Check)) {
    let mut pending = vec![node];
    while let Some(node) = pending.pop() {
        match node {
            Node::And(children) | Node::Or(children) => pending.extend(children),
            Node::Not(child) => pending.push(child),
            Node::Check(check) => visit(check),
            Node::Identifier(_) => {}
        }
    }
}

fn for_each_field<'node>(check: &'node Check, visit: &mut dyn FnMut(&'node Field)) {
    let mut arguments: Vec<&Argument> = Vec::new();
    let mut operand = |operand: &'node Operand, arguments: &mut Vec<&'node Argument>| match operand {
        Operand::Field(field) => visit(field),
        Operand::Call(call) => arguments.extend(&call.arguments),
    };
    operand(&check.lhs, &mut arguments);
    match &check.rhs {
        Rhs::Call(call) => arguments.extend(&call.arguments),
        Rhs::None | Rhs::Value(_) | Rhs::Word(_) | Rhs::List(_) | Rhs::Val(_) => {}
    }
    while let Some(argument) = arguments.pop() {
        match argument {
            Argument::Operand(inner) => operand(inner, &mut arguments),
            Argument::List(members) => arguments.extend(members),
            Argument::Text(_) => {}
        }
    }
    if let Rhs::Val(field) = &check.rhs {
        visit(field);
    }
}
