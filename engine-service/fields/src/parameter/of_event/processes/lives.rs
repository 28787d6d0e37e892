//! How processes begin, change and end.

use std::borrow::Cow;

use eyrie_proto::event::{Exec, Executable, Exit, Fork, OverlayLayer};

use super::super::{Raw, number, result, text};
use crate::{process::cgroups, user, view::EventView};

pub(crate) fn of_exec<'a>(view: &EventView<'a>, exec: &'a Exec, name: &str) -> Option<Raw<'a>> {
    let who = user::credentials(view);
    let session = view.task().and_then(|task| task.session.as_ref());
    let sets = who.and_then(|who| who.capabilities.as_ref());
    let file = exec.executable.as_ref();
    Some(match name {
        "exe" => text(&exec.exe),
        "args" => Raw::Texts(&exec.arguments),
        "cwd" => text(&exec.working_directory),
        "fdlimit" => number(exec.open_files_limit),
        "pgft_maj" => number(exec.major_faults),
        "pgft_min" => number(exec.minor_faults),
        "vm_size" => number(exec.virtual_memory_kib),
        // 0 is what nobody told: no agent has these yet.
        "vm_rss" if exec.resident_memory_kib != 0 => number(exec.resident_memory_kib),
        "vm_swap" if exec.swapped_memory_kib != 0 => number(exec.swapped_memory_kib),
        "env" => Raw::Texts(&exec.environment),
        "tty" => number(session.map_or(0, |session| session.tty)),
        "vpgid" => number(session.map_or(0, |session| session.namespace_process_group_id)),
        "pgid" => number(session.map_or(0, |session| session.process_group_id)),
        "loginuid" => number(who.map_or(u32::MAX, |who| who.login_uid)),
        "flags" => Raw::Falco(file.map_or(0, executable_flags)),
        "cap_inheritable" => number(sets.map_or(0, |sets| sets.inheritable)),
        "cap_permitted" => number(sets.map_or(0, |sets| sets.permitted)),
        "cap_effective" => number(sets.map_or(0, |sets| sets.effective)),
        "exe_ino" => number(file.map_or(0, |file| file.inode)),
        "exe_ino_ctime" => number(file.map_or(0, |file| file.change_time_ns)),
        "exe_ino_mtime" => number(file.map_or(0, |file| file.modify_time_ns)),
        "uid" => number(who.map_or(0, |who| who.effective_uid)),
        "gid" => number(who.map_or(0, |who| who.effective_gid)),
        "trusted_exepath" => text(file.map_or(&[], |file| &file.path)),
        "filename" => exec.path.as_ref().map_or(Raw::Bytes(Cow::Borrowed(b"")), Raw::Path),
        _ => return of_task(view, name),
    })
}

fn executable_flags(file: &Executable) -> u64 {
    u64::from(file.is_writable)
        | u64::from(file.layer() == OverlayLayer::Upper) << 1
        | u64::from(file.is_memfd) << 2
        | u64::from(file.layer() == OverlayLayer::Lower) << 3
}

/// Of the caller.
pub(crate) fn of_fork<'a>(view: &EventView<'a>, fork: &'a Fork, name: &str) -> Option<Raw<'a>> {
    let process = view.process();
    let who = user::credentials(view);
    Some(match name {
        "res" if result(view) < 0 => Raw::Signed(result(view)),
        "res" => number(fork.child_tid),
        "exe" => text(process.map_or(&[], |process| process.exe())),
        "args" => Raw::Texts(process.map_or(&[], |process| process.arguments())),
        "cwd" => text(process.map_or(&[], |process| process.working_directory())),
        "fdlimit" => number(process.map_or(0, |process| process.open_files_limit())),
        "flags" => number(fork.flags),
        "uid" => number(who.map_or(0, |who| who.effective_uid)),
        "gid" => number(who.map_or(0, |who| who.effective_gid)),
        "vtid" => number(view.task().map_or(0, |task| task.namespace_tid)),
        "vpid" => number(view.task().map_or(0, |task| task.namespace_pid)),
        "pidns_init_start_ts" => number(fork.pid_namespace_start_boot_ns),
        _ => return of_task(view, name),
    })
}

fn of_task<'a>(view: &EventView<'a>, name: &str) -> Option<Raw<'a>> {
    let task = view.task();
    Some(match name {
        "tid" => number(task.map_or(0, |task| task.tid)),
        "pid" => number(view.pid().unwrap_or(0)),
        "ptid" => number(task.map_or(0, |task| task.parent_pid)),
        "comm" => text(task.map_or(&[], |task| &task.comm)),
        "cgroups" => Raw::Bytes(Cow::Owned(cgroups::text(view.host.cgroup(view.process()?)?))),
        _ => return None,
    })
}

pub(crate) fn of_exit<'a>(exit: &Exit, name: &str) -> Option<Raw<'a>> {
    Some(match name {
        "status" => Raw::Signed(exit.status.into()),
        // status is what wait(2) reports: the exit code in its second byte.
        "ret" => Raw::Signed((exit.status >> 8 & 0xff).into()),
        "sig" => number(exit.signal),
        "core" => number(u64::from(exit.is_core_dumped)),
        "reaper_tid" => number(exit.reaper_pid),
        _ => return None,
    })
}
