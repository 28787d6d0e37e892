//! What was read, what became of it, and what did not become anything.

use std::collections::BTreeMap;

use scap::table;

/// What was read so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events by code.
    by_code: Vec<u64>,
    /// Events that became one of ours.
    pub told: u64,
    /// Events that belong to another one: the beginning of a call, and the second of both words about a new task.
    pub joined: u64,
    /// Events that only changed what is known: containers, users, groups.
    pub state: u64,
    /// Events of codes that no table has, by code.
    pub unknown: BTreeMap<u16, u64>,
    /// Events that are known and say nothing to rules, by name.
    pub unused: BTreeMap<&'static str, u64>,
    /// Asynchronous events whose name nobody here knows, and events of plugins, by name; the first few names.
    pub others: BTreeMap<String, u64>,
    /// Events that were left out, by why.
    pub skipped: BTreeMap<Skipped, u64>,
    /// What there was no room for, by what it is.
    pub refused: BTreeMap<&'static str, u64>,
}

/// Why an event was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Skipped {
    /// A parameter has not the size of its type.
    Corrupt,
    /// It has no thread that acted, or one whose number is none.
    NoThread,
    /// There is no room for another thread.
    NoRoom,
    /// A call whose number cannot be told.
    NoCall,
    /// Text that should be JSON and say what a container is.
    NoContainer,
}

/// Names of others that are counted one by one.
const MAX_OTHERS: usize = 256;
/// Longest such name.
const MAX_NAME: usize = 64;
/// Codes of events are less than this.
const MAX_CODES: u16 = 1024;

// === impl Counts ===

impl Counts {
    /// How many events there were of each type, as rules name it.
    pub fn by_type(&self) -> BTreeMap<&'static str, u64> {
        let mut by_type = BTreeMap::new();
        for (code, count) in (0_u16..).zip(&self.by_code).filter(|(_, count)| **count != 0) {
            if let Some(event_type) = table::event_type(code) {
                *by_type.entry(event_type.event_type).or_default() += count;
            }
        }
        by_type
    }

    /// How many events there were with this code.
    pub fn of_code(&self, code: u16) -> u64 {
        self.by_code.get(usize::from(code)).copied().unwrap_or(0)
    }

    /// All events.
    pub fn events(&self) -> u64 {
        self.by_code.iter().sum::<u64>() + self.unknown.values().sum::<u64>()
    }

    /// What became of no event of ours and was not part of one, by what it is, for people.
    pub fn not_understood(&self) -> BTreeMap<String, u64> {
        let unknown = self.unknown.iter().map(|(code, count)| (format!("event code {code}"), *count));
        let unused = self.unused.iter().map(|(name, count)| ((*name).to_owned(), *count));
        let skipped = self.skipped.iter().map(|(reason, count)| (reason.text().to_owned(), *count));
        let refused = self.refused.iter().map(|(what, count)| (format!("no room for {what}"), *count));
        let others = self.others.iter().map(|(name, count)| (name.clone(), *count));
        unknown
            .chain(unused)
            .chain(skipped)
            .chain(refused)
            .chain(others)
            .filter(|(_, count)| *count != 0)
            .collect()
    }

    pub(crate) fn read(&mut self, code: u16, is_known: bool) {
        if !is_known || code >= MAX_CODES {
            *self.unknown.entry(code).or_default() += 1;
            return;
        }
        if self.by_code.is_empty() {
            self.by_code.resize(usize::from(MAX_CODES), 0);
        }
        if let Some(count) = self.by_code.get_mut(usize::from(code)) {
            *count += 1;
        }
    }

    pub(crate) fn skip(&mut self, reason: Skipped) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    pub(crate) fn unused(&mut self, name: &'static str) {
        *self.unused.entry(name).or_default() += 1;
    }

    pub(crate) fn other(&mut self, name: &str) {
        let end = (0..=MAX_NAME.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        let name = name.get(..end).unwrap_or_default();
        if self.others.len() >= MAX_OTHERS && !self.others.contains_key(name) {
            return *self.others.entry("others".to_owned()).or_default() += 1;
        }
        *self.others.entry(name.to_owned()).or_default() += 1;
    }
}

// === impl Skipped ===

impl Skipped {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Corrupt => "events with a parameter that is not of its type",
            Self::NoThread => "events without a thread",
            Self::NoRoom => "events of threads that there was no room for",
            Self::NoCall => "calls that nobody knows",
            Self::NoContainer => "events about containers that cannot be read",
        }
    }
}
