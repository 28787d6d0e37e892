//! Calls on the kernel itself: modules, BPF, io_uring, keys, quotas, time.

use eyrie_bpf::Step::Text;

use super::{
    DescribedCall, MADE,
    Message::{KernelCall, ModuleCall},
    Register::{Command, Flags, Length, Word},
    Structure::{BpfAttributes, CountedText, None, PerfEvent, RingParameters, Time32, Time64},
    call, fd, given,
};

pub(super) const CALLS: &[DescribedCall] = &[
    // Modules and kernels.
    call("init_module", ModuleCall, &[Text(2)], &[(Length, 1)]),
    call("finit_module", ModuleCall, &[fd(0), Text(1)], &[(Flags, 2)]),
    call("delete_module", ModuleCall, &[Text(0)], &[(Flags, 1)]),
    call("kexec_load", ModuleCall, &[], &[(Flags, 3)]),
    call("kexec_file_load", ModuleCall, &[fd(0), Text(3)], &[(Flags, 4)]),
    // BPF, events, faults, filters.
    call("bpf", KernelCall(BpfAttributes), &[MADE, given(1, 64)], &[(Command, 0), (Word, 2)]),
    call(
        "perf_event_open",
        KernelCall(PerfEvent),
        &[MADE, given(0, 16)],
        &[(Word, 1), (Word, 2), (Word, 3), (Flags, 4)],
    ),
    call("userfaultfd", KernelCall(None), &[MADE], &[(Flags, 0)]),
    call("seccomp", KernelCall(None), &[], &[(Command, 0), (Flags, 1)]),
    call("landlock_create_ruleset", KernelCall(None), &[MADE], &[(Word, 1), (Flags, 2)]),
    call("landlock_add_rule", KernelCall(None), &[fd(0)], &[(Command, 1), (Flags, 3)]),
    call("landlock_restrict_self", KernelCall(None), &[fd(0)], &[(Flags, 1)]),
    // io_uring.
    call("io_uring_setup", KernelCall(RingParameters), &[MADE, given(1, 24)], &[(Word, 0)]),
    call("io_uring_enter", KernelCall(None), &[fd(0)], &[(Word, 1), (Word, 2), (Flags, 3)]),
    call("io_uring_register", KernelCall(None), &[fd(0)], &[(Command, 1), (Word, 2), (Word, 3)]),
    // Keys, by their description.
    call("add_key", KernelCall(None), &[Text(1)], &[(Word, 3), (Word, 4)]),
    call("request_key", KernelCall(None), &[Text(1)], &[(Word, 3)]),
    call("keyctl", KernelCall(None), &[], &[(Command, 0), (Word, 1), (Word, 2), (Word, 3), (Word, 4)]),
    // Quotas, by the path of the device.
    call("quotactl", KernelCall(None), &[Text(1)], &[(Command, 0), (Word, 2)]),
    call("quotactl_fd", KernelCall(None), &[fd(0)], &[(Command, 1), (Word, 2)]),
    // Names of the host.
    call("sethostname", KernelCall(CountedText), &[given(0, 64)], &[(Word, 1)]),
    call("setdomainname", KernelCall(CountedText), &[given(0, 64)], &[(Word, 1)]),
    call("reboot", KernelCall(None), &[], &[(Word, 0), (Word, 1), (Command, 2)]),
    call("syslog", KernelCall(None), &[], &[(Command, 0), (Word, 2)]),
    // Time. The clock is the command.
    call("clock_settime", KernelCall(Time64), &[given(1, 16)], &[(Command, 0)]).native(),
    call("clock_settime", KernelCall(Time32), &[given(1, 8)], &[(Command, 0)]).compat(),
    call("clock_settime64", KernelCall(Time64), &[given(1, 16)], &[(Command, 0)]),
    call("settimeofday", KernelCall(Time64), &[given(0, 16)], &[]).native(),
    call("settimeofday", KernelCall(Time32), &[given(0, 8)], &[]).compat(),
    call("nanosleep", KernelCall(Time64), &[given(0, 16)], &[]).native(),
    call("nanosleep", KernelCall(Time32), &[given(0, 8)], &[]).compat(),
    call("clock_nanosleep", KernelCall(Time64), &[given(2, 16)], &[(Command, 0), (Flags, 1)]).native(),
    call("clock_nanosleep", KernelCall(Time32), &[given(2, 8)], &[(Command, 0), (Flags, 1)]).compat(),
    call("clock_nanosleep_time64", KernelCall(Time64), &[given(2, 16)], &[(Command, 0), (Flags, 1)]),
    // Waiting on a word of memory: the operation is the command.
    call("futex", KernelCall(None), &[], &[(Word, 0), (Command, 1), (Word, 2)]),
    call("futex_time64", KernelCall(None), &[], &[(Word, 0), (Command, 1), (Word, 2)]),
];
