use std::{fs, os::unix::fs::MetadataExt};

use eyrie_proto::event::{DescriptorCall, MemoryCall, PathCall, ResourceLimit, TwoPathCall, event::Kind};
use test_requirements::{Requirement, requires};

use super::scene::{asked, folder, performed, without_kind};
use test_programs::{Abi, Program};

const MAPPED_AT: u32 = 0x1000_0000;

/// Scenario: a 32-bit program makes calls whose numbers and arguments differ from those of 64-bit ones: files, ids of 16 bits, narrow
/// limits, arguments in memory, 64-bit values in two registers. Guarantees: the same events as of a 64-bit program; stat and
/// /proc say the same.
#[test]
fn calls_of_32_bits() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::write(folder.join("f"), "0123456789").unwrap();
    fs::write(folder.join("gone"), "").unwrap();
    let mut program = Program::with_nothing_open(Abi::I386);
    let [f, gone, old, new] = ["f", "gone", "f", "g"].map(|text| program.text(text));
    let limits = program.words(&[10, u32::MAX]);
    let mapping = program.words(&[MAPPED_AT, 4096, 1, 2, 3, 0]);
    program.call("openat", &[-100_i32 as u32, f, 2]); // 3
    program.call("unlink", &[gone]);
    program.call("rename", &[old, new]);
    program.call("chown", &[new, 0xffff, 8]);
    program.call("chown32", &[new, 70_000, u32::MAX]);
    program.call("fcntl64", &[3, 0, 30]); // 30
    program.call("ftruncate64", &[3, 4, 0]);
    program.call("setrlimit", &[4, limits]);
    program.call("mmap", &[mapping]);
    let calls = ["unlink", "rename", "chown", "chown32", "fcntl64", "ftruncate64", "setrlimit", "mmap"];
    let scene = performed(&calls, Abi::I386, program, &folder);

    let of = |requested| asked(requested, -100, &folder);
    let unlinked = PathCall { path: of("gone"), ..PathCall::default() };
    assert_eq!(scene.only("unlink"), (0, Kind::PathCall(unlinked)));
    let renamed = TwoPathCall { source: of("f"), target: of("g"), ..TwoPathCall::default() };
    assert_eq!(scene.only("rename"), (0, Kind::TwoPathCall(renamed)));
    let owned = |uid, gid| Kind::PathCall(PathCall { path: of("g"), uid, gid, ..PathCall::default() });
    assert_eq!(scene.only("chown"), (0, owned(u32::MAX, 8)));
    assert_eq!(scene.only("chown32"), (0, owned(70_000, u32::MAX)));
    let (30, Kind::DescriptorCall(copied)) = scene.only("fcntl64") else { panic!() };
    assert_eq!([&copied.descriptor, &copied.second].map(|fd| scene.check(fd.as_ref())), [3, 30]);
    let (0, Kind::DescriptorCall(cut)) = scene.only("ftruncate64") else { panic!() };
    assert_eq!((scene.check(cut.descriptor.as_ref()), cut.argument), (3, 4));
    let (soft, hard) = (Some(10), Some(u64::MAX));
    let limit = ResourceLimit { resource: 4, new_soft: soft, new_hard: hard, ..ResourceLimit::default() };
    assert_eq!(scene.only("setrlimit"), (0, Kind::ResourceLimit(limit)));
    let mapped = MemoryCall {
        address: MAPPED_AT.into(),
        length: 4096,
        protection: 1,
        flags: 2,
        descriptor: without_kind(3),
        offset: 0,
    };
    assert_eq!(scene.only("mmap"), (MAPPED_AT.into(), Kind::MemoryCall(mapped)));
    let meta = fs::metadata(folder.join("g")).unwrap();
    assert_eq!((meta.uid(), meta.gid(), meta.size()), (70_000, 8, 4));
    // Old programs may execute what they may read.
    assert!(scene.proc("maps").contains("10000000-10001000 r-xp"), "{}", scene.proc("maps"));
}

/// Scenario: a 32-bit program makes, binds, and shuts down a socket by socketcall, and makes a pair; only some of its uses were asked for.
/// Guarantees: each is told as the call that it stands for; what was not asked for is not told.
#[test]
fn socketcall() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(Abi::I386);
    let address = program.bytes(&[2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let fds = program.bytes(&[0; 8]);
    let made = program.words(&[2, 2, 0]);
    let bound = program.words(&[3, address, 16]);
    let shut = program.words(&[3, 2]);
    let pair = program.words(&[1, 1, 0, fds]);
    program.call("socketcall", &[1, made]);
    program.call("socketcall", &[2, bound]);
    program.call("socketcall", &[13, shut]);
    program.call("socketcall", &[8, pair]);
    let scene = performed(&["socket", "bind", "socketpair"], Abi::I386, program, &folder);

    let (3, Kind::SocketCreate(created)) = scene.only("socket") else { panic!() };
    assert_eq!((created.family, created.r#type), (2, 2));
    assert_eq!(scene.check(created.descriptor.as_ref()), 3);
    let (0, Kind::Bind(bind)) = scene.only("bind") else { panic!() };
    assert_eq!(scene.check(bind.descriptor.as_ref()), 3);
    assert!(bind.requested.is_some());
    let (0, Kind::SocketCreate(both)) = scene.only("socketpair") else { panic!() };
    assert_eq!([&both.descriptor, &both.second].map(|fd| scene.check(fd.as_ref())), [4, 5]);
    assert_eq!((scene.all("shutdown"), scene.all("socketcall")), (Vec::new(), Vec::new()));
}

/// Scenario: a 32-bit program closes what is not open. Guarantees: numbers of both numberings are not confused: 6 is close here.
#[test]
fn close_is_close() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(Abi::I386);
    program.call("close", &[99]);
    let scene = performed(&["close"], Abi::I386, program, &folder);
    let closed = DescriptorCall { descriptor: without_kind(99), ..DescriptorCall::default() };
    assert_eq!(scene.only("close"), (-9, Kind::DescriptorCall(closed)));
}
