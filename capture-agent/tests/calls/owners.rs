use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
};

use eyrie_proto::event::{PathCall, event::Kind};
use test_requirements::{Requirement, requires};

use super::{
    files::path_call,
    names::{INNER, program},
    scene::{AT_FDCWD, asked, folder, performed, without_kind},
};
use test_programs::Abi;

const EBADF: i64 = -9;
const ENOENT: i64 = -2;
const AT_EMPTY_PATH: u32 = 0x1000;
const NOT_OPEN: u32 = 99;
const UNCHANGED: u32 = u32::MAX;

/// Scenario: permissions and owners of files are changed in every way: by paths, by descriptors, of a link itself, and by an empty
/// path. Guarantees: modes and ids as they were given, "unchanged" as such; the descriptor where the call is about it; stat
/// says the same.
#[test]
fn changed() {
    changed_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program, whose old calls have ids of 16 bits. Guarantees: the same.
#[test]
fn changed_32() {
    changed_of(Abi::I386);
}

fn changed_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let inner = folder.join("inner");
    fs::create_dir(&inner).unwrap();
    for name in ["a", "b", "c", "d"] {
        fs::write(inner.join(name), "").unwrap();
        fs::write(folder.join(name), "").unwrap();
    }
    symlink("a", folder.join("link")).unwrap();
    let mut program = program(abi);
    let [a, b, c, link, empty] = ["a", "b", "c", "link", ""].map(|text| program.text(text));
    program.call("chmod", &[a, 0o4711]);
    program.call("fchmod", &[INNER, 0o711]);
    program.call("fchmodat", &[INNER, a, 0o640]);
    program.call("fchmodat2", &[INNER, b, 0o604, 0]);
    program.call("chown", &[a, 7, 8]);
    program.call("lchown", &[link, 9, UNCHANGED]);
    program.call("fchown", &[INNER, UNCHANGED, 10]);
    program.call("fchownat", &[INNER, c, 11, 12, 0]);
    program.call("fchownat", &[INNER, empty, 13, UNCHANGED, AT_EMPTY_PATH]);
    let mut calls = vec!["chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat"];
    if abi == Abi::I386 {
        program.call("chown32", &[b, 70_000, 70_001]);
        program.call("lchown32", &[link, UNCHANGED, 70_002]);
        program.call("fchown32", &[INNER, 70_003, UNCHANGED]);
        calls.extend(["chown32", "lchown32", "fchown32"]);
    }
    let scene = performed(&calls, abi, program, &folder);

    let path = |name, expected| assert_eq!(scene.only(name), (0, Kind::PathCall(expected)), "{name}");
    let here = |path| PathCall { path: asked(path, -100, &folder), ..PathCall::default() };
    let there = |path| PathCall { path: asked(path, 3, &inner), ..PathCall::default() };
    let by_fd = |name, expected| {
        let (result, call) = scene.only(name);
        let call = path_call(&call).clone();
        assert_eq!((result, scene.check(call.descriptor.as_ref())), (0, 3), "{name}");
        assert_eq!(PathCall { descriptor: None, ..call }, expected, "{name}");
    };
    path("chmod", PathCall { mode: 0o4711, ..here("a") });
    by_fd("fchmod", PathCall { mode: 0o711, ..PathCall::default() });
    path("fchmodat", PathCall { mode: 0o640, ..there("a") });
    path("fchmodat2", PathCall { mode: 0o604, ..there("b") });
    path("chown", PathCall { uid: 7, gid: 8, ..here("a") });
    path("lchown", PathCall { uid: 9, gid: UNCHANGED, ..here("link") });
    by_fd("fchown", PathCall { uid: UNCHANGED, gid: 10, ..PathCall::default() });
    let owned = scene.all("fchownat");
    let [(0, named), (0, itself)] = &owned[..] else { panic!("{owned:?}") };
    assert_eq!(path_call(named), &PathCall { uid: 11, gid: 12, ..there("c") });
    let itself = path_call(itself).clone();
    assert_eq!(scene.check(itself.descriptor.as_ref()), 3);
    let expected = PathCall { uid: 13, gid: UNCHANGED, flags: AT_EMPTY_PATH.into(), ..there("") };
    assert_eq!(PathCall { descriptor: None, ..itself }, expected);
    if abi == Abi::I386 {
        path("chown32", PathCall { uid: 70_000, gid: 70_001, ..here("b") });
        path("lchown32", PathCall { uid: UNCHANGED, gid: 70_002, ..here("link") });
        by_fd("fchown32", PathCall { uid: 70_003, gid: UNCHANGED, ..PathCall::default() });
    }

    let stat = |path: &std::path::Path| {
        let meta = fs::symlink_metadata(path).unwrap();
        (meta.mode() & 0o7777, meta.uid(), meta.gid())
    };
    let is_wide = abi == Abi::I386;
    let either = |wide, narrow| if is_wide { wide } else { narrow };
    // A change of the owner takes the bits away by which a file runs as its owner.
    assert_eq!(stat(&folder.join("a")), (0o711, 7, 8));
    assert_eq!(stat(&inner.join("a")).0, 0o640);
    assert_eq!(stat(&inner.join("b")).0, 0o604);
    assert_eq!(stat(&folder.join("link")), (0o777, 9, either(70_002, 0)));
    assert_eq!(stat(&inner), (0o711, either(70_003, 13), 10));
    assert_eq!((stat(&inner.join("c")).1, stat(&inner.join("c")).2), (11, 12));
    assert_eq!(stat(&folder.join("b")).1, either(70_000, 0));
}

/// Scenario: permissions and owners of what is not there, and of descriptors that are not open. Guarantees: each is told with what was
/// asked for and the error.
#[test]
fn of_nothing() {
    of_nothing_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn of_nothing_32() {
    of_nothing_of(Abi::I386);
}

fn of_nothing_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let inner = folder.join("inner");
    fs::create_dir(&inner).unwrap();
    let mut program = program(abi);
    let none = program.text("none");
    let mode = PathCall { mode: 0o600, ..PathCall::default() };
    let owner = PathCall { uid: 5, gid: 6, ..PathCall::default() };
    let here = |call: &PathCall| PathCall { path: asked("none", -100, &folder), ..call.clone() };
    let there = |call: &PathCall| PathCall { path: asked("none", 3, &inner), ..call.clone() };
    let unopened = |call: &PathCall| PathCall { descriptor: without_kind(NOT_OPEN as i32), ..call.clone() };
    let mut calls = vec![
        ("chmod", vec![none, 0o600], ENOENT, here(&mode)),
        ("fchmod", vec![NOT_OPEN, 0o600], EBADF, unopened(&mode)),
        ("fchmodat", vec![INNER, none, 0o600], ENOENT, there(&mode)),
        ("fchmodat2", vec![AT_FDCWD, none, 0o600, 0], ENOENT, here(&mode)),
        ("chown", vec![none, 5, 6], ENOENT, here(&owner)),
        ("lchown", vec![none, 5, 6], ENOENT, here(&owner)),
        ("fchown", vec![NOT_OPEN, 5, 6], EBADF, unopened(&owner)),
        ("fchownat", vec![INNER, none, 5, 6, 0], ENOENT, there(&owner)),
    ];
    if abi == Abi::I386 {
        calls.extend([
            ("chown32", vec![none, 5, 6], ENOENT, here(&owner)),
            ("lchown32", vec![none, 5, 6], ENOENT, here(&owner)),
            ("fchown32", vec![NOT_OPEN, 5, 6], EBADF, unopened(&owner)),
        ]);
    }
    for (name, arguments, ..) in &calls {
        program.call(name, arguments);
    }
    let names: Vec<_> = calls.iter().map(|(name, ..)| *name).collect();
    let scene = performed(&names, abi, program, &folder);
    for (name, _, error, expected) in calls {
        assert_eq!(scene.only(name), (error, Kind::PathCall(expected)), "{name}");
    }
}
