//! Calls that make sockets and say what they are to be.

use eyrie_bpf::{
    Role,
    Step::{self, Address, DescriptorPair},
};

use super::{
    DescribedCall, MADE,
    Message::{Accept, Bind, SocketCreate, SocketOption},
    Register::{Backlog, Family, Fd, Flags, How, Length, Level, Name, Protocol, Type},
    call, fd, given, second_fd, written,
};

/// An option's value may be of any size: of one that was set this much is told, of one that was asked for as much as those have
/// whose size is known by their names.
const SET_BYTES: u8 = 128;
const ASKED_BYTES: u8 = 16;
const SERVES: Step = Step::Role(Role::Server);

pub(super) const CALLS: &[DescribedCall] = &[
    call("socket", SocketCreate, &[MADE], &[(Family, 0), (Type, 1), (Protocol, 2)]),
    call("socketpair", SocketCreate, &[DescriptorPair(3)], &[(Family, 0), (Type, 1), (Protocol, 2)]),
    call("bind", Bind, &[fd(0), Address { argument: 1, size: 2 }, SERVES], &[]),
    call("listen", Bind, &[fd(0), SERVES], &[(Backlog, 1)]),
    // The second one is what listens, for its queue.
    call("accept", Accept, &[MADE, second_fd(0), SERVES], &[(Fd, 0)]),
    call("accept4", Accept, &[MADE, second_fd(0), SERVES], &[(Fd, 0), (Flags, 3)]),
    call("setsockopt", SocketOption, &[fd(0), given(3, SET_BYTES)], &[(Level, 1), (Name, 2), (Length, 4)]),
    call("getsockopt", SocketOption, &[fd(0), written(3, ASKED_BYTES)], &[(Level, 1), (Name, 2)]),
    call("shutdown", SocketOption, &[fd(0)], &[(How, 1)]),
];
