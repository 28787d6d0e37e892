//! Events that move data, and those that make descriptors of other kinds than files and sockets.

use super::{
    BYTES,
    Category::{File, IoOther, IoRead, IoWrite, Ipc, Memory, Other, Process, Signal, Time, Wait},
    ERRNO, EventSchema, FD, HEX8, HEX32, HEX64, PID, SIGNED, Shape, TEXT, U8, U32, U64, columns, event,
};
use crate::parameter::flags::{files, kernel, memory};

const DESCRIPTOR: Shape = Shape::Flags(files::DESCRIPTOR);

#[rustfmt::skip]
pub(super) const EVENTS: &[EventSchema] = &[
    // Data.
    event("read", IoRead, columns![res ERRNO, data BYTES, fd FD, size U32]).reads(),
    event("pread", IoRead, columns![res ERRNO, data BYTES, fd FD, size U32, pos U64]).reads(),
    event("readv", IoRead, columns![res ERRNO, size U32, data BYTES, fd FD]).reads(),
    event("preadv", IoRead, columns![res ERRNO, size U32, data BYTES, fd FD, pos U64]).reads(),
    event("write", IoWrite, columns![res ERRNO, data BYTES, fd FD, size U32]).writes(),
    event("pwrite", IoWrite, columns![res ERRNO, data BYTES, fd FD, size U32, pos U64]).writes(),
    event("writev", IoWrite, columns![res ERRNO, data BYTES, fd FD, size U32]).writes(),
    event("pwritev", IoWrite, columns![res ERRNO, data BYTES, fd FD, size U32, pos U64]).writes(),
    event("sendfile", IoWrite, columns![res ERRNO, offset U64, out_fd FD, in_fd FD, size U64]),
    event("splice", IoOther, columns![res ERRNO, fd_in FD, fd_out FD, size U64, flags Shape::Flags(files::SPLICE)]),
    event("copy_file_range", File, columns![res ERRNO, fdout FD, offout U64, fdin FD, offin U64, len U64]).reads().writes(),
    event("ioctl", IoOther, columns![res ERRNO, fd FD, request HEX64, argument HEX64]),
    // Pipes and what is read like one.
    event("pipe", Ipc, columns![res ERRNO, fd1 FD, fd2 FD, ino U64]),
    event("pipe2", Ipc, columns![res ERRNO, fd1 FD, fd2 FD, ino U64, flags DESCRIPTOR]),
    event("eventfd", Ipc, columns![res FD, initval U64, flags HEX32]),
    event("eventfd2", Ipc, columns![res FD, flags DESCRIPTOR, initval U64]),
    event("signalfd", Signal, columns![res FD, fd FD, mask HEX32, flags HEX8]),
    event("signalfd4", Signal, columns![res FD, flags DESCRIPTOR, fd FD, mask HEX32]),
    event("timerfd_create", Time, columns![res FD, clockid U8, flags HEX8]),
    event("inotify_init", Ipc, columns![res FD, flags HEX8]),
    event("inotify_init1", Ipc, columns![res FD, flags DESCRIPTOR]),
    event("memfd_create", Memory, columns![fd FD, name TEXT, flags Shape::Flags(memory::MEMORY_FILE)]),
    event("pidfd_open", Process, columns![fd FD, pid PID, flags Shape::Flags(kernel::PROCESS_DESCRIPTOR)]),
    event("pidfd_getfd", Process, columns![fd FD, pid_fd FD, target_fd FD, flags HEX32]),
    event("userfaultfd", File, columns![res ERRNO, flags DESCRIPTOR]),
    event("bpf", Other, columns![fd FD, cmd Shape::Enum(kernel::BPF, None)]),
    // Waiting on descriptors.
    event("epoll_create", Wait, columns![res ERRNO, size SIGNED]),
    event("epoll_create1", Wait, columns![res ERRNO, flags Shape::Flags(kernel::EPOLL)]),
    event("epoll_wait", Wait, columns![res ERRNO, maxevents ERRNO]).waits(),
    event("poll", Wait, columns![res ERRNO, fds Shape::List, timeout SIGNED]).waits(),
    event("ppoll", Wait, columns![res ERRNO, fds Shape::List, timeout Shape::Duration, sigmask Shape::List]).waits(),
    event("select", Wait, columns![res ERRNO]).waits(),
];
