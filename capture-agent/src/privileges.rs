//! What the agent's process may do, reduced to what capture needs.
//!
//! It is done before there is a second thread: capabilities belong to threads, and new ones inherit them. What is given up
//! cannot be had again, by exec neither. A process that runs other things beside an agent must not do it.

mod calls;

use std::io;

use rustix::{
    process::{Resource, Rlimit, setrlimit},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
        clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
        set_no_new_privs,
    },
};
use thiserror::Error;
use tracing::info;

/// To load programs and make maps; to attach programs that read the kernel's memory; to read other users' processes and
/// the files of containers, at the start and when events were lost.
const KEPT: CapabilitySet = CapabilitySet::BPF
    .union(CapabilitySet::PERFMON)
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::DAC_READ_SEARCH);

/// Kernels before this count the memory of maps against RLIMIT_MEMLOCK.
const WITHOUT_MEMLOCK: (u32, u32) = (5, 11);

/// Why privileges could not be given up.
#[derive(Debug, Error)]
pub enum PrivilegeError {
    /// Capabilities.
    #[error("cannot give up {what}: {source}; --keep-privileges starts all the same")]
    Capabilities {
        /// Which of them.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The filter of system calls.
    #[error("cannot filter the agent's own system calls: {0}; --keep-privileges starts all the same")]
    Filter(#[from] seccompiler::Error),
}

// === impl PrivilegeError ===

impl PrivilegeError {
    fn capabilities(what: &'static str) -> impl Fn(rustix::io::Errno) -> Self {
        move |error| Self::Capabilities { what, source: error.into() }
    }
}

/// Keeps the capabilities that capture needs and no others, and has the kernel refuse this process what an agent never calls.
///
/// For processes that are nothing but an agent, and before their second thread: it holds for this thread and those that it will
/// start, and cannot be undone.
pub fn give_up() -> Result<(), PrivilegeError> {
    let held = capabilities(None).map_err(PrivilegeError::capabilities("capabilities"))?;
    if is_memory_locked(rustix::system::uname().release().to_bytes()) {
        // Where this fails the loader fails, and says why.
        let _ = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
    }
    let kept = kept(held.permitted);
    // The first of these steps needs what the second gives up.
    limit_bounding_set(kept, held.effective)?;
    clear_ambient_capability_set().map_err(PrivilegeError::capabilities("ambient capabilities"))?;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(PrivilegeError::capabilities("capabilities"))?;
    set_no_new_privs(true).map_err(PrivilegeError::capabilities("privileges of programs"))?;
    calls::refuse()?;
    Ok(())
}

/// Says what this process may do, as the kernel has it.
pub(crate) fn log() {
    let held = capabilities(None).map(|sets| names(sets.effective)).unwrap_or_default();
    let has_filter = calls::are_refused();
    info!(capabilities = held, system_calls_filtered = has_filter, "what this process may do");
}

/// What is kept of what there is. Whoever has CAP_SYS_ADMIN instead of the finer ones, as before they existed, keeps that.
fn kept(permitted: CapabilitySet) -> CapabilitySet {
    let kept = permitted & KEPT;
    let is_complete = kept.contains(CapabilitySet::BPF | CapabilitySet::PERFMON);
    if is_complete { kept } else { kept | (permitted & CapabilitySet::SYS_ADMIN) }
}

/// Without CAP_SETPCAP the set stays as it is; it only matters to programs that are executed, and none is.
fn limit_bounding_set(kept: CapabilitySet, effective: CapabilitySet) -> Result<(), PrivilegeError> {
    if !effective.contains(CapabilitySet::SETPCAP) {
        return Ok(());
    }
    let error = PrivilegeError::capabilities("capabilities of programs");
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        // The first that the kernel does not know is behind the last.
        let Ok(is_in) = capability_is_in_bounding_set(capability) else { break };
        if is_in && !kept.contains(capability) {
            remove_capability_from_bounding_set(capability).map_err(&error)?;
        }
    }
    Ok(())
}

/// Whether a kernel of this release counts maps as locked memory. One that does not say its release does not.
fn is_memory_locked(release: &[u8]) -> bool {
    let text = String::from_utf8_lossy(release);
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    numbers.next().zip(numbers.next()).is_some_and(|version| version < WITHOUT_MEMLOCK)
}

fn names(set: CapabilitySet) -> String {
    if set.is_empty() {
        return "none".to_owned();
    }
    if CapabilitySet::all().difference(CapabilitySet::from_bits_retain(!0 << 41)).difference(set).is_empty() {
        return "all".to_owned();
    }
    let names = set.iter_names().map(|(name, _)| format!("CAP_{name}"));
    names.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: all privileges; those of a careful unit file and one more; the old way; none. Guarantees: nothing that capture
    /// needs is given up, and nothing else is kept; CAP_SYS_ADMIN only stays where the finer ones are missing.
    #[test]
    fn what_is_kept_is_what_capture_needs() {
        assert_eq!(kept(CapabilitySet::all()), KEPT);
        assert_eq!(kept(KEPT | CapabilitySet::NET_ADMIN), KEPT);
        let old_way = CapabilitySet::SYS_ADMIN | CapabilitySet::SYS_PTRACE | CapabilitySet::CHOWN;
        assert_eq!(kept(old_way), CapabilitySet::SYS_ADMIN | CapabilitySet::SYS_PTRACE);
        assert_eq!(kept(CapabilitySet::empty()), CapabilitySet::empty());
    }

    /// Scenario: releases as distributions write them. Guarantees: the limit is lifted for those before 5.11 alone.
    #[test]
    fn old_kernels_are_told_by_their_release() {
        for (release, is_old) in
            [("5.10.0-30-amd64", true), ("5.8.0+", true), ("5.11.0", false), ("6.1.0-28-cloud-amd64", false)]
        {
            assert_eq!(is_memory_locked(release.as_bytes()), is_old, "{release}");
        }
        assert!(!is_memory_locked(b"unknown"));
    }

    /// Scenario: the kept ones, none and all. Guarantees: they are named as the manual pages do, in the order of their numbers.
    #[test]
    fn capabilities_are_named_as_the_manual_does() {
        assert_eq!(names(KEPT), "CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_PERFMON CAP_BPF");
        assert_eq!(names(CapabilitySet::empty()), "none");
        assert_eq!(names(CapabilitySet::all()), "all");
    }
}
