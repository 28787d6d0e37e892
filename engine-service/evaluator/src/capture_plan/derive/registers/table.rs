//! Which register of which call has a parameter, and where the call's event has it.
//!
//! Only what is in the same register of the native and the 32-bit call is here.

use eyrie_proto::event::event::Kind;

/// A parameter that is what a register holds.
#[derive(Debug)]
pub(in crate::capture_plan) struct Register {
    event_type: &'static str,
    parameter: &'static str,
    /// Of the argument, from 0.
    pub(in crate::capture_plan) index: u32,
    /// The number in the event.
    pub(in crate::capture_plan) of: fn(&Kind) -> Option<u64>,
}

const TABLE: &[Register] = &[
    // Permissions.
    register("chmod", "mode", 1, path_mode),
    register("fchmod", "mode", 1, path_mode),
    register("fchmodat", "mode", 2, path_mode),
    register("mknod", "mode", 1, path_mode),
    register("mknodat", "mode", 2, path_mode),
    register("access", "mode", 1, path_mode),
    register("creat", "mode", 1, open_mode),
    register("open", "mode", 2, open_mode),
    register("openat", "mode", 3, open_mode),
    // Flags.
    register("unlinkat", "flags", 2, path_flags),
    register("fchownat", "flags", 4, path_flags),
    register("newfstatat", "flags", 3, path_flags),
    register("umount2", "flags", 1, path_flags),
    register("linkat", "flags", 4, two_path_flags),
    register("renameat2", "flags", 4, two_path_flags),
    register("mount", "flags", 3, two_path_flags),
    register("unshare", "flags", 0, namespace_flags),
    register("setns", "nstype", 1, namespace_flags),
    register("dup3", "flags", 2, descriptor_flags),
    register("pipe2", "flags", 1, descriptor_flags),
    register("eventfd2", "flags", 1, descriptor_flags),
    register("inotify_init1", "flags", 0, descriptor_flags),
    register("epoll_create1", "flags", 0, descriptor_flags),
    register("pidfd_open", "flags", 1, descriptor_flags),
    register("memfd_create", "flags", 1, descriptor_flags),
    register("close_range", "flags", 2, descriptor_flags),
    register("finit_module", "flags", 2, module_flags),
    register("delete_module", "flags", 1, module_flags),
    register("mprotect", "prot", 2, protection),
    // One of several.
    register("ptrace", "request", 0, request),
    register("prctl", "option", 0, option),
    register("setrlimit", "resource", 0, resource),
    register("getrlimit", "resource", 0, resource),
    register("prlimit", "resource", 1, resource),
    register("bpf", "cmd", 0, command),
    register("io_uring_register", "opcode", 1, command),
    register("fcntl", "cmd", 1, descriptor_command),
    register("socket", "domain", 0, family),
    register("socketpair", "domain", 0, family),
    register("setsockopt", "level", 1, level),
    register("getsockopt", "level", 1, level),
    register("setsockopt", "optname", 2, option_name),
    register("getsockopt", "optname", 2, option_name),
    register("shutdown", "how", 1, how),
    register("kill", "sig", 1, signal),
    register("tkill", "sig", 1, signal),
    register("tgkill", "sig", 2, signal),
];

const fn register(
    event_type: &'static str,
    parameter: &'static str,
    index: u32,
    of: fn(&Kind) -> Option<u64>,
) -> Register {
    Register { event_type, parameter, index, of }
}

// === impl Register ===

impl Register {
    /// Where a parameter is; `None` if it is in no register.
    pub(super) fn of(event_type: &str, parameter: &str) -> Option<&'static Self> {
        TABLE.iter().find(|register| register.event_type == event_type && register.parameter == parameter)
    }

    /// What an argument of the calls of a type is.
    pub(in crate::capture_plan) fn at(event_type: &str, index: u32) -> Option<&'static Self> {
        TABLE.iter().find(|register| register.event_type == event_type && register.index == index)
    }
}

fn path_mode(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::PathCall(call) => Some(call.mode),
        _ => None,
    }
}

fn path_flags(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::PathCall(call) => Some(call.flags),
        _ => None,
    }
}

fn two_path_flags(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::TwoPathCall(call) => Some(call.flags),
        _ => None,
    }
}

fn open_mode(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::Open(open) => Some(open.mode.into()),
        _ => None,
    }
}

fn namespace_flags(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::ChangeNamespace(change) => Some(change.flags),
        _ => None,
    }
}

fn descriptor_flags(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::DescriptorCall(call) => Some(call.flags),
        _ => None,
    }
}

fn descriptor_command(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::DescriptorCall(call) => Some(call.command),
        _ => None,
    }
}

fn module_flags(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::ModuleCall(call) => Some(call.flags),
        _ => None,
    }
}

fn protection(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::MemoryCall(call) => Some(call.protection),
        _ => None,
    }
}

fn request(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::ProcessAccess(access) => Some(access.request),
        _ => None,
    }
}

fn option(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::ProcessControl(control) => Some(control.option.cast_unsigned().into()),
        _ => None,
    }
}

fn resource(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::ResourceLimit(limit) => Some(limit.resource.into()),
        _ => None,
    }
}

fn command(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::KernelCall(call) => Some(call.command),
        _ => None,
    }
}

fn family(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::SocketCreate(create) => Some(create.family.into()),
        _ => None,
    }
}

fn level(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::SocketOption(option) => Some(option.level.cast_unsigned().into()),
        _ => None,
    }
}

fn option_name(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::SocketOption(option) => Some(option.name.cast_unsigned().into()),
        _ => None,
    }
}

fn how(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::SocketOption(option) => Some(option.how.cast_unsigned().into()),
        _ => None,
    }
}

fn signal(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::Signal(signal) => Some(signal.number.into()),
        _ => None,
    }
}
