//! Values out of bytes.

use super::{FAMILY_IPV4, FAMILY_IPV6, FAMILY_UNIX, SocketAddress, SocketTuple, Value, ValueError};
use crate::{
    fields::{Fields, Malformed},
    table::ParameterType,
};

/// What drivers once wrote where they could not read the text.
const UNREADABLE: &[u8] = b"<NA>";

/// What the bytes of a parameter say; `None` if it is absent (no bytes).
pub fn decode(parameter_type: ParameterType, bytes: &[u8]) -> Result<Option<Value>, ValueError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let wrong = |_: Malformed| ValueError::Length { parameter_type, length: bytes.len() };
    Ok(Some(match parameter_type {
        number if number.size().is_some() => decode_number(number, bytes)?,
        text if text.is_text() => {
            // Readers end it at its first NUL.
            let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            if text == UNREADABLE {
                return Ok(None);
            }
            Value::Text(text.to_vec())
        }
        ParameterType::SockAddr => Value::Address(address(bytes).map_err(wrong)?),
        ParameterType::SockTuple => Value::Tuple(tuple(bytes).map_err(wrong)?),
        ParameterType::FdList => Value::Descriptors(descriptors(bytes).map_err(wrong)?),
        ParameterType::Dyn(dynamic) => {
            let (index, rest) = bytes.split_first().ok_or_else(|| wrong_length(parameter_type, bytes))?;
            let alternative =
                dynamic.alternative(*index).ok_or_else(|| wrong_length(parameter_type, bytes))?;
            // The bytes of a socket option may be none; anything else without bytes is absent.
            match decode(alternative, rest)? {
                Some(value) => Value::Dynamic(*index, Box::new(value)),
                None if alternative == ParameterType::ByteBuf => {
                    Value::Dynamic(*index, Box::new(Value::Bytes(Vec::new())))
                }
                None => return Ok(None),
            }
        }
        _ => Value::Bytes(bytes.to_vec()),
    }))
}

fn decode_number(parameter_type: ParameterType, bytes: &[u8]) -> Result<Value, ValueError> {
    let wrong = || wrong_length(parameter_type, bytes);
    if parameter_type.size() != Some(bytes.len()) {
        return Err(wrong());
    }
    let is_negative = parameter_type.is_signed() && bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut wide = [if is_negative { 0xff } else { 0 }; 8];
    wide.get_mut(..bytes.len()).ok_or_else(wrong)?.copy_from_slice(bytes);
    Ok(if parameter_type.is_signed() {
        Value::Signed(i64::from_le_bytes(wide))
    } else {
        Value::Unsigned(u64::from_le_bytes(wide))
    })
}

fn wrong_length(parameter_type: ParameterType, bytes: &[u8]) -> ValueError {
    ValueError::Length { parameter_type, length: bytes.len() }
}

/// The family is one byte. What is shorter or longer than its family's address is kept as bytes if the family says
/// nothing more, which is how drivers tell that they could not read the rest.
fn address(bytes: &[u8]) -> Result<SocketAddress, Malformed> {
    let mut fields = Fields::new(bytes);
    let family = fields.u8("family")?;
    let address = match family {
        FAMILY_IPV4 if fields.left() > 0 => SocketAddress::Internet(fields.ipv4_with_port("address")?),
        FAMILY_IPV6 if fields.left() > 0 => SocketAddress::Internet(fields.ipv6_with_port("address")?),
        FAMILY_UNIX => return Ok(SocketAddress::Unix(path(fields.rest()))),
        other => return Ok(SocketAddress::Other(other, fields.rest().to_vec())),
    };
    ended(&fields, address)
}

fn tuple(bytes: &[u8]) -> Result<SocketTuple, Malformed> {
    let mut fields = Fields::new(bytes);
    let family = fields.u8("family")?;
    let tuple = match family {
        FAMILY_IPV4 if fields.left() > 0 => SocketTuple::Internet {
            source: fields.ipv4_with_port("source")?,
            destination: fields.ipv4_with_port("destination")?,
        },
        FAMILY_IPV6 if fields.left() > 0 => SocketTuple::Internet {
            source: fields.ipv6_with_port("source")?,
            destination: fields.ipv6_with_port("destination")?,
        },
        FAMILY_UNIX if fields.left() > 0 => {
            return Ok(SocketTuple::Unix {
                source: fields.u64("source")?,
                destination: fields.u64("destination")?,
                path: path(fields.rest()),
            });
        }
        other => return Ok(SocketTuple::Other(other, fields.rest().to_vec())),
    };
    ended(&fields, tuple)
}

fn ended<T>(fields: &Fields<'_>, read: T) -> Result<T, Malformed> {
    match fields.left() {
        0 => Ok(read),
        left => Err(Malformed::TooMany {
            field: "bytes",
            found: u64::try_from(left).unwrap_or(u64::MAX),
            limit: 0,
        }),
    }
}

/// An abstract name begins with a NUL; another ends the path.
fn path(bytes: &[u8]) -> Vec<u8> {
    let start = usize::from(bytes.len() > 1 && bytes.starts_with(&[0]));
    let end = bytes.iter().skip(start).position(|byte| *byte == 0).map_or(bytes.len(), |end| start + end);
    bytes.get(..end).unwrap_or(bytes).to_vec()
}

fn descriptors(bytes: &[u8]) -> Result<Vec<(i64, u16)>, Malformed> {
    let mut fields = Fields::new(bytes);
    let count = fields.u16("count")?;
    let descriptors =
        (0..count).map(|_| Ok((fields.i64("fd")?, fields.u16("flags")?))).collect::<Result<Vec<_>, _>>()?;
    ended(&fields, descriptors)
}
