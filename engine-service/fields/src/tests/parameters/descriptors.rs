//! Of calls on descriptors, and those that move data.

use eyrie_proto::event::{DescriptorCall, KernelCall, SocketRole, Transfer, event::Kind};

use super::{bare, check_arguments, other};
use crate::tests::fixture::{address, call, check, file, host, socket};

fn on(call: DescriptorCall) -> Kind {
    Kind::DescriptorCall(call)
}

fn of(descriptor: eyrie_proto::event::Descriptor) -> DescriptorCall {
    DescriptorCall { descriptor: Some(descriptor), ..DescriptorCall::default() }
}

/// Scenario: copies of descriptors, and one that fails. Guarantees: the old one, the new one, and the error in its place.
#[test]
fn copies() {
    let copied =
        |flags| DescriptorCall { second: Some(file(1, "/a")), argument: 1, flags, ..of(file(3, "/a")) };
    check_arguments(32, 1, on(copied(0)), "res=1(<f>/a) oldfd=3(<f>/a)");
    check_arguments(33, 1, on(copied(0)), "res=1(<f>/a) oldfd=3(<f>/a) newfd=1(<f>/a)");
    check_arguments(
        292,
        1,
        on(copied(0o2_000_000)),
        "res=1(<f>/a) oldfd=3(<f>/a) newfd=1(<f>/a) flags=4096(O_CLOEXEC)",
    );
    check_arguments(
        33,
        -9,
        on(DescriptorCall { argument: 1, ..of(bare(30)) }),
        "res=-9(EBADF) oldfd=30 newfd=1",
    );
    let control = |command, argument| DescriptorCall { command, argument, ..of(file(3, "/a")) };
    check_arguments(72, 0, on(control(2, 1)), "res=0 fd=3(<f>/a) cmd=3(F_SETFD) arg=1");
    let duplicate = DescriptorCall { second: Some(file(10, "/a")), ..control(1030, 10) };
    check_arguments(72, 10, on(duplicate), "res=10(<f>/a) fd=3(<f>/a) cmd=26(F_DUPFD_CLOEXEC) arg=10");
    check_arguments(72, -22, on(control(9999, 0)), "res=-22(EINVAL) fd=3(<f>/a) cmd=0(UNKNOWN) arg=0");
}

/// Scenario: ends of descriptors. Guarantees: a closed one is a number, as nobody can tell any more what it was.
#[test]
fn ends() {
    check_arguments(3, 0, on(of(bare(5))), "res=0 fd=5");
    let range = DescriptorCall { first: 3, last: u32::MAX, flags: 4, ..DescriptorCall::default() };
    check_arguments(436, 0, on(range), "res=0 first=3 last=4294967295 flags=4(CLOSE_RANGE_CLOEXEC)");
}

/// Scenario: calls that make descriptors of every kind. Guarantees: number, kind and name, and what each was given.
#[test]
fn new_kinds_of_descriptors() {
    let pipe =
        DescriptorCall { second: Some(other(4, "pipe", "")), flags: 0o4_000, ..of(other(3, "pipe", "")) };
    check_arguments(22, 0, on(pipe.clone()), "res=0 fd1=3(<p>) fd2=4(<p>) ino=77");
    check_arguments(293, 0, on(pipe), "res=0 fd1=3(<p>) fd2=4(<p>) ino=77 flags=64(O_NONBLOCK)");
    check_arguments(
        293,
        -24,
        on(DescriptorCall::default()),
        "res=-24(EMFILE) fd1=-1(EPERM) fd2=-1(EPERM) ino=0 flags=0(O_NONE)",
    );
    let event = DescriptorCall { argument: 5, flags: 0o2_000_000, ..of(other(3, "event", "")) };
    check_arguments(290, 3, on(event.clone()), "res=3(<e>) flags=4096(O_CLOEXEC) initval=5");
    check_arguments(284, 3, on(event), "res=3(<e>) initval=5 flags=80000");
    let signal = DescriptorCall { second: Some(bare(-1)), ..of(other(3, "signalfd", "")) };
    check_arguments(289, 3, on(signal), "res=3(<s>) flags=0(O_NONE) fd=-1(EPERM) mask=0");
    let timer = DescriptorCall { argument: 1, flags: 0o4_000, ..of(other(3, "timerfd", "")) };
    // Eight bits are all that Falco has for the flags.
    check_arguments(283, 3, on(timer), "res=3(<t>) clockid=1 flags=0");
    check_arguments(294, 3, on(of(other(3, "inotify", ""))), "res=3(<i>) flags=0(O_NONE)");
    let memory = DescriptorCall { name: b"x".to_vec(), flags: 3, ..of(other(3, "memfd", "x")) };
    check_arguments(319, 3, on(memory), "fd=3(<m>x) name=x flags=3(MFD_CLOEXEC|MFD_ALLOW_SEALING)");
    let process = DescriptorCall { argument: 20, ..of(other(3, "pidfd", "")) };
    check_arguments(434, 3, on(process), "fd=3(<P>) pid=20(bash) flags=0");
    let got = DescriptorCall { second: Some(other(4, "pidfd", "")), argument: 9, ..of(file(5, "/a")) };
    check_arguments(438, 5, on(got), "fd=5(<f>/a) pid_fd=4(<P>) target_fd=9 flags=0");
    let epoll = DescriptorCall { flags: 0o2_000_000, argument: 8, ..of(other(3, "eventpoll", "")) };
    check_arguments(291, 3, on(epoll.clone()), "res=3 flags=1(EPOLL_CLOEXEC)");
    check_arguments(213, 3, on(epoll.clone()), "res=3 size=8");
    check_arguments(232, 1, on(epoll), "res=1 maxevents=8");
    let faults =
        KernelCall { flags: 0o4_000, descriptor: Some(other(3, "userfaultfd", "")), ..Default::default() };
    check_arguments(323, 3, Kind::KernelCall(faults), "res=3 flags=64(O_NONBLOCK)");
}

/// Scenario: what is done with open files. Guarantees: offsets, requests and operations with their names.
#[test]
fn operations_on_open_files() {
    let with = |command, argument| on(DescriptorCall { command, argument, ..of(file(3, "/a")) });
    check_arguments(8, 100, with(2, 100), "res=100 fd=3(<f>/a) offset=100 whence=2(SEEK_END)");
    check_arguments(16, 0, with(0x5413, 0x7f00), "res=0 fd=3(<f>/a) request=5413 argument=7F00");
    check_arguments(73, 0, with(6, 0), "res=0 fd=3(<f>/a) operation=6(LOCK_EX|LOCK_NB)");
    check_arguments(217, 0, with(0, 0), "res=0 fd=3(<f>/a)");
}

/// Scenario: data read, written, and moved between descriptors. Guarantees: Falco's order for each, dots for what cannot be
/// printed, NULL for what has no bytes; which way the data go, and how many.
#[test]
fn transfers_of_data() {
    let transfer = Transfer {
        descriptor: Some(file(3, "/a")),
        size: 80,
        data: b"a\x00b\n".to_vec(),
        ..Transfer::default()
    };
    check_arguments(0, 4, Kind::Transfer(transfer.clone()), "res=4 data=a.b. fd=3(<f>/a) size=80");
    check_arguments(17, 4, Kind::Transfer(transfer.clone()), "res=4 data=a.b. fd=3(<f>/a) size=80 pos=NULL");
    let placed = Transfer { position: Some(7), ..transfer.clone() };
    check_arguments(17, 4, Kind::Transfer(placed), "res=4 data=a.b. fd=3(<f>/a) size=80 pos=7");
    // Of vectors Falco tells what was read, and what was to be written.
    check_arguments(19, 4, Kind::Transfer(transfer.clone()), "res=4 size=4 data=a.b. fd=3(<f>/a)");
    check_arguments(20, 4, Kind::Transfer(transfer.clone()), "res=4 data=a.b. fd=3(<f>/a) size=80");
    let moved = Transfer { second: Some(file(4, "/b")), flags: 2, data: Vec::new(), ..transfer.clone() };
    check_arguments(1, 0, Kind::Transfer(moved.clone()), "res=0 data=NULL fd=3(<f>/a) size=80");
    check_arguments(
        40,
        80,
        Kind::Transfer(moved.clone()),
        "res=80 offset=NULL out_fd=3(<f>/a) in_fd=4(<f>/b) size=80",
    );
    check_arguments(
        275,
        80,
        Kind::Transfer(moved.clone()),
        "res=80 fd_in=3(<f>/a) fd_out=4(<f>/b) size=80 flags=2(SPLICE_F_NONBLOCK)",
    );
    check_arguments(
        326,
        80,
        Kind::Transfer(moved),
        "res=80 fdout=4(<f>/b) offout=NULL fdin=3(<f>/a) offin=NULL len=80",
    );
    let expected = [
        ("evt.category", "file"),
        ("evt.is_io", "true"),
        ("evt.is_io_read", "true"),
        ("evt.is_io_write", "false"),
        ("evt.io_dir", "read"),
        ("evt.is_wait", "false"),
        ("evt.buflen", "4"),
        ("evt.buflen.in", "4"),
        ("evt.buflen.out", "<absent>"),
        ("evt.buflen.file.in", "4"),
        ("evt.buflen.net", "<absent>"),
        ("evt.rawarg[data]", "a\0b\n"),
    ];
    check(&call(0, 4, Kind::Transfer(transfer.clone())), &host(), &expected);
    check(&call(0, -11, Kind::Transfer(transfer)), &host(), &[("evt.buflen", "<absent>")]);
    let copied = Transfer { descriptor: Some(file(3, "/a")), ..Transfer::default() };
    check(
        &call(326, 1, Kind::Transfer(copied)),
        &host(),
        &[("evt.io_dir", "write"), ("evt.is_io_read", "true")],
    );
}

/// Scenario: a write to the syslog, and what waits. Guarantees: evt.is_syslog, evt.is_wait and the categories of both.
#[test]
fn what_descriptors_are_for() {
    let log = Transfer { descriptor: Some(file(3, "/run/dev/log")), ..Transfer::default() };
    check(
        &call(1, 1, Kind::Transfer(log.clone())),
        &host(),
        &[("evt.is_syslog", "true"), ("evt.io_dir", "write")],
    );
    check(&call(0, 1, Kind::Transfer(log)), &host(), &[("evt.is_syslog", "false")]);
    let wait = call(232, 0, on(of(other(3, "eventpoll", ""))));
    check(&wait, &host(), &[("evt.is_wait", "true"), ("evt.category", "wait"), ("evt.is_io", "false")]);
    let (local, remote) = (address(&[10, 0, 0, 1], 5000), address(&[10, 0, 0, 2], 80));
    let sent = Transfer {
        descriptor: Some(socket(Some(local), Some(remote), SocketRole::Client)),
        ..Transfer::default()
    };
    check(
        &call(1, 3, Kind::Transfer(sent)),
        &host(),
        &[("evt.category", "net"), ("evt.buflen.net.out", "3"), ("evt.buflen.file", "<absent>")],
    );
    check(&call(3, 0, on(of(bare(5)))), &host(), &[("evt.category", "unknown"), ("fd.num", "5")]);
    check(&call(22, 0, on(of(other(3, "pipe", "")))), &host(), &[("evt.category", "IPC")]);
}
