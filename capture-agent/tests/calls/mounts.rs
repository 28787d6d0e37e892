use std::fs;

use eyrie_proto::event::{ChangeNamespace, PathCall, TwoPathCall, event::Kind};
use test_requirements::{Requirement, requires};

use super::scene::{asked, folder, performed};
use test_programs::{Abi, Program};

const CLONE_NEWNS: u32 = 0x2_0000;
const MS_RDONLY: u32 = 1;
/// MS_REC | MS_PRIVATE: what is mounted below is not seen outside.
const PRIVATE: u32 = 0x4_4000;
const MNT_DETACH: u32 = 2;

/// Scenario: in a mount namespace of its own a program mounts a tmpfs with options, unmounts it, mounts it again, and changes its root to
/// another folder. Guarantees: paths, type, flags and options of mounts, and no source where none was given; the new root; /proc says
/// the same.
#[test]
fn mounts_and_roots() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::create_dir(folder.join("mnt")).unwrap();
    fs::create_dir(folder.join("jail")).unwrap();
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let texts = ["/", "source", "mnt", "tmpfs", "size=64k,mode=0700"];
    let [root, source, mnt, tmpfs, options] = texts.map(|text| program.text(text));
    let jail = program.text(folder.join("jail").to_str().unwrap());
    program.call("unshare", &[CLONE_NEWNS]);
    program.call("mount", &[0, root, 0, PRIVATE, 0]);
    program.call("mount", &[source, mnt, tmpfs, MS_RDONLY, options]);
    program.call("umount2", &[mnt, MNT_DETACH]);
    program.call("mount", &[source, mnt, tmpfs, MS_RDONLY, options]);
    program.call("chroot", &[jail]);
    let scene = performed(&["unshare", "mount", "umount2", "chroot"], Abi::X86_64, program, &folder);

    let unshared = ChangeNamespace { flags: CLONE_NEWNS.into(), descriptor: None };
    assert_eq!(scene.only("unshare"), (0, Kind::ChangeNamespace(unshared)));
    let of = |requested| asked(requested, -100, &folder);
    let private = TwoPathCall { target: of("/"), flags: PRIVATE.into(), ..TwoPathCall::default() };
    let mounted = TwoPathCall {
        source: of("source"),
        target: of("mnt"),
        flags: MS_RDONLY.into(),
        r#type: b"tmpfs".to_vec(),
        data: b"size=64k,mode=0700".to_vec(),
    };
    let mounts = [private, mounted.clone(), mounted].map(|call| (0, Kind::TwoPathCall(call)));
    assert_eq!(scene.all("mount"), mounts);
    let unmounted = PathCall { path: of("mnt"), flags: MNT_DETACH.into(), ..PathCall::default() };
    assert_eq!(scene.only("umount2"), (0, Kind::PathCall(unmounted)));
    let (0, Kind::ChangeRoot(changed)) = scene.only("chroot") else { panic!() };
    let root = fs::read_link(format!("/proc/{}/root", scene.pid())).unwrap();
    assert_eq!(String::from_utf8_lossy(&changed.root_directory), root.to_str().unwrap());
    assert_eq!(changed.path, of(folder.join("jail").to_str().unwrap()));
}
