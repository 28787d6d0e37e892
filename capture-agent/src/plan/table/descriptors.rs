//! Calls that make, copy, change or close descriptors.

use eyrie_bpf::Step::{DescriptorPair, Text};

use super::{
    DescribedCall, MADE,
    Message::{DescriptorCall, DescriptorControl},
    PAIR,
    Register::{Argument, ArgumentHigh, Command, Fd, First, Flags, Last},
    SECOND_MADE, call, fd, second_fd,
};

pub(super) const CALLS: &[DescribedCall] = &[
    // What is closed is gone when the call returns, and another thread may have its number: only that is told.
    call("close", DescriptorCall, &[], &[(Fd, 0)]),
    call("close_range", DescriptorCall, &[], &[(First, 0), (Last, 1), (Flags, 2)]),
    // Copies: the second one is what was made.
    call("dup", DescriptorCall, &[fd(0), SECOND_MADE], &[]),
    call("dup2", DescriptorCall, &[fd(0), SECOND_MADE], &[(Argument, 1)]),
    call("dup3", DescriptorCall, &[fd(0), SECOND_MADE], &[(Argument, 1), (Flags, 2)]),
    call("fcntl", DescriptorControl, &[fd(0), SECOND_MADE], &[(Command, 1), (Argument, 2)]),
    call("fcntl64", DescriptorControl, &[fd(0), SECOND_MADE], &[(Command, 1), (Argument, 2)]),
    // Another process's: the second one is the process.
    call("pidfd_getfd", DescriptorCall, &[MADE, second_fd(0)], &[(Argument, 1), (Flags, 2)]),
    call("pidfd_open", DescriptorCall, &[MADE], &[(Argument, 0), (Flags, 1)]),
    call("pipe", DescriptorCall, &[DescriptorPair(0)], &[]),
    call("pipe2", DescriptorCall, &[DescriptorPair(0)], &[(Flags, 1)]),
    call("eventfd", DescriptorCall, &[MADE], &[(Argument, 0)]),
    call("eventfd2", DescriptorCall, &[MADE], &[(Argument, 0), (Flags, 1)]),
    // The second one is what is to be changed, below zero for none.
    call("signalfd", DescriptorCall, &[MADE, second_fd(0)], &[]),
    call("signalfd4", DescriptorCall, &[MADE, second_fd(0)], &[(Flags, 3)]),
    call("timerfd_create", DescriptorCall, &[MADE], &[(Argument, 0), (Flags, 1)]),
    call("timerfd_settime", DescriptorCall, &[fd(0)], &[(Flags, 1)]),
    call("timerfd_settime64", DescriptorCall, &[fd(0)], &[(Flags, 1)]),
    call("timerfd_gettime", DescriptorCall, &[fd(0)], &[]),
    call("timerfd_gettime64", DescriptorCall, &[fd(0)], &[]),
    call("epoll_create", DescriptorCall, &[MADE], &[(Argument, 0)]),
    call("epoll_create1", DescriptorCall, &[MADE], &[(Flags, 0)]),
    call("epoll_ctl", DescriptorCall, &[fd(0), second_fd(2)], &[(Command, 1)]),
    call("epoll_wait", DescriptorCall, &[fd(0)], &[(Argument, 2)]),
    call("epoll_pwait", DescriptorCall, &[fd(0)], &[(Argument, 2)]),
    call("epoll_pwait2", DescriptorCall, &[fd(0)], &[(Argument, 2)]),
    call("inotify_init", DescriptorCall, &[MADE], &[]),
    call("inotify_init1", DescriptorCall, &[MADE], &[(Flags, 0)]),
    call("inotify_rm_watch", DescriptorCall, &[fd(0)], &[(Argument, 1)]),
    call("fanotify_init", DescriptorCall, &[MADE], &[(Flags, 0), (Argument, 1)]),
    call("memfd_create", DescriptorCall, &[Text(0), MADE], &[(Flags, 1)]),
    call("memfd_secret", DescriptorCall, &[MADE], &[(Flags, 0)]),
    // Mounts by descriptors.
    call("fsopen", DescriptorCall, &[Text(0), MADE], &[(Flags, 1)]),
    call("fsconfig", DescriptorCall, &[fd(0), Text(2)], &[(Command, 1), (Argument, 4)]),
    call("fsmount", DescriptorCall, &[MADE, second_fd(0)], &[(Flags, 1)]),
    // What is done with an open file besides moving data.
    call("ioctl", DescriptorCall, &[fd(0)], &[(Command, 1), (Argument, 2)]),
    call("flock", DescriptorCall, &[fd(0)], &[(Command, 1)]),
    call("lseek", DescriptorCall, &[fd(0)], &[(Argument, 1), (Command, 2)]),
    call("_llseek", DescriptorCall, &[fd(0)], &[(ArgumentHigh, 1), (Argument, 2), (Command, 4)]),
    call("ftruncate", DescriptorCall, &[fd(0)], &[(Argument, 1)]),
    call("ftruncate64", DescriptorCall, &[fd(0)], &[(Argument, PAIR), (ArgumentHigh, PAIR + 1)]),
    call("fallocate", DescriptorCall, &[fd(0)], &[(Flags, 1)]),
    call("fsync", DescriptorCall, &[fd(0)], &[]),
    call("fdatasync", DescriptorCall, &[fd(0)], &[]),
    call("syncfs", DescriptorCall, &[fd(0)], &[]),
    call("sync_file_range", DescriptorCall, &[fd(0)], &[]),
    call("readahead", DescriptorCall, &[fd(0)], &[]),
    call("fadvise64", DescriptorCall, &[fd(0)], &[]),
    call("fadvise64_64", DescriptorCall, &[fd(0)], &[]),
    call("cachestat", DescriptorCall, &[fd(0)], &[]),
    call("getdents", DescriptorCall, &[fd(0)], &[(Argument, 2)]),
    call("getdents64", DescriptorCall, &[fd(0)], &[(Argument, 2)]),
    call("mq_notify", DescriptorCall, &[fd(0)], &[]),
    call("mq_getsetattr", DescriptorCall, &[fd(0)], &[]),
    // What is at a socket's ends is with the descriptor.
    call("getsockname", DescriptorCall, &[fd(0)], &[]),
    call("getpeername", DescriptorCall, &[fd(0)], &[]),
];
