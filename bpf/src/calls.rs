//! System calls that have a record of their own, by number (`programs/calls.h`).
//!
//! Any other call can be captured as well, as a [`Call`](crate::Call): see [`CallSet`](crate::CallSet).

/// A call with a record of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownCall {
    /// Name as in the C headers, in capitals.
    pub name: &'static str,
    /// Number in its table.
    pub number: u32,
}

const fn call(name: &'static str, number: u32) -> KnownCall {
    KnownCall { name, number }
}

/// Native calls of the architecture that this was built for.
#[cfg(target_arch = "x86_64")]
pub const NATIVE: &[KnownCall] = &[
    call("OPEN", 2),
    call("CONNECT", 42),
    call("EXECVE", 59),
    call("CHDIR", 80),
    call("FCHDIR", 81),
    call("CREAT", 85),
    call("OPENAT", 257),
    call("EXECVEAT", 322),
    call("OPENAT2", 437),
];

/// i386 calls. `SOCKETCALL` is the way of old programs to `connect`; its other uses are recorded as plain calls.
#[cfg(target_arch = "x86_64")]
pub const COMPAT: &[KnownCall] = &[
    call("OPEN", 5),
    call("CREAT", 8),
    call("EXECVE", 11),
    call("CHDIR", 12),
    call("SOCKETCALL", 102),
    call("FCHDIR", 133),
    call("OPENAT", 295),
    call("EXECVEAT", 358),
    call("CONNECT", 362),
    call("OPENAT2", 437),
];

/// Native calls of the architecture that this was built for.
#[cfg(target_arch = "aarch64")]
pub const NATIVE: &[KnownCall] = &[
    call("CHDIR", 49),
    call("FCHDIR", 50),
    call("OPENAT", 56),
    call("CONNECT", 203),
    call("EXECVE", 221),
    call("EXECVEAT", 281),
    call("OPENAT2", 437),
];

/// Calls of 32-bit arm.
#[cfg(target_arch = "aarch64")]
pub const COMPAT: &[KnownCall] = &[
    call("OPEN", 5),
    call("CREAT", 8),
    call("EXECVE", 11),
    call("CHDIR", 12),
    call("FCHDIR", 133),
    call("CONNECT", 283),
    call("OPENAT", 322),
    call("EXECVEAT", 387),
    call("OPENAT2", 437),
];
