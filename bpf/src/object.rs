//! The compiled objects, and what there is in them.

/// An ELF object is read in place, and its headers must be aligned.
#[repr(C, align(8))]
struct Aligned<Bytes: ?Sized>(Bytes);

static FULL: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/full.bpf.o")));
static BASELINE: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/baseline.bpf.o")));

/// One of the objects that the same sources are compiled to. Which one a kernel can take is known by the helper
/// `bpf_get_current_task_btf` (5.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// Loads what it needs from typed kernel structures, and has all programs.
    Full,
    /// For kernels from 5.8: it asks for nothing newer, and reads each field by a helper, which costs more.
    Baseline,
}

/// Array of maps (`BPF_MAP_TYPE_ARRAY_OF_MAPS`), in which the loader puts ring buffers before it attaches anything: for each ring the
/// processors of [`Config::processors_per_ring`](crate::Config::processors_per_ring). It has one entry unless the loader sets
/// another number. A ring may be replaced at any time; once the kernel has done that, no program writes into the old one
/// any more.
pub const RINGS_MAP: &str = "rings";
/// Hash map of `u64` by [`LossSource::BYTES`](crate::LossSource::BYTES): losses by who had them, as far as there is room.
pub const LOSS_SOURCES_MAP: &str = "loss_sources";
/// Array of one entry: the bytes of [`Config::encode`](crate::Config::encode).
pub const CONFIG_MAP: &str = ".data.config";
/// Array of one entry, which has the bytes of [`Config::encode_plan`](crate::Config::encode_plan) for each bank, one after the other. To
/// write the other bank's again as they are disturbs no program.
pub const PLANS_MAP: &str = ".data.plans";
/// Array with [`Filter::ENTRIES_PER_BANK`](crate::Filter::ENTRIES_PER_BANK) entries for each bank: see
/// [`PlanFilters::entries`](crate::PlanFilters::entries).
pub const FILTERS_MAP: &str = "filters";
/// Trie of `u64` by [`PathKey::encode`](crate::PathKey::encode), with the tests of both banks.
pub const PATH_TESTS_MAP: &str = "path_tests";
/// Array of [`HostCgroupBucket`](crate::HostCgroupBucket)s: control groups that are known to be none of a container.
pub const HOST_CGROUPS_MAP: &str = "host_cgroups";
/// Array of [`Shape::encode`](crate::Shape::encode), at [`Shape::index`](crate::Shape::index).
pub const CALL_SHAPES_MAP: &str = "call_shapes";
/// Per-CPU array of `u64`, indexed by [`Counter::index`](crate::Counter::index).
pub const COUNTERS_MAP: &str = "counters";

/// A program of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name in the object.
    pub name: &'static str,
    /// What to attach it to.
    pub attach: Attach,
    /// What is not seen where it cannot be attached.
    pub lost_without: &'static str,
    /// Whether capturing makes no sense without it.
    pub is_required: bool,
    /// Whether the baseline has it: it does without what came after Linux 5.8.
    pub is_in_baseline: bool,
}

/// What a program is attached to. The object's section names do not tell it to aya.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// A tracepoint with BTF types (`tp_btf`).
    BtfTracepoint(&'static str),
    /// An iterator (`iter.s`, sleepable) over this kind of object.
    Iterator(&'static str),
}

/// The program that takes snapshots of all threads.
pub const SNAPSHOT_PROGRAM: &str = "task_snapshot";

/// The programs that tell of control groups as they come and go. Without one of them they have to be looked for.
pub const CGROUP_PROGRAMS: [&str; 2] = ["cgroup_made", "cgroup_removed"];

/// The full and the baseline object of each architecture.
#[cfg(test)]
pub(crate) fn built() -> [[&'static [u8]; 2]; 2] {
    static OTHERS: [[&Aligned<[u8]>; 2]; 2] = [
        [
            &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/x86_64-full.bpf.o"))),
            &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/x86_64-baseline.bpf.o"))),
        ],
        [
            &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/aarch64-full.bpf.o"))),
            &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/aarch64-baseline.bpf.o"))),
        ],
    ];
    OTHERS.map(|objects| objects.map(|object| &object.0))
}

/// All programs, in the order in which they should be attached: control groups and new processes first, so that no call
/// comes from one that was never announced.
const PROGRAMS: &[Program] = &[
    Program {
        name: "cgroup_made",
        attach: Attach::BtfTracepoint("cgroup_mkdir"),
        lost_without: "new control groups as they are made: a new container is noticed some seconds late",
        is_required: false,
        is_in_baseline: true,
    },
    Program {
        name: "cgroup_removed",
        attach: Attach::BtfTracepoint("cgroup_rmdir"),
        lost_without: "control groups as they are removed: the end of a container is noticed some seconds late",
        is_required: false,
        is_in_baseline: true,
    },
    Program {
        name: "process_fork",
        attach: Attach::BtfTracepoint("task_newtask"),
        lost_without: "new processes and threads: ancestors of a process would not be known",
        is_required: true,
        is_in_baseline: true,
    },
    Program {
        name: "process_exec",
        attach: Attach::BtfTracepoint("sched_process_exec"),
        lost_without: "executed programs with their arguments",
        is_required: true,
        is_in_baseline: true,
    },
    Program {
        name: "process_exit",
        attach: Attach::BtfTracepoint("sched_process_exit"),
        lost_without: "ends of processes: a reused process id would be taken for the old process",
        is_required: true,
        is_in_baseline: true,
    },
    Program {
        name: "system_call",
        attach: Attach::BtfTracepoint("sys_exit"),
        lost_without: "all system calls: opened files, connections, changed directories, failed executions",
        is_required: true,
        is_in_baseline: true,
    },
    Program {
        name: "connect_start",
        attach: Attach::BtfTracepoint("inet_sock_set_state"),
        lost_without: "connects as they start: one that waits for an answer is reported when it returns",
        is_required: false,
        is_in_baseline: false,
    },
    // Completions first, so that none is missed of a request that was seen.
    Program {
        name: "uring_complete",
        attach: Attach::BtfTracepoint("io_uring_complete"),
        lost_without: "results of calls that are submitted to io_uring: these count as not ended",
        is_required: false,
        is_in_baseline: false,
    },
    Program {
        name: "uring_submit",
        attach: Attach::BtfTracepoint("io_uring_submit_req"),
        lost_without: "calls that are submitted to io_uring: opens, connections, transfers and more by that way are not seen",
        is_required: false,
        is_in_baseline: false,
    },
    Program {
        name: SNAPSHOT_PROGRAM,
        attach: Attach::Iterator("task"),
        lost_without: "a fast and exact snapshot at the start: /proc has to be read instead",
        is_required: false,
        is_in_baseline: false,
    },
];

// === impl Object ===

impl Object {
    /// The better one first.
    pub const ALL: [Self; 2] = [Self::Full, Self::Baseline];

    /// As it is called in settings and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Baseline => "baseline",
        }
    }

    /// The ELF object, aligned to 8 bytes, with BTF and CO-RE relocations.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Self::Full => &FULL.0,
            Self::Baseline => &BASELINE.0,
        }
    }

    /// The programs that it has, in the order in which they should be attached.
    pub fn programs(self) -> impl Iterator<Item = &'static Program> {
        PROGRAMS.iter().filter(move |program| self.has(program))
    }

    /// Whether it has this program.
    pub fn has(self, program: &Program) -> bool {
        self == Self::Full || program.is_in_baseline
    }
}
