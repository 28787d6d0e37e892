//! What is necessary for a condition to hold.

use eyrie_proto::capture::CallFilter;

use super::{
    filter::{are_one, both, either, implies, is_open},
    path_test::Preference,
};

/// The most alternatives of one rule on one event type.
pub(super) const MAX_ALTERNATIVES: usize = 64;

/// Filters of which a call has to hold at least one for the condition to be true or unknown. Without any it can be neither.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Need(Vec<CallFilter>);

// === impl Need ===

impl Need {
    /// Nothing is known to be necessary.
    pub(super) fn nothing() -> Self {
        Self(vec![CallFilter::default()])
    }

    /// Nothing is enough.
    pub(super) fn impossible() -> Self {
        Self(Vec::new())
    }

    /// One filter.
    pub(super) fn of(filter: CallFilter) -> Self {
        Self(vec![filter])
    }

    /// A condition that is so, or is not so, whatever the call.
    pub(super) fn of_constant(holds: bool) -> Self {
        if holds { Self::nothing() } else { Self::impossible() }
    }

    /// Whether nothing is known to be necessary.
    pub(super) fn is_nothing(&self) -> bool {
        self.0.iter().any(is_open)
    }

    /// Whether nothing is enough.
    pub(super) fn is_impossible(&self) -> bool {
        self.0.is_empty()
    }

    /// What is necessary for both conditions.
    pub(super) fn and(self, other: Self) -> Self {
        self.and_preferring(other, Preference::default())
    }

    /// The same. Where both test paths, one of the two tests is enough: the one that is preferred.
    pub(super) fn and_preferring(self, other: Self, preference: Preference) -> Self {
        let (mut first, mut second) = (self, other);
        if first.0.len().saturating_mul(second.0.len()) > MAX_ALTERNATIVES {
            // Tests go, alternatives do not: what they have in common stands for all of them.
            let longer = if first.0.len() > second.0.len() { &mut first } else { &mut second };
            *longer = longer.common();
        }
        let mut all = Self::impossible();
        for own in &first.0 {
            for more in &second.0 {
                if let Some(filter) = both(own, more, preference) {
                    all.add(filter);
                }
            }
        }
        all
    }

    /// What is necessary for one of two conditions at least.
    pub(super) fn or(mut self, other: Self) -> Self {
        for filter in other.0 {
            self.add(filter);
        }
        self
    }

    /// Adds an alternative, joined with another one where that says the same.
    pub(super) fn add(&mut self, filter: CallFilter) {
        let mut filter = filter;
        loop {
            if let Some(weaker) = self.0.iter_mut().find(|other| implies(&filter, other)) {
                note_rules(weaker, &filter);
                return;
            }
            self.0.retain(|other| {
                let is_implied = implies(other, &filter);
                if is_implied {
                    note_rules(&mut filter, other);
                }
                !is_implied
            });
            match self.0.iter().position(|other| are_one(other, &filter)) {
                Some(place) => filter = either(self.0.remove(place), &filter),
                None if self.0.len() >= MAX_ALTERNATIVES => {
                    let Some(last) = self.0.pop() else { return };
                    filter = either(last, &filter);
                }
                None => {
                    self.0.push(filter);
                    return;
                }
            }
        }
    }

    /// The filters; none if nothing is known to be necessary, too.
    pub(super) fn into_filters(self) -> Vec<CallFilter> {
        if self.is_nothing() { Vec::new() } else { self.0 }
    }

    /// One filter that follows from each.
    fn common(&self) -> Self {
        match self.0.split_first() {
            Some((first, others)) => Self::of(others.iter().fold(first.clone(), either)),
            None => Self::impossible(),
        }
    }
}

/// Rules that a filter stands for from now on.
fn note_rules(filter: &mut CallFilter, of: &CallFilter) {
    for rule in &of.rules {
        if !filter.rules.contains(rule) {
            filter.rules.push(rule.clone());
        }
    }
}
