//! What the programs do before they wait.

use std::{
    fs,
    ops::Add,
    path::{Path, PathBuf},
    process::Command,
};

use test_programs::{Abi, Program};

use crate::calls::scene::AT_FDCWD;

/// linux/sched.h
const CLONE_THREAD_OF_PROCESS: u32 = 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000 | 0x4_0000;
const CLONE_NEWNS: u32 = 0x2_0000;
const CLONE_NEWUSER: u32 = 0x1000_0000;
const CLONE_NEWPID: u32 = 0x2000_0000;
/// linux/prctl.h
const PR_SET_NAME: u32 = 15;
const PR_SET_CHILD_SUBREAPER: u32 = 36;
const WAIT_FOR_ANY: [u32; 4] = [u32::MAX, 0, 0, 0];
const RLIMIT_NOFILE: u32 = 7;
const AT_REMOVEDIR: u32 = 0x200;
const O_WRONLY: u32 = 1;
/// _LINUX_CAPABILITY_VERSION_3 of linux/capability.h.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// Processes that are left of all acts once they wait.
pub(super) const LIVING: usize = 32;
/// The name of each of the nested directories.
const DEEP: usize = 8;
const DEEP_NAME_BYTES: usize = 240;

/// What an act ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Threads that say that they have done what they do.
    pub(super) threads: usize,
    /// Main threads that ended before others.
    pub(super) dead_leaders: usize,
}

impl Add for Waiting {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { threads: self.threads + other.threads, dead_leaders: self.dead_leaders + other.dead_leaders }
    }
}

/// A program that is ready to be run.
pub(super) struct Act {
    pub(super) name: &'static str,
    pub(super) command: Command,
    pub(super) waiting: Waiting,
}

fn wait(program: &mut Program) {
    program.call("getppid", &[]);
    program.call("pause", &[]);
}

/// Ends only the thread that calls it, which the last one's end makes the process's.
fn end(program: &mut Program) {
    program.call("exit", &[0]);
}

/// Every act, in a folder of its own below `folder`.
pub(super) fn all(folder: &Path) -> Vec<Act> {
    let mut acts = Vec::new();
    let mut act = |name: &'static str, threads, dead_leaders, fill: &dyn Fn(&mut Program, &Path)| {
        let own: PathBuf = folder.join(name);
        fs::create_dir(&own).unwrap();
        let mut program = Program::with_nothing_open(Abi::X86_64);
        fill(&mut program, &own);
        let mut command = program.write_waiting(&own);
        // The agent keeps so much of an environment and no more.
        command.env_clear().env("EYRIE_ACT", name);
        acts.push(Act { name, command, waiting: Waiting { threads, dead_leaders } });
    };
    act("forks", 3, 0, &|program, _| {
        program.call("fork", &[]);
        program.in_child(|child| {
            child.call("fork", &[]);
            child.in_child(wait);
            wait(child);
        });
    });
    act("leaves_an_orphan", 2, 0, &|program, _| orphan(program));
    act("takes_an_orphan", 2, 0, &|program, _| {
        program.call("prctl", &[PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0]);
        orphan(program);
    });
    act("has_threads", 3, 0, &|program, _| {
        let worker = program.text("worker");
        for _ in 0..2 {
            program.call("clone", &[CLONE_THREAD_OF_PROCESS, 0, 0, 0, 0]);
            program.in_child(|thread| {
                thread.call("prctl", &[PR_SET_NAME, worker]);
                wait(thread);
            });
        }
    });
    act("lost_a_thread", 1, 0, &|program, _| {
        program.call("clone", &[CLONE_THREAD_OF_PROCESS, 0, 0, 0, 0]);
        program.in_child(end);
        // The thread's end is told before the child's, and that before this one's.
        program.call("fork", &[]);
        program.in_child(end);
        program.call("wait4", &WAIT_FOR_ANY);
    });
    act("lost_its_main_thread", 1, 1, &|program, _| {
        program.call("clone", &[CLONE_THREAD_OF_PROCESS, 0, 0, 0, 0]);
        program.in_child(wait);
        end(program);
    });
    act("executes", 1, 0, &|program, own| execute(program, own, false));
    act("executes_from_a_thread", 1, 1, &|program, own| execute(program, own, true));
    act("executes_by_vfork", 2, 0, &|program, own| {
        let [path, arguments, environment] = second(program, own);
        program.call("vfork", &[]);
        program.in_child(|child| child.call("execve", &[path, arguments, environment]));
    });
    act("fails_to_execute", 1, 0, &|program, _| {
        let none = program.text("none");
        let arguments = program.words(&[none, 0]);
        program.call("execve", &[none, arguments, arguments]);
    });
    act("leads_a_session", 3, 0, &|program, _| {
        program.call("setsid", &[]);
        program.call("fork", &[]);
        program.in_child(|child| {
            child.call("setpgid", &[0, 0]);
            child.call("fork", &[]);
            child.in_child(wait);
            wait(child);
        });
    });
    act("changes_its_ids", 2, 0, &|program, _| {
        program.call("setresgid", &[70_000, 70_001, 70_002]);
        program.call("setresuid", &[70_003, 70_004, 70_005]);
        program.call("fork", &[]);
        program.in_child(wait);
    });
    act("gives_capabilities_up", 1, 0, &|program, _| {
        let bytes = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
        let header = program.bytes(&bytes(&[CAPABILITY_VERSION, 0]));
        let sets = program.bytes(&bytes(&[1 << 5, 1 << 5 | 1 << 8, 1 << 8, 0, 0, 0]));
        program.call("capset", &[header, sets]);
    });
    act("has_namespaces", 3, 0, &|program, _| {
        program.call("unshare", &[CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS]);
        program.call("fork", &[]);
        program.in_child(|child| {
            child.call("fork", &[]);
            child.in_child(wait);
            wait(child);
        });
    });
    act("has_a_root", 2, 0, &|program, own| {
        fs::create_dir_all(own.join("jail/inner")).unwrap();
        let [jail, inner] = ["jail", "/inner"].map(|text| program.text(text));
        program.call("chroot", &[jail]);
        program.call("chdir", &[inner]);
        program.call("fork", &[]);
        program.in_child(wait);
    });
    act("is_deep_down", 1, 0, &|program, own| {
        let name = "d".repeat(DEEP_NAME_BYTES);
        fs::create_dir_all((0..DEEP).fold(own.to_owned(), |path, _| path.join(&name))).unwrap();
        let name = program.text(name);
        (0..DEEP).for_each(|_| program.call("chdir", &[name]));
    });
    act("is_in_a_removed_directory", 1, 0, &|program, own| {
        fs::create_dir(own.join("removed")).unwrap();
        let [removed, from_within] = ["removed", "../removed"].map(|text| program.text(text));
        program.call("chdir", &[removed]);
        program.call("unlinkat", &[AT_FDCWD, from_within, AT_REMOVEDIR]);
    });
    act("changes_directory_by_descriptor", 1, 0, &|program, _| {
        let tmp = program.text("/tmp");
        program.call("openat", &[AT_FDCWD, tmp, 0]);
        program.call("fchdir", &[3]);
    });
    act("is_renamed", 1, 0, &|program, _| {
        let name = program.text("a-name-of-more-than-15");
        program.call("prctl", &[PR_SET_NAME, name]);
    });
    act("is_limited", 1, 0, &|program, _| {
        let limits = program.words(&[100, 200]);
        program.call("prlimit64", &[0, RLIMIT_NOFILE, limits, 0]);
    });
    act("logs_in", 1, 0, &|program, _| {
        // Where the kernel has no audit subsystem nothing comes of it, here and in /proc.
        let [file, id] = ["/proc/self/loginuid", "70006"].map(|text| program.text(text));
        program.call("openat", &[AT_FDCWD, file, O_WRONLY]);
        program.call("write", &[3, id, 5]);
    });
    acts
}

/// A child that makes another one and ends.
fn orphan(program: &mut Program) {
    program.call("fork", &[]);
    program.in_child(|child| {
        child.call("fork", &[]);
        child.in_child(wait);
        end(child);
    });
    program.call("wait4", &WAIT_FOR_ANY);
}

/// Another program that waits, with arguments and environment: what execve wants.
fn second(program: &mut Program, own: &Path) -> [u32; 3] {
    Program::new(Abi::X86_64).write_waiting_to(&own.join("second"));
    let [path, argument, variable] = ["second", "an argument", "EYRIE=here"].map(|text| program.text(text));
    let arguments = program.words(&[path, argument, 0]);
    let environment = program.words(&[variable, 0]);
    [path, arguments, environment]
}

fn execute(program: &mut Program, own: &Path, is_by_thread: bool) {
    let arguments = second(program, own);
    if is_by_thread {
        program.call("clone", &[CLONE_THREAD_OF_PROCESS, 0, 0, 0, 0]);
        program.in_child(|thread| thread.call("execve", &arguments));
        program.call("pause", &[]);
    } else {
        program.call("execve", &arguments);
    }
}
