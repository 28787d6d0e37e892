use crate::layout::{Endpoint, Header, layout};

layout! {
    /// `connect`; the result is in the header. One that is interrupted goes on, and one of a socket that blocks is recorded as it
    /// starts as well: both are marked [`STARTED_ONLY`](crate::flag::STARTED_ONLY).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Connect<'a> = "connect_record" {
        /// Head.
        header: Header,
        /// Inode number of the socket.
        inode: u64,
        /// The descriptor.
        fd: i32,
        /// `AF_*`; 0 where the descriptor is no socket, and then all that follows is zero.
        family: u16,
        /// `SOCK_*`.
        r#type: u16,
        /// `IPPROTO_*`.
        protocol: u16,
        /// `TCP_*` of `net/tcp_states.h`; Unix sockets use them as well.
        state: u16,
        /// Bits of [`history_flag`](crate::history_flag), where they are asked for.
        history: u32,
        /// The socket's own end, for IPv4 and IPv6.
        local: Endpoint,
        /// The other end as the kernel has it after the call: after a failure its port is mostly 0, and `requested` tells.
        remote: Endpoint,
        /// `struct sockaddr` as the program gave it, at most 128 bytes; empty in a record of the start, where `remote` is what
        /// the kernel took.
        requested: &'a [u8],
        /// `sun_path` that a Unix socket is bound to: a path, with its NUL, or a NUL byte and an abstract name.
        local_name: &'a [u8],
        /// The same of its peer.
        remote_name: &'a [u8],
    }
}
