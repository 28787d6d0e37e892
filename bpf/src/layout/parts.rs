use super::{file_flag, layout, reader::Reserved};

layout! {
    /// What the kernel knows of a file besides its path.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

layout! {
    /// What lay behind a descriptor when the call returned: a file with its path, or a socket with its ends.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct DescriptorInfo<'a> = "descriptor_info" {
        /// The file; of a socket or a pipe its inode.
        file: FileInfo,
        /// The magic number of its file system, as in `linux/magic.h`; 0 where nothing is open.
        file_system: u64,
        /// The number as the call has it; below zero where the call was to make the descriptor and failed.
        fd: i32,
        /// `AF_*` of a socket; 0 for everything else.
        family: u16,
        /// `SOCK_*` of a socket.
        r#type: u16,
        /// `IPPROTO_*` of a socket.
        protocol: u16,
        /// `TCP_*` of a socket.
        state: u16,
        /// Bits of [`history_flag`](crate::history_flag): what a socket did before, where that is asked for.
        history: u32,
        /// The socket's own end, for IPv4 and IPv6.
        local: Endpoint,
        /// The other end as the kernel has it.
        remote: Endpoint,
        /// The kernel's path, relative to the process's root. What has no directory entry has a name behind a slash:
        /// `/[eventfd]`.
        path: &'a [u8],
        /// `sun_path` that a Unix socket is bound to, as in [`Connect`](crate::Connect).
        local_name: &'a [u8],
        /// The same of its peer.
        remote_name: &'a [u8],
    }
}

layout! {
    /// A path that a call was given.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct PathInfo<'a> = "path_info" {
        /// The descriptor of the directory; `AT_FDCWD` (-100) where the call has none. Zero where the call has no such path.
        directory_fd: i32,
        #[doc(hidden)]
        reserved: Reserved<4>,
        /// As the program gave it.
        requested: &'a [u8],
        /// The directory that it starts from, relative to the process's root; only where it is relative.
        base: &'a [u8],
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
