//! Blocks of older ages, made here from what is known of their layout.

use super::{block, read, section_block};
use crate::{Descriptor, DescriptorKind, Thread, ThreadTail};

/// Little endian, one after another.
#[derive(Default)]
struct Bytes(Vec<u8>);

// === impl Bytes ===

impl Bytes {
    fn u8(mut self, number: u8) -> Self {
        self.0.push(number);
        self
    }

    fn u16(mut self, number: u16) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn u32(mut self, number: u32) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn u64(mut self, number: u64) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn text(self, text: &[u8]) -> Self {
        let length = u16::try_from(text.len()).unwrap();
        let mut bytes = self.u16(length);
        bytes.0.extend(text);
        bytes
    }

    fn when(self, condition: bool, more: impl FnOnce(Self) -> Self) -> Self {
        if condition { more(self) } else { self }
    }
}

/// One thread as the version lays it out, up to its root directory.
fn thread_of_version(version: u8) -> Vec<u8> {
    Bytes::default()
        .u64(10)
        .u64(11)
        .u64(12)
        .when(version >= 6, |bytes| bytes.u64(13))
        .when(version >= 8, |bytes| bytes.u64(14))
        .text(b"comm")
        .text(b"exe")
        .when(version >= 7, |bytes| bytes.text(b"/bin/exe"))
        .text(b"a\0b")
        .text(b"/cwd")
        .u64(1_024)
        .u32(0x2001)
        .u32(1_000)
        .u32(1_001)
        .when(version >= 2, |bytes| bytes.u32(1).u32(2).u32(3).u64(4).u64(5))
        .when(version >= 3, |bytes| bytes.text(b"A=1\0B=2\0"))
        .when(version >= 4, |bytes| bytes.u64(20).u64(21).text(b"cpuset=/\0cpu=/x"))
        .when(version >= 5, |bytes| bytes.text(b"/root"))
        .0
}

fn expected_of_version(version: u8) -> Thread {
    let from = |first: u8| version >= first;
    let list = |first: u8, texts: [&[u8]; 2]| match from(first) {
        true => texts.map(<[u8]>::to_vec).to_vec(),
        false => Vec::new(),
    };
    Thread {
        tid: 10,
        pid: 11,
        parent_pid: 12,
        session_id: from(6).then_some(13),
        namespace_process_group_id: from(8).then_some(14),
        comm: b"comm".to_vec(),
        exe: b"exe".to_vec(),
        exe_path: from(7).then(|| b"/bin/exe".to_vec()),
        arguments: list(1, [b"a", b"b"]),
        working_directory: b"/cwd".to_vec(),
        open_files_limit: 1_024,
        flags: 0x2001,
        uid: 1_000,
        gid: 1_001,
        memory_kib: if from(2) { [1, 2, 3] } else { [0; 3] },
        faults: if from(2) { [4, 5] } else { [0; 2] },
        environment: list(3, [b"A=1", b"B=2"]),
        namespace_tid: if from(4) { 20 } else { -1 },
        namespace_pid: if from(4) { 21 } else { -1 },
        cgroups: list(4, [b"cpuset=/", b"cpu=/x"]),
        root: if from(5) { b"/root".to_vec() } else { Vec::new() },
        tail: ThreadTail::default(),
    }
}

/// Scenario: thread lists of versions 1 to 8, by their numbers and by those from before the format's release, two threads each.
/// Guarantees: each version's fields are found; what a version has not is not made up.
#[test]
fn threads_of_all_versions_are_read() {
    let numbers = [
        (1, 0x202),
        (1, 0x8000_ABCD),
        (2, 0x207),
        (2, 0x8013_ABCD),
        (3, 0x209),
        (3, 0x8014_ABCD),
        (4, 0x210),
        (5, 0x211),
        (6, 0x212),
        (7, 0x213),
        (8, 0x214),
    ];
    for (version, number) in numbers {
        let content =
            read([section_block(), block(number, &thread_of_version(version).repeat(2))].concat().as_slice());
        assert_eq!(content.problems, []);
        assert_eq!(content.threads, vec![expected_of_version(version); 2], "version {version}");
    }
}

/// Scenario: entries of version 9 as each age wrote them, shorter and longer ones, and one of an age to come.
/// Guarantees: the entry's length tells which fields there are; what is behind those that are known is passed over.
#[test]
fn thread_tails_are_as_long_as_their_entry_says() {
    let full = ThreadTail {
        pid_namespace_start_ns: Some(5),
        tty: Some(34_816),
        login_uid: Some(1_000),
        is_exe_writable: Some(true),
        capabilities: Some([1, 2, 3]),
        is_exe_upper_layer: Some(false),
        exe_inode: Some(77),
        exe_change_time_ns: Some(8),
        exe_modify_time_ns: Some(9),
        is_exe_memfd: Some(false),
        is_exe_lower_layer: Some(true),
        process_group_id: Some(10),
    };
    let fields = |bytes: Bytes| {
        bytes.u32(1_000).u8(1).u64(1).u64(2).u64(3).u8(0).u64(77).u64(8).u64(9).u8(0).u8(1).u64(10).0
    };
    let old = fields(Bytes::default());
    let new = fields(Bytes::default().u64(5).u32(34_816));
    assert_eq!(new.len(), 76);
    let old_up_to_capabilities = ThreadTail {
        login_uid: Some(1_000),
        is_exe_writable: Some(true),
        capabilities: Some([1, 2, 3]),
        ..ThreadTail::default()
    };
    let until =
        |lower, group| ThreadTail { is_exe_lower_layer: lower, process_group_id: group, ..full.clone() };
    for (tail, expected) in [
        (&old[..0], ThreadTail::default()),
        (&old[..4], ThreadTail { login_uid: Some(1_000), ..ThreadTail::default() }),
        (&old[..5], ThreadTail { capabilities: None, ..old_up_to_capabilities.clone() }),
        (&old[..29], old_up_to_capabilities),
        (&new[..66], ThreadTail { is_exe_memfd: None, ..until(None, None) }),
        (&new[..67], until(None, None)),
        (&new[..68], until(Some(true), None)),
        (&new[..76], full.clone()),
        (&[new.as_slice(), &[7; 9]].concat(), full.clone()),
    ] {
        let core = [thread_of_version(9).as_slice(), tail].concat();
        let entry = [Bytes::default().u32(u32::try_from(core.len() + 4).unwrap()).0, core].concat();
        let content = read([section_block(), block(0x215, &entry.repeat(2))].concat().as_slice());
        assert_eq!(content.problems, []);
        let thread = Thread { tail: expected, ..expected_of_version(9) };
        assert_eq!(content.threads, vec![thread; 2], "{} bytes of tail", tail.len());
    }
}

/// Scenario: an entry of version 9 whose length is 0, less than its fields take, or more than the block has; each behind a good one.
/// Guarantees: the good one is read, the rest of the block is noted and skipped, reading goes on behind the block.
#[test]
fn entries_that_lie_end_their_list() {
    let core = thread_of_version(9);
    let entry =
        |length: usize| [Bytes::default().u32(u32::try_from(length).unwrap()).0, core.clone()].concat();
    for (length, reason) in [
        (0, "an entry entry length says 0 bytes, its content has 4"),
        (20, "an entry ends within ptid"),
        (5_000, "an entry ends within entry length: 4996 bytes wanted"),
    ] {
        let list = [entry(core.len() + 4), entry(length)].concat();
        let file = [section_block(), block(0x215, &list), block(0x215, &entry(core.len() + 4))].concat();
        let content = read(file.as_slice());
        assert!(content.error.is_none());
        assert_eq!((content.threads.len(), content.counts.corrupt_lists), (2, 1));
        assert!(content.problems[0].reason.starts_with(reason), "{}", content.problems[0]);
    }
}

/// Scenario: descriptors of both ages, some of an unknown type.
/// Guarantees: with lengths the unknown one is kept as unsupported, without them the rest of its block is lost and noted.
#[test]
fn unknown_descriptors_are_passed_over_where_their_length_is_known() {
    let descriptor = |fd_type: u8| Bytes::default().u64(3).u64(77).u8(fd_type).text(b"name").0;
    let with_length =
        |entry: Vec<u8>| [Bytes::default().u32(u32::try_from(entry.len() + 4).unwrap()).0, entry].concat();
    let other = |fd_type, name: &[u8]| Descriptor {
        fd: 3,
        inode: 77,
        kind: DescriptorKind::Other { fd_type, name: name.to_vec() },
    };
    let tid = Bytes::default().u64(10).0;
    for number in [0x203, 0x8001_ABCD] {
        let body = [tid.clone(), descriptor(7), descriptor(99), descriptor(7)].concat();
        let content = read([section_block(), block(number, &body)].concat().as_slice());
        assert_eq!(content.descriptors, [(10, vec![other(7, b"name")])]);
        assert_eq!(
            content.problems[0].reason,
            "an entry type is 99, which is not known; the rest of the block was skipped"
        );
    }
    let body = [tid, with_length(descriptor(99)), with_length(descriptor(7))].concat();
    let content = read([section_block(), block(0x218, &body)].concat().as_slice());
    assert_eq!(content.descriptors, [(10, vec![other(10, b""), other(7, b"name")])]);
    assert_eq!(content.problems, []);
}

/// Scenario: interfaces of the two types that have no link speed, and events of the pre-release numbers with flags.
/// Guarantees: they are read as the others are.
#[test]
fn other_old_blocks_are_read() {
    let interface = |interface_type: u16, address: &[u8]| {
        let fields = Bytes::default().u16(interface_type).u16(2).0;
        [fields.as_slice(), &address.repeat(3), b"lo"].concat()
    };
    let body = [interface(3, &[127, 0, 0, 1]), interface(4, &[1; 16])].concat();
    // A notification, whose length old writers said three bytes too large.
    let mut event = Bytes::default().u16(1).u32(1).u64(5).u64(9).u32(22 + 4 + 4 + 3).u16(280).u16(2).u16(2).0;
    event.extend(b"a\0b\0xxx");
    let file = [section_block(), block(0x8011_ABCD, &body), block(0x208, &event)].concat();
    let content = read(file.as_slice());
    assert_eq!(content.problems, []);
    let interfaces: Vec<_> =
        content.interfaces.iter().map(|interface| interface.address.to_string()).collect();
    assert_eq!(interfaces, ["127.0.0.1", "101:101:101:101:101:101:101:101"]);
    let event = &content.events[0];
    assert_eq!((event.cpu, event.flags, event.time_ns, event.tid), (1, 1, Some(5), 9));
    assert_eq!(event.values.len(), 2);
}
