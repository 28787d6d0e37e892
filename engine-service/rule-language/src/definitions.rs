//! What the files define, accumulated in their order: Falco's collector.
//!
//! A name that is defined again keeps its place in the order (`index`); `visibility` is the number of the last item
//! that touched it, and a macro sees only macros whose `index` is below its own `visibility`.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use crate::{context::Context, description::PluginVersion, ruleset::Priority, text::Text, version::Version};

#[derive(Debug, Default)]
pub(crate) struct Definitions {
    pub(crate) lists: Table<List>,
    pub(crate) macros: Table<Macro>,
    pub(crate) rules: Table<Rule>,
    /// The highest that a file asks for.
    pub(crate) required_engine_version: Option<Version>,
    /// Of each requirement the alternatives.
    pub(crate) required_plugin_versions: Vec<Vec<PluginVersion>>,
    counter: u64,
}

/// Definitions by name, in order of first definition.
#[derive(Debug)]
pub(crate) struct Table<T> {
    entries: Vec<Entry<T>>,
    by_name: HashMap<String, usize>,
}

#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) value: T,
    pub(crate) index: u64,
    pub(crate) visibility: u64,
}

#[derive(Debug)]
pub(crate) struct List {
    pub(crate) context: Context,
    pub(crate) items: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Macro {
    pub(crate) context: Context,
    pub(crate) condition_context: Context,
    pub(crate) condition: Text,
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) context: Context,
    pub(crate) condition_context: Context,
    pub(crate) output_context: Context,
    pub(crate) condition: Text,
    pub(crate) output: Text,
    pub(crate) description: String,
    pub(crate) priority: Priority,
    pub(crate) source: String,
    /// The catalogue has no such source: the rule is kept only so that it can be appended to.
    pub(crate) source_is_unknown: bool,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) enabled: bool,
    pub(crate) capture: bool,
    pub(crate) capture_duration: Duration,
    pub(crate) warn_event_types: bool,
    pub(crate) skip_if_unknown_filter: bool,
    pub(crate) match_resolved: bool,
    pub(crate) exceptions: Vec<Exception>,
}

/// Changes to a rule; what is `None` stays.
#[derive(Debug, Default)]
pub(crate) struct RuleUpdate {
    pub(crate) condition: Option<Text>,
    pub(crate) output: Option<Text>,
    pub(crate) description: Option<String>,
    pub(crate) priority: Option<Priority>,
    pub(crate) tags: Option<BTreeSet<String>>,
    pub(crate) enabled: Option<bool>,
    pub(crate) capture: Option<bool>,
    pub(crate) capture_duration: Option<Duration>,
    pub(crate) warn_event_types: Option<bool>,
    pub(crate) skip_if_unknown_filter: Option<bool>,
    pub(crate) match_resolved: Option<bool>,
    pub(crate) exceptions: Option<Vec<Exception>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Exception {
    pub(crate) name: String,
    pub(crate) context: Context,
    pub(crate) fields: Option<Words>,
    pub(crate) comps: Option<Words>,
    pub(crate) values: Vec<Words>,
}

/// A word, or a list of words and lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    One(String),
    Many(Vec<Words>),
}

// === impl Definitions ===

impl Definitions {
    /// The number of the next item, from 1: what is defined first sees nothing.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }
}

// === impl Table ===

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), by_name: HashMap::new() }
    }
}

impl<T> Table<T> {
    pub(crate) fn define(&mut self, name: &str, value: T, number: u64) {
        match self.get_mut(name) {
            Some(entry) => (entry.value, entry.visibility) = (value, number),
            None => {
                self.by_name.insert(name.to_owned(), self.entries.len());
                self.entries.push(Entry { value, index: number, visibility: number });
            }
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Entry<T>> {
        self.entries.get(self.position(name)?)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Entry<T>> {
        let position = self.position(name)?;
        self.entries.get_mut(position)
    }

    /// The place of `name` in the order.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn entries(&self) -> &[Entry<T>] {
        &self.entries
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

// === impl Words ===

impl Words {
    pub(crate) fn one(&self) -> Option<&str> {
        match self {
            Self::One(word) => Some(word),
            Self::Many(_) => None,
        }
    }
}
