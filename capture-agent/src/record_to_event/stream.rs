//! What descriptors 0 to 2 of a process are, as text: all that rules can ask of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use eyrie_bpf::DescriptorInfo;
use eyrie_proto::event::{
    SocketAddress, SocketDescriptor, SocketRole, StandardStream, descriptor::Kind, socket_address,
};

use super::descriptor::descriptor;

/// linux/socket.h.
const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const AF_NETLINK: u32 = 16;
/// S_IFMT and S_IFDIR of linux/stat.h.
const FILE_TYPE_MASK: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;

/// Those of three descriptors that are open, with the kinds and names that Falco gives them in `fd.type` and `fd.name`.
pub(crate) fn standard_streams(streams: [&DescriptorInfo<'_>; 3]) -> Vec<StandardStream> {
    streams.into_iter().filter_map(standard_stream).collect()
}

fn standard_stream(info: &DescriptorInfo<'_>) -> Option<StandardStream> {
    let (r#type, name) = match descriptor(info).kind? {
        Kind::File(file) if file.mode & FILE_TYPE_MASK == DIRECTORY => ("directory".to_owned(), file.path),
        Kind::File(file) => ("file".to_owned(), file.path),
        Kind::Socket(socket) => (socket_type(&socket).to_owned(), socket_name(&socket)),
        Kind::Other(other) if other.r#type == "pipe" => {
            (other.r#type, format!("pipe:[{}]", other.inode).into_bytes())
        }
        Kind::Other(other) => (other.r#type, other.name),
    };
    Some(StandardStream { fd: u32::try_from(info.fd).ok()?, r#type, name })
}

fn socket_type(socket: &SocketDescriptor) -> &'static str {
    match socket.family {
        AF_UNIX => "unix",
        AF_INET => "ipv4",
        AF_INET6 => "ipv6",
        AF_NETLINK => "netlink",
        _ => "unknown",
    }
}

/// Both ends, the client's first where it is known which that is, and the own one first otherwise; of one end that alone.
fn socket_name(socket: &SocketDescriptor) -> Vec<u8> {
    let end = |address: &Option<SocketAddress>| address.as_ref().and_then(name_of);
    let (local, remote) = (end(&socket.local), end(&socket.remote));
    let (first, second) = if socket.role() == SocketRole::Server { (remote, local) } else { (local, remote) };
    match (first, second) {
        (Some(first), Some(second)) => [first.as_slice(), b"->", &second].concat(),
        (one, other) => one.or(other).unwrap_or_default(),
    }
}

fn name_of(address: &SocketAddress) -> Option<Vec<u8>> {
    match address.kind.as_ref()? {
        socket_address::Kind::Internet(internet) => {
            let ip = match <[u8; 4]>::try_from(internet.ip.as_slice()) {
                Ok(ipv4) => IpAddr::from(Ipv4Addr::from(ipv4)),
                Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(internet.ip.as_slice()).ok()?).to_canonical(),
            };
            // As Falco writes it: without brackets around an IPv6 address.
            Some(format!("{ip}:{}", internet.port).into_bytes())
        }
        socket_address::Kind::Unix(name) => Some(name.clone()),
        socket_address::Kind::Raw(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use eyrie_bpf::{Endpoint, FileInfo, file_flag, history_flag};

    use super::*;

    fn shown(info: &DescriptorInfo<'_>) -> Option<(u32, String, String)> {
        let stream = standard_streams([&DescriptorInfo::default(), info, &DescriptorInfo::default()]);
        let stream = stream.into_iter().next()?;
        Some((stream.fd, stream.r#type, String::from_utf8(stream.name).unwrap()))
    }

    fn end(ip: &[u8], port: u16) -> Endpoint {
        let mut address = [0; 16];
        address[..ip.len()].copy_from_slice(ip);
        Endpoint { address, port, ..Endpoint::default() }
    }

    /// Scenario: a terminal, a directory, a pipe and a descriptor that is not open. Guarantees: kinds and names as Falco has them; what
    /// is not open is left out.
    #[test]
    fn files_and_pipes() {
        const PIPEFS: u64 = 0x5049_5045;
        let file = |mode, inode| FileInfo { mode, inode, flags: file_flag::KNOWN, ..FileInfo::default() };
        let of = |r#type: &str, name: &str| Some((1, r#type.to_owned(), name.to_owned()));
        let terminal =
            DescriptorInfo { fd: 1, file: file(0o020_600, 3), path: b"/dev/pts/0", ..Default::default() };
        assert_eq!(shown(&terminal), of("file", "/dev/pts/0"));
        let folder = DescriptorInfo { file: file(0o040_755, 3), ..terminal };
        assert_eq!(shown(&folder), of("directory", "/dev/pts/0"));
        let pipe = DescriptorInfo { file_system: PIPEFS, file: file(0o010_600, 77), path: b"/", ..terminal };
        assert_eq!(shown(&pipe), of("pipe", "pipe:[77]"));
        assert_eq!(shown(&DescriptorInfo { fd: 1, ..Default::default() }), None);
    }

    /// Scenario: sockets whose role is known and not, mapped addresses, one with a name, one that is not connected. Guarantees: the client's end
    /// comes first, mapped addresses are those of IPv4, and one end alone is the name.
    #[test]
    fn sockets() {
        let socket = DescriptorInfo {
            fd: 1,
            family: 2,
            local: end(&[10, 0, 0, 1], 443),
            remote: end(&[10, 0, 0, 2], 5000),
            ..Default::default()
        };
        let name = |info: &DescriptorInfo<'_>| shown(info).map(|(_, r#type, name)| format!("{type} {name}"));
        assert_eq!(name(&socket).unwrap(), "ipv4 10.0.0.1:443->10.0.0.2:5000");
        let server = DescriptorInfo { history: history_flag::SERVER, ..socket };
        assert_eq!(name(&server).unwrap(), "ipv4 10.0.0.2:5000->10.0.0.1:443");
        let mapped = [&[0; 10][..], &[0xff, 0xff, 127, 0, 0, 1]].concat();
        let ipv6 =
            DescriptorInfo { family: 10, local: end(&mapped, 80), remote: Endpoint::default(), ..socket };
        assert_eq!(name(&ipv6).unwrap(), "ipv6 127.0.0.1:80");
        let unix = DescriptorInfo {
            family: 1,
            local_name: b"/run/x\0",
            ..DescriptorInfo { fd: 1, ..Default::default() }
        };
        assert_eq!(name(&unix).unwrap(), "unix /run/x");
        let netlink = DescriptorInfo { fd: 1, family: 16, ..Default::default() };
        assert_eq!(name(&netlink).unwrap(), "netlink ");
    }
}
