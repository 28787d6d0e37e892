//! What is written, read back block by block.

mod base;
mod events;
mod state;

use std::collections::BTreeMap;

use eyrie_proto::{
    capture::{AgentInfo, BaseState, Batch, ClockReading},
    event::{
        CgroupFact, CgroupKey, Credentials, Event, Executable, HostIdentityFact, OrderedFact, ProcessKey,
        ProcessState, Session, StandardStream, SystemCall, Task, User, UsersFact, event::Kind as EventKind,
        ordered_fact,
    },
    recording::{RecordedBatch, RecordingHeader, recording_entry::Kind},
};
use fields::{Architecture, call_of_event_type};
use scap::{Block, Compression, Reader, Writer, table, value::Value};

use super::{Export, ExportOptions};
use crate::extension::STATE_ONLY;

/// Wall clock at boot, and boot time of every event.
const BOOT: u64 = 1_700_000_000_000_000_000;
const NOW: u64 = 5_000_000_000;
/// The process that acts.
const PID: u32 = 100;

/// An event as it is in the file.
#[derive(Debug)]
struct Written {
    name: &'static str,
    is_state_only: bool,
    tid: i64,
    time_ns: Option<u64>,
    parameters: BTreeMap<&'static str, Value>,
}

/// Without the recording's own pieces.
const PLAIN: ExportOptions = ExportOptions { carries_entries: false, is_for_older_readers: false };

fn export(options: ExportOptions, kinds: &[Kind]) -> Vec<u8> {
    let writer = Writer::new(Vec::new(), Compression::None).unwrap();
    let mut export = Export::new(writer, options);
    kinds.iter().for_each(|kind| export.write(kind).unwrap());
    export.finish().unwrap()
}

/// The events of a file, whose blocks all have to be known and whole.
fn events_of(file: &[u8]) -> Vec<Written> {
    let mut reader = Reader::new(file).unwrap();
    let mut events = Vec::new();
    while let Some(block) = reader.next_block().unwrap() {
        if let Block::Event(event) = block {
            let table = event.event_type.unwrap();
            let value = |name| Some((name, event.value(name).unwrap()?));
            events.push(Written {
                name: table.name,
                is_state_only: event.flags & STATE_ONLY != 0,
                tid: event.tid,
                time_ns: event.time_ns,
                parameters: table.parameters.iter().filter_map(|parameter| value(parameter.name)).collect(),
            });
        }
    }
    assert_eq!((reader.counts().unknown_events, reader.counts().corrupt_events), (0, 0));
    events
}

/// What is written for these events in a stream with the usual base state.
fn written(events: Vec<Event>) -> Vec<Written> {
    events_of(&export(PLAIN, &stream(events)))
}

/// A header, the base state, and one batch.
fn stream(events: Vec<Event>) -> Vec<Kind> {
    vec![header(), base_state(), batch(events)]
}

fn header() -> Kind {
    Kind::Header(RecordingHeader {
        version: 1,
        agent: Some(AgentInfo {
            hostname: "web-1".to_owned(),
            architecture: "x86_64".to_owned(),
            ..AgentInfo::default()
        }),
        clock: Some(ClockReading { boot_ns: 0, epoch_ns: BOOT }),
        ..RecordingHeader::default()
    })
}

fn batch(events: Vec<Event>) -> Kind {
    Kind::Batch(RecordedBatch {
        batch: Some(Batch { events, ..Batch::default() }),
        left_out_before: Vec::new(),
    })
}

/// bash (100), a child of init (1), in a container.
fn base_state() -> Kind {
    let init = ProcessState { process: Some(key(1)), comm: b"init".to_vec(), ..ProcessState::default() };
    let bash = ProcessState {
        process: Some(key(PID)),
        parent_pid: 1,
        comm: b"bash".to_vec(),
        exe: b"-bash".to_vec(),
        arguments: vec![b"-l".to_vec(), Vec::new(), b"x".to_vec()],
        environment: vec![b"HOME=/root".to_vec()],
        executable: Some(Executable {
            path: b"/usr/bin/bash".to_vec(),
            inode: 77,
            change_time_ns: 8,
            is_writable: true,
            ..Executable::default()
        }),
        working_directory: b"/root".to_vec(),
        credentials: Some(Credentials {
            uid: 1000,
            effective_uid: 0,
            login_uid: 1000,
            ..Credentials::default()
        }),
        session: Some(Session { session_id: 100, process_group_id: 100, tty: 34_816, ..Session::default() }),
        cgroup_id: 9,
        namespace_pid: 7,
        standard_streams: vec![StandardStream {
            fd: 0,
            r#type: "file".to_owned(),
            name: b"/dev/pts/0".to_vec(),
        }],
        open_files_limit: 1_024,
        ..ProcessState::default()
    };
    let users = UsersFact {
        users: vec![User { uid: 1000, gid: 1000, name: b"alice".to_vec(), ..User::default() }],
        ..UsersFact::default()
    };
    let of_container = UsersFact { container_id: CONTAINER.to_owned(), ..users.clone() };
    let cgroup = CgroupFact {
        cgroup: Some(CgroupKey { cgroup_id: 9, ..CgroupKey::default() }),
        path: format!("/docker/{CONTAINER}").into_bytes(),
        container_id: CONTAINER.to_owned(),
        ..CgroupFact::default()
    };
    let host = HostIdentityFact { hostname: "web-1".to_owned(), cpu_count: 4, ..HostIdentityFact::default() };
    Kind::BaseState(BaseState {
        processes: vec![init, bash],
        facts: vec![
            fact(ordered_fact::Kind::Users(users)),
            fact(ordered_fact::Kind::Users(of_container)),
            fact(ordered_fact::Kind::Cgroup(cgroup)),
            fact(ordered_fact::Kind::Host(host)),
        ],
        is_last: true,
        ..BaseState::default()
    })
}

const CONTAINER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn fact(kind: ordered_fact::Kind) -> Event {
    let fact = OrderedFact { since_boot_ns: 1, kind: Some(kind) };
    Event { boot_ns: 1, kind: Some(EventKind::Fact(fact)), ..Event::default() }
}

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_boot_ns: 1_000_000 + u64::from(pid) }
}

fn task() -> Task {
    Task {
        process: Some(key(PID)),
        tid: PID,
        comm: b"bash".to_vec(),
        cgroup_id: 9,
        namespace_pid: 7,
        namespace_tid: 7,
        parent_pid: 1,
        ..Task::default()
    }
}

/// A call of bash's.
fn call(name: &str, result: i64, kind: EventKind) -> Event {
    let call = call_of_event_type(name, Architecture::X86_64).unwrap();
    Event {
        boot_ns: NOW,
        task: Some(task()),
        call: Some(SystemCall { result, ..call }),
        kind: Some(kind),
        ..Event::default()
    }
}

/// Scenario: every event of the table that fields shows parameters of. Guarantees: both have the same parameters in the same
/// order, so that each value finds its place.
#[test]
fn parameters_have_the_tables_names() {
    let (mut compared, mut different) = (0, Vec::new());
    for event in table::event_types().filter(|event| !event.is_old_version) {
        let is_newest = table::exit_event(event.event_type).is_some_and(|newest| newest.code == event.code);
        let Some(shown) = fields::parameters_of(event.event_type).filter(|_| is_newest) else { continue };
        let shown: Vec<_> = shown.iter().map(|(name, _)| *name).collect();
        let written: Vec<_> = event.parameters.iter().map(|parameter| parameter.name).collect();
        if shown == written {
            compared += 1;
        } else {
            different.push(event.name);
        }
    }
    assert!(compared > 150, "{compared}");
    // The table is of a later schema than 4.5.1 where send and recv have a tuple, and has no descriptor of fstat64.
    assert_eq!(different, ["SOCKET_SEND_X", "SOCKET_RECV_X", "SYSCALL_FSTAT64_X"]);
}
