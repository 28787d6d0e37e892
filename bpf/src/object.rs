//! The compiled object, and what there is in it.

/// An ELF object is read in place, and its headers must be aligned.
#[repr(C, align(8))]
struct Aligned<Bytes: ?Sized>(Bytes);

static ALIGNED: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/eyrie.bpf.o")));

/// The BPF object, aligned to 8 bytes, with BTF and CO-RE relocations.
pub static OBJECT: &[u8] = &ALIGNED.0;

/// Ring buffer (`BPF_MAP_TYPE_RINGBUF`) with the records. 1 MiB unless the loader sets another size.
pub const EVENTS_MAP: &str = "events";
/// Array of one entry: the bytes of [`Config::encode`](crate::Config::encode).
pub const CONFIG_MAP: &str = "config";
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

/// All programs, in the order in which they should be attached: control groups and new processes first, so that no call
/// comes from one that was never announced.
pub const PROGRAMS: &[Program] = &[
    Program {
        name: "cgroup_made",
        attach: Attach::BtfTracepoint("cgroup_mkdir"),
        lost_without: "new control groups as they are made: a new container is noticed some seconds late",
        is_required: false,
    },
    Program {
        name: "cgroup_removed",
        attach: Attach::BtfTracepoint("cgroup_rmdir"),
        lost_without: "control groups as they are removed: the end of a container is noticed some seconds late",
        is_required: false,
    },
    Program {
        name: "process_fork",
        attach: Attach::BtfTracepoint("task_newtask"),
        lost_without: "new processes and threads: ancestors of a process would not be known",
        is_required: true,
    },
    Program {
        name: "process_exec",
        attach: Attach::BtfTracepoint("sched_process_exec"),
        lost_without: "executed programs with their arguments",
        is_required: true,
    },
    Program {
        name: "process_exit",
        attach: Attach::BtfTracepoint("sched_process_exit"),
        lost_without: "ends of processes: a reused process id would be taken for the old process",
        is_required: true,
    },
    Program {
        name: "system_call",
        attach: Attach::BtfTracepoint("sys_exit"),
        lost_without: "all system calls: opened files, connections, changed directories, failed executions",
        is_required: true,
    },
    Program {
        name: SNAPSHOT_PROGRAM,
        attach: Attach::Iterator("task"),
        lost_without: "a fast and exact snapshot at the start: /proc has to be read instead",
        is_required: false,
    },
];
