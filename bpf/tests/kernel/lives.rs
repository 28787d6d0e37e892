use std::{
    collections::HashMap,
    fs,
    io::Read,
    os::unix::{fs::MetadataExt, process::CommandExt},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use eyrie_bpf::{Exit, Fork, Header, Record, exit_flag, flag};
use test_requirements::{Requirement, requires};

use super::{
    actor::{actor, is_acting, run},
    loaded::{Loaded, Recorded},
};

const CLONE_VM: u64 = 0x100;
const CLONE_THREAD: u64 = 0x10000;

/// Fields of `/proc/PID/stat` from the fourth (ppid) on, by their number in proc(5).
pub(crate) fn stat(pid: u32) -> impl Fn(usize) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<i64> = text
        .rsplit_once(") ")
        .unwrap()
        .1
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    move |number| fields[number - 3] as u64
}

fn status(pid: u32) -> HashMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    text.lines()
        .filter_map(|line| line.split_once(":\t"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Compares everything in a header with what /proc tells of a process that has not changed since.
pub(crate) fn assert_header_is(header: &Header, pid: u32) {
    let stat = stat(pid);
    let status = status(pid);
    let word = |name: &str, index: usize| status[name].split_whitespace().nth(index).unwrap().to_owned();
    let capabilities = |name: &str| u64::from_str_radix(&status[name], 16).unwrap();
    let namespace = |name: &str| {
        let link = fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap();
        let text = link.to_str().unwrap().trim_end_matches(']');
        text.rsplit_once('[').unwrap().1.parse::<u32>().unwrap()
    };
    assert_eq!(header.tgid, pid);
    assert_eq!(u64::from(header.parent_tgid), stat(4));
    assert_eq!(u64::from(header.process_group_id), stat(5));
    assert_eq!(u64::from(header.session_id), stat(6));
    assert_eq!(u64::from(header.tty), stat(7));
    // In clock ticks of 10 ms.
    assert_eq!(header.leader_start_boot_ns / 10_000_000, stat(22));
    for (id, name, index) in [
        (header.uid, "Uid", 0),
        (header.effective_uid, "Uid", 1),
        (header.gid, "Gid", 0),
        (header.effective_gid, "Gid", 1),
    ] {
        assert_eq!(id.to_string(), word(name, index), "{name} {index}");
    }
    assert_eq!(header.cap_effective, capabilities("CapEff"));
    assert_eq!(header.cap_permitted, capabilities("CapPrm"));
    assert_eq!(header.cap_inheritable, capabilities("CapInh"));
    for (id, name) in [
        (header.namespace_tgid, "NStgid"),
        (header.namespace_session_id, "NSsid"),
        (header.namespace_process_group_id, "NSpgid"),
    ] {
        let innermost = status[name].split_whitespace().next_back().unwrap();
        assert_eq!(id.to_string(), innermost, "{name}");
    }
    assert_eq!(header.comm(), status["Name"].as_bytes());
    assert_eq!(header.pid_namespace, namespace("pid"));
    assert_eq!(header.mount_namespace, namespace("mnt"));
    if let Ok(login) = fs::read_to_string(format!("/proc/{pid}/loginuid")) {
        assert_eq!(header.login_uid.to_string(), login);
    }
    if let Ok(session) = fs::read_to_string(format!("/proc/{pid}/sessionid")) {
        assert_eq!(header.audit_session_id.to_string(), session);
    }
    if let Some(inode) = cgroup_inode(pid) {
        assert_eq!(header.cgroup_id, inode);
    }
}

/// Inode of the process's directory in the default hierarchy, where that is mounted.
fn cgroup_inode(pid: u32) -> Option<u64> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?.to_owned();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mount =
        mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|line| line[2] == "cgroup2")?;
    fs::metadata(format!("{}{path}", mount[1])).ok().map(|meta| meta.ino())
}

fn fork_of(recorded: &Recorded, pid: u32) -> Fork {
    recorded.only(|record| match record {
        Record::Fork(fork) if fork.child_tid == pid => Some(fork),
        _ => None,
    })
}

fn exit_of(recorded: &Recorded, pid: u32) -> Exit {
    recorded.only(|record| match record {
        Record::Exit(exit) if exit.header.tid == pid => Some(exit),
        _ => None,
    })
}

/// Waits until a process runs the program that it is to become, and waits for something itself: it has the name before the kernel tells that
/// it was executed.
pub(crate) fn until_named(pid: u32, comm: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let waiting = format!("({comm}) S ");
    while !fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(&waiting) {
        assert!(Instant::now() < deadline, "{pid} did not become {comm}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Scenario: a process is started by this one and ends by exit, another is killed. Guarantees: fork tells parent, child
/// and the start that /proc tells; exit tells the status that wait tells.
#[test]
fn a_process_has_a_beginning_and_an_end() {
    requires!(Requirement::Kernel);
    let mut loaded = Loaded::new();
    let ended = run(Command::new("sh").args(["-c", "exit 7"]));
    let recorded = loaded.drain(ended.pid);
    let fork = fork_of(&recorded, ended.pid);
    assert_eq!(fork.header.tgid, std::process::id());
    assert_eq!((fork.child_tgid, fork.child_parent_tgid), (ended.pid, std::process::id()));
    assert!(!fork.is_thread() && fork.clone_flags & CLONE_THREAD == 0);
    assert!(fork.clone_flags & CLONE_VM != 0, "std starts processes by vfork");
    assert_eq!(fork.child_start_boot_ns, fork.child_thread_start_boot_ns);
    assert_eq!(fork.child_comm(), fork.header.comm());
    assert_eq!(fork.child_cgroup_id, fork.header.cgroup_id);
    assert_eq!(u64::from(fork.child_pid_namespace), fs::metadata("/proc/self/ns/pid").unwrap().ino());
    let exit = exit_of(&recorded, ended.pid);
    assert_eq!((exit.exit_status(), exit.signal(), exit.is_process_end()), (7, 0, true));
    assert_eq!(exit.header.leader_start_boot_ns, fork.child_start_boot_ns);
    assert!(fork.header.boot_ns < exit.header.boot_ns);
    for record in recorded.iter() {
        let is_life = matches!(record, Record::Fork(_) | Record::Exec(_) | Record::Exit(_));
        assert!(!is_life || record.header().has(flag::STATE_BEARING) && record.header().call().is_none());
    }

    let mut killed = Command::new("sleep").arg("1000").spawn().unwrap();
    let started = stat(killed.id())(22);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let recorded = loaded.drain(killed.id());
    assert_eq!(fork_of(&recorded, killed.id()).child_start_boot_ns / 10_000_000, started);
    let exit = exit_of(&recorded, killed.id());
    assert_eq!((exit.exit_status(), exit.signal(), exit.is_process_end()), (0, 9, true));
}

/// Scenario: a process in a session and group of its own, as another user with fewer capabilities. Guarantees: every
/// field of the header is what /proc tells.
#[test]
fn a_header_is_what_proc_says() {
    requires!(Requirement::Kernel);
    let mut loaded = Loaded::new();
    let mut plain = Command::new("sleep").arg("1000").spawn().unwrap();
    let mut other = Command::new("setsid")
        .args(["sleep", "1000"])
        .uid(65534)
        .gid(65534)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    for child in [&mut plain, &mut other] {
        until_named(child.id(), "sleep");
    }
    // Both are children of this process.
    let recorded = loaded.drain(std::process::id());
    let last = |pid: u32| {
        let is_its = |record: &Record<'_>| matches!(record, Record::Exec(_)) && record.header().tgid == pid;
        recorded.iter().filter(is_its).last().map(|record| *record.header())
    };
    let [last_plain, last_other] = [plain.id(), other.id()].map(last);
    for (last, pid) in [(last_plain, plain.id()), (last_other, other.id())] {
        if let Some(last) = last {
            assert_header_is(&last, pid);
        }
    }
    for child in [&mut plain, &mut other] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(last_plain.is_some() && last_other.is_some());
}

/// Scenario: a process with a thread that ends first. Guarantees: the thread's fork and exit are told as a thread's, and
/// only the last exit ends the process.
#[test]
fn a_thread_is_no_process() {
    if is_acting() {
        thread::Builder::new().name("worker".to_owned()).spawn(|| ()).unwrap().join().unwrap();
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = super::opens::folder();
    let mut loaded = Loaded::new();
    let acted = run(&mut actor("kernel::lives::a_thread_is_no_process", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let process = fork_of(&recorded, acted.pid);
    let worker = recorded.only(|record| match record {
        Record::Exit(exit) if exit.header.comm() == b"worker" => Some(exit),
        _ => None,
    });
    let fork = fork_of(&recorded, worker.header.tid);
    assert!(fork.is_thread() && fork.clone_flags & CLONE_THREAD != 0);
    assert_eq!((fork.child_tgid, fork.header.tgid), (acted.pid, acted.pid));
    assert_eq!(fork.child_start_boot_ns, process.child_start_boot_ns);
    assert!(fork.child_thread_start_boot_ns > fork.child_start_boot_ns);
    assert_eq!(worker.thread_start_boot_ns, fork.child_thread_start_boot_ns);
    assert!(!worker.is_process_end());
    let ends = recorded.iter().filter(|record| matches!(record, Record::Exit(exit) if exit.is_process_end()));
    assert_eq!(ends.filter(|record| record.header().tgid == acted.pid).count(), 1);
}

/// Scenario: a shell starts a background process and ends before it; between it and init there is a process that takes
/// over orphans. Guarantees: the shell's exit says that it leaves children, and to whom.
#[test]
fn orphans_go_to_the_reaper() {
    if is_acting() {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
        let shell = run(Command::new("sh").args(["-c", "sleep 0.2 & exit 0"]));
        println!("shell={}", shell.pid);
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = super::opens::folder();
    let mut loaded = Loaded::new();
    let acted = run(&mut actor("kernel::lives::orphans_go_to_the_reaper", &path)).succeeded();
    let recorded = loaded.drain(acted.pid);
    let shell = exit_of(&recorded, acted.said("shell").parse().unwrap());
    assert!(shell.flags & exit_flag::HAS_CHILDREN != 0);
    assert_eq!(shell.reaper_tgid, acted.pid);
}

/// Scenario: a process in a pid and mount namespace of its own. Guarantees: its ids in there are told beside the
/// host's, and both namespaces.
#[test]
fn ids_inside_a_namespace_are_told() {
    requires!(Requirement::Kernel);
    let mut loaded = Loaded::new();
    let mut unshare = Command::new("unshare")
        .args(["--pid", "--mount", "--fork", "--kill-child", "sh", "-c"])
        .arg("stat -Lc %i /proc/self/ns/mnt; readlink /proc/self/ns/pid; exec sleep 1000")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut out = unshare.stdout.take().unwrap();
    let mut byte = [0];
    while said.lines().count() < 2 || !said.ends_with('\n') {
        out.read_exact(&mut byte).unwrap();
        said.push(char::from(byte[0]));
    }
    thread::sleep(Duration::from_millis(50));
    let recorded = loaded.drain(unshare.id());
    unshare.kill().unwrap();
    unshare.wait().unwrap();
    let init = recorded.iter().filter_map(|record| match record {
        Record::Fork(fork) if fork.child_namespace_tgid == 1 => Some(fork),
        _ => None,
    });
    let init = init.last().unwrap();
    assert_eq!(init.child_namespace_tid, 1);
    assert_eq!(init.pid_namespace_start_boot_ns, init.child_start_boot_ns);
    assert_ne!(init.child_pid_namespace, init.header.pid_namespace);
    let (mount, pid) = said.trim_end().split_once('\n').unwrap();
    assert_eq!(pid, format!("pid:[{}]", init.child_pid_namespace));
    let exec = recorded.only(|record| match record {
        Record::Exec(exec) if exec.header.tgid == init.child_tgid && exec.header.comm() == b"sh" => {
            Some(exec)
        }
        _ => None,
    });
    assert_eq!((exec.header.namespace_tgid, exec.header.namespace_tid), (1, 1));
    // Its session was made outside.
    assert_eq!((exec.header.namespace_session_id, exec.header.namespace_process_group_id), (0, 0));
    assert_eq!(exec.header.pid_namespace, init.child_pid_namespace);
    assert_eq!(exec.header.mount_namespace.to_string(), mount);
}
