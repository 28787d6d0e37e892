use std::collections::{BTreeMap, BTreeSet};

/// What the live tests look at: ways in which a call went, by the kernel's name of the call.
#[derive(Debug)]
pub struct Covered(BTreeMap<&'static str, BTreeSet<&'static str>>);

// === impl Covered ===

impl Covered {
    /// The list that the tests are held to.
    pub fn read() -> Self {
        let mut calls = BTreeMap::<_, BTreeSet<_>>::new();
        let list = include_str!("../../../capture-agent/tests/calls/covered.tsv");
        for line in list.lines().filter(|line| !line.starts_with('#')) {
            let mut columns = line.split('\t');
            if let (Some(call), Some(outcomes)) = (columns.next(), columns.next()) {
                calls.entry(call).or_default().extend(outcomes.split(','));
            }
        }
        Self(calls)
    }

    /// How a call went in the tests.
    pub fn of(&self, call: &str) -> impl Iterator<Item = &'static str> {
        self.0.get(call).into_iter().flatten().copied()
    }
}
