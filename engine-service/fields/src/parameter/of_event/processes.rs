//! Of messages about processes.

mod lives;

use eyrie_proto::event::{
    ChangeCredentials, ChangeNamespace, ChangeSession, ProcessAccess, ProcessControl, ResourceLimit, Signal,
};

pub(super) use self::lives::{of_exec, of_exit, of_fork};
use super::{Raw, fd, number, result, text};
use crate::view::EventView;

/// PR_SET_NAME and PR_GET_NAME of linux/prctl.h, whose argument is text.
const NAME_OPTIONS: [i32; 2] = [15, 16];
/// PTRACE_PEEKTEXT, PTRACE_PEEKDATA and PTRACE_PEEKUSR of linux/ptrace.h.
const PEEK_REQUESTS: [u64; 3] = [1, 2, 3];
/// PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_DETACH and PTRACE_SYSCALL of linux/ptrace.h, whose data is
/// a signal.
const SIGNAL_REQUESTS: [u64; 4] = [7, 9, 17, 24];

pub(super) fn of_credentials<'a>(change: &'a ChangeCredentials, event: &str, name: &str) -> Option<Raw<'a>> {
    let sets = change.capabilities.as_ref();
    let place = match (event, name) {
        ("capset", "cap_inheritable") => return Some(number(sets?.inheritable)),
        ("capset", "cap_permitted") => return Some(number(sets?.permitted)),
        ("capset", "cap_effective") => return Some(number(sets?.effective)),
        (_, "uid" | "gid" | "ruid" | "rgid") => 0,
        (_, "euid" | "egid") => 1,
        (_, "suid" | "sgid") => 2,
        _ => return None,
    };
    change.ids.get(place).map(|id| number(*id))
}

pub(super) fn of_session<'a>(change: &ChangeSession, name: &str) -> Option<Raw<'a>> {
    match name {
        "pid" => Some(number(change.pid)),
        "pgid" => Some(number(change.process_group_id)),
        _ => None,
    }
}

pub(super) fn of_control<'a>(control: &'a ProcessControl, name: &str) -> Option<Raw<'a>> {
    let is_name = NAME_OPTIONS.contains(&control.option);
    Some(match name {
        "option" => number(u64::from(control.option.cast_unsigned())),
        "arg2_str" if is_name => text(&control.text),
        "arg2_str" => Raw::Empty,
        "arg2_int" if is_name => Raw::Signed(0),
        "arg2_int" => Raw::Signed(control.arguments.first().map_or(0, |argument| argument.cast_signed())),
        _ => return None,
    })
}

pub(super) fn of_namespace<'a>(change: &'a ChangeNamespace, name: &str) -> Option<Raw<'a>> {
    match name {
        "flags" | "nstype" => Some(number(change.flags)),
        "fd" => Some(fd(change.descriptor.as_ref())),
        _ => None,
    }
}

pub(super) fn of_limit<'a>(limit: &ResourceLimit, name: &str) -> Option<Raw<'a>> {
    // -1 stands for no limit, and for one that was not given.
    let value = |value: Option<u64>| Raw::Signed(value.map_or(-1, u64::cast_signed));
    Some(match name {
        "newcur" => value(limit.new_soft),
        "newmax" => value(limit.new_hard),
        "oldcur" => value(limit.old_soft),
        "oldmax" => value(limit.old_hard),
        // Of getrlimit or of setrlimit.
        "cur" => value(limit.new_soft.or(limit.old_soft)),
        "max" => value(limit.new_hard.or(limit.old_hard)),
        "pid" => number(limit.pid),
        "resource" => number(limit.resource),
        _ => return None,
    })
}

/// Of ptrace, and of reads and writes of another process's memory, whose data are not told.
pub(super) fn of_access<'a>(
    view: &EventView<'a>,
    access: &'a ProcessAccess,
    event: &str,
    name: &str,
) -> Option<Raw<'a>> {
    let operand = match name {
        "pid" => return Some(number(access.pid)),
        "request" => return Some(number(access.request)),
        "addr" => access.address,
        // What was read is where this points to.
        "data" if event != "ptrace" || PEEK_REQUESTS.contains(&access.request) => return None,
        "data" if SIGNAL_REQUESTS.contains(&access.request) => access.data & 0xff,
        "data" => access.data,
        _ => return None,
    };
    // As Falco has it, a request that failed had no operands.
    Some(number(if result(view) < 0 { 0 } else { operand }))
}

pub(super) fn of_signal<'a>(view: &EventView<'a>, signal: &'a Signal, name: &str) -> Option<Raw<'a>> {
    Some(match name {
        "sig" => number(signal.number),
        "pid" | "spid" => Raw::Signed(signal.pid.into()),
        "tid" => number(signal.tid),
        "dpid" => number(view.task()?.tid),
        _ => return None,
    })
}
