use std::fs;

use eyrie_proto::event::{
    ChangeCredentials, ChangeNamespace, ChangeSession, GenericCall, ProcessAccess, ProcessControl,
    ResourceLimit, Signal, event::Kind,
};
use test_requirements::{Requirement, requires};

use super::scene::{AT_FDCWD, folder, performed, without_kind};
use test_programs::{Abi, Program};

const PR_SET_NAME: u32 = 15;
const PR_SET_DUMPABLE: u32 = 4;
const RLIMIT_CORE: u32 = 4;
const RLIMIT_NOFILE: u32 = 7;
const CLONE_NEWUTS: u32 = 0x0400_0000;
const PTRACE_DETACH: u32 = 17;
const EINVAL: i64 = -22;
/// Above any process.
const NOBODY: u32 = 0x7fff_fff0;

/// Scenario: a program changes its name, limits, namespace, group and ids, signals and traces others that do not exist. Guarantees: each
/// event has what was asked for; /proc says of the program what the events say.
#[test]
fn a_process_changes() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let name = program.text("eyrie-renamed-and-long");
    let limits = program.words(&[100, 200]);
    let more = program.words(&[10, 20]);
    let [was, old] = [(); 2].map(|()| program.bytes(&[0; 16]));
    let namespace = program.text("/proc/self/ns/uts");
    program.call("prctl", &[PR_SET_NAME, name, 2, 3, 4]);
    program.call("prctl", &[PR_SET_DUMPABLE, 1, 0, 0, 0]);
    program.call("prlimit64", &[0, RLIMIT_NOFILE, limits, was]);
    program.call("prlimit64", &[0, RLIMIT_NOFILE, 0, old]);
    program.call("setrlimit", &[RLIMIT_CORE, more]);
    program.call("openat", &[AT_FDCWD, namespace, 0]);
    program.call("setns", &[3, CLONE_NEWUTS]);
    program.call("setpgid", &[0, 0]);
    program.call("kill", &[NOBODY, 9]);
    program.call("tgkill", &[NOBODY, NOBODY, 15]);
    program.call("ptrace", &[PTRACE_DETACH, NOBODY, 5, 6]);
    program.call("setresgid", &[u32::MAX, 1001, 1002]);
    program.call("setuid", &[1003]);
    program.call("getuid", &[]);
    let calls = [
        "prctl",
        "prlimit",
        "setrlimit",
        "setns",
        "setpgid",
        "kill",
        "tgkill",
        "ptrace",
        "setresgid",
        "setuid",
        "getuid",
    ];
    let scene = performed(&calls, Abi::X86_64, program, &folder);

    let controls = scene.all("prctl");
    let [(0, Kind::ProcessControl(named)), (0, Kind::ProcessControl(dumpable))] = &controls[..] else {
        panic!("{controls:?}")
    };
    assert_eq!(named.text, b"eyrie-renamed-and-long");
    assert_eq!((named.option, &named.arguments[1..]), (15, &[2, 3, 4][..]));
    assert!(named.text.starts_with(scene.proc("comm").trim_end().as_bytes()));
    assert_eq!((dumpable.option, dumpable.text.as_slice(), dumpable.arguments[0]), (4, &b""[..], 1));
    let limit = |resource| ResourceLimit { resource, ..ResourceLimit::default() };
    let (soft, hard) = (Some(100), Some(200));
    let [was_soft, was_hard] = [was, was + 8].map(|at| Some(u64::from_le_bytes(scene.memory(at))));
    let before = ResourceLimit { old_soft: was_soft, old_hard: was_hard, ..limit(RLIMIT_NOFILE) };
    let set = ResourceLimit { new_soft: soft, new_hard: hard, ..before };
    let asked = ResourceLimit { old_soft: soft, old_hard: hard, ..limit(RLIMIT_NOFILE) };
    assert_eq!(scene.all("prlimit64"), [set, asked].map(|limit| (0, Kind::ResourceLimit(limit))));
    let core = ResourceLimit { new_soft: Some(10), new_hard: Some(20), ..limit(RLIMIT_CORE) };
    assert_eq!(scene.only("setrlimit"), (0, Kind::ResourceLimit(core)));
    let lines = scene.proc("limits");
    let words = |name| lines.lines().find_map(|line| line.strip_prefix(name)).unwrap().split_whitespace();
    assert_eq!(words("Max open files").take(2).collect::<Vec<_>>(), ["100", "200"]);
    assert_eq!(words("Max core file size").take(2).collect::<Vec<_>>(), ["10", "20"]);
    let (0, Kind::ChangeNamespace(joined)) = scene.only("setns") else { panic!() };
    assert_eq!(joined.flags, u64::from(CLONE_NEWUTS));
    let fd = joined.descriptor.unwrap();
    let Some(eyrie_proto::event::descriptor::Kind::File(file)) = fd.kind else { panic!("{fd:?}") };
    let link = fs::read_link(format!("/proc/{}/fd/3", scene.pid())).unwrap();
    assert_eq!((fd.fd, format!("uts:[{}]", file.inode)), (3, link.to_str().unwrap().to_owned()));
    // The kernel makes that name up from what the inode is; it has none.
    assert_eq!(file.path, b"");
    let group = ChangeSession { pid: 0, process_group_id: 0 };
    assert_eq!(scene.only("setpgid"), (0, Kind::ChangeSession(group)));

    const ESRCH: i64 = -3;
    let killed = Signal { number: 9, pid: NOBODY as i32, tid: 0 };
    assert_eq!(scene.only("kill"), (ESRCH, Kind::Signal(killed)));
    let signalled = Signal { number: 15, pid: NOBODY as i32, tid: NOBODY };
    assert_eq!(scene.only("tgkill"), (ESRCH, Kind::Signal(signalled)));
    let traced = ProcessAccess { request: 17, pid: NOBODY, address: 5, data: 6 };
    assert_eq!(scene.only("ptrace"), (ESRCH, Kind::ProcessAccess(traced)));

    let ids =
        |ids: &[u32]| Kind::ChangeCredentials(ChangeCredentials { ids: ids.into(), capabilities: None });
    assert_eq!(scene.only("setresgid"), (0, ids(&[u32::MAX, 1001, 1002])));
    assert_eq!(scene.only("setuid"), (0, ids(&[1003])));
    assert_eq!(scene.status("Gid"), "0 1001 1002 1001");
    assert_eq!(scene.status("Uid"), "1003 1003 1003 1003");
    let (1003, Kind::GenericCall(GenericCall { arguments })) = scene.only("getuid") else { panic!() };
    assert_eq!(arguments.len(), 6);
}

/// Scenario: a program asks for what there is not, and to be traced by its parent. Guarantees: each event has what was asked for
/// and its result.
#[test]
fn in_vain() {
    in_vain_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn in_vain_32() {
    in_vain_of(Abi::I386);
}

fn in_vain_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(abi);
    let limits = program.words(&[20, 10, 0, 0]);
    program.call("prctl", &[0x7777, 1, 2, 3, 4]);
    program.call("prctl", &[PR_SET_DUMPABLE, 1, 0, 0, 0]);
    program.call("prlimit64", &[NOBODY, RLIMIT_NOFILE, 0, 0]);
    program.call("prlimit64", &[0, RLIMIT_NOFILE, 0, 0]);
    program.call("setrlimit", &[RLIMIT_CORE, limits]);
    program.call("setns", &[99, CLONE_NEWUTS]);
    program.call("ptrace", &[PTRACE_DETACH, NOBODY, 5, 6]);
    program.call("ptrace", &[0, 0, 0, 0]);
    let calls = ["prctl", "prlimit", "setrlimit", "setns", "ptrace"];
    let scene = performed(&calls, abi, program, &folder);

    let control =
        |option, arguments: &[u64]| ProcessControl { option, arguments: arguments.into(), text: Vec::new() };
    let controls = [(EINVAL, control(0x7777, &[1, 2, 3, 4])), (0, control(4, &[1, 0, 0, 0]))];
    assert_eq!(scene.all("prctl"), controls.map(|(result, call)| (result, Kind::ProcessControl(call))));
    let of = |pid| ResourceLimit { pid, resource: RLIMIT_NOFILE, ..ResourceLimit::default() };
    let limits = [(-3, of(NOBODY)), (0, of(0))];
    assert_eq!(scene.all("prlimit64"), limits.map(|(result, limit)| (result, Kind::ResourceLimit(limit))));
    let (new_soft, new_hard) = (Some(20), Some(10));
    let reversed = ResourceLimit { resource: RLIMIT_CORE, new_soft, new_hard, ..ResourceLimit::default() };
    assert_eq!(scene.only("setrlimit"), (EINVAL, Kind::ResourceLimit(reversed)));
    let joined = ChangeNamespace { flags: CLONE_NEWUTS.into(), descriptor: without_kind(99) };
    assert_eq!(scene.only("setns"), (-9, Kind::ChangeNamespace(joined)));
    let access = |request, pid, address, data| ProcessAccess { request, pid, address, data };
    let traces = [(-3, access(17, NOBODY, 5, 6)), (0, access(0, 0, 0, 0))];
    assert_eq!(scene.all("ptrace"), traces.map(|(result, call)| (result, Kind::ProcessAccess(call))));
    // The thread that started it.
    let parent = rustix::thread::gettid().as_raw_nonzero();
    assert_eq!(scene.status("TracerPid"), parent.to_string());
}
