//! Of memory and of what processes share.

use super::Table;

/// Of mmap and mprotect.
#[rustfmt::skip]
pub(crate) const PROTECTION: Table = renumbered![
    PROT_READ 1, 1; PROT_WRITE 2, 2; PROT_EXEC 4, 4; PROT_SEM 8, 8; PROT_GROWSDOWN 0x10, 0x0100_0000;
    PROT_GROWSUP 0x20, 0x0200_0000; PROT_SAO 0x40, 0x10; PROT_NONE 0, 0;
];

/// Of mmap. Three are other systems'.
#[rustfmt::skip]
pub(crate) const MAP: Table = renumbered![
    MAP_SHARED 1, 1; MAP_PRIVATE 2, 2; MAP_FIXED 4, 0x10; MAP_ANONYMOUS 8, 0x20; MAP_32BIT 0x10, 0x40;
    MAP_RENAME 0x20, 0; MAP_NORESERVE 0x40, 0x4000; MAP_POPULATE 0x80, 0x8000; MAP_NONBLOCK 0x100, 0x1_0000;
    MAP_GROWSDOWN 0x200, 0x100; MAP_DENYWRITE 0x400, 0x800; MAP_EXECUTABLE 0x800, 0x1000;
    MAP_INHERIT 0x1000, 0; MAP_FILE 0x2000, 0; MAP_LOCKED 0x4000, 0x2000;
];

/// Of mlockall.
#[rustfmt::skip]
pub(crate) const LOCK_ALL: Table = same![
    MCL_CURRENT 1, MCL_FUTURE 2, MCL_ONFAULT 4,
];

/// Of mlock2.
#[rustfmt::skip]
pub(crate) const LOCK: Table = same![
    MLOCK_ONFAULT 1,
];

/// Of memfd_create.
#[rustfmt::skip]
pub(crate) const MEMORY_FILE: Table = same![
    MFD_CLOEXEC 1, MFD_ALLOW_SEALING 2, MFD_HUGETLB 4,
];

/// Operations on futexes.
#[rustfmt::skip]
pub(crate) const FUTEX: Table = same![
    FUTEX_CLOCK_REALTIME 0x100, FUTEX_PRIVATE_FLAG 0x80, FUTEX_CMP_REQUEUE_PI 0xc, FUTEX_WAIT_REQUEUE_PI 0xb,
    FUTEX_WAKE_BITSET 0xa, FUTEX_WAIT_BITSET 9, FUTEX_TRYLOCK_PI 8, FUTEX_UNLOCK_PI 7, FUTEX_LOCK_PI 6,
    FUTEX_WAKE_OP 5, FUTEX_CMP_REQUEUE 4, FUTEX_REQUEUE 3, FUTEX_FD 2, FUTEX_WAKE 1, FUTEX_WAIT 0,
];

/// Of semget.
#[rustfmt::skip]
pub(crate) const SEMAPHORES: Table = renumbered![
    IPC_EXCL 0x4000, 0o2_000; IPC_CREAT 0x2000, 0o1_000;
];

/// Of semop.
#[rustfmt::skip]
pub(crate) const SEMAPHORE_OPERATION: Table = renumbered![
    IPC_NOWAIT 1, 0o4_000; SEM_UNDO 2, 0x1000;
];

/// Commands of semctl.
#[rustfmt::skip]
pub(crate) const SEMAPHORE_COMMAND: Table = renumbered![
    IPC_STAT 1, 2; IPC_SET 2, 1; IPC_RMID 4, 0; IPC_INFO 8, 3; SEM_INFO 0x10, 19; SEM_STAT 0x20, 18;
    GETALL 0x40, 13; GETNCNT 0x80, 14; GETPID 0x100, 11; GETVAL 0x200, 12; GETZCNT 0x400, 15;
    SETALL 0x800, 17; SETVAL 0x1000, 16;
];
