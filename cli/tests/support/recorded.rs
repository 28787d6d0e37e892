//! Recordings of a few events, made by hand.

use eyrie_proto::{
    capture::{AgentInfo, BaseState, Batch, ClockReading},
    event::{
        Credentials, Event, HostBoot, Open, Origin, PathArgument, ProcessKey, SystemCall, Task, event, origin,
    },
    recording::{
        RecordedBatch, RecordingEnd, RecordingHeader, RecordingTrailer, recording_entry::Kind as Piece,
    },
};
use recording::Writer;

/// 2026-11-27T10:00:00Z.
pub(crate) const BEGIN_NS: u64 = 1_795_773_600_000_000_000;

fn open(sequence: u64, path: &str) -> Event {
    let path = Some(PathArgument { requested: path.into(), ..PathArgument::default() });
    let credentials = Some(Credentials { uid: 1_000, effective_uid: 1_000, ..Credentials::default() });
    let process = Some(ProcessKey { pid: 100, start_boot_ns: 1 });
    Event {
        boot_ns: sequence * 1_000_000_000,
        task: Some(Task { process, tid: 100, comm: b"cat".to_vec(), credentials, ..Task::default() }),
        call: Some(SystemCall { number: 257, result: 3, ..SystemCall::default() }),
        kind: Some(event::Kind::Open(Open { path, ..Open::default() })),
        ..Event::default()
    }
}

/// A recording of one stream of which each event opens one of these.
pub(crate) fn recording(paths: &[&str]) -> Vec<u8> {
    written(&stream(paths))
}

/// A stream of which each event opens one of these.
fn stream(paths: &[&str]) -> Vec<Piece> {
    let boot =
        HostBoot { machine_id: "0".repeat(32), boot_id: "01234567-89ab-cdef-0123-456789abcdef".into() };
    let header = RecordingHeader {
        version: 1,
        origin: Some(Origin { tenant: String::new(), kind: Some(origin::Kind::Host(boot)) }),
        epoch: 7,
        agent: Some(AgentInfo {
            hostname: "h1".into(),
            architecture: "x86_64".into(),
            ..AgentInfo::default()
        }),
        clock: Some(ClockReading { boot_ns: 0, epoch_ns: BEGIN_NS }),
        ..RecordingHeader::default()
    };
    let events = (1..).zip(paths).map(|(sequence, path)| open(sequence, path)).collect();
    let batch = Batch { epoch: 7, first_sequence: 1, events, ..Batch::default() };
    let trailer = RecordingTrailer { end: RecordingEnd::Complete.into(), ..RecordingTrailer::default() };
    vec![
        Piece::Header(header),
        Piece::BaseState(BaseState { is_last: true, ..BaseState::default() }),
        Piece::Batch(RecordedBatch { batch: Some(batch), left_out_before: vec![] }),
        Piece::Trailer(trailer),
    ]
}

fn written(pieces: &[Piece]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    for piece in pieces {
        writer.write(piece).unwrap();
        writer.flush().unwrap();
    }
    writer.finish().unwrap()
}
