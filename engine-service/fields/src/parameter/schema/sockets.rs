//! Events on sockets.

use super::{
    BYTES,
    Category::{IoRead, IoWrite, Ipc, Net},
    ERRNO, EventSchema, FD, HEX32, HEX64, Radix, SIGNED, Shape, U8, U32, columns, event,
};
use crate::parameter::flags::{files, sockets as flags};

const TUPLE: Shape = Shape::Tuple;
const ADDRESS: Shape = Shape::Address;
const DOMAIN: Shape = Shape::Enum(flags::FAMILIES, None);
const LEVEL: Shape = Shape::Enum(flags::LEVELS, Some(0));
const OPTION: Shape = Shape::Enum(flags::OPTIONS, Some(0));
const VALUE: Shape = Shape::Dynamic(Radix::Decimal);
/// Falco's SHUT_UNKNOWN, cut to the 8 bits of its type.
const HOW: Shape = Shape::Enum(flags::SHUTDOWN, Some(0xff));

#[rustfmt::skip]
pub(super) const EVENTS: &[EventSchema] = &[
    event("socket", Net, columns![fd FD, domain DOMAIN, type U32, proto U32, flags Shape::Flags(files::DESCRIPTOR)]),
    event("socketpair", Ipc, columns![res ERRNO, fd1 FD, fd2 FD, source HEX64, peer HEX64, domain DOMAIN, type U32, proto U32]),
    event("bind", Net, columns![res ERRNO, addr ADDRESS, fd FD]),
    event("listen", Net, columns![res ERRNO, fd FD, backlog SIGNED]),
    event("connect", Net, columns![res ERRNO, tuple TUPLE, fd FD, addr ADDRESS]),
    event("accept", Net, columns![fd FD, tuple TUPLE, queuepct U8, queuelen U32, queuemax U32]),
    event("accept4", Net, columns![fd FD, tuple TUPLE, queuepct U8, queuelen U32, queuemax U32, flags HEX32]),
    event("getsockopt", Net, columns![res ERRNO, fd FD, level LEVEL, optname OPTION, val VALUE, optlen U32]),
    event("setsockopt", Net, columns![res ERRNO, fd FD, level LEVEL, optname OPTION, val VALUE, optlen U32]),
    event("shutdown", Net, columns![res ERRNO, fd FD, how HOW]),
    event("getsockname", Net, columns![]),
    event("getpeername", Net, columns![]),
    // Data.
    event("send", IoWrite, columns![res ERRNO, data BYTES, fd FD, size U32]).writes(),
    event("sendto", IoWrite, columns![res ERRNO, data BYTES, fd FD, size U32, tuple TUPLE]).writes(),
    event("sendmsg", IoWrite, columns![res ERRNO, data BYTES, fd FD, size U32, tuple TUPLE]).writes(),
    event("sendmmsg", IoWrite, columns![res ERRNO, fd FD, size U32, data BYTES, tuple TUPLE]).writes(),
    event("recv", IoRead, columns![res ERRNO, data BYTES, fd FD, size U32]).reads(),
    event("recvfrom", IoRead, columns![res ERRNO, data BYTES, tuple TUPLE, fd FD, size U32]).reads(),
    event("recvmsg", IoRead, columns![res ERRNO, size U32, data BYTES, tuple TUPLE, msgcontrol BYTES, fd FD]).reads(),
    event("recvmmsg", IoRead, columns![res ERRNO, fd FD, size U32, data BYTES, tuple TUPLE, msgcontrol BYTES]).reads(),
];
