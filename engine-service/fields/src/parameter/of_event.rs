//! Which parameters each event has.

use std::borrow::Cow;

use eyrie_proto::event::{Exec, Executable, Exit, Fork, Open, OverlayLayer, PathArgument, event::Kind};

use super::{Parameter, ParameterValue as Value, flags, result};
use crate::{
    descriptor::{asked_for, subject},
    event_type::event_type,
    user,
    view::EventView,
};

/// AT_FDCWD of linux/fcntl.h, for calls that have no directory.
const AT_FDCWD: i64 = -100;

/// The event's parameters in Falco's order; `None` for events of which we know none.
pub(crate) fn parameters<'a>(view: &EventView<'a>) -> Option<Vec<Parameter<'a>>> {
    let name = event_type(view.event, view.architecture)?;
    match view.event.kind.as_ref()? {
        Kind::Open(open) => Some(of_open(view, open, name)),
        Kind::Exec(exec) => Some(of_exec(view, exec, name)),
        Kind::Fork(fork) => Some(of_fork(view, fork)),
        Kind::Exit(exit) => Some(of_exit(exit)),
        Kind::Connect(_) => Some(of_connect(view)),
        Kind::ChangeDirectory(change) => Some(match (name, &change.path) {
            ("fchdir", path) => {
                let fd = path.as_ref().map_or(-1, |path| path.directory_fd.into());
                vec![parameter("res", Value::Errno(result(view))), parameter("fd", Value::FdNumber(fd))]
            }
            (_, path) => vec![
                parameter("res", Value::Errno(result(view))),
                parameter(
                    "path",
                    path.as_ref().map_or(Value::Text(Cow::Borrowed(b"")), |path| path_value(view, path)),
                ),
            ],
        }),
        Kind::PathCall(call) => of_path_call(view, call, name),
        Kind::TwoPathCall(call) => of_two_path_call(view, call, name),
        _ => None,
    }
}

fn parameter<'a>(name: &'static str, value: Value<'a>) -> Parameter<'a> {
    Parameter { name, value }
}

fn text<'a>(name: &'static str, bytes: &'a [u8]) -> Parameter<'a> {
    parameter(name, Value::Text(Cow::Borrowed(bytes)))
}

/// The path as asked for, with what it means where that is not the same.
fn path_value<'a>(view: &EventView<'a>, path: &'a PathArgument) -> Value<'a> {
    if path.is_unreadable {
        return Value::Text(Cow::Borrowed(b"<NA>"));
    }
    let is_relative = !path.requested.starts_with(b"/");
    let meant =
        is_relative.then(|| asked_for(path, view)).flatten().filter(|meant| **meant != *path.requested);
    Value::Path(Cow::Borrowed(&*path.requested), meant)
}

fn directory_fd(path: Option<&PathArgument>) -> Value<'static> {
    Value::FdNumber(path.map_or(AT_FDCWD, |path| path.directory_fd.into()))
}

fn of_open<'a>(view: &EventView<'a>, open: &'a Open, name: &str) -> Vec<Parameter<'a>> {
    let file = subject(view.event).and_then(|subject| subject.file());
    let path = open.path.as_ref();
    let path_value = || path.map_or(Value::Text(Cow::Borrowed(b"")), |path| path_value(view, path));
    let mut set = flags::open_flags(open.flags.into(), view.architecture);
    set |= if open.is_created { flags::FILE_CREATED } else { 0 };
    set |= match file.map(|file| file.layer()) {
        Some(OverlayLayer::Upper) => flags::UPPER_LAYER,
        Some(OverlayLayer::Lower) => flags::LOWER_LAYER,
        _ => 0,
    };
    let fd = subject(view.event).map_or(Value::FdNumber(result(view)), |subject| match subject.descriptor {
        Some(_) => Value::Fd(subject),
        None => Value::FdNumber(result(view)),
    });
    let mut all = vec![parameter("fd", fd)];
    // A call that creates nothing has no mode: what the register held is not for anybody to read.
    let has_mode = name == "creat" || u64::from(open.flags) & (flags::CREATE | flags::TEMPORARY) != 0;
    let mode = || parameter("mode", Value::Mode(if has_mode { open.mode } else { 0 }));
    let flags = || parameter("flags", Value::Flags(set, flags::OPEN));
    let mut file_parameters = vec![
        parameter("dev", Value::Uint(file.map_or(0, |file| file.device))),
        parameter("ino", Value::Uint(file.map_or(0, |file| file.inode))),
    ];
    match name {
        "open" => all.extend([parameter("name", path_value()), flags(), mode()]),
        "creat" => all.extend([parameter("name", path_value()), mode()]),
        "openat2" => all.extend([
            parameter("dirfd", directory_fd(path)),
            parameter("name", path_value()),
            flags(),
            mode(),
            parameter("resolve", Value::Uint(open.resolve)),
        ]),
        "open_by_handle_at" => {
            all.extend([parameter("mountfd", directory_fd(path)), flags(), parameter("path", path_value())]);
        }
        _ => all.extend([
            parameter("dirfd", directory_fd(path)),
            parameter("name", path_value()),
            flags(),
            mode(),
        ]),
    }
    all.append(&mut file_parameters);
    if name == "creat" {
        all.push(parameter("creat_flags", Value::Uint(u64::from(open.is_created))));
    }
    all
}

fn of_connect<'a>(view: &EventView<'a>) -> Vec<Parameter<'a>> {
    let subject = subject(view.event);
    let name = || subject.and_then(|subject| subject.name(view)).unwrap_or_default();
    let remote = subject.and_then(|subject| subject.ends()).and_then(|ends| ends.remote);
    let address = remote.map_or_else(name, |remote| Cow::Owned(remote.to_string().into_bytes()));
    vec![
        parameter("res", Value::Errno(result(view))),
        parameter("tuple", Value::Text(name())),
        parameter("fd", subject.map_or(Value::FdNumber(-1), Value::Fd)),
        parameter("addr", Value::Text(address)),
    ]
}

fn of_exec<'a>(view: &EventView<'a>, exec: &'a Exec, name: &str) -> Vec<Parameter<'a>> {
    let who = user::credentials(view);
    let session = view.task().and_then(|task| task.session.as_ref());
    let sets = who.and_then(|who| who.capabilities.as_ref());
    let file = exec.executable.as_ref();
    let mut all = vec![parameter("res", Value::Errno(result(view))), text("exe", &exec.exe)];
    all.push(parameter("args", Value::Texts(&exec.arguments)));
    all.extend(ids(view));
    all.extend([
        text("cwd", &exec.working_directory),
        parameter("fdlimit", Value::Uint(exec.open_files_limit)),
        parameter("pgft_maj", Value::Uint(exec.major_faults)),
        parameter("pgft_min", Value::Uint(exec.minor_faults)),
        parameter("vm_size", Value::Uint(exec.virtual_memory_kib)),
        parameter("vm_rss", Value::Uint(exec.resident_memory_kib)),
        parameter("vm_swap", Value::Uint(exec.swapped_memory_kib)),
        text("comm", view.task().map_or(&[], |task| &task.comm)),
        parameter("env", Value::Texts(&exec.environment)),
        parameter("tty", Value::Uint(session.map_or(0, |session| session.tty.into()))),
        parameter("vpgid", Value::Pid(session.map_or(0, |session| session.namespace_process_group_id))),
        parameter("loginuid", Value::Uid(who.map_or(u32::MAX, |who| who.login_uid))),
        parameter("flags", Value::Flags(file.map_or(0, executable_flags), flags::EXECUTABLE)),
        parameter("cap_inheritable", Value::Uint(sets.map_or(0, |sets| sets.inheritable))),
        parameter("cap_permitted", Value::Uint(sets.map_or(0, |sets| sets.permitted))),
        parameter("cap_effective", Value::Uint(sets.map_or(0, |sets| sets.effective))),
        parameter("exe_ino", Value::Uint(file.map_or(0, |file| file.inode))),
        parameter("exe_ino_ctime", Value::Uint(file.map_or(0, |file| file.change_time_ns))),
        parameter("exe_ino_mtime", Value::Uint(file.map_or(0, |file| file.modify_time_ns))),
        parameter("uid", Value::Uid(who.map_or(0, |who| who.effective_uid))),
        text("trusted_exepath", file.map_or(&[], |file| &file.path)),
        parameter("pgid", Value::Pid(session.map_or(0, |session| session.process_group_id))),
        parameter("gid", Value::Uint(who.map_or(0, |who| who.effective_gid.into()))),
    ]);
    if name == "execve" {
        all.push(text("filename", exec.path.as_ref().map_or(&[], |path| &path.requested)));
    }
    all
}

fn executable_flags(file: &Executable) -> u64 {
    u64::from(file.is_writable)
        | u64::from(file.layer() == OverlayLayer::Upper) << 1
        | u64::from(file.is_memfd) << 2
        | u64::from(file.layer() == OverlayLayer::Lower) << 3
}

fn ids<'a>(view: &EventView<'a>) -> [Parameter<'a>; 3] {
    [
        parameter("tid", Value::Pid(view.task().map_or(0, |task| task.tid))),
        parameter("pid", Value::Pid(view.pid().unwrap_or(0))),
        parameter("ptid", Value::Pid(view.task().map_or(0, |task| task.parent_pid))),
    ]
}

fn of_fork<'a>(view: &EventView<'a>, fork: &'a Fork) -> Vec<Parameter<'a>> {
    let process = view.process();
    let who = user::credentials(view);
    let child = view.event.call.as_ref().map_or(i64::from(fork.child_tid), |call| call.result);
    let mut all =
        vec![parameter("res", if child < 0 { Value::Errno(child) } else { Value::Pid(fork.child_tid) })];
    all.push(text("exe", process.map_or(&[], |process| process.exe())));
    all.push(parameter("args", Value::Texts(process.map_or(&[], |process| process.arguments()))));
    all.extend(ids(view));
    all.extend([
        text("cwd", process.map_or(&[], |process| process.working_directory())),
        text("comm", view.task().map_or(&[], |task| &task.comm)),
        parameter("flags", Value::Flags(flags::clone_flags(fork.flags), flags::CLONE)),
        parameter("uid", Value::Uint(who.map_or(0, |who| who.effective_uid.into()))),
        parameter("gid", Value::Uint(who.map_or(0, |who| who.effective_gid.into()))),
        parameter("vtid", Value::Int(view.task().map_or(0, |task| task.namespace_tid.into()))),
        parameter("vpid", Value::Int(view.task().map_or(0, |task| task.namespace_pid.into()))),
        parameter("pidns_init_start_ts", Value::Uint(fork.pid_namespace_start_boot_ns)),
    ]);
    all
}

fn of_exit<'a>(exit: &Exit) -> Vec<Parameter<'a>> {
    // status is what wait(2) reports: the exit code in its second byte.
    let code = exit.status >> 8 & 0xff;
    vec![
        parameter("status", Value::Int(exit.status.into())),
        parameter("ret", Value::Int(code.into())),
        parameter("sig", Value::Signal(exit.signal)),
        parameter("core", Value::Uint(exit.is_core_dumped.into())),
        parameter("reaper_tid", Value::Pid(exit.reaper_pid)),
    ]
}

fn of_path_call<'a>(
    view: &EventView<'a>,
    call: &'a eyrie_proto::event::PathCall,
    name: &str,
) -> Option<Vec<Parameter<'a>>> {
    let path = call.path.as_ref();
    let mut all = vec![parameter("res", Value::Errno(result(view)))];
    let asked = || path.map_or(Value::Text(Cow::Borrowed(b"")), |path| path_value(view, path));
    let mode = || Value::Mode(u32::try_from(call.mode).unwrap_or(u32::MAX));
    match name {
        "unlink" | "rmdir" => all.push(parameter("path", asked())),
        "unlinkat" => all.extend([
            parameter("dirfd", directory_fd(path)),
            parameter("name", asked()),
            parameter("flags", Value::Flags(call.flags >> 9 & 1, &[("AT_REMOVEDIR", 1)])),
        ]),
        "mkdir" => all.extend([parameter("path", asked()), parameter("mode", mode())]),
        "mkdirat" => all.extend([
            parameter("dirfd", directory_fd(path)),
            parameter("path", asked()),
            parameter("mode", mode()),
        ]),
        "chmod" => all.extend([parameter("filename", asked()), parameter("mode", mode())]),
        "fchmodat" => all.extend([
            parameter("dirfd", directory_fd(path)),
            parameter("filename", asked()),
            parameter("mode", mode()),
        ]),
        "fchmod" => {
            all.push(parameter("fd", subject(view.event).map_or(Value::FdNumber(-1), Value::Fd)));
            all.push(parameter("mode", mode()));
        }
        _ => return None,
    }
    Some(all)
}

fn of_two_path_call<'a>(
    view: &EventView<'a>,
    call: &'a eyrie_proto::event::TwoPathCall,
    name: &str,
) -> Option<Vec<Parameter<'a>>> {
    let asked = |path: &'a Option<PathArgument>| {
        path.as_ref().map_or(Value::Text(Cow::Borrowed(b"")), |path| path_value(view, path))
    };
    let (old_fd, new_fd) = (directory_fd(call.source.as_ref()), directory_fd(call.target.as_ref()));
    // The target of a symbolic link is text and is not resolved against anything.
    let link_text = || text("target", call.source.as_ref().map_or(&[], |path| &path.requested));
    let (old, new) = (parameter("oldpath", asked(&call.source)), parameter("newpath", asked(&call.target)));
    let mut all = vec![parameter("res", Value::Errno(result(view)))];
    match name {
        "rename" | "link" => all.extend([old, new]),
        "renameat" | "renameat2" => {
            all.extend([parameter("olddirfd", old_fd), old, parameter("newdirfd", new_fd), new]);
        }
        "linkat" => all.extend([parameter("olddir", old_fd), old, parameter("newdir", new_fd), new]),
        "symlink" => all.extend([link_text(), parameter("linkpath", asked(&call.target))]),
        "symlinkat" => {
            all.extend([
                link_text(),
                parameter("linkdirfd", new_fd),
                parameter("linkpath", asked(&call.target)),
            ]);
        }
        _ => return None,
    }
    if matches!(name, "renameat2" | "linkat") {
        all.push(parameter("flags", Value::Uint(call.flags)));
    }
    Some(all)
}
