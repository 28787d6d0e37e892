//! The BPF programs, the layout of their records, and checked decoding of them.
//!
//! The kernel's half of Eyrie. `programs/` holds C programs, which `build.rs` compiles to two relocatable objects
//! ([`Object`]): the fuller one, and a baseline for kernels that lack newer helpers. Each fits any kernel with BTF that has the
//! tracepoints of its [`Program`]s. Loading and attaching it is the
//! capture agent's work; this crate depends on nothing and does no I/O.
//!
//! # How data passes
//!
//! - **Into the kernel**: settings and a plan, which [`Config`] has both. A plan says which calls are recorded, how much of them, and
//!   under which conditions ([`Filters`]). It is written whole into the [`PlanBank`] that does not hold: to [`PLANS_MAP`], and with
//!   [`PlanFilters`] to [`FILTERS_MAP`] and [`PATH_TESTS_MAP`]; then one word of [`CONFIG_MAP`] makes it hold. A program looks at that
//!   word once, so that a record is made by one plan, whose generation it carries. Whoever writes a bank again must
//!   have waited until no program can use it any more: replacing a ring does. [`CONFIG_MAP`] may be written at any time, and so may
//!   [`HOST_CGROUPS_MAP`], the control groups that are known to be none of a container.
//! - **What is read of a call**: [`CALL_SHAPES_MAP`], an array with a [`Shape`] for each call. The calls of [`calls`] have
//!   programs of their own and need none; a call without a shape is told with its registers alone.
//! - **Out of it, live**: records in the rings of [`RINGS_MAP`], each of which [`decode`] turns into a [`Record`] that
//!   borrows from it. Rings must be polled: their reader is woken only once one is a quarter full. Above three quarters
//!   the programs refuse records that do not bear state. Within a ring records are in the order in which they were handed
//!   over; between rings their times tell.
//! - **Out of it, on request**: the iterator `task_snapshot` yields records of kind [`Record::Task`] one after the other;
//!   [`split_first`] cuts them apart. One reader at a time: it composes in a buffer that all readers share.
//! - **What is left out**: once a call ends, and its plan has a filter for it, it is tested in the order of what tests cost: numbers
//!   and task, socket, path. Nothing is composed before the first of these, and what is composed for the later ones (a path that was
//!   read) is what the record has. A call that no clause holds for makes no record and is counted ([`Counter::Filtered`]), or
//!   makes one that is marked ([`flag::FILTER_MARKED`]). What cannot be told passes, and so do lives of processes, calls that bear
//!   state, and requests of io_uring.
//! - **About it**: per-CPU counters in [`COUNTERS_MAP`], indexed by [`Counter::index`], summed by [`Counts::sum`]; and who had
//!   the losses in [`LOSS_SOURCES_MAP`], by [`LossSource`]. The counters are exact; that map forgets what is rare.
//!
//! # What it promises
//!
//! A record holds only bytes that were written for it. Nothing a record says makes [`decode`] panic or read elsewhere. A
//! kind that this version does not know is an error of its own ([`DecodeError::UnknownKind`]), so that it can be counted
//! and skipped. Ids of users and processes are those of the initial namespaces unless a field says otherwise.
//!
//! Not for: deciding what an event means. Paths are not normalised, addresses not formatted, and where an argument could
//! not be read the record says so and goes out all the same.
#![forbid(unsafe_code)]

mod config;
mod counters;
mod decode;
mod encode;
mod filter;
mod host_cgroups;
mod layout;
mod loss_source;
mod object;
mod record;
mod shape;

pub mod calls;

pub use config::{CallSet, CgroupController, Config, DEFAULT_DATA_BYTES, PlanBank};
pub use counters::{Counter, Counts, EventClass};
pub use decode::{DecodeError, Split, decode, split_first};
pub use encode::encode;
pub use filter::{
    Clause, End, Filter, FilterError, Filters, NetworkTest, Outcome, PathKey, PathSubject, PathTest,
    PathTestKind, PlanFilters, Subject, ValueTest,
};
pub use host_cgroups::{HostCgroupBucket, HostCgroupTable};
pub use layout::{
    DescriptorInfo, Endpoint, FileInfo, Header, PART_BYTES, PathInfo, RECORD_BYTES_MAX, RING_BYTES, Reserved,
    cgroup_flag, exit_flag, file_flag, flag, history_flag, kind, task_flag,
};
pub use loss_source::LossSource;
pub use object::{
    Attach, CALL_SHAPES_MAP, CGROUP_PROGRAMS, CONFIG_MAP, COUNTERS_MAP, FILTERS_MAP, HOST_CGROUPS_MAP,
    LOSS_SOURCES_MAP, Object, PATH_TESTS_MAP, PLANS_MAP, Program, RINGS_MAP, SNAPSHOT_PROGRAM,
};
pub use record::{
    Call, Cgroup, ChangeDirectory, Connect, DetailedCall, Exec, Exit, FailedExec, Fork, Open, Record, Task,
    UringCompletion, UringRequest,
};
pub use shape::{Argument, Place, Role, Shape, Step};
