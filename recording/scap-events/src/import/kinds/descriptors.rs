//! Calls that make, copy, change and close descriptors.

use eyrie_proto::event::{Descriptor, DescriptorCall};

use super::{CLOSE_ON_EXEC, Call, Entry};

/// Commands of fcntl (asm-generic/fcntl.h, linux/fcntl.h).
const F_DUPFD: u64 = 0;
const F_SETFD: u64 = 2;
const F_DUPFD_CLOEXEC: u64 = 1030;
const FD_CLOEXEC: u64 = 1;
/// linux/close_range.h
const CLOSE_RANGE_UNSHARE: u64 = 2;
const CLOSE_RANGE_CLOEXEC: u64 = 4;
/// MFD_CLOEXEC of linux/memfd.h
const MFD_CLOEXEC: u64 = 1;

/// Names of anonymous inodes as the kernel has them, by what `fd.type` calls them.
const ANONYMOUS: [(&str, &[u8]); 7] = [
    ("event", b"[eventfd]"),
    ("eventpoll", b"[eventpoll]"),
    ("timerfd", b"[timerfd]"),
    ("signalfd", b"[signalfd]"),
    ("inotify", b"inotify"),
    ("userfaultfd", b"[userfaultfd]"),
    ("io_uring", b"[io_uring]"),
];

/// The name that the kernel has for what this type is of.
pub(in crate::import) fn anonymous_name(fd_type: &str) -> &'static [u8] {
    ANONYMOUS.iter().find(|(own, _)| *own == fd_type).map_or(&[], |(_, name)| name)
}

pub(super) fn close(call: &mut Call<'_>) -> DescriptorCall {
    let descriptor = call.given("fd");
    if let (false, Some(descriptor)) = (call.has_failed(), &descriptor) {
        call.descriptors.remove(call.pid, descriptor.fd);
    }
    DescriptorCall { descriptor, ..DescriptorCall::default() }
}

pub(super) fn close_range(call: &mut Call<'_>) -> DescriptorCall {
    let first = call.parameters.low("first").unwrap_or(0);
    let last = call.parameters.low("last").unwrap_or(0);
    let flags = call.flags();
    if !call.has_failed() && call.parameters.low("last").is_some() {
        let number = |fd: u32| i32::try_from(fd).unwrap_or(i32::MAX);
        if flags & CLOSE_RANGE_UNSHARE != 0 {
            call.descriptors.unshare(call.pid);
        }
        if flags & CLOSE_RANGE_CLOEXEC != 0 {
            call.descriptors.mark_in(call.pid, number(first), number(last), true);
        } else {
            call.descriptors.retain_in(call.pid, number(first), number(last), |_| false);
        }
    }
    DescriptorCall { first, last, flags, ..DescriptorCall::default() }
}

/// dup, dup2, dup3: the second one is what was made.
pub(super) fn copy(call: &mut Call<'_>) -> DescriptorCall {
    let flags = call.flags();
    let descriptor = call.given("oldfd");
    let second = copied(call, descriptor.as_ref(), flags & CLOSE_ON_EXEC != 0);
    let target = call.parameters.low("newfd").map_or(0, u64::from);
    DescriptorCall { descriptor, second: Some(second), argument: target, flags, ..DescriptorCall::default() }
}

fn copied(call: &mut Call<'_>, from: Option<&Descriptor>, is_close_on_exec: bool) -> Descriptor {
    if let (false, Some(from), Ok(to)) = (call.has_failed(), from, i32::try_from(call.result)) {
        // dup2 of a descriptor to itself changes nothing.
        if from.fd != to {
            call.descriptors.copy(call.pid, from.fd, to, is_close_on_exec);
        }
    }
    call.made()
}

pub(super) fn control(call: &mut Call<'_>) -> DescriptorCall {
    let command = call.parameters.kernel("cmd").unwrap_or(0);
    let argument = call.parameters.unsigned("arg");
    let descriptor = call.given("fd");
    let has_command = call.parameters.bytes("cmd").is_some();
    let is_copy = has_command && matches!(command, F_DUPFD | F_DUPFD_CLOEXEC);
    let second = is_copy.then(|| copied(call, descriptor.as_ref(), command == F_DUPFD_CLOEXEC));
    if let (F_SETFD, false, Some(set), Some(descriptor)) = (command, call.has_failed(), argument, &descriptor)
    {
        let is_close_on_exec = set & FD_CLOEXEC != 0;
        call.descriptors.mark_in(call.pid, descriptor.fd, descriptor.fd, is_close_on_exec);
    }
    DescriptorCall {
        descriptor,
        second,
        command,
        argument: argument.unwrap_or(0),
        ..DescriptorCall::default()
    }
}

/// A call whose result is a descriptor of a certain type. Of those that copy one of another process it is that one.
pub(super) fn maker(call: &mut Call<'_>, fd_type: &'static str) -> DescriptorCall {
    if fd_type == "copy" {
        return take(call);
    }
    let flags = call.flags();
    let parameters = call.parameters;
    let name = parameters.text("name").unwrap_or_default();
    let is_close_on_exec = match fd_type {
        "memfd" => flags & MFD_CLOEXEC != 0,
        "pidfd" => true,
        _ => flags & CLOSE_ON_EXEC != 0,
    };
    let argument = ["initval", "clockid", "size", "pid"].iter().find_map(|name| parameters.unsigned(name));
    let mut entry = match fd_type {
        "memfd" => Entry::other(fd_type, &[b"memfd:", name].concat(), 0, is_close_on_exec),
        _ => Entry::other(fd_type, anonymous_name(fd_type), 0, is_close_on_exec),
    };
    entry.pid = parameters.id("pid").unwrap_or(0);
    let second = matches!(call.name, "signalfd" | "signalfd4").then(|| call.given("fd")).flatten();
    DescriptorCall {
        descriptor: Some(call.make(entry)),
        second,
        argument: argument.unwrap_or(0),
        flags,
        name: name.to_vec(),
        ..DescriptorCall::default()
    }
}

/// pidfd_getfd
fn take(call: &mut Call<'_>) -> DescriptorCall {
    let second = call.given("pid_fd");
    let target = call.parameters.fd("target_fd").unwrap_or(-1);
    let pid =
        second.as_ref().and_then(|second| call.descriptors.get(call.pid, second.fd)).map(|entry| entry.pid);
    let entry = pid.and_then(|pid| call.descriptors.get(pid, target)).cloned();
    let descriptor = match entry {
        Some(entry) => call.make(Entry { is_close_on_exec: true, ..entry }),
        None => {
            if let Ok(fd) = i32::try_from(call.result) {
                call.descriptors.remove(call.pid, fd);
            }
            call.made()
        }
    };
    let argument = u64::from(target.cast_unsigned());
    DescriptorCall {
        descriptor: Some(descriptor),
        second,
        argument,
        flags: call.flags(),
        ..DescriptorCall::default()
    }
}

pub(super) fn pipe(call: &mut Call<'_>) -> DescriptorCall {
    let flags = call.flags();
    let inode = call.parameters.unsigned("ino").unwrap_or(0);
    let [first, second] = ["fd1", "fd2"].map(|name| {
        let fd = call.parameters.fd(name).filter(|fd| *fd >= 0 && !call.has_failed());
        let Some(fd) = fd else { return Descriptor { fd: -1, kind: None } };
        call.descriptors.insert(call.pid, fd, Entry::other("pipe", b"", inode, flags & CLOSE_ON_EXEC != 0));
        call.descriptors.describe(call.pid, fd)
    });
    DescriptorCall { descriptor: Some(first), second: Some(second), flags, ..DescriptorCall::default() }
}

/// A call that does something with a descriptor besides moving data.
pub(super) fn plain(call: &mut Call<'_>) -> DescriptorCall {
    let parameters = &call.parameters;
    let first = |names: &[&str]| names.iter().find_map(|name| parameters.kernel(name)).unwrap_or(0);
    DescriptorCall {
        descriptor: call.given("fd"),
        command: first(&["cmd", "request", "operation", "whence"]),
        argument: first(&["argument", "offset", "maxevents", "aux"]),
        flags: call.flags(),
        name: parameters.text("key").unwrap_or_default().to_vec(),
        ..DescriptorCall::default()
    }
}
