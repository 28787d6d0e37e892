//! Of calls on processes, memory and the kernel's own services.

use eyrie_proto::event::{KernelCall, MemoryCall, ModuleCall, PathArgument, ResourceLimit, event::Kind};

use super::{AT_FDCWD, Parameter};
use crate::given::Problem;

/// linux/prctl.h
const PR_SET_NAME: i32 = 15;

pub(super) fn of_process_or_kernel(parameter: &Parameter<'_>, kind: &mut Kind) -> Result<bool, Problem> {
    let name = parameter.name;
    match kind {
        Kind::Exec(exec) if name == "filename" => {
            let at = PathArgument { directory_fd: AT_FDCWD, ..PathArgument::default() };
            parameter.path(exec.path.get_or_insert(at))
        }
        Kind::Exec(exec) => match name {
            "fdlimit" => parameter.put(&mut exec.open_files_limit),
            "pgft_maj" => parameter.put(&mut exec.major_faults),
            "pgft_min" => parameter.put(&mut exec.minor_faults),
            "vm_size" => parameter.put(&mut exec.virtual_memory_kib),
            "vm_rss" => parameter.put(&mut exec.resident_memory_kib),
            "vm_swap" => parameter.put(&mut exec.swapped_memory_kib),
            _ => Ok(false),
        },
        Kind::Fork(fork) if name == "flags" => parameter.put(&mut fork.flags),
        Kind::Exit(exit) => match name {
            "status" => parameter.put(&mut exit.status),
            // As wait(2) reports it: the exit code in its second byte.
            "ret" => {
                let is_set = parameter.put(&mut exit.status)?;
                exit.status <<= 8;
                Ok(is_set)
            }
            "sig" => parameter.put(&mut exit.signal),
            "core" => {
                exit.is_core_dumped = parameter.setting.flag()?;
                Ok(true)
            }
            "reaper_tid" => parameter.put(&mut exit.reaper_pid),
            _ => Ok(false),
        },
        Kind::ChangeCredentials(change) => {
            let set = change.capabilities.get_or_insert_default();
            let place = match name {
                "cap_inheritable" => return parameter.put(&mut set.inheritable),
                "cap_permitted" => return parameter.put(&mut set.permitted),
                "cap_effective" => return parameter.put(&mut set.effective),
                "uid" | "gid" | "ruid" | "rgid" => 0,
                "euid" | "egid" => 1,
                _ => 2,
            };
            change.ids.get_mut(place).map_or(Ok(false), |id| parameter.put(id))
        }
        Kind::ChangeSession(change) if name == "pid" => parameter.put(&mut change.pid),
        Kind::ChangeSession(change) if name == "pgid" => parameter.put(&mut change.process_group_id),
        Kind::ProcessControl(control) => match name {
            "option" => parameter.put(&mut control.option),
            "arg2_str" => {
                control.option = if control.option == 0 { PR_SET_NAME } else { control.option };
                parameter.bytes(&mut control.text)
            }
            "arg2_int" => {
                if control.arguments.is_empty() {
                    control.arguments.push(0);
                }
                control.arguments.first_mut().map_or(Ok(false), |word| parameter.put_wrapping(word))
            }
            _ => Ok(false),
        },
        Kind::ChangeNamespace(change) if matches!(name, "flags" | "nstype") => {
            parameter.put(&mut change.flags)
        }
        Kind::ChangeNamespace(change) if name == "fd" => super::fd(parameter, change.descriptor.as_mut()),
        Kind::ResourceLimit(limit) => of_limit(parameter, limit),
        Kind::ProcessAccess(access) => match name {
            "request" => parameter.put(&mut access.request),
            "pid" => parameter.put(&mut access.pid),
            "addr" => parameter.put(&mut access.address),
            "data" => parameter.put(&mut access.data),
            _ => Ok(false),
        },
        Kind::Signal(signal) => match name {
            "sig" => parameter.put(&mut signal.number),
            "pid" | "spid" => parameter.put(&mut signal.pid),
            "tid" => parameter.put(&mut signal.tid),
            _ => Ok(false),
        },
        Kind::MemoryCall(call) => of_memory(parameter, call),
        Kind::ModuleCall(call) => of_module(parameter, call),
        Kind::KernelCall(call) => of_kernel(parameter, call),
        Kind::GenericCall(call) => {
            let place = match name {
                "key" | "semid" => 0,
                "nsems" | "semnum" => 1,
                "semflg" | "cmd" | "nsops" | "timeout" => 2,
                "val" => 3,
                _ => return Ok(false),
            };
            call.arguments.get_mut(place).map_or(Ok(false), |word| parameter.put_wrapping(word))
        }
        _ => Ok(false),
    }
}

fn of_limit(parameter: &Parameter<'_>, limit: &mut ResourceLimit) -> Result<bool, Problem> {
    let place = match parameter.name {
        "newcur" | "cur" => &mut limit.new_soft,
        "newmax" | "max" => &mut limit.new_hard,
        "oldcur" => &mut limit.old_soft,
        "oldmax" => &mut limit.old_hard,
        "pid" => return parameter.put(&mut limit.pid),
        "resource" => return parameter.put(&mut limit.resource),
        _ => return Ok(false),
    };
    parameter.put_wrapping(place.get_or_insert_default())
}

fn of_memory(parameter: &Parameter<'_>, call: &mut MemoryCall) -> Result<bool, Problem> {
    match parameter.name {
        "addr" => parameter.put(&mut call.address),
        "length" | "len" => parameter.put(&mut call.length),
        "prot" => parameter.put(&mut call.protection),
        "flags" => parameter.put(&mut call.flags),
        "offset" => parameter.put(&mut call.offset),
        _ => Ok(false),
    }
}

fn of_module(parameter: &Parameter<'_>, call: &mut ModuleCall) -> Result<bool, Problem> {
    match parameter.name {
        "name" => parameter.bytes(&mut call.name),
        "uargs" => parameter.bytes(&mut call.arguments),
        "length" => parameter.put(&mut call.length),
        "flags" => parameter.put(&mut call.flags),
        "fd" => super::fd(parameter, call.descriptor.as_mut()),
        _ => Ok(false),
    }
}

fn of_kernel(parameter: &Parameter<'_>, call: &mut KernelCall) -> Result<bool, Problem> {
    let place = match (parameter.event, parameter.name) {
        (_, "flags") => return parameter.put(&mut call.flags),
        (_, "fd") => return super::fd(parameter, call.descriptor.as_mut()),
        ("quotactl", "cmd") => {
            let mut command = 0_u64;
            let is_set = parameter.put(&mut command)?;
            call.command = command << 8 | call.command & 0xff;
            return Ok(is_set);
        }
        ("quotactl", "special") => return parameter.bytes(&mut call.text),
        (_, "cmd" | "op" | "opcode") => return parameter.put(&mut call.command),
        ("io_uring_enter", "to_submit")
        | ("io_uring_register", "arg")
        | ("futex", "addr")
        | ("io_uring_setup", "entries") => 0,
        ("io_uring_enter", "min_complete") | ("io_uring_register", "nr_args") | ("futex", "val") => 1,
        _ => return Ok(false),
    };
    call.words.get_mut(place).map_or(Ok(false), |word| parameter.put_wrapping(word))
}
