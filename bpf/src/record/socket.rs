use crate::layout::{DescriptorInfo, Header, layout};

layout! {
    /// `connect`; the result is in the header. One that has only started, or is interrupted and goes on, is marked
    /// [`STARTED_ONLY`](crate::flag::STARTED_ONLY).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Connect<'a> = "connect_record" {
        /// Head.
        header: Header,
        /// The descriptor. Its family is 0 where it is no socket, and then nothing but its number is set. Of a socket there are its ends
        /// as the kernel has them after the call: after a failure the other one's port is mostly 0, and `requested` tells.
        /// Of its file there is the inode alone.
        socket: DescriptorInfo<'a>,
        /// `struct sockaddr` as the program gave it, at most 128 bytes.
        requested: &'a [u8],
    }
}
