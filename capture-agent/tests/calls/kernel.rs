use std::fs;

use eyrie_proto::event::{KernelCall, MemoryCall, event::Kind};
use test_requirements::{Requirement, requires};

use super::scene::{AT_FDCWD, folder, performed};
use test_programs::{Abi, Program};

const MAP_PRIVATE: u32 = 2;
const MAP_FIXED_ANONYMOUS: u32 = 0x32;
const FILE_AT: u32 = 0x1000_0000;
const ANONYMOUS_AT: u32 = 0x2000_0000;

/// Scenario: a file and plain memory are mapped, protected and unmapped. Guarantees: addresses, sizes, protection, flags and the file; the
/// program's maps in /proc say the same.
#[test]
fn memory() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::write(folder.join("f"), [b'x'; 8192]).unwrap();
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let f = program.text("f");
    program.call("openat", &[AT_FDCWD, f, 0]);
    program.call("mmap", &[FILE_AT, 4096, 1, MAP_PRIVATE, 3, 4096]);
    program.call("mmap", &[ANONYMOUS_AT, 8192, 3, MAP_FIXED_ANONYMOUS, 3, 0]);
    program.call("mprotect", &[ANONYMOUS_AT, 4096, 5]);
    program.call("munmap", &[ANONYMOUS_AT + 4096, 4096]);
    program.call("brk", &[0]);
    let scene = performed(&["mmap", "mprotect", "munmap", "brk"], Abi::X86_64, program, &folder);

    let mapped = scene.all("mmap");
    let [(at, Kind::MemoryCall(file)), (_, Kind::MemoryCall(plain))] = &mapped[..] else {
        panic!("{mapped:?}")
    };
    assert_eq!(*at, i64::from(FILE_AT));
    assert_eq!(scene.check(file.descriptor.as_ref()), 3);
    assert_eq!((file.address, file.length, file.protection), (FILE_AT.into(), 4096, 1));
    assert_eq!((file.flags, file.offset), (MAP_PRIVATE.into(), 4096));
    assert_eq!((plain.flags, &plain.descriptor.as_ref().unwrap().kind), (MAP_FIXED_ANONYMOUS.into(), &None));
    let at = |address: u32, length, protection| MemoryCall {
        address: address.into(),
        length,
        protection,
        ..MemoryCall::default()
    };
    assert_eq!(scene.only("mprotect"), (0, Kind::MemoryCall(at(ANONYMOUS_AT, 4096, 5))));
    assert_eq!(scene.only("munmap"), (0, Kind::MemoryCall(at(ANONYMOUS_AT + 4096, 4096, 0))));
    assert!(matches!(scene.only("brk"), (0.., Kind::MemoryCall(_))));
    let maps = scene.proc("maps");
    assert!(
        maps.contains("10000000-10001000 r--p 00001000") && maps.contains("20000000-20001000 r-xp"),
        "{maps}"
    );
}

/// Scenario: calls on the kernel that fail or change nothing: keys, quotas, a filter, a clock, a nap. Guarantees: commands, words and
/// text where the contract has them.
#[test]
fn commands() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let [kind, description, device] = ["user", "eyrie-key", "/dev/none"].map(|text| program.text(text));
    let payload = program.bytes(b"x");
    let time = program.words(&[0, 1000]);
    let wrong = program.words(&[5, 2_000_000_000]);
    program.call("add_key", &[kind, description, payload, 1, 0x7fff_0000]);
    program.call("keyctl", &[0x77, 1, 2, 3, 4]);
    program.call("quotactl", &[0x0080_0000, device, 9, 0]);
    program.call("seccomp", &[0x55, 6, 0]);
    program.call("nanosleep", &[time, 0]);
    program.call("clock_settime", &[0, wrong]);
    let calls = ["add_key", "keyctl", "quotactl", "seccomp", "nanosleep", "clock_settime"];
    let scene = performed(&calls, Abi::X86_64, program, &folder);

    let check = |name, is_success: bool, expected| {
        let (result, kind) = scene.only(name);
        assert_eq!((result >= 0, kind), (is_success, Kind::KernelCall(expected)), "{name}: {result}");
    };
    let text = |text: &[u8]| KernelCall { text: text.to_vec(), ..KernelCall::default() };
    check("add_key", false, KernelCall { words: vec![1, 0x7fff_0000], ..text(b"eyrie-key") });
    check("keyctl", false, KernelCall { command: 0x77, words: vec![1, 2, 3, 4], ..KernelCall::default() });
    check("quotactl", false, KernelCall { command: 0x0080_0000, words: vec![9], ..text(b"/dev/none") });
    check("seccomp", false, KernelCall { command: 0x55, flags: 6, ..KernelCall::default() });
    check("nanosleep", true, KernelCall { words: vec![0, 1000], ..KernelCall::default() });
    check("clock_settime", false, KernelCall { words: vec![5, 2_000_000_000], ..KernelCall::default() });
}
