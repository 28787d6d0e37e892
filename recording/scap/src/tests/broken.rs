//! Files that are something else, or that lie.

use proptest::prelude::*;

use super::{block, gzip, model::model, read, section_block};
use crate::{Compression, ReadError};

fn error_of(bytes: &[u8]) -> String {
    read(bytes).error.unwrap().to_string()
}

/// An EV_V2 block of thread 1 with these lengths and values.
fn event_block(code: u16, count: u32, content: &[u8]) -> Vec<u8> {
    let mut body = 0u16.to_le_bytes().to_vec();
    body.extend(5u64.to_le_bytes());
    body.extend(1u64.to_le_bytes());
    body.extend(u32::try_from(26 + content.len()).unwrap().to_le_bytes());
    body.extend(code.to_le_bytes());
    body.extend(count.to_le_bytes());
    body.extend(content);
    block(0x216, &body)
}

/// Scenario: files of other kinds are opened.
/// Guarantees: each is named, with what to do.
#[test]
fn other_files_are_named() {
    let pcapng = [section_block(), block(1, &[0; 8])].concat();
    for (bytes, expected) in [
        (b"".as_slice(), "an empty file"),
        (
            &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
            "a pcap file of network packets; network packets are no system calls",
        ),
        (&pcapng, "a pcapng file of network packets"),
        (b"\x89EYRIE\r\n\x01", "a recording of eyrie's own format; read it with eyrie replay"),
        (&[0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0], "a zstd file; unpack it first"),
        (b"hello, world", "something that begins with 68 65 6c 6c"),
        (&gzip(b"hello, world"), "a gzip file with something that begins with 68 65 6c 6c in it"),
        (&gzip(&pcapng), "a gzip file with a pcapng file"),
        (&gzip(&gzip(&section_block())), "a gzip file with a gzip file in it; unpack it once"),
    ] {
        let error = error_of(bytes);
        assert!(error.contains(expected), "{error}");
    }
}

/// Scenario: sections of other machines and other times.
/// Guarantees: each is refused with its offset and what to do.
#[test]
fn sections_that_cannot_be_read_are_refused() {
    let section = |magic: u32, major: u16| {
        let mut body = magic.to_le_bytes().to_vec();
        body.extend(major.to_le_bytes());
        body.extend([0; 10]);
        block(0x0A0D_0D0A, &body)
    };
    assert!(matches!(
        read(section(0x4D3C_2B1A, 1).as_slice()).error,
        Some(ReadError::ByteOrder { offset: 0 })
    ));
    let later = read(section(0x1A2B_3C4D, 2).as_slice()).error;
    assert!(matches!(later, Some(ReadError::Version { offset: 0, major: 2, minor: 0 })));
    assert!(error_of(&section(7, 1)).contains("byte order mark 0x7"));
    let second = [section_block(), section(7, 1)].concat();
    assert!(matches!(read(second.as_slice()).error, Some(ReadError::Section { offset: 28, .. })));
}

/// Scenario: lengths of blocks that are too small, too large, or not the same at both ends.
/// Guarantees: each ends reading with an error that names offset, type and lengths; what was before is there.
#[test]
fn lengths_of_blocks_are_checked() {
    let mut torn = event_block(234, 0, &[]);
    let end = torn.len() - 4;
    torn[end] = 44;
    let content = read([section_block(), torn].concat().as_slice());
    assert_eq!(content.blocks, 1);
    assert_eq!(
        content.error.unwrap().to_string(),
        "the block at offset 28 (type EV_V2) says 40 bytes at its beginning and 44 at its end. The file is damaged there, what \
         comes before was read"
    );
    let head = |block_type: u32, length: u32| [block_type.to_le_bytes(), length.to_le_bytes()].concat();
    for (block_type, length, limit) in [
        (0x216, 0, 16 << 20),
        (0x216, 11, 16 << 20),
        (0x221, (16 << 20) + 1, 16 << 20),
        (0x215, (64 << 20) + 1, 64 << 20),
        (0x999, 8, u32::MAX),
    ] {
        let error = read([section_block(), head(block_type, length)].concat().as_slice()).error;
        let is_refused =
            matches!(error, Some(ReadError::BlockLength { offset: 28, limit: told, .. }) if told == limit);
        assert!(is_refused, "{block_type:#x} {length}: {error:?}");
    }
}

/// Scenario: events whose lengths lie, each before a good one.
/// Guarantees: each is counted, skipped and noted with its offset and reason; the good ones are read.
#[test]
fn corrupt_events_are_skipped() {
    let good = event_block(234, 0, &[]);
    let mut overlong = event_block(234, 0, &[]);
    // `len`, behind processor, time and thread.
    overlong[8 + 18] = 200;
    let mut short = event_block(234, 0, &[]);
    short[8 + 18] = 25;
    for (bad, reason) in [
        (event_block(234, 33, &[0; 66]), "nparams is 33, at most 32 are read"),
        (event_block(234, u32::MAX, &[]), "nparams is 4294967295"),
        (
            event_block(234, 2, &[8, 0]),
            "PROCINFO_E: 2 parameters with their lengths take 4 bytes, the event has 2",
        ),
        (
            event_block(234, 1, &[8, 0, 0, 0]),
            "PROCINFO_E: 1 parameters with their lengths take 10 bytes, the event has 4",
        ),
        (event_block(234, 1, &[2, 0, 0, 0]), "PROCINFO_E, parameter cpu_usr: 2 bytes cannot be a uint64"),
        (overlong, "ends within parameters: 174 bytes wanted, 0 left"),
        (short, "len says 25 bytes, its content has 26"),
    ] {
        let content = read([section_block(), bad, good.clone()].concat().as_slice());
        assert!(content.error.is_none());
        assert_eq!((content.counts.events, content.counts.corrupt_events), (2, 1));
        assert_eq!(content.events.len(), 1);
        let problem = &content.problems[0];
        assert_eq!(problem.offset, 28);
        assert!(problem.reason.contains(reason), "{problem}");
    }
}

/// Scenario: a file of a thousand corrupt events.
/// Guarantees: all are counted; only the first few are remembered.
#[test]
fn only_the_first_problems_are_remembered() {
    let bad = event_block(234, 33, &[]);
    let content = read([section_block(), bad.repeat(1_000)].concat().as_slice());
    assert_eq!(content.counts.corrupt_events, 1_000);
    assert_eq!(content.problems.len(), 16);
}

/// Scenario: codes and blocks that nobody knows yet.
/// Guarantees: they are counted; the event is given without parameters, the block is skipped, what follows is read.
#[test]
fn what_is_newer_is_passed_over() {
    let newer =
        [event_block(460, 3, &[1; 30]), block(0x230, &[1; 50_000]), event_block(234, 0, &[])].concat();
    let content = read([section_block(), newer].concat().as_slice());
    assert!(content.error.is_none());
    assert_eq!((content.counts.unknown_events, content.counts.unknown_blocks), (1, 1));
    assert_eq!(content.events.iter().map(|event| event.code).collect::<Vec<_>>(), [460, 234]);
    assert_eq!(content.events[0].values, []);
}

/// Scenario: a gzip whose checksum at its end is another.
/// Guarantees: all blocks come out, then an error that says that the gzip is damaged.
#[test]
fn damaged_gzip_is_told() {
    let mut packed = gzip(&[section_block(), event_block(234, 0, &[]).repeat(2_000)].concat());
    let checksum = packed.len() - 8;
    packed[checksum] ^= 1;
    let content = read(packed.as_slice());
    assert_eq!(content.events.len(), 2_000);
    assert!(matches!(content.error, Some(ReadError::Gzip { offset: 80_028, .. })), "{:?}", content.error);
}

/// A change of a file.
#[derive(Clone, Debug)]
enum Change {
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    /// Four bytes of a number, as lengths and counts have.
    Number(prop::sample::Index, u32),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), 1u8..).prop_map(|(at, bits)| Change::Flip(at, bits)),
        (at(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), 1usize..20).prop_map(|(at, count)| Change::Remove(at, count)),
        (at(), prop_oneof![Just(0), Just(u32::MAX), any::<u32>(), 0u32..70_000])
            .prop_map(|(at, to)| Change::Number(at, to)),
    ]
}

fn changed(mut file: Vec<u8>, change: Change) -> Vec<u8> {
    let length = file.len();
    match change {
        Change::Flip(at, bits) => file[at.index(length)] ^= bits,
        Change::Insert(at, bytes) => {
            let at = at.index(length);
            file.splice(at..at, bytes);
        }
        Change::Remove(at, count) => {
            let at = at.index(length);
            file.drain(at..(at + count).min(length));
        }
        Change::Number(at, number) => {
            let at = at.index(length - 4);
            file[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
    }
    file
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Scenario: good files, changed in up to three places, plain and packed.
    /// Guarantees: reading ends without a panic; no more blocks come out than there is room for.
    #[test]
    fn changed_files_are_read(
        model in model(),
        changes in prop::collection::vec(change(), 1..4),
        is_packed in any::<bool>(),
    ) {
        let file = model.write(if is_packed { Compression::Gzip } else { Compression::None });
        let file = changes.into_iter().fold(file, changed);
        let content = read(file.as_slice());
        prop_assert!(is_packed || content.blocks <= u64::try_from(file.len() / 12).unwrap());
    }

    /// Scenario: blocks of every type with any bytes in them, and any bytes behind a section.
    /// Guarantees: reading ends without a panic, and every whole block was read or skipped.
    #[test]
    fn any_bytes_are_read(
        blocks in prop::collection::vec((0x201u32..0x223, prop::collection::vec(any::<u8>(), 0..200)), 0..10),
        rest in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let whole: Vec<u8> = blocks.iter().flat_map(|(block_type, body)| block(*block_type, body)).collect();
        let content = read([section_block(), whole.clone()].concat().as_slice());
        prop_assert!(content.error.is_none(), "{:?}", content.error);
        prop_assert_eq!(content.counts.blocks, u64::try_from(blocks.len() + 1).unwrap());
        read([section_block(), whole, rest.clone()].concat().as_slice());
        read(rest.as_slice());
    }
}
