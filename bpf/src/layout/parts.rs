use super::{file_flag, layout, reader::Reserved};

layout! {
    /// What the kernel knows of a file besides its path.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct FileInfo = "file_info" {
        /// Inode number.
        inode: u64,
        /// Device number of its file system, `major << 20 | minor`. Overlay and Btrfs tell `stat(2)` another one.
        device: u64,
        /// Last change of the inode, nanoseconds since the epoch.
        change_time_ns: u64,
        /// Last change of the content, nanoseconds since the epoch.
        modify_time_ns: u64,
        /// Type and permissions as `st_mode` has them.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Bits of [`file_flag`](crate::file_flag).
        flags: u32,
    }
}

layout! {
    /// One end of an internet socket.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Endpoint = "endpoint" {
        /// In network order; the first four bytes for IPv4.
        address: [u8; 16],
        /// Index of the interface that the socket is bound to; 0 for none. Link-local addresses depend on it.
        scope_id: u32,
        /// In the machine's order.
        port: u16,
        #[doc(hidden)]
        reserved: Reserved<2>,
    }
}

// === impl FileInfo ===

impl FileInfo {
    /// Whether all bits of `flag` (see [`file_flag`](crate::file_flag)) are set.
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag == flag
    }

    /// Whether there is a file at all.
    pub fn is_known(&self) -> bool {
        self.has(file_flag::KNOWN)
    }
}
