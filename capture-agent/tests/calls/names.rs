use std::{fs, os::unix::fs::MetadataExt};

use eyrie_proto::event::{PathCall, TwoPathCall, event::Kind};
use test_requirements::{Requirement, requires};

use super::scene::{AT_FDCWD, asked, bytes_of, folder, performed};
use test_programs::{Abi, Program};

const ENOENT: i64 = -2;
const O_DIRECTORY: u32 = 0o200_000;
const AT_REMOVEDIR: u32 = 0x200;
const RENAME_NOREPLACE: u32 = 1;

/// The descriptor of `inner` in the programs of this file: the first that they open.
pub(super) const INNER: u32 = 3;

/// Opens `inner`, so that its descriptor is [`INNER`].
pub(super) fn program(abi: Abi) -> Program {
    let mut program = Program::with_nothing_open(abi);
    let inner = program.text("inner");
    program.call("openat", &[AT_FDCWD, inner, O_DIRECTORY]);
    program
}

/// Scenario: files and directories are made, renamed, linked and removed, by paths and by descriptors of directories; one is missing.
/// Guarantees: each path as it was given, what it starts from, the flags and modes; the file system has what the events say.
#[test]
fn names() {
    names_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn names_32() {
    names_of(Abi::I386);
}

fn names_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let inner = folder.join("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(folder.join("gone"), "").unwrap();
    fs::write(folder.join("a"), "").unwrap();
    let mut program = program(abi);
    let texts = ["m", "n", "gone", "a", "b", "c", "d", "hard", "to", "sym", "fifo", "dev"];
    let [m, n, gone, a, b, c, d, hard, to, sym, fifo, device] = texts.map(|text| program.text(text));
    let e = folder.join("e");
    let absolute = program.text(bytes_of(&e));
    let buffer = program.bytes(&[0; 64]);
    program.call("mkdir", &[m, 0o750]);
    program.call("mkdirat", &[INNER, n, 0o700]);
    program.call("rmdir", &[m]);
    program.call("unlink", &[gone]);
    program.call("unlink", &[gone]);
    program.call("unlinkat", &[INNER, n, AT_REMOVEDIR]);
    program.call("rename", &[a, b]);
    program.call("renameat", &[AT_FDCWD, b, INNER, c]);
    program.call("renameat2", &[INNER, c, AT_FDCWD, d, RENAME_NOREPLACE]);
    program.call("link", &[d, absolute]);
    program.call("linkat", &[AT_FDCWD, d, INNER, hard, 0]);
    program.call("symlink", &[to, sym]);
    program.call("symlinkat", &[to, INNER, sym]);
    program.call("mknodat", &[INNER, fifo, 0o010_600, 0]);
    program.call("mknod", &[device, 0o020_640, 0x1103]);
    program.call("readlink", &[sym, buffer, 64]);
    program.call("readlinkat", &[INNER, sym, buffer, 64]);
    let calls = [
        "mkdir",
        "mkdirat",
        "rmdir",
        "unlink",
        "unlinkat",
        "rename",
        "renameat",
        "renameat2",
        "link",
        "linkat",
        "symlink",
        "symlinkat",
        "mknodat",
        "mknod",
        "readlink",
        "readlinkat",
    ];
    let scene = performed(&calls, abi, program, &folder);

    let one = |requested, fd, base| PathCall { path: asked(requested, fd, base), ..PathCall::default() };
    let path = |name, expected| assert_eq!(scene.only(name), (0, Kind::PathCall(expected)), "{name}");
    path("mkdir", PathCall { mode: 0o750, ..one("m", -100, &folder) });
    path("mkdirat", PathCall { mode: 0o700, ..one("n", 3, &inner) });
    path("rmdir", one("m", -100, &folder));
    path("unlinkat", PathCall { flags: AT_REMOVEDIR.into(), ..one("n", 3, &inner) });
    path("mknod", PathCall { mode: 0o020_640, device: 0x1103, ..one("dev", -100, &folder) });
    assert_eq!(fs::metadata(folder.join("dev")).unwrap().rdev(), rustix::fs::makedev(0x11, 3));
    path("mknodat", PathCall { mode: 0o010_600, ..one("fifo", 3, &inner) });
    let unlinked = Kind::PathCall(one("gone", -100, &folder));
    assert_eq!(scene.all("unlink"), [(0, unlinked.clone()), (ENOENT, unlinked)]);
    for (name, expected) in [("readlink", one("sym", -100, &folder)), ("readlinkat", one("sym", 3, &inner))] {
        assert_eq!(scene.only(name), (2, Kind::PathCall(expected)), "{name}");
    }
    let two = |name, source, target, flags| {
        let expected = TwoPathCall { source, target, flags, ..TwoPathCall::default() };
        assert_eq!(scene.only(name), (0, Kind::TwoPathCall(expected)), "{name}");
    };
    let of = |requested| asked(requested, -100, &folder);
    let of_inner = |requested| asked(requested, 3, &inner);
    two("rename", of("a"), of("b"), 0);
    two("renameat", of("b"), of_inner("c"), 0);
    two("renameat2", of_inner("c"), of("d"), 1);
    two("link", of("d"), of(e.to_str().unwrap()), 0);
    two("linkat", of("d"), of_inner("hard"), 0);
    let target = asked("to", -100, std::path::Path::new(""));
    two("symlink", target.clone(), of("sym"), 0);
    two("symlinkat", target, of_inner("sym"), 0);

    let inode = |path: std::path::PathBuf| fs::symlink_metadata(path).unwrap().ino();
    assert_eq!(inode(folder.join("d")), inode(folder.join("e")));
    assert_eq!(inode(folder.join("d")), inode(inner.join("hard")));
    assert_eq!(fs::read_link(inner.join("sym")).unwrap().to_str(), Some("to"));
    assert!(!folder.join("gone").exists() && !inner.join("n").exists());
}

/// Scenario: the same calls on paths that lead nowhere. Guarantees: each is told with its paths as they were given and the error.
#[test]
fn names_that_are_not() {
    names_that_are_not_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn names_that_are_not_32() {
    names_that_are_not_of(Abi::I386);
}

fn names_that_are_not_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let inner = folder.join("inner");
    fs::create_dir(&inner).unwrap();
    let mut program = program(abi);
    let [none, to] = ["none/x", "to"].map(|text| program.text(text));
    let one = [
        ("mkdir", vec![none, 0o700], PathCall { mode: 0o700, ..PathCall::default() }),
        ("rmdir", vec![none], PathCall::default()),
        ("mknod", vec![none, 0o010_600, 0], PathCall { mode: 0o010_600, ..PathCall::default() }),
        ("readlink", vec![none, none, 4], PathCall::default()),
    ];
    let one_at = [
        ("mkdirat", vec![INNER, none, 0o700], PathCall { mode: 0o700, ..PathCall::default() }),
        ("unlinkat", vec![INNER, none, 0], PathCall::default()),
        ("mknodat", vec![INNER, none, 0o010_600, 0], PathCall { mode: 0o010_600, ..PathCall::default() }),
        ("readlinkat", vec![INNER, none, none, 4], PathCall::default()),
    ];
    let two = [("rename", vec![none, to]), ("link", vec![none, to])];
    let two_at = [
        ("renameat", vec![INNER, none, AT_FDCWD, to]),
        ("renameat2", vec![INNER, none, AT_FDCWD, to, 0]),
        ("linkat", vec![INNER, none, AT_FDCWD, to, 0]),
    ];
    let links = [("symlink", vec![to, none]), ("symlinkat", vec![to, INNER, none])];
    for (name, arguments, _) in one.iter().chain(&one_at) {
        program.call(name, arguments);
    }
    for (name, arguments) in two.iter().chain(&two_at).chain(&links) {
        program.call(name, arguments);
    }
    let names = one.iter().chain(&one_at).map(|(name, ..)| *name);
    let names: Vec<_> = names.chain(two.iter().chain(&two_at).chain(&links).map(|(name, _)| *name)).collect();
    let scene = performed(&names, abi, program, &folder);

    let here = |path| asked(path, -100, &folder);
    let there = |path| asked(path, 3, &inner);
    for (calls, path) in [(one, here("none/x")), (one_at, there("none/x"))] {
        for (name, _, rest) in calls {
            let expected = PathCall { path: path.clone(), ..rest };
            assert_eq!(scene.only(name), (ENOENT, Kind::PathCall(expected)), "{name}");
        }
    }
    let target = asked("to", -100, std::path::Path::new(""));
    let pairs = [
        ("rename", here("none/x"), here("to")),
        ("link", here("none/x"), here("to")),
        ("renameat", there("none/x"), here("to")),
        ("renameat2", there("none/x"), here("to")),
        ("linkat", there("none/x"), here("to")),
        ("symlink", target.clone(), here("none/x")),
        ("symlinkat", target, there("none/x")),
    ];
    for (name, source, target) in pairs {
        let expected = TwoPathCall { source, target, ..TwoPathCall::default() };
        assert_eq!(scene.only(name), (ENOENT, Kind::TwoPathCall(expected)), "{name}");
    }
}
