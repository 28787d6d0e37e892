//! Calls that make sockets and say what they are to be.

use eyrie_bpf::{Place, flag};
use eyrie_proto::event::{Accept, Bind, SocketCreate, SocketOption, SocketRole, descriptor::Kind};

use super::{super::socket::socket_address, parts::Parts};
use crate::plan::Register;

/// Level and options of asm-generic/socket.h.
const SOL_SOCKET: i32 = 1;
const SO_LINGER: i32 = 13;
const SO_PEERCRED: i32 = 17;
const SO_RCVTIMEO_OLD: i32 = 20;
const SO_SNDTIMEO_OLD: i32 = 21;
const SO_RCVTIMEO_NEW: i32 = 66;
const SO_SNDTIMEO_NEW: i32 = 67;

pub(super) fn create(parts: &Parts<'_>) -> SocketCreate {
    SocketCreate {
        family: parts.low(Register::Family),
        r#type: parts.low(Register::Type),
        protocol: parts.low(Register::Protocol),
        descriptor: parts.descriptor(Place::First),
        second: parts.descriptor(Place::Second),
    }
}

/// What was accepted is the server's end, and connected even if its peer has gone already.
pub(super) fn accept(parts: &Parts<'_>) -> Accept {
    let mut descriptor = parts.descriptor(Place::First);
    if let Some(Kind::Socket(socket)) = descriptor.as_mut().and_then(|descriptor| descriptor.kind.as_mut()) {
        socket.set_role(SocketRole::Server);
        socket.is_connected = true;
    }
    Accept {
        descriptor,
        listening_fd: parts.signed(Register::Fd),
        flags: parts.low(Register::Flags),
        queue_length: parts.record.queue_length,
        queue_limit: parts.record.queue_limit,
    }
}

pub(super) fn bind(parts: &Parts<'_>) -> Bind {
    Bind {
        descriptor: parts.descriptor(Place::First),
        requested: socket_address(parts.record.address),
        backlog: parts.signed(Register::Backlog),
    }
}

pub(super) fn option(parts: &Parts<'_>) -> SocketOption {
    let (level, name) = (parts.signed(Register::Level), parts.signed(Register::Name));
    let size = parts.all(Register::Length).next().map_or_else(
        || size_of_option(level, name, parts.record.header.has(flag::COMPAT32)),
        |register| usize::try_from(register as u32).unwrap_or(usize::MAX),
    );
    let data = parts.record.data;
    SocketOption {
        descriptor: parts.descriptor(Place::First),
        level,
        name,
        value: data.get(..size).unwrap_or(data).to_vec(),
        how: parts.signed(Register::How),
    }
}

/// How much of a value that a call wrote is surely part of it. Most options are an `int`; of longer ones that is the start.
fn size_of_option(level: i32, name: i32, is_compat: bool) -> usize {
    if level != SOL_SOCKET {
        return 4;
    }
    match name {
        SO_LINGER => 8,
        SO_PEERCRED => 12,
        SO_RCVTIMEO_OLD | SO_SNDTIMEO_OLD if is_compat => 8,
        SO_RCVTIMEO_OLD | SO_SNDTIMEO_OLD | SO_RCVTIMEO_NEW | SO_SNDTIMEO_NEW => 16,
        _ => 4,
    }
}
