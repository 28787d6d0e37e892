//! Bytes out of values.

use std::net::IpAddr;

use super::{FAMILY_IPV4, FAMILY_IPV6, FAMILY_UNIX, SocketAddress, SocketTuple, Value, ValueError};
use crate::{InternetAddress, table::ParameterType};

/// Appends the bytes of a value; a value that is not of the type is an error, and appends nothing.
pub fn encode(parameter_type: ParameterType, value: &Value, bytes: &mut Vec<u8>) -> Result<(), ValueError> {
    let wrong = || ValueError::Kind { parameter_type, value: value.clone() };
    match (parameter_type, value) {
        (number, Value::Signed(_) | Value::Unsigned(_)) if number.size().is_some() => {
            encode_number(number, value, bytes).ok_or_else(wrong)?;
        }
        (text, Value::Text(content)) if text.is_text() => {
            if content.contains(&0) {
                return Err(ValueError::Nul { parameter_type });
            }
            bytes.extend(content);
            bytes.push(0);
        }
        (ParameterType::SockAddr, Value::Address(address)) => encode_address(address, bytes),
        (ParameterType::SockTuple, Value::Tuple(tuple)) => encode_tuple(tuple, bytes),
        (ParameterType::FdList, Value::Descriptors(descriptors)) => {
            let count = u16::try_from(descriptors.len())
                .map_err(|_| ValueError::Length { parameter_type, length: descriptors.len() })?;
            bytes.extend(count.to_le_bytes());
            for (fd, flags) in descriptors {
                bytes.extend(fd.to_le_bytes());
                bytes.extend(flags.to_le_bytes());
            }
        }
        (ParameterType::Dyn(dynamic), Value::Dynamic(index, value)) => {
            let alternative = dynamic.alternative(*index).ok_or_else(wrong)?;
            let mut content = Vec::new();
            encode(alternative, value, &mut content)?;
            bytes.push(*index);
            bytes.extend(content);
        }
        (
            ParameterType::ByteBuf | ParameterType::CharBufArray | ParameterType::CharBufPairArray,
            Value::Bytes(content),
        ) => bytes.extend(content),
        _ => return Err(wrong()),
    }
    Ok(())
}

/// `None` if the type has no room for the number. Either kind of number fits either kind of type.
fn encode_number(parameter_type: ParameterType, value: &Value, bytes: &mut Vec<u8>) -> Option<()> {
    let number = match value {
        Value::Signed(number) => i128::from(*number),
        Value::Unsigned(number) => i128::from(*number),
        _ => return None,
    };
    let size = parameter_type.size()?;
    let bits = u32::try_from(size).ok()?.checked_mul(8)?;
    let bound = 1i128.checked_shl(bits)?;
    let range = if parameter_type.is_signed() { -bound / 2..bound / 2 } else { 0..bound };
    if !range.contains(&number) {
        return None;
    }
    bytes.extend(number.to_le_bytes().get(..size)?);
    Some(())
}

fn encode_address(address: &SocketAddress, bytes: &mut Vec<u8>) {
    match address {
        SocketAddress::Internet(address) => {
            bytes.push(if address.ip.is_ipv4() { FAMILY_IPV4 } else { FAMILY_IPV6 });
            encode_end(*address, address.ip.is_ipv4(), bytes);
        }
        SocketAddress::Unix(path) => {
            bytes.push(FAMILY_UNIX);
            bytes.extend(path);
            bytes.push(0);
        }
        SocketAddress::Other(family, rest) => {
            bytes.push(*family);
            bytes.extend(rest);
        }
    }
}

fn encode_tuple(tuple: &SocketTuple, bytes: &mut Vec<u8>) {
    match tuple {
        SocketTuple::Internet { source, destination } => {
            // Ends of different families become IPv6, of which IPv4 has a part.
            let is_ipv4 = source.ip.is_ipv4() && destination.ip.is_ipv4();
            bytes.push(if is_ipv4 { FAMILY_IPV4 } else { FAMILY_IPV6 });
            encode_end(*source, is_ipv4, bytes);
            encode_end(*destination, is_ipv4, bytes);
        }
        SocketTuple::Unix { source, destination, path } => {
            bytes.push(FAMILY_UNIX);
            bytes.extend(source.to_le_bytes());
            bytes.extend(destination.to_le_bytes());
            bytes.extend(path);
            bytes.push(0);
        }
        SocketTuple::Other(family, rest) => {
            bytes.push(*family);
            bytes.extend(rest);
        }
    }
}

fn encode_end(end: InternetAddress, is_ipv4: bool, bytes: &mut Vec<u8>) {
    match end.ip {
        IpAddr::V4(ip) if is_ipv4 => bytes.extend(ip.octets()),
        IpAddr::V4(ip) => bytes.extend(ip.to_ipv6_mapped().octets()),
        IpAddr::V6(ip) => bytes.extend(ip.octets()),
    }
    bytes.extend(end.port.to_le_bytes());
}
