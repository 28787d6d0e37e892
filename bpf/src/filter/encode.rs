//! Filters as the programs read them: `programs/plan_layout.h`.

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    fmt,
    sync::Arc,
};

use super::{
    Clause, End, Filter, Filters, NetworkTest, Outcome, PathTest, PathTestKind, Subject, ValueTest, paths,
};
use crate::{
    CallSet,
    config::put,
    layout::{FILTERS_PER_BANK, end, need, subject},
};

/// The share of all records in [`PlanFilters::marked_share`].
const ALL: u64 = 1 << 32;
/// Size of `struct path_part`.
const PART_BYTES: usize = 40;
/// `AF_*` that have a bit.
const FAMILIES: u16 = 64;

/// The filters of a plan, ready for the maps of a bank.
#[derive(Clone, Debug)]
pub struct PlanFilters {
    native_numbers: [u8; CallSet::NUMBERS as usize],
    compat_numbers: [u8; CallSet::NUMBERS as usize],
    entries: Vec<[u8; Filter::BYTES]>,
    paths: BTreeMap<PathKey, u64>,
    marked_share: u64,
}

/// What a path test is looked up by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathKey {
    /// The filter's number within its bank.
    pub(super) filter: u8,
    /// Which path, and from which end.
    pub(super) kind: u8,
    /// What it begins with.
    pub(super) bytes: Vec<u8>,
}

/// Filters that the maps have no room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// What there are too many of.
    pub what: &'static str,
    /// How many there are.
    pub found: usize,
    /// How many there may be.
    pub most: usize,
}

// === impl PlanFilters ===

impl PlanFilters {
    /// The filters as they are; an error if they are more than the maps have room for. Conditions that a program cannot test are
    /// widened, so that more is recorded.
    pub fn new(filters: &Filters) -> Result<Self, FilterError> {
        let mut encoded = Self {
            native_numbers: [0; CallSet::NUMBERS as usize],
            compat_numbers: [0; CallSet::NUMBERS as usize],
            entries: Vec::new(),
            paths: BTreeMap::new(),
            marked_share: marked_share(filters),
        };
        let mut numbers = HashMap::new();
        for (call, filter) in &filters.native {
            let number = encoded.number(&mut numbers, filter)?;
            set(&mut encoded.native_numbers, *call, number);
        }
        for (call, filter) in &filters.compat {
            let number = encoded.number(&mut numbers, filter)?;
            set(&mut encoded.compat_numbers, *call, number);
        }
        paths::join_prefixes(&mut encoded.paths);
        check("tests of paths", encoded.paths.len(), Filters::PATHS_MAX)?;
        Ok(encoded)
    }

    /// The values of [`FILTERS_MAP`](crate::FILTERS_MAP) by their numbers within the bank.
    pub fn entries(&self) -> impl Iterator<Item = (u32, &[u8; Filter::BYTES])> {
        (1..).zip(&self.entries)
    }

    /// The entries of [`PATH_TESTS_MAP`](crate::PATH_TESTS_MAP).
    pub fn paths(&self) -> &BTreeMap<PathKey, u64> {
        &self.paths
    }

    pub(crate) fn marked_share(&self) -> u64 {
        self.marked_share
    }

    pub(crate) fn native_numbers(&self) -> &[u8] {
        &self.native_numbers
    }

    pub(crate) fn compat_numbers(&self) -> &[u8] {
        &self.compat_numbers
    }

    /// The number of a filter, which is encoded if it has none yet.
    fn number<'filter>(
        &mut self,
        numbers: &mut HashMap<&'filter Filter, u8>,
        filter: &'filter Arc<Filter>,
    ) -> Result<u8, FilterError> {
        if let Some(number) = numbers.get(&**filter) {
            return Ok(*number);
        }
        check("filters", self.entries.len() + 1, Filters::FILTERS_MAX)?;
        let number = u8::try_from(self.entries.len() + 1).unwrap_or(u8::MAX);
        self.entries.push(filter.encode()?);
        paths::add(&mut self.paths, number, filter);
        numbers.insert(filter, number);
        Ok(number)
    }
}

/// No filters: every call of the plan is recorded.
impl Default for PlanFilters {
    fn default() -> Self {
        Self {
            native_numbers: [0; CallSet::NUMBERS as usize],
            compat_numbers: [0; CallSet::NUMBERS as usize],
            entries: Vec::new(),
            paths: BTreeMap::new(),
            marked_share: 0,
        }
    }
}

/// Calls beyond the bitmaps are never recorded.
fn set(numbers: &mut [u8], call: u32, number: u8) {
    if let Some(place) = usize::try_from(call).ok().and_then(|call| numbers.get_mut(call)) {
        *place = number;
    }
}

fn marked_share(filters: &Filters) -> u64 {
    const MILLION: u64 = 1_000_000;
    if filters.is_verify_mode {
        return ALL;
    }
    u64::from(filters.verify_sample_ppm).min(MILLION) * ALL / MILLION
}

fn check(what: &'static str, found: usize, most: usize) -> Result<(), FilterError> {
    if found > most { Err(FilterError { what, found, most }) } else { Ok(()) }
}

// === impl Filter ===

impl Filter {
    /// Size of the values of [`FILTERS_MAP`](crate::FILTERS_MAP).
    pub const BYTES: usize = 80
        + paths::Heads::BYTES
        + Self::PARTS_MAX * PART_BYTES
        + Self::VALUES_MAX * ValueTest::BYTES
        + Self::CLAUSES_MAX * Clause::BYTES;
    /// Different tests of numbers in all clauses.
    const VALUES_MAX: usize = Self::CLAUSES_MAX * Clause::VALUES_MAX;
    /// Where the filters of a bank begin in [`FILTERS_MAP`](crate::FILTERS_MAP), for each bank before it.
    pub const ENTRIES_PER_BANK: u32 = FILTERS_PER_BANK as u32;

    fn encode(&self) -> Result<[u8; Self::BYTES], FilterError> {
        check("clauses of a filter", self.clauses.len(), Self::CLAUSES_MAX)?;
        let mut bytes = [0; Self::BYTES];
        let mut rest = &mut bytes[..];
        let values = self.value_tests()?;
        let parts = paths::parts(self);
        check("different parts of paths in a filter", parts.len(), Self::PARTS_MAX)?;
        let heads = paths::Heads::new(self);
        for word in self.first_words(&parts, values.len()) {
            put(&mut rest, &word.to_ne_bytes());
        }
        heads.put(&mut rest);
        let mut parts = parts.iter().map(|(bytes, clauses)| part(bytes, *clauses));
        for _ in 0..Self::PARTS_MAX {
            put(&mut rest, &parts.next().unwrap_or_else(no_part));
        }
        let mut values = values.into_iter();
        for _ in 0..Self::VALUES_MAX {
            put(&mut rest, &values.next().unwrap_or([0; ValueTest::BYTES]));
        }
        for clause in &self.clauses {
            clause.put(&mut rest)?;
        }
        Ok(bytes)
    }

    /// A bit for each clause of that kind.
    fn set(&self, is_in: impl Fn(&Clause) -> bool) -> u32 {
        let bits = self.clauses.iter().enumerate().filter(|(_, clause)| is_in(clause));
        bits.fold(0, |set, (index, _)| set | 1 << index)
    }

    /// The fields of `struct filter` before those of paths' beginnings.
    fn first_words(&self, parts: &BTreeMap<Vec<u8>, u32>, value_count: usize) -> Vec<u32> {
        let count = |of: usize| u32::try_from(of).unwrap_or(u32::MAX);
        let of_user = |clause: &Clause| clause.values.iter().any(|test| test.subject == Subject::UserId);
        let mut needs = 0;
        if self.clauses.iter().any(of_user) {
            needs |= need::USER;
        }
        if self.clauses.iter().any(|clause| !clause.socket_protocols.is_empty()) {
            needs |= need::PROTOCOL;
        }
        let mut words = vec![
            count(self.clauses.len()),
            needs,
            self.set(|clause| !clause.paths.is_empty()),
            self.set(Clause::tests_socket),
        ];
        words.extend(paths::KINDS.map(|kind| self.set(|clause| paths::has_kind(clause, kind))));
        words.extend(paths::SUBJECTS.map(|subject| {
            self.set(|clause| paths::has(clause, subject, |kind| *kind == PathTestKind::HasDotDot))
        }));
        words.push(self.set(|clause| clause.tries_resolved_path));
        words.push(
            parts.iter().filter(|(bytes, _)| bytes.len() < 2).fold(0, |set, (_, clauses)| set | clauses),
        );
        words.extend(paths::SUBJECTS.map(|subject| {
            self.set(|clause| paths::has(clause, subject, |kind| matches!(kind, PathTestKind::Contains(_))))
        }));
        words.extend(paths::SUBJECTS.map(|subject| {
            self.set(|clause| paths::has(clause, subject, |kind| *kind == PathTestKind::InRoot))
        }));
        words.push(self.set(|clause| clause.outcome == Some(Outcome::Failed)));
        words.push(self.set(|clause| clause.outcome == Some(Outcome::Succeeded)));
        words.push(self.set(|clause| clause.only_containers));
        words.push(count(value_count));
        words
    }

    /// The different tests of numbers, each with the clauses that have it.
    fn value_tests(&self) -> Result<Vec<[u8; ValueTest::BYTES]>, FilterError> {
        let mut tests: Vec<(&ValueTest, u32)> = Vec::new();
        for (index, clause) in self.clauses.iter().enumerate() {
            check("tests of numbers in a clause", clause.values.len(), Clause::VALUES_MAX)?;
            for test in &clause.values {
                match tests.iter_mut().find(|(other, _)| *other == test) {
                    Some((_, clauses)) => *clauses |= 1 << index,
                    None => tests.push((test, 1 << index)),
                }
            }
        }
        tests.into_iter().map(|(test, clauses)| test.encode(clauses)).collect()
    }
}

/// `struct path_part`: the first bytes are the lowest of the word, as the programs load it on a little-endian machine.
fn part(bytes: &[u8], clauses: u32) -> [u8; PART_BYTES] {
    let (mut text, mut mask) = ([0; PathTest::PART_MAX], [0; PathTest::PART_MAX]);
    for ((to, counts), byte) in text.iter_mut().zip(&mut mask).zip(bytes) {
        (*to, *counts) = (*byte, u8::MAX);
    }
    join_part(text, mask, paths::rare_pair(bytes), clauses)
}

/// One that is not there: next to no path has its two bytes.
fn no_part() -> [u8; PART_BYTES] {
    join_part([0; PathTest::PART_MAX], [0; PathTest::PART_MAX], [u8::MAX; 2], 0)
}

fn join_part(
    text: [u8; PathTest::PART_MAX],
    mask: [u8; PathTest::PART_MAX],
    [first, second]: [u8; 2],
    clauses: u32,
) -> [u8; PART_BYTES] {
    let mut part = [0; PART_BYTES];
    let mut rest = &mut part[..];
    put(&mut rest, &text);
    put(&mut rest, &mask);
    put(&mut rest, &[first; 8]);
    put(&mut rest, &[second; 8]);
    put(&mut rest, &clauses.to_ne_bytes());
    part
}

// === impl Clause ===

impl Clause {
    pub(crate) const BYTES: usize = 48 + Self::NETWORKS_MAX * NetworkTest::BYTES;

    fn tests_socket(&self) -> bool {
        let is_any =
            self.socket_families.is_empty() && self.socket_protocols.is_empty() && self.networks.is_empty();
        !is_any || !self.outside.is_empty()
    }

    /// A bit for each family; all of them if one has none.
    fn families(&self) -> u64 {
        let bit = |family: &u16| if *family < FAMILIES { 1 << family } else { u64::MAX };
        self.socket_families.iter().map(bit).fold(0, |set, bit| set | bit)
    }

    fn protocols(&self) -> [u64; 4] {
        let mut set = [0; 4];
        for protocol in &self.socket_protocols {
            if let Some(word) = set.get_mut(usize::from(protocol / 64)) {
                *word |= 1 << (protocol % 64);
            }
        }
        set
    }

    fn put(&self, rest: &mut &mut [u8]) -> Result<(), FilterError> {
        let networks = self.networks.len() + self.outside.len();
        check("tests of addresses in a clause", networks, Self::NETWORKS_MAX)?;
        let count = u8::try_from(networks).unwrap_or(u8::MAX);
        let [has_inside, has_protocols] =
            [!self.networks.is_empty(), !self.socket_protocols.is_empty()].map(u8::from);
        put(rest, &[count, has_inside, has_protocols, 0, 0, 0, 0, 0]);
        put(rest, &self.families().to_ne_bytes());
        for word in self.protocols() {
            put(rest, &word.to_ne_bytes());
        }
        let inside = self.networks.iter().map(|test| test.encode(false));
        let outside = self.outside.iter().map(|test| test.encode(true));
        let mut networks = inside.chain(outside);
        for _ in 0..Self::NETWORKS_MAX {
            put(rest, &networks.next().unwrap_or([0; NetworkTest::BYTES]));
        }
        Ok(())
    }
}

// === impl ValueTest ===

impl ValueTest {
    pub(crate) const BYTES: usize = 8 + 8 * Self::VALUES_MAX + 8;

    /// As the test of these clauses.
    fn encode(&self, clauses: u32) -> Result<[u8; Self::BYTES], FilterError> {
        check("values of a test", self.values.len(), Self::VALUES_MAX)?;
        let mut bytes = [0; Self::BYTES];
        let mut rest = &mut bytes[..];
        put(&mut rest, &self.mask.to_ne_bytes());
        // The programs compare with all of them: what is not used repeats the first.
        let first = self.values.first().copied().unwrap_or_default();
        for index in 0..Self::VALUES_MAX {
            put(&mut rest, &self.values.get(index).unwrap_or(&first).to_ne_bytes());
        }
        put(&mut rest, &clauses.to_ne_bytes());
        put(&mut rest, &[self.subject.encode(), self.values.is_empty().into()]);
        Ok(bytes)
    }
}

// === impl Subject ===

impl Subject {
    /// Arguments that do not exist have a number that the programs do not know, and pass.
    fn encode(self) -> u8 {
        match self {
            Self::Argument(number) if number < subject::RESULT => number,
            Self::Argument(_) => u8::MAX,
            Self::Result => subject::RESULT,
            Self::OpenFlags => subject::OPEN_FLAGS,
            Self::UserId => subject::USER,
        }
    }
}

// === impl NetworkTest ===

impl NetworkTest {
    pub(crate) const BYTES: usize = 40;

    fn encode(&self, is_outside: bool) -> [u8; Self::BYTES] {
        let Self { address, version, prefix_length, .. } = self.canonical();
        let mask = mask(if version == 0 { 0 } else { prefix_length });
        let mut bytes = [0; Self::BYTES];
        let mut rest = &mut bytes[..];
        let masked: [u8; 16] =
            std::array::from_fn(|index| address.get(index).zip(mask.get(index)).map_or(0, |(a, m)| a & m));
        put(&mut rest, &masked);
        put(&mut rest, &mask);
        put(&mut rest, &self.ports.0.to_ne_bytes());
        put(&mut rest, &self.ports.1.to_ne_bytes());
        let ends = match self.end {
            End::Any => end::LOCAL | end::REMOTE,
            End::Local => end::LOCAL,
            End::Remote => end::REMOTE,
        };
        put(&mut rest, &[version, ends, is_outside.into()]);
        bytes
    }

    /// The same test as the programs make it: an IPv4 address in IPv6 (`::ffff:0:0/96`) is one of IPv4, as in the events.
    #[must_use]
    pub fn canonical(self) -> Self {
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
        match self.address.strip_prefix(&mapped) {
            Some(rest) if self.version == 6 && self.prefix_length >= 96 => {
                let mut address = [0; 16];
                for (to, from) in address.iter_mut().zip(rest) {
                    *to = *from;
                }
                Self { address, version: 4, prefix_length: self.prefix_length - 96, ..self }
            }
            _ => self,
        }
    }
}

fn mask(prefix_length: u8) -> [u8; 16] {
    let bits = u32::from(prefix_length).min(u128::BITS);
    (u128::MAX.checked_shl(u128::BITS - bits).unwrap_or(0)).to_be_bytes()
}

// === impl FilterError ===

impl fmt::Display for FilterError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} {} are more than the {} that there is room for",
            self.found, self.what, self.most
        )
    }
}

impl Error for FilterError {}
