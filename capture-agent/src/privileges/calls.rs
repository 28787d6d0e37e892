//! System calls that an agent never makes, and that the kernel refuses it from its start on (seccomp).
//!
//! A list of what is refused, not of what is allowed: what the agent's libraries call changes with their versions, with libc and
//! with the kernel, and would be found out on somebody's machine; what an intruder needs does not change. They fail with
//! EPERM, so that a mistake in this list is an error in the log and no dead agent. `bpf` stays allowed: plans, snapshots
//! and a ring of another size need it at any time. docs/decisions/0008 has the reasons.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter_all_threads, sock_filter,
};
use syscalls::Sysno;

/// Refused whatever their arguments are; those that an architecture does not have it does not miss.
const REFUSED: &[&str] = &[
    // Programs, and processes to run them in.
    "execve",
    "execveat",
    "fork",
    "vfork",
    "uselib",
    // Other processes: their memory, descriptors, and to end them.
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    "pidfd_send_signal",
    "kcmp",
    "kill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    // Other namespaces, roots and mounts. A handle opens files by number, past the walls of a container, for whoever may
    // read everything.
    "unshare",
    "setns",
    "chroot",
    "pivot_root",
    "mount",
    "umount2",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "open_by_handle_at",
    "swapon",
    "swapoff",
    "quotactl",
    "quotactl_fd",
    // The kernel itself, and ways around this list.
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "iopl",
    "ioperm",
    "modify_ldt",
    "personality",
    "syslog",
    "acct",
    "vhangup",
    "_sysctl",
    // The host's names and clock.
    "sethostname",
    "setdomainname",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    // Other users, and their keys.
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "add_key",
    "request_key",
    "keyctl",
    // Whose a file is, who may use it, and other names for it.
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "removexattr",
    "lremovexattr",
    "fremovexattr",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "mknod",
    "mknodat",
];

/// Of linux/socket.h: Unix, IPv4, IPv6, and netlink, by which libc finds out which of the two it may use.
const ALLOWED_FAMILIES: [u64; 4] = [1, 2, 10, 16];
const INTERNET_FAMILIES: [u64; 2] = [2, 10];
/// The type in the low bits of socket's second argument, and the one that composes packets itself.
const SOCKET_TYPE: u64 = 0xf;
const RAW: u64 = 3;
/// Without this flag, clone makes a process and no thread.
const CLONE_THREAD: u64 = 0x1_0000;

/// Errors of asm-generic/errno.h.
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
/// Numbers from here on are those of x32, by which every call could be had under another number.
const X32: u32 = 0x4000_0000;

/// From now on the kernel refuses these calls to all threads of this process.
pub(super) fn refuse() -> Result<(), Error> {
    filters()?.iter().try_for_each(|filter| apply_filter_all_threads(filter))
}

/// Whether this process has a filter.
pub(super) fn are_refused() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() == "2"))
}

fn filters() -> Result<[BpfProgram; 2], Error> {
    let (otherwise, refused) = (SeccompAction::Allow, SeccompAction::Errno(EPERM));
    let filter = SeccompFilter::new(rules()?, otherwise, refused, std::env::consts::ARCH.try_into()?)?;
    Ok([unknown_calls(), filter.try_into()?])
}

fn rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    // A call without rules is refused always.
    let numbers = REFUSED.iter().filter_map(|name| name.parse::<Sysno>().ok());
    let mut rules: BTreeMap<_, _> = numbers.map(|number| (i64::from(number.id()), Vec::new())).collect();
    rules.insert(i64::from(Sysno::clone.id()), vec![SeccompRule::new(vec![masked(0, CLONE_THREAD, 0)?])?]);
    rules.insert(i64::from(Sysno::socket.id()), socket_rules()?);
    Ok(rules)
}

/// The conditions of a rule must all hold; of the rules of a call one is enough.
fn socket_rules() -> Result<Vec<SeccompRule>, BackendError> {
    let is_not = |family| SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family);
    let is_other: Result<Vec<_>, _> = ALLOWED_FAMILIES.into_iter().map(is_not).collect();
    let mut rules = vec![SeccompRule::new(is_other?)?];
    for family in INTERNET_FAMILIES {
        let is_family = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, family)?;
        rules.push(SeccompRule::new(vec![is_family, masked(1, SOCKET_TYPE, RAW)?])?);
    }
    Ok(rules)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)
}

/// A filter by which calls are unknown: `clone3`, whose flags lie in memory where no filter sees them, so that libc makes
/// threads by `clone` instead; and the numbers of x32.
fn unknown_calls() -> BpfProgram {
    // Of linux/bpf_common.h: load a word, jump if equal or at least, return; of linux/seccomp.h: the answers.
    const LOAD: u16 = 0x20;
    const IF_EQUAL: u16 = 0x15;
    const IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const ANSWER_ERROR: u32 = 0x0005_0000;
    const ANSWER_ALLOW: u32 = 0x7fff_0000;
    let instruction = |code, k, jt, jf| sock_filter { code, jt, jf, k };
    vec![
        // The number is the first thing that a filter is shown.
        instruction(LOAD, 0, 0, 0),
        instruction(IF_EQUAL, Sysno::clone3.id().unsigned_abs(), 2, 0),
        instruction(IF_AT_LEAST, X32, 1, 0),
        instruction(RETURN, ANSWER_ALLOW, 0, 0),
        instruction(RETURN, ANSWER_ERROR | ENOSYS, 0, 0),
    ]
}

#[cfg(test)]
mod tests;
