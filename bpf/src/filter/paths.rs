//! Tests of paths as entries of one trie.

use std::collections::BTreeMap;

use super::{Clause, Filter, PathKey, PathSubject, PathTest, PathTestKind};
use crate::{
    PlanBank,
    config::put,
    layout::{PATH_HEADS, PATH_KEY_BYTES, TESTABLE_BYTES_MAX, tested},
};

/// In the order of `tested_paths` of `struct filter`.
pub(super) const KINDS: [u8; tested::KINDS as usize] =
    [tested::FIRST, tested::FIRST_BACKWARD, tested::SECOND, tested::SECOND_BACKWARD];
/// In the order of `with_dotdot` of `struct filter`.
pub(super) const SUBJECTS: [PathSubject; 2] = [PathSubject::First, PathSubject::Second];

/// What the tests of a filter begin with, for each kind of test: the bits of their clauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heads {
    /// Of tests of less than four bytes.
    short: [u32; KINDS.len()],
    /// Of the others by the number of their first eight bytes, or four.
    numbers: [[u16; PATH_HEADS]; KINDS.len()],
}

pub(super) fn has_kind(clause: &Clause, kind: u8) -> bool {
    clause.paths.iter().any(|test| test.kind() == Some(kind))
}

/// Whether a clause has such a test of that path.
pub(super) fn has(clause: &Clause, subject: PathSubject, is_it: impl Fn(&PathTestKind) -> bool) -> bool {
    clause.paths.iter().any(|test| test.subject == subject && is_it(&test.kind))
}

/// What is looked for anywhere in paths, and the bits of the clauses that look for it, in whichever path.
pub(super) fn parts(filter: &Filter) -> BTreeMap<Vec<u8>, u32> {
    let mut parts: BTreeMap<_, u32> = BTreeMap::new();
    for (index, clause) in filter.clauses.iter().enumerate() {
        for test in &clause.paths {
            if let PathTestKind::Contains(text) = &test.kind {
                let end = text.len().saturating_sub(PathTest::PART_MAX);
                let bytes = text.iter().skip(end).copied().collect();
                *parts.entry(bytes).or_default() |= 1 << index;
            }
        }
    }
    parts
}

/// Two bytes that the part has one after the other, and that not every path has.
pub(super) fn rare_pair(part: &[u8]) -> [u8; 2] {
    let commonness = |byte: u8| match byte {
        b'/' => 4,
        b'a'..=b'z' => 3,
        b'.' | b'-' | b'_' => 2,
        b'0'..=b'9' => 1,
        _ => 0,
    };
    let pairs = part.windows(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
    pairs.min_by_key(|pair| pair.map(commonness).iter().sum::<u32>()).unwrap_or_default()
}

/// Adds the tests of a filter: for each the bit of its clause.
pub(super) fn add(paths: &mut BTreeMap<PathKey, u64>, filter: u8, of: &Filter) {
    for (index, clause) in of.clauses.iter().enumerate() {
        for test in &clause.paths {
            if let (Some(kind), Some(bytes)) = (test.kind(), test.bytes()) {
                *paths.entry(PathKey { filter, kind, bytes }).or_default() |= 1 << index;
            }
        }
    }
}

/// `head_number` of `programs/filter_path.h`.
fn head_number(head: u64) -> usize {
    usize::try_from(head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57).unwrap_or_default()
}

/// A trie finds the longest prefix alone, so that each has what shorter ones have.
pub(super) fn join_prefixes(paths: &mut BTreeMap<PathKey, u64>) {
    // In the order of the map a prefix comes before what it is one of.
    let mut shorter: Vec<(&PathKey, u64)> = Vec::new();
    for (key, clauses) in paths {
        while shorter.last().is_some_and(|(prefix, _)| !prefix.is_prefix_of(key)) {
            shorter.pop();
        }
        *clauses |= shorter.last().map_or(0, |(_, clauses)| *clauses);
        shorter.push((key, *clauses));
    }
}

// === impl Heads ===

impl Heads {
    pub(super) const BYTES: usize = KINDS.len() * (4 + 2 * PATH_HEADS);

    pub(super) fn new(filter: &Filter) -> Self {
        let mut heads = Self { short: [0; KINDS.len()], numbers: [[0; PATH_HEADS]; KINDS.len()] };
        for (index, clause) in filter.clauses.iter().enumerate() {
            for test in &clause.paths {
                if let (Some(kind), Some(bytes)) = (test.kind(), test.bytes()) {
                    heads.add(kind.into(), &bytes, 1 << index);
                }
            }
        }
        heads
    }

    fn add(&mut self, kind: usize, bytes: &[u8], clause: u16) {
        let (Some(short), Some(numbers)) = (self.short.get_mut(kind), self.numbers.get_mut(kind)) else {
            return;
        };
        let eight = bytes.first_chunk().map(|head| u64::from_le_bytes(*head));
        let four = bytes.first_chunk().map(|head| u32::from_le_bytes(*head).into());
        match eight.or(four) {
            Some(head) => {
                if let Some(clauses) = numbers.get_mut(head_number(head)) {
                    *clauses |= clause;
                }
            }
            None => *short |= u32::from(clause),
        }
    }

    /// `short_paths` and `heads` of `struct filter`.
    pub(super) fn put(&self, rest: &mut &mut [u8]) {
        self.short.iter().for_each(|clauses| put(rest, &clauses.to_ne_bytes()));
        self.numbers.iter().flatten().for_each(|clauses| put(rest, &clauses.to_ne_bytes()));
    }
}

// === impl PathTest ===

impl PathTest {
    /// `None` for what is not looked up.
    fn kind(&self) -> Option<u8> {
        let is_backward = match self.kind {
            PathTestKind::Prefix(_) | PathTestKind::Exact(_) => false,
            PathTestKind::Suffix(_) => true,
            PathTestKind::HasDotDot | PathTestKind::Contains(_) | PathTestKind::InRoot => return None,
        };
        Some(match (self.subject, is_backward) {
            (PathSubject::First, false) => tested::FIRST,
            (PathSubject::First, true) => tested::FIRST_BACKWARD,
            (PathSubject::Second, false) => tested::SECOND,
            (PathSubject::Second, true) => tested::SECOND_BACKWARD,
        })
    }

    /// What a path that holds the test begins with; `None` if only such paths hold it that are too long to be tested, and pass.
    fn bytes(&self) -> Option<Vec<u8>> {
        match &self.kind {
            PathTestKind::Prefix(bytes) => Some(bytes.iter().take(Self::PREFIX_MAX).copied().collect()),
            PathTestKind::Exact(bytes) if bytes.len() > TESTABLE_BYTES_MAX => None,
            // The NUL makes the difference to a prefix.
            PathTestKind::Exact(bytes) => Some([bytes, &b"\0"[..]].concat()),
            PathTestKind::Suffix(bytes) => Some(bytes.iter().rev().take(Self::SUFFIX_MAX).copied().collect()),
            PathTestKind::HasDotDot | PathTestKind::Contains(_) | PathTestKind::InRoot => None,
        }
    }
}

// === impl PathKey ===

impl PathKey {
    /// Size of a key's bytes, without the number of bits in front of them.
    pub const BYTES: usize = 4 + PATH_KEY_BYTES;

    /// How many bits of the key count, and the key: `struct path_key`.
    pub fn encode(&self, bank: PlanBank) -> (u32, [u8; Self::BYTES]) {
        let mut bytes = [0; Self::BYTES];
        let head = [u8::try_from(bank.index()).unwrap_or(u8::MAX), self.filter, self.kind, 0];
        let all = head.iter().chain(&self.bytes);
        let mut bits = 0;
        for (to, from) in bytes.iter_mut().zip(all) {
            *to = *from;
            bits += u8::BITS;
        }
        (bits, bytes)
    }

    fn is_prefix_of(&self, other: &Self) -> bool {
        (self.filter, self.kind) == (other.filter, other.kind) && other.bytes.starts_with(&self.bytes)
    }
}
