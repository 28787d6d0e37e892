//! A clause as a condition of the plan that is carried out.

use eyrie_bpf::{Clause, End, NetworkTest, Outcome, PathSubject, PathTest, PathTestKind, Subject, ValueTest};
use eyrie_proto::capture::{
    self, ArgumentFilter, CallFilter, CallOutcome, ContainerScope, FlagFilter, NetworkEnd, NetworkFilter,
    PathFilter, path_filter::Kind,
};

use super::Condition;

/// What is tested, and for whom.
pub(super) fn filter(condition: &Condition) -> CallFilter {
    let clause = &condition.clause;
    let mut filter = CallFilter {
        outcome: outcome(clause).into(),
        paths: clause.paths.iter().map(path).collect(),
        networks: clause.networks.iter().map(network).collect(),
        container_scope: scope(clause).into(),
        tries_resolved_path: clause.tries_resolved_path,
        socket_families: clause.socket_families.iter().copied().map(u32::from).collect(),
        socket_protocols: clause.socket_protocols.iter().copied().map(u32::from).collect(),
        outside_networks: clause.outside.iter().map(network).collect(),
        rules: condition.rules.iter().map(|rule| rule.to_string()).collect(),
        ..CallFilter::default()
    };
    for test in &clause.values {
        add_value(&mut filter, test);
    }
    filter
}

fn outcome(clause: &Clause) -> CallOutcome {
    match clause.outcome {
        None => CallOutcome::Unspecified,
        Some(Outcome::Succeeded) => CallOutcome::Succeeded,
        Some(Outcome::Failed) => CallOutcome::Failed,
    }
}

fn scope(clause: &Clause) -> ContainerScope {
    if clause.only_containers { ContainerScope::Container } else { ContainerScope::Unspecified }
}

fn add_value(filter: &mut CallFilter, test: &ValueTest) {
    let ValueTest { subject, mask, values } = test.clone();
    match subject {
        Subject::Argument(index) => {
            filter.arguments.push(ArgumentFilter { index: index.into(), mask, values })
        }
        Subject::OpenFlags => filter.open_flags.push(FlagFilter { mask, values }),
        // Those that are tested for some bits only, since they were too many, are not told.
        Subject::Result if mask == u64::MAX => {
            filter.results.extend(values.iter().map(|value| value.cast_signed()));
        }
        Subject::UserId if mask == u64::from(u32::MAX) => {
            filter.user_ids.extend(values.iter().filter_map(|value| u32::try_from(*value).ok()));
        }
        Subject::Result | Subject::UserId => {}
    }
}

fn path(test: &PathTest) -> PathFilter {
    let kind = match &test.kind {
        PathTestKind::Prefix(text) => Kind::Prefix(text.clone()),
        PathTestKind::Exact(text) => Kind::Exact(text.clone()),
        PathTestKind::Suffix(text) => match text.strip_prefix(b"/") {
            Some(name) if !name.contains(&b'/') => Kind::Name(name.to_vec()),
            _ => Kind::Suffix(text.clone()),
        },
        PathTestKind::HasDotDot => Kind::RawContains(b"..".to_vec()),
        PathTestKind::Contains(text) => Kind::Contains(text.clone()),
        PathTestKind::InRoot => Kind::Directory(b"/".to_vec()),
    };
    let subject = match test.subject {
        PathSubject::First => capture::PathSubject::Unspecified,
        PathSubject::Second => capture::PathSubject::Second,
    };
    PathFilter { kind: Some(kind), subject: subject.into() }
}

pub(super) fn network(test: &NetworkTest) -> NetworkFilter {
    let bytes = match test.version {
        0 => 0,
        4 => 4,
        _ => 16,
    };
    let end = match test.end {
        End::Any => NetworkEnd::Unspecified,
        End::Local => NetworkEnd::Local,
        End::Remote => NetworkEnd::Remote,
    };
    NetworkFilter {
        ip: test.address.iter().copied().take(bytes).collect(),
        prefix_length: test.prefix_length.into(),
        first_port: test.ports.0.into(),
        last_port: test.ports.1.into(),
        end: end.into(),
    }
}
