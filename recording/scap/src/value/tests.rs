//! Values and bytes, both ways.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::{SocketAddress, SocketTuple, Value, ValueError, decode, encode, join_strings, split_strings};
use crate::{
    InternetAddress,
    table::{Dynamic, ParameterType, event_types},
};

fn encoded(parameter_type: ParameterType, value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(parameter_type, value, &mut bytes).unwrap();
    bytes
}

/// Scenario: a port and an address are written.
/// Guarantees: addresses lie in network order and ports in little endian, as drivers write them.
#[test]
fn addresses_lie_as_drivers_write_them() {
    let end = |last, port| InternetAddress { ip: Ipv4Addr::new(10, 0, 0, last).into(), port };
    let tuple = SocketTuple::Internet { source: end(1, 0x1234), destination: end(2, 80) };
    let bytes = encoded(ParameterType::SockTuple, &Value::Tuple(tuple));
    assert_eq!(bytes, [2, 10, 0, 0, 1, 0x34, 0x12, 10, 0, 0, 2, 80, 0]);
    let bytes = encoded(ParameterType::SockAddr, &Value::Address(SocketAddress::Unix(b"/s".to_vec())));
    assert_eq!(bytes, [1, b'/', b's', 0]);
}

/// Scenario: bytes that no value has, and values that no type has.
/// Guarantees: each is an error that says what was wrong; nothing is written.
#[test]
fn what_does_not_go_together_is_an_error() {
    let wrong = |parameter_type, bytes: &[u8]| decode(parameter_type, bytes).unwrap_err();
    assert_eq!(wrong(ParameterType::Fd, &[0; 7]).to_string(), "7 bytes cannot be a fd");
    assert_eq!(wrong(ParameterType::SockTuple, &[2, 0]).to_string(), "2 bytes cannot be a socktuple");
    assert_eq!(
        wrong(ParameterType::SockAddr, &[2, 0, 0, 0, 0, 0, 0, 0]).to_string(),
        "8 bytes cannot be a sockaddr"
    );
    assert_eq!(wrong(ParameterType::FdList, &[9, 0, 0]).to_string(), "3 bytes cannot be a fdlist");
    let dynamic = ParameterType::Dyn(Dynamic::Ptrace);
    assert_eq!(wrong(dynamic, &[7]).to_string(), "1 bytes cannot be a dyn");
    let mut bytes = vec![1];
    let error = encode(ParameterType::Uint8, &Value::Unsigned(256), &mut bytes).unwrap_err();
    assert_eq!(error.to_string(), "Unsigned(256) cannot be a uint8");
    let error = encode(ParameterType::CharBuf, &Value::Text(b"a\0".to_vec()), &mut bytes).unwrap_err();
    assert_eq!(error, ValueError::Nul { parameter_type: ParameterType::CharBuf });
    assert_eq!(bytes, [1]);
}

/// Scenario: what old drivers wrote where they could not read; no bytes; strings without their last NUL.
/// Guarantees: the first two are absent, the last is read as if it had it.
#[test]
fn absent_values_are_absent() {
    assert_eq!(decode(ParameterType::FsPath, b"<NA>\0"), Ok(None));
    assert_eq!(decode(ParameterType::Uint32, b""), Ok(None));
    assert_eq!(decode(ParameterType::CharBuf, b"\0"), Ok(Some(Value::Text(Vec::new()))));
    assert_eq!(split_strings(b"a\0\0b"), [b"a".to_vec(), Vec::new(), b"b".to_vec()]);
    assert_eq!(split_strings(b""), Vec::<Vec<u8>>::new());
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(1u8.., 0..40).prop_filter("stands for nothing", |text| text != b"<NA>")
}

fn end(is_ipv4: bool) -> impl Strategy<Value = InternetAddress> {
    (any::<u128>(), any::<u16>()).prop_map(move |(bits, port)| {
        let ip: IpAddr = match u32::try_from(bits >> 96) {
            Ok(bits) if is_ipv4 => Ipv4Addr::from_bits(bits).into(),
            _ => Ipv6Addr::from_bits(bits).into(),
        };
        InternetAddress { ip, port }
    })
}

/// A value of the type.
pub(crate) fn value_of(parameter_type: ParameterType) -> BoxedStrategy<Value> {
    let bytes = || prop::collection::vec(any::<u8>(), 1..40);
    match parameter_type {
        number if number.size().is_some() => {
            let size = u32::try_from(number.size().unwrap()).unwrap();
            let is_signed = number.is_signed();
            any::<u64>()
                .prop_map(move |bits| match is_signed {
                    true => Value::Signed(bits.cast_signed() >> (64 - 8 * size)),
                    false => Value::Unsigned(bits >> (64 - 8 * size)),
                })
                .boxed()
        }
        text_type if text_type.is_text() => text().prop_map(Value::Text).boxed(),
        ParameterType::SockAddr => prop_oneof![
            any::<bool>().prop_flat_map(end).prop_map(SocketAddress::Internet),
            text().prop_map(SocketAddress::Unix),
            (11u8.., bytes()).prop_map(|(family, rest)| SocketAddress::Other(family, rest)),
        ]
        .prop_map(Value::Address)
        .boxed(),
        ParameterType::SockTuple => {
            prop_oneof![
                any::<bool>()
                    .prop_flat_map(|is_ipv4| (end(is_ipv4), end(is_ipv4)))
                    .prop_map(|(source, destination)| SocketTuple::Internet { source, destination }),
                (any::<u64>(), any::<u64>(), text())
                    .prop_map(|(source, destination, path)| SocketTuple::Unix { source, destination, path }),
                (11u8.., bytes()).prop_map(|(family, rest)| SocketTuple::Other(family, rest)),
            ]
            .prop_map(Value::Tuple)
            .boxed()
        }
        ParameterType::FdList => {
            prop::collection::vec(any::<(i64, u16)>(), 0..8).prop_map(Value::Descriptors).boxed()
        }
        ParameterType::Dyn(dynamic) => (0u8..5)
            .prop_filter_map("no such alternative", move |index| Some((index, dynamic.alternative(index)?)))
            .prop_flat_map(|(index, alternative)| {
                value_of(alternative).prop_map(move |value| Value::Dynamic(index, Box::new(value)))
            })
            .boxed(),
        _ => bytes().prop_map(Value::Bytes).boxed(),
    }
}

fn any_type() -> impl Strategy<Value = ParameterType> {
    let types: Vec<ParameterType> =
        event_types().flat_map(|event| &event.parameters).map(|parameter| parameter.parameter_type).collect();
    prop::sample::select(types)
}

proptest! {
    /// Scenario: any value of any type is written and read.
    /// Guarantees: it comes out as it went in.
    #[test]
    fn values_come_back((parameter_type, value) in any_type().prop_flat_map(|t| (Just(t), value_of(t)))) {
        let bytes = encoded(parameter_type, &value);
        prop_assert_eq!(decode(parameter_type, &bytes), Ok(Some(value)));
    }

    /// Scenario: any bytes are read as any type.
    /// Guarantees: reading ends, with a value, with nothing or with an error; a value can be written again unless it is text with
    /// a NUL in it.
    #[test]
    fn any_bytes_are_read(parameter_type in any_type(), bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(Some(value)) = decode(parameter_type, &bytes) {
            let again = encoded(parameter_type, &value);
            prop_assert_eq!(decode(parameter_type, &again), Ok(Some(value)));
        }
    }

    /// Scenario: strings are joined and taken apart.
    /// Guarantees: they come back, but for a list of one empty string, which is none.
    #[test]
    fn strings_come_back(strings in prop::collection::vec(text(), 0..6)) {
        prop_assume!(strings.as_slice() != [Vec::<u8>::new()]);
        prop_assert_eq!(split_strings(&join_strings(&strings)), strings);
    }
}
