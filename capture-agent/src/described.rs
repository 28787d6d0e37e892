//! What is captured of each call, for the documentation that is made of it.

use std::collections::BTreeMap;

use eyrie_bpf::Step;

use crate::plan::{self, CallAbi};

/// A call of which more than its registers or a tracepoint's arguments may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedCall {
    /// As the kernel calls it; of what is no call as rules do.
    pub name: &'static str,
    /// Number of the native call on this architecture.
    pub native: Option<u32>,
    /// Number of the 32-bit call.
    pub compat: Option<u32>,
    /// Where what is told of it comes from, besides its registers.
    pub sources: Vec<Source>,
    /// Whether it is captured whatever the plan, as the engine's picture of processes depends on it.
    pub is_state_bearing: bool,
    /// Whether it is told if it fails.
    pub is_failure_told: bool,
}

/// Where something of a call is read when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A path in the program's memory, and where it starts by a walk over directory entries and mounts.
    Path,
    /// The kernel's own path of what the call reached, by such a walk, with its inode.
    Reached,
    /// What a descriptor is: its file and path by a walk, or its socket and both ends.
    Descriptor,
    /// Two descriptors that the call wrote into the program's memory.
    Pair,
    /// A socket address in the program's memory.
    Address,
    /// The first bytes of data in the program's memory, as many as the plan says.
    Data,
    /// The same of the first vector, or of the first message, with its address and ancillary data.
    Vectors,
    /// A string in the program's memory.
    Text,
    /// A structure in the program's memory.
    Structure,
    /// The process's root directory, by a walk.
    Root,
    /// The new program: `linux_binprm`, its executable, and arguments and environment as they lie in its memory.
    Program,
    /// The task that begins or ends.
    Task,
}

/// Every call of the agent's tables, by name.
pub fn captured_calls() -> Vec<CapturedCall> {
    let mut calls = BTreeMap::new();
    let described = plan::described().map(|line| (line.name, line.steps.iter().filter_map(source).collect()));
    for (name, sources) in described.chain(recorded().map(|(name, sources)| (name, sources.to_vec()))) {
        let call: &mut CapturedCall = calls.entry(name).or_insert_with(|| new(name));
        call.sources.extend(sources);
        call.sources.sort_unstable();
        call.sources.dedup();
    }
    calls.into_values().collect()
}

fn new(name: &'static str) -> CapturedCall {
    let (native, compat) = plan::numbers(name);
    let is_state = |abi, number: Option<u32>| number.is_some_and(|number| plan::is_state(abi, number));
    let is_task = plan::is_tracepoint(name);
    CapturedCall {
        name,
        native,
        compat,
        sources: Vec::new(),
        is_state_bearing: is_task
            || plan::is_exec(name)
            || is_state(CallAbi::Native, native)
            || is_state(CallAbi::Compat, compat),
        is_failure_told: !is_task,
    }
}

fn source(step: &Step) -> Option<Source> {
    Some(match step {
        Step::Path { .. } => Source::Path,
        Step::Descriptor { .. } => Source::Descriptor,
        Step::DescriptorPair(_) => Source::Pair,
        Step::Address { .. } | Step::AddressBack { .. } => Source::Address,
        Step::Data { .. } => Source::Data,
        Step::Vector { .. } | Step::Message { .. } | Step::Messages { .. } => Source::Vectors,
        Step::Text(_) => Source::Text,
        Step::Bytes { .. } => Source::Structure,
        Step::RootDirectory => Source::Root,
        // They read nothing.
        Step::Role(_) | Step::Peer { .. } => return None,
    })
}

/// What has programs of its own.
fn recorded() -> impl Iterator<Item = (&'static str, &'static [Source])> {
    plan::recorded_calls().map(|name| {
        let sources: &[Source] = match name {
            "execve" | "execveat" => &[Source::Path, Source::Program],
            "connect" => &[Source::Descriptor, Source::Address],
            "fchdir" => &[Source::Reached],
            _ if plan::is_tracepoint(name) => &[Source::Task],
            _ => &[Source::Path, Source::Reached],
        };
        (name, sources)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: all that is captured. Guarantees: each call once, those of the table and those with programs of their own; sources are those
    /// of the lines for both numberings.
    #[test]
    fn every_call_is_described_once() {
        let calls = captured_calls();
        assert!(calls.is_sorted_by(|one, two| one.name < two.name));
        let of = |name: &str| calls.iter().find(|call| call.name == name).unwrap();
        assert_eq!(of("sendto").sources, [Source::Descriptor, Source::Address, Source::Data]);
        assert_eq!(of("mmap").sources, [Source::Descriptor, Source::Structure]);
        assert!(
            of("setuid").is_state_bearing && of("execve").is_state_bearing && !of("unlink").is_state_bearing
        );
        assert!(!of("clone").is_failure_told && of("clone").sources == [Source::Task]);
        assert_eq!((of("openat").native, of("openat").compat), crate::plan::numbers("openat"));
    }
}
