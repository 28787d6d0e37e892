use std::{fs, os::unix::fs::MetadataExt};

use eyrie_proto::event::{Open, PathCall, TwoPathCall, event::Kind};
use test_requirements::{Requirement, requires};

use super::scene::{AT_FDCWD, asked, bytes_of, folder, performed};
use test_programs::{Abi, Program};

const ENOENT: i64 = -2;
const O_DIRECTORY: u32 = 0o200_000;
const AT_REMOVEDIR: u32 = 0x200;
const AT_EMPTY_PATH: u32 = 0x1000;
const RENAME_NOREPLACE: u32 = 1;

/// The descriptor of `inner` in the programs of this file: the first that they open.
const INNER: u32 = 3;

fn path_call(kind: &Kind) -> &PathCall {
    match kind {
        Kind::PathCall(call) => call,
        other => panic!("{other:?}"),
    }
}

/// Opens `inner`, so that its descriptor is [`INNER`].
fn program() -> Program {
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let inner = program.text("inner");
    program.call("openat", &[AT_FDCWD, inner, O_DIRECTORY]);
    program
}

/// Scenario: files and directories are made, renamed, linked and removed, by paths and by descriptors of directories; one is missing.
/// Guarantees: each path as it was given, what it starts from, the flags and modes; the file system has what the events say.
#[test]
fn names() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let inner = folder.join("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(folder.join("gone"), "").unwrap();
    fs::write(folder.join("a"), "").unwrap();
    let mut program = program();
    let texts = ["m", "n", "gone", "a", "b", "c", "d", "hard", "to", "sym", "fifo"];
    let [m, n, gone, a, b, c, d, hard, to, sym, fifo] = texts.map(|text| program.text(text));
    let e = folder.join("e");
    let absolute = program.text(bytes_of(&e));
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
    ];
    let scene = performed(&calls, Abi::X86_64, program, &folder);

    let one = |requested, fd, base| PathCall { path: asked(requested, fd, base), ..PathCall::default() };
    let path = |name, expected| assert_eq!(scene.only(name), (0, Kind::PathCall(expected)), "{name}");
    path("mkdir", PathCall { mode: 0o750, ..one("m", -100, &folder) });
    path("mkdirat", PathCall { mode: 0o700, ..one("n", 3, &inner) });
    path("rmdir", one("m", -100, &folder));
    path("unlinkat", PathCall { flags: AT_REMOVEDIR.into(), ..one("n", 3, &inner) });
    path("mknodat", PathCall { mode: 0o010_600, ..one("fifo", 3, &inner) });
    let unlinked = Kind::PathCall(one("gone", -100, &folder));
    assert_eq!(scene.all("unlink"), [(0, unlinked.clone()), (ENOENT, unlinked)]);
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

/// Scenario: permissions, owners, attributes and times of files are changed and asked for, by paths, by descriptors and by both.
/// Guarantees: modes, owners, flags and names; the descriptor where the call is about it and not where it is a directory; stat
/// says the same.
#[test]
fn attributes() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let inner = folder.join("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(folder.join("f"), "0123456789").unwrap();
    fs::write(inner.join("g"), "").unwrap();
    let mut program = program();
    let [f, g, none, attribute, missing] =
        ["f", "g", "", "user.eyrie", "missing"].map(|text| program.text(text));
    let buffer = program.bytes(&[0; 256]);
    program.call("chown", &[f, 7, 8]);
    program.call("fchownat", &[INNER, g, 9, u32::MAX, 0]);
    program.call("chmod", &[f, 0o4711]);
    program.call("fchmod", &[INNER, 0o711]);
    program.call("fchmodat", &[INNER, g, 0o640]);
    program.call("truncate", &[f, 4]);
    program.call("access", &[missing, 4]);
    program.call("faccessat", &[INNER, g, 2]);
    program.call("newfstatat", &[INNER, none, buffer, AT_EMPTY_PATH]);
    program.call("fstat", &[INNER, buffer]);
    program.call("utimensat", &[INNER, 0, 0, 0]);
    program.call("setxattr", &[f, attribute, buffer, 1, 1]);
    program.call("getcwd", &[buffer, 256]);
    let calls = [
        "chown",
        "fchownat",
        "chmod",
        "fchmod",
        "fchmodat",
        "truncate",
        "access",
        "faccessat",
        "newfstatat",
        "fstat",
        "utimensat",
        "setxattr",
        "getcwd",
    ];
    let scene = performed(&calls, Abi::X86_64, program, &folder);

    let one = |requested, fd, base| PathCall { path: asked(requested, fd, base), ..PathCall::default() };
    let path =
        |name, result, expected| assert_eq!(scene.only(name), (result, Kind::PathCall(expected)), "{name}");
    path("chown", 0, PathCall { uid: 7, gid: 8, ..one("f", -100, &folder) });
    path("fchownat", 0, PathCall { uid: 9, gid: u32::MAX, ..one("g", 3, &inner) });
    path("chmod", 0, PathCall { mode: 0o4711, ..one("f", -100, &folder) });
    path("fchmodat", 0, PathCall { mode: 0o640, ..one("g", 3, &inner) });
    path("truncate", 0, one("f", -100, &folder));
    path("access", ENOENT, PathCall { mode: 4, ..one("missing", -100, &folder) });
    path("faccessat", 0, PathCall { mode: 2, ..one("g", 3, &inner) });
    let (_, set) = scene.only("setxattr");
    assert_eq!((path_call(&set).name.as_slice(), path_call(&set).flags), (&b"user.eyrie"[..], 1));
    for name in ["fchmod", "newfstatat", "fstat", "utimensat"] {
        let (result, kind) = scene.only(name);
        assert_eq!(result, 0, "{name}");
        let path = if name == "newfstatat" { asked("", 3, &inner) } else { None };
        assert_eq!(path_call(&kind).path, path, "{name}");
        assert_eq!(scene.check(path_call(&kind).descriptor.as_ref()), 3, "{name}");
    }
    let length = bytes_of(&folder).len() as i64 + 1;
    path("getcwd", length, one(folder.to_str().unwrap(), -100, &folder));

    let meta = fs::metadata(folder.join("f")).unwrap();
    assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777, meta.size()), (7, 8, 0o4711, 4));
    let meta = fs::metadata(inner.join("g")).unwrap();
    assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (9, 0, 0o640));
}

/// Scenario: a handle of a file is made and opened, and a wrong one. Guarantees: the kernel's path, the mount's descriptor and what
/// was opened; nothing was opened where it failed.
#[test]
fn open_by_handle() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::create_dir(folder.join("inner")).unwrap();
    fs::write(folder.join("inner/g"), "").unwrap();
    let mut program = program();
    let g = program.text("g");
    let handle = program.bytes(&[&128_u32.to_le_bytes()[..], &[0; 132]].concat());
    let wrong = program.bytes(&[0; 8]);
    let mount_id = program.bytes(&[0; 8]);
    program.call("name_to_handle_at", &[INNER, g, handle, mount_id, 0]);
    program.call("open_by_handle_at", &[INNER, handle, 2]);
    program.call("open_by_handle_at", &[INNER, wrong, 0]);
    let scene = performed(&["name_to_handle_at", "open_by_handle_at"], Abi::X86_64, program, &folder);
    let (result, named) = scene.only("name_to_handle_at");
    assert_eq!((result, &path_call(&named).path), (0, &asked("g", 3, &folder.join("inner"))));
    let opens = scene.all("open_by_handle_at");
    let [(4, Kind::Open(opened)), (..0, Kind::Open(failed))] = &opens[..] else { panic!("{opens:?}") };
    assert_eq!(scene.check(opened.descriptor.as_ref()), 4);
    let path = opened.path.as_ref().unwrap();
    assert_eq!((&path.resolved, path.directory_fd), (&bytes_of(&folder.join("inner/g")), 3));
    assert_eq!((&path.base, path.requested.len()), (&path.resolved, 0));
    assert_eq!(opened.flags, 2);
    let path = asked("", 3, std::path::Path::new(""));
    assert_eq!(failed, &Open { path, ..Open::default() });
}
