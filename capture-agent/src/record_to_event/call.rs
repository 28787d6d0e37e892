//! Calls without a record of their own: what their registers tell.

use std::sync::LazyLock;

use eyrie_bpf::{Call, flag};
use eyrie_proto::event::{
    Capabilities, ChangeCredentials, ChangeNamespace, ChangeSession, GenericCall, ProcessAccess,
    ProcessControl, Signal, event::Kind,
};

use crate::plan::{ABI_NATIVE, CallAbi, is_named};

/// What a call's registers are read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// So many ids.
    Credentials(usize),
    Capabilities,
    SetSession,
    SetProcessGroup,
    ProcessControl,
    Unshare,
    SetNamespace,
    Trace,
    ReadOrWriteMemory,
    Kill,
    ThreadKill,
    GroupThreadKill,
    Other,
}

const READINGS: &[(Reading, &[&str])] = &[
    (
        Reading::Credentials(1),
        &["setuid", "setgid", "setfsuid", "setfsgid", "setuid32", "setgid32", "setfsuid32", "setfsgid32"],
    ),
    (Reading::Credentials(2), &["setreuid", "setregid", "setreuid32", "setregid32"]),
    (Reading::Credentials(3), &["setresuid", "setresgid", "setresuid32", "setresgid32"]),
    (Reading::Capabilities, &["capset"]),
    (Reading::SetSession, &["setsid"]),
    (Reading::SetProcessGroup, &["setpgid"]),
    (Reading::ProcessControl, &["prctl"]),
    (Reading::Unshare, &["unshare"]),
    (Reading::SetNamespace, &["setns"]),
    (Reading::Trace, &["ptrace"]),
    (Reading::ReadOrWriteMemory, &["process_vm_readv", "process_vm_writev"]),
    (Reading::Kill, &["kill"]),
    (Reading::ThreadKill, &["tkill"]),
    (Reading::GroupThreadKill, &["tgkill"]),
];

/// Readings by number, native and 32-bit: looked up for each record.
static BY_NUMBER: LazyLock<[Vec<Reading>; 2]> = LazyLock::new(|| {
    [ABI_NATIVE, CallAbi::Compat].map(|abi| (0..512).map(|number| reading(abi, number)).collect())
});

/// The event of a call; registers beyond those that the call has are not passed on in typed events.
pub(super) fn kind(record: &Call) -> Kind {
    let [first, second, third, fourth, fifth, _] = record.arguments;
    let [native, compat] = &*BY_NUMBER;
    let readings = if record.header.has(flag::COMPAT32) { compat } else { native };
    let number = record.header.call_number as usize;
    match readings.get(number).copied().unwrap_or(Reading::Other) {
        Reading::Credentials(count) => Kind::ChangeCredentials(ChangeCredentials {
            ids: record.arguments.iter().take(count).map(|&register| low(register)).collect(),
            capabilities: None,
        }),
        Reading::Capabilities => Kind::ChangeCredentials(ChangeCredentials {
            ids: Vec::new(),
            capabilities: Some(Capabilities {
                effective: record.header.cap_effective,
                permitted: record.header.cap_permitted,
                inheritable: record.header.cap_inheritable,
            }),
        }),
        Reading::SetSession => Kind::ChangeSession(ChangeSession::default()),
        Reading::SetProcessGroup => {
            Kind::ChangeSession(ChangeSession { pid: low(first), process_group_id: low(second) })
        }
        Reading::ProcessControl => Kind::ProcessControl(ProcessControl {
            option: signed(first),
            arguments: vec![second, third, fourth, fifth],
            text: Vec::new(),
        }),
        Reading::Unshare => Kind::ChangeNamespace(ChangeNamespace { flags: first, descriptor: None }),
        Reading::SetNamespace => Kind::ChangeNamespace(ChangeNamespace { flags: second, descriptor: None }),
        Reading::Trace => Kind::ProcessAccess(ProcessAccess {
            request: first,
            pid: low(second),
            address: third,
            data: fourth,
        }),
        Reading::ReadOrWriteMemory => {
            Kind::ProcessAccess(ProcessAccess { pid: low(first), ..ProcessAccess::default() })
        }
        Reading::Kill => Kind::Signal(Signal { pid: signed(first), number: low(second), tid: 0 }),
        Reading::ThreadKill => Kind::Signal(Signal { tid: low(first), number: low(second), pid: 0 }),
        Reading::GroupThreadKill => {
            Kind::Signal(Signal { pid: signed(first), tid: low(second), number: low(third) })
        }
        Reading::Other => Kind::GenericCall(GenericCall { arguments: record.arguments.to_vec() }),
    }
}

fn reading(abi: CallAbi, number: u32) -> Reading {
    READINGS
        .iter()
        .find(|(_, names)| is_named(abi, number, names))
        .map_or(Reading::Other, |(reading, _)| *reading)
}

/// Calls take 32 bits of a register for ids; the rest is undefined.
fn low(register: u64) -> u32 {
    register as u32
}

fn signed(register: u64) -> i32 {
    register as u32 as i32
}
