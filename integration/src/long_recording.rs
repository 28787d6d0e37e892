//! Recordings of any length, of a host on which a shell starts one short program after the other: for measuring what replaying
//! them takes.
//!
//! A life is sixteen events: the shell forks, the child executes a program with an environment, opens its libraries and its files,
//! connects to somebody, and exits. Every eighth is in one of some containers. Pids come again, as they do on a host.

use std::path::Path;

use anyhow::Context as _;
use eyrie_proto::{
    capture::{AgentInfo, BaseState, Batch, ClockReading, LateFacts},
    event::{
        CgroupFact, CgroupKey, Connect, Credentials, Descriptor, Event, Exec, Executable, Exit,
        FileDescriptor, Fork, HostBoot, Open, OrderedFact, Origin, PathArgument, ProcessKey, ProcessState,
        Session, SystemCall, Task, descriptor, event::Kind, ordered_fact, origin,
    },
    metadata::{Completeness, Container, ContainerKey, Image, LateFact, late_fact},
    recording::{
        RecordedBatch, RecordingEnd, RecordingHeader, RecordingTrailer, recording_entry::Kind as Piece,
    },
};
use recording::{CreateOptions, Format};

/// Events of one program's life.
const EVENTS_A_LIFE: u64 = 16;
/// As many as an agent seals into one.
const EVENTS_A_BATCH: u64 = 256;
const SHELL: ProcessKey = ProcessKey { pid: 2_000, start_boot_ns: 1_000_000_000 };
/// As Linux counts by default on small machines.
const PIDS: u64 = 32_768;
const CONTAINERS: u64 = 10;
/// Between two events: 20,000 a second.
const STEP_NS: u64 = 50_000;
const EPOCH: u64 = 0xE1;
const BEGIN_NS: u64 = 1_795_773_600_000_000_000;

/// Writes a recording of so many events, in the format that `path` ends with.
pub fn write(path: &Path, events: u64) -> anyhow::Result<()> {
    let is_scap = path.extension().is_some_and(|extension| extension == "scap");
    let format = if is_scap { Format::Scap } else { Format::Eyrie };
    let options = CreateOptions { format, is_replacing: true };
    let mut sink = recording::create(path, &options)?;
    for piece in pieces(events) {
        sink.write(&piece)?;
    }
    sink.finish().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

/// The recording, piece by piece.
pub fn pieces(events: u64) -> impl Iterator<Item = Piece> {
    let batches = (0..events.div_ceil(EVENTS_A_BATCH)).map(move |number| {
        let first = number * EVENTS_A_BATCH;
        let last = events.min(first + EVENTS_A_BATCH);
        let batch = Batch {
            batch_id: number + 1,
            epoch: EPOCH,
            first_sequence: first + 1,
            events: (first..last).map(event).collect(),
            ..Batch::default()
        };
        Piece::Batch(RecordedBatch { batch: Some(batch), left_out_before: Vec::new() })
    });
    let trailer = RecordingTrailer {
        event_count: events,
        end: RecordingEnd::Complete.into(),
        ..RecordingTrailer::default()
    };
    let begin = [header(), base_state(), late_facts()];
    begin.into_iter().chain(batches).chain([Piece::Trailer(trailer)])
}

fn host() -> Origin {
    let boot =
        HostBoot { machine_id: "5".repeat(32), boot_id: "01234567-89ab-cdef-0123-456789abcdef".into() };
    Origin { tenant: String::new(), kind: Some(origin::Kind::Host(boot)) }
}

fn header() -> Piece {
    let agent = AgentInfo {
        hostname: "recorded".into(),
        architecture: "x86_64".into(),
        kernel_release: "6.18.0".into(),
        ..AgentInfo::default()
    };
    Piece::Header(RecordingHeader {
        version: 1,
        origin: Some(host()),
        epoch: EPOCH,
        agent: Some(agent),
        clock: Some(ClockReading { boot_ns: 0, epoch_ns: BEGIN_NS }),
        created_ns: BEGIN_NS,
        recorder: "integration".into(),
        ..RecordingHeader::default()
    })
}

fn base_state() -> Piece {
    let shell = ProcessState {
        process: Some(SHELL),
        comm: b"bash".to_vec(),
        exe: b"/bin/bash".to_vec(),
        executable: Some(Executable { path: b"/bin/bash".to_vec(), ..Executable::default() }),
        cgroup_id: CONTAINERS + 1,
        ..ProcessState::default()
    };
    let fact = |number: u64| {
        let container_id = if number <= CONTAINERS { format!("{number:064x}") } else { String::new() };
        let cgroup = Some(CgroupKey { cgroup_id: number, ..CgroupKey::default() });
        let runtime = "docker".to_owned();
        let fact = CgroupFact { cgroup, container_id, runtime, ..CgroupFact::default() };
        let fact = OrderedFact { kind: Some(ordered_fact::Kind::Cgroup(fact)), ..OrderedFact::default() };
        Event { kind: Some(Kind::Fact(fact)), ..Event::default() }
    };
    let facts = (1..=CONTAINERS + 1).map(fact).collect();
    Piece::BaseState(BaseState { processes: vec![shell], facts, is_last: true, ..BaseState::default() })
}

fn late_facts() -> Piece {
    let fact = |number: u64| {
        let runtime_id = format!("{number:064x}");
        let key = ContainerKey { origin: Some(host()), runtime_id, ..ContainerKey::default() };
        let image = Image { repository: "docker.io/library/app".into(), tag: "1".into(), ..Image::default() };
        let container = Container {
            key: Some(key),
            name: format!("app-{number}"),
            image: Some(image),
            completeness: Completeness::Complete.into(),
            ..Container::default()
        };
        LateFact { kind: Some(late_fact::Kind::Container(container)) }
    };
    Piece::LateFacts(LateFacts { first_fact_sequence: 1, facts: (1..=CONTAINERS).map(fact).collect() })
}

/// The event at a place of the stream.
fn event(at: u64) -> Event {
    let (life, step) = (at / EVENTS_A_LIFE, at % EVENTS_A_LIFE);
    let boot_ns = |step: u64| 10_000_000_000 + (life * EVENTS_A_LIFE + step) * STEP_NS;
    let pid = 3_000 + u32::try_from(life % PIDS).unwrap_or_default();
    let child = ProcessKey { pid, start_boot_ns: boot_ns(0) };
    let cgroup_id = if life.is_multiple_of(8) { life / 8 % CONTAINERS + 1 } else { CONTAINERS + 1 };
    let (process, comm): (_, &[u8]) = if step == 0 { (SHELL, b"bash") } else { (child, b"worker") };
    let (number, kind) = match step {
        0 => (56, fork(child, cgroup_id)),
        1 => (59, exec(life)),
        14 => (42, connect()),
        15 => (231, Kind::Exit(Exit { is_process_end: true, ..Exit::default() })),
        _ => (257, open(life, step)),
    };
    let task = Task {
        process: Some(process),
        tid: process.pid,
        comm: comm.to_vec(),
        credentials: Some(Credentials { uid: 1_000, effective_uid: 1_000, ..Credentials::default() }),
        session: Some(Session::default()),
        cgroup_id: if step == 0 { CONTAINERS + 1 } else { cgroup_id },
        namespace_pid: process.pid,
        parent_pid: SHELL.pid,
        ..Task::default()
    };
    let call = SystemCall { number, result: if step == 14 { -111 } else { 3 }, ..SystemCall::default() };
    Event { boot_ns: boot_ns(step), task: Some(task), call: Some(call), kind: Some(kind), ..Event::default() }
}

fn fork(child: ProcessKey, child_cgroup_id: u64) -> Kind {
    Kind::Fork(Fork {
        child_process: Some(child),
        child_tid: child.pid,
        child_parent_pid: SHELL.pid,
        child_cgroup_id,
        child_comm: b"bash".to_vec(),
        ..Fork::default()
    })
}

fn exec(life: u64) -> Kind {
    let path = b"/usr/bin/worker".to_vec();
    let variable = |number: u64| format!("SOME_VARIABLE_{number}=and what it is worth {life}").into_bytes();
    Kind::Exec(Exec {
        path: Some(PathArgument { requested: path.clone(), ..PathArgument::default() }),
        exe: path.clone(),
        arguments: vec![b"--job".to_vec(), life.to_string().into_bytes()],
        environment: (0..20).map(variable).collect(),
        executable: Some(Executable { path, ..Executable::default() }),
        working_directory: b"/srv/jobs".to_vec(),
        ..Exec::default()
    })
}

/// One life in a hundred reads what it should not.
fn open(life: u64, step: u64) -> Kind {
    let path = match step {
        13 if life.is_multiple_of(100) => "/etc/shadow".to_owned(),
        12 | 13 => format!("/srv/jobs/{life}/input-{step}"),
        _ => format!("/usr/lib/x86_64-linux-gnu/libworker-{step}.so.1"),
    };
    let path = path.into_bytes();
    let file =
        FileDescriptor { path: path.clone(), inode: life, mode: 0o100_644, ..FileDescriptor::default() };
    let descriptor = Descriptor { fd: 3, kind: Some(descriptor::Kind::File(file)) };
    let path = PathArgument { requested: path, ..PathArgument::default() };
    Kind::Open(Open { path: Some(path), descriptor: Some(descriptor), ..Open::default() })
}

fn connect() -> Kind {
    Kind::Connect(Connect { descriptor: Some(Descriptor { fd: 3, kind: None }), ..Connect::default() })
}
