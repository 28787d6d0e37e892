//! What the process and its threads take up: descriptors, memory, processor time, control groups.
//!
//! Nobody counts while a process runs: sizes are those of when it executed its program.

use host_model::{MemoryUse, Process};
use rule_language::{
    ArgumentKind::Key,
    FieldType::{CharBuf, Double, Int64, RelTime, Uint64},
};

use super::{cgroups, field, of_self};
use crate::{
    classes,
    declaration::{Declaration, Scope},
    value::{Extracted, Value},
    view::EventView,
};

/// Events describe their own descriptor, so that nothing downstream has to remember any.
const NO_TABLE: &str = "nobody keeps a table of the descriptors that processes have open";
/// Falco does not ask its drivers for them either, unless it is told to trace the scheduler.
const NO_SWITCHES: &str =
    "switches of the scheduler are no events here, nor are they in Falco's live captures";
const NO_SAMPLES: &str = "nobody samples processor times, in Falco's live captures neither";
/// A program in the kernel can read the part that has been added up, which right after an exec is mostly 0.
const NO_SUM: &str =
    "the kernel counts resident and swapped pages on each processor apart, and does not add them up for us";
const BYTES_A_KIB: u64 = 1_024;

macro_rules! of_thread {
    ($name:literal, $type:expr, $description:literal, $extract:expr) => {
        Declaration::new(classes::PROCESS, $name, $type, Scope::Event, $extract, $description)
    };
}

macro_rules! absent {
    ($name:literal, $type:expr, $because:expr, $description:literal) => {
        Declaration::absent(classes::PROCESS, $name, $type, $because, $description)
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    absent!("proc.fdopencount", Uint64, NO_TABLE, "how many descriptors the process has open"),
    field!("proc.fdlimit", Int64, "how many descriptors the process may have open", |view, _| of_self(view, limit)),
    absent!("proc.fdusage", Double, NO_TABLE, "the open descriptors in per cent of those that the process may have"),
    field!("proc.vmsize", Uint64, "the process's virtual memory in KiB, as of when it executed its program", |view, _| memory(view, |memory| memory.virtual_kib)),
    absent!("proc.vmrss", Uint64, NO_SUM, "the process's resident memory in KiB"),
    absent!("proc.vmswap", Uint64, NO_SUM, "the process's swapped memory in KiB"),
    field!("proc.nthreads", Uint64, "how many threads the process has that live, the main thread with them", |view, _| of_self(view, |process| Some(Value::Uint(threads(process) + u64::from(!process.is_leader_dead()))))),
    field!("proc.nchilds", Uint64, "how many threads besides the main thread the process has that live", |view, _| of_self(view, |process| Some(Value::Uint(threads(process))))),
    field!("thread.pfmajor", Uint64, "how many page faults had to read from a disk before the process executed its program", |view, _| memory(view, |memory| memory.major_faults)),
    field!("thread.pfminor", Uint64, "how many page faults were met from memory before the process executed its program", |view, _| memory(view, |memory| memory.minor_faults)),
    of_thread!("thread.nametid", CharBuf, "the process's name and the thread's id, put together", |view, _| name_with_tid(view)).unlisted(),
    absent!("thread.exectime", RelTime, NO_SWITCHES, "for how many nanoseconds the thread ran before it was switched off the processor"),
    absent!("thread.totexectime", RelTime, NO_SWITCHES, "for how many nanoseconds the thread has run since the capture began"),
    field!("thread.cgroups", CharBuf, "the control group as controller=path for each of cpuset, cpu, cpuacct, io and memory, with blanks between", |view, _| cgroups::all(view)),
    field!("thread.cgroup", CharBuf, "the path of the control group under that controller, as in thread.cgroup.cpu", cgroups::one).required(Key).dotted(),
    absent!("thread.cpu", Double, NO_SAMPLES, "the thread's processor time in the last second, in per cent"),
    absent!("thread.cpu.user", Double, NO_SAMPLES, "the part of thread.cpu that was spent in user mode"),
    absent!("thread.cpu.system", Double, NO_SAMPLES, "the part of thread.cpu that was spent in the kernel"),
    of_thread!("thread.vmsize", Uint64, "proc.vmsize on the main thread, 0 on the others", |view, _| of_main_thread(view, |memory| memory.virtual_kib)),
    absent!("thread.vmrss", Uint64, NO_SUM, "proc.vmrss on the main thread, 0 on the others"),
    of_thread!("thread.vmsize.b", Uint64, "thread.vmsize in bytes", |view, _| of_main_thread(view, |memory| memory.virtual_kib.saturating_mul(BYTES_A_KIB))).unlisted(),
    absent!("thread.vmrss.b", Uint64, NO_SUM, "thread.vmrss in bytes").unlisted(),
];

/// RLIM_INFINITY is more than the type can say; it stands as the most that it can.
fn limit<'a>(process: &Process) -> Option<Value<'a>> {
    let limit = Some(process.open_files_limit()).filter(|limit| *limit != 0)?;
    Some(Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)))
}

fn threads(process: &Process) -> u64 {
    process.threads().len() as u64
}

fn memory<'a>(view: &EventView<'a>, get: fn(MemoryUse) -> u64) -> Extracted<'a> {
    of_self(view, |process| process.memory_at_exec().map(|memory| Value::Uint(get(memory))))
}

fn of_main_thread<'a>(view: &EventView<'a>, get: fn(MemoryUse) -> u64) -> Extracted<'a> {
    let is_main = view.task().zip(view.pid()).is_some_and(|(task, pid)| task.tid == pid);
    if is_main { memory(view, get) } else { Value::Uint(0).into() }
}

fn name_with_tid<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let Some(task) = view.task() else { return Extracted::Absent };
    let name = view.process().map_or(&*task.comm, |process| process.comm());
    Extracted::owned([name, task.tid.to_string().as_bytes()].concat())
}
