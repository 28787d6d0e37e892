//! What the agent is asked to capture.

use std::{collections::BTreeSet, path::PathBuf};

use engine_service::{RuleEvaluator, RuleOptions, evaluate::Evaluate as _, rules::RulesError};
use eyrie_proto::capture::{CallPlan, CapturePlan};

use super::filter::Filter;

/// What hosts do most and what Falco leaves out unless it is told otherwise (`base_syscalls`, `-A`): data that are moved,
/// waiting, time, and memory.
const FREQUENT: &[&str] = &[
    "access",
    "alarm",
    "brk",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "copy_file_range",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "faccessat",
    "faccessat2",
    "fcntl",
    "fcntl64",
    "fstat",
    "fstat64",
    "fstatat",
    "fstatat64",
    "futex",
    "futex_wait",
    "futex_waitv",
    "futex_wake",
    "getcpu",
    "getcwd",
    "getdents",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getpeername",
    "getpgid",
    "getpid",
    "getppid",
    "getpriority",
    "getrandom",
    "getresgid",
    "getresuid",
    "getrlimit",
    "getrusage",
    "getsid",
    "getsockname",
    "getsockopt",
    "gettid",
    "gettimeofday",
    "getuid",
    "io_getevents",
    "io_pgetevents",
    "io_submit",
    "io_uring_enter",
    "ioctl",
    "llseek",
    "_llseek",
    "lseek",
    "lstat",
    "lstat64",
    "madvise",
    "mmap",
    "mmap2",
    "mprotect",
    "mremap",
    "munmap",
    "nanosleep",
    "newfstatat",
    "poll",
    "ppoll",
    "pread64",
    "preadv",
    "preadv2",
    "pselect6",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "recv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "sched_yield",
    "select",
    "semop",
    "semtimedop",
    "send",
    "sendfile",
    "sendfile64",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "splice",
    "stat",
    "stat64",
    "statx",
    "sysinfo",
    "tee",
    "time",
    "timer_settime",
    "timerfd_settime",
    "times",
    "umask",
    "uname",
    "vmsplice",
    "wait4",
    "waitid",
    "write",
    "writev",
];

/// The plan for what was asked for: rules, everything, or what Falco captures by default. A filter alone asks for what its
/// condition is about. State comes whatever the plan.
pub(super) fn plan(
    rules: &[PathBuf],
    is_all: bool,
    filter: Option<&Filter>,
) -> Result<CapturePlan, RulesError> {
    let mut names_to_resolve = BTreeSet::new();
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    if !rules.is_empty() {
        let loaded = RuleEvaluator::load(rules, &RuleOptions::default())?;
        wanted.extend(loaded.evaluator.event_types_needed().iter().cloned());
        names_to_resolve.extend(loaded.evaluator.host_names_needed().iter().cloned());
    }
    if let Some(filter) = filter {
        names_to_resolve.extend(filter.host_names().iter().cloned());
        if rules.is_empty() && !is_all {
            wanted.extend(filter.event_types().iter().cloned());
        }
    }
    if is_all || wanted.is_empty() {
        let calls = capture_agent::captured_calls().into_iter().map(|call| call.name);
        wanted.extend(calls.filter(|name| is_all || !FREQUENT.contains(name)).map(str::to_owned));
    }
    let call = |event_type| CallPlan { event_type, ..CallPlan::default() };
    Ok(CapturePlan {
        generation: 1,
        calls: wanted.into_iter().map(call).collect(),
        names_to_resolve: names_to_resolve.into_iter().collect(),
        ..CapturePlan::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(plan: &CapturePlan, event_type: &str) -> bool {
        plan.calls.iter().any(|call| call.event_type == event_type)
    }

    /// Scenario: the default plan, everything, a filter. Guarantees: by default what is executed, opened and connected is there and data that
    /// are moved are not; everything has those too; a condition on one call asks for that and no other that bears no state.
    #[test]
    fn plans_ask_for_what_is_wanted() {
        let usual = plan(&[], false, None).unwrap();
        assert!(["execve", "openat", "connect", "unlinkat", "ptrace"].iter().all(|name| asked(&usual, name)));
        assert!(!["read", "write", "futex", "close"].iter().any(|name| asked(&usual, name)));
        let all = plan(&[], true, None).unwrap();
        assert!(["execve", "read", "write", "close"].iter().all(|name| asked(&all, name)));
        let filter = Filter::new("evt.type = mkdirat and fd.name startswith /x").unwrap();
        let narrow = plan(&[], false, Some(&filter)).unwrap();
        assert!(asked(&narrow, "mkdirat") && asked(&narrow, "execve") && !asked(&narrow, "openat"));
    }
}
