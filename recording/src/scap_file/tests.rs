//! Both formats by way of files: what is written by one is read without being told which it is.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use eyrie_proto::{
    capture::{BaseState, Batch, ClockReading},
    event::{
        Event, Exec, HostBoot, Origin, ProcessKey, ProcessState, SystemCall, Task, event::Kind as EventKind,
        origin,
    },
    recording::{RecordedBatch, RecordingHeader, RecordingTrailer},
};
use flate2::{Compression as Level, read::GzDecoder, write::GzEncoder};

use crate::{CreateOptions, Format, Redactions, Redactor, create, open};

use super::*;

const SECRET: &str = "correct-horse-battery";

fn stream() -> Vec<Kind> {
    let host = HostBoot {
        machine_id: "0123456789abcdef0123456789abcdef".to_owned(),
        boot_id: "01234567-89ab-cdef-0123-456789abcdef".to_owned(),
    };
    let origin = Origin { tenant: String::new(), kind: Some(origin::Kind::Host(host)) };
    let clock = ClockReading { boot_ns: 1_000_000, epoch_ns: 1_700_000_000_000_000_000 };
    let header = RecordingHeader {
        version: 1,
        origin: Some(origin),
        clock: Some(clock),
        epoch: 7,
        ..RecordingHeader::default()
    };
    let key = ProcessKey { pid: 10, start_boot_ns: 500 };
    let process = ProcessState {
        process: Some(key),
        comm: b"sh".to_vec(),
        exe: b"sh".to_vec(),
        arguments: vec![format!("--password={SECRET}").into_bytes()],
        environment: vec![format!("TOKEN={SECRET}").into_bytes()],
        ..ProcessState::default()
    };
    let exec = Exec {
        exe: b"cat".to_vec(),
        arguments: vec![b"--token".to_vec(), SECRET.into()],
        environment: vec![format!("DB_PASSWORD={SECRET}").into_bytes()],
        ..Exec::default()
    };
    let event = Event {
        boot_ns: 2_000_000,
        task: Some(Task { process: Some(key), tid: 10, comm: b"cat".to_vec(), ..Task::default() }),
        // execve of x86_64.
        call: Some(SystemCall { number: 59, ..SystemCall::default() }),
        kind: Some(EventKind::Exec(exec)),
        ..Event::default()
    };
    let batch = Batch { epoch: 7, first_sequence: 1, events: vec![event], ..Batch::default() };
    vec![
        Kind::Header(header),
        Kind::BaseState(BaseState { processes: vec![process], is_last: true, ..BaseState::default() }),
        Kind::Batch(RecordedBatch { batch: Some(batch), left_out_before: Vec::new() }),
        Kind::Trailer(RecordingTrailer { event_count: 1, ..RecordingTrailer::default() }),
    ]
}

fn write(path: &Path, format: Format, kinds: &[Kind]) -> Written {
    let mut sink = create(path, &CreateOptions { format, is_replacing: false }).unwrap();
    kinds.iter().for_each(|kind| sink.write(kind).unwrap());
    sink.finish().unwrap()
}

fn read(path: &Path) -> (Vec<Kind>, Counts) {
    let mut source = open(path).unwrap();
    let mut kinds = Vec::new();
    while let Some(kind) = source.next().unwrap() {
        kinds.push(kind);
    }
    (kinds, source.counts())
}

/// Scenario: a stream is written in each format, as it is and packed by gzip once more, and read again. Guarantees: what comes out
/// is what went in, counted; the sink tells the file's size; only its owner can read the file.
#[test]
fn either_format_is_read_without_being_told() {
    let folder = tempfile::tempdir().unwrap();
    for (format, name) in [(Format::Eyrie, "a.eyrie"), (Format::Scap, "a.scap")] {
        let path = folder.path().join(name);
        let written = write(&path, format, &stream());
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((written.bytes, metadata.permissions().mode() & 0o777), (metadata.len(), 0o600), "{name}");
        let (kinds, counts) = read(&path);
        assert_eq!(kinds, stream(), "{name}");
        assert_eq!((counts.streams, counts.processes, counts.events, counts.cut_off_streams), (1, 1, 1, 0));
        assert_eq!((written.counts.streams, written.counts.events), (1, 1));
    }
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(&fs::read(folder.path().join("a.eyrie")).unwrap()).unwrap();
    let packed = folder.path().join("a.eyrie.gz");
    fs::write(&packed, encoder.finish().unwrap()).unwrap();
    assert_eq!(read(&packed).0, stream());
}

/// Scenario: a stream with a secret in its state and its events is redacted and written in each format, then unpacked. Guarantees: without
/// redaction the secret is there, so it would be found; with it there is no byte of it.
#[test]
fn no_format_has_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let redactions = Redactions { has_secrets: true, ..Redactions::default() };
    let redactor = Redactor::new(&redactions).unwrap();
    let mut redacted = stream();
    redacted.iter_mut().for_each(|kind| redactor.apply(kind));
    for (kinds, is_there) in [(stream(), true), (redacted, false)] {
        for format in [Format::Eyrie, Format::Scap] {
            let path = folder.path().join(format!("{format:?}{is_there}"));
            write(&path, format, &kinds);
            let file = fs::read(&path).unwrap();
            let mut unpacked = Vec::new();
            match format {
                Format::Scap => _ = io::copy(&mut GzDecoder::new(file.as_slice()), &mut unpacked).unwrap(),
                Format::Eyrie => read(&path).0.iter().for_each(|kind| kind.encode(&mut unpacked)),
            }
            let found = unpacked.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert_eq!(found, is_there, "{format:?}");
        }
    }
}

/// Scenario: a name that is taken, a folder that is not there, and a name that is to be replaced while somebody reads the old file.
/// Guarantees: the first two are refused with the name; the third is a new file, and the old one is what it was.
#[test]
fn nothing_is_overwritten_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.eyrie");
    fs::write(&path, "old").unwrap();
    let taken = create(&path, &CreateOptions::default()).err().unwrap();
    assert!(matches!(&taken, RecordingError::Exists { path: named } if *named == path), "{taken}");
    let nowhere = create(&folder.path().join("x/a"), &CreateOptions::default()).err().unwrap();
    assert!(matches!(nowhere, RecordingError::Create { .. }), "{nowhere}");
    let old = fs::File::open(&path).unwrap();
    create(&path, &CreateOptions { is_replacing: true, ..CreateOptions::default() })
        .unwrap()
        .finish()
        .unwrap();
    assert_eq!(io::read_to_string(old).unwrap(), "old");
    assert_eq!(read(&path).0, []);
}

/// Scenario: .scap files that begin as such and are something else. Guarantees: an error, whose words are the format's reader's.
#[test]
fn what_is_no_scap_file_is_refused() {
    for begin in [&[0x0a, 0x0d, 0x0d, 0x0a][..], &[0x1f, 0x8b, 8, 0, 1, 2]] {
        let bytes = [begin, &[0; 64]].concat();
        let mut next = crate::source(io::Cursor::new(bytes)).and_then(|mut source| source.next());
        assert!(matches!(next, Err(RecordingError::Scap(_))), "{:?}", next.as_mut().map(|_| ()));
    }
}

/// Scenario: .scap files that carry pieces which our own format would refuse: a header of another version, one without an origin, a batch
/// without a header, a packed batch, more gaps than events, a base state behind a batch. Guarantees: what comes before is given
/// out, then an error with the place and the words of our own format, and nothing more.
#[test]
fn carried_pieces_are_held_to_the_order_of_our_own_format() {
    let [header, base, batch, trailer] = <[Kind; 4]>::try_from(stream()).unwrap();
    let Kind::Header(good) = header.clone() else { panic!("no header") };
    let newer = Kind::Header(RecordingHeader { version: 2, ..good.clone() });
    let nobody = Kind::Header(RecordingHeader { origin: None, ..good });
    let recorded = |batch, gaps| Kind::Batch(RecordedBatch { batch: Some(batch), left_out_before: gaps });
    let packed = recorded(Batch { packed_events: vec![1], ..Batch::default() }, Vec::new());
    let gaps = recorded(Batch::default(), vec![1]);
    let cases: [(&[&Kind], &str); 6] = [
        (&[&newer], "of version 2 of the contract"),
        (&[&nobody], "without an origin"),
        (&[&batch], "is a batch without a header"),
        (&[&header, &base, &packed], "are packed"),
        (&[&header, &base, &gaps], "left out before 1"),
        (&[&header, &base, &batch, &base], "that was complete"),
    ];
    for (kinds, words) in cases {
        let mut writer = scap::Writer::new(Vec::new(), Compression::None).unwrap();
        for kind in kinds.iter().copied().chain([&trailer]) {
            writer.event(&scap_events::extension::draft_of(kind).unwrap()).unwrap();
        }
        let mut source = crate::source(io::Cursor::new(writer.finish().unwrap())).unwrap();
        for kind in kinds.iter().copied().take(kinds.len() - 1) {
            assert_eq!(source.next().unwrap().as_ref(), Some(kind), "{words}");
        }
        let error = source.next().unwrap_err();
        assert!(matches!(error, RecordingError::Entry { offset: 1.., .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(source.next().unwrap(), None);
    }
}

/// Gives its bytes in parts, as a pipe does whose writer flushes between them.
struct Parts(Vec<Vec<u8>>);

impl io::Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let part = self.0.remove(0);
        buffer[..part.len()].copy_from_slice(&part);
        Ok(part.len())
    }
}

/// Scenario: recordings of both formats that gzip packed come through a pipe whose writer sends gzip's header by itself, byte by byte, or
/// everything at once. Guarantees: each is read as what it is.
#[test]
fn packed_recordings_come_through_pipes() {
    let folder = tempfile::tempdir().unwrap();
    for format in [Format::Eyrie, Format::Scap] {
        let path = folder.path().join(format!("{format:?}"));
        write(&path, format, &stream());
        let mut packed = fs::read(&path).unwrap();
        if format == Format::Eyrie {
            let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
            encoder.write_all(&packed).unwrap();
            packed = encoder.finish().unwrap();
        }
        for first in [1, 2, 8, 10, 11, 18, 40, packed.len()] {
            let (head, rest) = packed.split_at(first);
            let parts = match first {
                1 => packed.iter().map(|byte| vec![*byte]).collect(),
                _ => vec![head.to_vec(), rest.to_vec()],
            };
            let mut source = crate::source(Parts(parts)).unwrap();
            let kinds: Vec<Kind> = std::iter::from_fn(|| source.next().unwrap()).collect();
            assert_eq!(kinds, stream(), "{format:?} {first}");
        }
    }
}

/// Scenario: recordings into what is no regular file: a socket, a folder, a device. Guarantees: with --force or without it is refused, the
/// error does not advise --force, and what was there is there still; a symbolic link is replaced, and what it led to stays.
#[test]
fn only_files_are_replaced() {
    use std::os::unix::{fs::symlink, net::UnixListener};
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    for path in [&socket, Path::new("/dev/null"), folder.path()] {
        for is_replacing in [true, false] {
            let error =
                create(path, &CreateOptions { is_replacing, ..CreateOptions::default() }).err().unwrap();
            assert!(matches!(error, RecordingError::Create { .. }), "{error}");
            assert!(error.to_string().contains("no regular file"), "{error}");
            assert!(path.exists());
        }
    }
    let (link, target) = (folder.path().join("link"), folder.path().join("target"));
    fs::write(&target, "old").unwrap();
    symlink(&target, &link).unwrap();
    let replacing = CreateOptions { is_replacing: true, ..CreateOptions::default() };
    create(&link, &replacing).unwrap().finish().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
    assert_eq!(fs::read_to_string(&target).unwrap(), "old");
}
