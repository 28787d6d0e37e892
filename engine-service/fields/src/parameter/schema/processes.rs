//! Events that begin, change and end processes, and those that reach into another one.

use super::{
    BYTES,
    Category::{Ipc, Process, Signal, User},
    Column, ERRNO, EventSchema, FD, GID, HEX64, PATH, PID, Radix, SIGNED, Shape, TEXT, U8, U32, U64, UID,
    columns, event,
};
use crate::parameter::flags::processes as flags;

const CLONE_FLAGS: Shape = Shape::Flags(flags::CLONE);
const SIGNAL: Shape = Shape::Signal;
const TIME: Shape = Shape::Time;
const RESOURCE: Shape = Shape::Enum(flags::RESOURCES, Some(0xff));
const REQUEST: Shape = Shape::Enum(flags::TRACES, Some(0));
const WORD: Shape = Shape::Dynamic(Radix::Hexadecimal);

#[rustfmt::skip]
const CLONE: &[Column] = columns![
    res PID, exe TEXT, args BYTES, tid PID, pid PID, ptid PID, cwd TEXT, fdlimit SIGNED, pgft_maj U64, pgft_min U64,
    vm_size U32, vm_rss U32, vm_swap U32, comm TEXT, cgroups BYTES, flags CLONE_FLAGS, uid U32, gid U32, vtid PID, vpid PID,
    pidns_init_start_ts U64,
];

/// Of execve; execveat has all but the last.
macro_rules! executed {
    ($($more:tt)*) => {
        columns![
            res ERRNO, exe TEXT, args BYTES, tid PID, pid PID, ptid PID, cwd TEXT, fdlimit U64, pgft_maj U64,
            pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm TEXT, cgroups BYTES, env BYTES, tty U32, vpgid PID,
            loginuid UID, flags Shape::Flags(flags::EXECUTABLE), cap_inheritable HEX64, cap_permitted HEX64,
            cap_effective HEX64, exe_ino U64, exe_ino_ctime TIME, exe_ino_mtime TIME, uid UID, trusted_exepath PATH,
            pgid PID, gid GID, $($more)*
        ]
    };
}

#[rustfmt::skip]
pub(super) const EVENTS: &[EventSchema] = &[
    event("clone", Process, CLONE),
    event("clone3", Process, CLONE),
    event("fork", Process, CLONE),
    event("vfork", Process, CLONE),
    event("execve", Process, executed![filename PATH]),
    event("execveat", Process, executed![]),
    event("procexit", Process, columns![status ERRNO, ret ERRNO, sig SIGNAL, core U8, reaper_tid PID]),
    // Ids.
    event("setuid", User, columns![res ERRNO, uid UID]),
    event("setgid", User, columns![res ERRNO, gid GID]),
    event("setreuid", User, columns![res ERRNO, ruid UID, euid UID]),
    event("setregid", User, columns![res ERRNO, rgid GID, egid GID]),
    event("setresuid", User, columns![res ERRNO, ruid UID, euid UID, suid UID]),
    event("setresgid", User, columns![res ERRNO, rgid GID, egid GID, sgid GID]),
    event("getuid", User, columns![uid UID]),
    event("geteuid", User, columns![euid UID]),
    event("getgid", User, columns![gid GID]),
    event("getegid", User, columns![egid GID]),
    event("getresuid", User, columns![res ERRNO, ruid UID, euid UID, suid UID]),
    event("getresgid", User, columns![res ERRNO, rgid GID, egid GID, sgid GID]),
    event("capset", Process, columns![res ERRNO, cap_inheritable HEX64, cap_permitted HEX64, cap_effective HEX64]),
    event("setsid", Process, columns![res PID]),
    event("setpgid", Process, columns![res ERRNO, pid PID, pgid PID]),
    // What a process may and sees.
    event("prctl", Process, columns![res ERRNO, option Shape::Enum(flags::CONTROLS, None), arg2_str TEXT, arg2_int SIGNED]),
    event("unshare", Process, columns![res ERRNO, flags CLONE_FLAGS]),
    event("setns", Process, columns![res ERRNO, fd FD, nstype CLONE_FLAGS]),
    event("getrlimit", Process, columns![res ERRNO, cur SIGNED, max SIGNED, resource RESOURCE]),
    event("setrlimit", Process, columns![res ERRNO, cur SIGNED, max SIGNED, resource RESOURCE]),
    event("prlimit", Process, columns![res ERRNO, newcur SIGNED, newmax SIGNED, oldcur SIGNED, oldmax SIGNED, pid SIGNED, resource RESOURCE]),
    // Other processes.
    event("ptrace", Process, columns![res ERRNO, addr WORD, data WORD, request REQUEST, pid PID]),
    event("process_vm_readv", Ipc, columns![res SIGNED, pid PID, data BYTES]),
    event("process_vm_writev", Ipc, columns![res SIGNED, pid PID, data BYTES]),
    event("kill", Signal, columns![res ERRNO, pid PID, sig SIGNAL]),
    event("tkill", Signal, columns![res ERRNO, tid PID, sig SIGNAL]),
    event("tgkill", Signal, columns![res ERRNO, pid PID, tid PID, sig SIGNAL]),
    event("signaldeliver", Signal, columns![spid PID, dpid PID, sig SIGNAL]),
];
