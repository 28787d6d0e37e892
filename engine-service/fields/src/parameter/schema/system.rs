//! Events on memory, and on the kernel's own services.

use super::{
    BYTES,
    Category::{IoOther, Ipc, Memory, Other, Process, Sleep, System, User},
    ERRNO, EventSchema, FD, HEX32, HEX64, SIGNED, Shape, TEXT, U16, U32, U64, columns, event,
};
use crate::parameter::flags::{kernel, memory};

const PROTECTION: Shape = Shape::Flags(memory::PROTECTION);
const DURATION: Shape = Shape::Duration;
const OPERATION: Shape = Shape::Flags(memory::SEMAPHORE_OPERATION);

#[rustfmt::skip]
pub(super) const EVENTS: &[EventSchema] = &[
    event("brk", Memory, columns![res HEX64, vm_size U32, vm_rss U32, vm_swap U32, addr HEX64]),
    event("mmap", Memory, columns![res ERRNO, vm_size U32, vm_rss U32, vm_swap U32, addr HEX64, length U64, prot PROTECTION, flags Shape::Flags(memory::MAP), fd FD, offset U64]),
    event("mmap2", Memory, columns![res ERRNO, vm_size U32, vm_rss U32, vm_swap U32, addr HEX64, length U64, prot PROTECTION, flags Shape::Flags(memory::MAP), fd FD, pgoffset U64]),
    event("munmap", Memory, columns![res ERRNO, vm_size U32, vm_rss U32, vm_swap U32, addr HEX64, length U64]),
    event("mprotect", Memory, columns![res ERRNO, addr HEX64, length U64, prot PROTECTION]),
    event("mlock", Memory, columns![res ERRNO, addr HEX64, len U64]),
    event("mlock2", Memory, columns![res ERRNO, addr HEX64, len U64, flags Shape::Flags(memory::LOCK)]),
    event("munlock", Memory, columns![res ERRNO, addr HEX64, len U64]),
    event("mlockall", Memory, columns![res ERRNO, flags Shape::Flags(memory::LOCK_ALL)]),
    event("munlockall", Memory, columns![res ERRNO]),
    // What processes share.
    event("futex", Ipc, columns![res ERRNO, addr HEX64, op Shape::Flags(memory::FUTEX), val U64]),
    event("semget", Process, columns![res ERRNO, key HEX32, nsems SIGNED, semflg Shape::Flags(memory::SEMAPHORES)]),
    event("semop", Process, columns![res ERRNO, nsops U32, sem_num_0 U16, sem_op_0 SIGNED, sem_flg_0 OPERATION, sem_num_1 U16, sem_op_1 SIGNED, sem_flg_1 OPERATION, semid SIGNED]),
    event("semctl", Process, columns![res ERRNO, semid SIGNED, semnum SIGNED, cmd Shape::Enum(memory::SEMAPHORE_COMMAND, Some(0)), val SIGNED]),
    event("nanosleep", Sleep, columns![res ERRNO, interval DURATION]).waits(),
    // The kernel itself.
    event("init_module", Other, columns![res ERRNO, img BYTES, length U64, uargs TEXT]),
    event("finit_module", Other, columns![res ERRNO, fd FD, uargs TEXT, flags Shape::Flags(kernel::MODULE)]).reads(),
    event("delete_module", Other, columns![res ERRNO, name TEXT, flags Shape::Flags(kernel::DELETE_MODULE)]),
    event("seccomp", Other, columns![res ERRNO, op U64, flags HEX64]),
    event("io_uring_setup", IoOther, columns![res ERRNO, entries U32, sq_entries U32, cq_entries U32, flags Shape::Flags(kernel::RING), sq_thread_cpu U32, sq_thread_idle U32, features Shape::Flags(kernel::RING_FEATURES)]),
    event("io_uring_enter", IoOther, columns![res ERRNO, fd FD, to_submit U32, min_complete U32, flags Shape::Flags(kernel::RING_ENTER), sig Shape::List]),
    event("io_uring_register", IoOther, columns![res ERRNO, fd FD, opcode Shape::Enum(kernel::RING_REGISTER, None), arg HEX64, nr_args U32]),
    event("fsconfig", System, columns![res ERRNO, fd FD, cmd Shape::Enum(kernel::FILE_SYSTEM, None), key TEXT, value_bytebuf BYTES, value_charbuf TEXT, aux SIGNED]),
    event("quotactl", User, columns![
        res ERRNO, special TEXT, quotafilepath TEXT, dqb_bhardlimit U64, dqb_bsoftlimit U64, dqb_curspace U64,
        dqb_ihardlimit U64, dqb_isoftlimit U64, dqb_btime DURATION, dqb_itime DURATION, dqi_bgrace DURATION,
        dqi_igrace DURATION, dqi_flags SIGNED, quota_fmt_out SIGNED, cmd Shape::Enum(kernel::QUOTA, Some(0)),
        type Shape::Enum(kernel::QUOTA_TYPE, Some(0)), id U32, quota_fmt SIGNED,
    ]),
];
