//! Files and paths.

use eyrie_bpf::{FileInfo, Header, file_flag, flag};
use eyrie_proto::event::{
    ChangeDirectory, Descriptor, Executable, FileDescriptor, Open, OverlayLayer, PathArgument, descriptor,
};
use host_model::paths::is_disputed;

/// O_CREAT and O_TMPFILE without O_DIRECTORY, of asm-generic/fcntl.h.
const MAKES_FILE: u32 = 0o100 | 0o20_000_000;

pub(super) fn open(record: &eyrie_bpf::Open<'_>) -> Open {
    let file = &record.file;
    let path =
        path_argument(&record.header, record.directory_fd, record.requested, record.base, record.resolved);
    Open {
        is_path_disputed: is_disputed(&path),
        path: Some(path),
        flags: record.flags,
        // A call that makes nothing is given none: programs leave the register as it is.
        mode: if record.flags & MAKES_FILE == 0 { 0 } else { record.mode },
        resolve: record.resolve,
        descriptor: (record.fd >= 0).then(|| Descriptor {
            fd: record.fd,
            // Without a kind if another thread closed it before it could be looked at.
            kind: file.is_known().then(|| descriptor::Kind::File(file_descriptor(file, record.resolved))),
        }),
        is_created: file.has(file_flag::CREATED),
    }
}

pub(super) fn change_directory(record: &eyrie_bpf::ChangeDirectory<'_>) -> ChangeDirectory {
    // A call that failed reached nothing; where the process still is, is told all the same.
    let resolved = if record.header.call_result < 0 { &[] } else { record.working_directory };
    let path = path_argument(&record.header, record.directory_fd, record.requested, record.base, resolved);
    ChangeDirectory { path: Some(path), working_directory: record.working_directory.to_vec() }
}

pub(super) fn path_argument(
    header: &Header,
    directory_fd: i32,
    requested: &[u8],
    base: &[u8],
    resolved: &[u8],
) -> PathArgument {
    PathArgument {
        requested: requested.to_vec(),
        directory_fd,
        base: base.to_vec(),
        resolved: resolved.to_vec(),
        is_truncated: header.has(flag::REQUESTED_TRUNCATED),
        is_unreadable: header.has(flag::REQUESTED_UNREADABLE),
    }
}

/// The file that a process executes; `None` for threads of the kernel.
pub(crate) fn executable(file: &FileInfo, path: &[u8]) -> Option<Executable> {
    file.is_known().then(|| Executable {
        path: path.to_vec(),
        inode: file.inode,
        device: file.device,
        change_time_ns: file.change_time_ns,
        modify_time_ns: file.modify_time_ns,
        layer: layer(file).into(),
        is_memfd: file.has(file_flag::MEMFD),
        is_deleted: file.has(file_flag::DELETED),
        is_writable: false,
    })
}

pub(super) fn file_descriptor(file: &FileInfo, path: &[u8]) -> FileDescriptor {
    FileDescriptor {
        path: path.to_vec(),
        inode: file.inode,
        device: file.device,
        mode: file.mode,
        layer: layer(file).into(),
        is_deleted: file.has(file_flag::DELETED),
        is_truncated: file.has(file_flag::PATH_TRUNCATED),
    }
}

fn layer(file: &FileInfo) -> OverlayLayer {
    if file.has(file_flag::UPPER_LAYER) {
        OverlayLayer::Upper
    } else if file.has(file_flag::LOWER_LAYER) {
        OverlayLayer::Lower
    } else {
        OverlayLayer::Unspecified
    }
}
