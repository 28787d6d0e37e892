use std::{
    fs,
    io::ErrorKind,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use eyrie_proto::event::{Connect, Event, descriptor, event::Kind};
use test_requirements::{Requirement, requires};
use tokio::runtime::Runtime;

use super::{
    scene::{ALONE, ends, folder, is_of, started},
    sockets::{port, sockaddr},
};
use crate::fake_engine::{FakeEngine, Policy, Seen};
use test_programs::{Abi, Program};

const EINPROGRESS: i64 = -115;

/// A listener that answers nobody: its queue is full.
struct Full {
    listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Full {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        // One more than the backlog is let in; the next is told nothing.
        loop {
            match TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
                Ok(stream) => waiting.push(stream),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::TimedOut, "after {}: {error}", waiting.len());
                    return Self { listener, _waiting: waiting };
                }
            }
        }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// Lets the next one in: it asks again after a second.
    fn accept(&self) {
        self.listener.accept().unwrap();
    }
}

/// The connects of a process with the sequence numbers of their events.
fn connects(seen: &Seen, pid: u32) -> Vec<(u64, Event, Connect)> {
    let of = |(sequence, event): (&u64, &Event)| match &event.kind {
        Some(Kind::Connect(connect)) if is_of(event, pid) => {
            Some((*sequence, event.clone(), connect.clone()))
        }
        _ => None,
    };
    seen.events.iter().filter_map(of).collect()
}

/// The number of the call that a thread is in, as the kernel has it.
fn call_in_proc(pid: u32) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}

fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

fn state_in_proc(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().unwrap().chars().next().unwrap()
}

/// Ends the process that a test started, whatever becomes of the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawned(program: Program, folder: &Path) -> Ended {
    Ended(program.write_waiting(folder).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
}

/// Scenario: programs of 64 and of 32 bits connect to a listener whose queue is full, the latter by `socketcall`; while one waits it
/// is stopped and goes on; then there is room. Guarantees: the start is told while the call waits, with the kernel's addresses, the
/// interruption tells nothing new, and the end names the start.
#[test]
fn a_connect_that_waits_is_told_when_it_starts() {
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for abi in [Abi::X86_64, Abi::I386] {
        let (_keep, folder) = folder();
        let full = Full::new();
        let mut program = Program::with_nothing_open(abi);
        let address = program.bytes(&sockaddr(full.port()));
        let number = match abi {
            Abi::X86_64 => {
                program.call("socket", &[2, 1, 0]);
                program.call("connect", &[3, address, 16]);
                "42"
            }
            Abi::I386 => {
                let (socket, connect) = (program.words(&[2, 1, 0]), program.words(&[3, address, 16]));
                program.call("socketcall", &[1, socket]);
                program.call("socketcall", &[3, connect]);
                "102"
            }
        };
        Runtime::new().unwrap().block_on(async {
            let engine = FakeEngine::start(Policy::default()).await;
            let running = started(&engine, &["connect"]).await;
            let child = spawned(program, &folder);
            let pid = child.0.id();
            engine.until("the start", |seen| !connects(seen, pid).is_empty()).await;
            assert_eq!(call_in_proc(pid), number, "it waits");
            signal(pid, "-STOP");
            while state_in_proc(pid) != 'T' {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            signal(pid, "-CONT");
            full.accept();
            engine.until("the end", |seen| ends(seen, pid, abi)).await;
            assert_eq!(running.shutdown().await.unacked_events, 0);

            let told = connects(&engine.seen(), pid);
            let [(sequence, begun, start), (_, ended, end)] = &told[..] else { panic!("{told:?}") };
            let (begun, ended) = (begun.call.unwrap(), ended.call.unwrap());
            assert_eq!((begun.result, begun.started_sequence), (EINPROGRESS, 0));
            assert_eq!((ended.result, ended.started_sequence), (0, *sequence));
            assert_eq!((begun.number, begun.abi), (ended.number, ended.abi));
            assert!(start.is_started_only && !end.is_started_only);
            assert_eq!(start.requested, end.requested);
            let [first, last] = [start, end].map(|connect| {
                let descriptor = connect.descriptor.as_ref().unwrap();
                let Some(descriptor::Kind::Socket(socket)) = &descriptor.kind else {
                    panic!("{descriptor:?}")
                };
                assert_eq!((descriptor.fd, port(socket.remote.as_ref())), (3, full.port()));
                socket.clone()
            });
            let link = fs::read_link(format!("/proc/{pid}/fd/3")).unwrap();
            assert_eq!(link.to_str().unwrap(), format!("socket:[{}]", first.inode));
            assert_eq!((first.inode, first.protocol, first.r#type), (last.inode, 6, 1));
            assert_eq!((first.state, first.is_connected, last.state, last.is_connected), (2, false, 1, true));
        });
    }
}

/// Scenario: the same with a socket that does not block. Guarantees: the call, which returns at once, is told once.
#[test]
fn a_connect_that_does_not_wait_is_told_once() {
    const NONBLOCK: u32 = 0o4000;
    requires!(Requirement::Kernel);
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (_keep, folder) = folder();
    let full = Full::new();
    let mut program = Program::with_nothing_open(Abi::X86_64);
    let address = program.bytes(&sockaddr(full.port()));
    program.call("socket", &[2, 1 | NONBLOCK, 0]);
    program.call("connect", &[3, address, 16]);
    Runtime::new().unwrap().block_on(async {
        let engine = FakeEngine::start(Policy::default()).await;
        let running = started(&engine, &["connect"]).await;
        let child = spawned(program, &folder);
        let pid = child.0.id();
        engine.until("the end", |seen| ends(seen, pid, Abi::X86_64)).await;
        running.shutdown().await;
        let told = connects(&engine.seen(), pid);
        let [(_, event, connect)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((event.call.unwrap().result, connect.is_started_only), (EINPROGRESS, false));
    });
}
