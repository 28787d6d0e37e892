use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::MetadataExt, process::CommandExt},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use eyrie_bpf::{Record, Task};
use test_requirements::{Requirement, requires};

use super::{
    actor::{actor, is_acting},
    lives::{assert_header_is, stat, until_named},
    loaded::{Loaded, Recorded},
    opens::{assert_is, folder},
};

fn main_thread(recorded: &Recorded, pid: u32) -> Task<'_> {
    recorded.only(|record| match record {
        Record::Task(task) if task.header.tid == pid => Some(task),
        _ => None,
    })
}

/// Scenario: a process that sleeps, started with arguments, an environment and a working directory. Guarantees: the
/// snapshot has what /proc has.
#[test]
fn a_snapshot_is_what_proc_says() {
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    let mut child = Command::new("sleep")
        .args(["1000", "0"])
        .env("EYRIE_MARK", "mark")
        .current_dir(&path)
        .stdin(fs::File::open("/proc/self/exe").unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    until_named(pid, "sleep");
    let mut loaded = Loaded::new();
    let recorded = loaded.snapshot(&[pid]);
    let task = main_thread(&recorded, pid);
    assert_header_is(&task.header, pid);
    let proc = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap();
    assert_eq!(task.arguments, proc("cmdline"));
    assert_eq!(task.argument_list().collect::<Vec<_>>(), [&b"sleep"[..], b"1000", b"0"]);
    let environment = proc("environ");
    assert_eq!(task.environment, &environment[..environment.len().min(4096)]);
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).unwrap().into_os_string();
    assert_eq!(task.executable_path, link("exe").as_encoded_bytes());
    assert_eq!(task.working_directory, link("cwd").as_encoded_bytes());
    assert!(task.root_directory.is_empty());
    assert_is(&task.executable, &std::path::PathBuf::from(link("exe")));
    assert_eq!(task.thread_start_boot_ns, task.header.leader_start_boot_ns);
    assert_eq!(task.thread_start_boot_ns / 10_000_000, stat(pid)(22));
    assert_eq!(u64::from(task.header.pid_namespace), fs::metadata("/proc/self/ns/pid").unwrap().ino());
    assert!(task.is_main_thread() && !task.has_ended() && task.header.is_state_bearing());
    assert_eq!((task.standard_input.fd, task.standard_input.path), (0, link("fd/0").as_encoded_bytes()));
    let pipe = fs::metadata(format!("/proc/{pid}/fd/1")).unwrap().ino();
    assert_eq!((task.standard_output.fd, task.standard_output.file.inode), (1, pipe));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Scenario: a process in a changed root, with a second thread; a process that has ended and is not waited for.
/// Guarantees: root and thread are told, the thread without what belongs to the process, and the dead one as ended.
#[test]
fn threads_roots_and_dead_processes_are_told() {
    if is_acting() {
        rustix::process::chroot("root").unwrap();
        rustix::process::chdir("/inner").unwrap();
        thread::Builder::new()
            .name("second".to_owned())
            .spawn(|| thread::sleep(Duration::from_secs(60)))
            .unwrap();
        println!("ready");
        thread::sleep(Duration::from_secs(60));
        return;
    }
    requires!(Requirement::Kernel);
    let (_keep, path) = folder();
    fs::create_dir_all(path.join("root/inner")).unwrap();
    let mut child = actor("kernel::snapshots::threads_roots_and_dead_processes_are_told", &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().ends_with("ready")).unwrap().unwrap();
    let mut dead = Command::new("true").spawn().unwrap();
    while stat_state(dead.id()) != 'Z' {
        thread::sleep(Duration::from_millis(1));
    }
    let mut loaded = Loaded::new();
    let recorded = loaded.snapshot(&[child.id(), dead.id()]);
    let own = main_thread(&recorded, child.id());
    assert_eq!(own.root_directory, path.join("root").as_os_str().as_encoded_bytes());
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap().count();
    let recorded_threads = recorded.iter().filter(|record| record.header().tgid == child.id()).count();
    assert_eq!(recorded_threads, threads);
    let second = recorded.only(|record| match record {
        Record::Task(task) if task.header.comm() == b"second" => Some(task),
        _ => None,
    });
    assert!(!second.is_main_thread() && second.arguments.is_empty() && !second.executable.is_known());
    assert!(second.thread_start_boot_ns > second.header.leader_start_boot_ns);
    let ended = main_thread(&recorded, dead.id());
    assert!(ended.has_ended() && ended.arguments.is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    dead.wait().unwrap();
}

fn stat_state(pid: u32) -> char {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    text.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

/// Scenario: a process in a session of its own, as another user with fewer capabilities. Guarantees: every field of the header in a snapshot
/// is what /proc tells.
#[test]
fn a_header_in_a_snapshot_is_what_proc_says() {
    requires!(Requirement::Kernel);
    let mut other = Command::new("setsid");
    let mut child = other.args(["sleep", "1000"]).uid(65534).gid(65534).stdin(Stdio::null()).spawn().unwrap();
    until_named(child.id(), "sleep");
    let recorded = Loaded::new().snapshot(&[child.id()]);
    assert_header_is(&main_thread(&recorded, child.id()).header, child.id());
    child.kill().unwrap();
    child.wait().unwrap();
}
