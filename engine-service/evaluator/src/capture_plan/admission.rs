//! What a filter lets through, told by what an event says of itself.
//!
//! It is as narrow as programs may be: what an event cannot tell, passes.

use std::{
    borrow::Cow,
    cell::LazyCell,
    net::{IpAddr, SocketAddr},
};

use eyrie_proto::{
    capture::{
        ArgumentFilter, CallFilter, CallOutcome, ContainerScope, FlagFilter, NetworkEnd, NetworkFilter,
        PathFilter, PathSubject, path_filter,
    },
    event::{PathArgument, event::Kind},
};
use fields::{EventView, SeenSocket};
use ipnet::IpNet;

use super::{derive::Register, path_test};

/// Whether every test of the filter holds.
pub(super) fn passes(filter: &CallFilter, view: &EventView<'_>) -> bool {
    has_ended_so(filter, view)
        && filter.arguments.iter().all(|test| holds_argument(test, view))
        && filter.open_flags.iter().all(|test| holds_open_flags(test, view))
        && is_in_scope(filter.container_scope(), view)
        && holds_paths(filter, view)
        && holds_socket(filter, view)
}

/// Of a call that has not ended it is not known.
fn has_ended_so(filter: &CallFilter, view: &EventView<'_>) -> bool {
    let is_started_only = matches!(&view.event.kind, Some(Kind::Connect(connect)) if connect.is_started_only);
    let Some(call) = view.event.call.as_ref().filter(|_| !is_started_only) else { return true };
    let is_of_outcome = match filter.outcome() {
        CallOutcome::Unspecified => true,
        CallOutcome::Succeeded => call.result >= 0,
        CallOutcome::Failed => call.result < 0,
    };
    is_of_outcome && (filter.results.is_empty() || filter.results.contains(&call.result))
}

fn holds_argument(test: &ArgumentFilter, view: &EventView<'_>) -> bool {
    let number = || {
        let register = Register::at(fields::event_type(view.event, view.architecture)?, test.index)?;
        (register.of)(view.event.kind.as_ref()?)
    };
    number().is_none_or(|number| is_one_of(number & test.mask, &test.values))
}

fn holds_open_flags(test: &FlagFilter, view: &EventView<'_>) -> bool {
    match &view.event.kind {
        Some(Kind::Open(open)) => is_one_of(u64::from(open.flags) & test.mask, &test.values),
        _ => true,
    }
}

fn is_one_of(number: u64, values: &[u64]) -> bool {
    if values.is_empty() { number != 0 } else { values.contains(&number) }
}

/// The control group of the task, as far as facts have told of it.
fn is_in_scope(scope: ContainerScope, view: &EventView<'_>) -> bool {
    let process = view.event.task.as_ref().and_then(|task| view.host.process_of(task));
    let fact = process.and_then(|process| view.host.cgroup(process));
    match (scope, fact.map(|fact| fact.container_id.is_empty())) {
        (ContainerScope::Unspecified, _) | (_, None) => true,
        (ContainerScope::Host, Some(is_host)) => is_host,
        (ContainerScope::Container, Some(is_host)) => !is_host,
    }
}

fn holds_paths(filter: &CallFilter, view: &EventView<'_>) -> bool {
    let [first, second] = [PathSubject::Unspecified, PathSubject::Second]
        .map(|subject| LazyCell::new(move || path_of(view, subject).map(TestedPath::of)));
    let holds = |test: &PathFilter| {
        let tested = if test.subject() == PathSubject::Second { &*second } else { &*first };
        tested.as_ref().is_none_or(|tested| tested.holds(test, filter.tries_resolved_path))
    };
    filter.paths.is_empty() || filter.paths.iter().any(holds)
}

/// A path of a call as it is tested: made once, for however many tests.
struct TestedPath<'a> {
    given: &'a PathArgument,
    /// `None` where it cannot be told.
    asked: Option<Cow<'a, [u8]>>,
}

// === impl TestedPath ===

impl<'a> TestedPath<'a> {
    fn of(given: &'a PathArgument) -> Self {
        let is_based = given.requested.starts_with(b"/") || !given.base.is_empty();
        let is_told = is_based && !given.is_unreadable && !given.is_truncated;
        Self { given, asked: is_told.then(|| fields::asked_for(given, &[])) }
    }

    fn holds(&self, test: &PathFilter, tries_resolved: bool) -> bool {
        let Some(asked) = &self.asked else { return true };
        let resolved = &self.given.resolved;
        holds_path(test, asked, self.given)
            || (tries_resolved && !resolved.is_empty() && holds_path(test, resolved, self.given))
    }
}

fn holds_path(test: &PathFilter, path: &[u8], given: &PathArgument) -> bool {
    match &test.kind {
        Some(path_filter::Kind::Prefix(prefix)) => path.starts_with(prefix),
        Some(path_filter::Kind::Exact(exact)) => path == exact.as_slice(),
        Some(path_filter::Kind::Suffix(suffix)) => path.ends_with(suffix),
        Some(path_filter::Kind::Name(name)) => path_test::has_name(path, name),
        Some(path_filter::Kind::RawContains(bytes)) => path_test::has_part(&given.requested, bytes),
        Some(path_filter::Kind::Contains(bytes)) => path_test::has_part(path, bytes),
        Some(path_filter::Kind::Directory(directory)) => path_test::is_directly_in(path, directory),
        None => true,
    }
}

fn path_of<'a>(view: &EventView<'a>, subject: PathSubject) -> Option<&'a PathArgument> {
    let (first, second) = match view.event.kind.as_ref()? {
        Kind::Open(open) => (open.path.as_ref(), None),
        Kind::PathCall(call) => (call.path.as_ref(), None),
        Kind::TwoPathCall(call) => (call.source.as_ref(), call.target.as_ref()),
        Kind::ChangeDirectory(change) => (change.path.as_ref(), None),
        Kind::ChangeRoot(change) => (change.path.as_ref(), None),
        _ => return None,
    };
    if subject == PathSubject::Second { second } else { first }
}

fn holds_socket(filter: &CallFilter, view: &EventView<'_>) -> bool {
    let Some(socket) = fields::seen_socket(view.event) else { return true };
    let protocols = &filter.socket_protocols;
    let ends = Ends::of(&socket, matches!(view.event.kind, Some(Kind::Connect(_))));
    (filter.socket_families.is_empty()
        || filter.socket_families.iter().any(|family| socket.families.contains(family)))
        && (protocols.is_empty() || socket.protocol.is_some_and(|protocol| protocols.contains(&protocol)))
        && (filter.networks.is_empty() || filter.networks.iter().any(|network| ends.is_inside(network)))
        && filter.outside_networks.iter().all(|network| ends.is_outside(network))
}

/// The ends that tests are about, and whether each is one for tests of the local and of the remote end.
struct Ends(Vec<(SocketAddr, bool, bool)>);

// === impl Ends ===

impl Ends {
    /// Which end an address is that a call has says only connect.
    fn of(socket: &SeenSocket, is_connect: bool) -> Self {
        let local = socket.local.map(|end| (end, true, false));
        let remote = socket.remote.map(|end| (end, false, true));
        let asked = socket.asked.map(|end| (end, !is_connect, true));
        Self([local, remote, asked].into_iter().flatten().collect())
    }

    fn tested(&self, end: NetworkEnd) -> impl Iterator<Item = SocketAddr> {
        let is_tested = move |(_, is_local, is_remote): &&(SocketAddr, bool, bool)| match end {
            NetworkEnd::Unspecified => true,
            NetworkEnd::Local => *is_local,
            NetworkEnd::Remote => *is_remote,
        };
        self.0.iter().filter(is_tested).map(|(end, ..)| *end)
    }

    fn is_inside(&self, network: &NetworkFilter) -> bool {
        self.tested(network.end()).any(|end| is_in(network, end))
    }

    /// What is not there is outside. A port that is not known may be any.
    fn is_outside(&self, network: &NetworkFilter) -> bool {
        if is_without_ports(network) {
            return true;
        }
        let has_all_ports = (network.first_port, network.last_port) == (0, u16::MAX.into());
        let is_out = |end| !is_in(network, end) || (end.port() == 0 && !has_all_ports);
        let mut ends = self.tested(network.end()).peekable();
        ends.peek().is_none() || ends.any(is_out)
    }
}

/// Whether the end is in the network, or may be: a port that is not known may be any.
fn is_in(network: &NetworkFilter, end: SocketAddr) -> bool {
    let ports = network.first_port..=network.last_port;
    (end.port() == 0 || is_without_ports(network) || ports.contains(&end.port().into()))
        && (network.ip.is_empty() || network_of(network).is_none_or(|network| network.contains(&end.ip())))
}

/// Its ports were left out: among networks that is all of them, and of those that have to be outside it is no test.
fn is_without_ports(network: &NetworkFilter) -> bool {
    (network.first_port, network.last_port) == (0, 0)
}

fn network_of(network: &NetworkFilter) -> Option<IpNet> {
    let ip: IpAddr = match <[u8; 4]>::try_from(&*network.ip) {
        Ok(octets) => octets.into(),
        Err(_) => <[u8; 16]>::try_from(&*network.ip).ok()?.into(),
    };
    IpNet::new(ip, network.prefix_length.try_into().ok()?).ok()
}
