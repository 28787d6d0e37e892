//! Calls that make sockets and say what they are to be.

use eyrie_proto::event::{
    Accept, Bind, Connect, Descriptor, SocketCreate, SocketDescriptor, SocketOption, SocketRole,
    descriptor::Kind,
};
use scap::{
    table::ParameterType,
    value::{self, Value},
};

use super::{CLOSE_ON_EXEC, Call, Entry};
use crate::import::addresses::{
    AF_INET, AF_INET6, Ends, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, SOCK_DGRAM, SOCK_STREAM,
    SOCK_TYPE_MASK, TCP_ESTABLISHED, TCP_LISTEN, Tuple, port_of, socket_address,
};

/// The negative errno.
const EINPROGRESS: i64 = -115;
/// Level and options of asm-generic/socket.h.
const SOL_SOCKET: i32 = 1;
const SO_ERROR: i32 = 4;
/// How an option's value is told: an error, a number of 32 or of 64 bits, a time in nanoseconds, or bytes.
const ERROR: u8 = 1;
const SHORT: u8 = 2;
const LONG: u8 = 3;
const TIME: u8 = 4;
const SECOND_NS: u64 = 1_000_000_000;
const MICROSECOND_NS: u64 = 1_000;

/// The protocol that the kernel chooses for what a program left open.
pub(crate) fn transport(family: u32, r#type: u32, protocol: u32) -> u32 {
    match (family, r#type & SOCK_TYPE_MASK, protocol) {
        (AF_INET | AF_INET6, SOCK_STREAM, 0) => IPPROTO_TCP,
        (AF_INET | AF_INET6, SOCK_DGRAM, 0) => IPPROTO_UDP,
        (AF_INET | AF_INET6, _, IPPROTO_ICMP | IPPROTO_ICMPV6) => protocol,
        (_, _, protocol) => protocol,
    }
}

pub(super) fn create(call: &mut Call<'_>) -> SocketCreate {
    let (family, r#type, protocol) = asked(call);
    let descriptor = call.make(entry(family, r#type, protocol));
    SocketCreate { family, r#type, protocol, descriptor: Some(descriptor), second: None }
}

pub(super) fn pair(call: &mut Call<'_>) -> SocketCreate {
    let (family, r#type, protocol) = asked(call);
    let [descriptor, second] = ["fd1", "fd2"].map(|name| {
        let fd = call.parameters.fd(name).filter(|fd| *fd >= 0 && !call.has_failed());
        let Some(fd) = fd else { return Some(Descriptor { fd: -1, kind: None }) };
        let mut entry = entry(family, r#type, protocol);
        if let Kind::Socket(socket) = &mut entry.kind {
            (socket.is_connected, socket.state) = (true, TCP_ESTABLISHED);
        }
        call.descriptors.insert(call.pid, fd, entry);
        Some(call.descriptors.describe(call.pid, fd))
    });
    SocketCreate { family, r#type, protocol, descriptor, second }
}

/// Family, type and protocol as the call was given them: the type with the flags that are or'ed to it, which new files have by
/// themselves.
fn asked(call: &Call<'_>) -> (u32, u32, u32) {
    let parameters = &call.parameters;
    let family = parameters.kernel("domain").unwrap_or(0) as u32;
    let r#type = parameters.low("type").unwrap_or(0) | call.flags() as u32;
    (family, r#type, parameters.low("proto").unwrap_or(0))
}

fn entry(family: u32, r#type: u32, protocol: u32) -> Entry {
    let socket = SocketDescriptor {
        family,
        r#type: r#type & SOCK_TYPE_MASK,
        protocol: transport(family, r#type, protocol),
        ..SocketDescriptor::default()
    };
    Entry::new(Kind::Socket(socket), u64::from(r#type) & CLOSE_ON_EXEC != 0)
}

/// Changes a socket, which is made if it is from before the file.
fn update(call: &mut Call<'_>, fd: i32, ends: Option<&Ends>, change: impl FnOnce(&mut Entry)) {
    if call.descriptors.socket(call.pid, fd).is_none() {
        let Some(ends) = ends else { return };
        call.descriptors.insert(call.pid, fd, entry(ends.family, SOCK_STREAM, 0));
    }
    call.descriptors.update(call.pid, fd, change);
}

pub(super) fn connect(call: &mut Call<'_>) -> Connect {
    let ends = call.parameters.bytes("tuple").and_then(Tuple::new).map(Tuple::outbound);
    let given = call.parameters.of_enter("addr").or_else(|| call.parameters.typed("addr"));
    let requested = given
        .and_then(|(bytes, _)| socket_address(bytes))
        // What was asked for is what was reached, or was to be.
        .or_else(|| ends.as_ref().and_then(|ends| ends.remote.clone()));
    let Some(fd) = call.parameters.fd("fd") else {
        return Connect { requested, ..Connect::default() };
    };
    let is_begun = matches!(call.result, 0 | EINPROGRESS);
    let mut name_changed = false;
    if is_begun {
        let is_done = call.result == 0;
        update(call, fd, ends.as_ref(), |entry| {
            let Kind::Socket(socket) = &mut entry.kind else { return };
            socket.set_role(SocketRole::Client);
            socket.is_connected |= is_done;
            if is_done {
                socket.state = TCP_ESTABLISHED;
            }
            if let Some(ends) = ends.clone() {
                name_changed = entry.last_peer.is_some() && entry.last_peer != ends.remote;
                entry.last_peer.clone_from(&ends.remote);
                socket.local = ends.local.or(socket.local.take());
                socket.remote = ends.remote;
            }
        });
    }
    let mut descriptor = call.descriptors.describe(call.pid, fd);
    if let Some(Kind::Socket(socket)) = descriptor.kind.as_mut() {
        socket.set_role(SocketRole::Client);
        socket.name_changed = name_changed;
    }
    Connect { descriptor: Some(descriptor), requested, is_started_only: false }
}

pub(super) fn accept(call: &mut Call<'_>) -> Accept {
    let ends = call.parameters.bytes("tuple").and_then(Tuple::new).map(Tuple::inbound);
    // Of accept4 they are as the program gave them.
    let flags = call.parameters.low("flags").unwrap_or(0);
    let parameters = call.parameters;
    let family = ends.as_ref().map_or(0, |ends| ends.family);
    let mut entry = entry(family, SOCK_STREAM | flags & !SOCK_TYPE_MASK, 0);
    if let Kind::Socket(socket) = &mut entry.kind {
        (socket.is_connected, socket.state) = (true, TCP_ESTABLISHED);
        socket.set_role(SocketRole::Server);
        if let Some(ends) = ends {
            entry.last_peer.clone_from(&ends.remote);
            (socket.local, socket.remote) = (ends.local, ends.remote);
        }
    }
    Accept {
        descriptor: Some(call.make(entry)),
        // No file tells it.
        listening_fd: parameters.fd("listening_fd").unwrap_or(-1),
        flags,
        queue_length: parameters.low("queuelen").unwrap_or(0),
        queue_limit: parameters.low("queuemax").unwrap_or(0),
    }
}

pub(super) fn bind(call: &mut Call<'_>) -> Bind {
    let requested = call.parameters.bytes("addr").and_then(socket_address);
    let fd = call.parameters.fd("fd");
    if let (Some(fd), false, Some(address)) = (fd, call.has_failed(), requested.as_ref()) {
        call.descriptors.update(call.pid, fd, |entry| {
            let Kind::Socket(socket) = &mut entry.kind else { return };
            // Port 0 asks for any: that is what clients do.
            let is_named = port_of(address).is_none_or(|port| port != 0);
            if is_named {
                socket.set_role(SocketRole::Server);
                socket.local = Some(address.clone());
            }
        });
    }
    Bind { descriptor: call.given("fd"), requested, backlog: 0 }
}

pub(super) fn listen(call: &mut Call<'_>) -> Bind {
    let backlog = call.parameters.low("backlog").unwrap_or(0).cast_signed();
    if let (Some(fd), false) = (call.parameters.fd("fd"), call.has_failed()) {
        call.descriptors.update(call.pid, fd, |entry| {
            if let Kind::Socket(socket) = &mut entry.kind {
                socket.set_role(SocketRole::Server);
                socket.state = TCP_LISTEN;
            }
        });
    }
    Bind { descriptor: call.given("fd"), requested: None, backlog }
}

pub(super) fn option(call: &mut Call<'_>) -> SocketOption {
    let parameters = call.parameters;
    let level = parameters.kernel("level").unwrap_or(0) as i32;
    let name = parameters.kernel("optname").unwrap_or(0) as i32;
    let value = parameters.bytes("val").map(option_value).unwrap_or_default();
    let is_good_news = (level, name, call.result) == (SOL_SOCKET, SO_ERROR, 0) && value == [0; 4];
    if let (true, Some(fd)) = (is_good_news && call.name == "getsockopt", parameters.fd("fd")) {
        call.descriptors.update(call.pid, fd, |entry| {
            if let Kind::Socket(socket) = &mut entry.kind
                && socket.remote.is_some()
            {
                (socket.is_connected, socket.state) = (true, TCP_ESTABLISHED);
            }
        });
    }
    SocketOption {
        descriptor: call.given("fd"),
        level,
        name,
        value,
        how: parameters.kernel("how").unwrap_or(0) as i32,
    }
}

/// A value as it lay in memory.
fn option_value(bytes: &[u8]) -> Vec<u8> {
    let value = value::decode(ParameterType::Dyn(scap::table::Dynamic::SocketOption), bytes);
    let Ok(Some(Value::Dynamic(index, value))) = value else { return Vec::new() };
    match (index, *value) {
        (ERROR, Value::Signed(error)) => (error.wrapping_neg() as i32).to_le_bytes().to_vec(),
        (SHORT, Value::Unsigned(number)) => (number as u32).to_le_bytes().to_vec(),
        (LONG, Value::Unsigned(number)) => number.to_le_bytes().to_vec(),
        (TIME, Value::Unsigned(time)) => {
            let (seconds, rest) = (time / SECOND_NS, time % SECOND_NS / MICROSECOND_NS);
            [seconds.to_le_bytes(), rest.to_le_bytes()].concat()
        }
        (_, Value::Bytes(bytes)) => bytes,
        _ => Vec::new(),
    }
}
