//! Values for a field with which a comparison says what is wanted of it.

use std::net::IpAddr;

use fields::{Extracted, Value};
use rule_language::condition::{Check, Literal, LiteralValue, Operator, Rhs};

use crate::given::{Given, number};

/// Literals of one list that are tried.
const MAX_LITERALS: usize = 4;
/// Values that are tried for one comparison.
const MAX_CANDIDATES: usize = 24;
/// Names of events of all kinds, for comparisons with `evt.type`.
const EVENT_TYPES: [&str; 16] = [
    "openat", "open", "openat2", "creat", "execve", "execveat", "read", "connect", "accept", "listen",
    "sendto", "recvfrom", "unlink", "rename", "chmod", "ptrace",
];
/// Addresses of this host, of private networks, and of networks for examples.
const ADDRESSES: [&str; 8] = [
    "198.51.100.7",
    "10.1.2.3",
    "127.0.0.1",
    "192.168.7.9",
    "172.16.1.1",
    "169.254.169.254",
    "::1",
    "2001:db8::7",
];
/// `fd.type` and its characters.
const TYPES: [&str; 6] = ["file", "ipv4", "unix", "directory", "pipe", "ipv6"];
const CHARACTERS: [&str; 6] = ["f", "4", "u", "d", "p", "6"];

/// The field that the comparison is about, as rules name it.
pub(super) fn field(check: &Check) -> Option<String> {
    check.lhs.transformed_field().map(ToString::to_string)
}

/// A value as a case would give it.
pub(super) fn given(extracted: &Extracted<'_>) -> Option<Given> {
    match extracted {
        Extracted::Value(Value::Bytes(bytes)) => Some(Given::of_bytes(bytes.to_vec())),
        Extracted::Value(Value::AnyOf(values)) => match values.first() {
            Some(Value::Bytes(bytes)) => Some(Given::of_bytes(bytes.to_vec())),
            _ => None,
        },
        Extracted::Value(_) | Extracted::Absent | Extracted::Unknown => None,
    }
}

/// Values with which the comparison may become what is wanted, the most likely first. Whether it does shows when they are tried.
pub(super) fn candidates(check: &Check, wanted: bool, current: Option<&Given>) -> Vec<Given> {
    let literals: &[Literal] = match &check.rhs {
        Rhs::Literal(literal) => std::slice::from_ref(literal),
        Rhs::List(literals) => literals,
        Rhs::None | Rhs::Operand(_) => &[],
    };
    let field = check.lhs.transformed_field().map_or("", |field| field.name.as_str());
    let mut values = Vec::new();
    let is_negative = check.operator == Operator::Ne;
    if check.operator == Operator::Exists {
        exists(field, wanted, &mut values);
    } else if wanted != is_negative {
        for literal in literals.iter().take(MAX_LITERALS) {
            matching(field, check.operator, literal, current, &mut values);
        }
    } else {
        for literal in literals.iter().take(MAX_LITERALS) {
            near_by(check.operator, literal, current, &mut values);
        }
        others(field, current, &mut values);
    }
    if !wanted {
        // Of what is missing nothing holds.
        values.push(Given::Missing);
    }
    let mut distinct: Vec<Given> = Vec::new();
    for value in values {
        if !distinct.contains(&value) && distinct.len() < MAX_CANDIDATES {
            distinct.push(value);
        }
    }
    distinct
}

fn exists(field: &str, wanted: bool, values: &mut Vec<Given>) {
    if !wanted {
        if field.starts_with("container.") {
            values.push(Given::of("host"));
        }
        return;
    }
    let of_field: &[&str] =
        if field.ends_with("ip") { &ADDRESSES } else { &["1", "bash", "/tmp/file", "true"] };
    values.extend(of_field.iter().map(|text| Given::of(*text)));
}

/// Values for which the operator holds with this literal.
fn matching(
    field: &str,
    operator: Operator,
    literal: &Literal,
    current: Option<&Given>,
    values: &mut Vec<Given>,
) {
    let text = &literal.text;
    let now = current.and_then(Given::bytes).unwrap_or_default();
    let mut push = |parts: &[&[u8]]| values.push(Given::of_bytes(parts.concat()));
    match operator {
        Operator::Contains | Operator::IContains => {
            if field.starts_with("evt.arg") {
                push(&[&now, b"|", text]);
            }
            push(&[text]);
            push(&[&now, text]);
            push(&[&now, b" ", text]);
            push(&[b"x", text, b"x"]);
            push(&[b"/x", text, b"x"]);
            push(&[&now, text, b"x"]);
            push(&[text, b"x"]);
        }
        Operator::StartsWith => {
            push(&[text, b"x"]);
            push(&[text]);
            push(&[text, b" x"]);
            push(&[text, b"/x"]);
            push(&[text, &now]);
        }
        Operator::EndsWith => {
            push(&[b"/x", text]);
            push(&[text]);
            push(&[&now, text]);
            push(&[&now, b" ", text]);
            push(&[b"x", text]);
            push(&[b"x ", text]);
        }
        Operator::BContains | Operator::BStartsWith => {
            if let LiteralValue::Bytes(bytes) = &literal.value {
                values.push(Given::Bytes(bytes.clone()));
                values.push(Given::Bytes([bytes.as_slice(), b"x"].concat()));
            }
        }
        Operator::Glob | Operator::IGlob | Operator::PMatch => {
            let plain = plain(text);
            if operator == Operator::PMatch {
                push(&[&plain, b"/x"]);
            }
            push(&[&plain]);
        }
        Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge => numbers_around(literal, values),
        Operator::Regex => push(&[&plain(text)]),
        _ => {
            match literal.value {
                LiteralValue::Net(ip, _) => {
                    values.push(Given::Text(next(ip).to_string()));
                    values.push(Given::Text(ip.to_string()));
                }
                _ => push(&[text]),
            }
            if field == "proc.args" {
                values.push(Given::List(vec![Given::of_bytes(text.clone())]));
            }
        }
    }
}

/// Values that are like a literal and are not it, or are like the current value without it.
fn near_by(operator: Operator, literal: &Literal, current: Option<&Given>, values: &mut Vec<Given>) {
    let now = current.and_then(Given::bytes).unwrap_or_default();
    let text = &literal.text;
    let is_order = matches!(operator, Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge);
    if is_order || matches!(literal.value, LiteralValue::Int(_) | LiteralValue::Uint(_)) {
        numbers_around(literal, values);
    }
    if let LiteralValue::Bool(value) = literal.value {
        values.push(Given::of(if value { "false" } else { "true" }));
    }
    if let Some(at) = find(&now, text).filter(|_| !text.is_empty()) {
        // Without the part that matches, and with another in its place.
        let (before, after) =
            (now.get(..at).unwrap_or_default(), now.get(at + text.len()..).unwrap_or_default());
        match operator {
            Operator::StartsWith if text.starts_with(b"/") => {
                values.push(Given::of_bytes([b"/x", now.as_slice()].concat()))
            }
            Operator::EndsWith => values.push(Given::of_bytes([now.as_slice(), b"x"].concat())),
            _ => {}
        }
        values.push(Given::of_bytes([before, b"x", after].concat()));
        values.push(Given::of_bytes([before, after].concat()));
        let flag = [before.strip_suffix(b"|").unwrap_or(before), after].concat();
        values.push(Given::of_bytes(flag.strip_prefix(b"|").unwrap_or(&flag).to_vec()));
        if text.starts_with(b"/") {
            values.push(Given::of_bytes([before, b"/x", after].concat()));
        }
    }
}

/// Values that nothing is known of.
fn others(field: &str, current: Option<&Given>, values: &mut Vec<Given>) {
    let now = current.and_then(Given::bytes).unwrap_or_default();
    let texts: &[&str] = match field {
        "evt.type" | "syscall.type" => &EVENT_TYPES,
        "evt.res" => &["SUCCESS", "EACCES", "EINPROGRESS"],
        "fd.type" => &TYPES,
        "fd.typechar" => &CHARACTERS,
        "fd.l4proto" => &["tcp", "udp", "raw", "icmp"],
        "fd.sockfamily" => &["ip", "unix"],
        "container.id" => &["host", "0123456789ab"],
        "evt.arg" => &["0", "1", "O_RDONLY", "S_IRUSR", "/tmp/other", "AF_INET", "CLONE_FILES", "root"],
        "thread.cap_permitted" | "thread.cap_effective" | "thread.cap_inheritable" => &["", "CAP_CHOWN"],
        name if name.ends_with("ip.name") => &["other.example.org"],
        name if name.ends_with("ip") || name.ends_with("net") => &ADDRESSES,
        name if name.ends_with("port") => &["40001", "443"],
        _ => &[],
    };
    values.extend(texts.iter().map(|text| Given::of(*text)));
    if now.starts_with(b"/") {
        values.push(Given::of("/tmp/other"));
        values.push(Given::of_bytes([now.as_slice(), b"x"].concat()));
        values.push(Given::of("/other/x"));
    }
    if texts.is_empty() {
        values.push(Given::of("other"));
        values.push(Given::of("other x"));
        values.push(Given::of(""));
    }
}

fn numbers_around(literal: &Literal, values: &mut Vec<Given>) {
    let Some(own) = str::from_utf8(&literal.text).ok().and_then(number) else { return };
    for number in [own, own + 1, own - 1, 0, 1, 1000, -2] {
        values.push(Given::Text(number.to_string()));
    }
}

/// A text that a pattern of the shell, or a simple expression, matches.
fn plain(pattern: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = pattern.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'*' => {}
            b'?' => plain.push(b'x'),
            b'[' => {
                let set: Vec<u8> = rest.by_ref().take_while(|byte| **byte != b']').copied().collect();
                plain.push(match set.as_slice() {
                    [b'!' | b'^', ..] => b'x',
                    [first, ..] => *first,
                    [] => b'[',
                });
            }
            b'\\' => plain.extend(rest.next()),
            other => plain.push(*other),
        }
    }
    plain
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len().max(1)).position(|window| window == part)
}

/// The address after the first of a network.
fn next(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => u32::from(ip).saturating_add(1).to_be_bytes().into(),
        IpAddr::V6(ip) => u128::from(ip).saturating_add(1).to_be_bytes().into(),
    }
}
