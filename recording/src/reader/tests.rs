//! Files that are whole, and files that are not.

use eyrie_proto::{
    capture::{BaseState, Batch, LateFacts},
    event::{Event, Exit, HostBoot, Origin, ProcessState, event, origin},
    recording::{RecordedBatch, RecordingEnd, RecordingHeader, RecordingTrailer},
};
use proptest::prelude::*;

use super::*;
use crate::{MAX_ELEMENTS, Writer, block::MAX_RAW_BYTES, source};

fn header(machine_id: &str) -> Kind {
    let host = HostBoot { machine_id: machine_id.to_owned(), boot_id: "b".to_owned() };
    let origin = Origin { tenant: String::new(), kind: Some(origin::Kind::Host(host)) };
    Kind::Header(RecordingHeader { version: 1, origin: Some(origin), ..RecordingHeader::default() })
}

fn base(is_last: bool) -> Kind {
    let process = ProcessState { comm: b"sh".to_vec(), ..ProcessState::default() };
    Kind::BaseState(BaseState { processes: vec![process; 3], is_last, ..BaseState::default() })
}

fn batch(first_sequence: u64, events: usize) -> Kind {
    let event = |index: usize| Event {
        boot_ns: first_sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index as u64,
        kind: Some(event::Kind::Exit(Exit { status: index as i32, ..Exit::default() })),
        ..Event::default()
    };
    let batch = Batch { first_sequence, events: (0..events).map(event).collect(), ..Batch::default() };
    Kind::Batch(RecordedBatch { batch: Some(batch), left_out_before: Vec::new() })
}

fn trailer() -> Kind {
    Kind::Trailer(RecordingTrailer { end: RecordingEnd::Complete.into(), ..RecordingTrailer::default() })
}

fn stream() -> Vec<Kind> {
    let late = Kind::LateFacts(LateFacts { first_fact_sequence: 1, facts: Vec::new() });
    vec![header("m"), base(false), base(true), batch(1, 100), late, batch(101, 50), trailer()]
}

/// A file with a block for each of `kinds`.
fn file_of(kinds: &[Kind]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    for kind in kinds {
        writer.write(kind).unwrap();
        writer.flush().unwrap();
    }
    writer.finish().unwrap()
}

/// Everything up to the end or an error.
fn read(file: &[u8]) -> (Vec<Kind>, Counts, Option<RecordingError>) {
    let mut reader = match Reader::new(file) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Counts::default(), Some(error)),
    };
    let mut kinds = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(kind)) => kinds.push(kind),
            Ok(None) => return (kinds, reader.counts(), None),
            Err(error) => {
                assert!(matches!(reader.next(), Ok(None)), "something came after an error");
                return (kinds, reader.counts(), Some(error));
            }
        }
    }
}

/// A block with these raw bytes, as a writer would make it of them.
fn block_of(raw: &[u8]) -> Vec<u8> {
    let packed = zstd::bulk::compress(raw, 3).unwrap();
    [BlockHeader::new(raw.len(), &packed).to_bytes().as_slice(), &packed].concat()
}

fn with_blocks(blocks: &[Vec<u8>]) -> Vec<u8> {
    [MAGIC.as_slice(), &VERSION.to_le_bytes(), &blocks.concat()].concat()
}

/// Scenario: a stream in many blocks and in one, read as a file of unknown format. Guarantees: what comes out is what went in,
/// counted.
#[test]
fn what_was_written_is_read() {
    let kinds = stream();
    let mut writer = Writer::new(Vec::new()).unwrap();
    kinds.iter().for_each(|kind| writer.write(kind).unwrap());
    let written = writer.counts().clone();
    for file in [file_of(&kinds), writer.finish().unwrap()] {
        let (found, counts, error) = read(&file);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(found, kinds);
        assert_eq!(counts, written);
        assert_eq!((counts.streams, counts.processes, counts.events, counts.cut_off_streams), (1, 6, 150, 0));
        let mut either = source(io::Cursor::new(file)).unwrap();
        assert_eq!(either.next().unwrap().as_ref(), kinds.first());
    }
}

/// Scenario: two files joined, of which the first has no trailer, and one recorder that began twice. Guarantees: both streams are
/// read, and it is told that one was cut off.
#[test]
fn files_may_be_joined() {
    let (cut, whole) = ([header("a"), base(true), batch(1, 2)], stream());
    let joined = [file_of(&cut), file_of(&whole)].concat();
    let one_file = file_of(&[cut.as_slice(), &whole].concat());
    for file in [joined, one_file] {
        let (kinds, counts, error) = read(&file);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(kinds.len(), cut.len() + whole.len());
        assert_eq!((counts.streams, counts.cut_off_streams), (2, 1));
    }
}

/// Scenario: a file ends at each of its bytes. Guarantees: every whole block before the end is read, and the error names the
/// block that is not whole and where the file ends.
#[test]
fn what_is_cut_off_is_read_up_to_the_last_whole_block() {
    let kinds = stream();
    let file = file_of(&kinds);
    let starts: Vec<usize> = (0..file.len()).filter(|at| file[*at..].starts_with(&BLOCK_MARK)).collect();
    assert_eq!(starts.len(), kinds.len());
    for end in PREAMBLE_BYTES..file.len() {
        let (found, _, error) = read(&file[..end]);
        let whole = starts.iter().chain([&file.len()]).filter(|start| **start <= end).count() - 1;
        if starts.contains(&end) {
            assert!(error.is_none(), "{error:?} at {end}");
            assert_eq!(found.len(), starts.iter().filter(|start| **start < end).count());
            continue;
        }
        assert_eq!(found, kinds[..whole], "cut at {end}");
        let Some(RecordingError::Truncated { offset, end: told }) = error else {
            panic!("{error:?} at {end}")
        };
        assert_eq!((offset, told), (starts[whole] as u64, end as u64));
    }
}

/// Scenario: what is no recording, a newer version, an empty file, half a beginning. Guarantees: each is refused with what was
/// found.
#[test]
fn what_is_no_recording_is_refused() {
    let newer = [MAGIC.as_slice(), &9u32.to_le_bytes()].concat();
    let message = |file: &[u8]| read(file).2.unwrap().to_string();
    assert!(message(b"#!/bin/sh\n").contains("begins with #!/bin/sh"));
    assert!(message(b"").contains("begins with nothing"));
    assert!(message(&newer).contains("has version 9"));
    assert!(message(&MAGIC[..3]).contains("was cut off"));
    assert!(matches!(source(io::Cursor::new(b"text")), Err(RecordingError::UnknownFormat { .. })));
}

/// Scenario: blocks whose checksums are right and whose contents are not: lengths beyond the block, garbage, unknown kinds,
/// entries in the wrong order, millions of empty events. Guarantees: each is an error that names the block's offset and the
/// entry, and none is decoded that would take much more memory than file.
#[test]
fn entries_that_are_none_are_refused() {
    let entry = |kind: &Kind| {
        let mut bytes = Vec::new();
        encode_entry(kind, &mut bytes);
        bytes
    };
    let events = vec![Event::default(); MAX_ELEMENTS + 1];
    let many = Kind::Batch(RecordedBatch {
        batch: Some(Batch { events, ..Batch::default() }),
        left_out_before: Vec::new(),
    });
    let gaps = Kind::Batch(RecordedBatch { batch: Some(Batch::default()), left_out_before: vec![1] });
    let packed = Kind::Batch(RecordedBatch {
        batch: Some(Batch { packed_events: vec![1], ..Batch::default() }),
        left_out_before: Vec::new(),
    });
    let cases: [(Vec<u8>, &str); 11] = [
        (vec![0x80], "has no length"),
        (vec![0x05, 0x0a], "says that it has 5 bytes"),
        (vec![0x02, 0xff, 0xff], "cannot be decoded"),
        (vec![0x03, 0xfa, 0x06, 0x00], "of a kind that this program does not know"),
        (entry(&batch(1, 1)), "is a batch without a header"),
        ([entry(&header("m")), entry(&base(false)), entry(&batch(1, 1))].concat(), "is not complete"),
        ([entry(&header("m")), entry(&base(true)), entry(&base(true))].concat(), "that was complete"),
        ([entry(&header("m")), entry(&many)].concat(), "has 65537 events"),
        ([entry(&header("m")), entry(&gaps)].concat(), "says what was left out before 1"),
        ([entry(&header("m")), entry(&packed)].concat(), "are packed"),
        (entry(&Kind::Header(RecordingHeader::default())), "of version 0 of the contract"),
    ];
    for (raw, expected) in cases {
        let (_, _, error) = read(&with_blocks(&[block_of(&raw)]));
        let Some(RecordingError::Entry { offset: 12, detail, .. }) = error else { panic!("{error:?}") };
        assert!(detail.contains(expected), "{detail} instead of {expected}");
    }
}

/// Scenario: blocks that say something else than they hold, and a frame that unpacks to a thousand times as much. Guarantees:
/// each is refused as damaged before memory is reserved for what it says.
#[test]
fn blocks_that_lie_are_refused() {
    let packed = zstd::bulk::compress(&vec![0; MAX_RAW_BYTES * 8], 3).unwrap();
    let honest = BlockHeader::new(100_000, &packed);
    let resealed = |header: BlockHeader| {
        let header = BlockHeader { checksum: header.checksum_of(&packed), ..header };
        with_blocks(&[[header.to_bytes().as_slice(), &packed].concat()])
    };
    let cases = [
        (resealed(honest), "does not unpack"),
        (resealed(BlockHeader { raw_bytes: u32::MAX, ..honest }), "more than a block may"),
        (resealed(BlockHeader { raw_bytes: 0, ..honest }), "holds nothing"),
        (resealed(BlockHeader { packed_bytes: u32::MAX, ..honest }), "more than packing can make"),
        (with_blocks(&[b"JUNKJUNKJUNKJUNK".to_vec()]), "does not begin as blocks do"),
    ];
    for (file, expected) in cases {
        let (_, _, error) = read(&file);
        let Some(RecordingError::Block { offset: 12, fault }) = error else { panic!("{error:?}") };
        assert!(fault.contains(expected), "{fault} instead of {expected}");
    }
}

fn encode_entry(kind: &Kind, bytes: &mut Vec<u8>) {
    prost::encoding::encode_varint(kind.encoded_len() as u64, bytes);
    kind.encode(bytes);
}

proptest! {
    /// Scenario: bytes of a file are changed, removed and put in. Guarantees: reading never panics and ends, and what it
    /// hands out before the first changed byte is what was written.
    #[test]
    fn changed_files_end_with_an_error_or_less(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..4),
    ) {
        let kinds = stream();
        let mut file = file_of(&kinds);
        let mut first = file.len();
        for (at, byte, how) in changes {
            let at = at.index(file.len());
            match how {
                0 => file[at] = byte,
                1 => drop(file.remove(at)),
                _ => file.insert(at, byte),
            }
            first = first.min(at);
        }
        let starts: Vec<usize> = (0..first).filter(|at| file[*at..].starts_with(&BLOCK_MARK)).collect();
        let whole = starts.len().saturating_sub(1);
        let (found, _, _) = read(&file);
        prop_assert!(found.len() >= whole);
        prop_assert_eq!(&found[..whole], &kinds[..whole]);
        prop_assert!(found.len() <= kinds.len());
    }

    /// Scenario: anything behind a good beginning, and any raw bytes in a good block. Guarantees: reading never panics and ends.
    #[test]
    fn anything_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let (found, _, _) = read(&with_blocks(std::slice::from_ref(&bytes)));
        prop_assert!(found.is_empty());
        if !bytes.is_empty() {
            read(&with_blocks(&[block_of(&bytes)]));
        }
    }

    /// Scenario: streams of batches of all sizes, flushed wherever. Guarantees: they are read as they were written.
    #[test]
    fn any_stream_survives(sizes in prop::collection::vec((0..3000usize, any::<bool>()), 0..8)) {
        let mut writer = Writer::new(Vec::new()).unwrap();
        let mut kinds = vec![header("m"), base(true)];
        kinds.iter().for_each(|kind| writer.write(kind).unwrap());
        for (index, (size, is_flushed)) in sizes.into_iter().enumerate() {
            let kind = batch(index as u64 * 10_000 + 1, size);
            writer.write(&kind).unwrap();
            kinds.push(kind);
            if is_flushed {
                writer.flush().unwrap();
            }
        }
        let (found, _, error) = read(&writer.finish().unwrap());
        prop_assert!(error.is_none());
        prop_assert_eq!(found, kinds);
    }
}
