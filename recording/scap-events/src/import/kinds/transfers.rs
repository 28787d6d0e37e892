//! Calls that move data.

use eyrie_proto::event::{SocketAddress, SocketDescriptor, SocketRole, Transfer, descriptor::Kind};

use super::{Call, Entry, sockets::transport};
use crate::import::addresses::{Ends, IPPROTO_TCP, SOCK_DGRAM, TCP_ESTABLISHED, Tuple};

pub(super) fn send(call: &mut Call<'_>) -> Transfer {
    let ends = tuple(call).map(Tuple::outbound);
    message(call, ends, SocketRole::Client)
}

pub(super) fn receive(call: &mut Call<'_>) -> Transfer {
    let ends = tuple(call).map(Tuple::inbound);
    message(call, ends, SocketRole::Server)
}

fn tuple(call: &Call<'_>) -> Option<Tuple> {
    Tuple::new(call.parameters.bytes("tuple")?)
}

fn message(call: &mut Call<'_>, ends: Option<Ends>, role: SocketRole) -> Transfer {
    let fd = call.parameters.fd("fd");
    let (peer, name_changed) = match (fd, ends) {
        (Some(fd), Some(ends)) => note_peer(call, fd, ends, role),
        (Some(fd), None) => {
            settle(call, fd);
            (None, false)
        }
        (None, _) => (None, false),
    };
    let mut transfer = moved(call, "fd", "");
    transfer.peer = peer;
    if let Some(Kind::Socket(socket)) =
        transfer.descriptor.as_mut().and_then(|descriptor| descriptor.kind.as_mut())
    {
        socket.name_changed = name_changed;
    }
    transfer
}

/// A connection that was being made has been made, as data move.
fn settle(call: &mut Call<'_>, fd: i32) {
    if call.result <= 0 {
        return;
    }
    let is_pending = |socket: &SocketDescriptor| {
        !socket.is_connected && socket.remote.is_some() && socket.protocol == IPPROTO_TCP
    };
    if call.descriptors.socket(call.pid, fd).is_some_and(is_pending) {
        call.descriptors.update(call.pid, fd, |entry| {
            if let Kind::Socket(socket) = &mut entry.kind {
                (socket.is_connected, socket.state) = (true, TCP_ESTABLISHED);
            }
        });
    }
}

/// Takes over the ends of a message. The peer if it is the message's own, not the socket's; and whether it is another one than the last.
fn note_peer(call: &mut Call<'_>, fd: i32, ends: Ends, role: SocketRole) -> (Option<SocketAddress>, bool) {
    if call.descriptors.socket(call.pid, fd).is_none() {
        // A socket from before the file: what has peers by message has no connection.
        let socket = SocketDescriptor {
            family: ends.family,
            r#type: SOCK_DGRAM,
            protocol: transport(ends.family, SOCK_DGRAM, 0),
            ..SocketDescriptor::default()
        };
        call.descriptors.insert(call.pid, fd, Entry::new(Kind::Socket(socket), false));
    }
    let (mut peer, mut name_changed) = (None, false);
    call.descriptors.update(call.pid, fd, |entry| {
        let Kind::Socket(socket) = &mut entry.kind else { return };
        if socket.local.is_none() {
            socket.local = ends.local;
        }
        if socket.role() == SocketRole::Unspecified {
            socket.set_role(role);
        }
        if ends.remote.is_some() {
            name_changed = entry.last_peer.is_some() && entry.last_peer != ends.remote;
            entry.last_peer.clone_from(&ends.remote);
            peer = ends.remote.filter(|remote| socket.remote.as_ref() != Some(remote));
        }
    });
    (peer, name_changed)
}

/// Of what is no message.
pub(super) fn transfer(call: &mut Call<'_>) -> Transfer {
    let (own, other) = match call.name {
        "sendfile" => ("out_fd", "in_fd"),
        "splice" => ("fd_in", "fd_out"),
        "copy_file_range" => ("fdin", "fdout"),
        _ => ("fd", ""),
    };
    if let Some(fd) = call.parameters.fd(own) {
        settle(call, fd);
    }
    moved(call, own, other)
}

fn moved(call: &Call<'_>, own: &str, other: &str) -> Transfer {
    let parameters = call.parameters;
    Transfer {
        descriptor: call.given(own),
        size: parameters.unsigned("size").or_else(|| parameters.unsigned("len")).unwrap_or(0),
        data: parameters.bytes("data").unwrap_or_default().to_vec(),
        control: parameters.bytes("msgcontrol").unwrap_or_default().to_vec(),
        flags: call.flags(),
        second: call.given(other),
        position: parameters.unsigned("pos"),
        ..Transfer::default()
    }
}
