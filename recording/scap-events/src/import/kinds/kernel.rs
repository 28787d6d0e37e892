//! Calls on memory and on the kernel itself.

use eyrie_proto::event::{Descriptor, GenericCall, KernelCall, MemoryCall, ModuleCall};

use super::{CLOSE_ON_EXEC, Call, Entry, descriptors::anonymous_name, registers};

/// asm-generic/mman-common.h
const MAP_ANONYMOUS: u64 = 0x20;
/// What mmap2 counts its offset in.
const OFFSET_UNIT: u64 = 4096;
/// linux/bpf.h: commands whose result is a descriptor, as the agent has them too, with what the kernel calls maps and programs.
const BPF_MAP_CREATE: u64 = 0;
const BPF_PROG_LOAD: u64 = 5;
const BPF_MAKES_DESCRIPTOR: [u64; 14] =
    [BPF_MAP_CREATE, BPF_PROG_LOAD, 7, 13, 14, 17, 18, 19, 28, 30, 32, 33, 36, 38];
/// How many bits of a command of quotactl say whose quotas are meant (SUBCMDSHIFT of linux/quota.h).
const QUOTA_TYPE_BITS: u32 = 8;
const SECOND_NS: u64 = 1_000_000_000;

pub(super) fn memory_call(call: &mut Call<'_>) -> MemoryCall {
    let parameters = &call.parameters;
    let number = |name: &str| parameters.unsigned(name).unwrap_or(0);
    let flags = call.flags();
    let is_anonymous = call.name.starts_with("mmap") && flags & MAP_ANONYMOUS != 0;
    let descriptor = call.given("fd").map(|descriptor| match is_anonymous {
        // Whatever the number is, it is not looked at.
        true => Descriptor { kind: None, ..descriptor },
        false => descriptor,
    });
    MemoryCall {
        address: number("addr"),
        length: parameters.unsigned("length").unwrap_or_else(|| number("len")),
        protection: parameters.kernel("prot").unwrap_or(0),
        flags,
        descriptor,
        offset: number("offset") | number("pgoffset").saturating_mul(OFFSET_UNIT),
    }
}

pub(super) fn module_call(call: &mut Call<'_>) -> ModuleCall {
    let parameters = &call.parameters;
    ModuleCall {
        name: parameters.text("name").unwrap_or_default().to_vec(),
        arguments: parameters.text("uargs").unwrap_or_default().to_vec(),
        descriptor: call.given("fd"),
        length: parameters.unsigned("length").unwrap_or(0),
        flags: call.flags(),
    }
}

/// bpf, userfaultfd and io_uring_setup.
pub(super) fn maker(call: &mut Call<'_>) -> KernelCall {
    let parameters = call.parameters;
    let flags = call.flags();
    let command = parameters.kernel("cmd").unwrap_or(0);
    let (entry, is_maker) = match call.name {
        "bpf" => {
            let name: &[u8] = match command {
                BPF_MAP_CREATE => b"bpf-map",
                BPF_PROG_LOAD => b"bpf-prog",
                _ => b"bpf",
            };
            (Entry::other("bpf", name, 0, true), BPF_MAKES_DESCRIPTOR.contains(&command))
        }
        "userfaultfd" => {
            let is_close_on_exec = flags & CLOSE_ON_EXEC != 0;
            (Entry::other("userfaultfd", anonymous_name("userfaultfd"), 0, is_close_on_exec), true)
        }
        _ => (Entry::other("io_uring", anonymous_name("io_uring"), 0, true), true),
    };
    let words = ["entries", "sq_entries", "cq_entries", "sq_thread_cpu", "sq_thread_idle"];
    let words =
        words.iter().filter_map(|name| parameters.unsigned(name)).chain(parameters.kernel("features"));
    KernelCall {
        command,
        flags,
        words: words.collect(),
        descriptor: is_maker.then(|| call.make(entry)),
        text: Vec::new(),
    }
}

pub(super) fn kernel_call(call: &mut Call<'_>) -> KernelCall {
    let parameters = &call.parameters;
    let words = |names: &[&str]| names.iter().map(|name| parameters.unsigned(name).unwrap_or(0)).collect();
    let command = ["op", "opcode", "cmd"].iter().find_map(|name| parameters.kernel(name)).unwrap_or(0);
    let (command, words) = match call.name {
        "quotactl" => {
            let whose = parameters.kernel("type").unwrap_or(0);
            (command << QUOTA_TYPE_BITS | whose, words(&["id"]))
        }
        "io_uring_enter" => (command, words(&["to_submit", "min_complete"])),
        "io_uring_register" => (command, words(&["arg", "nr_args"])),
        "futex" => (command, words(&["addr", "val"])),
        "nanosleep" => {
            let interval = parameters.unsigned("interval");
            let parts = interval.map(|interval| vec![interval / SECOND_NS, interval % SECOND_NS]);
            (command, parts.unwrap_or_default())
        }
        _ => (command, Vec::new()),
    };
    KernelCall {
        command,
        flags: call.flags(),
        words,
        descriptor: call.given("fd"),
        text: parameters.text("special").unwrap_or_default().to_vec(),
    }
}

/// Where the registers of a call without a message have its parameters.
pub(super) fn generic(call: &mut Call<'_>) -> GenericCall {
    let places: &[(usize, &str)] = match call.name {
        "semget" => &[(0, "key"), (1, "nsems"), (2, "semflg")],
        "semctl" => &[(0, "semid"), (1, "semnum"), (2, "cmd"), (3, "val")],
        "semop" => &[(0, "semid"), (2, "nsops")],
        "poll" => &[(2, "timeout")],
        _ => &[],
    };
    let parameters = call.parameters;
    registers(places.iter().map(|(place, name)| (*place, parameters.kernel(name).map(u64::cast_signed))))
}
