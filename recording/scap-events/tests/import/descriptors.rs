//! What descriptors are at each call: files, copies, pipes and what else a call may make.

use eyrie_proto::event::{DescriptorCall, OverlayLayer, descriptor, event::Kind};
use scap::{Descriptor, DescriptorKind};

use crate::{
    named,
    stream::{Scap, Stream, int, text, thread, uint},
};

/// `PPM_O_*`
const DIRECTORY: u64 = 0x400;
const CLOSE_ON_EXEC: u64 = 0x1000;
const CREATED: u64 = 0x4000;
const UPPER: u64 = 0x8000;

fn open(scap: &mut Scap, fd: i64, path: &str, flags: u64) {
    scap.exit(
        "openat",
        &[
            ("fd", int(fd)),
            ("dirfd", int(-100)),
            ("name", text(path)),
            ("flags", uint(flags | 1)),
            ("mode", uint(0)),
        ],
    );
}

/// What a read of this descriptor says that it is.
fn read(scap: &mut Scap, fd: i64) {
    scap.exit("read", &[("res", int(0)), ("fd", int(fd)), ("size", uint(10))]);
}

/// What the reads of a stream are of, in their order.
fn reads(stream: &Stream) -> Vec<String> {
    let reads = stream.kinds().into_iter().filter_map(|kind| match kind {
        Kind::Transfer(transfer) => Some(named(transfer.descriptor.as_ref())),
        _ => None,
    });
    reads.collect()
}

fn call(kind: &Kind) -> &DescriptorCall {
    match kind {
        Kind::DescriptorCall(call) => call,
        other => panic!("{other:?} is no call on a descriptor"),
    }
}

/// Scenario: files that were open at the start, opened by absolute and relative paths, at a directory, failed, made anew in an overlay. Guarantees: later calls
/// know them by their names as text; flags, devices, layers and what was made are the kernel's (C.3 item 11).
#[test]
fn files_are_known_by_their_paths() {
    let mut scap = Scap::new();
    let held = |fd, open_flags, name: &str| Descriptor {
        fd,
        inode: 9,
        kind: DescriptorKind::File { open_flags, name: name.as_bytes().to_vec(), device: Some(0x801) },
    };
    scap.writer().descriptors(10, &[held(0, 1, "/dev/pts/0"), held(5, 1, "/srv")]).unwrap();
    read(&mut scap, 0);
    open(&mut scap, 3, "notes/../today", 0x8);
    read(&mut scap, 3);
    scap.exit(
        "openat",
        &[
            ("fd", int(4)),
            ("dirfd", int(5)),
            ("name", text("a//b")),
            ("flags", uint(3 | 4 | CREATED | UPPER)),
            ("mode", uint(0o644)),
            ("dev", uint(0x801)),
            ("ino", uint(77)),
        ],
    );
    read(&mut scap, 4);
    open(&mut scap, 6, "/var/log", DIRECTORY);
    read(&mut scap, 6);
    scap.exit("open", &[("fd", int(-2)), ("name", text("/gone")), ("flags", uint(1))]);
    read(&mut scap, 99);
    let stream = scap.stream();
    assert_eq!(
        reads(&stream),
        ["file /dev/pts/0", "file /home/me/today", "file /srv/a/b", "directory /var/log", ""]
    );
    let opens: Vec<_> = stream
        .kinds()
        .into_iter()
        .filter_map(|kind| if let Kind::Open(open) = kind { Some(open) } else { None })
        .collect();
    let path = opens[0].path.as_ref().unwrap();
    assert_eq!(
        (&*path.requested, path.directory_fd, &*path.base),
        (&b"notes/../today"[..], -100, &b"/home/me"[..])
    );
    assert_eq!((opens[1].flags, opens[1].mode, opens[1].is_created), (0o102, 0o644, true));
    let Some(descriptor::Kind::File(file)) = &opens[1].descriptor.as_ref().unwrap().kind else { panic!() };
    assert_eq!((file.inode, file.device, file.layer()), (77, 0x800_001, OverlayLayer::Upper));
    assert_eq!((opens[3].descriptor.clone(), stream.calls()[7].result), (None, -2));
}

/// Scenario: an open of which the enter event has another path than the exit. Guarantees: what was asked for before the call could be changed counts
/// (C.3 item 11).
#[test]
fn the_path_at_the_beginning_counts() {
    let mut scap = Scap::new();
    scap.event(
        306,
        10,
        &[("dirfd", int(-100)), ("name", text("/etc/shadow")), ("flags", uint(1)), ("mode", uint(0))],
    );
    open(&mut scap, 3, "/tmp/harmless", 0x2);
    // An enter event of another call is the leftover of one whose end was lost.
    scap.event(
        306,
        10,
        &[("dirfd", int(-100)), ("name", text("/etc/shadow")), ("flags", uint(1)), ("mode", uint(0))],
    );
    scap.exit("unlink", &[("res", int(0)), ("path", text("/tmp/x"))]);
    open(&mut scap, 4, "/tmp/harmless", 0);
    let stream = scap.stream();
    let kinds = stream.kinds();
    let Kind::Open(open) = kinds[0] else { panic!() };
    assert_eq!((&*open.path.as_ref().unwrap().requested, open.flags), (&b"/etc/shadow"[..], 0));
    let Kind::Open(open) = kinds[2] else { panic!() };
    assert_eq!(open.path.as_ref().unwrap().requested, b"/tmp/harmless");
    assert_eq!(stream.counts.joined, 2);
}

/// Scenario: old calls whose descriptor stands only in their enter events. Guarantees: it is found there.
#[test]
fn old_exits_are_completed_from_their_enters() {
    let mut scap = Scap::new();
    open(&mut scap, 3, "/etc/hosts", 0);
    scap.event(6, 10, &[("fd", int(3)), ("size", uint(100))]);
    scap.draft(7, 10, &[("res", int(4)), ("data", scap::value::Value::Bytes(b"1234".to_vec()))], |draft| {
        draft.truncate(2)
    });
    scap.event(4, 10, &[("fd", int(3))]);
    scap.draft(5, 10, &[("res", int(0))], |draft| draft.truncate(1));
    // dup of old files: `fd` in the enter, the copy as result.
    open(&mut scap, 3, "/etc/passwd", 0);
    scap.event(124, 10, &[("fd", int(3))]);
    scap.event(125, 10, &[("res", int(8))]);
    read(&mut scap, 8);
    let stream = scap.stream();
    let kinds = stream.kinds();
    let Kind::Transfer(transfer) = kinds[1] else { panic!() };
    assert_eq!(
        (named(transfer.descriptor.as_ref()), transfer.size, &*transfer.data),
        ("file /etc/hosts".to_owned(), 100, &b"1234"[..])
    );
    assert_eq!(named(call(kinds[2]).descriptor.as_ref()), "file /etc/hosts");
    let dup = call(kinds[4]);
    assert_eq!([&dup.descriptor, &dup.second].map(|end| end.as_ref().unwrap().fd), [3, 8]);
    assert_eq!(reads(&stream).last().unwrap(), "file /etc/passwd");
}

/// Scenario: dup, dup2 onto an open descriptor, dup3 and fcntl with and without close-on-exec, F_SETFD, close, then exec. Guarantees: copies are of the same
/// file; close-on-exec is each descriptor's own; exec closes by it (C.3 items 4 and 12).
#[test]
fn copies_and_close_on_exec() {
    let mut scap = Scap::new();
    open(&mut scap, 3, "/a", CLOSE_ON_EXEC);
    open(&mut scap, 4, "/b", 0);
    scap.exit("dup", &[("res", int(5)), ("oldfd", int(3))]);
    scap.exit("dup2", &[("res", int(4)), ("oldfd", int(3)), ("newfd", int(4))]);
    scap.exit(
        "dup3",
        &[("res", int(6)), ("oldfd", int(3)), ("newfd", int(6)), ("flags", uint(CLOSE_ON_EXEC))],
    );
    // F_DUPFD, F_DUPFD_CLOEXEC, F_SETFD by Falco's numbers.
    scap.exit("fcntl", &[("res", int(7)), ("fd", int(3)), ("cmd", uint(1))]);
    scap.exit("fcntl", &[("res", int(8)), ("fd", int(3)), ("cmd", uint(26))]);
    scap.exit("fcntl", &[("res", int(0)), ("fd", int(7)), ("cmd", uint(3)), ("arg", uint(1))]);
    scap.exit("dup2", &[("res", int(-9)), ("oldfd", int(77)), ("newfd", int(5))]);
    for fd in 3..=8 {
        read(&mut scap, fd);
    }
    scap.exit("execve", &[("res", int(0)), ("exe", text("x")), ("comm", text("x"))]);
    for fd in 3..=8 {
        read(&mut scap, fd);
    }
    let stream = scap.stream();
    let reads = reads(&stream);
    assert_eq!(reads[..6], ["file /a"; 6]);
    assert_eq!(reads[6..], ["", "file /a", "file /a", "", "", ""]);
    let kinds = stream.kinds();
    let dup3 = call(kinds[4]);
    assert_eq!((dup3.argument, dup3.flags), (6, 0o2_000_000));
    assert_eq!([5, 6, 7].map(|at| call(kinds[at]).command), [0, 1030, 2]);
    assert_eq!((call(kinds[7]).second.clone(), call(kinds[8]).second.as_ref().unwrap().fd), (None, -9));
}

/// Scenario: every call that makes a descriptor of another kind, and a pipe. Guarantees: kinds as `fd.type` calls them (C.3 item 13); a failed one makes nothing.
#[test]
fn other_kinds() {
    let mut scap = Scap::new();
    scap.exit(
        "pipe2",
        &[
            ("res", int(0)),
            ("fd1", int(3)),
            ("fd2", int(4)),
            ("ino", uint(9)),
            ("flags", uint(CLOSE_ON_EXEC)),
        ],
    );
    let makers = [
        ("eventfd2", "res"),
        ("signalfd4", "res"),
        ("timerfd_create", "res"),
        ("inotify_init1", "res"),
        ("epoll_create1", "res"),
        ("memfd_create", "fd"),
        ("pidfd_open", "fd"),
        ("userfaultfd", "res"),
        ("io_uring_setup", "res"),
        ("bpf", "fd"),
    ];
    for ((event_type, result), fd) in makers.iter().zip(5..) {
        scap.exit(event_type, &[(result, int(fd))]);
    }
    scap.exit("eventfd2", &[("res", int(-24))]);
    scap.exit("pipe", &[("res", int(-24)), ("fd1", int(40)), ("fd2", int(41))]);
    for fd in (3..=14).chain([40]) {
        read(&mut scap, fd);
    }
    let stream = scap.stream();
    let expected = [
        "pipe",
        "pipe",
        "event [eventfd]",
        "signalfd [signalfd]",
        "timerfd [timerfd]",
        "inotify inotify",
        "eventpoll [eventpoll]",
        "memfd memfd:",
        "pidfd",
        "userfaultfd [userfaultfd]",
        "io_uring [io_uring]",
        "bpf bpf-map",
        "",
    ];
    assert_eq!(reads(&stream), expected);
    let pipe = call(stream.kinds()[0]);
    let Some(descriptor::Kind::Other(end)) = &pipe.second.as_ref().unwrap().kind else { panic!() };
    assert_eq!((end.inode, pipe.flags), (9, 0o2_000_000));
    let failed = call(stream.kinds()[12]);
    assert_eq!([&failed.descriptor, &failed.second].map(|end| end.as_ref().unwrap().fd), [-1, -1]);
}

/// Scenario: pidfd_open of another process and pidfd_getfd of one of its descriptors. Guarantees: the copy is what it is there (C.3 item 13).
#[test]
fn descriptors_of_others_are_taken() {
    let mut scap = Scap::with(&[thread(10, 1, "bash"), thread(20, 1, "server")]);
    scap.exit_of(20, "open", &[("fd", int(7)), ("name", text("/secret")), ("flags", uint(1))]);
    scap.exit("pidfd_open", &[("fd", int(3)), ("pid", int(20))]);
    scap.exit("pidfd_getfd", &[("fd", int(4)), ("pid_fd", int(3)), ("target_fd", int(7))]);
    read(&mut scap, 4);
    assert_eq!(reads(&scap.stream()), ["file /secret"]);
}

/// Scenario: chdir, fchdir, getcwd and relative paths behind each. Guarantees: paths start where the process is (C.3 items 8 and 17).
#[test]
fn directories_change() {
    let mut scap = Scap::new();
    let relative = |scap: &mut Scap| {
        scap.exit("unlink", &[("res", int(0)), ("path", text("x"))]);
    };
    scap.exit("chdir", &[("res", int(0)), ("path", text("../you"))]);
    relative(&mut scap);
    open(&mut scap, 3, "/srv/www", DIRECTORY);
    scap.exit("fchdir", &[("res", int(0)), ("fd", int(3))]);
    relative(&mut scap);
    scap.exit("chdir", &[("res", int(-2)), ("path", text("/gone"))]);
    relative(&mut scap);
    scap.exit("getcwd", &[("res", int(5)), ("path", text("/real"))]);
    relative(&mut scap);
    scap.exit(
        "renameat2",
        &[
            ("res", int(0)),
            ("olddirfd", int(3)),
            ("oldpath", text("a")),
            ("newdirfd", int(-100)),
            ("newpath", text("b")),
            ("flags", uint(1)),
        ],
    );
    scap.exit("chroot", &[("res", int(0)), ("path", text("jail"))]);
    let stream = scap.stream();
    let bases: Vec<_> = stream
        .kinds()
        .into_iter()
        .filter_map(|kind| match kind {
            Kind::PathCall(call) if call.path.as_ref().unwrap().requested == b"x" => {
                Some(String::from_utf8(call.path.as_ref().unwrap().base.clone()).unwrap())
            }
            _ => None,
        })
        .collect();
    assert_eq!(bases, ["/home/you", "/srv/www", "/srv/www", "/real"]);
    let Kind::ChangeDirectory(failed) = stream.kinds()[5] else { panic!() };
    assert_eq!(
        (&*failed.working_directory, &*failed.path.as_ref().unwrap().requested),
        (&b"/srv/www"[..], &b"/gone"[..])
    );
    let Kind::TwoPathCall(rename) = stream.kinds()[9] else { panic!() };
    assert_eq!(
        [&rename.source, &rename.target].map(|path| path.as_ref().unwrap().base.clone()),
        [b"/srv/www".to_vec(), b"/real".to_vec()]
    );
    let Kind::ChangeRoot(chroot) = stream.kinds()[10] else { panic!() };
    assert_eq!(chroot.root_directory, b"/real/jail");
}
