use eyrie_proto::event::{Capabilities, ChangeCredentials, ChangeSession, Event, event::Kind};
use test_requirements::{Requirement, requires};

use super::scene::{Scene, folder, performed};
use test_programs::{Abi, Program};

const EPERM: i64 = -1;
const UNCHANGED: u32 = u32::MAX;
/// _LINUX_CAPABILITY_VERSION_3 of linux/capability.h.
const VERSION: u32 = 0x2008_0522;
/// CAP_KILL and CAP_SETPCAP.
const KEPT: u32 = 1 << 5 | 1 << 8;

/// The calls of a family: in 32-bit programs those with ids of 32 bits, whose names end in that number.
fn named(abi: Abi, call: &str) -> String {
    if abi == Abi::I386 { format!("{call}32") } else { call.to_owned() }
}

fn check(scene: &Scene, event: &Event, result: i64, ids: &[u32], kept: &[u32; 2]) {
    let change = ChangeCredentials { ids: ids.into(), capabilities: None };
    assert_eq!(event.kind, Some(Kind::ChangeCredentials(change)));
    assert_eq!(event.call.unwrap().result, result);
    // What holds afterwards, as the program was told by getresuid and getresgid: real and effective ids.
    let [users, groups] = kept.map(|at| scene.memory::<8>(at));
    let id = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let told = event.task.as_ref().unwrap().credentials.as_ref().unwrap();
    assert_eq!((told.uid, told.effective_uid), (id(&users[..4]), id(&users[4..])), "{ids:?}");
    assert_eq!((told.gid, told.effective_gid), (id(&groups[..4]), id(&groups[4..])), "{ids:?}");
}

/// Scenario: a program that may do anything sets its ids by each call that can, gives its rights up, and tries all of them again. Guarantees: each
/// is told with the ids as they were given and its result; the ids on its event are those that the program itself was told
/// afterwards.
#[test]
fn users_and_groups() {
    users_and_groups_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn users_and_groups_32() {
    users_and_groups_of(Abi::I386);
}

fn users_and_groups_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(abi);
    let calls: [(&str, &[u32], i64); 14] = [
        ("setfsgid", &[5], 0),
        ("setfsuid", &[6], 0),
        ("setregid", &[1001, UNCHANGED], 0),
        ("setresgid", &[UNCHANGED, 1002, 1003], 0),
        ("setgid", &[70_000], 0),
        ("setreuid", &[70_001, UNCHANGED], 0),
        ("setresuid", &[UNCHANGED, 0, 70_002], 0),
        ("setuid", &[70_003], 0),
        ("setuid", &[0], EPERM),
        ("setgid", &[0], EPERM),
        ("setreuid", &[0, 0], EPERM),
        ("setregid", &[0, 0], EPERM),
        ("setresuid", &[0, 0, 0], EPERM),
        ("setresgid", &[0, 0, 0], EPERM),
    ];
    let mut kept = Vec::new();
    for (name, arguments, _) in calls {
        program.call(&named(abi, name), arguments);
        let ids = [program.bytes(&[0; 8]), program.bytes(&[0; 8])];
        let saved = program.bytes(&[0; 8]);
        program.call(&named(abi, "getresuid"), &[ids[0], ids[0] + 4, saved]);
        program.call(&named(abi, "getresgid"), &[ids[1], ids[1] + 4, saved]);
        kept.push(ids);
    }
    let names: Vec<_> = calls.iter().map(|(name, ..)| named(abi, name)).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let scene = performed(&names, abi, program, &folder);

    let mut events: Vec<_> = names[..8].iter().flat_map(|name| scene.events(name)).collect();
    events.sort_by_key(|event| event.boot_ns);
    assert_eq!(events.len(), calls.len());
    for ((event, (_, ids, result)), kept) in events.iter().zip(calls).zip(&kept) {
        check(&scene, event, result, ids, kept);
    }
    assert_eq!(scene.status("Uid"), "70003 70003 70003 70003");
    assert_eq!(scene.status("Gid"), "70000 70000 70000 70000");
}

/// Scenario: a 32-bit program sets its ids by the old calls, which take 16 bits. Guarantees: ids as they were given, "unchanged" as
/// such.
#[test]
fn old_calls() {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(Abi::I386);
    let calls: [(&str, &[u32], &[u32]); 8] = [
        ("setfsgid", &[5], &[5]),
        ("setfsuid", &[6], &[6]),
        ("setregid", &[1001, 0xffff], &[1001, UNCHANGED]),
        ("setresgid", &[0xffff, 1002, 1003], &[UNCHANGED, 1002, 1003]),
        ("setgid", &[1000], &[1000]),
        ("setreuid", &[1001, 0xffff], &[1001, UNCHANGED]),
        ("setresuid", &[0xffff, 0, 1002], &[UNCHANGED, 0, 1002]),
        ("setuid", &[1003], &[1003]),
    ];
    for (name, arguments, _) in calls {
        program.call(name, arguments);
    }
    let names = calls.map(|(name, ..)| name);
    let scene = performed(&names, Abi::I386, program, &folder);
    for (name, _, ids) in calls {
        let change = ChangeCredentials { ids: ids.into(), capabilities: None };
        assert_eq!(scene.only(name), (0, Kind::ChangeCredentials(change)), "{name}");
    }
    assert_eq!(
        (scene.status("Uid"), scene.status("Gid")),
        ("1003 1003 1003 1003".into(), "1000 1000 1000 1000".into())
    );
}

/// Scenario: a program becomes leader of a session, tries to become it again and to join a group elsewhere; another one becomes leader of a
/// group. Guarantees: results, what was asked for, and the ids that hold afterwards, as /proc has them.
#[test]
fn sessions() {
    sessions_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn sessions_32() {
    sessions_of(Abi::I386);
}

fn sessions_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(abi);
    program.call("setsid", &[]);
    program.call("setsid", &[]);
    program.call("setpgid", &[0, 0]);
    program.call("fork", &[]);
    program.in_child(|child| {
        child.call("setpgid", &[0, 0]);
        child.call("exit", &[0]);
    });
    program.call("wait4", &[u32::MAX, 0, 0, 0]);
    let scene = performed(&["setsid", "setpgid"], abi, program, &folder);

    let sessions = scene.events("setsid");
    let [made, refused] = &sessions[..] else { panic!("{sessions:?}") };
    let results = [made, refused].map(|event| event.call.unwrap().result);
    assert_eq!(results, [scene.pid().into(), EPERM]);
    let none = Kind::ChangeSession(ChangeSession::default());
    let pid = scene.pid();
    let stat = scene.proc("stat");
    let stat: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_eq!((stat[2], stat[3]), (pid.to_string().as_str(), pid.to_string().as_str()));
    for event in [made, refused] {
        assert_eq!(event.kind.as_ref(), Some(&none));
        let session = event.task.as_ref().unwrap().session.unwrap();
        assert_eq!((session.session_id, session.process_group_id), (pid, pid));
    }
    assert_eq!(scene.only("setpgid"), (EPERM, none.clone()));
    // The child's, which is gone: its group is its own.
    let is_setpgid = |event: &&Event| matches!(event.kind, Some(Kind::ChangeSession(_)));
    let of_child = |event: &&Event| event.task.as_ref().is_some_and(|task| task.parent_pid == pid);
    let joined: Vec<_> = scene.others().iter().filter(of_child).filter(is_setpgid).collect();
    let [joined] = joined[..] else { panic!("{joined:?}") };
    let task = joined.task.as_ref().unwrap();
    let session = task.session.unwrap();
    assert_eq!((joined.call.unwrap().result, joined.kind.as_ref()), (0, Some(&none)));
    assert_eq!((session.session_id, session.process_group_id), (pid, task.process.unwrap().pid));
    scene.cover("setpgid", 0);
}

/// Scenario: a program gives most of its capabilities up and asks for one of them back. Guarantees: the sets that hold afterwards, as
/// /proc has them, and the error.
#[test]
fn capabilities() {
    capabilities_of(Abi::X86_64);
}

/// Scenario: the same in a 32-bit program. Guarantees: the same.
#[test]
fn capabilities_32() {
    capabilities_of(Abi::I386);
}

fn capabilities_of(abi: Abi) {
    requires!(Requirement::Kernel);
    let (_keep, folder) = folder();
    let mut program = Program::with_nothing_open(abi);
    let bytes = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let header = program.bytes(&bytes(&[VERSION, 0]));
    // Effective, permitted and inheritable, the lower halves first.
    let few = program.bytes(&bytes(&[1 << 5, KEPT, 1 << 8, 0, 0, 0]));
    let more = program.bytes(&bytes(&[KEPT, KEPT | 1 << 21, 0, 0, 0, 0]));
    program.call("capset", &[header, few]);
    program.call("capset", &[header, more]);
    let scene = performed(&["capset"], abi, program, &folder);
    let sets = Capabilities { effective: 1 << 5, permitted: KEPT.into(), inheritable: 1 << 8 };
    let change = Kind::ChangeCredentials(ChangeCredentials { ids: Vec::new(), capabilities: Some(sets) });
    assert_eq!(scene.all("capset"), [(0, change.clone()), (EPERM, change)]);
    let held = ["CapEff", "CapPrm", "CapInh"].map(|set| u64::from_str_radix(&scene.status(set), 16).unwrap());
    assert_eq!(held, [sets.effective, sets.permitted, sets.inheritable]);
}
