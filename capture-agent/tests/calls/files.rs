use std::{fs, os::unix::fs::MetadataExt};

use eyrie_proto::event::{Open, PathCall, event::Kind};
use test_requirements::{Requirement, requires};

use super::{
    names::{INNER, program},
    scene::{asked, bytes_of, folder, performed},
};
use test_programs::Abi;

const ENOENT: i64 = -2;
const AT_EMPTY_PATH: u32 = 0x1000;

pub(super) fn path_call(kind: &Kind) -> &PathCall {
    match kind {
        Kind::PathCall(call) => call,
        other => panic!("{other:?}"),
    }
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
    let mut program = program(Abi::X86_64);
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
    path("truncate", 0, PathCall { length: 4, ..one("f", -100, &folder) });
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
    let mut program = program(Abi::X86_64);
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
