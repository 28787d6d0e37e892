//! Of messages about descriptors and the data that move through them.

use std::borrow::Cow;

use eyrie_proto::event::{Descriptor, DescriptorCall, Transfer, descriptor};

use super::{Raw, fd, made, made_elsewhere, number, result, sockets, text};
use crate::view::EventView;

pub(super) fn of_descriptor_call<'a>(
    view: &EventView<'a>,
    call: &'a DescriptorCall,
    event: &str,
    name: &str,
) -> Option<Raw<'a>> {
    let (first, second) = (call.descriptor.as_ref(), call.second.as_ref());
    Some(match (event, name) {
        // Copies: the second one is what was made.
        ("dup" | "dup2" | "dup3" | "fcntl", "res") => made(view, second),
        (_, "oldfd") => fd(first),
        (_, "newfd") => target(call),
        ("pipe" | "pipe2", "fd1") => made_elsewhere(first),
        ("pipe" | "pipe2", "fd2") => made_elsewhere(second),
        (_, "ino") => number(first.and_then(inode).unwrap_or(0)),
        // What the call made is the first one.
        (_, "res") if first.is_some_and(|first| i64::from(first.fd) == result(view)) => made(view, first),
        ("memfd_create" | "pidfd_open" | "pidfd_getfd", "fd") => made(view, first),
        (_, "pid_fd") => fd(second),
        // Another process's.
        (_, "target_fd") => Raw::Signed(i64::from(call.argument.cast_signed() as i32)),
        // What is to be changed.
        ("signalfd" | "signalfd4", "fd") => fd(second),
        // Falco's drivers do not read the set, and say this of every one.
        ("signalfd" | "signalfd4", "mask") => number(0u64),
        (_, "fd") => fd(first),
        (_, "cmd") => number(call.command),
        (_, "arg" | "argument") => number(call.argument),
        (_, "request" | "operation" | "whence") => number(call.command),
        (_, "flags") => number(call.flags),
        (_, "initval" | "clockid" | "size" | "offset" | "pid" | "maxevents") => number(call.argument),
        (_, "aux") => Raw::Signed(i64::from(call.argument.cast_signed() as i32)),
        (_, "name" | "key") => text(&call.name),
        (_, "first") => number(call.first),
        (_, "last") => number(call.last),
        _ => return None,
    })
}

/// The descriptor that dup2 and dup3 were told to make.
fn target(call: &DescriptorCall) -> Raw<'_> {
    let number = i64::from(call.argument.cast_signed() as i32);
    match call.second.as_ref() {
        Some(second) if i64::from(second.fd) == number => fd(Some(second)),
        _ => Raw::Descriptor(number, None),
    }
}

fn inode(descriptor: &Descriptor) -> Option<u64> {
    match descriptor.kind.as_ref()? {
        descriptor::Kind::Other(other) => Some(other.inode),
        descriptor::Kind::File(file) => Some(file.inode),
        descriptor::Kind::Socket(socket) => Some(socket.inode),
    }
}

pub(super) fn of_transfer<'a>(
    view: &EventView<'a>,
    transfer: &'a Transfer,
    event: &str,
    name: &str,
) -> Option<Raw<'a>> {
    Some(match name {
        "fd" | "out_fd" | "fd_in" | "fdin" => sockets::own_fd(view),
        "in_fd" | "fd_out" | "fdout" => fd(transfer.second.as_ref()),
        "data" => bytes(&transfer.data),
        "msgcontrol" => bytes(&transfer.control),
        // Of these Falco tells what came, not what there was room for.
        "size" if matches!(event, "readv" | "preadv" | "recvmsg") => number(received(view)),
        "size" | "len" => number(transfer.size),
        "pos" => number(transfer.position?),
        "flags" => number(transfer.flags),
        "tuple" => sockets::tuple(view, event.starts_with("recv")),
        _ => return None,
    })
}

fn received(view: &EventView<'_>) -> u64 {
    u64::try_from(result(view)).unwrap_or(0)
}

fn bytes(bytes: &[u8]) -> Raw<'_> {
    if bytes.is_empty() { Raw::Empty } else { Raw::Bytes(Cow::Borrowed(bytes)) }
}
