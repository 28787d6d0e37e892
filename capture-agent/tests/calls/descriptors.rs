use std::fs;

use eyrie_proto::event::{Descriptor, DescriptorCall, KernelCall, PathCall, event::Kind};
use test_requirements::{Requirement, requires};

use super::scene::{AT_FDCWD, Scene, asked, folder, performed, without_kind};
use test_programs::{Abi, Program};

const EBADF: i64 = -9;
const O_CLOEXEC: u32 = 0o2_000_000;
const NONE: u32 = u32::MAX;
const F_DUPFD: u32 = 0;
const F_GETFL: u32 = 3;

fn descriptor_calls(scene: &Scene, name: &str) -> Vec<(i64, DescriptorCall)> {
    let of = |(result, kind)| match kind {
        Kind::DescriptorCall(call) => (result, call),
        other => panic!("{name}: {other:?}"),
    };
    scene.all(name).into_iter().map(of).collect()
}

fn only(scene: &Scene, name: &str) -> (i64, DescriptorCall) {
    let mut calls = descriptor_calls(scene, name);
    assert_eq!(calls.len(), 1, "{name}: {calls:?}");
    calls.remove(0)
}

/// Scenario: a descriptor of every kind is made, each by its call, and some calls fail. Guarantees: number, kind and inode are those
/// that /proc tells of the program while it still has them open; flags, arguments and names; a failure has its error for a number.
#[test]
fn made() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let pair = program.bytes(&[0; 8]);
    let mask = program.bytes(&[0; 8]);
    let name = program.text("eyrie");
    let etc = program.text("/etc");
    program.call("pipe2", &[pair, O_CLOEXEC]);
    program.call("pipe", &[1]);
    program.call("eventfd2", &[7, O_CLOEXEC]);
    program.call("eventfd", &[8]);
    program.call("epoll_create1", &[O_CLOEXEC]);
    program.call("epoll_create", &[1]);
    program.call("timerfd_create", &[1, O_CLOEXEC]);
    program.call("signalfd4", &[NONE, mask, 8, O_CLOEXEC]);
    program.call("inotify_init1", &[O_CLOEXEC]);
    program.call("inotify_add_watch", &[11, etc, 2]);
    program.call("memfd_create", &[name, 1]);
    program.call("pidfd_open", &[1, 0]);
    program.call("pidfd_open", &[NONE, 0]);
    program.call("fanotify_init", &[0, 0]);
    let calls = [
        "pipe2",
        "pipe",
        "eventfd2",
        "eventfd",
        "epoll_create1",
        "epoll_create",
        "timerfd_create",
        "signalfd4",
        "inotify_init1",
        "inotify_add_watch",
        "memfd_create",
        "pidfd_open",
        "fanotify_init",
    ];
    let scene = performed(&calls, Abi::X86_64, program, &folder);

    let (result, pipe) = only(&scene, "pipe2");
    assert_eq!((result, pipe.flags), (0, O_CLOEXEC.into()));
    assert_eq!([pipe.descriptor, pipe.second].map(|end| scene.check(end.as_ref())), [3, 4]);
    let (result, unwritten) = only(&scene, "pipe");
    assert_eq!((result, unwritten.descriptor, unwritten.second), (-14, without_kind(-1), without_kind(-1)));
    for (name, argument, flags) in [
        ("eventfd2", 7, O_CLOEXEC),
        ("eventfd", 8, 0),
        ("epoll_create1", 0, O_CLOEXEC),
        ("epoll_create", 1, 0),
        ("timerfd_create", 1, O_CLOEXEC),
        ("signalfd4", 0, O_CLOEXEC),
        ("inotify_init1", 0, O_CLOEXEC),
        ("memfd_create", 0, 1),
        ("fanotify_init", 0, 0),
    ] {
        let (result, call) = only(&scene, name);
        assert_eq!(i64::from(scene.check(call.descriptor.as_ref())), result, "{name}");
        assert_eq!((call.argument, call.flags), (argument, flags.into()), "{name}");
    }
    assert_eq!(only(&scene, "signalfd4").1.second, without_kind(-1));
    assert_eq!(only(&scene, "memfd_create").1.name, b"eyrie");
    let (result, Kind::PathCall(watch)) = scene.only("inotify_add_watch") else { panic!() };
    assert_eq!((result, scene.check(watch.descriptor.as_ref())), (1, 11));
    let expected = PathCall { path: asked("/etc", -100, &folder), flags: 2, ..PathCall::default() };
    assert_eq!(PathCall { descriptor: None, ..watch }, expected);
    let pidfds = descriptor_calls(&scene, "pidfd_open");
    let [(opened, process), (-22, refused)] = &pidfds[..] else { panic!("{pidfds:?}") };
    assert_eq!((i64::from(scene.check(process.descriptor.as_ref())), process.argument), (*opened, 1));
    assert_eq!(refused.descriptor, without_kind(-22));
}

/// Scenario: descriptors are copied in every way, one is asked for its flags, one is closed, a range is, and one that was never open.
/// Guarantees: the old one and the new one as /proc has them; no second one where the result is none; what is closed by its
/// number.
#[test]
fn copied_and_closed() {
    copied_and_closed_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn copied_and_closed_32() {
    copied_and_closed_of(Abi::I386);
}

fn copied_and_closed_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::write(folder.join("f"), "").unwrap();
    let mut program = Program::with_nothing_open(abi);
    let f = program.text("f");
    program.call("openat", &[AT_FDCWD, f, 0]);
    program.call("dup", &[3]);
    program.call("dup2", &[3, 20]);
    program.call("dup3", &[3, 21, O_CLOEXEC]);
    program.call("fcntl", &[3, F_DUPFD, 30]);
    program.call("fcntl", &[3, F_GETFL, 0]);
    program.call("dup", &[99]);
    program.call("dup2", &[99, 22]);
    program.call("dup3", &[99, 22, 0]);
    program.call("fcntl", &[99, F_DUPFD, 0]);
    program.call("dup", &[3]);
    program.call("close", &[5]);
    program.call("close", &[99]);
    program.call("close_range", &[40, 50, 0]);
    program.call("ioctl", &[3, 0x5421, 0]);
    program.call("flock", &[3, 2]);
    program.call("lseek", &[3, 6, 1]);
    let calls = ["dup", "dup2", "dup3", "fcntl", "close", "close_range", "ioctl", "flock", "lseek"];
    let scene = performed(&calls, abi, program, &folder);

    let copy = |call: &DescriptorCall| {
        [&call.descriptor, &call.second].map(|descriptor| scene.check(descriptor.as_ref()))
    };
    let dups = descriptor_calls(&scene, "dup");
    let [(4, dup), (EBADF, unopened), (5, _)] = &dups[..] else { panic!("{dups:?}") };
    assert_eq!(copy(dup), [3, 4]);
    assert_eq!([&unopened.descriptor, &unopened.second], [&without_kind(99), &without_kind(-9)]);
    let refused = |call: &DescriptorCall| {
        assert_eq!([&call.descriptor, &call.second], [&without_kind(99), &without_kind(-9)]);
    };
    let twice = |name: &str| {
        let calls = descriptor_calls(&scene, name);
        let [made, (EBADF, failed)] = &calls[..] else { panic!("{calls:?}") };
        refused(failed);
        made.clone()
    };
    let (20, dup2) = twice("dup2") else { panic!() };
    assert_eq!((copy(&dup2), dup2.argument), ([3, 20], 20));
    let (21, dup3) = twice("dup3") else { panic!() };
    assert_eq!((copy(&dup3), dup3.argument, dup3.flags), ([3, 21], 21, O_CLOEXEC.into()));
    let controls = descriptor_calls(&scene, "fcntl");
    let [(30, made), (_, asked), (EBADF, failed)] = &controls[..] else { panic!("{controls:?}") };
    assert_eq!((copy(made), made.command, made.argument), ([3, 30], F_DUPFD.into(), 30));
    refused(failed);
    assert_eq!((asked.command, &asked.second), (F_GETFL.into(), &None));
    let closed = |fd| DescriptorCall { descriptor: without_kind(fd), ..DescriptorCall::default() };
    assert_eq!(descriptor_calls(&scene, "close"), [(0, closed(5)), (EBADF, closed(99))]);
    assert!(!fs::exists(format!("/proc/{}/fd/5", scene.pid())).unwrap());
    let range = DescriptorCall { first: 40, last: 50, ..DescriptorCall::default() };
    let ranges = descriptor_calls(&scene, "close_range");
    assert_eq!(ranges.last(), Some(&(0, range)));
    for (name, command, argument) in [("ioctl", 0x5421, 0), ("flock", 2, 0), ("lseek", 1, 6)] {
        let (_, call) = only(&scene, name);
        assert_eq!(scene.check(call.descriptor.as_ref()), 3, "{name}");
        assert_eq!((call.command, call.argument), (command, argument), "{name}");
    }
}

/// Scenario: a map of BPF, an io_uring and a userfaultfd are made; a module is loaded from what is none. Guarantees: commands, flags, types
/// and names; the descriptors as /proc has them where this kernel allows them, and the error otherwise.
#[test]
fn of_the_kernel() {
    of_the_kernel_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn of_the_kernel_32() {
    of_the_kernel_of(Abi::I386);
}

fn of_the_kernel_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::write(folder.join("f"), "no module").unwrap();
    let mut program = Program::with_nothing_open(abi);
    // BPF_MAP_TYPE_ARRAY, sizes of key and value, entries; flags, inner map and NUMA node; a name.
    let words = [2_u32, 4, 8, 1, 0, 0, 0].map(u32::to_le_bytes).concat();
    let attributes = program.bytes(&[&words[..], b"eyrie_map\0\0\0\0\0\0\0", &[0; 28]].concat());
    let parameters = program.bytes(&[0; 120]);
    let [f, arguments, module] = ["f", "debug=1", "eyrie_none"].map(|text| program.text(text));
    program.call("bpf", &[0, attributes, 72]);
    program.call("bpf", &[1, attributes, 72]);
    program.call("io_uring_setup", &[8, parameters]);
    program.call("userfaultfd", &[1]);
    program.call("openat", &[AT_FDCWD, f, 0]);
    program.call("finit_module", &[99, arguments, 1]);
    program.call("init_module", &[attributes, 16, arguments]);
    program.call("delete_module", &[module, 0o4000]);
    let calls = ["bpf", "io_uring_setup", "userfaultfd", "finit_module", "init_module", "delete_module"];
    let scene = performed(&calls, abi, program, &folder);

    let kernel_call = |kind: &Kind| match kind {
        Kind::KernelCall(call) => call.clone(),
        other => panic!("{other:?}"),
    };
    let check = |result: i64, descriptor: &Option<Descriptor>| match result {
        ..0 => assert_eq!(descriptor, &without_kind(result as i32)),
        _ => assert_eq!(i64::from(scene.check(descriptor.as_ref())), result),
    };
    let bpf = scene.all("bpf");
    let [(made, map), (_, lookup)] = &bpf[..] else { panic!("{bpf:?}") };
    let map = kernel_call(map);
    check(*made, &map.descriptor);
    assert!(*made >= 3, "{made}");
    assert_eq!((map.command, map.words, map.text), (0, vec![72, 2], b"eyrie_map".to_vec()));
    let expected = KernelCall { command: 1, words: vec![72], ..KernelCall::default() };
    assert_eq!(kernel_call(lookup), expected);
    let (result, ring) = scene.only("io_uring_setup");
    let ring = kernel_call(&ring);
    check(result, &ring.descriptor);
    let entries = if result < 0 { [8, 0, 0] } else { [8, 8, 16] };
    assert_eq!(ring.words[..3], entries);
    let (result, fault) = scene.only("userfaultfd");
    let fault = kernel_call(&fault);
    check(result, &fault.descriptor);
    assert_eq!(fault.flags, 1);
    let module_call = |name| match scene.only(name) {
        (..0, Kind::ModuleCall(call)) => call,
        other => panic!("{name}: {other:?}"),
    };
    let file = module_call("finit_module");
    assert_eq!(
        (file.arguments.as_slice(), file.flags, file.descriptor),
        (&b"debug=1"[..], 1, without_kind(99))
    );
    let image = module_call("init_module");
    assert_eq!((image.arguments.as_slice(), image.length), (&b"debug=1"[..], 16));
    assert_eq!(module_call("delete_module").name, b"eyrie_none");
}
