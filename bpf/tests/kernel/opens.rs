use std::{
    fs::{self, File},
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::Path,
};

use eyrie_bpf::{FileInfo, Record, file_flag, flag};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use test_programs::{Abi, Program};
use test_requirements::{Requirement, requires};

use super::{
    actor::{actor, is_acting, run},
    loaded::{GENERATION, Loaded},
};

const AT_FDCWD: i32 = -100;

/// Compares with what stat says, for a file system on which it tells the device number of the kernel.
pub(crate) fn assert_is(info: &FileInfo, path: &Path) {
    let meta = fs::metadata(path).unwrap();
    let device = meta.dev();
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
    assert!(info.is_known());
    assert_eq!(info.inode, meta.ino());
    assert_eq!(info.device, major << 20 | minor);
    assert_eq!(info.mode, meta.mode());
    assert_eq!((info.uid, info.gid), (meta.uid(), meta.gid()));
    assert_eq!(info.change_time_ns, (meta.ctime() * 1_000_000_000 + meta.ctime_nsec()) as u64);
    assert_eq!(info.modify_time_ns, (meta.mtime() * 1_000_000_000 + meta.mtime_nsec()) as u64);
}

/// A folder in the test's own place, without symbolic links in its path.
pub(crate) fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

/// Scenario: a process opens an existing file by its absolute path, through a symbolic link. Guarantees: the record has
/// the path asked for, the kernel's own path, inode, device, times and descriptor, and whose it is.
#[test]
fn an_open_has_path_and_file() {
    if is_acting() {
        let file = File::open("link/file").unwrap();
        println!("fd={}", file.as_raw_fd());
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    fs::create_dir(path.join("directory")).unwrap();
    fs::write(path.join("directory/file"), "content").unwrap();
    std::os::unix::fs::symlink("directory", path.join("link")).unwrap();
    let mut loaded = Loaded::new();
    let acted = run(&mut actor("kernel::opens::an_open_has_path_and_file", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let open = recorded.open("link/file");
    assert_eq!(open.fd.to_string(), acted.said("fd"));
    assert_eq!(open.header.call().unwrap().1, i64::from(open.fd));
    assert_eq!(open.base, path.as_os_str().as_encoded_bytes());
    assert_eq!(open.resolved, path.join("directory/file").as_os_str().as_encoded_bytes());
    assert_eq!(open.flags, OFlags::CLOEXEC.bits());
    assert_eq!(open.directory_fd, AT_FDCWD);
    assert_is(&open.file, &path.join("directory/file"));
    assert!(!open.file.has(file_flag::CREATED) && !open.file.has(file_flag::DELETED));
    assert!(!open.header.is_state_bearing());
    assert_eq!(open.header.tgid, acted.pid);
    assert_eq!(open.header.parent_tgid, std::process::id());
    assert_eq!(open.header.plan_generation, GENERATION);
}

/// Scenario: opens that fail, relative to the working directory, to an open directory and to a descriptor that is not
/// open. Guarantees: the record tells the error, the path and what it is relative to, and no file.
#[test]
fn a_failed_open_has_its_base() {
    if is_acting() {
        let directory = File::open("directory").unwrap();
        println!("directory={}", directory.as_raw_fd());
        assert!(File::open("missing-in-cwd").is_err());
        assert!(
            rustix::fs::openat(&directory, "missing-in-directory", OFlags::RDONLY, Mode::empty()).is_err()
        );
        assert!(File::open("/missing-absolute").is_err());
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    fs::create_dir(path.join("directory")).unwrap();
    let mut loaded = Loaded::new();
    let acted = run(&mut actor("kernel::opens::a_failed_open_has_its_base", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    for (requested, base) in [
        ("missing-in-cwd", path.clone()),
        ("missing-in-directory", path.join("directory")),
        ("/missing-absolute", "".into()),
    ] {
        let open = recorded.open(requested);
        assert_eq!(open.header.call().unwrap().1, -2, "{requested}");
        assert_eq!(open.base, base.as_os_str().as_encoded_bytes(), "{requested}");
        assert!(!open.file.is_known() && open.resolved.is_empty());
    }
    assert_eq!(recorded.open("missing-in-directory").directory_fd.to_string(), acted.said("directory"));
}

/// Scenario: a file is created, opened again, unlinked while it is open and opened through /proc. Guarantees: the first
/// open alone is marked as creating, with the mode asked for, and the last one as of a deleted file.
#[test]
fn creation_and_deletion_are_marked() {
    if is_acting() {
        let flags = OFlags::CREATE | OFlags::WRONLY;
        let file = rustix::fs::open("./new", flags, Mode::from_raw_mode(0o640)).unwrap();
        rustix::fs::open("new", flags, Mode::from_raw_mode(0o640)).unwrap();
        fs::remove_file("new").unwrap();
        println!("fd={}", file.as_raw_fd());
        File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    let mut loaded = Loaded::new();
    let acted = run(&mut actor("kernel::opens::creation_and_deletion_are_marked", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let (first, again) = (recorded.open("./new"), recorded.open("new"));
    assert!(first.file.has(file_flag::CREATED));
    assert_eq!((first.mode, first.file.mode & 0o7777), (0o640, 0o640));
    assert!(!again.file.has(file_flag::CREATED) && !again.file.has(file_flag::DELETED));
    assert_eq!(again.resolved, path.join("new").as_os_str().as_encoded_bytes());
    let deleted = recorded.open(&format!("/proc/self/fd/{}", acted.said("fd")));
    assert!(deleted.file.has(file_flag::DELETED));
    assert_eq!(deleted.resolved, path.join("new").as_os_str().as_encoded_bytes());
    assert_eq!(deleted.file.inode, first.file.inode);
}

/// Scenario: a path of over 3000 bytes in directories with names of 255, and one of 5000 bytes. Guarantees: the first is
/// recorded whole as it was asked for and as it was resolved; of the second the record says that it is cut.
#[test]
fn long_paths_are_whole_or_marked() {
    let name = "n".repeat(255);
    let long = [name.as_str(); 12].join("/");
    if is_acting() {
        fs::create_dir_all(&long).unwrap();
        fs::write(format!("{long}/file"), "").unwrap();
        File::open(format!("{long}/file")).unwrap();
        assert!(File::open("x".repeat(5000)).is_err());
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    let mut loaded = Loaded::new();
    let acted = run(&mut actor("kernel::opens::long_paths_are_whole_or_marked", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let open = recorded.only(|record| match record {
        Record::Open(open) if open.requested == format!("{long}/file").as_bytes() && open.mode == 0 => {
            Some(open)
        }
        _ => None,
    });
    assert_eq!(open.resolved, path.join(&long).join("file").as_os_str().as_encoded_bytes());
    assert!(!open.header.has(flag::REQUESTED_TRUNCATED) && !open.file.has(file_flag::PATH_TRUNCATED));
    let cut = recorded.open(&"x".repeat(4095));
    assert!(cut.header.has(flag::REQUESTED_TRUNCATED));
}

/// Scenario: a file lies below more directories than a walk takes steps. Guarantees: the kernel's path is marked as cut,
/// and what is there is its end.
#[test]
fn a_path_that_is_too_deep_is_marked() {
    let deep = ["d"; 300].join("/");
    if is_acting() {
        fs::create_dir_all(&deep).unwrap();
        fs::write(format!("{deep}/file"), "").unwrap();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    let mut loaded = Loaded::new();
    let acted = run(&mut actor("kernel::opens::a_path_that_is_too_deep_is_marked", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let open = recorded.open(&format!("{deep}/file"));
    assert!(open.file.has(file_flag::PATH_TRUNCATED));
    assert!(
        open.resolved.ends_with(b"/d/d/d/d/file") && open.resolved.len() < deep.len(),
        "{:?}",
        open.resolved
    );
}

/// Scenario: openat2 with RESOLVE_IN_ROOT and an absolute path. Guarantees: the record has the flags of its structure, and
/// the directory that the path starts from in spite of its slash.
#[test]
fn openat2_has_its_structure() {
    if is_acting() {
        let root = File::open("root").unwrap();
        rustix::fs::openat2(&root, "/file", OFlags::RDONLY, Mode::empty(), ResolveFlags::IN_ROOT).unwrap();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    fs::create_dir(path.join("root")).unwrap();
    fs::write(path.join("root/file"), "").unwrap();
    let mut loaded = Loaded::new();
    let acted = run(&mut actor("kernel::opens::openat2_has_its_structure", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let open = recorded.open("/file");
    assert_eq!(open.resolve, ResolveFlags::IN_ROOT.bits());
    assert_eq!(open.base, path.join("root").as_os_str().as_encoded_bytes());
    assert_eq!(open.resolved, path.join("root/file").as_os_str().as_encoded_bytes());
    assert_eq!(open.header.call_number, 437);
}

/// Scenario: a process whose root is changed opens a file. Guarantees: paths are relative to its root, as it sees them.
#[test]
fn paths_are_relative_to_the_processs_root() {
    if is_acting() {
        rustix::process::chroot("root").unwrap();
        File::open("inner/file").unwrap_err();
        rustix::process::chdir("/inner").unwrap();
        File::open("file").unwrap();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    fs::create_dir_all(path.join("root/inner")).unwrap();
    fs::write(path.join("root/inner/file"), "").unwrap();
    let mut loaded = Loaded::new();
    let acted = run(&mut actor("kernel::opens::paths_are_relative_to_the_processs_root", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let open = recorded.open("file");
    assert_eq!((open.base, open.resolved), (&b"/inner"[..], &b"/inner/file"[..]));
    // The working directory was outside the root then: no path leads there, and it is told from the top of the mounts.
    let outside = recorded.open("inner/file");
    assert_eq!(outside.base, path.as_os_str().as_encoded_bytes());
}

/// Scenario: open and creat by number, and openat with a descriptor that is not open, from hand-made native and 32-bit
/// programs (by `int 0x80`). Guarantees: each is recorded like openat, 32-bit ones in their own numbering and marked so.
#[cfg(target_arch = "x86_64")]
#[test]
fn old_and_32_bit_opens_are_recorded() {
    requires!(Requirement::Kernel);
    for (abi, open, creat, openat, is_compat) in
        [(Abi::X86_64, 2, 85, 257, false), (Abi::I386, 5, 8, 295, true)]
    {
        let (_keep, path) = folder();
        fs::write(path.join("there"), "").unwrap();
        let mut program = Program::new(abi);
        let (there, made, nowhere) = (program.text("there"), program.text("made"), program.text("nowhere"));
        program.call_number(open, &[there, 0, 0]);
        program.call_number(creat, &[made, 0o600]);
        program.call_number(openat, &[77, nowhere, 0o2, 0]);
        program.call_number(openat, &[u32::MAX - 99, 0x10, 0, 0]);
        let mut loaded = Loaded::new();
        let acted = run(&mut program.write(&path)).succeeded();
        let recorded = loaded.drain(acted.pid);
        for (requested, number) in [("there", open), ("made", creat)] {
            let opened = recorded.open(requested);
            assert_eq!(opened.header.call_number, number);
            assert_eq!(opened.resolved, path.join(requested).as_os_str().as_encoded_bytes());
            assert_eq!(opened.header.has(flag::COMPAT32), is_compat);
            assert_eq!(opened.file.has(file_flag::CREATED), requested == "made");
        }
        let failed = recorded.open("nowhere");
        assert_eq!((failed.header.call_result, failed.directory_fd, failed.flags & 3), (-9, 77, 2));
        assert!(failed.header.has(flag::BASE_UNKNOWN));
        let unreadable = recorded.only(|record| match record {
            Record::Open(open) if open.header.has(flag::REQUESTED_UNREADABLE) => Some(open),
            _ => None,
        });
        assert_eq!((unreadable.header.call_result, unreadable.directory_fd), (-14, AT_FDCWD));
    }
}
