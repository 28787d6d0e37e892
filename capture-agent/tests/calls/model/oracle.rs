//! What /proc has of a process, held against a model.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use host_model::{HostModel, Process};
use rustix::process::{Pid, Signal, kill_process};

/// A clock tick of /proc in nanoseconds.
const TICK_NS: u64 = 10_000_000;
const DELETED: &[u8] = b" (deleted)";

/// A process that is looked at.
struct Proc {
    pid: u32,
    /// proc_pid_stat(5) behind the name.
    stat: Vec<String>,
}

/// Those that have not ended: also those whose main thread has, while others run.
pub(super) fn living(pids: &BTreeSet<u32>) -> BTreeSet<u32> {
    pids.iter()
        .copied()
        .filter(|pid| Proc::new(*pid).is_some_and(|proc| proc.living_thread().is_some()))
        .collect()
}

/// Ends every process whose program lies in this folder of the test's own.
pub(super) fn kill_all_of(folder: &Path) {
    let pids =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for pid in pids {
        let is_ours = Proc::new(pid)
            .and_then(|proc| proc.link("exe"))
            .is_some_and(|exe| exe.starts_with(&[folder.as_os_str().as_bytes(), b"/"].concat()));
        if let Some(pid) = Pid::from_raw(pid.cast_signed()).filter(|_| is_ours) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Fails the test with all that differs.
pub(super) fn check(
    source: &str,
    model: &HostModel,
    pids: &BTreeSet<u32>,
    name: impl Fn(u32) -> &'static str,
) {
    let mut differences = Vec::new();
    for pid in pids {
        let proc = Proc::new(*pid).expect("it waits");
        let Some(process) = model.process(*pid) else {
            differences.push(format!("{} {pid} is missing", name(*pid)));
            continue;
        };
        let found = Comparison { found: Vec::new() }.all(&proc, process);
        differences.extend(found.iter().map(|what| format!("{} {pid}: {what}", name(*pid))));
    }
    assert!(differences.is_empty(), "by {source}:\n{}", differences.join("\n"));
}

struct Comparison {
    found: Vec<String>,
}

// === impl Comparison ===

impl Comparison {
    fn same<T: PartialEq + Debug>(&mut self, what: &str, known: T, told: T) {
        if known != told {
            self.found.push(format!("{what} is {known:?}, in /proc {told:?}"));
        }
    }

    fn all(mut self, proc: &Proc, process: &Process) -> Vec<String> {
        self.ids(proc, process);
        self.rights(proc, process);
        self.program(proc, process);
        self.directories(proc, process);
        self.same("incomplete", process.is_incomplete(), false);
        self.found
    }

    fn ids(&mut self, proc: &Proc, process: &Process) {
        let (session, namespaces) = (process.session(), |name| proc.namespace(name));
        self.same("start", process.key().start_boot_ns / TICK_NS, proc.number(19));
        self.same("parent", process.parent_pid().into(), proc.number(1));
        self.same("process group", session.process_group_id.into(), proc.number(2));
        self.same("session", session.session_id.into(), proc.number(3));
        self.same("terminal", session.tty.into(), proc.number(4));
        self.same("pid inside", process.namespace_pid(), proc.innermost("NSpid"));
        self.same("group inside", session.namespace_process_group_id, proc.innermost("NSpgid"));
        self.same("session inside", session.namespace_session_id, proc.innermost("NSsid"));
        self.same("pid namespace", process.pid_namespace(), namespaces("pid"));
        self.same("mount namespace", process.mount_namespace(), namespaces("mnt"));
        if process.cgroup_hierarchy() == 0 {
            self.same("control group", Some(process.cgroup_id()), proc.cgroup());
        }
    }

    fn rights(&mut self, proc: &Proc, process: &Process) {
        let who = process.credentials();
        let ids = |name| proc.status(name).iter().map(|id| id.parse().unwrap()).collect::<Vec<u32>>();
        self.same("users", vec![who.uid, who.effective_uid], ids("Uid")[..2].to_vec());
        self.same("groups", vec![who.gid, who.effective_gid], ids("Gid")[..2].to_vec());
        if let Ok(login) = fs::read_to_string(format!("/proc/{}/loginuid", proc.pid)) {
            self.same("login", who.login_uid.to_string(), login.trim().to_owned());
        }
        let sets = who.capabilities.expect("capabilities");
        let told =
            ["CapEff", "CapPrm", "CapInh"].map(|set| u64::from_str_radix(&proc.status(set)[0], 16).unwrap());
        self.same("capabilities", [sets.effective, sets.permitted, sets.inheritable], told);
        let limits = String::from_utf8(proc.file("limits")).unwrap();
        let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let files = files.split_whitespace().next().unwrap().to_owned();
        self.same("open files", process.open_files_limit().to_string(), files);
    }

    fn program(&mut self, proc: &Proc, process: &Process) {
        let comm = proc.main_file("comm");
        self.same("name", process.comm(), comm.strip_suffix(b"\n").unwrap());
        let list = |first: &[&[u8]], rest: &[Vec<u8>]| {
            let texts = first.iter().copied().chain(rest.iter().map(Vec::as_slice));
            texts.flat_map(|text| [text, b"\0"].concat()).collect::<Vec<_>>()
        };
        self.same("command line", list(&[process.exe()], process.arguments()), proc.file("cmdline"));
        self.same("environment", list(&[], process.environment()), proc.file("environ"));
        let executable = process.executable().map(|file| file.path.clone());
        self.same("executable", executable, proc.link("exe"));
        let is_dead = proc.stat[0] == "Z";
        self.same("main thread's end", process.is_leader_dead(), is_dead);
        let known = process.threads().iter().map(|thread| (thread.tid(), thread.comm().to_vec()));
        let told = proc.threads().into_iter().filter(|tid| *tid != proc.pid).map(|tid| {
            let comm = fs::read(format!("/proc/{}/task/{tid}/comm", proc.pid)).unwrap();
            (tid, comm.strip_suffix(b"\n").unwrap().to_vec())
        });
        self.same("threads", known.collect::<Vec<_>>(), told.collect());
    }

    /// The model has the directory relative to the root, /proc relative to ours.
    fn directories(&mut self, proc: &Proc, process: &Process) {
        let (root, directory) = (process.root_directory(), process.working_directory());
        let root_told = proc.link("root").unwrap();
        self.same("root", if root.is_empty() { b"/" } else { root }, &*root_told);
        let known = if root.is_empty() { directory.to_vec() } else { [root, directory].concat() };
        let told = proc.link("cwd").unwrap();
        self.same("directory", &*known, told.strip_suffix(DELETED).unwrap_or(&told));
    }
}

// === impl Proc ===

impl Proc {
    fn new(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?;
        Some(Self { pid, stat: fields.split_whitespace().map(str::to_owned).collect() })
    }

    fn number(&self, field: usize) -> u64 {
        self.stat[field].parse().unwrap()
    }

    fn threads(&self) -> Vec<u32> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid)).into_iter().flatten().flatten();
        let mut tids: Vec<u32> =
            tasks.map(|task| task.file_name().to_str().unwrap().parse().unwrap()).collect();
        tids.sort_unstable();
        tids
    }

    /// The main thread, unless it has ended; then another one, of which /proc still has everything.
    fn living_thread(&self) -> Option<u32> {
        let other = || self.threads().into_iter().find(|tid| *tid != self.pid);
        if self.stat[0] == "Z" { other() } else { Some(self.pid) }
    }

    fn path(&self, name: &str) -> PathBuf {
        let tid = self.living_thread().unwrap_or(self.pid);
        PathBuf::from(format!("/proc/{}/task/{tid}/{name}", self.pid))
    }

    fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn main_file(&self, name: &str) -> Vec<u8> {
        fs::read(format!("/proc/{}/{name}", self.pid)).unwrap()
    }

    fn link(&self, name: &str) -> Option<Vec<u8>> {
        fs::read_link(self.path(name)).ok().map(|path| path.as_os_str().as_bytes().to_vec())
    }

    fn status(&self, name: &str) -> Vec<String> {
        let status = String::from_utf8(self.file("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    }

    /// A number of the process, not of the thread that is looked at.
    fn innermost(&self, name: &str) -> u32 {
        let status = String::from_utf8(self.main_file("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        line.split_whitespace().next_back().unwrap().parse().unwrap()
    }

    fn namespace(&self, name: &str) -> u64 {
        fs::metadata(self.path(&format!("ns/{name}"))).unwrap().ino()
    }

    /// In the v2 hierarchy.
    fn cgroup(&self) -> Option<u64> {
        let groups = String::from_utf8(self.file("cgroup")).unwrap();
        let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?.to_owned();
        Some(fs::metadata(format!("/sys/fs/cgroup{path}")).ok()?.ino())
    }
}
