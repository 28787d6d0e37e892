//! Numbers of `programs/layout.h`. What each means is said once, here; the tests hold the values together.

/// Constants of one C enum, with a table of their C names for the tests.
macro_rules! constants {
    (
        $(#[$meta:meta])*
        $visibility:vis mod $module:ident: $type:ty = $prefix:literal {
            $( $(#[$constant_meta:meta])* $name:ident = $value:expr, )*
        }
    ) => {
        $(#[$meta])*
        $visibility mod $module {
            $( $(#[$constant_meta])* $visibility const $name: $type = $value; )*

            #[cfg(test)]
            pub(crate) const TABLE: &[(&str, u64)] = &[
                $( (concat!($prefix, stringify!($name)), $name as u64), )*
            ];
        }
    };
}

/// Words of a bitmap of system calls: 512 numbers.
pub(crate) const CALL_BITMAP_WORDS: usize = 8;
/// Counters of one class of records.
pub(crate) const COUNTERS_PER_CLASS: u32 = 16;
/// Longest variable part of a record. Paths of the kernel are never longer; arguments and environment are cut.
pub const PART_BYTES: u32 = 4096;
/// Longest record.
pub const RECORD_BYTES_MAX: usize = 768 + 7 * 4096;
/// Bytes of a ring as the object has it. Kernels before 5.10 take no rings of another size in [`RINGS_MAP`](crate::RINGS_MAP).
pub const RING_BYTES: u32 = 4 << 20;
/// Entries of [`FILTERS_MAP`](crate::FILTERS_MAP) of a bank. The first one is never used: its number means none.
pub(crate) const FILTERS_PER_BANK: usize = 64;
/// Bytes of a key of [`PATH_TESTS_MAP`](crate::PATH_TESTS_MAP) behind those that say of which filter and path it is.
pub(crate) const PATH_KEY_BYTES: usize = 252;
/// Longest path that is tested.
pub(crate) const TESTABLE_BYTES_MAX: usize = 247;
/// Numbers that the first bytes of tests of paths come to.
pub(crate) const PATH_HEADS: usize = 128;
/// Places of control groups that are known to be none of a container: a power of two.
pub(crate) const HOST_CGROUP_BUCKETS: usize = 8192;
/// How many have the same place.
pub(crate) const HOST_CGROUPS_PER_BUCKET: usize = 4;
/// Steps of one call's shape.
pub(crate) const STEPS_MAX: usize = 6;

constants! {
    /// Kinds of records. 1 to 15 are for lives of processes, 16 to 63 files, 64 to 95 sockets, 96 to 127 attributes of
    /// processes, 128 to 143 snapshots, 144 to 159 any other call, 160 to 175 control groups; up to `0x7fff` is to come, and
    /// what is above is for experiments and never released.
    pub mod kind: u16 = "RECORD_" {
        /// [`Fork`](crate::Fork).
        FORK = 1,
        /// [`Exec`](crate::Exec).
        EXEC = 2,
        /// [`Exit`](crate::Exit).
        EXIT = 3,
        /// [`FailedExec`](crate::FailedExec).
        FAILED_EXEC = 4,
        /// [`Open`](crate::Open).
        OPEN = 16,
        /// [`Connect`](crate::Connect).
        CONNECT = 64,
        /// [`ChangeDirectory`](crate::ChangeDirectory).
        CHANGE_DIRECTORY = 96,
        /// [`Task`](crate::Task).
        TASK = 128,
        /// [`Call`](crate::Call).
        CALL = 144,
        /// [`DetailedCall`](crate::DetailedCall).
        DETAILED_CALL = 145,
        /// [`UringRequest`](crate::UringRequest).
        URING_REQUEST = 146,
        /// [`UringCompletion`](crate::UringCompletion).
        URING_COMPLETION = 147,
        /// [`Cgroup`](crate::Cgroup).
        CGROUP = 160,
    }
}

constants! {
    /// Flags of any record: [`Header::flags`](crate::Header::flags).
    pub mod flag: u32 = "FLAG_" {
        /// The engine's picture of processes depends on the record.
        STATE_BEARING = 1 << 0,
        /// The header tells number and result of a system call.
        HAS_CALL = 1 << 1,
        /// The call is in the numbering of 32-bit calls.
        COMPAT32 = 1 << 2,
        /// An x32 call; its number is that of the same x86-64 call.
        X32 = 1 << 3,
        /// The task is a thread of the kernel.
        KERNEL_THREAD = 1 << 4,
        /// The plan's filters would have dropped it.
        FILTER_MARKED = 1 << 5,
        /// The call had not ended when it was reported: it has just started, or was interrupted and its effect goes on.
        STARTED_ONLY = 1 << 6,
        /// The call was not made but submitted to io_uring.
        IO_URING = 1 << 7,
        /// The path or address asked for could not be read from the program's memory.
        REQUESTED_UNREADABLE = 1 << 8,
        /// The path or address asked for is longer than what is here.
        REQUESTED_TRUNCATED = 1 << 9,
        /// The directory that a relative path starts from is not known: no such descriptor is open.
        BASE_UNKNOWN = 1 << 10,
        /// The beginning of `base` is missing.
        BASE_TRUNCATED = 1 << 11,
        /// There are more arguments, or the last is longer.
        ARGUMENTS_TRUNCATED = 1 << 12,
        /// The arguments could not be read.
        ARGUMENTS_UNREADABLE = 1 << 13,
        /// There is more environment, or the last variable is longer.
        ENVIRONMENT_TRUNCATED = 1 << 14,
        /// The environment could not be read.
        ENVIRONMENT_UNREADABLE = 1 << 15,
        /// The beginning of `working_directory` is missing.
        WORKING_DIRECTORY_TRUNCATED = 1 << 16,
        /// The beginning of `root_directory` is missing.
        ROOT_DIRECTORY_TRUNCATED = 1 << 17,
    }
}

constants! {
    /// Flags of a file: [`FileInfo::flags`](crate::FileInfo::flags).
    pub mod file_flag: u32 = "FILE_" {
        /// There is a file; without this, everything else about it is zero.
        KNOWN = 1 << 0,
        /// An anonymous memory file (`memfd_create`).
        MEMFD = 1 << 1,
        /// It has no directory entry any more.
        DELETED = 1 << 2,
        /// The call created it.
        CREATED = 1 << 3,
        /// On an overlay, and in its upper layer.
        UPPER_LAYER = 1 << 4,
        /// On an overlay, and in a lower layer.
        LOWER_LAYER = 1 << 5,
        /// The beginning of its path is missing.
        PATH_TRUNCATED = 1 << 6,
        /// Its path does not meet the process's root, and begins at the top of the mounts instead.
        PATH_UNREACHABLE = 1 << 7,
    }
}

constants! {
    /// Flags of [`Exit`](crate::Exit).
    pub mod exit_flag: u32 = "EXIT_" {
        /// No thread of the process is left.
        PROCESS_END = 1 << 0,
        /// It leaves children behind.
        HAS_CHILDREN = 1 << 1,
    }
}

constants! {
    /// Flags of [`Task`](crate::Task).
    pub mod task_flag: u32 = "TASK_" {
        /// The process takes over orphans of its descendants (`PR_SET_CHILD_SUBREAPER`).
        CHILD_SUBREAPER = 1 << 0,
        /// The thread has ended and is still listed, as a main thread is while others run.
        ENDED = 1 << 1,
    }
}

constants! {
    /// Flags of [`Cgroup`](crate::Cgroup).
    pub mod cgroup_flag: u32 = "CGROUP_" {
        /// It was removed, not made.
        REMOVED = 1 << 0,
        /// The end of its path is missing.
        PATH_TRUNCATED = 1 << 1,
    }
}

constants! {
    /// What a socket did before: `history` of [`DescriptorInfo`](crate::DescriptorInfo).
    pub mod history_flag: u32 = "HISTORY_" {
        /// It connected.
        CLIENT = 1 << 0,
        /// It was bound, listens, or was accepted.
        SERVER = 1 << 1,
        /// Its peer is another one than before.
        PEER_CHANGED = 1 << 2,
    }
}

constants! {
    pub(crate) mod controller: u32 = "CONTROLLER_" {
        NONE = 0,
        MEMORY = 1,
        PIDS = 2,
        CPU = 3,
        CPUACCT = 4,
        DEVICES = 5,
        FREEZER = 6,
        IO = 7,
        CPUSET = 8,
    }
}

constants! {
    pub(crate) mod step: u8 = "STEP_" {
        NONE = 0,
        PATH = 1,
        DESCRIPTOR = 2,
        DESCRIPTOR_PAIR = 3,
        ADDRESS = 4,
        ADDRESS_BACK = 5,
        MESSAGE = 6,
        DATA = 7,
        VECTOR = 8,
        TEXT = 9,
        BYTES = 10,
        ROLE = 11,
        PEER = 12,
        MESSAGES = 13,
        ROOT_DIRECTORY = 14,
    }
}

constants! {
    pub(crate) mod subject: u8 = "SUBJECT_" {
        RESULT = 6,
        OPEN_FLAGS = 7,
        USER = 8,
    }
}

constants! {
    pub(crate) mod end: u8 = "END_" {
        LOCAL = 1 << 0,
        REMOTE = 1 << 1,
    }
}

constants! {
    pub(crate) mod need: u32 = "NEED_" {
        USER = 1 << 0,
        PROTOCOL = 1 << 1,
    }
}

constants! {
    pub(crate) mod tested: u8 = "TESTED_" {
        FIRST = 0,
        FIRST_BACKWARD = 1,
        SECOND = 2,
        SECOND_BACKWARD = 3,
        KINDS = 4,
    }
}

constants! {
    pub(crate) mod argument: u8 = "ARGUMENT_" {
        RESULT = 0xfe,
        NONE = 0xff,
    }
}

constants! {
    pub(crate) mod counter: u32 = "COUNTER_" {
        PRODUCED = 0,
        LOST_FULL = 1,
        LOST_REFUSED = 2,
        LOST_BUG = 3,
        FAULT = 4,
        FIRST_LOSS_NS = 5,
        LAST_LOSS_NS = 6,
        LOSS_EPOCH = 7,
        OWN = 8,
        LOST_DEGRADED = 9,
        FIRST_DEGRADED_NS = 10,
        LAST_DEGRADED_NS = 11,
        DEGRADED_EPOCH = 12,
        ABOVE_HALF = 13,
        FILTERED = 14,
        MARKED = 15,
    }
}
