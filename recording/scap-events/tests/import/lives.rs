//! How tasks begin, execute and end (C.3 items 2 to 5 and 8).

use eyrie_proto::event::{Fork, event::Kind, ordered_fact};
use scap::{table, value::Value};
use scap_events::extension::STATE_ONLY;

use crate::stream::{Scap, Stream, int, text, thread, uint};

/// `PPM_CL_*`
const FILES: u64 = 1;
const THREAD: u64 = 0x2000;
const IN_PIDNS: u64 = 1 << 29;
const CONTAINER: &str = "3f4e5d6c7b8a99aabbccddeeff00112233445566778899aabbccddeeff001122";

fn clone(scap: &mut Scap, tid: i64, pid: i64, ptid: i64, result: i64, flags: u64) {
    scap.exit_of(
        tid,
        "clone",
        &[
            ("res", int(result)),
            ("tid", int(tid)),
            ("pid", int(pid)),
            ("ptid", int(ptid)),
            ("comm", text("bash")),
            ("flags", uint(flags)),
            ("uid", uint(1000)),
            ("gid", uint(1000)),
            ("vtid", int(tid)),
            ("vpid", int(pid)),
        ],
    );
}

fn forks(stream: &Stream) -> Vec<&Fork> {
    stream
        .kinds()
        .into_iter()
        .filter_map(|kind| if let Kind::Fork(fork) = kind { Some(fork) } else { None })
        .collect()
}

/// Scenario: a process begins, told by its parent first, and another by itself first; a thread; a failed clone. Guarantees: one event each, by the
/// parent; descriptors and directory are inherited; the child's word adds nothing twice.
#[test]
fn both_words_are_one_event() {
    let mut scap = Scap::new();
    scap.exit("open", &[("fd", int(3)), ("name", text("/a")), ("flags", uint(1))]);
    clone(&mut scap, 10, 10, 1, 20, 0);
    clone(&mut scap, 20, 20, 10, 0, 0);
    clone(&mut scap, 21, 21, 10, 0, FILES);
    clone(&mut scap, 10, 10, 1, 21, FILES);
    clone(&mut scap, 10, 10, 1, 22, THREAD | FILES);
    clone(&mut scap, 22, 10, 1, 0, THREAD | FILES);
    clone(&mut scap, 10, 10, 1, -11, 0);
    // What is shared is closed for both, what is copied is not.
    scap.exit_of(21, "close", &[("res", int(0)), ("fd", int(3))]);
    for tid in [10, 20, 22] {
        scap.exit_of(tid, "read", &[("res", int(1)), ("fd", int(3))]);
    }
    let stream = scap.stream();
    let forks = forks(&stream);
    let ids: Vec<_> =
        forks.iter().map(|fork| (fork.child_process.map(|key| key.pid), fork.child_tid)).collect();
    assert_eq!(ids, [(Some(20), 20), (Some(21), 21), (Some(10), 22), (None, 0)]);
    assert_eq!((stream.counts.joined, forks[0].child_parent_pid), (3, 10));
    assert!(forks[0].child_process.unwrap().start_boot_ns > 0);
    for number in [1, 2, 3] {
        assert_eq!((stream.task(number).tid, stream.told().nth(number).unwrap().call), (10, None));
    }
    assert_eq!(stream.told().nth(4).unwrap().call.unwrap().result, -11);
    let known: Vec<_> = stream
        .kinds()
        .into_iter()
        .filter_map(|kind| match kind {
            Kind::Transfer(transfer) => Some(transfer.descriptor.as_ref().unwrap().kind.is_some()),
            _ => None,
        })
        .collect();
    assert_eq!(known, [false, true, false]);
    let last = stream.told().last().unwrap().task.clone().unwrap();
    assert_eq!((last.tid, last.process.unwrap().pid, last.credentials.unwrap().uid), (22, 10, 1000));
}

/// Scenario: a child in a pid namespace of its own, a vfork, a parent's word that comes after the child's end, and a number that is used again later. Guarantees: the
/// host's number is the child's own; nothing is made twice or of the dead; the later one is another process.
#[test]
fn the_childs_word_is_better() {
    let mut scap = Scap::new();
    clone(&mut scap, 10, 10, 1, 2, IN_PIDNS);
    scap.exit_of(
        30,
        "clone",
        &[
            ("res", int(0)),
            ("tid", int(30)),
            ("pid", int(30)),
            ("ptid", int(10)),
            ("comm", text("init")),
            ("flags", uint(IN_PIDNS)),
            ("vtid", int(1)),
            ("vpid", int(1)),
            ("cgroups", Value::Bytes(format!("cpu=/docker/{CONTAINER}\0").into_bytes())),
        ],
    );
    scap.exit_of(
        31,
        "vfork",
        &[("res", int(0)), ("tid", int(31)), ("pid", int(31)), ("ptid", int(10)), ("comm", text("bash"))],
    );
    scap.exit("vfork", &[("res", int(31)), ("tid", int(10)), ("pid", int(10)), ("ptid", int(1))]);
    clone(&mut scap, 32, 32, 10, 0, 0);
    scap.exit_of(32, "procexit", &[("status", int(0))]);
    clone(&mut scap, 10, 10, 1, 32, 0);
    scap.later(60);
    clone(&mut scap, 10, 10, 1, 32, 0);
    let stream = scap.stream();
    let forks = forks(&stream);
    let pids: Vec<_> = forks.iter().map(|fork| fork.child_process.unwrap().pid).collect();
    assert_eq!(pids, [30, 31, 32, 32]);
    assert_eq!(
        (forks[0].child_namespace_pid, forks[0].child_namespace_tid, &*forks[0].child_comm),
        (1, 1, &b"init"[..])
    );
    assert!(forks[3].child_process.unwrap().start_boot_ns > forks[2].child_process.unwrap().start_boot_ns);
    let cgroup = stream
        .facts()
        .into_iter()
        .find_map(|fact| if let ordered_fact::Kind::Cgroup(fact) = fact { Some(fact) } else { None })
        .unwrap();
    assert_eq!((&*cgroup.container_id, &*cgroup.runtime), (CONTAINER, "docker"));
    assert_eq!(forks[0].child_cgroup_id, cgroup.cgroup.unwrap().cgroup_id);
}

/// Scenario: a vfork that the caller tells first and is shown, with the child's word, which only changes state, at the same time; and another child's word
/// alone. Guarantees: the first is shown, since the child's word stands for its caller's; the second is not.
#[test]
fn a_shown_vfork_is_shown() {
    let mut scap = Scap::new();
    let code = table::exit_event("vfork").unwrap().code;
    let child = |tid| [("res", int(0)), ("tid", int(tid)), ("pid", int(tid)), ("ptid", int(10))];
    let mut time_ns = None;
    let caller = [("res", int(31)), ("tid", int(10)), ("pid", int(10)), ("ptid", int(1))];
    scap.draft(code, 10, &caller, |draft| time_ns = draft.time_ns);
    scap.draft(code, 31, &child(31), |draft| (draft.time_ns, draft.flags) = (time_ns, STATE_ONLY));
    scap.draft(code, 32, &child(32), |draft| draft.flags = STATE_ONLY);
    let stream = scap.stream();
    let marks: Vec<_> = stream.events.iter().map(|event| event.is_filter_marked).collect();
    assert_eq!((forks(&stream).len(), marks), (2, vec![false, true]));
}

/// Scenario: exec with everything that new files tell, a failed one, and an old one with its file name in the enter event. Guarantees: the program, its
/// file and streams, and what it changed of the task; a failure changes nothing.
#[test]
fn programs_are_executed() {
    let mut scap = Scap::new();
    scap.exit("open", &[("fd", int(1)), ("name", text("/tmp/out")), ("flags", uint(2))]);
    scap.exit(
        "execve",
        &[("res", int(-2)), ("exe", text("nope")), ("comm", text("nope")), ("filename", text("nope"))],
    );
    scap.exit(
        "execve",
        &[
            ("res", int(0)),
            ("exe", text("ls")),
            ("args", Value::Bytes(b"-l\0\0".to_vec())),
            ("tid", int(10)),
            ("pid", int(10)),
            ("ptid", int(1)),
            ("cwd", text("")),
            ("fdlimit", uint(1024)),
            ("vm_size", uint(9)),
            ("comm", text("ls")),
            ("env", Value::Bytes(b"A=b\0".to_vec())),
            ("tty", uint(0x8800)),
            ("vpgid", int(10)),
            ("loginuid", uint(1000)),
            ("flags", uint(1 | 2)),
            ("cap_inheritable", uint(1)),
            ("cap_permitted", uint(2)),
            ("cap_effective", uint(3)),
            ("exe_ino", uint(5)),
            ("exe_ino_ctime", uint(6)),
            ("exe_ino_mtime", uint(7)),
            ("uid", uint(0)),
            ("trusted_exepath", text("/usr/bin/ls")),
            ("pgid", int(10)),
            ("gid", uint(0)),
            ("filename", text("./ls")),
        ],
    );
    scap.event(288, 10, &[("filename", text("/bin/old"))]);
    scap.event(289, 10, &[("res", int(0)), ("exe", text("old")), ("comm", text("old"))]);
    let stream = scap.stream();
    let execs: Vec<_> = stream
        .kinds()
        .into_iter()
        .filter_map(|kind| if let Kind::Exec(exec) = kind { Some(exec) } else { None })
        .collect();
    assert_eq!(
        (&*execs[0].path.as_ref().unwrap().requested, &*execs[0].exe, &*stream.task(1).comm),
        (&b"nope"[..], &b""[..], &b"bash"[..])
    );
    let exec = execs[1];
    assert_eq!(
        (&*exec.exe, &*exec.arguments, &*exec.environment),
        (&b"ls"[..], &[b"-l".to_vec(), Vec::new()][..], &[b"A=b".to_vec()][..])
    );
    assert_eq!(
        (&*exec.working_directory, &*exec.path.as_ref().unwrap().base),
        (&b"/home/me"[..], &b"/home/me"[..])
    );
    let file = exec.executable.as_ref().unwrap();
    assert_eq!(
        (&*file.path, file.inode, file.change_time_ns, file.modify_time_ns, file.is_writable),
        (&b"/usr/bin/ls"[..], 5, 6, 7, true)
    );
    assert_eq!(
        (&*exec.standard_streams[0].r#type, &*exec.standard_streams[0].name),
        ("file", &b"/tmp/out"[..])
    );
    let task = stream.task(2);
    let (who, session) = (task.credentials.unwrap(), task.session.unwrap());
    assert_eq!(
        (&*task.comm, who.effective_uid, who.login_uid, who.capabilities.unwrap().effective),
        (&b"ls"[..], 0, 1000, 3)
    );
    assert_eq!((session.tty, session.process_group_id, session.namespace_process_group_id), (0x8800, 10, 10));
    assert_eq!(execs[2].path.as_ref().unwrap().requested, b"/bin/old");
    assert_eq!(execs[2].executable.as_ref().unwrap().path, b"/bin/old");
}

/// Scenario: a thread ends, then its process by a signal with a core. Guarantees: only the last thread's end is the process's; who inherits the children.
#[test]
fn ends() {
    let mut scap = Scap::new();
    clone(&mut scap, 10, 10, 1, 11, THREAD);
    scap.exit_of(11, "procexit", &[("status", int(0))]);
    scap.exit(
        "procexit",
        &[
            ("status", int(0x8b)),
            ("ret", int(0)),
            ("sig", uint(11)),
            ("core", uint(1)),
            ("reaper_tid", int(1)),
        ],
    );
    let stream = scap.stream();
    let exits: Vec<_> = stream
        .kinds()
        .into_iter()
        .filter_map(|kind| if let Kind::Exit(exit) = kind { Some(*exit) } else { None })
        .collect();
    assert_eq!((exits[0].is_process_end, exits[1].is_process_end), (false, true));
    assert_eq!(
        (exits[1].status, exits[1].signal, exits[1].is_core_dumped, exits[1].reaper_pid),
        (0x8b, 11, true, 1)
    );
    assert!(
        stream
            .told()
            .filter(|event| matches!(event.kind, Some(Kind::Exit(_))))
            .all(|event| event.call.is_none())
    );
}

/// Scenario: ids, capabilities, sessions, groups and names change, and some do not. Guarantees: the tasks of these and of later events have what holds then.
#[test]
fn tasks_change() {
    let mut scap = Scap::with(&[thread(10, 1, "bash"), thread(20, 10, "job")]);
    scap.exit("setresuid", &[("res", int(0)), ("ruid", uint(5)), ("euid", uint(6)), ("suid", uint(7))]);
    scap.exit("setuid", &[("res", int(-1)), ("uid", uint(0))]);
    scap.exit("setgid", &[("res", int(0)), ("gid", uint(8))]);
    scap.exit(
        "capset",
        &[
            ("res", int(0)),
            ("cap_inheritable", uint(1)),
            ("cap_permitted", uint(2)),
            ("cap_effective", uint(4)),
        ],
    );
    scap.exit("setpgid", &[("res", int(0)), ("pid", int(20)), ("pgid", int(20))]);
    scap.exit("setsid", &[("res", int(10))]);
    scap.exit(
        "prctl",
        &[("res", int(0)), ("option", uint(15)), ("arg2_str", text("renamed")), ("arg2_int", int(0))],
    );
    scap.exit_of(20, "getuid", &[("uid", uint(1000))]);
    let stream = scap.stream();
    let who = |number| stream.task(number).credentials.unwrap();
    assert_eq!((who(0).uid, who(0).effective_uid, who(1).effective_uid, who(2).effective_gid), (5, 6, 6, 8));
    assert_eq!(who(3).capabilities.unwrap().permitted, 2);
    let session = stream.task(5).session.unwrap();
    assert_eq!((session.session_id, session.process_group_id), (10, 10));
    assert_eq!(
        (&*stream.task(6).comm, stream.task(7).session.unwrap().process_group_id),
        (&b"renamed"[..], 20)
    );
    let kinds = stream.kinds();
    let Kind::ChangeCredentials(change) = kinds[0] else { panic!() };
    assert_eq!(change.ids, [5, 6, 7]);
    assert!(matches!(kinds[7], Kind::GenericCall(_)));
    assert_eq!(stream.calls()[7].result, 1000);
}
