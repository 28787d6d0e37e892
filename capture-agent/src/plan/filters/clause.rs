//! A condition of a plan as clauses: what the programs cannot test is left out, which lets more through.

use std::{
    collections::{BTreeSet, HashSet},
    hash::Hash,
};

use eyrie_bpf::{
    Clause, End, Filter, NetworkTest, Outcome, PathSubject, PathTest, PathTestKind, Subject, ValueTest,
};
use eyrie_proto::capture::{
    self, CallFilter, CallOutcome, ContainerScope, NetworkEnd, NetworkFilter, PathFilter, path_filter::Kind,
};

use super::abilities::Abilities;

const DOT_DOT: &[u8] = b"..";
const ALL_PORTS: (u16, u16) = (0, u16::MAX);

/// Alternatives of which a clause has room for some: all of them are tested by several clauses.
struct Alternatives {
    /// Each has a test of its own number.
    values: Vec<ValueTest>,
    networks: Vec<NetworkTest>,
    /// How many of `networks` fit.
    networks_max: usize,
}

/// The clauses, of which one holds whenever the condition does.
pub(super) fn clauses(filter: &CallFilter, can: &Abilities, has_paths: bool) -> Vec<Clause> {
    let (paths, tries_resolved_path) = if has_paths { paths(filter, can) } else { (Vec::new(), false) };
    let outside = outside(filter, can);
    let alternatives = Alternatives::of(filter, can, outside.len());
    let clause = Clause {
        outcome: outcome(filter),
        only_containers: filter.container_scope() == ContainerScope::Container,
        paths,
        tries_resolved_path,
        socket_families: families(filter, can),
        socket_protocols: protocols(filter, can),
        outside,
        ..Clause::default()
    };
    alternatives.spread(&clause)
}

/// How many clauses that will be.
pub(super) fn count(filter: &CallFilter, can: &Abilities) -> usize {
    Alternatives::of(filter, can, outside(filter, can).len()).count()
}

// === impl Alternatives ===

impl Alternatives {
    /// Beside so many tests of what is outside.
    fn of(filter: &CallFilter, can: &Abilities, outside: usize) -> Self {
        let mut alternatives = Self {
            values: values(filter, can),
            networks: networks(filter, can),
            networks_max: (Clause::NETWORKS_MAX - outside).max(1),
        };
        alternatives.widen();
        alternatives
    }

    /// Gives up what is in most pieces until the clauses are few enough.
    fn widen(&mut self) {
        self.values.sort_by_key(|test| rank(test.subject));
        self.values.truncate(Clause::VALUES_MAX);
        while self.count() > Filter::CLAUSES_MAX {
            let most = self.values.iter_mut().max_by_key(|test| pieces(test));
            let networks = self.networks.len().div_ceil(self.networks_max);
            match most {
                Some(test) if pieces(test) >= networks => *test = common_bits(test),
                _ => self.networks.clear(),
            }
            self.values.retain(|test| test.mask != 0);
        }
    }

    fn count(&self) -> usize {
        let networks = self.networks.len().div_ceil(self.networks_max).max(1);
        self.values.iter().map(pieces).fold(networks, usize::saturating_mul)
    }

    fn spread(&self, clause: &Clause) -> Vec<Clause> {
        let mut clauses = vec![clause.clone()];
        for test in &self.values {
            clauses = with_each(&clauses, &split(test), |clause, test| clause.values.push(test.clone()));
        }
        if self.networks.is_empty() {
            return clauses;
        }
        let networks: Vec<_> = self.networks.chunks(self.networks_max).collect();
        with_each(&clauses, &networks, |clause, networks| clause.networks = networks.to_vec())
    }
}

fn with_each<T>(clauses: &[Clause], alternatives: &[T], add: impl Fn(&mut Clause, &T)) -> Vec<Clause> {
    let with = |clause: &Clause, alternative: &T| {
        let mut clause = clause.clone();
        add(&mut clause, alternative);
        clause
    };
    clauses.iter().flat_map(|clause| alternatives.iter().map(move |other| with(clause, other))).collect()
}

/// How many clauses it takes to test for all values.
fn pieces(test: &ValueTest) -> usize {
    test.values.len().div_ceil(ValueTest::VALUES_MAX).max(1)
}

fn split(test: &ValueTest) -> Vec<ValueTest> {
    if test.values.is_empty() {
        return vec![test.clone()];
    }
    let of = |values: &[u64]| ValueTest { values: values.to_vec(), ..test.clone() };
    test.values.chunks(ValueTest::VALUES_MAX).map(of).collect()
}

/// A test for what all the values have in common; its mask is zero if that is nothing.
pub(super) fn common_bits(test: &ValueTest) -> ValueTest {
    let (ones, zeros) =
        test.values.iter().fold((u64::MAX, u64::MAX), |(ones, zeros), value| (ones & value, zeros & !value));
    let mask = test.mask & (ones | zeros);
    ValueTest { subject: test.subject, mask, values: vec![ones & mask] }
}

/// Those first that tell most.
fn rank(subject: Subject) -> u8 {
    match subject {
        Subject::OpenFlags => 0,
        Subject::Argument(_) => 1,
        Subject::Result => 2,
        Subject::UserId => 3,
    }
}

fn outcome(filter: &CallFilter) -> Option<Outcome> {
    match filter.outcome() {
        CallOutcome::Unspecified => None,
        CallOutcome::Succeeded => Some(Outcome::Succeeded),
        CallOutcome::Failed => Some(Outcome::Failed),
    }
}

fn values(filter: &CallFilter, can: &Abilities) -> Vec<ValueTest> {
    let test =
        |subject, mask, values: &[u64]| ValueTest { subject, mask, values: sorted(values.iter().copied()) };
    let arguments =
        filter.arguments.iter().filter(|argument| can.has_argument(argument.index, argument.mask));
    let arguments = arguments.filter_map(|argument| {
        let subject = Subject::Argument(u8::try_from(argument.index).ok()?);
        Some(test(subject, argument.mask, &argument.values))
    });
    let flags = filter.open_flags.iter().filter(|_| can.is_open);
    let flags = flags.map(|flags| test(Subject::OpenFlags, flags.mask, &flags.values));
    let results: Vec<_> = filter.results.iter().map(|result| result.cast_unsigned()).collect();
    let users: Vec<_> = filter.user_ids.iter().copied().map(u64::from).collect();
    let mut seen = HashSet::new();
    let mut tests: Vec<_> = arguments.chain(flags).filter(|test| seen.insert(test.clone())).collect();
    if !results.is_empty() {
        tests.push(test(Subject::Result, u64::MAX, &results));
    }
    if !users.is_empty() {
        tests.push(test(Subject::UserId, u32::MAX.into(), &users));
    }
    tests
}

fn distinct<T: Copy + Eq + Hash>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    values.filter(|value| seen.insert(*value)).collect()
}

fn sorted<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The paths, if all of them can be tested: one of them is enough.
fn paths(filter: &CallFilter, can: &Abilities) -> (Vec<PathTest>, bool) {
    let tests: Option<BTreeSet<_>> = filter.paths.iter().map(|path| path_test(path, can)).collect();
    let tests = tests.unwrap_or_default();
    let tries_resolved = filter.tries_resolved_path && can.is_open && !tests.is_empty();
    (tests.into_iter().collect(), tries_resolved)
}

/// `None` for what cannot be tested, is not known here, or always holds.
fn path_test(path: &PathFilter, can: &Abilities) -> Option<PathTest> {
    let (subject, is_there) = match capture::PathSubject::try_from(path.subject).ok()? {
        capture::PathSubject::Unspecified => (PathSubject::First, can.has_first_path),
        capture::PathSubject::Second => (PathSubject::Second, can.has_second_path),
    };
    let kind = match path.kind.as_ref().filter(|_| is_there)? {
        Kind::Prefix(text) => prefix(text),
        // As long as that, the byte that ends it does not fit.
        Kind::Exact(text) if text.len() >= PathTest::PREFIX_MAX => prefix(text),
        Kind::Exact(text) => PathTestKind::Exact(text.clone()),
        Kind::Suffix(text) => suffix(text),
        Kind::Name(name) => suffix(&[b"/", &**name].concat()),
        Kind::RawContains(text) if text.windows(DOT_DOT.len()).any(|part| part == DOT_DOT) => {
            PathTestKind::HasDotDot
        }
        Kind::RawContains(_) => return None,
        Kind::Contains(text) => PathTestKind::Contains(
            text.iter().copied().skip(text.len().saturating_sub(PathTest::PART_MAX)).collect(),
        ),
        Kind::Directory(directory) if directory == b"/" => PathTestKind::InRoot,
        Kind::Directory(directory) => prefix(&[&**directory, b"/"].concat()),
    };
    let is_possible = match &kind {
        PathTestKind::Prefix(text) | PathTestKind::Suffix(text) | PathTestKind::Contains(text) => {
            !text.is_empty() && !text.contains(&0)
        }
        PathTestKind::Exact(text) => !text.contains(&0),
        PathTestKind::HasDotDot | PathTestKind::InRoot => true,
    };
    is_possible.then_some(PathTest { subject, kind })
}

fn prefix(text: &[u8]) -> PathTestKind {
    PathTestKind::Prefix(text.iter().copied().take(PathTest::PREFIX_MAX).collect())
}

fn suffix(text: &[u8]) -> PathTestKind {
    let behind = text.len().saturating_sub(PathTest::SUFFIX_MAX);
    PathTestKind::Suffix(text.iter().copied().skip(behind).collect())
}

/// The families, if the programs have a bit for each.
fn families(filter: &CallFilter, can: &Abilities) -> Vec<u16> {
    let known = |family: &u32| u16::try_from(*family).ok().filter(|family| *family < 64);
    let families: Option<Vec<_>> = filter.socket_families.iter().map(known).collect();
    sorted(families.filter(|_| can.has_socket).unwrap_or_default().into_iter())
}

fn protocols(filter: &CallFilter, can: &Abilities) -> Vec<u8> {
    let protocols: Option<Vec<_>> =
        filter.socket_protocols.iter().map(|protocol| u8::try_from(*protocol).ok()).collect();
    sorted(protocols.filter(|_| can.has_socket).unwrap_or_default().into_iter())
}

fn networks(filter: &CallFilter, can: &Abilities) -> Vec<NetworkTest> {
    if !can.has_socket || !has_known_ends(&filter.networks) {
        return Vec::new();
    }
    let mut networks = distinct(filter.networks.iter().map(network).map(with_any_port));
    networks.sort_by_key(network_order);
    networks
}

/// A newer engine may have others.
fn has_known_ends(networks: &[NetworkFilter]) -> bool {
    networks.iter().all(|network| NetworkEnd::try_from(network.end).is_ok())
}

/// Ports that were left out are all ports.
fn with_any_port(test: NetworkTest) -> NetworkTest {
    NetworkTest { ports: if test.ports == (0, 0) { ALL_PORTS } else { test.ports }, ..test }
}

/// As many as leave room for one of the others, the largest first: each leaves out most.
fn outside(filter: &CallFilter, can: &Abilities) -> Vec<NetworkTest> {
    if !can.has_socket || !has_known_ends(&filter.outside_networks) {
        return Vec::new();
    }
    // Without ports a test holds nearly always, and cannot mean all as it does among `networks`: that would let less through.
    let tests = filter.outside_networks.iter().map(network).filter(|test| test.ports != (0, 0));
    let mut outside = distinct(tests);
    outside.sort_by_key(|test| (test.prefix_length, network_order(test)));
    outside.truncate(Clause::NETWORKS_MAX - usize::from(!filter.networks.is_empty()));
    outside
}

/// An order, so that the same tests are the same clause.
pub(super) fn network_order(test: &NetworkTest) -> (u8, [u8; 16], u8, (u16, u16), u8) {
    let end = match test.end {
        End::Any => 0,
        End::Local => 1,
        End::Remote => 2,
    };
    (test.version, test.address, test.prefix_length, test.ports, end)
}

/// An address in IPv6 that stands for one of IPv4 is that one, as in events. A plan was checked before, so that nothing of it is cut here.
pub(super) fn network(filter: &NetworkFilter) -> NetworkTest {
    let mut address = [0; 16];
    for (to, from) in address.iter_mut().zip(&filter.ip) {
        *to = *from;
    }
    let port = |port| u16::try_from(port).unwrap_or(u16::MAX);
    NetworkTest {
        address,
        version: match filter.ip.len() {
            0 => 0,
            4 => 4,
            _ => 6,
        },
        prefix_length: u8::try_from(filter.prefix_length).unwrap_or(u8::MAX),
        ports: (port(filter.first_port), port(filter.last_port)),
        end: match filter.end() {
            NetworkEnd::Unspecified => End::Any,
            NetworkEnd::Local => End::Local,
            NetworkEnd::Remote => End::Remote,
        },
    }
    .canonical()
}
