//! A program under the eyes of an agent.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use capture_agent::{Agent, Config, RingLimits, Running};
use eyrie_proto::{
    capture::{CallPlan, CaptureLimits, CapturePlan, capture_response::Kind as Down},
    event::{
        Connect, Descriptor, Event, Executable, PathArgument, SystemCall, SystemCallAbi, descriptor,
        event::Kind,
    },
};
use test_programs::{Abi, Program};
use tokio::runtime::Runtime;

use super::covered::{Covered, Outcome};
use crate::fake_engine::{FakeEngine, Policy, Seen};

/// How much of moved data the plan asks for.
pub(crate) const DATA_BYTES: u32 = 8;
pub(crate) const AT_FDCWD: u32 = -100_i32 as u32;

/// Agents of this process one at a time: each captures the whole machine.
pub(crate) static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// A program that has made its calls and waits, with what was told of it. There is one in a test: when it is dropped, what was asked of
/// it is held against what `covered.tsv` says that the test looks at.
pub(crate) struct Scene {
    child: Child,
    abi: Abi,
    /// Its own, since it was executed.
    events: Vec<Event>,
    /// Those of other processes while it ran.
    others: Vec<Event>,
    covered: RefCell<Covered>,
}

/// A folder without symbolic links in its path.
pub(crate) fn folder() -> (tempfile::TempDir, PathBuf) {
    // Not where TMPDIR says: Unix sockets lie there, whose paths have room for 107 bytes.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

pub(crate) fn bytes_of(path: &Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}

/// What an event has where it asked for this path of this folder.
pub(crate) fn asked(requested: &str, directory_fd: i32, base: &Path) -> Option<PathArgument> {
    let base = if requested.starts_with('/') { Vec::new() } else { bytes_of(base) };
    Some(PathArgument { requested: requested.into(), directory_fd, base, ..PathArgument::default() })
}

pub(crate) fn without_kind(fd: i32) -> Option<Descriptor> {
    Some(Descriptor { fd, kind: None })
}

/// Captures the calls of these names while `command` runs up to its last call, a getppid.
pub(crate) fn captured(calls: &[&str], abi: Abi, command: &mut Command) -> Scene {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = FakeEngine::start(Policy::default()).await;
        let running = started(&engine, calls).await;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let pid = child.id();
        engine.until("the last call", |seen| ends(seen, pid, abi)).await;
        assert_eq!(running.shutdown().await.unacked_events, 0);
        let (own, others): (Vec<_>, _) =
            engine.seen().events.values().cloned().partition(|event| is_of(event, pid));
        Scene { child, abi, events: since_exec(own), others, covered: RefCell::default() }
    })
}

/// The same of a program made by hand.
pub(crate) fn performed(calls: &[&str], abi: Abi, program: Program, folder: &Path) -> Scene {
    captured(calls, abi, &mut program.write_waiting(folder))
}

/// An agent that carries out a plan for these calls and getppid.
pub(crate) async fn started(engine: &FakeEngine, calls: &[&str]) -> Running {
    let rings = RingLimits::default();
    let config = Config {
        machine_id: Some("0123456789abcdef0123456789abcdef".to_owned()),
        // Calls are captured of the whole machine, which may be busy.
        rings: RingLimits { bytes: rings.max_bytes, ..rings },
        ..Config::new(&engine.url()).unwrap()
    };
    let running = Agent::start(config, Default::default()).await.unwrap();
    engine.until("facts", |seen| !seen.events.is_empty()).await;
    let call = |name: &str| CallPlan { event_type: name.to_owned(), ..CallPlan::default() };
    let limits = Some(CaptureLimits { data_bytes: DATA_BYTES, ..CaptureLimits::default() });
    // Each once, however often the program makes it.
    let calls: BTreeSet<&str> = calls.iter().copied().chain(["getppid"]).collect();
    let calls = calls.into_iter().map(call).collect();
    let plan = CapturePlan { generation: 1, calls, limits, ..CapturePlan::default() };
    engine.send(Down::CapturePlan(plan)).await;
    engine.until("an answer", |seen| !seen.plan_answers.is_empty()).await;
    let answer = engine.seen().plan_answers[0].clone();
    assert_eq!((answer.failure.as_str(), answer.uncaptured), ("", Vec::new()));
    assert_eq!(answer.effective.unwrap().limits.unwrap().data_bytes, DATA_BYTES);
    running
}

/// Whether the last call of a program is there.
pub(crate) fn ends(seen: &Seen, pid: u32, abi: Abi) -> bool {
    seen.events.values().any(|event| is_of(event, pid) && is_call(event, abi, "getppid"))
}

/// What came before was made by a copy of this test.
fn since_exec(events: Vec<Event>) -> Vec<Event> {
    let is_exec = |event: &Event| matches!(&event.kind, Some(Kind::Exec(_)));
    events.into_iter().skip_while(|event| !is_exec(event)).collect()
}

pub(crate) fn is_of(event: &Event, pid: u32) -> bool {
    event.task.as_ref().and_then(|task| task.process).is_some_and(|key| key.pid == pid)
}

fn is_call(event: &Event, abi: Abi, name: &str) -> bool {
    let (number, expected) = match abi {
        Abi::X86_64 => (name.parse::<syscalls::x86_64::Sysno>().unwrap().id(), SystemCallAbi::Unspecified),
        Abi::I386 => (name.parse::<syscalls::x86::Sysno>().unwrap().id(), SystemCallAbi::Compat32),
    };
    event.call.as_ref().is_some_and(|call| call.number as i32 == number && call.abi() == expected)
}

fn is_start(event: &Event) -> bool {
    matches!(&event.kind, Some(Kind::Connect(connect)) if connect.is_started_only)
}

// === impl Scene ===

impl Scene {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The files that the process executed, in order.
    pub(crate) fn executables(&self) -> Vec<Executable> {
        let of = |event: &Event| match &event.kind {
            Some(Kind::Exec(exec)) => exec.executable.clone(),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    /// Events of a call, whole and in order.
    pub(crate) fn events(&self, name: &str) -> Vec<Event> {
        let calls = self.events.iter().filter(|event| is_call(event, self.abi, name));
        let calls: Vec<_> = calls.cloned().collect();
        // What has only begun has no outcome.
        for event in calls.iter().filter(|event| !is_start(event)) {
            self.cover(name, event.call.unwrap().result);
        }
        calls
    }

    /// All events of the program's, whatever they are.
    pub(crate) fn own(&self) -> &[Event] {
        &self.events
    }

    /// Events of other processes, from the start of the agent on.
    pub(crate) fn others(&self) -> &[Event] {
        &self.others
    }

    /// Says that the test looks at a call with this result.
    pub(crate) fn cover(&self, name: &str, result: i64) {
        self.covered.borrow_mut().add(name, Outcome::of(self.abi, result));
    }

    /// Calls and events of a call, in order.
    pub(crate) fn calls(&self, name: &str) -> Vec<(SystemCall, Kind)> {
        self.events(name).into_iter().map(|event| (event.call.unwrap(), event.kind.unwrap())).collect()
    }

    /// The same with results alone.
    pub(crate) fn all(&self, name: &str) -> Vec<(i64, Kind)> {
        self.calls(name).into_iter().map(|(call, kind)| (call.result, kind)).collect()
    }

    /// How connects went: without the events of their beginnings.
    pub(crate) fn connects(&self) -> Vec<(i64, Connect)> {
        let of = |(result, kind)| match kind {
            Kind::Connect(connect) => Some((result, connect)),
            _ => None,
        };
        let connects = self.all("connect").into_iter().filter_map(of);
        connects.filter(|(_, connect)| !connect.is_started_only).collect()
    }

    /// The only call of this name.
    pub(crate) fn only(&self, name: &str) -> (i64, Kind) {
        let mut all = self.all(name);
        assert_eq!(all.len(), 1, "{name}: {all:?}");
        all.remove(0)
    }

    /// What the program has at an address.
    pub(crate) fn memory<const BYTES: usize>(&self, address: u32) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let memory = fs::File::open(format!("/proc/{}/mem", self.pid())).unwrap();
        memory.read_exact_at(&mut bytes, address.into()).unwrap();
        bytes
    }

    /// What a call returned, as the program kept it at an address.
    pub(crate) fn kept(&self, address: u32) -> i64 {
        match self.abi {
            Abi::X86_64 => i64::from_le_bytes(self.memory(address)),
            Abi::I386 => i32::from_le_bytes(self.memory(address)).into(),
        }
    }

    /// A file of the program's in /proc.
    pub(crate) fn proc(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.pid())).unwrap()
    }

    /// The value behind a name in /proc/PID/status.
    pub(crate) fn status(&self, name: &str) -> String {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:"))).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Fails the test unless a descriptor is what /proc/PID/fd says that it is, and returns its number.
    pub(crate) fn check(&self, descriptor: Option<&Descriptor>) -> i32 {
        let descriptor = descriptor.expect("a descriptor");
        let path = format!("/proc/{}/fd/{}", self.pid(), descriptor.fd);
        let link = fs::read_link(&path).unwrap_or_else(|error| panic!("{path}: {error}, {descriptor:?}"));
        let (link, meta) = (link.to_str().unwrap().to_owned(), fs::metadata(&path).unwrap());
        match descriptor.kind.as_ref().unwrap_or_else(|| panic!("{link} has no kind")) {
            descriptor::Kind::File(file) => {
                assert_eq!(String::from_utf8_lossy(&file.path), link);
                assert_eq!((file.inode, file.mode), (meta.ino(), meta.mode()));
            }
            descriptor::Kind::Socket(socket) => assert_eq!(format!("socket:[{}]", socket.inode), link),
            descriptor::Kind::Other(other) => {
                assert_eq!(other.r#type, type_of(&link), "{link}");
                assert_eq!(other.inode, meta.ino(), "{link}");
            }
        }
        descriptor.fd
    }
}

/// What Falco calls something that neither is a file nor a socket, by its link in /proc.
fn type_of(link: &str) -> &'static str {
    match link {
        "anon_inode:[eventfd]" => "event",
        "anon_inode:[eventpoll]" => "eventpoll",
        "anon_inode:[timerfd]" => "timerfd",
        "anon_inode:[signalfd]" => "signalfd",
        "anon_inode:inotify" => "inotify",
        "anon_inode:[userfaultfd]" => "userfaultfd",
        "anon_inode:[io_uring]" => "io_uring",
        "anon_inode:[pidfd]" => "pidfd",
        "anon_inode:bpf-map" => "bpf",
        _ if link.starts_with("pidfd:") => "pidfd",
        _ if link.starts_with("pipe:") => "pipe",
        _ if link.starts_with("/memfd:") => "memfd",
        _ => "unknown",
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // It may have ended by itself, if the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            self.covered.borrow().check();
        }
    }
}
