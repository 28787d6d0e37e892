//! What a plan's filters leave out, and what they let pass.

mod banks;
mod numbers;
mod paths;
mod sockets;

use std::sync::Arc;

use eyrie_bpf::{Clause, Config, Filter, Filters, PathSubject, PathTest, PathTestKind, Record, flag};

use super::loaded::{GENERATION, Loaded, Recorded};

/// The same filter for all of these calls.
pub(crate) fn filters(calls: &[u32], clauses: Vec<Clause>) -> Filters {
    let filter = Arc::new(Filter { clauses });
    Filters { native: calls.iter().map(|call| (*call, filter.clone())).collect(), ..Filters::default() }
}

/// Settings that record these calls and no others.
pub(crate) fn recording(calls: &[u32]) -> Config {
    Config { plan_generation: GENERATION, calls: calls.iter().copied().collect(), ..Config::default() }
}

pub(crate) fn first(kind: PathTestKind) -> PathTest {
    PathTest { subject: PathSubject::First, kind }
}

/// A clause with one test of a path.
pub(crate) fn path_clause(kind: PathTestKind) -> Clause {
    Clause { paths: vec![first(kind)], ..Clause::default() }
}

/// The programs with such filters.
pub(crate) fn loaded(config: &Config, filters: &Filters) -> Loaded {
    let mut loaded = Loaded::new();
    loaded.carry_out(config, filters);
    loaded
}

/// Which of these paths an open was recorded of, and whether it is marked.
pub(crate) fn opened(recorded: &Recorded, paths: &[String]) -> Vec<(String, bool)> {
    let of = |record: Record<'_>| match record {
        Record::Open(open) => {
            let path = String::from_utf8_lossy(open.requested).into_owned();
            paths.contains(&path).then(|| (path, open.header.has(flag::FILTER_MARKED)))
        }
        _ => None,
    };
    recorded.iter().filter_map(of).collect()
}

/// The paths alone, in the order of the opens.
pub(crate) fn names(opened: &[(String, bool)]) -> Vec<&str> {
    opened.iter().map(|(name, _)| name.as_str()).collect()
}
