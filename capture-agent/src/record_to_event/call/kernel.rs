//! Calls on memory and on the kernel itself.

use eyrie_bpf::Place;
use eyrie_proto::event::{Descriptor, KernelCall, MemoryCall, ModuleCall};

use super::parts::{Parts, until_nul};
use crate::plan::{Register, Structure};

/// mmap of no file: asm-generic/mman-common.h; x86 and ARM have the same.
const MAP_ANONYMOUS: u64 = 0x20;
/// Units of the offset of `mmap2`, whatever the size of a page.
const OFFSET_UNIT: u64 = 4096;

/// linux/bpf.h: commands with a type and a name, and where `union bpf_attr` has the name.
const BPF_MAP_CREATE: u64 = 0;
const BPF_PROG_LOAD: u64 = 5;
const MAP_NAME: std::ops::Range<usize> = 28..44;
const PROGRAM_NAME: std::ops::Range<usize> = 48..64;
/// Commands whose result is a descriptor: map and program made or loaded, object got, each kind got by id, raw tracepoint
/// opened, BTF loaded, link made, statistics enabled, iterator and token made.
const BPF_MAKES_DESCRIPTOR: [u64; 14] =
    [BPF_MAP_CREATE, BPF_PROG_LOAD, 7, 13, 14, 17, 18, 19, 28, 30, 32, 33, 36, 38];

pub(super) fn memory_call(parts: &Parts<'_>) -> MemoryCall {
    if let Some(call) = mapping_in_memory(parts) {
        return call;
    }
    let flags = parts.flags();
    let is_anonymous = flags & MAP_ANONYMOUS != 0 && parts.all(Register::Protection).next().is_some();
    MemoryCall {
        address: parts.word(Register::Address),
        length: parts.word(Register::Length),
        protection: parts.low(Register::Protection).into(),
        flags,
        descriptor: parts.descriptor(Place::First).map(|descriptor| match is_anonymous {
            // Whatever the number is, it is not looked at.
            true => Descriptor { kind: None, ..descriptor },
            false => descriptor,
        }),
        offset: parts.word(Register::Offset) | parts.word(Register::OffsetPages).saturating_mul(OFFSET_UNIT),
    }
}

/// The first mmap of 32-bit programs, which has its six arguments in memory.
fn mapping_in_memory(parts: &Parts<'_>) -> Option<MemoryCall> {
    if !parts.line.words.is_empty() || parts.record.data.is_empty() {
        return None;
    }
    let word = |number: usize| parts.u32_at(number * 4);
    Some(MemoryCall {
        address: word(0)?.into(),
        length: word(1)?.into(),
        protection: word(2)?.into(),
        flags: word(3)?.into(),
        descriptor: Some(Descriptor { fd: word(4)? as i32, kind: None }),
        offset: word(5)?.into(),
    })
}

pub(super) fn module_call(parts: &Parts<'_>) -> ModuleCall {
    // delete_module has a name, the others have arguments.
    let (name, arguments) = match parts.line.name {
        "delete_module" => (parts.text(), Vec::new()),
        _ => (Vec::new(), parts.text()),
    };
    ModuleCall {
        name,
        arguments,
        descriptor: parts.descriptor(Place::First),
        length: parts.word(Register::Length),
        flags: parts.flags(),
    }
}

pub(super) fn kernel_call(parts: &Parts<'_>, structure: Structure) -> KernelCall {
    let mut call = KernelCall {
        command: parts.low(Register::Command).into(),
        flags: parts.flags(),
        words: parts.all(Register::Word).collect(),
        descriptor: parts.descriptor(Place::First),
        text: parts.text(),
    };
    match structure {
        Structure::None => {}
        Structure::RingParameters => add_ring(parts, &mut call),
        Structure::PerfEvent => {
            call.command = parts.u32_at(0).unwrap_or_default().into();
            call.words.extend(parts.u64_at(8));
        }
        Structure::BpfAttributes => add_bpf(parts, &mut call),
        Structure::Time64 => call.words.extend([parts.u64_at(0), parts.u64_at(8)].into_iter().flatten()),
        Structure::Time32 => {
            call.words.extend([parts.u32_at(0), parts.u32_at(4)].into_iter().flatten().map(u64::from));
        }
        Structure::CountedText => call.text = counted(parts, parts.record.data).to_vec(),
    }
    call
}

/// As much as the first word says.
fn counted<'a>(parts: &Parts<'_>, bytes: &'a [u8]) -> &'a [u8] {
    usize::try_from(parts.low(Register::Word)).ok().and_then(|length| bytes.get(..length)).unwrap_or(bytes)
}

fn add_ring(parts: &Parts<'_>, call: &mut KernelCall) {
    call.flags = parts.u32_at(8).unwrap_or_default().into();
    let words = [0, 4, 12, 16, 20].map(|at| parts.u32_at(at).map(u64::from));
    call.words.extend(words.into_iter().flatten());
}

/// The structure may be shorter than what was read: what is behind its end is not of it.
fn add_bpf(parts: &Parts<'_>, call: &mut KernelCall) {
    let attributes = counted(parts, parts.record.data);
    let name = match call.command {
        BPF_MAP_CREATE => MAP_NAME,
        BPF_PROG_LOAD => PROGRAM_NAME,
        _ => 0..0,
    };
    if !name.is_empty() && attributes.len() >= 4 {
        call.words.extend(parts.u32_at(0).map(u64::from));
        call.text = until_nul(attributes.get(name).unwrap_or_default()).to_vec();
    }
    if !BPF_MAKES_DESCRIPTOR.contains(&call.command) {
        call.descriptor = None;
    }
}
