//! Of messages about memory and the kernel's own services.

use eyrie_proto::event::{GenericCall, KernelCall, MemoryCall, ModuleCall};

use super::{Raw, fd, made, number, text};
use crate::view::EventView;

/// How many bits of a command of quotactl say whose quotas are meant (SUBCMDSHIFT of linux/quota.h).
const QUOTA_TYPE_BITS: u32 = 8;
const QUOTA_TYPE_MASK: u64 = 0xff;
/// What mmap2 counts its offset in, whatever the size of a page.
const PAGE_OFFSET_UNIT: u64 = 4_096;
/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

pub(super) fn of_memory_call<'a>(call: &'a MemoryCall, name: &str) -> Option<Raw<'a>> {
    Some(match name {
        "addr" => number(call.address),
        "length" | "len" => number(call.length),
        "prot" => number(call.protection),
        "flags" => number(call.flags),
        "fd" => fd(call.descriptor.as_ref()),
        "offset" => number(call.offset),
        "pgoffset" => number(call.offset / PAGE_OFFSET_UNIT),
        _ => return None,
    })
}

pub(super) fn of_module_call<'a>(call: &'a ModuleCall, name: &str) -> Option<Raw<'a>> {
    Some(match name {
        "name" => text(&call.name),
        "uargs" => text(&call.arguments),
        "fd" => fd(call.descriptor.as_ref()),
        "length" => number(call.length),
        "flags" => number(call.flags),
        _ => return None,
    })
}

pub(super) fn of_kernel_call<'a>(
    view: &EventView<'a>,
    call: &'a KernelCall,
    event: &str,
    name: &str,
) -> Option<Raw<'a>> {
    let word = |place: usize| call.words.get(place).copied().map(Raw::Unsigned);
    Some(match (event, name) {
        ("bpf", "fd") => made(view, call.descriptor.as_ref()),
        (_, "fd") => fd(call.descriptor.as_ref()),
        (_, "flags") => number(call.flags),
        ("quotactl", "cmd") => number((call.command & u64::from(u32::MAX)) >> QUOTA_TYPE_BITS),
        ("quotactl", "type") => number(call.command & QUOTA_TYPE_MASK),
        ("quotactl", "special") => text(&call.text),
        ("quotactl", "id") => return word(0),
        (_, "cmd" | "op" | "opcode") => number(call.command),
        ("io_uring_setup", _) => return word(ring_parameter(name)?),
        ("io_uring_enter", "to_submit") => return word(0),
        ("io_uring_enter", "min_complete") => return word(1),
        ("io_uring_register", "arg") => return word(0),
        ("io_uring_register", "nr_args") => return word(1),
        ("futex", "addr") => return word(0),
        ("futex", "val") => return word(1),
        ("nanosleep", "interval") => number(interval(call)?),
        _ => return None,
    })
}

fn ring_parameter(name: &str) -> Option<usize> {
    ["entries", "sq_entries", "cq_entries", "sq_thread_cpu", "sq_thread_idle", "features"]
        .iter()
        .position(|parameter| *parameter == name)
}

fn interval(call: &KernelCall) -> Option<u64> {
    let seconds = call.words.first()?;
    seconds.checked_mul(SECOND)?.checked_add(*call.words.get(1)?)
}

/// What the registers hold of the few events that have parameters and no message.
pub(super) fn of_generic_call<'a>(call: &'a GenericCall, event: &str, name: &str) -> Option<Raw<'a>> {
    let place = match (event, name) {
        ("semget", "key") | ("semctl" | "semop", "semid") => 0,
        ("semget", "nsems") | ("semctl", "semnum") => 1,
        ("semget", "semflg") | ("semctl", "cmd") | ("semop", "nsops") | ("poll", "timeout") => 2,
        ("semctl", "val") => 3,
        _ => return None,
    };
    let register = *call.arguments.get(place)?;
    Some(match name {
        "semflg" | "cmd" | "nsops" => number(register),
        // The others are ints.
        _ => Raw::Signed(i64::from(register as i32)),
    })
}
