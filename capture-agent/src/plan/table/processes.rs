//! Calls that change the process itself, or reach into another one.

use super::{
    DescribedCall,
    Message::{
        ChangeCapabilities, ChangeCredentials, ChangeNamespace, ChangeSession, ProcessAccess, ProcessControl,
        ResourceLimit, Signal,
    },
    Register::{
        Address, Data, Flags, Id, Id16, Number, Option, Pid, ProcessGroup, Request, Resource, Tid, Word,
    },
    call, fd, given, second_written,
};

/// What `PR_SET_NAME` takes: 15 bytes count, and what a program gave behind them is told all the same.
const NAME_BYTES: u8 = 64;

pub(super) const CALLS: &[DescribedCall] = &[
    // Ids; the 32-bit calls without a number behind their names have ids of 16 bits.
    call("setuid", ChangeCredentials, &[], &[(Id, 0)]).native(),
    call("setuid", ChangeCredentials, &[], &[(Id16, 0)]).compat(),
    call("setuid32", ChangeCredentials, &[], &[(Id, 0)]),
    call("setgid", ChangeCredentials, &[], &[(Id, 0)]).native(),
    call("setgid", ChangeCredentials, &[], &[(Id16, 0)]).compat(),
    call("setgid32", ChangeCredentials, &[], &[(Id, 0)]),
    call("setfsuid", ChangeCredentials, &[], &[(Id, 0)]).native(),
    call("setfsuid", ChangeCredentials, &[], &[(Id16, 0)]).compat(),
    call("setfsuid32", ChangeCredentials, &[], &[(Id, 0)]),
    call("setfsgid", ChangeCredentials, &[], &[(Id, 0)]).native(),
    call("setfsgid", ChangeCredentials, &[], &[(Id16, 0)]).compat(),
    call("setfsgid32", ChangeCredentials, &[], &[(Id, 0)]),
    call("setreuid", ChangeCredentials, &[], &[(Id, 0), (Id, 1)]).native(),
    call("setreuid", ChangeCredentials, &[], &[(Id16, 0), (Id16, 1)]).compat(),
    call("setreuid32", ChangeCredentials, &[], &[(Id, 0), (Id, 1)]),
    call("setregid", ChangeCredentials, &[], &[(Id, 0), (Id, 1)]).native(),
    call("setregid", ChangeCredentials, &[], &[(Id16, 0), (Id16, 1)]).compat(),
    call("setregid32", ChangeCredentials, &[], &[(Id, 0), (Id, 1)]),
    call("setresuid", ChangeCredentials, &[], &[(Id, 0), (Id, 1), (Id, 2)]).native(),
    call("setresuid", ChangeCredentials, &[], &[(Id16, 0), (Id16, 1), (Id16, 2)]).compat(),
    call("setresuid32", ChangeCredentials, &[], &[(Id, 0), (Id, 1), (Id, 2)]),
    call("setresgid", ChangeCredentials, &[], &[(Id, 0), (Id, 1), (Id, 2)]).native(),
    call("setresgid", ChangeCredentials, &[], &[(Id16, 0), (Id16, 1), (Id16, 2)]).compat(),
    call("setresgid32", ChangeCredentials, &[], &[(Id, 0), (Id, 1), (Id, 2)]),
    call("capset", ChangeCapabilities, &[], &[]),
    call("setsid", ChangeSession, &[], &[]),
    call("setpgid", ChangeSession, &[], &[(Pid, 0), (ProcessGroup, 1)]),
    // Whether its second argument is text depends on the first; where it is none there is mostly nothing to read.
    call(
        "prctl",
        ProcessControl,
        &[given(1, NAME_BYTES)],
        &[(Option, 0), (Word, 1), (Word, 2), (Word, 3), (Word, 4)],
    ),
    call("arch_prctl", ProcessControl, &[], &[(Option, 0), (Word, 1)]),
    call("unshare", ChangeNamespace, &[], &[(Flags, 0)]),
    call("setns", ChangeNamespace, &[fd(0)], &[(Flags, 1)]),
    // Limits, of 64 bits but in 32-bit programs: the new one, and the old one as second structure.
    call("prlimit64", ResourceLimit, &[given(2, 16), second_written(3, 16)], &[(Pid, 0), (Resource, 1)]),
    call("setrlimit", ResourceLimit, &[given(1, 16)], &[(Resource, 0)]).native(),
    call("setrlimit", ResourceLimit, &[given(1, 8)], &[(Resource, 0)]).compat(),
    call("getrlimit", ResourceLimit, &[second_written(1, 16)], &[(Resource, 0)]).native(),
    call("getrlimit", ResourceLimit, &[second_written(1, 8)], &[(Resource, 0)]).compat(),
    call("ugetrlimit", ResourceLimit, &[second_written(1, 8)], &[(Resource, 0)]),
    // Other processes.
    call("ptrace", ProcessAccess, &[], &[(Request, 0), (Pid, 1), (Address, 2), (Data, 3)]),
    call("process_vm_readv", ProcessAccess, &[], &[(Pid, 0)]),
    call("process_vm_writev", ProcessAccess, &[], &[(Pid, 0)]),
    call("kill", Signal, &[], &[(Pid, 0), (Number, 1)]),
    call("tkill", Signal, &[], &[(Tid, 0), (Number, 1)]),
    call("tgkill", Signal, &[], &[(Pid, 0), (Tid, 1), (Number, 2)]),
    call("rt_sigqueueinfo", Signal, &[], &[(Pid, 0), (Number, 1)]),
    call("rt_tgsigqueueinfo", Signal, &[], &[(Pid, 0), (Tid, 1), (Number, 2)]),
    call("pidfd_send_signal", Signal, &[], &[(Number, 1)]),
];
