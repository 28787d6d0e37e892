use proptest::prelude::*;

use super::{DecodeError, decode, split_first};
use crate::{
    Call, ChangeDirectory, Connect, DescriptorInfo, DetailedCall, Endpoint, Exec, FileInfo, Fork, Header,
    Open, PathInfo, Record, UringCompletion, UringRequest, encode, kind,
    layout::{Field, Reader},
};

/// Long enough for any fixed part.
const ZEROES: &[u8] = &[0; 1024];

/// A structure of zeroes, whose variable parts are empty.
fn zeroed<'a, T: Field<'a>>() -> T {
    T::read(&mut Reader::new(ZEROES, T::SIZE), "test").unwrap()
}

fn header(kind: u16, tgid: u32) -> Header {
    Header { kind, tgid, ..zeroed() }
}

fn open<'a>(tgid: u32, requested: &'a [u8], base: &'a [u8], resolved: &'a [u8]) -> Vec<u8> {
    let open = Open { header: header(kind::OPEN, tgid), requested, base, resolved, ..zeroed() };
    encode(&Record::Open(open))
}

fn exec<'a>(tgid: u32, arguments: &'a [u8], environment: &'a [u8]) -> Vec<u8> {
    let exec = Exec { header: header(kind::EXEC, tgid), arguments, environment, ..zeroed() };
    encode(&Record::Exec(exec))
}

/// A valid record of any of several kinds.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..64);
    (0..8, any::<u32>(), bytes(), bytes(), bytes()).prop_map(|(which, tgid, a, b, c)| match which {
        0 => open(tgid, &a, &b, &c),
        1 => exec(tgid, &a, &b),
        2 => encode(&Record::Fork(Fork { header: header(kind::FORK, tgid), ..zeroed() })),
        3 => encode(&Record::Connect(Connect {
            header: header(kind::CONNECT, tgid),
            requested: &a,
            socket: DescriptorInfo { remote_name: &b, ..zeroed() },
        })),
        4 => encode(&Record::ChangeDirectory(ChangeDirectory {
            header: header(kind::CHANGE_DIRECTORY, tgid),
            working_directory: &a,
            ..zeroed()
        })),
        5 => encode(&Record::UringRequest(UringRequest {
            call: DetailedCall {
                header: header(kind::URING_REQUEST, tgid),
                path: PathInfo { requested: &a, base: &b, ..zeroed() },
                data: &c,
                ..zeroed()
            },
            ..zeroed()
        })),
        6 => encode(&Record::UringCompletion(UringCompletion {
            header: header(kind::URING_COMPLETION, tgid),
            descriptor: DescriptorInfo { path: &a, ..zeroed() },
            data: &b,
            ..zeroed()
        })),
        _ => {
            encode(&Record::Call(Call { header: header(kind::CALL, tgid), arguments: [u64::from(tgid); 6] }))
        }
    })
}

proptest! {
    /// Scenario: any bytes. Guarantees: decoding ends with a record or an error, and never panics.
    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..1024)) {
        let _ = decode(&bytes);
        let _ = split_first(&bytes);
    }

    /// Scenario: a valid record with some bytes changed, its size and kind left. Guarantees: as above, and whatever is
    /// read lies inside the record.
    #[test]
    fn changed_records_stay_inside(
        mut bytes in record(),
        changes in proptest::collection::vec((8usize..1024, any::<u8>()), 1..16),
    ) {
        for (at, value) in changes {
            let at = 8 + at % (bytes.len() - 8);
            bytes[at] = value;
        }
        if let Ok(Record::Open(open)) = decode(&bytes) {
            let range = bytes.as_ptr_range();
            for part in [open.requested, open.base, open.resolved] {
                let inside = range.contains(&part.as_ptr()) && part.as_ptr_range().end <= range.end;
                prop_assert!(part.is_empty() || inside);
            }
        }
    }

    /// Scenario: a prefix of a valid record, as it is and with its size made to fit. Guarantees: it never decodes to a
    /// record that has a part of another length.
    #[test]
    fn a_prefix_is_no_record(bytes in record(), cut in any::<prop::sample::Index>()) {
        let whole = decode(&bytes).unwrap();
        let mut prefix = bytes[..cut.index(bytes.len())].to_vec();
        prop_assert!(decode(&prefix).is_err());
        if let Some(size) = u32::try_from(prefix.len()).ok().filter(|_| prefix.len() >= 4) {
            prefix[..4].copy_from_slice(&size.to_ne_bytes());
            match decode(&prefix) {
                Err(_) => {}
                Ok(_) => prop_assert!(false, "{whole:?} cut to {size} bytes was decoded"),
            }
        }
    }

    /// Scenario: any valid record. Guarantees: it is written as it was read, and cut off a stream where it ends.
    #[test]
    fn reading_and_writing_are_inverse(first in record(), second in record()) {
        let record = decode(&first).unwrap();
        prop_assert_eq!(encode(&record), first.clone());
        let stream = [&first[..], &second[..]].concat();
        prop_assert_eq!(split_first(&stream), Ok(Some((&first[..], &second[..]))));
        prop_assert_eq!(split_first(&first[..first.len() - 1]), Ok(None));
    }
}

/// Scenario: a whole record of a kind from the future. Guarantees: an error of its own, which names the kind.
#[test]
fn an_unknown_kind_is_told_apart() {
    let mut bytes = open(1, b"path", b"", b"");
    bytes[4..6].copy_from_slice(&0x7123_u16.to_ne_bytes());
    assert_eq!(decode(&bytes), Err(DecodeError::UnknownKind { kind: 0x7123 }));
}

/// Scenario: parts that begin in the fixed part, end outside, or overflow. Guarantees: an error that names the field.
#[test]
fn a_part_outside_is_an_error() {
    let good = open(1, b"path", b"", b"");
    let at = Open::SIZE - 3 * 8;
    for (offset, length) in
        [(0, 4), (Open::SIZE as u32 - 1, 1), (Open::SIZE as u32, 5), (u32::MAX, 4), (4, u32::MAX)]
    {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&offset.to_ne_bytes());
        bytes[at + 4..at + 8].copy_from_slice(&length.to_ne_bytes());
        let error = DecodeError::BadOffset { field: "requested", offset, length, size: good.len() };
        assert_eq!(decode(&bytes), Err(error));
    }
}

/// Scenario: arguments with empty strings, a last one that is cut, and none at all. Guarantees: each is told apart.
#[test]
fn arguments_are_split_at_nul() {
    let list = |arguments: &[u8]| {
        let bytes = exec(1, arguments, b"");
        let Ok(Record::Exec(exec)) = decode(&bytes) else { panic!("no exec") };
        exec.argument_list().map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    assert_eq!(list(b"sh\0\0-c\0"), [&b"sh"[..], b"", b"-c"]);
    assert_eq!(list(b"sh\0cu"), [&b"sh"[..], b"cu"]);
    assert_eq!(list(b""), Vec::<Vec<u8>>::new());
}

/// Scenario: a stream whose next size is absurd. Guarantees: an error, not a wait for more.
#[test]
fn a_stream_with_a_bad_size_is_an_error() {
    for stated in [0_u32, 4, Header::SIZE as u32 - 1, u32::MAX] {
        let stream = [&stated.to_ne_bytes()[..], &[0; 300]].concat();
        assert_eq!(split_first(&stream), Err(DecodeError::BadSize { stated, length: 304 }));
    }
    assert_eq!(split_first(&[1, 2]), Ok(None));
}

/// Scenario: an endpoint and a file with values in each field. Guarantees: both come back.
#[test]
fn nested_structures_come_back() {
    let file = FileInfo {
        inode: 1,
        device: 2,
        change_time_ns: 3,
        modify_time_ns: 4,
        mode: 5,
        uid: 6,
        gid: 7,
        flags: crate::file_flag::KNOWN,
    };
    let bytes = encode(&Record::Open(Open { header: header(kind::OPEN, 1), file, ..zeroed() }));
    let Ok(Record::Open(open)) = decode(&bytes) else { panic!("no open") };
    assert_eq!(open.file, file);
    let remote = Endpoint { address: [9; 16], scope_id: 3, port: 443, ..zeroed() };
    let socket = DescriptorInfo { remote, ..zeroed() };
    let connect = Connect { header: header(kind::CONNECT, 1), socket, ..zeroed() };
    let bytes = encode(&Record::Connect(connect));
    let Ok(Record::Connect(connect)) = decode(&bytes) else { panic!("no connect") };
    assert_eq!(connect.socket.remote, remote);
}
