//! Which system calls an event type means, and what is known of them.

use eyrie_bpf::{CallSet, Header, flag};
use eyrie_proto::SPELLINGS_OF_32_BITS;
#[cfg(target_arch = "aarch64")]
use syscalls::{aarch64 as native, arm as compat};
#[cfg(target_arch = "x86_64")]
use syscalls::{x86 as compat, x86_64 as native};

use super::table;

/// Whose numbering a call is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum CallAbi {
    Native,
    Compat,
}

// === impl CallAbi ===

impl CallAbi {
    /// That of the call that a record is about.
    pub(crate) fn of(header: &Header) -> Self {
        if header.has(flag::COMPAT32) { Self::Compat } else { Self::Native }
    }
}

/// What of a call's events there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Completeness {
    /// All that the contract has for it.
    Whole,
    /// What the registers tell.
    NumbersOnly,
}

/// Calls after which the picture of processes has to change, and that have no record of their own; their events are made of
/// registers and of what rides on every event, and of what the table says.
const STATE_CALLS: &[&str] = &[
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setuid32",
    "setgid32",
    "setreuid32",
    "setregid32",
    "setresuid32",
    "setresgid32",
    "setfsuid32",
    "setfsgid32",
    "setsid",
    "setpgid",
    "capset",
    "prctl",
    "unshare",
    "setns",
    "chroot",
    "pivot_root",
    "prlimit64",
    "setrlimit",
];

/// State-bearing calls with records of their own.
const RECORDED_STATE_CALLS: &[&str] = &["chdir", "fchdir"];

/// Calls with records of their own.
const RECORDED_CALLS: &[&str] =
    &["open", "openat", "openat2", "creat", "connect", "chdir", "fchdir", "execve", "execveat"];

/// The i386 call that does what these do; the programs tell its uses under their numbers, where it is captured as well.
const SOCKET_CALL: &str = "socketcall";
const USES_OF_SOCKET_CALL: &[&str] = &[
    "socket",
    "bind",
    "connect",
    "listen",
    "accept4",
    "getsockname",
    "getpeername",
    "socketpair",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "recvmmsg",
    "sendmmsg",
];

/// Events that come from tracepoints which are always attached.
const TRACEPOINT_EVENTS: &[&str] = &["clone", "clone3", "fork", "vfork", "procexit"];

/// Where Falco's name of an event is not the kernel's name of the call.
const RENAMED: &[(&str, &str)] = &[
    ("pread", "pread64"),
    ("pwrite", "pwrite64"),
    ("prlimit", "prlimit64"),
    ("fstatat", "newfstatat"),
    ("llseek", "_llseek"),
    ("sysctl", "_sysctl"),
    ("newselect", "_newselect"),
];

pub(crate) fn is_tracepoint(event_type: &str) -> bool {
    TRACEPOINT_EVENTS.contains(&event_type)
}

pub(crate) fn is_exec(call: &str) -> bool {
    matches!(call, "execve" | "execveat")
}

/// Whether this call is captured whatever the plan.
pub(crate) fn is_state(abi: CallAbi, number: u32) -> bool {
    state_calls().any(|call| call == (abi, number))
}

/// What has a record of its own: calls, and what the scheduler tells.
pub(crate) fn recorded_calls() -> impl Iterator<Item = &'static str> {
    RECORDED_CALLS.iter().chain(TRACEPOINT_EVENTS).copied()
}

/// The kernel's name of an event type that has another one.
fn renamed(event_type: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(event, _)| *event == event_type).map(|(_, call)| *call)
}

/// The kernel's name of the call behind an event type.
pub(super) fn kernel_name(event_type: &str) -> &str {
    renamed(event_type).unwrap_or(event_type)
}

/// The calls behind an event type: the native one, the 32-bit one of its name, and those that are spelled otherwise on 32 bits.
pub(super) fn numbered(event_type: &str) -> impl Iterator<Item = (CallAbi, u32)> {
    let (native, compat) = numbers(event_type);
    let native_name = kernel_name(event_type);
    let spelled = SPELLINGS_OF_32_BITS.into_iter().filter(move |(_, native)| *native == native_name);
    let spelled = spelled.filter_map(|(narrow, _)| numbers_by_name(narrow).1);
    let compat = compat.into_iter().chain(spelled).map(|number| (CallAbi::Compat, number));
    native.map(|number| (CallAbi::Native, number)).into_iter().chain(compat)
}

/// The native name of a call that is spelled otherwise on 32 bits.
pub(super) fn native_spelling(narrow: &str) -> Option<&'static str> {
    SPELLINGS_OF_32_BITS.iter().find(|(name, _)| *name == narrow).map(|(_, native)| *native)
}

/// The native number and the 32-bit number of the call of an event type's name.
pub(crate) fn numbers(event_type: &str) -> (Option<u32>, Option<u32>) {
    let renamed = renamed(event_type).map_or((None, None), numbers_by_name);
    let (native, compat) = numbers_by_name(event_type);
    (native.or(renamed.0), compat.or(renamed.1))
}

fn numbers_by_name(name: &str) -> (Option<u32>, Option<u32>) {
    let native = name.parse::<native::Sysno>().ok().and_then(|call| u32::try_from(call.id()).ok());
    let compat = name.parse::<compat::Sysno>().ok().and_then(|call| u32::try_from(call.id()).ok());
    (native, compat)
}

/// What the kernel calls the call of a number.
pub(super) fn name(abi: CallAbi, number: u32) -> Option<&'static str> {
    let number = usize::try_from(number).ok()?;
    match abi {
        CallAbi::Native => native::Sysno::new(number).map(|call| call.name()),
        CallAbi::Compat => compat::Sysno::new(number).map(|call| call.name()),
    }
}

pub(super) fn completeness(event_type: &str) -> Completeness {
    let is_whole = RECORDED_CALLS.contains(&event_type)
        || table::has(event_type)
        || renamed(event_type).is_some_and(table::has);
    if is_whole { Completeness::Whole } else { Completeness::NumbersOnly }
}

/// The number of `socketcall`, if any of its uses is in this set of 32-bit calls.
pub(super) fn socket_call_for(compat_calls: &CallSet) -> Option<u32> {
    let is_captured = |name: &&str| numbers(name).1.is_some_and(|number| compat_calls.contains(number));
    let number = numbers(SOCKET_CALL).1?;
    USES_OF_SOCKET_CALL.iter().any(is_captured).then_some(number)
}

/// The calls that are captured whatever the plan.
pub(super) fn state_calls() -> impl Iterator<Item = (CallAbi, u32)> {
    STATE_CALLS.iter().chain(RECORDED_STATE_CALLS).flat_map(|name| {
        let (native, compat) = numbers(name);
        let of = |abi: CallAbi, number: Option<u32>| number.map(|number| (abi, number));
        [of(CallAbi::Native, native), of(CallAbi::Compat, compat)].into_iter().flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every name in the lists. Guarantees: each is a call of this architecture, native or 32-bit.
    #[test]
    fn every_listed_call_has_a_number() {
        for name in [STATE_CALLS, RECORDED_CALLS, RECORDED_STATE_CALLS].concat() {
            assert_ne!(numbers(name), (None, None), "{name}");
        }
        for (event, call) in RENAMED {
            assert_ne!(numbers(event), (None, None), "{event} as {call}");
        }
    }
}
