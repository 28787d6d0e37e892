//! Descriptors of a thread.

use std::net::{IpAddr, Ipv4Addr};

use crate::{
    Descriptor, DescriptorKind, InternetAddress,
    fields::{Fields, Malformed},
};

/// At most so many descriptors are read of one thread, 80 bytes each with a short name: `fs.nr_open` without changes.
pub(crate) const MAX_DESCRIPTORS: u32 = 1_048_576;

/// Bytes of a name that readers take.
const MAX_NAME_BYTES: usize = 1023;

// `scap_fd_type`.
const UNKNOWN: u8 = 0;
const IPV4_SOCKET: u8 = 3;
const IPV6_SOCKET: u8 = 4;
const IPV4_SERVER: u8 = 5;
const IPV6_SERVER: u8 = 6;
const UNIX_SOCKET: u8 = 8;
const UNSUPPORTED: u8 = 10;
const FILE_WITH_FLAGS: u8 = 16;

/// The next descriptor. One of an unknown type is [`UNSUPPORTED`] where its length is known, as libs has it.
pub(crate) fn read(fields: &mut Fields<'_>, has_lengths: bool) -> Result<Descriptor, Malformed> {
    if !has_lengths {
        return read_entry(fields, false);
    }
    let mut entry = fields.entry("entry length", true)?;
    read_entry(&mut entry, true)
}

fn read_entry(fields: &mut Fields<'_>, has_lengths: bool) -> Result<Descriptor, Malformed> {
    let (fd, inode, fd_type) = (fields.i64("fd")?, fields.u64("ino")?, fields.u8("type")?);
    let kind = match fd_type {
        IPV4_SOCKET => DescriptorKind::Connection {
            source: InternetAddress { ip: fields.ipv4("sip")?, port: 0 },
            destination: InternetAddress { ip: fields.ipv4("dip")?, port: 0 },
            protocol: 0,
        },
        IPV6_SOCKET => DescriptorKind::Connection {
            source: InternetAddress { ip: fields.ipv6("sip")?, port: 0 },
            destination: InternetAddress { ip: fields.ipv6("dip")?, port: 0 },
            protocol: 0,
        },
        IPV4_SERVER => DescriptorKind::Server {
            address: fields.ipv4_with_port("address")?,
            protocol: fields.u8("l4proto")?,
        },
        IPV6_SERVER => DescriptorKind::Server {
            address: fields.ipv6_with_port("address")?,
            protocol: fields.u8("l4proto")?,
        },
        UNIX_SOCKET => DescriptorKind::Unix {
            source: fields.u64("source")?,
            destination: fields.u64("destination")?,
            name: fields.text("name", MAX_NAME_BYTES)?,
        },
        FILE_WITH_FLAGS => DescriptorKind::File {
            open_flags: fields.u32("open_flags")?,
            name: fields.text("name", MAX_NAME_BYTES)?,
            device: (has_lengths && fields.left() >= 4).then(|| fields.u32("dev")).transpose()?,
        },
        UNKNOWN => DescriptorKind::Other { fd_type, name: Vec::new() },
        1..=21 => DescriptorKind::Other { fd_type, name: fields.text("name", MAX_NAME_BYTES)? },
        _ if has_lengths => DescriptorKind::Other { fd_type: UNSUPPORTED, name: Vec::new() },
        _ => return Err(Malformed::Unknown { field: "type", found: fd_type.into() }),
    };
    Ok(Descriptor { fd, inode, kind: with_ports(kind, fields)? })
}

/// Both addresses come before both ports.
fn with_ports(kind: DescriptorKind, fields: &mut Fields<'_>) -> Result<DescriptorKind, Malformed> {
    let DescriptorKind::Connection { source, destination, .. } = kind else { return Ok(kind) };
    Ok(DescriptorKind::Connection {
        source: InternetAddress { port: fields.u16("sport")?, ..source },
        destination: InternetAddress { port: fields.u16("dport")?, ..destination },
        protocol: fields.u8("l4proto")?,
    })
}

/// Appends an entry with its length.
pub(crate) fn write(descriptor: &Descriptor, body: &mut Vec<u8>) {
    let start = body.len();
    body.extend([0; 4]);
    body.extend(descriptor.fd.to_le_bytes());
    body.extend(descriptor.inode.to_le_bytes());
    match &descriptor.kind {
        DescriptorKind::File { open_flags, name, device } => {
            body.push(FILE_WITH_FLAGS);
            body.extend(open_flags.to_le_bytes());
            super::write_text(name, MAX_NAME_BYTES, body);
            body.extend(device.iter().flat_map(|device| device.to_le_bytes()));
        }
        DescriptorKind::Connection { source, destination, protocol } => {
            write_connection(*source, *destination, *protocol, body);
        }
        DescriptorKind::Server { address, protocol } => {
            body.push(if address.ip.is_ipv4() { IPV4_SERVER } else { IPV6_SERVER });
            super::write_ip(address.ip, body);
            body.extend(address.port.to_le_bytes());
            body.push(*protocol);
        }
        DescriptorKind::Unix { source, destination, name } => {
            body.push(UNIX_SOCKET);
            body.extend(source.to_le_bytes());
            body.extend(destination.to_le_bytes());
            super::write_text(name, MAX_NAME_BYTES, body);
        }
        DescriptorKind::Other { fd_type, name } => {
            // A reader takes the types that have a place of their own for something else.
            let own_place = [UNKNOWN, FILE_WITH_FLAGS, UNIX_SOCKET].contains(fd_type)
                || (IPV4_SOCKET..=IPV6_SERVER).contains(fd_type);
            body.push(if own_place || *fd_type > 21 { UNSUPPORTED } else { *fd_type });
            super::write_text(name, MAX_NAME_BYTES, body);
        }
    }
    super::set_entry_length(body, start, true);
}

/// Ends of different families become IPv6, of which IPv4 has a part.
fn write_connection(source: InternetAddress, destination: InternetAddress, protocol: u8, body: &mut Vec<u8>) {
    let ends = [source.ip, destination.ip];
    let is_ipv4 = ends.iter().all(IpAddr::is_ipv4);
    body.push(if is_ipv4 { IPV4_SOCKET } else { IPV6_SOCKET });
    for ip in ends {
        super::write_ip(if is_ipv4 { ip } else { mapped(ip) }, body);
    }
    body.extend(source.port.to_le_bytes());
    body.extend(destination.port.to_le_bytes());
    body.push(protocol);
}

fn mapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
        IpAddr::V4(ip) => IpAddr::V6(ip.to_ipv6_mapped()),
        IpAddr::V6(_) => ip,
    }
}
