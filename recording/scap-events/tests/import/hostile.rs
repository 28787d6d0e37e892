//! Files that nobody would write by accident.

use proptest::prelude::*;
use scap::{Reader, value::Value};
use test_requirements::{Requirement, data_dir, requires};

use crate::stream::{Scap, Stream, int, text, uint};

/// A plain file with something of everything.
fn mixed() -> Vec<u8> {
    let mut scap = Scap::new();
    for fd in 3..20 {
        scap.exit(
            "openat",
            &[("fd", int(fd)), ("dirfd", int(-100)), ("name", text("a/b")), ("flags", uint(0x1001))],
        );
        scap.exit(
            "clone",
            &[
                ("res", int(fd * 100)),
                ("tid", int(10)),
                ("pid", int(10)),
                ("ptid", int(1)),
                ("comm", text("x")),
                ("flags", uint(0)),
            ],
        );
        scap.exit_of(
            fd * 100,
            "clone",
            &[
                ("res", int(0)),
                ("tid", int(fd * 100)),
                ("pid", int(fd * 100)),
                ("ptid", int(10)),
                ("comm", text("x")),
                ("flags", uint(0)),
            ],
        );
        scap.exit(
            "connect",
            &[
                ("res", int(0)),
                ("fd", int(fd)),
                (
                    "tuple",
                    Value::Tuple(scap::value::SocketTuple::Unix {
                        source: 1,
                        destination: 2,
                        path: b"/x".to_vec(),
                    }),
                ),
            ],
        );
        scap.exit(
            "execve",
            &[
                ("res", int(0)),
                ("exe", text("x")),
                ("args", Value::Bytes(b"a\0b\0".to_vec())),
                ("comm", text("x")),
                ("cgroups", Value::Bytes(b"cpu=/x\0".to_vec())),
            ],
        );
        scap.event(324, -1, &[("json", text(r#"{"container":{"id":"abc","name":"x"}}"#))]);
        scap.exit_of(fd * 100, "procexit", &[("status", int(0))]);
    }
    scap.bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Scenario: bytes of a file are changed, and it is cut off somewhere. Guarantees: no panic, and one error at most, after everything that could be read.
    #[test]
    fn changed_files_are_read_or_refused(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20), cut in any::<prop::sample::Index>()) {
        let mut bytes = mixed();
        for (at, byte) in &changes {
            // The magic stays: what is no such file is somebody else's test.
            let at = at.index(bytes.len() - 28) + 28;
            bytes[at] = *byte;
        }
        bytes.truncate(28 + cut.index(bytes.len() - 28));
        let stream = Stream::of(&*bytes);
        prop_assert!(stream.headers.len() >= stream.trailers.len());
        prop_assert!(stream.events.len() as u64 <= stream.counts.events() * 3 + 64);
    }
}

/// Scenario: each capture with many of its bytes changed, by a fixed rule. Guarantees: no panic.
#[test]
fn changed_captures_do_not_panic() {
    requires!(Requirement::Data);
    for name in ["single_ipv6_conn.scap", "test_ipv6_client.scap"] {
        let mut plain = Vec::new();
        let file = std::fs::File::open(data_dir().join("captures").join(name)).unwrap();
        std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(file), &mut plain).unwrap();
        for round in 0..40_usize {
            let mut changed = plain.clone();
            for step in 0..50_usize {
                let at = 28 + (round * 7_919 + step * 104_729) % (plain.len() - 28);
                changed[at] = changed[at].wrapping_add((round + step) as u8);
            }
            let stream = Stream::of(&*changed);
            assert!(stream.counts.events() <= 4096);
        }
    }
}

/// Scenario: a file that is cut off within an event. Guarantees: everything before is told, without a trailer, and then the error with its place.
#[test]
fn cut_off_files_tell_what_they_have() {
    let bytes = mixed();
    let stream = Stream::of(&bytes[..bytes.len() - 10]);
    assert_eq!((stream.headers.len(), stream.trailers.len()), (1, 0));
    assert!(stream.events.len() > 60);
    let message = stream.error.unwrap().to_string();
    assert!(message.contains("offset"), "{message}");
}

/// Scenario: carried pieces of a recording that are larger than an entry may be: in bytes, and in what a few bytes each would take once
/// they are decoded (events of a batch, processes of a base state, late facts). Guarantees: each is refused before it is decoded, with
/// its place and how much there is; what keeps to the bounds is taken.
#[test]
fn carried_pieces_keep_to_the_bounds_of_entries() {
    use scap_events::{
        entry::{EntryError, MAX_ELEMENTS, MAX_ENTRY_BYTES},
        extension::{ASYNC_EVENT, ENTRY_EVENT, ExtensionError, NO_THREAD},
        import::{Import, ImportError, ImportOptions},
    };
    let nested = |fields: &[u32], inner: Vec<u8>| {
        fields.iter().rev().fold(inner, |inner, field| {
            let mut bytes = Vec::new();
            prost::encoding::bytes::encode(*field, &inner, &mut bytes);
            bytes
        })
    };
    // How many pieces come of a file that carries these data, and what ends it.
    let read = |data: Vec<u8>| {
        let mut scap = Scap::new();
        let parameters = [("plugin_id", uint(0)), ("name", text(ENTRY_EVENT)), ("data", Value::Bytes(data))];
        scap.event(ASYNC_EVENT, NO_THREAD, &parameters);
        let bytes = scap.bytes();
        let mut import = Import::new(Reader::new(&*bytes).unwrap(), ImportOptions::default());
        let mut pieces = 0;
        loop {
            match import.next() {
                Ok(Some(_)) => pieces += 1,
                Ok(None) => return (pieces, None),
                Err(error) => return (pieces, Some(error)),
            }
        }
    };
    for (fields, element) in [(&[3, 1][..], [0x22, 0]), (&[2], [0x12, 0]), (&[4], [0x12, 0])] {
        let of = |count: usize| read(nested(fields, element.repeat(count)));
        assert!(matches!(of(MAX_ELEMENTS), (1, None)), "{fields:?}");
        let (_, Some(error)) = of(MAX_ELEMENTS + 1) else { panic!("{fields:?} was taken") };
        let ImportError::Extension(ExtensionError::NoEntry { offset: 1.., source }) = &error else {
            panic!("{error}")
        };
        assert!(matches!(source, EntryError::TooMany { elements } if *elements == MAX_ELEMENTS + 1));
    }
    let (_, Some(error)) = read(nested(&[3, 1], vec![0; MAX_ENTRY_BYTES])) else { panic!("it was taken") };
    let error = error.to_string();
    assert!(error.contains("offset") && error.contains("entries have up to 4194304"), "{error}");
}
