//! What a literal means to the type that it is compared with.

use std::net::IpAddr;

use crate::{
    catalogue::{FieldType, TypeClass},
    condition::{LiteralValue, Operand, Operator},
    escape::unhex,
};

/// How large a compiled regular expression may be, in bytes.
const MAX_REGEX_SIZE: usize = 1 << 20;

/// The value of `text` beside `lhs`, or what is wrong with it.
pub(super) fn convert(text: &[u8], operator: Operator, lhs: &Operand) -> Result<LiteralValue, String> {
    match operator {
        Operator::BContains | Operator::BStartsWith => {
            return unhex(text).map(LiteralValue::Bytes).ok_or_else(|| {
                format!("'{operator}' operator supports hex strings only, in pairs of digits")
            });
        }
        Operator::Regex => check_regex(text)?,
        _ => {}
    }
    let field_type = lhs.field_type();
    if matches!(field_type.class(), TypeClass::Text | TypeClass::Buffer) {
        return Ok(LiteralValue::Text);
    }
    let shown = String::from_utf8_lossy(text);
    let wrong = |expected: &str| format!("'{shown}' cannot be compared with '{lhs}': expected {expected}");
    let text = std::str::from_utf8(text).map_err(|_| wrong("valid UTF-8"))?;
    match field_type.class() {
        TypeClass::Signed => signed(text).map(LiteralValue::Int).ok_or_else(|| wrong("a whole number")),
        TypeClass::Unsigned if field_type == FieldType::Port => unsigned(text)
            .filter(|&port| port <= u64::from(u16::MAX))
            .map(LiteralValue::Uint)
            .ok_or_else(|| wrong("a port number from 0 to 65535")),
        TypeClass::Unsigned => {
            unsigned(text).map(LiteralValue::Uint).ok_or_else(|| wrong("a whole number that is not negative"))
        }
        TypeClass::Double => text
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .map(LiteralValue::Double)
            .ok_or_else(|| wrong("a number")),
        TypeClass::Bool => match text {
            "true" => Ok(LiteralValue::Bool(true)),
            "false" => Ok(LiteralValue::Bool(false)),
            _ => Err(wrong("true or false")),
        },
        TypeClass::Address => {
            text.parse().map(LiteralValue::Ip).map_err(|_| wrong("an IPv4 or IPv6 address"))
        }
        TypeClass::Network => network(text).ok_or_else(|| wrong("a network, as in 10.0.0.0/8")),
        TypeClass::Text | TypeClass::Buffer => Ok(LiteralValue::Text),
        TypeClass::Opaque => Err(wrong("nothing: it only exists or does not")),
    }
}

fn check_regex(text: &[u8]) -> Result<(), String> {
    let pattern =
        std::str::from_utf8(text).map_err(|_| "a regular expression has to be valid UTF-8".to_owned())?;
    // By itself too: in `a)|(b` the parentheses that anchor it would close, and it would not be anchored any more.
    let anchored = format!(r"\A(?:{pattern})\z");
    let build = |pattern: &str| regex::bytes::RegexBuilder::new(pattern).size_limit(MAX_REGEX_SIZE).build();
    match build(pattern).and_then(|_| build(&anchored)) {
        Ok(_) => Ok(()),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Err(format!("'{pattern}' is not a regular expression: {reason}"))
        }
    }
}

/// Decimal with a sign, or hexadecimal behind `0x`.
fn signed(text: &str) -> Option<i64> {
    match hexadecimal(text) {
        // All 64 bits may be written, as the kernel writes negative numbers.
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(u64::cast_signed),
        None => text.parse().ok(),
    }
}

fn unsigned(text: &str) -> Option<u64> {
    match hexadecimal(text) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn hexadecimal(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(digits)
}

/// An address with a prefix length or, for IPv4, a mask; an address alone is a network of one.
fn network(text: &str) -> Option<LiteralValue> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address.parse().ok()?, Some(length)),
        None => (text.parse().ok()?, None),
    };
    let bits = match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    let length = match length {
        None => bits,
        Some(length) => match (address, length.parse::<IpAddr>()) {
            (IpAddr::V4(_), Ok(IpAddr::V4(mask))) => {
                let mask = u32::from(mask);
                let ones = mask.leading_ones();
                let is_prefix = mask.count_ones() == ones;
                is_prefix.then(|| u8::try_from(ones).ok()).flatten()?
            }
            _ => length.parse().ok().filter(|&length: &u8| length <= bits)?,
        },
    };
    Some(LiteralValue::Net(address, length))
}
