use eyrie_proto::event::{DescriptorCall, Transfer};

use super::*;

const ANONYMOUS: u64 = 0x0904_1934;
const PIPES: u64 = 0x5049_5045;

fn made(name: &str, first: DescriptorInfo<'_>) -> Option<Descriptor> {
    let fd = first.fd.into();
    match event(&DetailedCall { first, ..call(name, [0; 6], fd) }) {
        Kind::DescriptorCall(call) => call.descriptor,
        other => panic!("{other:?}"),
    }
}

/// Scenario: a descriptor of each kind that is neither file nor socket, by the names and file systems that the kernel has for them.
/// Guarantees: each is called as Falco's fd.type does; the slash in front is no part of a name; unknown ones keep their name.
#[test]
fn kinds_as_falco_calls_them() {
    for (name, r#type) in [
        ("[eventfd]", "event"),
        ("[eventpoll]", "eventpoll"),
        ("[timerfd]", "timerfd"),
        ("[signalfd]", "signalfd"),
        ("inotify", "inotify"),
        ("[userfaultfd]", "userfaultfd"),
        ("[io_uring]", "io_uring"),
        ("[pidfd]", "pidfd"),
        ("bpf-map", "bpf"),
        ("bpf-prog", "bpf"),
        ("bpf_link", "bpf"),
        ("btf", "bpf"),
        ("[perf_event]", "unknown"),
    ] {
        let path = format!("/{name}");
        let made = made("eventfd2", info(5, ANONYMOUS, path.as_bytes()));
        assert_eq!(made, another(5, r#type, name.as_bytes()));
    }
    assert_eq!(made("dup", info(5, PIPES, b"/")), another(5, "pipe", b""));
    assert_eq!(made("pidfd_open", info(5, 0x5049_4446, b"//")), another(5, "pidfd", b""));
    let mut memory = info(5, 0x0102_1994, b"/memfd:m");
    memory.file.flags |= file_flag::MEMFD | file_flag::DELETED;
    assert_eq!(made("memfd_create", memory), another(5, "memfd", b"memfd:m"));
    let mut directory = info(5, 0xef53, b"/etc");
    directory.file.mode = 0o040_755;
    match made("dup", directory).unwrap().kind.unwrap() {
        descriptor::Kind::File(file) => assert_eq!((file.path, file.mode), (b"/etc".to_vec(), 0o040_755)),
        other => panic!("{other:?}"),
    }
}

/// Scenario: dup, dup3, fcntl that copies and fcntl that does not, a dup that fails, pidfd_getfd. Guarantees: the old one first and the new
/// one second; what a command returned is a descriptor only where it is one; an error stands where nothing was made.
#[test]
fn copies() {
    let (old, new) = (info(5, 0xef53, b"/f"), info(8, 0xef53, b"/f"));
    let both = DescriptorCall {
        descriptor: a_file(5, b"/f"),
        second: a_file(8, b"/f"),
        ..DescriptorCall::default()
    };
    let dup = DetailedCall { first: old, second: new, ..call("dup", [5, 0, 0, 0, 0, 0], 8) };
    assert_eq!(event(&dup), Kind::DescriptorCall(both.clone()));
    let dup3 = DetailedCall { first: old, second: new, ..call("dup3", [5, 8, 0o2_000_000, 0, 0, 0], 8) };
    let expected = DescriptorCall { argument: 8, flags: 0o2_000_000, ..both.clone() };
    assert_eq!(event(&dup3), Kind::DescriptorCall(expected));
    let copy = DetailedCall { first: old, second: new, ..call("fcntl", [5, 1030, 7, 0, 0, 0], 8) };
    let expected = DescriptorCall { command: 1030, argument: 7, ..both.clone() };
    assert_eq!(event(&copy), Kind::DescriptorCall(expected));
    let get_flags = DetailedCall { first: old, second: new, ..call("fcntl", [5, 3, 0, 0, 0, 0], 8) };
    let expected = DescriptorCall { command: 3, second: None, ..both };
    assert_eq!(event(&get_flags), Kind::DescriptorCall(expected));
    let closed = DetailedCall { first: info(99, 0, b""), ..call("dup", [99, 0, 0, 0, 0, 0], -9) };
    let closed =
        DetailedCall { first: DescriptorInfo { file: FileInfo::default(), ..closed.first }, ..closed };
    let expected = DescriptorCall {
        descriptor: without_kind(99),
        second: without_kind(-9),
        ..DescriptorCall::default()
    };
    assert_eq!(event(&closed), Kind::DescriptorCall(expected));
    let taken = DetailedCall {
        first: new,
        second: info(5, 0x5049_4446, b"/"),
        ..call("pidfd_getfd", [5, 3, 0, 0, 0, 0], 8)
    };
    let expected = DescriptorCall {
        descriptor: a_file(8, b"/f"),
        second: another(5, "pidfd", b""),
        argument: 3,
        ..DescriptorCall::default()
    };
    assert_eq!(event(&taken), Kind::DescriptorCall(expected));
}

/// Scenario: pipe2 that makes one, that fails, and whose numbers could not be read. Guarantees: both ends; a negative number; nothing.
#[test]
fn pairs() {
    let record = |result, first, second| {
        let arguments = [9, 0o4000, 0, 0, 0, 0];
        match event(&DetailedCall { first, second, ..call("pipe2", arguments, result) }) {
            Kind::DescriptorCall(call) => (call.descriptor, call.second, call.flags),
            other => panic!("{other:?}"),
        }
    };
    let (read, write) = (info(3, PIPES, b"/"), info(4, PIPES, b"/"));
    assert_eq!(record(0, read, write), (another(3, "pipe", b""), another(4, "pipe", b""), 0o4000));
    let none = DescriptorInfo::default();
    assert_eq!(record(-24, none, none), (without_kind(-1), without_kind(-1), 0o4000));
    assert_eq!(record(0, none, none), (None, None, 0o4000));
}

/// Scenario: close, close_range, signalfd4 on none, memfd_create, ioctl, a 32-bit ftruncate64 and _llseek. Guarantees: numbers, names,
/// commands and arguments in their places, halves put together.
#[test]
fn other_calls() {
    let of = |record: &DetailedCall<'_>| match event(record) {
        Kind::DescriptorCall(call) => call,
        other => panic!("{other:?}"),
    };
    let close = match plain_event(&call("close", [7 | GARBAGE, 1, 2, 3, 4, 5], 0)) {
        Kind::DescriptorCall(call) => call,
        other => panic!("{other:?}"),
    };
    assert_eq!(close, DescriptorCall { descriptor: without_kind(7), ..DescriptorCall::default() });
    let range = of(&call("close_range", [3, 0xffff_ffff, 4, 0, 0, 0], 0));
    assert_eq!(range, DescriptorCall { first: 3, last: u32::MAX, flags: 4, ..DescriptorCall::default() });
    let none = DescriptorInfo { file: FileInfo::default(), ..info(-1, 0, b"") };
    let signals = DetailedCall {
        first: info(5, ANONYMOUS, b"/[signalfd]"),
        second: none,
        ..call("signalfd4", [MINUS_ONE, 9, 8, 0o4000, 0, 0], 5)
    };
    let signals = of(&signals);
    assert_eq!((signals.second, signals.flags), (without_kind(-1), 0o4000));
    let memory = DetailedCall { text: b"m", ..call("memfd_create", [9, 1, 0, 0, 0, 0], -24) };
    let expected = DescriptorCall {
        descriptor: without_kind(-24),
        name: b"m".to_vec(),
        flags: 1,
        ..DescriptorCall::default()
    };
    assert_eq!(of(&memory), expected);
    let control = DetailedCall {
        first: info(3, 0x1cd1, b"/0"),
        ..call("ioctl", [3, 0x5412 | GARBAGE, 0x7fff_1234_5678, 0, 0, 0], 0)
    };
    let control = of(&control);
    assert_eq!((control.command, control.argument), (0x5412, 0x7fff_1234_5678));
    let truncated = of(&compat_call("ftruncate64", [3, 0x10, 0x2, 0, 0, 0], 0));
    assert_eq!(truncated.argument, 0x2_0000_0010);
    let seek = of(&compat_call("_llseek", [3, 0x1, 0x5, 9, 2, 0], 0));
    assert_eq!((seek.argument, seek.command), (0x1_0000_0005, 2));
}

/// Scenario: reads at a place, native and 32-bit, with a vector, and a read without a place. Guarantees: the place is whole; of a call that has none nothing is
/// said.
#[test]
fn places_in_files() {
    let of = |record: &DetailedCall<'_>| match event(record) {
        Kind::Transfer(transfer) => transfer.position,
        other => panic!("{other:?}"),
    };
    assert_eq!(of(&call("pread64", [3, 9, 4, 0x1_0000_0002, 7, 7], 4)), Some(0x1_0000_0002));
    assert_eq!(of(&call("pwritev", [3, 9, 1, 0, 0, 0], 4)), Some(0));
    let compat = of(&compat_call("pwrite64", [3, 9, 4, 0x2, 0x1, 0], 4));
    assert_eq!(compat, (!cfg!(target_arch = "aarch64")).then_some(0x1_0000_0002));
    assert_eq!(of(&call("read", [3, 9, 4, 8, 0, 0], 4)), None);
}

/// Scenario: read, a write of what is not open, sendfile, splice. Guarantees: descriptor and second one as each call has them, size,
/// data; flags of a call that has some only.
#[test]
fn transfers() {
    let of = |record: &DetailedCall<'_>| match event(record) {
        Kind::Transfer(transfer) => transfer,
        other => panic!("{other:?}"),
    };
    let file = info(3, 0xef53, b"/f");
    let read = DetailedCall { first: file, data: b"abc", ..call("read", [3, 9, 100, 7, 7, 7], 3) };
    let expected =
        Transfer { descriptor: a_file(3, b"/f"), size: 100, data: b"abc".to_vec(), ..Transfer::default() };
    assert_eq!(of(&read), expected);
    let unopened = DescriptorInfo { file: FileInfo::default(), ..info(9, 0, b"") };
    let write = DetailedCall { first: unopened, data: b"abc", ..call("write", [9, 9, 3, 0, 0, 0], -9) };
    assert_eq!(of(&write), Transfer { descriptor: without_kind(9), size: 3, ..expected });
    let other = info(4, PIPES, b"/");
    let sendfile = DetailedCall { first: other, second: file, ..call("sendfile", [4, 3, 0, 50, 0, 0], 50) };
    let expected = Transfer {
        descriptor: another(4, "pipe", b""),
        second: a_file(3, b"/f"),
        size: 50,
        ..Transfer::default()
    };
    assert_eq!(of(&sendfile), expected);
    let splice = DetailedCall { first: other, second: file, ..call("splice", [4, 0, 3, 0, 60, 2], 60) };
    assert_eq!(of(&splice), Transfer { size: 60, flags: 2, ..expected });
}
