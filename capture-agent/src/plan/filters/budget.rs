//! What a plan becomes on the way to its filters, bounded before anything of it is made: a plan has a megabyte at most, and each path of it may
//! become a test of sixteen clauses in two numberings.

use std::collections::{BTreeMap, HashSet};

use eyrie_bpf::Filters;
use eyrie_proto::capture::CallFilter;

use super::{Numbered, abilities::Abilities, clause};

/// Tests of paths of all clauses, before any are put together: eight calls, as opens are in both numberings, with all that the programs have
/// room for. With short texts they take about six megabytes.
pub(super) const PATHS_MADE_MAX: usize = 8 * Filters::PATHS_MAX;
/// Clauses that are made for one call before any are put together: about a megabyte, and of one call at a time.
pub(super) const CLAUSES_MADE_MAX: usize = 2_048;

/// What is asked of each call.
pub(super) type Asked<'a> = BTreeMap<Numbered, Vec<&'a CallFilter>>;

/// What of a plan is made: calls that are not here are recorded whole.
pub(super) struct Budget {
    /// The conditions that keep their paths, by call and place.
    with_paths: HashSet<(Numbered, usize)>,
}

/// What a condition costs.
struct Cost {
    /// Tests of paths in all of its clauses.
    path_tests: usize,
    call: Numbered,
    place: usize,
}

// === impl Budget ===

impl Budget {
    /// Takes out the calls of which too many clauses would be made, and finds which conditions keep their paths: those with fewer first, so that
    /// one with many is given up for many with few.
    pub(super) fn new(asked: &mut Asked<'_>) -> Self {
        let mut costs = Vec::new();
        asked.retain(|call, filters| {
            let of_call = costs_of(*call, filters);
            let is_kept = of_call.is_some();
            costs.extend(of_call.into_iter().flatten());
            is_kept
        });
        costs.sort_by_key(|cost: &Cost| (cost.path_tests, cost.call, cost.place));
        let mut left = PATHS_MADE_MAX;
        let affordable = costs.into_iter().map_while(|cost| {
            left = left.checked_sub(cost.path_tests)?;
            Some((cost.call, cost.place))
        });
        Self { with_paths: affordable.collect() }
    }

    /// Whether a condition of a call keeps its paths.
    pub(super) fn has_paths(&self, call: Numbered, place: usize) -> bool {
        self.with_paths.contains(&(call, place))
    }
}

/// Of the conditions that have paths; `None` if the clauses of all would be too many. Those whose paths the programs have no room for are left out.
fn costs_of(call: Numbered, filters: &[&CallFilter]) -> Option<Vec<Cost>> {
    let abilities = Abilities::of(call);
    let (mut clauses, mut costs) = (0, Vec::new());
    for (place, filter) in filters.iter().enumerate() {
        let count = clause::count(filter, &abilities);
        clauses += count;
        if clauses > CLAUSES_MADE_MAX {
            return None;
        }
        let path_tests = filter.paths.len().saturating_mul(count);
        if (1..=Filters::PATHS_MAX).contains(&path_tests) {
            costs.push(Cost { path_tests, call, place });
        }
    }
    Some(costs)
}
