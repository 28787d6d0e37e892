use std::fs;

use eyrie_proto::event::{ChangeNamespace, ChangeRoot, PathCall, TwoPathCall, event::Kind};
use test_requirements::{Requirement, requires};

use super::scene::{asked, bytes_of, folder, performed};
use test_programs::{Abi, Program};

const CLONE_NEWNS: u32 = 0x2_0000;
const MS_RDONLY: u32 = 1;
/// MS_REC | MS_PRIVATE: what is mounted below is not seen outside.
const PRIVATE: u32 = 0x4_4000;
const MNT_DETACH: u32 = 2;
const ENOENT: i64 = -2;
const EINVAL: i64 = -22;

/// Scenario: in a mount namespace of its own a program mounts a tmpfs with options, unmounts it, mounts it again, and changes its root to
/// another folder by a relative path; each of these is tried in vain as well. Guarantees: paths, type, flags and options of mounts, and no source where none was given; the new root; /proc says
/// the same.
#[test]
fn mounts_and_roots() {
    mounts_and_roots_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn mounts_and_roots_32() {
    mounts_and_roots_of(Abi::I386);
}

fn mounts_and_roots_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::create_dir(folder.join("mnt")).unwrap();
    fs::create_dir(folder.join("jail")).unwrap();
    let mut program = Program::with_nothing_open(abi);
    let texts = ["/", "source", "mnt", "tmpfs", "size=64k,mode=0700"];
    let [root, source, mnt, tmpfs, options] = texts.map(|text| program.text(text));
    let [jail, none] = ["mnt/../jail", "none"].map(|text| program.text(text));
    program.call("unshare", &[CLONE_NEWNS]);
    program.call("unshare", &[1]);
    program.call("mount", &[0, root, 0, PRIVATE, 0]);
    program.call("mount", &[source, mnt, tmpfs, MS_RDONLY, options]);
    program.call("umount2", &[mnt, MNT_DETACH]);
    program.call("mount", &[source, mnt, tmpfs, MS_RDONLY, options]);
    program.call("umount2", &[none, 0]);
    program.call("mount", &[source, none, tmpfs, 0, 0]);
    program.call("pivot_root", &[mnt, none]);
    program.call("chroot", &[none]);
    program.call("chroot", &[jail]);
    let scene = performed(&["unshare", "mount", "umount2", "pivot_root", "chroot"], abi, program, &folder);

    let change =
        |flags: u32| Kind::ChangeNamespace(ChangeNamespace { flags: flags.into(), descriptor: None });
    assert_eq!(scene.all("unshare"), [(0, change(CLONE_NEWNS)), (EINVAL, change(1))]);
    let of = |requested| asked(requested, -100, &folder);
    let private = TwoPathCall { target: of("/"), flags: PRIVATE.into(), ..TwoPathCall::default() };
    let mounted = TwoPathCall {
        source: of("source"),
        target: of("mnt"),
        flags: MS_RDONLY.into(),
        r#type: b"tmpfs".to_vec(),
        data: b"size=64k,mode=0700".to_vec(),
    };
    let failed = TwoPathCall { target: of("none"), flags: 0, data: Vec::new(), ..mounted.clone() };
    let mounts = [(0, private), (0, mounted.clone()), (0, mounted), (ENOENT, failed)];
    assert_eq!(scene.all("mount"), mounts.map(|(result, call)| (result, Kind::TwoPathCall(call))));
    let unmounted = |path, flags| Kind::PathCall(PathCall { path: of(path), flags, ..PathCall::default() });
    let unmounts = [(0, unmounted("mnt", MNT_DETACH.into())), (ENOENT, unmounted("none", 0))];
    assert_eq!(scene.all("umount2"), unmounts);
    let turned = TwoPathCall { source: of("mnt"), target: of("none"), ..TwoPathCall::default() };
    assert_eq!(scene.only("pivot_root"), (ENOENT, Kind::TwoPathCall(turned)));

    let root = fs::read_link(format!("/proc/{}/root", scene.pid())).unwrap();
    assert_eq!(root, folder.join("jail"));
    let nowhere = ChangeRoot { path: of("none"), root_directory: Vec::new() };
    let changed = ChangeRoot { path: of("mnt/../jail"), root_directory: bytes_of(&root) };
    let changes = [(ENOENT, nowhere), (0, changed)];
    assert_eq!(scene.all("chroot"), changes.map(|(result, call)| (result, Kind::ChangeRoot(call))));
}
