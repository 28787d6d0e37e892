//! `proc.exepath`, `proc.is_exe_*`, `proc.exe_ino*`: the file that the process executes.

use eyrie_proto::event::{Executable, OverlayLayer};
use host_model::Process;
use rule_language::FieldType::{AbsTime, Bool, CharBuf, Int64, Uint64};

use super::{field, of_self};
use crate::{
    classes,
    declaration::{Declaration, Scope},
    value::{Extracted, Value},
    view::EventView,
};

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field!("proc.exepath", CharBuf, "the path of the executable, as the kernel has it", |view, _| of_self(view, path)),
    field!("proc.is_exe_writable", Bool, "whether who executed the file could have written to it", |view, _| flag(view, |file| file.is_writable)),
    field!("proc.is_exe_upper_layer", Bool, "whether the executable lies in the upper layer of an overlay: it is not from the image", |view, _| flag(view, |file| file.layer() == OverlayLayer::Upper)),
    field!("proc.is_exe_lower_layer", Bool, "whether the executable lies in a lower layer of an overlay", |view, _| flag(view, |file| file.layer() == OverlayLayer::Lower)),
    field!("proc.is_exe_from_memfd", Bool, "whether the executable is an anonymous memory file", |view, _| flag(view, |file| file.is_memfd)),
    field!("proc.exe_ino", Int64, "the inode number of the executable", |view, _| number(view, |file| file.inode)),
    field!("proc.exe_ino.ctime", AbsTime, "when the executable's inode last changed, nanoseconds since the epoch", |view, _| number(view, |file| file.change_time_ns)),
    field!("proc.exe_ino.mtime", AbsTime, "when the executable was last written to, nanoseconds since the epoch", |view, _| number(view, |file| file.modify_time_ns)),
    field!("proc.exe_ino.ctime_duration_proc_start", AbsTime, "nanoseconds from the last change of the executable's inode to the start of the process", |view, _| age_at(view, |process| process.key().start_boot_ns)),
    field!("proc.exe_ino.ctime_duration_pidns_start", AbsTime, "nanoseconds from the last change of the executable's inode to the start of the pid namespace", |view, _| age_at(view, |process| process.pid_namespace_start_boot_ns())),
    field!("proc.pidns_init_start_ts", Uint64, "when the process's pid namespace started, nanoseconds since the epoch", |view, _| namespace_start(view)),
];

/// Falco has no such field. True of memory files as well, which never had a directory entry.
#[rustfmt::skip]
pub(crate) const IS_DELETED: Declaration = Declaration::new(classes::EYRIE, "proc.is_exe_deleted", Bool, Scope::Process, |view, _| flag(view, |file| file.is_deleted), "whether the executable had no directory entry any more when it was executed");

/// The path of a process's executable.
pub(super) fn path<'a>(process: &'a Process) -> Option<Value<'a>> {
    process.executable().map(|file| &*file.path).filter(|path| !path.is_empty()).map(Value::bytes)
}

/// Kernel threads execute no file, so that nothing is true of it; of a process that is not wholly known nothing is said.
fn flag<'a>(view: &EventView<'a>, get: fn(&Executable) -> bool) -> Extracted<'a> {
    of_self(view, |process| match process.executable() {
        Some(file) => Some(Value::Bool(get(file))),
        None => (!process.is_incomplete()).then_some(Value::Bool(false)),
    })
}

fn number<'a>(view: &EventView<'a>, get: fn(&Executable) -> u64) -> Extracted<'a> {
    of_self(view, |process| process.executable().map(|file| Value::Uint(get(file))))
}

fn namespace_start<'a>(view: &EventView<'a>) -> Extracted<'a> {
    of_self(view, |process| {
        let at = Some(process.pid_namespace_start_boot_ns()).filter(|boot_ns| *boot_ns != 0)?;
        Some(Value::Uint(view.boot_to_epoch_ns(at)))
    })
}

fn age_at<'a>(view: &EventView<'a>, boot_ns: fn(&Process) -> u64) -> Extracted<'a> {
    of_self(view, |process| {
        let changed = process.executable()?.change_time_ns;
        let at = Some(boot_ns(process)).filter(|boot_ns| *boot_ns != 0)?;
        Some(Value::Uint(view.boot_to_epoch_ns(at).saturating_sub(changed)))
    })
}
