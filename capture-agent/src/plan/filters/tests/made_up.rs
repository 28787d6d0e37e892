//! Calls that nobody made, and what conditions of plans and filters of the programs come to for them: the plain way.

use eyrie_bpf::{
    Clause, End, Filter, NetworkTest, Outcome, PathSubject, PathTest, PathTestKind, Subject, ValueTest,
};
use eyrie_proto::capture::{
    self, CallFilter, CallOutcome, ContainerScope, NetworkEnd, NetworkFilter, PathFilter, path_filter::Kind,
};

/// What a test can be made of; `None` for what the call does not have or what could not be read.
#[derive(Clone, Debug, Default)]
pub(super) struct MadeUpCall {
    pub(super) arguments: [u64; 6],
    pub(super) result: i64,
    pub(super) user: u32,
    pub(super) is_in_container: bool,
    pub(super) command: Vec<u8>,
    pub(super) open_flags: Option<u64>,
    pub(super) first: Option<Path>,
    pub(super) second: Option<Path>,
    pub(super) resolved: Option<Vec<u8>>,
    pub(super) socket: Option<Socket>,
}

#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) raw: Vec<u8>,
    pub(super) normal: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) family: u32,
    pub(super) protocol: u32,
    pub(super) local: Option<(Vec<u8>, u16)>,
    pub(super) remote: Option<(Vec<u8>, u16)>,
}

/// What is there is outside, or nothing is there.
fn one_is_outside<T>(ends: &[T], is_in: impl Fn(&T) -> bool) -> bool {
    ends.is_empty() || ends.iter().any(|end| !is_in(end))
}

fn holds_one<T>(tests: &[T], holds: impl Fn(&T) -> bool) -> bool {
    tests.is_empty() || tests.iter().any(holds)
}

fn masked(value: u64, mask: u64, values: &[u64]) -> bool {
    if values.is_empty() { value & mask != 0 } else { values.contains(&(value & mask)) }
}

// === conditions of plans ===

/// Whether a condition of a plan lets the call through.
pub(super) fn plan_lets_through(filter: &CallFilter, call: &MadeUpCall) -> bool {
    let outcome = match filter.outcome() {
        CallOutcome::Unspecified => true,
        CallOutcome::Succeeded => call.result >= 0,
        CallOutcome::Failed => call.result < 0,
    };
    let scope = match filter.container_scope() {
        ContainerScope::Unspecified => true,
        ContainerScope::Host => !call.is_in_container,
        ContainerScope::Container => call.is_in_container,
    };
    let flags = |mask, values: &[u64]| call.open_flags.is_none_or(|flags| masked(flags, mask, values));
    let arguments = &filter.arguments;
    outcome
        && scope
        && arguments.iter().all(|test| masked(call.arguments[test.index as usize], test.mask, &test.values))
        && filter.open_flags.iter().all(|test| flags(test.mask, &test.values))
        && holds_one(&filter.command_names, |name| *name == call.command)
        && holds_one(&filter.user_ids, |id| *id == call.user)
        && holds_one(&filter.results, |result| *result == call.result)
        && holds_one(&filter.paths, |path| path_holds(path, filter.tries_resolved_path, call))
        && socket_holds(filter, call)
}

fn path_holds(test: &PathFilter, tries_resolved: bool, call: &MadeUpCall) -> bool {
    let path = match test.subject() {
        capture::PathSubject::Unspecified => &call.first,
        capture::PathSubject::Second => &call.second,
    };
    let Some(path) = path else { return true };
    let resolved = call.resolved.as_ref().filter(|_| tries_resolved);
    let text =
        |holds: &dyn Fn(&[u8]) -> bool| holds(&path.normal) || resolved.is_some_and(|path| holds(path));
    match test.kind.as_ref().unwrap() {
        Kind::Prefix(prefix) => text(&|path| path.starts_with(prefix)),
        Kind::Exact(exact) => text(&|path| path == exact),
        Kind::Suffix(suffix) => text(&|path| path.ends_with(suffix)),
        Kind::Name(name) => text(&|path| path.rsplit(|byte| *byte == b'/').next() == Some(name)),
        Kind::RawContains(part) => {
            part.is_empty() || path.raw.windows(part.len()).any(|window| window == part)
        }
        Kind::Contains(part) => {
            text(&|path| part.is_empty() || path.windows(part.len()).any(|window| window == part))
        }
        Kind::Directory(directory) => text(&|path| {
            let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            path.get(..end.max(1)) == Some(directory)
        }),
    }
}

fn socket_holds(filter: &CallFilter, call: &MadeUpCall) -> bool {
    let Some(socket) = &call.socket else { return true };
    let ends = |test: &NetworkFilter| -> Vec<_> {
        let (local, remote) = (socket.local.iter(), socket.remote.iter());
        match test.end() {
            NetworkEnd::Unspecified => local.chain(remote).collect(),
            NetworkEnd::Local => local.collect(),
            NetworkEnd::Remote => remote.collect(),
        }
    };
    let is_in = |test: &NetworkFilter, (ip, port): &(Vec<u8>, u16)| {
        let ports = test.first_port..=test.last_port;
        (test.ip.is_empty() || (test.ip.len() == ip.len() && same_bits(&test.ip, ip, test.prefix_length)))
            && ports.contains(&u32::from(*port))
    };
    holds_one(&filter.socket_families, |family| *family == socket.family)
        && holds_one(&filter.socket_protocols, |protocol| *protocol == socket.protocol)
        && holds_one(&filter.networks, |test| ends(test).iter().any(|end| is_in(test, end)))
        && filter.outside_networks.iter().all(|test| one_is_outside(&ends(test), |end| is_in(test, end)))
}

fn same_bits(one: &[u8], other: &[u8], bits: u32) -> bool {
    let bit = |bytes: &[u8], at: u32| bytes[at as usize / 8] >> (7 - at % 8) & 1;
    (0..bits).all(|at| bit(one, at) == bit(other, at))
}

// === filters of the programs ===

/// Whether the programs record the call.
pub(super) fn programs_let_through(filter: &Filter, call: &MadeUpCall) -> bool {
    filter.clauses.iter().any(|clause| clause_holds(clause, call))
}

fn clause_holds(clause: &Clause, call: &MadeUpCall) -> bool {
    let outcome = match clause.outcome {
        None => true,
        Some(Outcome::Succeeded) => call.result >= 0,
        Some(Outcome::Failed) => call.result < 0,
    };
    outcome
        && (call.is_in_container || !clause.only_containers)
        && clause.values.iter().all(|test| value_holds(test, call))
        && holds_one(&clause.paths, |test| path_test_holds(test, clause.tries_resolved_path, call))
        && ends_hold(clause, call)
}

fn value_holds(test: &ValueTest, call: &MadeUpCall) -> bool {
    let value = match test.subject {
        Subject::Argument(index) => call.arguments[usize::from(index)],
        Subject::Result => call.result.cast_unsigned(),
        Subject::UserId => call.user.into(),
        Subject::OpenFlags => match call.open_flags {
            Some(flags) => flags,
            None => return true,
        },
    };
    masked(value, test.mask, &test.values)
}

fn path_test_holds(test: &PathTest, tries_resolved: bool, call: &MadeUpCall) -> bool {
    let path = match test.subject {
        PathSubject::First => &call.first,
        PathSubject::Second => &call.second,
    };
    let Some(path) = path else { return true };
    let holds = |text: &[u8]| match &test.kind {
        PathTestKind::Prefix(prefix) => text.starts_with(prefix),
        PathTestKind::Exact(exact) => text == exact,
        PathTestKind::Suffix(suffix) => text.ends_with(suffix),
        PathTestKind::HasDotDot => path.raw.windows(2).any(|part| part == b".."),
        PathTestKind::Contains(part) => text.windows(part.len()).any(|there| there == part),
        PathTestKind::InRoot => !text.iter().skip(1).any(|byte| *byte == b'/'),
    };
    holds(&path.normal) || (tries_resolved && call.resolved.as_ref().is_some_and(|path| holds(path)))
}

fn ends_hold(clause: &Clause, call: &MadeUpCall) -> bool {
    let Some(socket) = &call.socket else { return true };
    let ends = |end| -> Vec<_> {
        let (local, remote) = (socket.local.iter(), socket.remote.iter());
        match end {
            End::Any => local.chain(remote).collect(),
            End::Local => local.collect(),
            End::Remote => remote.collect(),
        }
    };
    let is_in = |test: &NetworkTest, (ip, port): &(Vec<u8>, u16)| {
        let version = if ip.len() == 4 { 4 } else { 6 };
        let is_address = test.version == 0
            || (test.version == version && same_bits(&test.address, ip, test.prefix_length.into()));
        is_address && (test.ports.0..=test.ports.1).contains(port)
    };
    holds_one(&clause.socket_families, |family| u32::from(*family) == socket.family)
        && holds_one(&clause.socket_protocols, |protocol| u32::from(*protocol) == socket.protocol)
        && holds_one(&clause.networks, |test| ends(test.end).iter().any(|end| is_in(test, end)))
        && clause.outside.iter().all(|test| one_is_outside(&ends(test.end), |end| is_in(test, end)))
}
