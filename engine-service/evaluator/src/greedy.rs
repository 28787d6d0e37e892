//! Rules that ask for nearly everything, and why.

use std::fmt;

use eyrie_proto::capture::{CallFilter, CallOutcome, FlagFilter};

use crate::{
    capture_plan::{RuleCall, RulePlan, RulePlans},
    filter_text::filters_text,
};

/// `O_ACCMODE`: 0 is to read.
const ACCESS_MODE: u64 = 0o3;

/// Event types that busy hosts have thousands of in a second.
const FREQUENT: &[&str] = &[
    "accept",
    "accept4",
    "close",
    "connect",
    "epoll_wait",
    "fcntl",
    "fstat",
    "futex",
    "getdents64",
    "ioctl",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "poll",
    "ppoll",
    "pread",
    "preadv",
    "pwrite",
    "pwritev",
    "read",
    "readv",
    "recv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "select",
    "send",
    "sendfile",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "socket",
    "stat",
    "write",
    "writev",
];

/// Event types that one line names.
const TYPES_NAMED: usize = 6;

/// A rule that asks for nearly every event of frequent types.
#[derive(Clone, Debug, PartialEq)]
pub struct Greed {
    /// The rule's name.
    pub rule: String,
    /// The types; empty if the rule is of any type.
    pub event_types: Vec<String>,
    /// Of the first of them, what is tested all the same, which is next to nothing: whether a call succeeds, or a file is
    /// opened to read.
    pub any_of: Vec<CallFilter>,
    /// The part of the rule's condition that no test can be made of; empty if there is none in particular.
    pub clause: String,
    /// Why not.
    pub reason: String,
}

/// The rules that keep the kernel from dropping events of frequent types, in load order.
pub fn greedy(plans: &RulePlans) -> Vec<Greed> {
    plans.rules().iter().filter_map(greed).collect()
}

fn greed(plan: &RulePlan) -> Option<Greed> {
    let is_whole = |call: &RuleCall| call.any_of.is_empty() || call.any_of.iter().any(is_broad);
    let is_forced = |call: &&RuleCall| is_whole(call) && FREQUENT.contains(&&*call.event_type);
    let forced: Vec<&RuleCall> = plan.calls.iter().filter(is_forced).collect();
    let first = forced.first()?;
    let why = forced.iter().find_map(|call| call.forced.clone());
    let (clause, reason) = why.map_or_else(Default::default, |why| (why.clause, why.reason));
    let event_types = if plan.is_of_any_type {
        Vec::new()
    } else {
        forced.iter().map(|call| call.event_type.clone()).collect()
    };
    Some(Greed { rule: plan.rule.clone(), event_types, any_of: first.any_of.clone(), clause, reason })
}

/// Whether a filter lets through most of what hosts do: it tests at most that a call succeeds, or that a file is opened to read.
fn is_broad(filter: &CallFilter) -> bool {
    let lets_reads_through = |flags: &FlagFilter| flags.mask == ACCESS_MODE && flags.values.contains(&0);
    let rest = CallFilter {
        outcome: 0,
        open_flags: Vec::new(),
        tries_resolved_path: false,
        rules: Vec::new(),
        ..filter.clone()
    };
    rest == CallFilter::default()
        && filter.outcome() != CallOutcome::Failed
        && filter.open_flags.iter().all(lets_reads_through)
}

// === impl Greed ===

impl fmt::Display for Greed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule '{}' asks for every event of ", self.rule)?;
        match self.event_types.as_slice() {
            [] => f.write_str("any type")?,
            types => {
                f.write_str(
                    &types.iter().take(TYPES_NAMED).map(String::as_str).collect::<Vec<_>>().join(", "),
                )?;
                if types.len() > TYPES_NAMED {
                    write!(f, " and {} more types", types.len() - TYPES_NAMED)?;
                }
            }
        }
        if !self.any_of.is_empty() {
            write!(f, " that {}", filters_text(&self.any_of))?;
        }
        match (&*self.clause, &*self.reason) {
            ("", "") => Ok(()),
            ("", reason) => write!(f, ": {reason}"),
            (clause, "") => write!(f, ", forced by `{clause}`"),
            (clause, reason) => write!(f, ", forced by `{clause}`: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::capture_plan::Forced;

    use super::*;

    fn call(event_type: &str, forced: Option<(&str, &str)>) -> RuleCall {
        let forced =
            forced.map(|(clause, reason)| Forced { clause: clause.to_owned(), reason: reason.to_owned() });
        RuleCall { event_type: event_type.to_owned(), any_of: Vec::new(), forced }
    }

    fn plan(calls: Vec<RuleCall>, is_of_any_type: bool) -> RulePlan {
        RulePlan { rule: "R".to_owned(), calls, is_of_any_type }
    }

    /// Scenario: rules that ask for every call of frequent and of rare types, for some calls of a frequent one, and for any
    /// type. Guarantees: those that ask for every frequent call are named, with the clause that forces it; the others are
    /// not.
    #[test]
    fn rules_that_ask_for_nearly_everything_are_named() {
        let forced = Some(("proc.args contains x", "proc.args is known only to the engine"));
        let opens = greed(&plan(vec![call("openat", forced), call("ptrace", None)], false))
            .map(|greed| greed.to_string());
        let told = "rule 'R' asks for every event of openat, forced by `proc.args contains x`: proc.args is known only to the engine";
        assert_eq!(opens.as_deref(), Some(told));
        let any =
            greed(&plan(vec![call("openat", None), call("read", None)], true)).map(|greed| greed.to_string());
        assert_eq!(any.as_deref(), Some("rule 'R' asks for every event of any type"));
        assert_eq!(greed(&plan(vec![call("execve", None), call("ptrace", None)], false)), None);
        let filtered = |filter| plan(vec![RuleCall { any_of: vec![filter], ..call("openat", None) }], false);
        let of_root = CallFilter { user_ids: vec![0], ..CallFilter::default() };
        assert_eq!(greed(&filtered(of_root)), None);
        let opened = |values| CallFilter {
            outcome: CallOutcome::Succeeded.into(),
            open_flags: vec![FlagFilter { mask: ACCESS_MODE, values }],
            ..CallFilter::default()
        };
        assert_eq!(greed(&filtered(opened(vec![1, 2]))), None);
        let reads = greed(&filtered(opened(vec![0, 2]))).map(|greed| greed.to_string());
        let told =
            "rule 'R' asks for every event of openat that succeeds, opened to read or to read and write";
        assert_eq!(reads.as_deref(), Some(told));
    }
}
