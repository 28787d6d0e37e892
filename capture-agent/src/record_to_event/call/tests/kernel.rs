use eyrie_proto::event::{GenericCall, KernelCall, MemoryCall, ModuleCall};
use proptest::prelude::*;

use super::*;

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Scenario: mmap of a file and of none, of 32-bit programs in both ways, mprotect. Guarantees: the file that is mapped and none where none
/// is; offsets in bytes; arguments that lie in memory.
#[test]
fn memory() {
    let of = |record: &DetailedCall<'_>| match event(record) {
        Kind::MemoryCall(call) => call,
        other => panic!("{other:?}"),
    };
    let file = info(3, 0xef53, b"/lib");
    let mapped = MemoryCall {
        length: 4096,
        protection: 5,
        flags: 2,
        descriptor: a_file(3, b"/lib"),
        offset: 8192,
        ..MemoryCall::default()
    };
    let mmap = DetailedCall { first: file, ..call("mmap", [0, 4096, 5, 2, 3, 8192], 0x7f00_0000_0000) };
    assert_eq!(of(&mmap), mapped);
    let mmap2 = DetailedCall { first: file, ..compat_call("mmap2", [0, 4096, 5, 2, 3, 2], 0xf700_0000) };
    assert_eq!(of(&mmap2), mapped);
    let anonymous = DetailedCall { first: file, ..call("mmap", [0, 4096, 3, 0x22, 3, 0], 0x7f00_0000_0000) };
    assert_eq!(of(&anonymous).descriptor, without_kind(3));
    let data = words(&[0, 4096, 5, 2, 3, 8192]);
    let old = DetailedCall { data: &data, ..compat_call("mmap", [9, 0, 0, 0, 0, 0], 0xf700_0000) };
    assert_eq!(of(&old), MemoryCall { descriptor: without_kind(3), ..mapped });
    let protect = MemoryCall { address: 0x1000, length: 4096, protection: 7, ..MemoryCall::default() };
    assert_eq!(of(&call("mprotect", [0x1000, 4096, 7, 9, 9, 9], 0)), protect);
}

/// Scenario: modules are loaded from memory and from a file, and removed. Guarantees: arguments, name, file, size and flags each in its
/// place.
#[test]
fn modules() {
    let of = |record: &DetailedCall<'_>| match event(record) {
        Kind::ModuleCall(call) => call,
        other => panic!("{other:?}"),
    };
    let init = DetailedCall { text: b"debug=1", ..call("init_module", [9, 5000, 9, 0, 0, 0], -1) };
    let expected = ModuleCall { arguments: b"debug=1".to_vec(), length: 5000, ..ModuleCall::default() };
    assert_eq!(of(&init), expected);
    let finit = DetailedCall {
        first: info(3, 0xef53, b"/m.ko"),
        text: b"",
        ..call("finit_module", [3, 9, 1, 0, 0, 0], 0)
    };
    let expected = ModuleCall { descriptor: a_file(3, b"/m.ko"), flags: 1, ..ModuleCall::default() };
    assert_eq!(of(&finit), expected);
    let delete = DetailedCall { text: b"evil", ..call("delete_module", [9, 0x800, 0, 0, 0, 0], 0) };
    assert_eq!(of(&delete), ModuleCall { name: b"evil".to_vec(), flags: 0x800, ..ModuleCall::default() });
}

/// Scenario: bpf commands that load, make and look up, with a structure that is shorter than what was read; io_uring_setup;
/// perf_event_open; a host's name; clocks of both widths. Guarantees: types, names and words of the structures; no descriptor where the
/// result is none; nothing of what lies behind a structure.
#[test]
fn structures() {
    let of = |record: &DetailedCall<'_>| match event(record) {
        Kind::KernelCall(call) => call,
        other => panic!("{other:?}"),
    };
    let map = info(4, 0x0904_1934, b"/bpf-map");
    let mut attributes = words(&[5, 8]);
    attributes.resize(48, 0);
    attributes.extend_from_slice(b"probe\0\0\0\0\0\0\0\0\0\0\0");
    let load = DetailedCall { first: map, data: &attributes, ..call("bpf", [5, 9, 144, 0, 0, 0], 4) };
    let expected = KernelCall {
        command: 5,
        words: vec![144, 5],
        descriptor: another(4, "bpf", b"bpf-map"),
        text: b"probe".to_vec(),
        ..KernelCall::default()
    };
    assert_eq!(of(&load), expected);
    let short = of(&DetailedCall { first: map, data: &attributes, ..call("bpf", [5, 9, 40, 0, 0, 0], 4) });
    assert_eq!(short.text, b"");
    let lookup = of(&DetailedCall { first: map, data: &attributes, ..call("bpf", [1, 9, 32, 0, 0, 0], 4) });
    assert_eq!((lookup.words, lookup.descriptor), (vec![32], None));

    let ring = words(&[8, 16, 0x40, 1, 2, 0xff]);
    let ring = DetailedCall {
        first: info(4, 0x0904_1934, b"/[io_uring]"),
        data: &ring,
        ..call("io_uring_setup", [8, 9, 0, 0, 0, 0], 4)
    };
    let ring = of(&ring);
    assert_eq!((ring.flags, ring.words), (0x40, vec![8, 8, 16, 1, 2, 0xff]));
    assert_eq!(ring.descriptor, another(4, "io_uring", b"[io_uring]"));
    let event = [words(&[1, 136]), 9_u64.to_ne_bytes().to_vec()].concat();
    let perf = of(&DetailedCall {
        data: &event,
        ..call("perf_event_open", [9, 44, MINUS_ONE, MINUS_ONE, 8, 0], -13)
    });
    assert_eq!((perf.command, perf.flags, perf.words), (1, 8, vec![44, u64::MAX, u64::MAX, 9]));
    let name = of(&DetailedCall { data: b"host-behind", ..call("sethostname", [9, 4, 0, 0, 0, 0], 0) });
    assert_eq!(name.text, b"host");
    let wide = [7_u64.to_ne_bytes(), 8_u64.to_ne_bytes()].concat();
    let clock = of(&DetailedCall { data: &wide, ..call("clock_settime", [0, 9, 0, 0, 0, 0], -1) });
    assert_eq!((clock.command, clock.words), (0, vec![7, 8]));
    let narrow = words(&[7, 8]);
    let sleep = of(&DetailedCall { data: &narrow, ..compat_call("nanosleep", [9, 0, 0, 0, 0, 0], 0) });
    assert_eq!(sleep.words, [7, 8]);
}

/// Scenario: a call without a message of its own, and a number that no call has. Guarantees: six registers.
#[test]
fn any_other_call() {
    let expected = GenericCall { arguments: vec![1, 2, 3, 4, 5, 6] };
    assert_eq!(plain_event(&call("poll", [1, 2, 3, 4, 5, 6], 0)), Kind::GenericCall(expected.clone()));
    let mut unknown = call("poll", [1, 2, 3, 4, 5, 6], 0);
    unknown.header.call_number = u32::MAX;
    assert_eq!(plain_event(&unknown), Kind::GenericCall(expected));
}

proptest! {
    /// Scenario: any call with any registers, result and parts. Guarantees: an event, no panic.
    #[test]
    fn any_record_is_an_event(
        (number, is_compat, result) in (0_u32..600, any::<bool>(), any::<i64>()),
        arguments in any::<[u64; 6]>(),
        (text, data, address) in any::<(Vec<u8>, Vec<u8>, Vec<u8>)>(),
        (fd, family, file_system) in any::<(i32, u16, u64)>(),
    ) {
        let mut record = DetailedCall {
            first: DescriptorInfo { family, ..info(fd, file_system, &text) },
            second: info(fd, file_system, &data),
            path: path_info(&text, fd, &data),
            second_path: path_info(&data, fd, &text),
            text: &text,
            data: &data,
            address: &address,
            control: &data,
            ..call("read", arguments, result)
        };
        record.header.call_number = number;
        record.header.flags |= if is_compat { flag::COMPAT32 } else { 0 };
        event(&record);
        plain_event(&record);
    }
}
