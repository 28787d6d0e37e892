//! Descriptors as the lists of a file have them.

use eyrie_proto::event::{FileDescriptor, SocketDescriptor, SocketRole, descriptor::Kind as DescriptorKind};
use scap::DescriptorKind as ScapKind;

use super::{
    addresses::{
        AF_UNIX, IPPROTO_ICMP, IPPROTO_RAW, IPPROTO_TCP, IPPROTO_UDP, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM,
        TCP_ESTABLISHED, TCP_LISTEN, family_of, internet, internet_end, unix,
    },
    descriptors::Entry,
    kinds::{CLOSE_ON_EXEC, DIRECTORY, anonymous_name, device},
};
use crate::flags::{L4_ICMP, L4_RAW, L4_TCP, L4_UDP, descriptor_type_name, kernel_number};

/// `scap_fd_type` of a directory and of what has a path without flags.
const FD_DIRECTORY: u8 = 2;
const FD_FILE: u8 = 1;
/// How /proc names what has no path.
const ANONYMOUS_PREFIX: &[u8] = b"anon_inode:";
const PIPE_PREFIX: &[u8] = b"pipe:[";

/// A descriptor of the list.
pub(super) fn entry_of(descriptor: scap::Descriptor) -> Entry {
    let inode = descriptor.inode;
    let kind = match descriptor.kind {
        ScapKind::File { open_flags, name, device: number } => {
            let flags = kernel_number("open", "flags", open_flags.into());
            let file = FileDescriptor { inode, device: number.map_or(0, device), ..Entry::file(&name) };
            return Entry::new(DescriptorKind::File(file), flags & CLOSE_ON_EXEC != 0);
        }
        ScapKind::Connection { source, destination, protocol } => {
            let (r#type, number) = transport_of(protocol);
            DescriptorKind::Socket(SocketDescriptor {
                family: family_of(source.ip),
                r#type,
                protocol: number,
                local: Some(internet(source)),
                remote: internet_end(destination),
                state: if number == IPPROTO_TCP { TCP_ESTABLISHED } else { 0 },
                is_connected: number == IPPROTO_TCP,
                inode,
                ..SocketDescriptor::default()
            })
        }
        ScapKind::Server { address, protocol } => {
            let (r#type, number) = transport_of(protocol);
            DescriptorKind::Socket(SocketDescriptor {
                family: family_of(address.ip),
                r#type,
                protocol: number,
                local: Some(internet(address)),
                role: SocketRole::Server.into(),
                state: if number == IPPROTO_TCP { TCP_LISTEN } else { 0 },
                inode,
                ..SocketDescriptor::default()
            })
        }
        ScapKind::Unix { name, .. } => {
            // One with a path is who waits at it.
            let role = if name.is_empty() { SocketRole::Client } else { SocketRole::Server };
            DescriptorKind::Socket(SocketDescriptor {
                family: AF_UNIX,
                local: (!name.is_empty()).then(|| unix(name)),
                role: role.into(),
                inode,
                ..SocketDescriptor::default()
            })
        }
        ScapKind::Other { fd_type: fd_type @ (FD_FILE | FD_DIRECTORY), name } => {
            let mode = if fd_type == FD_DIRECTORY { DIRECTORY } else { 0 };
            DescriptorKind::File(FileDescriptor { inode, mode, ..Entry::file(&name) })
        }
        ScapKind::Other { fd_type, name } => {
            let fd_type = descriptor_type_name(fd_type).unwrap_or("unknown");
            // As the kernel has it, without what /proc puts before it.
            let name = match name.strip_prefix(ANONYMOUS_PREFIX) {
                Some(name) => name,
                None if name.starts_with(PIPE_PREFIX) => &[],
                None if name.is_empty() => anonymous_name(fd_type),
                None => &name,
            };
            return Entry::other(fd_type, name, inode, false);
        }
    };
    Entry::new(kind, false)
}

/// Type and protocol of a socket by Falco's one number for both.
fn transport_of(protocol: u8) -> (u32, u32) {
    match protocol {
        L4_TCP => (SOCK_STREAM, IPPROTO_TCP),
        L4_UDP => (SOCK_DGRAM, IPPROTO_UDP),
        L4_ICMP => (SOCK_RAW, IPPROTO_ICMP),
        L4_RAW => (SOCK_RAW, IPPROTO_RAW),
        _ => (0, 0),
    }
}
