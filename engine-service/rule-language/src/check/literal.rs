//! What a literal means to the type that it is compared with (`libsinsp/value_parser.cpp`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{service::port_of, types::type_name};
use crate::{
    catalogue::{FieldType, TypeClass},
    condition::{LiteralValue, Operand, Operator},
    escape::unhex,
    posix_regex::compile_regex,
};

/// What is wrong with a literal: Falco's words, and what to do.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// The value of `text` beside `lhs`, or what is wrong with it.
pub(super) fn convert(text: &[u8], operator: Operator, lhs: &Operand) -> Result<LiteralValue, Misfit> {
    match operator {
        Operator::BContains | Operator::BStartsWith => {
            let message = "filter error: bcontains and bstartswith operator support hex strings only";
            return unhex(text).map(LiteralValue::Bytes).ok_or_else(|| Misfit {
                message: message.to_owned(),
                help: Some("write pairs of hexadecimal digits, as in 'bcontains 7f454c46'".to_owned()),
            });
        }
        Operator::Regex => {
            compile_regex(text).map_err(|error| Misfit {
                message: format!("invalid regex pattern: {error}"),
                help: Some("expressions are POSIX's, without \\d, \\b, (?…) and lazy repetition".to_owned()),
            })?;
        }
        _ => {}
    }
    let field_type = lhs.field_type();
    if matches!(field_type.class(), TypeClass::Text | TypeClass::Buffer) {
        return Ok(LiteralValue::Text);
    }
    let shown = String::from_utf8_lossy(text);
    typed(&shown, field_type).map_err(|message| Misfit {
        message,
        help: Some(format!("'{lhs}' is {}", type_name(field_type, false))),
    })
}

fn typed(text: &str, field_type: FieldType) -> Result<LiteralValue, String> {
    let no_number = || format!("{text} is not a valid number");
    let bits = field_type.bits().unwrap_or(u64::BITS);
    match field_type.class() {
        TypeClass::Signed => signed(text, bits).map(LiteralValue::Int).ok_or_else(no_number),
        TypeClass::Unsigned if field_type == FieldType::Port => {
            port(text).map(LiteralValue::Uint).ok_or_else(|| format!("unrecognized protocol {text}"))
        }
        TypeClass::Unsigned => unsigned(text, bits).map(LiteralValue::Uint).ok_or_else(no_number),
        TypeClass::Double => text
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .map(LiteralValue::Double)
            .ok_or_else(no_number),
        TypeClass::Bool => match text {
            "true" => Ok(LiteralValue::Bool(true)),
            "false" => Ok(LiteralValue::Bool(false)),
            _ => Err(format!("filter error: unrecognized boolean value {text}")),
        },
        TypeClass::Address => text.parse().map(LiteralValue::Ip).map_err(|_| {
            let version = if text.contains('.') { 4 } else { 6 };
            format!("unrecognized IPv{version} address {text}")
        }),
        TypeClass::Network => network(text),
        TypeClass::Text | TypeClass::Buffer => Ok(LiteralValue::Text),
        TypeClass::Opaque => Err(format!("wrong parameter type {}", field_type.falco_name())),
    }
}

/// Decimal with a sign, or hexadecimal behind `0x`.
fn signed(text: &str, bits: u32) -> Option<i64> {
    match hexadecimal(text) {
        // All bits may be written, as the kernel writes negative numbers.
        Some(digits) => {
            let number = u64::from_str_radix(digits, 16).ok().filter(|number| fits(*number, bits))?;
            let unused = u64::BITS - bits;
            Some((number << unused).cast_signed() >> unused)
        }
        None => {
            let limit = 1_i128 << (bits - 1);
            text.parse().ok().filter(|number: &i64| (-limit..limit).contains(&i128::from(*number)))
        }
    }
}

/// The same without a sign; a negative number means what it does in C, so that -1 is what the kernel says for nobody.
fn unsigned(text: &str, bits: u32) -> Option<u64> {
    let number = match hexadecimal(text) {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None => match text.strip_prefix('-') {
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                let number = digits.parse().ok().filter(|number: &u64| fits(*number, bits))?;
                number.wrapping_neg() & (u64::MAX >> (u64::BITS - bits))
            }
            _ => text.parse().ok()?,
        },
    };
    fits(number, bits).then_some(number)
}

fn fits(number: u64, bits: u32) -> bool {
    number <= u64::MAX >> (u64::BITS - bits)
}

fn hexadecimal(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(digits)
}

/// A number, or a service's name; nothing at all is 0, as in Falco.
fn port(text: &str) -> Option<u64> {
    match text.bytes().all(|digit| digit.is_ascii_digit()) {
        true if text.is_empty() => Some(0),
        true => unsigned(text, u16::BITS),
        false => {
            hexadecimal(text).and_then(|_| unsigned(text, u16::BITS)).or_else(|| port_of(text).map(u64::from))
        }
    }
}

/// An address with the length of its prefix.
fn network(text: &str) -> Result<LiteralValue, String> {
    let Some((address, length)) = text.split_once('/') else {
        return Err(format!("unrecognized IP network {text}"));
    };
    let (address, bits) = if text.contains('.') {
        let address: Ipv4Addr = address.parse().map_err(|_| format!("unrecognized IP address {text}"))?;
        (IpAddr::V4(address), 32)
    } else {
        let address: Ipv6Addr = address.parse().map_err(|_| format!("unrecognized IPv6 address {text}"))?;
        (IpAddr::V6(address), 128)
    };
    let version = if bits == 128 { "v6 " } else { "" };
    let prefix: u8 = length.parse().map_err(|_| format!("{length} is not a valid number"))?;
    if prefix > bits {
        return Err(format!("invalid {version}netmask {length}"));
    }
    Ok(LiteralValue::Net(address, prefix))
}
