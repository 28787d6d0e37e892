use std::{fs, os::unix::fs::MetadataExt, path::Path};

use eyrie_proto::event::{ChangeDirectory, Descriptor, Open, PathArgument, descriptor, event::Kind};
use test_requirements::{Requirement, requires};

use super::{
    names::{INNER, program},
    scene::{AT_FDCWD, Scene, asked, bytes_of, folder, performed},
};
use test_programs::Abi;

const ENOENT: i64 = -2;
const EBADF: i64 = -9;
const ENOTDIR: i64 = -20;
const O_WRONLY_CREAT_TRUNC: u32 = 0o1101;
const O_RDWR_CREAT: u32 = 0o102;
const O_CREAT_EXCL: u32 = 0o300;
/// RESOLVE_BENEATH of openat2.
const BENEATH: u32 = 8;

fn opens(scene: &Scene, name: &str) -> Vec<(i64, Open)> {
    let of = |(result, kind)| match kind {
        Kind::Open(open) => (result, open),
        other => panic!("{name}: {other:?}"),
    };
    scene.all(name).into_iter().map(of).collect()
}

/// Fails the test unless a descriptor is a file as /proc and stat have it, on its device.
fn check_file(scene: &Scene, descriptor: Option<&Descriptor>) -> i32 {
    let fd = scene.check(descriptor);
    let Some(descriptor::Kind::File(file)) = descriptor.and_then(|own| own.kind.as_ref()) else { panic!() };
    let device = fs::metadata(format!("/proc/{}/fd/{fd}", scene.pid())).unwrap().dev();
    let [major, minor] = [rustix::fs::major(device), rustix::fs::minor(device)].map(u64::from);
    assert_eq!((file.device, file.is_deleted, file.is_truncated), (major << 20 | minor, false, false));
    fd
}

/// Scenario: files are opened and made by each call that can, by paths of every kind. Guarantees: the path as it was given, what it
/// starts from and the kernel's own, flags, mode, and what was opened as /proc and stat have it; whether it was made.
#[test]
fn opened() {
    opened_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same; there a program's descriptors are not of large files unless it
/// says so.
#[test]
fn opened_32() {
    opened_of(Abi::I386);
}

fn opened_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let inner = folder.join("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(folder.join("f"), "x").unwrap();
    std::os::unix::fs::symlink("../f", inner.join("link")).unwrap();
    let mut program = program(abi);
    let [f, g, h, link] = ["f", "../g", "h", "link"].map(|text| program.text(text));
    let absolute = program.text(bytes_of(&folder.join("inner/..//f")));
    // Flags, mode and RESOLVE_*, of 64 bits each, or of 32 with the upper halves behind.
    let how = [O_RDWR_CREAT, 0o640, BENEATH].map(|word| u64::from(word).to_le_bytes()).concat();
    let how = program.bytes(&how);
    program.call("open", &[absolute, 0]); // 4
    program.call("openat", &[INNER, g, O_WRONLY_CREAT_TRUNC, 0o604]); // 5
    program.call("openat2", &[INNER, h, how, 24]); // 6
    program.call("creat", &[f, 0o600]); // 7
    program.call("open", &[link, 0]);
    program.call("openat", &[INNER, link, 0]); // 8
    let scene = performed(&["open", "openat", "openat2", "creat"], abi, program, &folder);

    let path = |argument: Option<PathArgument>, resolved: &Path| {
        Some(PathArgument { resolved: bytes_of(resolved), ..argument.unwrap() })
    };
    let check = |(result, open): &(i64, Open), number, expected: Open| {
        assert_eq!((*result, check_file(&scene, open.descriptor.as_ref())), (number, number as i32));
        // A 64-bit program's files may be of any size.
        let flags = open.flags & !0o100_000;
        assert_eq!(Open { descriptor: None, flags, ..open.clone() }, expected);
    };
    let plain = opens(&scene, "open");
    let f = folder.join("f");
    let given = format!("{}/inner/..//f", folder.display());
    check(&plain[0], 4, Open { path: path(asked(&given, -100, &folder), &f), ..Open::default() });
    let no_link = Open { path: asked("link", -100, &folder), ..Open::default() };
    assert_eq!(plain[1], (ENOENT, no_link));
    let at = opens(&scene, "openat");
    let [(3, directory), made, followed] = &at[..] else { panic!("{at:?}") };
    assert_eq!(check_file(&scene, directory.descriptor.as_ref()), 3);
    let open = Open { flags: O_WRONLY_CREAT_TRUNC, mode: 0o604, is_created: true, ..Open::default() };
    check(made, 5, Open { path: path(asked("../g", 3, &inner), &folder.join("g")), ..open });
    // Where a link leads is no place that its path says.
    let path_of_link = path(asked("link", 3, &inner), &f);
    check(followed, 8, Open { path: path_of_link, is_path_disputed: true, ..Open::default() });
    let open = Open { flags: O_RDWR_CREAT, mode: 0o640, resolve: BENEATH.into(), ..Open::default() };
    let open = Open { path: path(asked("h", 3, &inner), &inner.join("h")), is_created: true, ..open };
    check(&opens(&scene, "openat2")[0], 6, open);
    // It takes no flags.
    let open =
        Open { path: path(asked("f", -100, &folder), &f), flags: O_WRONLY_CREAT_TRUNC, ..Open::default() };
    check(&opens(&scene, "creat")[0], 7, Open { mode: 0o600, ..open });
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(
        (mode(&folder.join("g")), mode(&inner.join("h")), fs::read(&f).unwrap().len()),
        (0o604, 0o640, 0)
    );
}

/// Scenario: files that are not there, that are there already, below a file and below a descriptor that is not open, are opened.
/// Guarantees: paths, flags and modes as they were given; nothing was opened, and the error.
#[test]
fn not_opened() {
    not_opened_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn not_opened_32() {
    not_opened_of(Abi::I386);
}

fn not_opened_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::create_dir(folder.join("inner")).unwrap();
    fs::write(folder.join("f"), "").unwrap();
    let mut program = program(abi);
    let [none, f, below] = ["none", "f", "f/x"].map(|text| program.text(text));
    let how = program.bytes(&[0; 24]);
    program.call("open", &[none, 0]);
    program.call("openat", &[99, none, 0]);
    program.call("openat", &[AT_FDCWD, f, O_CREAT_EXCL, 0o600]);
    program.call("openat2", &[INNER, none, how, 24]);
    program.call("creat", &[below, 0o600]);
    let scene = performed(&["open", "openat", "openat2", "creat"], abi, program, &folder);

    let open = |path| Open { path, ..Open::default() };
    let bare = |(result, open): (i64, Open)| (result, Open { flags: open.flags & !0o100_000, ..open });
    let only = |name| bare(opens(&scene, name).remove(0));
    assert_eq!(only("open"), (ENOENT, open(asked("none", -100, &folder))));
    let at: Vec<_> = opens(&scene, "openat").into_iter().map(bare).collect();
    let exclusive = Open { flags: O_CREAT_EXCL, mode: 0o600, ..open(asked("f", -100, &folder)) };
    assert_eq!(at[1..], [(EBADF, open(asked("none", 99, Path::new("")))), (-17, exclusive)]);
    assert_eq!(only("openat2"), (ENOENT, open(asked("none", 3, &folder.join("inner")))));
    let made = Open { flags: O_WRONLY_CREAT_TRUNC, mode: 0o600, ..open(asked("f/x", -100, &folder)) };
    assert_eq!(only("creat"), (ENOTDIR, made));
}

/// Scenario: a program changes its working directory by a path and by a descriptor, and tries what is none. Guarantees: the path as it was
/// given, what it starts from, and the working directory that holds afterwards, as /proc has it.
#[test]
fn directories() {
    directories_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn directories_32() {
    directories_of(Abi::I386);
}

fn directories_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let inner = folder.join("inner");
    fs::create_dir_all(inner.join("deep")).unwrap();
    let mut program = program(abi);
    let [deep, none] = ["inner/../inner/deep", "none"].map(|text| program.text(text));
    let buffer = program.bytes(&[0; 256]);
    program.call("chdir", &[deep]);
    program.call("chdir", &[none]);
    program.call("fchdir", &[99]);
    program.call("fchdir", &[INNER]);
    program.call("getcwd", &[buffer, 256]);
    program.call("getcwd", &[buffer, 2]);
    let scene = performed(&["chdir", "fchdir", "getcwd"], abi, program, &folder);

    let changes = |name| {
        let of = |(result, kind)| match kind {
            Kind::ChangeDirectory(change) => (result, change),
            other => panic!("{other:?}"),
        };
        scene.all(name).into_iter().map(of).collect::<Vec<(i64, ChangeDirectory)>>()
    };
    let deep = inner.join("deep");
    let [(0, by_path), (ENOENT, to_none)] = &changes("chdir")[..] else { panic!("{:?}", changes("chdir")) };
    // Where it was before is gone when the call returns.
    let path = asked("inner/../inner/deep", -100, Path::new(""));
    let path = Some(PathArgument { resolved: bytes_of(&deep), ..path.unwrap() });
    assert_eq!(by_path, &ChangeDirectory { path, working_directory: bytes_of(&deep) });
    let still = ChangeDirectory { path: asked("none", -100, &deep), working_directory: bytes_of(&deep) };
    assert_eq!(to_none, &still);
    let by_fd = changes("fchdir");
    let [(EBADF, refused), (0, moved)] = &by_fd[..] else { panic!("{by_fd:?}") };
    assert_eq!(
        (refused.path.as_ref().unwrap().directory_fd, &refused.working_directory),
        (99, &bytes_of(&deep))
    );
    assert_eq!((moved.path.as_ref().unwrap().directory_fd, &moved.working_directory), (3, &bytes_of(&inner)));
    let here = fs::read_link(format!("/proc/{}/cwd", scene.pid())).unwrap();
    assert_eq!(here, inner);
    let told = scene.all("getcwd");
    let [(length, Kind::PathCall(told)), (-34, Kind::PathCall(short))] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        (*length, &told.path),
        (bytes_of(&inner).len() as i64 + 1, &asked(inner.to_str().unwrap(), -100, &inner))
    );
    assert_eq!(short.path, None);
}
