//! What an answer tells of the calls of a plan: no more than engines keep.
//!
//! The conditions that are tested may be many times as large as those that were asked for, since one of these may take sixteen clauses, each with
//! all of its paths. An answer that an engine does not take would end the session, and the next one, for as long as the plan is the same.

use std::collections::BinaryHeap;

use eyrie_proto::capture::CallPlan;
use prost::Message as _;

/// Conditions of all calls. Engines keep 256 KiB of what is carried out; the rest is for names, those of hosts among them.
pub(super) const CONDITIONS_BYTES_MAX: usize = 192 << 10;

/// The calls as they are told: made one after the other, and as soon as they are too large together, the largest is told without its conditions.
pub(super) fn told(calls: impl Iterator<Item = CallPlan>) -> Vec<CallPlan> {
    let mut told: Vec<CallPlan> = Vec::new();
    let (mut bytes, mut largest) = (0, BinaryHeap::new());
    for call in calls {
        let of_call = if call.any_of.is_empty() { 0 } else { call.encoded_len() };
        largest.push((of_call, told.len()));
        told.push(call);
        bytes += of_call;
        while bytes > CONDITIONS_BYTES_MAX
            && let Some((of_largest, place)) = largest.pop()
        {
            bytes -= of_largest;
            told.get_mut(place).into_iter().for_each(cut);
        }
    }
    let count = told.iter().filter(|call| call.is_cut).count();
    if count > 0 {
        tracing::info!(
            event_types = count,
            "the conditions that are tested are too many to be told to the engine: it is told that there are some"
        );
    }
    told
}

/// Leaves out the conditions, and says so.
pub(crate) fn cut(call: &mut CallPlan) {
    call.is_cut |= !call.any_of.is_empty();
    call.any_of = Vec::new();
}

#[cfg(test)]
mod tests {
    use eyrie_proto::capture::{CallFilter, PathFilter, path_filter::Kind};

    use super::*;

    /// A call with so many conditions, of a bit more than a KiB each.
    fn call(event_type: &str, conditions: usize) -> CallPlan {
        let path = PathFilter { kind: Some(Kind::Exact(vec![b'x'; 1 << 10])), ..PathFilter::default() };
        let filter = CallFilter { paths: vec![path], ..CallFilter::default() };
        CallPlan {
            event_type: event_type.to_owned(),
            any_of: vec![filter; conditions],
            forced_by_rule: "R".to_owned(),
            ..CallPlan::default()
        }
    }

    fn cut_of(told: &[CallPlan]) -> Vec<&str> {
        told.iter().filter(|call| call.is_cut).map(|call| &*call.event_type).collect()
    }

    /// Scenario: calls with few conditions, some with many, and some without any. Guarantees: the largest lose theirs and say so, the others keep
    /// them, and nothing else changes; what fits is told as it is.
    #[test]
    fn the_largest_are_cut() {
        let sizes =
            [("open", 100), ("openat", 120), ("unlink", 3), ("close", 0), ("rename", 1_000), ("chmod", 1)];
        let calls: Vec<_> = sizes.iter().map(|(name, conditions)| call(name, *conditions)).collect();
        let told_calls = told(calls.clone().into_iter());
        assert_eq!(cut_of(&told_calls), ["openat", "rename"]);
        for (told, made) in told_calls.iter().zip(&calls) {
            let any_of = if told.is_cut { Vec::new() } else { made.any_of.clone() };
            assert_eq!(*told, CallPlan { any_of, is_cut: told.is_cut, ..made.clone() });
        }
        let small = [call("open", 100), call("close", 0), call("openat", 80)];
        assert_eq!(told(small.clone().into_iter()), small);
    }

    /// Scenario: hundreds of calls that are too large together many times over. Guarantees: as many as there is room for keep their conditions, and
    /// every call is told.
    #[test]
    fn as_many_are_told_as_fit() {
        let told = told((0..500).map(|index| call(&format!("call-{index}"), 50)));
        assert_eq!((told.len(), cut_of(&told).len()), (500, 497));
        let bytes: usize = told.iter().map(CallPlan::encoded_len).sum();
        assert!(bytes < CONDITIONS_BYTES_MAX + 500 * 32, "{bytes}");
    }
}
