//! Of messages about sockets.

use std::borrow::Cow;

use eyrie_proto::event::{Accept, Bind, Connect, SocketAddress, SocketCreate, SocketOption};

use super::{Raw, fd, made, made_elsewhere, number, result};
use crate::{
    address::{Endpoint, unix_path},
    descriptor::subject,
    view::EventView,
};

/// SOCK_TYPE_MASK of linux/net.h: above it lie SOCK_CLOEXEC and SOCK_NONBLOCK.
const TYPE_MASK: u32 = 0xf;
/// SOL_SOCKET and its options (asm-generic/socket.h) whose values are no 32-bit number.
const SOL_SOCKET: i32 = 1;
const SO_ERROR: i32 = 4;
const SO_RCVTIMEO: i32 = 20;
const SO_SNDTIMEO: i32 = 21;
const SO_COOKIE: i32 = 57;
/// SO_LINGER, SO_PEERCRED, the four of security and devices up to SO_PEERNAME, SO_PEERSEC, and the lists: bytes.
const STRUCTURES: [i32; 13] = [13, 17, 22, 23, 24, 25, 26, 27, 28, 31, 50, 55, 59];

pub(super) fn of_create<'a>(view: &EventView<'a>, create: &'a SocketCreate, name: &str) -> Option<Raw<'a>> {
    Some(match name {
        "fd" => made(view, create.descriptor.as_ref()),
        "fd1" => made_elsewhere(create.descriptor.as_ref()),
        "fd2" => made_elsewhere(create.second.as_ref()),
        "domain" => number(create.family),
        "type" => number(create.r#type & TYPE_MASK),
        "proto" => number(create.protocol),
        // These have the numbers of O_CLOEXEC and O_NONBLOCK.
        "flags" => number(create.r#type & !TYPE_MASK),
        _ => return None,
    })
}

pub(super) fn of_connect<'a>(view: &EventView<'a>, connect: &'a Connect, name: &str) -> Option<Raw<'a>> {
    Some(match name {
        "fd" => own_fd(view),
        "tuple" => tuple(view, false),
        "addr" => match connect.requested.as_ref().map(address) {
            None | Some(Raw::Empty) => remote(view),
            Some(requested) => requested,
        },
        _ => return None,
    })
}

pub(super) fn of_accept<'a>(view: &EventView<'a>, accept: &'a Accept, name: &str) -> Option<Raw<'a>> {
    Some(match name {
        "fd" if result(view) >= 0 => own_fd(view),
        "fd" => made(view, None),
        "tuple" => tuple(view, true),
        "queuepct" => number(percent(accept.queue_length, accept.queue_limit)),
        "queuelen" => number(accept.queue_length),
        "queuemax" => number(accept.queue_limit),
        "flags" => number(accept.flags),
        _ => return None,
    })
}

fn percent(part: u32, whole: u32) -> u64 {
    (u64::from(part) * 100).checked_div(whole.into()).unwrap_or(0)
}

pub(super) fn of_bind<'a>(view: &EventView<'a>, bind: &'a Bind, name: &str) -> Option<Raw<'a>> {
    Some(match name {
        "fd" => own_fd(view),
        "addr" => bind.requested.as_ref().map_or(Raw::Empty, address),
        "backlog" => Raw::Signed(bind.backlog.into()),
        _ => return None,
    })
}

pub(super) fn of_option<'a>(option: &'a SocketOption, name: &str) -> Option<Raw<'a>> {
    let is_of_sockets = option.level == SOL_SOCKET;
    Some(match name {
        "fd" => fd(option.descriptor.as_ref()),
        "level" => number(u64::from(option.level.cast_unsigned())),
        // Falco knows the options of no other level.
        "optname" if is_of_sockets => number(u64::from(option.name.cast_unsigned())),
        "optname" => Raw::Falco(0),
        "val" if is_of_sockets => option_value(option),
        "val" => bytes(&option.value),
        "optlen" => number(option.value.len() as u64),
        "how" => number(u64::from(option.how.cast_unsigned())),
        _ => return None,
    })
}

/// The value by the type that the option has.
fn option_value(option: &SocketOption) -> Raw<'_> {
    let value = &*option.value;
    let number = match option.name {
        SO_ERROR => short(value).map(|error| Raw::Signed(-i64::from(error))),
        SO_RCVTIMEO | SO_SNDTIMEO => interval(value).map(Raw::Unsigned),
        SO_COOKIE => long(value).map(Raw::Unsigned),
        name if STRUCTURES.contains(&name) => None,
        _ => short(value).map(|number| Raw::Unsigned(number.cast_unsigned().into())),
    };
    number.unwrap_or_else(|| bytes(value))
}

fn bytes(value: &[u8]) -> Raw<'_> {
    if value.is_empty() { Raw::Empty } else { Raw::Bytes(Cow::Borrowed(value)) }
}

fn short(value: &[u8]) -> Option<i32> {
    value.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes))
}

fn long(value: &[u8]) -> Option<u64> {
    value.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

/// A struct timeval of two 64-bit numbers as nanoseconds.
fn interval(value: &[u8]) -> Option<u64> {
    let (seconds, rest) = value.split_first_chunk()?;
    let microseconds = long(rest)?;
    u64::from_ne_bytes(*seconds).checked_mul(1_000_000_000)?.checked_add(microseconds.checked_mul(1_000)?)
}

/// The event's own descriptor, with the name that it has by what the call asked for.
pub(super) fn own_fd<'a>(view: &EventView<'a>) -> Raw<'a> {
    let subject = subject(view.event).filter(|subject| subject.descriptor.is_some());
    Raw::Descriptor(subject.and_then(|subject| subject.number()).unwrap_or(-1), subject)
}

/// Who sends to whom: `from->to`. Of Unix sockets the path alone, as addresses in the kernel say nothing to anybody.
pub(super) fn tuple<'a>(view: &EventView<'a>, is_inbound: bool) -> Raw<'a> {
    let Some(subject) = subject(view.event) else { return Raw::Empty };
    if let Some(path) = subject.unix_path() {
        return Raw::Bytes(path);
    }
    let Some((local, remote)) = subject.ends().and_then(|ends| Some((ends.local, ends.remote?))) else {
        return Raw::Empty;
    };
    let local = local.unwrap_or_else(|| Endpoint::unspecified_like(remote));
    let (from, to) = if is_inbound { (remote, local) } else { (local, remote) };
    Raw::Bytes(Cow::Owned(format!("{from}->{to}").into_bytes()))
}

fn remote<'a>(view: &EventView<'a>) -> Raw<'a> {
    let subject = subject(view.event);
    if let Some(remote) = subject.and_then(|subject| subject.ends()).and_then(|ends| ends.remote) {
        return Raw::Bytes(Cow::Owned(remote.to_string().into_bytes()));
    }
    subject.and_then(|subject| subject.unix_path()).map_or(Raw::Empty, Raw::Bytes)
}

/// An address as text; nothing of those that are neither the internet's nor Unix'.
fn address(address: &SocketAddress) -> Raw<'_> {
    match (Endpoint::of(address), unix_path(address)) {
        (Some(end), _) => Raw::Bytes(Cow::Owned(end.to_string().into_bytes())),
        (None, Some(path)) => Raw::Bytes(path),
        (None, None) => Raw::Empty,
    }
}
