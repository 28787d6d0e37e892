use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use eyrie_proto::event::{Event, Exec, Exit, Fork, PathArgument, event::Kind};
use test_requirements::{Requirement, requires};

use super::scene::{AT_FDCWD, Scene, asked, bytes_of, captured, folder, is_of, performed};
use test_programs::{Abi, Program};

const SIGCHLD: u32 = 17;
const SIGILL: u32 = 4;
const CLONE_VM: u32 = 0x100;
const CLONE_VFORK: u32 = 0x4000;
const AT_EMPTY_PATH: u32 = 0x1000;
const WAIT_FOR_ANY: [u32; 4] = [u32::MAX, 0, 0, 0];

fn forks(scene: &Scene) -> Vec<(&Event, &Fork)> {
    let kinds = scene.own().iter().map(|event| (event, &event.kind));
    kinds
        .filter_map(|(event, kind)| match kind {
            Some(Kind::Fork(fork)) => Some((event, fork)),
            _ => None,
        })
        .collect()
}

/// The ends of a process's threads.
fn exits(scene: &Scene, pid: u32) -> Vec<&Exit> {
    let kinds = scene.others().iter().filter(|event| is_of(event, pid)).map(|event| &event.kind);
    kinds
        .filter_map(|kind| match kind {
            Some(Kind::Exit(exit)) => Some(exit),
            _ => None,
        })
        .collect()
}

/// Scenario: a program makes children by every call that can; one ends by itself, one is ended by the kernel, the others wait to be looked at by wait4.
/// Guarantees: each child by the number that the program itself was told, with the flags of its call; its end with the status
/// that wait4 told the program.
#[test]
fn children() {
    children_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn children_32() {
    children_of(Abi::I386);
}

fn children_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(abi);
    // struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, its size, tls.
    let arguments = [0, 0, 0, 0, SIGCHLD, 0, 0, 0].map(|word| u64::from(word).to_le_bytes()).concat();
    let arguments = program.bytes(&arguments);
    let calls: [(&str, &[u32], u32); 4] = [
        ("fork", &[], 0),
        ("vfork", &[], CLONE_VM | CLONE_VFORK),
        ("clone", &[SIGCHLD, 0, 0, 0, 0], 0),
        ("clone3", &[arguments, 64], 0),
    ];
    let mut kept = Vec::new();
    for (turn, (name, arguments, _)) in calls.iter().enumerate() {
        program.call(name, arguments);
        // Before the child's part, as it is the parent's that is looked at.
        program.in_child(|child| match turn {
            0 => child.crash(),
            _ => child.call("exit", &[turn as u32]),
        });
        let pid = program.keep_result();
        let status = program.bytes(&[0; 8]);
        program.call("wait4", &[WAIT_FOR_ANY[0], status, 0, 0]);
        kept.push((pid, status));
    }
    let scene = performed(&[], abi, program, &folder);

    let forks = forks(&scene);
    assert_eq!(forks.len(), calls.len());
    for (turn, ((event, fork), (name, _, flags))) in forks.into_iter().zip(calls).enumerate() {
        let (pid, status) = (scene.kept(kept[turn].0), i32::from_le_bytes(scene.memory(kept[turn].1)));
        let child = fork.child_process.unwrap();
        assert_eq!(
            (i64::from(child.pid), fork.child_tid, fork.flags),
            (pid, child.pid, flags.into()),
            "{name}"
        );
        let parent = event.task.as_ref().unwrap();
        assert_eq!((fork.child_parent_pid, fork.child_cgroup_id), (scene.pid(), parent.cgroup_id));
        assert_eq!(
            (fork.child_comm.as_slice(), fork.child_pid_namespace),
            (&b"program"[..], parent.pid_namespace)
        );
        scene.cover(name, pid);
        let exits = exits(&scene, child.pid);
        let [exit] = exits[..] else { panic!("{exits:?}") };
        let signal = if turn == 0 { SIGILL } else { 0 };
        // The status of one that a signal ended is the signal, and whether memory was dumped.
        let expected = if turn == 0 { SIGILL as i32 } else { (turn as i32) << 8 };
        assert_eq!(
            (status & !0x80, exit.status & !0x80, exit.signal),
            (expected, expected, signal),
            "{name}"
        );
        assert_eq!((exit.is_core_dumped, exit.is_process_end), (status & 0x80 != 0, true), "{name}");
        scene.cover("procexit", 0);
    }
}

/// Results and events behind the program's own exec. Of a success the kernel does not tell who asked for it: it counts as a native call.
fn execs(scene: &Scene, name: &str) -> Vec<(i64, Exec)> {
    let of = |event: &Event| match &event.kind {
        Some(Kind::Exec(exec)) => Some((event.call?.result, exec.clone())),
        _ => None,
    };
    let execs: Vec<_> = scene.own().iter().filter_map(of).skip(1).collect();
    execs.iter().for_each(|(result, _)| scene.cover(name, *result));
    execs
}

/// Fails the test unless an exec is what /proc says of the program that runs now.
fn check_running(scene: &Scene, exec: &Exec, path: &Path) {
    let list = |first: Option<&Vec<u8>>, rest: &[Vec<u8>]| {
        first.into_iter().chain(rest).flat_map(|text| [text.as_slice(), b"\0"].concat()).collect::<Vec<_>>()
    };
    assert_eq!(scene.proc("cmdline").into_bytes(), list(Some(&exec.exe), &exec.arguments));
    assert_eq!(scene.proc("environ").into_bytes(), list(None, &exec.environment));
    let executable = exec.executable.as_ref().unwrap();
    let link = |name| fs::read_link(format!("/proc/{}/{name}", scene.pid())).unwrap();
    assert_eq!((bytes_of(&link("exe")), executable.path.as_slice()), (bytes_of(path), &*bytes_of(path)));
    assert_eq!(
        (bytes_of(&link("cwd")), bytes_of(&link("root"))),
        (exec.working_directory.clone(), b"/".to_vec())
    );
    let meta = fs::metadata(path).unwrap();
    let time = |seconds: i64, nanoseconds: i64| (seconds * 1_000_000_000 + nanoseconds) as u64;
    assert_eq!(executable.inode, meta.ino());
    assert_eq!(executable.change_time_ns, time(meta.ctime(), meta.ctime_nsec()));
    assert_eq!(executable.modify_time_ns, time(meta.mtime(), meta.mtime_nsec()));
    let [major, minor] = [rustix::fs::major(meta.dev()), rustix::fs::minor(meta.dev())].map(u64::from);
    assert_eq!(executable.device, major << 20 | minor);
    assert_eq!((executable.is_memfd, executable.is_deleted, exec.is_truncated), (false, false, false));
    let limits = scene.proc("limits");
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().next().unwrap(), exec.open_files_limit.to_string());
}

/// Another program that waits, in `folder`.
fn second(abi: Abi, folder: &Path) -> PathBuf {
    let path = folder.join("second");
    Program::new(abi).write_waiting_to(&path);
    path
}

/// Scenario: a program tries to execute what is not there and what is no program, and then another program with arguments and variables of its own.
/// Guarantees: the failures with path and error; of the success what /proc has of the program that runs then.
#[test]
fn executed() {
    executed_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn executed_32() {
    executed_of(Abi::I386);
}

fn executed_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    fs::write(folder.join("text"), "no program").unwrap();
    let path = second(abi, &folder);
    let mut program = Program::with_nothing_open(abi);
    let [none, text, second, argument, variable] =
        ["none", "text", "second", "an argument", "EYRIE=here"].map(|text| program.text(text));
    let arguments = program.words(&[second, argument, 0]);
    let environment = program.words(&[variable, 0]);
    program.call("execve", &[none, arguments, environment]);
    program.call("execve", &[text, arguments, environment]);
    program.call("execve", &[second, arguments, environment]);
    let scene = performed(&["execve"], abi, program, &folder);

    let execs = execs(&scene, "execve");
    let [(-2, missing), (-13, refused), (0, exec)] = &execs[..] else { panic!("{execs:?}") };
    for (failed, path) in [(missing, "none"), (refused, "text")] {
        assert_eq!(failed, &Exec { path: asked(path, -100, &folder), ..Exec::default() });
    }
    assert_eq!(exec.path, asked("second", -100, &folder));
    assert_eq!((exec.exe.as_slice(), &exec.arguments), (&b"second"[..], &vec![b"an argument".to_vec()]));
    check_running(&scene, exec, &path);
}

/// Scenario: a program executes another one by a descriptor, after one that is not open. Guarantees: the failure with path and error; of the
/// success what /proc has, and the name that the kernel makes up for the descriptor.
#[test]
fn executed_by_descriptor() {
    executed_by_descriptor_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn executed_by_descriptor_32() {
    executed_by_descriptor_of(Abi::I386);
}

fn executed_by_descriptor_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let path = second(abi, &folder);
    let mut program = Program::with_nothing_open(abi);
    let [second, empty] = ["second", ""].map(|text| program.text(text));
    let arguments = program.words(&[second, 0]);
    let nothing = program.words(&[0]);
    program.call("openat", &[AT_FDCWD, second, 0]);
    program.call("execveat", &[99, empty, arguments, nothing, AT_EMPTY_PATH]);
    program.call("execveat", &[3, empty, arguments, nothing, AT_EMPTY_PATH]);
    let scene = captured(&["execveat"], abi, &mut program.write_waiting(&folder));

    let execs = execs(&scene, "execveat");
    let [(-9, refused), (0, exec)] = &execs[..] else { panic!("{execs:?}") };
    let unopened = PathArgument { directory_fd: 99, ..PathArgument::default() };
    assert_eq!(refused, &Exec { path: Some(unopened), ..Exec::default() });
    assert_eq!(exec.path.as_ref().unwrap().requested, b"/dev/fd/3");
    check_running(&scene, exec, &path);
}
