//! `fd.*`: the descriptor that an event is about.

mod of_process;

use std::borrow::Cow;

use eyrie_proto::event::OverlayLayer;
use rule_language::{
    ArgumentKind::Index,
    FieldType::{Bool, CharBuf, Int32, Int64, IpAddr as Ip, IpNet, Port},
};

use crate::{
    address::Endpoint,
    classes,
    declaration::{Declaration, Scope},
    descriptor::{Ends, Subject, encoded_device, subject},
    named_ip::NamedIp,
    path,
    value::{Extracted, Value},
    view::EventView,
};

/// Bits of the minor number in `FileDescriptor.device`.
const MINOR_BITS: u32 = 20;

macro_rules! field {
    ($name:literal, $type:expr, $description:literal, $extract:expr) => {
        Declaration::new(classes::FD, $name, $type, Scope::Event, $extract, $description)
    };
}

/// A property of one end of a connection.
macro_rules! end {
    ($name:literal, $type:expr, $description:literal, $end:expr, $of:expr) => {
        field!($name, $type, $description, |view, _| end(view, $end, $of))
    };
}

/// A property of both ends.
macro_rules! either {
    ($name:literal, $type:expr, $description:literal, $of:expr) => {
        field!($name, $type, $description, |view, _| either_end(view, $of))
            .not_on_rhs()
            .not_in_transformer()
            .not_in_output()
    };
}

/// The address of one end, for networks.
macro_rules! end_net {
    ($name:literal, $description:literal, $end:expr) => {
        end!($name, IpNet, $description, $end, ip).not_on_rhs().not_in_transformer().not_in_output()
    };
}

/// The names of one end.
macro_rules! end_name {
    ($name:literal, $description:literal, $end:expr) => {
        field!($name, CharBuf, $description, |view, _| {
            from(view, |fd| $end(&fd.ends()?).map(|end: Endpoint| named(view, end)))
        })
        .not_on_rhs()
        .not_in_transformer()
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field!("fd.num", Int64, "the number of the file descriptor; -1 where the call that makes one failed", |view, _| from(view, |fd| fd.number().map(Value::Int))),
    field!("fd.type", CharBuf, "the kind of the descriptor: file, directory, ipv4, ipv6, unix, pipe, event, signalfd, eventpoll, inotify, timerfd, netlink, bpf…", |view, _| from(view, |fd| fd.type_name().map(|name| Value::bytes(name.as_bytes())))),
    field!("fd.typechar", CharBuf, "the kind of the descriptor as one character; what the call was to make where it failed, as 'f' for opens", |view, _| from(view, |fd| fd.character_in(view).map(Value::text))),
    field!("fd.name", CharBuf, "for opens the path that was asked for, made absolute; for other calls on files the kernel's path; for connections 'client:port->server:port'", |view, _| from(view, |fd| fd.name(view).map(Value::Bytes))),
    field!("fd.nameraw", CharBuf, "as fd.name, but the path as the program gave it, with one slash in place of several", |view, _| from(view, |fd| fd.raw_name(view).map(Value::Bytes))),
    field!("fd.directory", CharBuf, "the directory of the file; of a directory its own name", |view, _| from(view, |fd| directory(fd, view).map(Value::Bytes))),
    field!("fd.filename", CharBuf, "the name of the file without its directory; absent for directories, and where the open failed", |view, _| from(view, |fd| file_name(fd, view))),
    field!("fd.ino", Int64, "the inode number of the file, pipe or socket", |view, _| from(view, inode)),
    field!("fd.dev", Int32, "the number of the device that the file lies on", |view, _| from(view, |fd| fd.file().map(|file| Value::Uint(encoded_device(file.device))))),
    field!("fd.dev.major", Int32, "the major number of the device that the file lies on", |view, _| from(view, |fd| fd.file().map(|file| Value::Uint(file.device >> MINOR_BITS)))),
    field!("fd.dev.minor", Int32, "the minor number of the device that the file lies on", |view, _| from(view, |fd| fd.file().map(|file| Value::Uint(file.device & ((1 << MINOR_BITS) - 1))))),
    field!("fd.uid", CharBuf, "the thread's id and the number of the descriptor, put together", |view, _| of_process::uid(view)),
    field!("fd.containername", CharBuf, "the container's id, which is empty for the host, a colon, and fd.name", |view, _| of_process::in_container(view, |fd| fd.name(view))),
    field!("fd.containerdirectory", CharBuf, "the container's id, which is empty for the host, a colon, and fd.directory", |view, _| of_process::in_container(view, |fd| directory(fd, view))),
    field!("fd.types", CharBuf, "the kinds of the descriptors that are known of the process, each once: the event's own and the standard streams as of the last exec; or the kind of the one of that number", of_process::types).list().optional(Index).not_on_rhs(),
    field!("fd.is_upper_layer", Bool, "whether the file lies in the upper layer of an overlay: it is not from the image", |view, _| from(view, |fd| is_in(fd, OverlayLayer::Upper))),
    field!("fd.is_lower_layer", Bool, "whether the file lies in a lower layer of an overlay", |view, _| from(view, |fd| is_in(fd, OverlayLayer::Lower))),
    either!("fd.ip", Ip, "the address of either end", |end| Value::Ip(end.ip)),
    end!("fd.cip", Ip, "the client's address", Ends::client, ip),
    end!("fd.sip", Ip, "the server's address", Ends::server, ip),
    end!("fd.lip", Ip, "the local address", |ends| ends.local, ip),
    end!("fd.rip", Ip, "the remote address", |ends| ends.remote, ip),
    either!("fd.port", Port, "the port of either end", |end| Value::Uint(end.port.into())),
    end!("fd.cport", Port, "the client's port", Ends::client, port),
    end!("fd.sport", Port, "the server's port", Ends::server, port),
    end!("fd.lport", Port, "the local port", |ends| ends.local, port),
    end!("fd.rport", Port, "the remote port", |ends| ends.remote, port),
    either!("fd.proto", Port, "the port of either end, as fd.port", |end| Value::Uint(end.port.into())),
    end!("fd.cproto", CharBuf, "the client's port as text", Ends::client, protocol),
    end!("fd.sproto", CharBuf, "the server's port as text", Ends::server, protocol),
    end!("fd.lproto", CharBuf, "the local port as text", |ends| ends.local, protocol),
    end!("fd.rproto", CharBuf, "the remote port as text", |ends| ends.remote, protocol),
    either!("fd.net", IpNet, "the address of either end, to be compared with networks", |end| Value::Ip(end.ip)),
    end_net!("fd.cnet", "the client's address, to be compared with networks", Ends::client),
    end_net!("fd.snet", "the server's address, to be compared with networks", Ends::server),
    end_net!("fd.lnet", "the local address, to be compared with networks", |ends| ends.local),
    end_net!("fd.rnet", "the remote address, to be compared with networks", |ends| ends.remote),
    end_name!("fd.cip.name", "a name of the client's address, of those that rules name and the host has resolved", Ends::client),
    end_name!("fd.sip.name", "a name of the server's address, of those that rules name and the host has resolved", Ends::server),
    end_name!("fd.lip.name", "a name of the local address, of those that rules name and the host has resolved", |ends: &Ends| ends.local),
    end_name!("fd.rip.name", "a name of the remote address, of those that rules name and the host has resolved", |ends: &Ends| ends.remote),
    field!("fd.l4proto", CharBuf, "the transport of an internet socket: tcp, udp, icmp or raw", |view, _| from(view, |fd| fd.transport().map(Value::text))),
    field!("fd.sockfamily", CharBuf, "the family of the socket: ip or unix", |view, _| from(view, family)),
    field!("fd.is_server", Bool, "whether the process is the server of this connection", |view, _| from(view, |fd| fd.socket().map(|_| Value::Bool(fd.ends().is_some_and(|ends| ends.is_server()))))),
    field!("fd.connected", Bool, "whether the socket is connected", |view, _| from(view, |fd| fd.is_connected().map(Value::Bool))),
    field!("fd.name_changed", Bool, "whether this event changed the peer of the socket", |view, _| from(view, |fd| fd.socket().map(|socket| Value::Bool(socket.name_changed)))),
];

/// Of Falco's fields none has this path.
#[rustfmt::skip]
pub(crate) const RESOLVED: Declaration = Declaration::new(classes::EYRIE, "fd.resolved", CharBuf, Scope::Event, |view, _| resolved(view), "the kernel's own path of the file that was opened, or of the directory that was changed to: links followed, relative to the root of the process");

fn from<'a>(view: &EventView<'a>, get: impl FnOnce(&Subject<'a>) -> Option<Value<'a>>) -> Extracted<'a> {
    Extracted::from_option(subject(view.event).and_then(|subject| get(&subject)))
}

fn end<'a>(
    view: &EventView<'a>,
    end: fn(&Ends) -> Option<Endpoint>,
    of: fn(Endpoint) -> Value<'a>,
) -> Extracted<'a> {
    from(view, |fd| end(&fd.ends()?).map(of))
}

fn either_end<'a>(view: &EventView<'a>, of: fn(Endpoint) -> Value<'a>) -> Extracted<'a> {
    from(view, |fd| {
        let ends = fd.ends()?;
        // In the order of the name: client, server.
        let (first, second) = match (ends.client(), ends.server()) {
            (Some(client), Some(server)) => (Some(client), Some(server)),
            _ => (ends.local, ends.remote),
        };
        match (first, second) {
            (Some(first), Some(second)) => Some(Value::EitherEnd(Box::new([of(first), of(second)]))),
            (Some(only), None) | (None, Some(only)) => Some(of(only)),
            (None, None) => None,
        }
    })
}

fn named<'a>(view: &EventView<'a>, end: Endpoint) -> Value<'a> {
    Value::NamedIp(NamedIp::new(end.ip, view.event.boot_ns, view.host))
}

fn ip<'a>(end: Endpoint) -> Value<'a> {
    Value::Ip(end.ip)
}

fn port<'a>(end: Endpoint) -> Value<'a> {
    Value::Uint(end.port.into())
}

fn protocol<'a>(end: Endpoint) -> Value<'a> {
    Value::bytes(end.port.to_string().into_bytes())
}

/// Also of calls that are about no descriptor: what they reached, where the kernel still knew when they returned.
fn resolved<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let of_file = || subject(view.event)?.file().map(|file| &*file.path);
    let of_path = || Some(&*view.path()?.resolved);
    let path = of_file().filter(|path| !path.is_empty()).or_else(of_path).unwrap_or_default();
    Extracted::bytes_unless_empty(path)
}

fn file_path<'a>(fd: &Subject<'a>, view: &EventView<'a>) -> Option<Cow<'a, [u8]>> {
    (fd.file().is_some() || fd.path.is_some()).then(|| fd.name(view)).flatten()
}

/// Falco cuts the names of files only, and those of what it could not open.
fn directory<'a>(fd: &Subject<'a>, view: &EventView<'a>) -> Option<Cow<'a, [u8]>> {
    let path = file_path(fd, view)?;
    let directory = if fd.is_directory() { path } else { cut(path, path::directory) };
    // A path without a slash is one whose base is not known: it lies anywhere.
    (!directory.is_empty()).then_some(directory)
}

fn file_name<'a>(fd: &Subject<'a>, view: &EventView<'a>) -> Option<Value<'a>> {
    let has_name = !fd.is_failed_open() && !fd.is_directory();
    let name = has_name.then(|| file_path(fd, view)).flatten()?;
    Some(Value::Bytes(cut(name, path::file_name)))
}

/// Of what is no file it is false, where anything is known.
fn is_in<'a>(fd: &Subject<'a>, layer: OverlayLayer) -> Option<Value<'a>> {
    fd.descriptor?.kind.as_ref()?;
    Some(Value::Bool(fd.file().is_some_and(|file| file.layer() == layer)))
}

/// Takes a part of a path without copying what is borrowed.
fn cut(path: Cow<'_, [u8]>, part: fn(&[u8]) -> &[u8]) -> Cow<'_, [u8]> {
    match path {
        Cow::Borrowed(path) => Cow::Borrowed(part(path)),
        Cow::Owned(path) => Cow::Owned(part(&path).to_vec()),
    }
}

fn inode<'a>(fd: &Subject<'a>) -> Option<Value<'a>> {
    use eyrie_proto::event::descriptor::Kind;
    let inode = match fd.descriptor?.kind.as_ref()? {
        Kind::File(file) => file.inode,
        Kind::Socket(socket) => socket.inode,
        Kind::Other(other) => other.inode,
    };
    Some(Value::Uint(inode))
}

fn family<'a>(fd: &Subject<'a>) -> Option<Value<'a>> {
    match fd.type_name()? {
        "ipv4" | "ipv6" => Some(Value::text("ip")),
        "unix" => fd.socket().map(|_| Value::text("unix")),
        _ => None,
    }
}
