//! Of files and mounts.

use super::Table;

/// Of open, with the numbers of asm-generic/fcntl.h. Those of access and what Falco adds are no bits of the kernel's.
#[rustfmt::skip]
pub(crate) const OPEN: Table = renumbered![
    O_LARGEFILE 0x800, 0o100_000; O_DIRECTORY 0x400, 0o200_000; O_DIRECT 0x200, 0o40_000;
    O_TRUNC 0x100, 0o1_000; O_SYNC 0x80, 0o4_010_000; O_NONBLOCK 0x40, 0o4_000; O_EXCL 0x20, 0o200;
    O_DSYNC 0x10, 0o10_000; O_APPEND 8, 0o2_000; O_CREAT 4, 0o100; O_RDWR 3, 0; O_WRONLY 2, 0; O_RDONLY 1, 0;
    O_CLOEXEC 0x1000, 0o2_000_000; O_NONE 0, 0; O_TMPFILE 0x2000, 0o20_000_000; O_F_CREATED 0x4000, 0;
    FD_UPPER_LAYER 0x8000, 0; FD_LOWER_LAYER 0x10000, 0;
];

/// Of calls that make descriptors and take only these two of the flags of open (as `EFD_CLOEXEC` and the like).
#[rustfmt::skip]
pub(crate) const DESCRIPTOR: Table = renumbered![
    O_LARGEFILE 0x800, 0; O_DIRECTORY 0x400, 0; O_DIRECT 0x200, 0; O_TRUNC 0x100, 0; O_SYNC 0x80, 0;
    O_NONBLOCK 0x40, 0o4_000; O_EXCL 0x20, 0; O_DSYNC 0x10, 0; O_APPEND 8, 0; O_CREAT 4, 0; O_RDWR 3, 0;
    O_WRONLY 2, 0; O_RDONLY 1, 0; O_CLOEXEC 0x1000, 0o2_000_000; O_NONE 0, 0; O_TMPFILE 0x2000, 0;
    O_F_CREATED 0x4000, 0; FD_UPPER_LAYER 0x8000, 0; FD_LOWER_LAYER 0x10000, 0;
];

/// What creat says of the file that it made.
#[rustfmt::skip]
pub(crate) const CREATED: Table = same![
    FD_UPPER_LAYER_CREAT 1, FD_LOWER_LAYER_CREAT 2,
];

/// Permissions; each name is a bit of st_mode.
#[rustfmt::skip]
pub(crate) const MODE: Table = same![
    S_IXOTH 1, S_IWOTH 2, S_IROTH 4, S_IXGRP 8, S_IWGRP 0x10, S_IRGRP 0x20, S_IXUSR 0x40, S_IWUSR 0x80,
    S_IRUSR 0x100, S_ISVTX 0x200, S_ISGID 0x400, S_ISUID 0x800,
];

/// Permissions and type of a file.
#[rustfmt::skip]
pub(crate) const NODE_MODE: Table = same![
    S_IXOTH 1, S_IWOTH 2, S_IROTH 4, S_IXGRP 8, S_IWGRP 0x10, S_IRGRP 0x20, S_IXUSR 0x40, S_IWUSR 0x80,
    S_IRUSR 0x100, S_ISVTX 0x200, S_ISGID 0x400, S_ISUID 0x800, S_IFREG 0x8000, S_IFCHR 0x2000,
    S_IFBLK 0x6000, S_IFIFO 0x1000, S_IFSOCK 0xc000,
];

/// What access asks for.
#[rustfmt::skip]
pub(crate) const ACCESS: Table = same![
    F_OK 0, R_OK 4, W_OK 2, X_OK 1,
];

/// Of unlinkat.
#[rustfmt::skip]
pub(crate) const UNLINK: Table = same![
    AT_REMOVEDIR 0x200,
];

/// Of linkat.
#[rustfmt::skip]
pub(crate) const LINK: Table = same![
    AT_SYMLINK_FOLLOW 0x400, AT_EMPTY_PATH 0x1000,
];

/// Of newfstatat.
#[rustfmt::skip]
pub(crate) const STAT: Table = same![
    AT_EMPTY_PATH 0x1000, AT_NO_AUTOMOUNT 0x800, AT_SYMLINK_NOFOLLOW 0x100,
];

/// Of fchownat. Falco's table has the number of `AT_SYMLINK_FOLLOW` here, and so names it wrongly.
pub(crate) const OWNER: Table = same![AT_SYMLINK_NOFOLLOW 0x100, AT_EMPTY_PATH 0x1000,];

/// Of renameat2.
#[rustfmt::skip]
pub(crate) const RENAME: Table = same![
    RENAME_NOREPLACE 1, RENAME_EXCHANGE 2, RENAME_WHITEOUT 4,
];

/// Of openat2.
#[rustfmt::skip]
pub(crate) const RESOLVE: Table = renumbered![
    RESOLVE_BENEATH 1, 8; RESOLVE_IN_ROOT 2, 0x10; RESOLVE_NO_MAGICLINKS 4, 2; RESOLVE_NO_SYMLINKS 8, 4;
    RESOLVE_NO_XDEV 0x10, 1; RESOLVE_CACHED 0x20, 0x20;
];

/// Of mount.
#[rustfmt::skip]
pub(crate) const MOUNT: Table = same![
    RDONLY 1, NOSUID 2, NODEV 4, NOEXEC 8, SYNCHRONOUS 0x10, REMOUNT 0x20, MANDLOCK 0x40, DIRSYNC 0x80,
    NOATIME 0x400, NODIRATIME 0x800, BIND 0x1000, MOVE 0x2000, REC 0x4000, SILENT 0x8000, POSIXACL 0x10000,
    UNBINDABLE 0x20000, PRIVATE 0x40000, SLAVE 0x80000, SHARED 0x100000, RELATIME 0x200000,
    KERNMOUNT 0x400000, I_VERSION 0x800000, STRICTATIME 0x1000000, LAZYTIME 0x2000000, NOSEC 0x10000000,
    BORN 0x20000000, ACTIVE 0x40000000, NOUSER 0x80000000,
];

/// Of umount2.
#[rustfmt::skip]
pub(crate) const UNMOUNT: Table = same![
    FORCE 1, DETACH 2, EXPIRE 4, NOFOLLOW 8,
];

/// Of flock.
#[rustfmt::skip]
pub(crate) const LOCK: Table = same![
    LOCK_SH 1, LOCK_EX 2, LOCK_NB 4, LOCK_UN 8, LOCK_NONE 0,
];

/// What lseek counts from.
#[rustfmt::skip]
pub(crate) const SEEK: Table = same![
    SEEK_END 2, SEEK_CUR 1, SEEK_SET 0,
];

/// Of splice.
#[rustfmt::skip]
pub(crate) const SPLICE: Table = same![
    SPLICE_F_MOVE 1, SPLICE_F_NONBLOCK 2, SPLICE_F_MORE 4, SPLICE_F_GIFT 8,
];

/// Of close_range.
pub(crate) const CLOSE_RANGE: Table = same![CLOSE_RANGE_UNSHARE 2, CLOSE_RANGE_CLOEXEC 4,];

/// Commands of fcntl.
#[rustfmt::skip]
pub(crate) const CONTROL: Table = renumbered![
    F_GETPIPE_SZ 0x1d, 1032; F_SETPIPE_SZ 0x1c, 1031; F_NOTIFY 0x1b, 1026; F_DUPFD_CLOEXEC 0x1a, 1030;
    F_CANCELLK 0x19, 1029; F_GETLEASE 0x18, 1025; F_SETLEASE 0x17, 1024; F_GETOWN_EX 0x16, 16;
    F_SETOWN_EX 0x15, 15; F_SETLKW64 0x13, 14; F_SETLK64 0x12, 13; F_GETLK64 0x11, 12; F_GETSIG 0xf, 11;
    F_SETSIG 0xd, 10; F_GETOWN 0xc, 9; F_SETOWN 0xa, 8; F_SETLKW 9, 7; F_SETLK 8, 6; F_GETLK 6, 5;
    F_SETFL 5, 4; F_GETFL 4, 3; F_SETFD 3, 2; F_GETFD 2, 1; F_DUPFD 1, 0; F_OFD_GETLK 0x1e, 36;
    F_OFD_SETLK 0x1f, 37; F_OFD_SETLKW 0x20, 38; UNKNOWN 0, u64::MAX;
];
