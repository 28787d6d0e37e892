//! Calls on a process's memory.

use super::{
    DescribedCall,
    Message::MemoryCall,
    Register::{Address, Flags, Length, Offset, OffsetPages, Protection},
    call, fd, given,
};

pub(super) const CALLS: &[DescribedCall] = &[
    call(
        "mmap",
        MemoryCall,
        &[fd(4)],
        &[(Address, 0), (Length, 1), (Protection, 2), (Flags, 3), (Offset, 5)],
    )
    .native(),
    // The six arguments lie in memory, and their descriptor is not looked at.
    call("mmap", MemoryCall, &[given(0, 24)], &[]).compat(),
    call(
        "mmap2",
        MemoryCall,
        &[fd(4)],
        &[(Address, 0), (Length, 1), (Protection, 2), (Flags, 3), (OffsetPages, 5)],
    ),
    call("munmap", MemoryCall, &[], &[(Address, 0), (Length, 1)]),
    call("mremap", MemoryCall, &[], &[(Address, 0), (Length, 2), (Flags, 3)]),
    call("mprotect", MemoryCall, &[], &[(Address, 0), (Length, 1), (Protection, 2)]),
    call("pkey_mprotect", MemoryCall, &[], &[(Address, 0), (Length, 1), (Protection, 2)]),
    call("brk", MemoryCall, &[], &[(Address, 0)]),
    call("madvise", MemoryCall, &[], &[(Address, 0), (Length, 1), (Flags, 2)]),
    call("process_madvise", MemoryCall, &[fd(0)], &[(Flags, 3)]),
    call("process_mrelease", MemoryCall, &[fd(0)], &[(Flags, 1)]),
    call("mlock", MemoryCall, &[], &[(Address, 0), (Length, 1)]),
    call("mlock2", MemoryCall, &[], &[(Address, 0), (Length, 1), (Flags, 2)]),
    call("mlockall", MemoryCall, &[], &[(Flags, 0)]),
    call("munlock", MemoryCall, &[], &[(Address, 0), (Length, 1)]),
    call("munlockall", MemoryCall, &[], &[]),
    call("msync", MemoryCall, &[], &[(Address, 0), (Length, 1), (Flags, 2)]),
    call("mseal", MemoryCall, &[], &[(Address, 0), (Length, 1), (Flags, 2)]),
    call("map_shadow_stack", MemoryCall, &[], &[(Address, 0), (Length, 1), (Flags, 2)]),
    call("remap_file_pages", MemoryCall, &[], &[(Address, 0), (Length, 1), (Protection, 2), (Flags, 4)]),
];
