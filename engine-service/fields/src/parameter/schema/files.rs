//! Events on paths, and on descriptors that are the same for an open file.

use super::{
    Category::{File, IoOther, Other, Process},
    ERRNO, EventSchema, FD, HEX32, OCTAL, PATH, Shape, TEXT, U32, U64, columns, event,
};
use crate::parameter::flags::files as flags;

const OPEN: Shape = Shape::Flags(flags::OPEN);
const MODE: Shape = Shape::Mode(flags::MODE);
const NODE_MODE: Shape = Shape::Mode(flags::NODE_MODE);
const RESOLVE: Shape = Shape::Flags(flags::RESOLVE);

#[rustfmt::skip]
pub(super) const EVENTS: &[EventSchema] = &[
    event("open", File, columns![fd FD, name PATH, flags OPEN, mode OCTAL, dev HEX32, ino U64]),
    event("openat", File, columns![fd FD, dirfd FD, name PATH, flags OPEN, mode OCTAL, dev HEX32, ino U64]),
    event("openat2", File, columns![fd FD, dirfd FD, name PATH, flags OPEN, mode OCTAL, resolve RESOLVE, dev HEX32, ino U64]),
    event("creat", File, columns![fd FD, name PATH, mode OCTAL, dev HEX32, ino U64, creat_flags Shape::Flags(flags::CREATED)]),
    event("open_by_handle_at", File, columns![fd FD, mountfd FD, flags OPEN, path PATH, dev HEX32, ino U64]),
    // Names of files.
    event("unlink", File, columns![res ERRNO, path PATH]),
    event("unlinkat", File, columns![res ERRNO, dirfd FD, name PATH, flags Shape::Flags(flags::UNLINK)]),
    event("rmdir", File, columns![res ERRNO, path PATH]),
    event("mkdir", File, columns![res ERRNO, path PATH, mode HEX32]),
    event("mkdirat", File, columns![res ERRNO, dirfd FD, path PATH, mode HEX32]),
    event("mknod", Other, columns![res ERRNO, path PATH, mode NODE_MODE, dev U32]),
    event("mknodat", Other, columns![res ERRNO, dirfd FD, path PATH, mode NODE_MODE, dev U32]),
    event("rename", File, columns![res ERRNO, oldpath PATH, newpath PATH]),
    event("renameat", File, columns![res ERRNO, olddirfd FD, oldpath PATH, newdirfd FD, newpath PATH]),
    event("renameat2", File, columns![res ERRNO, olddirfd FD, oldpath PATH, newdirfd FD, newpath PATH, flags Shape::Flags(flags::RENAME)]),
    event("link", File, columns![res ERRNO, oldpath PATH, newpath PATH]),
    event("linkat", File, columns![res ERRNO, olddir FD, oldpath PATH, newdir FD, newpath PATH, flags Shape::Flags(flags::LINK)]),
    event("symlink", File, columns![res ERRNO, target TEXT, linkpath PATH]),
    event("symlinkat", File, columns![res ERRNO, target TEXT, linkdirfd FD, linkpath PATH]),
    // Permissions and owners.
    event("chmod", File, columns![res ERRNO, filename PATH, mode MODE]),
    event("fchmod", File, columns![res ERRNO, fd FD, mode MODE]),
    event("fchmodat", File, columns![res ERRNO, dirfd FD, filename PATH, mode MODE]),
    event("chown", File, columns![res ERRNO, path PATH, uid U32, gid U32]),
    event("lchown", File, columns![res ERRNO, path PATH, uid U32, gid U32]),
    event("fchown", File, columns![res ERRNO, fd FD, uid U32, gid U32]),
    event("fchownat", File, columns![res ERRNO, dirfd FD, pathname PATH, uid U32, gid U32, flags Shape::Flags(flags::OWNER)]),
    // What they are.
    event("access", File, columns![res ERRNO, name PATH, mode Shape::Flags(flags::ACCESS)]),
    event("stat", File, columns![res ERRNO, path PATH]),
    event("stat64", File, columns![res ERRNO, path PATH]),
    event("lstat", File, columns![res ERRNO, path PATH]),
    event("lstat64", File, columns![res ERRNO, path PATH]),
    event("fstat", File, columns![res ERRNO, fd FD]),
    event("fstat64", File, columns![res ERRNO, fd FD]),
    event("newfstatat", File, columns![res ERRNO, dirfd FD, path PATH, flags Shape::Flags(flags::STAT)]),
    event("getdents", File, columns![res ERRNO, fd FD]),
    event("getdents64", File, columns![res ERRNO, fd FD]),
    event("lseek", File, columns![res ERRNO, fd FD, offset U64, whence Shape::Enum(flags::SEEK, None)]),
    event("llseek", File, columns![res ERRNO, fd FD, offset U64, whence Shape::Enum(flags::SEEK, None)]),
    event("flock", File, columns![res ERRNO, fd FD, operation Shape::Flags(flags::LOCK)]),
    // Directories that processes are in. Falco does not resolve the first two: one is absolute, the other has changed when
    // anybody looks.
    event("getcwd", File, columns![res ERRNO, path TEXT]),
    event("chdir", File, columns![res ERRNO, path TEXT]),
    event("fchdir", File, columns![res ERRNO, fd FD]),
    event("chroot", Process, columns![res ERRNO, path PATH]),
    // Mounts.
    event("mount", File, columns![res ERRNO, dev TEXT, dir PATH, type TEXT, flags Shape::Flags(flags::MOUNT)]),
    event("umount", File, columns![res ERRNO, name PATH]),
    event("umount2", File, columns![res ERRNO, name PATH, flags Shape::Flags(flags::UNMOUNT)]),
    // Descriptors are copied and closed by these.
    event("close", IoOther, columns![res ERRNO, fd FD]),
    event("close_range", IoOther, columns![res ERRNO, first U32, last U32, flags Shape::Flags(flags::CLOSE_RANGE)]),
    event("dup", IoOther, columns![res FD, oldfd FD]),
    event("dup2", IoOther, columns![res FD, oldfd FD, newfd FD]),
    event("dup3", IoOther, columns![res FD, oldfd FD, newfd FD, flags Shape::Flags(flags::DESCRIPTOR)]),
    event("fcntl", IoOther, columns![res FD, fd FD, cmd Shape::Enum(flags::CONTROL, Some(0)), arg U64]),
];
