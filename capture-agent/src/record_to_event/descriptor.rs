//! What lies behind a descriptor.

use eyrie_bpf::{DescriptorInfo, file_flag};
use eyrie_proto::event::{Descriptor, OtherDescriptor, descriptor::Kind};

use super::{file::file_descriptor, socket::socket_descriptor};

/// linux/magic.h: file systems that no path leads to.
const PIPEFS_MAGIC: u64 = 0x5049_5045;
const ANON_INODE_FS_MAGIC: u64 = 0x0904_1934;
const PID_FS_MAGIC: u64 = 0x5049_4446;

/// Names of anonymous inodes, as the kernel has them behind `anon_inode:` in /proc, with what Falco calls them in `fd.type`.
const ANONYMOUS: [(&[u8], &str); 8] = [
    (b"[eventfd]", "event"),
    (b"[eventpoll]", "eventpoll"),
    (b"[timerfd]", "timerfd"),
    (b"[signalfd]", "signalfd"),
    (b"inotify", "inotify"),
    (b"[userfaultfd]", "userfaultfd"),
    (b"[io_uring]", "io_uring"),
    (b"[pidfd]", "pidfd"),
];

/// A descriptor without a kind is not open (any more), or is of something that could not be looked at.
pub(super) fn descriptor(info: &DescriptorInfo<'_>) -> Descriptor {
    Descriptor { fd: info.fd, kind: kind(info) }
}

fn kind(info: &DescriptorInfo<'_>) -> Option<Kind> {
    if info.family != 0 {
        return Some(Kind::Socket(socket_descriptor(info)));
    }
    if !info.file.is_known() {
        return None;
    }
    // Such a name stands behind a slash, as if there were a directory.
    let name = path(info).strip_prefix(b"/").unwrap_or(path(info));
    Some(match other_type(info, name) {
        Some(r#type) => Kind::Other(OtherDescriptor {
            r#type: r#type.to_owned(),
            name: name.to_vec(),
            inode: info.file.inode,
        }),
        None => Kind::File(file_descriptor(&info.file, path(info))),
    })
}

/// What has no name at all is called `/` by the kernel: a process, a namespace.
fn path<'a>(info: &DescriptorInfo<'a>) -> &'a [u8] {
    if info.path == b"//" { &[] } else { info.path }
}

/// What Falco calls something that is neither file nor socket; `None` for files.
fn other_type(info: &DescriptorInfo<'_>, name: &[u8]) -> Option<&'static str> {
    match info.file_system {
        PIPEFS_MAGIC => Some("pipe"),
        PID_FS_MAGIC => Some("pidfd"),
        ANON_INODE_FS_MAGIC => Some(anonymous_type(name)),
        _ if info.file.has(file_flag::MEMFD) => Some("memfd"),
        _ => None,
    }
}

fn anonymous_type(name: &[u8]) -> &'static str {
    if name.starts_with(b"bpf") || name == b"btf" {
        return "bpf";
    }
    ANONYMOUS.iter().find(|(own, _)| *own == name).map_or("unknown", |(_, r#type)| r#type)
}
