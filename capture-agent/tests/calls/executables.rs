use std::{
    fs::{self, Metadata},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use eyrie_proto::event::Executable;
use test_requirements::{Requirement, requires};

use super::scene::{Scene, bytes_of, folder, performed};
use test_programs::{Abi, Program};

const AT_EMPTY_PATH: u32 = 0x1000;
const MFD_NONE: u32 = 0;

/// A program that does nothing but wait, as `image` in the folder.
fn with_image(folder: &Path) -> Metadata {
    let command = Program::new(Abi::X86_64).write_waiting(folder);
    fs::rename(command.get_program(), folder.join("image")).unwrap();
    fs::metadata(folder.join("image")).unwrap()
}

/// What the program executed after itself, and what the kernel says that it runs.
fn executed(scene: &Scene) -> (Executable, Metadata) {
    let executables = scene.executables();
    let [_, executable] = &executables[..] else { panic!("{executables:?}") };
    (executable.clone(), fs::metadata(format!("/proc/{}/exe", scene.pid())).unwrap())
}

/// Scenario: a program copies another one into a memory file and executes that by its descriptor. Guarantees: the executable is the
/// memory file, with its name, and counts as deleted, as a file that never had a directory.
#[test]
fn a_memory_file() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let image = with_image(&folder);
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let [name, path, empty] = ["hidden", "image", ""].map(|text| program.text(text));
    program.call("memfd_create", &[name, MFD_NONE]);
    program.call("open", &[path, 0]);
    program.call("sendfile", &[3, 4, 0, image.len() as u32]);
    program.call("execveat", &[3, empty, 0, 0, AT_EMPTY_PATH]);
    let scene = performed(&["execveat"], Abi::X86_64, program, &folder);
    let (executable, running) = executed(&scene);
    assert!(executable.is_memfd && executable.is_deleted);
    assert_eq!((executable.path.as_slice(), executable.inode), (&b"/memfd:hidden"[..], running.ino()));
}

/// Scenario: a program opens a file, removes it and executes it by its descriptor. Guarantees: the executable is the file that was there,
/// marked as deleted.
#[test]
fn a_deleted_file() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let image = with_image(&folder);
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let [path, empty] = ["image", ""].map(|text| program.text(text));
    program.call("open", &[path, 0]);
    program.call("unlink", &[path]);
    program.call("execveat", &[3, empty, 0, 0, AT_EMPTY_PATH]);
    let scene = performed(&["execveat"], Abi::X86_64, program, &folder);
    let (executable, running) = executed(&scene);
    assert!(executable.is_deleted && !executable.is_memfd);
    assert_eq!(executable.path, bytes_of(&folder.join("image")));
    assert_eq!([executable.inode, running.ino()], [image.ino(); 2]);
}

/// Scenario: between the open of a file and its execution another one takes its name. Guarantees: the executable is the one that runs,
/// marked as deleted, and not the one that has the name now.
#[test]
fn a_file_that_is_replaced() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let image = with_image(&folder);
    fs::write(folder.join("other"), "#!/bin/false\n").unwrap();
    fs::set_permissions(folder.join("other"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let [path, other, empty] = ["image", "other", ""].map(|text| program.text(text));
    program.call("open", &[path, 0]);
    program.call("rename", &[other, path]);
    program.call("execveat", &[3, empty, 0, 0, AT_EMPTY_PATH]);
    let scene = performed(&["execveat"], Abi::X86_64, program, &folder);
    let (executable, running) = executed(&scene);
    assert!(executable.is_deleted && !executable.is_memfd);
    assert_eq!([executable.inode, running.ino()], [image.ino(); 2]);
    assert_ne!(fs::metadata(folder.join("image")).unwrap().ino(), image.ino());
}
