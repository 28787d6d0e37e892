//! Calls that move data.

use eyrie_bpf::Step::{self, Address, AddressBack};

use super::{
    DescribedCall,
    Message::Transfer,
    Register::{Flags, Position, PositionHigh, Size},
    call, fd, second_fd,
};

/// Data at argument 1, their size in argument 2.
const SENT: Step = Step::Data { argument: 1, size: 2, is_written: false };
const RECEIVED: Step = Step::Data { argument: 1, size: 2, is_written: true };
/// Vectors at argument 1, their number in argument 2.
const SENT_VECTOR: Step = Step::Vector { argument: 1, count: 2, is_written: false };
const RECEIVED_VECTOR: Step = Step::Vector { argument: 1, count: 2, is_written: true };
/// A message at argument 1.
const SENT_MESSAGE: Step = Step::Message { argument: 1, is_written: false };
const RECEIVED_MESSAGE: Step = Step::Message { argument: 1, is_written: true };
/// The first of several.
const SENT_MESSAGES: Step = Step::Messages { argument: 1, is_written: false };
const RECEIVED_MESSAGES: Step = Step::Messages { argument: 1, is_written: true };

/// Whom the address is of.
const SENT_TO: Step = Step::Peer { is_written: false };
const RECEIVED_FROM: Step = Step::Peer { is_written: true };

/// The sizes of vectors and messages are in memory, and are added up there.
pub(super) const CALLS: &[DescribedCall] = &[
    call("read", Transfer, &[fd(0), RECEIVED], &[(Size, 2)]),
    call("pread64", Transfer, &[fd(0), RECEIVED], &[(Size, 2), (Position, 3), (PositionHigh, 4)]),
    call("readv", Transfer, &[fd(0), RECEIVED_VECTOR], &[]),
    call("preadv", Transfer, &[fd(0), RECEIVED_VECTOR], &[(Position, 3), (PositionHigh, 4)]),
    call("preadv2", Transfer, &[fd(0), RECEIVED_VECTOR], &[(Flags, 5), (Position, 3), (PositionHigh, 4)]),
    call("write", Transfer, &[fd(0), SENT], &[(Size, 2)]),
    call("pwrite64", Transfer, &[fd(0), SENT], &[(Size, 2), (Position, 3), (PositionHigh, 4)]),
    call("writev", Transfer, &[fd(0), SENT_VECTOR], &[]),
    call("pwritev", Transfer, &[fd(0), SENT_VECTOR], &[(Position, 3), (PositionHigh, 4)]),
    call("pwritev2", Transfer, &[fd(0), SENT_VECTOR], &[(Flags, 5), (Position, 3), (PositionHigh, 4)]),
    call("vmsplice", Transfer, &[fd(0)], &[(Flags, 3)]),
    // Between descriptors.
    call("sendfile", Transfer, &[fd(0), second_fd(1)], &[(Size, 3)]),
    call("sendfile64", Transfer, &[fd(0), second_fd(1)], &[(Size, 3)]),
    call("splice", Transfer, &[fd(0), second_fd(2)], &[(Size, 4), (Flags, 5)]),
    call("copy_file_range", Transfer, &[fd(0), second_fd(2)], &[(Size, 4), (Flags, 5)]),
    call("tee", Transfer, &[fd(0), second_fd(1)], &[(Size, 2), (Flags, 3)]),
    // Sockets.
    call("send", Transfer, &[fd(0), SENT], &[(Size, 2), (Flags, 3)]),
    call(
        "sendto",
        Transfer,
        &[fd(0), Address { argument: 4, size: 5 }, SENT, SENT_TO],
        &[(Size, 2), (Flags, 3)],
    ),
    call("sendmsg", Transfer, &[fd(0), SENT_MESSAGE, SENT_TO], &[(Flags, 2)]),
    call("sendmmsg", Transfer, &[fd(0), SENT_MESSAGES, SENT_TO], &[(Flags, 3)]),
    call("recv", Transfer, &[fd(0), RECEIVED], &[(Size, 2), (Flags, 3)]),
    call(
        "recvfrom",
        Transfer,
        &[fd(0), AddressBack { argument: 4, size: 5 }, RECEIVED, RECEIVED_FROM],
        &[(Size, 2), (Flags, 3)],
    ),
    call("recvmsg", Transfer, &[fd(0), RECEIVED_MESSAGE, RECEIVED_FROM], &[(Flags, 2)]),
    call("recvmmsg", Transfer, &[fd(0), RECEIVED_MESSAGES, RECEIVED_FROM], &[(Flags, 3)]),
    call("recvmmsg_time64", Transfer, &[fd(0), RECEIVED_MESSAGES, RECEIVED_FROM], &[(Flags, 3)]),
    // Message queues.
    call("mq_timedsend", Transfer, &[fd(0), SENT], &[(Size, 2)]),
    call("mq_timedsend_time64", Transfer, &[fd(0), SENT], &[(Size, 2)]),
    call("mq_timedreceive", Transfer, &[fd(0), RECEIVED], &[(Size, 2)]),
    call("mq_timedreceive_time64", Transfer, &[fd(0), RECEIVED], &[(Size, 2)]),
];
