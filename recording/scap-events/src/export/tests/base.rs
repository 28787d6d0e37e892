//! The blocks before the events, and what a stream must look like.

use eyrie_proto::{
    event::{Origin, SourceInstance, origin},
    recording::{RecordingTrailer, recording_entry::Kind as Piece},
};
use scap::{Account, Descriptor, DescriptorKind, Thread};

use super::*;
use crate::{export::ExportError, extension::entry_of};

/// Scenario: a base state of a host with a container's process. Guarantees: machine, users, threads and descriptors are in the
/// blocks, as far as these have places for them; users of the container come as events that only change state.
#[test]
fn the_base_state_becomes_blocks() {
    let file = export(PLAIN, &stream(Vec::new()));
    let mut reader = Reader::new(&*file).unwrap();
    let (mut threads, mut descriptors, mut accounts, mut machine, mut users) =
        (Vec::new(), Vec::new(), Vec::new(), None, Vec::new());
    while let Some(block) = reader.next_block().unwrap() {
        match block {
            Block::Machine(told) => machine = Some(told),
            Block::Accounts(told) => accounts = told,
            Block::Threads(told) => threads.extend(told),
            Block::Descriptors(told) => descriptors.push(told),
            Block::Event(event) => {
                users.push((event.code, event.flags, event.value("container_id").unwrap()))
            }
            _ => {}
        }
    }
    let machine = machine.unwrap();
    assert_eq!((&*machine.hostname, machine.cpu_count, machine.boot_epoch_ns), (&b"web-1"[..], 4, BOOT));
    assert!(matches!(&*accounts, [Account::User { uid: 1000, name, .. }] if name == b"alice"));
    assert_eq!(users, [(354, STATE_ONLY, Some(Value::Text(CONTAINER.into())))]);
    let [init, bash]: [Thread; 2] = threads.try_into().unwrap();
    assert_eq!((init.tid, init.parent_pid, init.namespace_tid), (1, 0, 1));
    assert_eq!((bash.tid, bash.pid, bash.parent_pid, bash.namespace_pid), (100, 100, 1, 7));
    assert_eq!(bash.arguments, [b"-l".to_vec(), Vec::new(), b"x".to_vec()]);
    assert_eq!(bash.working_directory, b"/root/");
    assert_eq!(bash.cgroups[0], format!("cpuset=/docker/{CONTAINER}").into_bytes());
    assert_eq!((bash.uid, bash.tail.login_uid, bash.tail.exe_inode), (0, Some(1000), Some(77)));
    let standard_input = Descriptor {
        fd: 0,
        inode: 0,
        kind: DescriptorKind::File { open_flags: 0, name: b"/dev/pts/0".to_vec(), device: None },
    };
    assert_eq!(descriptors.len(), 1);
    assert_eq!((descriptors[0].tid, &*descriptors[0].entries), (100, &[standard_input][..]));
}

/// Scenario: a stream with and without its own pieces. Guarantees: with them every piece comes back as it was, in order, in events
/// that are shown to nobody; the other events are the same.
#[test]
fn pieces_ride_along_unseen() {
    let mut kinds = stream(vec![call("setsid", 100, EventKind::ChangeSession(Default::default()))]);
    kinds.push(Piece::Trailer(RecordingTrailer { event_count: 1, ..RecordingTrailer::default() }));
    let file = export(ExportOptions::default(), &kinds);
    let mut reader = Reader::new(&*file).unwrap();
    let mut pieces = Vec::new();
    while let Some(block) = reader.next_block().unwrap() {
        let Block::Event(event) = block else { continue };
        if let Some(piece) = entry_of(&event).unwrap() {
            assert_eq!((event.flags, event.tid), (STATE_ONLY, -1));
            pieces.push(piece);
        }
    }
    assert_eq!(pieces, kinds);
    let mut with = events_of(&file);
    with.retain(|event| event.parameters.get("name") != Some(&Value::Text(b"eyrie.entry".to_vec())));
    assert_eq!(format!("{with:?}"), format!("{:?}", events_of(&export(PLAIN, &kinds))));
}

/// Scenario: a stream without any event, and one with no base state. Guarantees: both files have an event, without which readers
/// refuse them, and read well.
#[test]
fn an_empty_stream_is_a_file() {
    let header_alone = events_of(&export(PLAIN, &[header()]));
    assert_eq!(header_alone.iter().map(|event| event.name).collect::<Vec<_>>(), ["DROP_X"]);
}

/// Scenario: pieces in orders that no stream has. Guarantees: each is refused, and the error says why.
#[test]
fn pieces_out_of_order_are_refused() {
    let write = |kinds: &[Kind]| {
        let mut export = Export::new(Writer::new(Vec::new(), Compression::None).unwrap(), PLAIN);
        kinds.iter().try_for_each(|kind| export.write(kind)).unwrap_err()
    };
    assert!(matches!(write(&[batch(Vec::new())]), ExportError::NoHeader));
    assert!(matches!(write(&[header(), batch(Vec::new()), base_state()]), ExportError::LateBaseState));
    let instance = SourceInstance { source: "k8s_audit".to_owned(), instance: "a".to_owned() };
    let origin = Origin { kind: Some(origin::Kind::Source(instance)), ..Origin::default() };
    let second = Kind::Header(RecordingHeader { origin: Some(origin), ..RecordingHeader::default() });
    let error = write(&[header(), second]).to_string();
    assert!(error.contains("k8s_audit") && error.contains("concatenated"), "{error}");
    let packed = Batch { batch_id: 3, packed_events: vec![1], encoding: 1, ..Batch::default() };
    let packed = Kind::Batch(RecordedBatch { batch: Some(packed), left_out_before: Vec::new() });
    assert!(matches!(write(&[header(), packed]), ExportError::PackedBatch { batch_id: 3, encoding: 1 }));
}

/// Scenario: a batch with more events than a reader takes of one entry. Guarantees: it is refused, with how many it has.
#[test]
fn what_no_reader_takes_is_not_carried() {
    let mut export =
        Export::new(Writer::new(Vec::new(), Compression::None).unwrap(), ExportOptions::default());
    export.write(&header()).unwrap();
    let error = export.write(&batch(vec![Event::default(); 65_537])).unwrap_err().to_string();
    assert!(error.contains("65537"), "{error}");
}
