//! What the process and its threads take up: descriptors, memory, processor time, control groups.

use rule_language::{
    ArgumentKind::Key,
    FieldType::{CharBuf, Double, Int64, RelTime, Uint64},
};

use super::field;
use crate::{
    classes,
    declaration::{Declaration, Scope},
};

macro_rules! of_thread {
    ($name:literal, $type:expr, $description:literal) => {
        Declaration::without_data(classes::PROCESS, $name, $type, Scope::Event, $description)
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field!("proc.fdopencount", Uint64, "how many descriptors the process has open"),
    field!("proc.fdlimit", Int64, "how many descriptors the process may have open"),
    field!("proc.fdusage", Double, "the open descriptors in per cent of those that the process may have"),
    field!("proc.vmsize", Uint64, "the process's virtual memory in KiB"),
    field!("proc.vmrss", Uint64, "the process's resident memory in KiB"),
    field!("proc.vmswap", Uint64, "the process's swapped memory in KiB"),
    field!("proc.nthreads", Uint64, "how many threads the process has that live, the main thread with them"),
    field!("proc.nchilds", Uint64, "how many threads besides the main thread the process has that live"),
    of_thread!("thread.pfmajor", Uint64, "how many page faults of the thread had to read from a disk"),
    of_thread!("thread.pfminor", Uint64, "how many page faults of the thread were met from memory"),
    of_thread!("thread.nametid", CharBuf, "the process's name and the thread's id").unlisted(),
    of_thread!("thread.exectime", RelTime, "for how many nanoseconds the thread ran before it was switched off the processor; on switch events"),
    of_thread!("thread.totexectime", RelTime, "for how many nanoseconds the thread has run since the capture began; on switch events"),
    field!("thread.cgroups", CharBuf, "the thread's control groups as controller=path, with blanks between"),
    field!("thread.cgroup", CharBuf, "the path of the thread's control group under that controller, as in thread.cgroup.cpu").required(Key).dotted(),
    of_thread!("thread.cpu", Double, "the thread's processor time in the last second, in per cent; on procinfo events"),
    of_thread!("thread.cpu.user", Double, "the part of thread.cpu that was spent in user mode"),
    of_thread!("thread.cpu.system", Double, "the part of thread.cpu that was spent in the kernel"),
    of_thread!("thread.vmsize", Uint64, "the process's virtual memory in KiB on its main thread, 0 on the others"),
    of_thread!("thread.vmrss", Uint64, "the process's resident memory in KiB on its main thread, 0 on the others"),
    of_thread!("thread.vmsize.b", Uint64, "thread.vmsize in bytes").unlisted(),
    of_thread!("thread.vmrss.b", Uint64, "thread.vmrss in bytes").unlisted(),
];
