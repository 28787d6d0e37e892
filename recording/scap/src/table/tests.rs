//! The table against itself, and against the codes that a writer needs.

use super::{
    Dynamic, ParameterType, event_type, event_types, exit_event, system_call_code, system_call_name,
};

/// Scenario: every line of both tables is looked up.
/// Guarantees: none is passed over because it has not the shape that the parser wants.
#[test]
fn every_line_is_read() {
    let lines = include_str!("events.tsv").lines().filter(|line| !line.starts_with('#'));
    let unwritten = lines.clone().filter(|line| line.split('\t').nth(3).unwrap().contains('K')).count();
    assert_eq!(event_types().count() + unwritten, lines.count());
    assert_eq!((0..=u16::MAX).filter(|code| system_call_name(*code).is_some()).count(), 449);
    assert_eq!(event_type(430), None);
}

/// Scenario: single events and calls are looked up.
/// Guarantees: marks and columns of the table come out as its first lines say.
#[test]
fn marks_and_columns_are_told() {
    let connect = event_type(23).unwrap();
    assert_eq!((connect.name, connect.event_type), ("SOCKET_CONNECT_X", "connect"));
    assert_eq!((connect.established_parameters, connect.parameters.len()), (3, 4));
    assert_eq!(connect.parameter("addr"), Some((3, ParameterType::SockAddr)));
    assert!(!connect.is_enter && !connect.is_old_version && !connect.has_large_lengths);
    assert!(event_type(22).unwrap().is_enter);
    assert!(!event_type(186).unwrap().is_enter, "procexit is no call");
    assert!(event_type(231).unwrap().is_old_version);
    assert!(event_type(402).unwrap().has_large_lengths);
    let socket = event_type(19).unwrap();
    assert_eq!(
        socket.parameter("flags"),
        Some((4, ParameterType::Flags32)),
        "the mark is no part of the name"
    );
    let option = ParameterType::Dyn(Dynamic::SocketOption);
    assert_eq!(event_type(45).unwrap().parameter("val").unwrap().1, option);
    assert_eq!((system_call_name(176), system_call_code("exit_group")), (Some("clock_gettime"), Some(164)));
    assert_eq!((system_call_name(449), system_call_code("nothing")), (None, None));
}

/// Scenario: the newest exit is asked for, for each event type that is written.
/// Guarantees: it is the code that libs has for it, and no older version of it.
#[test]
fn newest_exits_are_those_that_libs_has() {
    // Event type and code each.
    let expected = "open 3, close 5, read 7, write 9, socket 19, bind 21, connect 23, listen 25, send 29, sendto 31, recv 33, \
        recvfrom 35, shutdown 37, socketpair 43, setsockopt 45, getsockopt 47, sendmsg 49, sendmmsg 51, recvmsg 53, recvmmsg 55, \
        creat 59, pipe 61, futex 65, getcwd 93, chdir 95, fchdir 97, pread 113, pwrite 115, readv 117, writev 119, kill 129, \
        tkill 131, tgkill 133, timerfd_create 137, prlimit 145, fcntl 151, brk 159, mmap 161, munmap 165, splice 167, ptrace 169, \
        ioctl 171, rename 175, renameat 177, symlink 179, symlinkat 181, procexit 186, sendfile 189, setresuid 193, setresgid 195, \
        setuid 199, setgid 201, clone 223, fork 225, vfork 227, setns 241, accept 247, mount 257, access 265, chroot 267, \
        setsid 275, mkdir 277, rmdir 279, unshare 285, execve 293, setpgid 295, seccomp 299, unlink 301, unlinkat 303, mkdirat 305, \
        openat 307, link 309, linkat 311, fchmodat 313, chmod 315, fchmod 317, renameat2 319, userfaultfd 321, openat2 327, \
        mprotect 329, execveat 331, copy_file_range 333, clone3 335, open_by_handle_at 337, io_uring_setup 339, capset 353, \
        dup2 363, dup3 365, dup 367, bpf 369, fsconfig 373, epoll_create 375, epoll_create1 377, chown 379, lchown 381, \
        fchown 383, fchownat 385, umount 387, accept4 389, umount2 391, pipe2 393, inotify_init1 395, eventfd2 397, signalfd4 399, \
        prctl 401, memfd_create 405, pidfd_getfd 407, pidfd_open 409, init_module 411, finit_module 413, mknod 415, mknodat 417, \
        newfstatat 419, process_vm_readv 421, process_vm_writev 423, delete_module 425, setreuid 427, setregid 429";
    for pair in expected.split(", ") {
        let (name, code) = pair.split_once(' ').unwrap();
        assert_eq!(exit_event(name).map(|event| event.code), Some(code.parse().unwrap()), "{name}");
    }
    assert_eq!(exit_event("nothing"), None);
}
