use crate::layout::{FileInfo, Header, Reserved, layout};

layout! {
    /// `open`, `openat`, `openat2` or `creat`; the result is in the header.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Open<'a> = "open_record" {
        /// Head.
        header: Header,
        /// What was opened; unknown if the call failed, or if another thread closed it at once.
        file: FileInfo,
        /// `RESOLVE_*` of `openat2`.
        resolve: u64,
        /// `O_*` as the kernel has them.
        flags: u32,
        /// Mode asked for, which counts only where a file is created.
        mode: u32,
        /// Of `openat` and `openat2`; `AT_FDCWD` (-100) otherwise.
        directory_fd: i32,
        /// The new descriptor, or the negative errno.
        fd: i32,
        /// The path as the program gave it.
        requested: &'a [u8],
        /// The directory that it starts from, relative to the process's root; only where it is relative.
        base: &'a [u8],
        /// The kernel's path of what was opened, relative to the process's root.
        resolved: &'a [u8],
    }
}

layout! {
    /// `chdir` or `fchdir`; the result is in the header.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ChangeDirectory<'a> = "change_directory_record" {
        /// Head. Bears state only if the call did anything.
        header: Header,
        /// Of `fchdir`; `AT_FDCWD` (-100) for `chdir`.
        directory_fd: i32,
        #[doc(hidden)]
        reserved: Reserved<4>,
        /// The path that `chdir` was given.
        requested: &'a [u8],
        /// Where a relative path, or the descriptor, leads from. Only if the call failed: otherwise the old directory is
        /// gone by the time that the record is made.
        base: &'a [u8],
        /// The working directory as it is now, relative to the process's root.
        working_directory: &'a [u8],
    }
}
