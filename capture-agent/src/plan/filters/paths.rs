//! Sets of tests of paths, of which one has to hold.

use std::collections::{BTreeSet, HashSet};

use eyrie_bpf::{
    PathSubject, PathTest,
    PathTestKind::{Contains, Exact, HasDotDot, InRoot, Prefix, Suffix},
};

/// Tests to be looked up.
#[derive(Debug, Default)]
pub(super) struct PathSet<'a> {
    exact: HashSet<(PathSubject, &'a [u8])>,
    prefixes: HashSet<(PathSubject, &'a [u8])>,
    suffixes: HashSet<(PathSubject, &'a [u8])>,
    /// Lengths of prefixes and suffixes: there are few, and only these are worth a look.
    prefix_lengths: BTreeSet<usize>,
    suffix_lengths: BTreeSet<usize>,
    parts: HashSet<(PathSubject, &'a [u8])>,
    with_dots: HashSet<PathSubject>,
    in_root: HashSet<PathSubject>,
}

// === impl PathSet ===

impl<'a> PathSet<'a> {
    pub(super) fn new(tests: &'a [PathTest]) -> Self {
        let mut set = Self::default();
        for test in tests {
            match &test.kind {
                Prefix(text) => set.prefix_lengths.insert(text.len()),
                Suffix(text) => set.suffix_lengths.insert(text.len()),
                _ => false,
            };
            match &test.kind {
                Exact(text) => set.exact.insert((test.subject, text)),
                Prefix(text) => set.prefixes.insert((test.subject, text)),
                Suffix(text) => set.suffixes.insert((test.subject, text)),
                Contains(text) => set.parts.insert((test.subject, text)),
                HasDotDot => set.with_dots.insert(test.subject),
                InRoot => set.in_root.insert(test.subject),
            };
        }
        set
    }

    /// Whether one of the set holds wherever this one does.
    pub(super) fn covers(&self, test: &PathTest) -> bool {
        let is_there = match &test.kind {
            Exact(text) => self.exact.contains(&(test.subject, text)),
            Prefix(text) => self.prefixes.contains(&(test.subject, text)),
            Suffix(text) => self.suffixes.contains(&(test.subject, text)),
            Contains(text) => self.parts.contains(&(test.subject, text)),
            HasDotDot => self.with_dots.contains(&test.subject),
            InRoot => self.in_root.contains(&test.subject),
        };
        is_there || self.covers_by_another(test)
    }

    /// The same by another test than this one itself.
    fn covers_by_another(&self, test: &PathTest) -> bool {
        match &test.kind {
            Exact(text) => {
                self.has_prefix_of(test.subject, text, text.len())
                    || self.has_suffix_of(test.subject, text, text.len())
            }
            Prefix(text) => self.has_prefix_of(test.subject, text, text.len().saturating_sub(1)),
            Suffix(text) => self.has_suffix_of(test.subject, text, text.len().saturating_sub(1)),
            HasDotDot | Contains(_) | InRoot => false,
        }
    }

    fn has_prefix_of(&self, subject: PathSubject, text: &[u8], longest: usize) -> bool {
        self.prefix_lengths
            .range(..=longest)
            .filter_map(|length| text.get(..*length))
            .any(|prefix| self.prefixes.contains(&(subject, prefix)))
    }

    fn has_suffix_of(&self, subject: PathSubject, text: &[u8], longest: usize) -> bool {
        self.suffix_lengths
            .range(..=longest)
            .filter_map(|length| text.get(text.len().checked_sub(*length)?..))
            .any(|suffix| self.suffixes.contains(&(subject, suffix)))
    }
}

/// The same tests without those that another one makes needless, in order.
pub(super) fn simplified(mut tests: Vec<PathTest>) -> Vec<PathTest> {
    tests.sort();
    tests.dedup();
    let set = PathSet::new(&tests);
    let needed: Vec<_> = tests.iter().filter(|test| !set.covers_by_another(test)).cloned().collect();
    needed
}
