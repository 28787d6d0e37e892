//! Values as text.

use std::{borrow::Cow, fmt::Write as _};

use fields::Value;

/// What text shows where there is no value.
pub(crate) const NO_VALUE: &str = "<NA>";

/// The bytes that a value stands for, unchanged.
pub(crate) fn plain_bytes<'v>(value: &'v Value<'_>) -> Cow<'v, [u8]> {
    let joined = |values: &[Value<'_>], separator: &[u8]| {
        values.iter().map(|value| plain_bytes(value).into_owned()).collect::<Vec<_>>().join(separator)
    };
    match value {
        Value::Bytes(bytes) => Cow::Borrowed(bytes),
        Value::Time { text, .. } => Cow::Borrowed(text.as_bytes()),
        Value::Int(number) => Cow::Owned(number.to_string().into_bytes()),
        Value::Uint(number) => Cow::Owned(number.to_string().into_bytes()),
        Value::Bool(true) => Cow::Borrowed(b"true"),
        Value::Bool(false) => Cow::Borrowed(b"false"),
        Value::Double(number) => Cow::Owned(format!("{number:.1}").into_bytes()),
        Value::Ip(ip) => Cow::Owned(ip.to_string().into_bytes()),
        Value::List(values) => Cow::Owned([b"(", &*joined(values, b","), b")"].concat()),
        Value::AnyOf(values) => Cow::Owned(joined(values, b" ")),
        Value::NamedIp(ip) => Cow::Borrowed(ip.names().next().unwrap_or_default().as_bytes()),
        Value::EitherEnd(ends) => Cow::Owned(joined(&**ends, b",")),
    }
}

/// How many bytes of a buffer text shows at most; Falco's room for it.
const MAX_PRINTABLE: usize = 1022;

/// Raw bytes as text shows them: what can be printed, and dots for the rest (`binary_buffer_to_string_dots` of libsinsp).
/// Of what is too long Falco's terminator takes one more.
pub(crate) fn printable(buffer: &[u8]) -> Vec<u8> {
    let length = if buffer.len() > MAX_PRINTABLE { MAX_PRINTABLE - 1 } else { buffer.len() };
    let shown = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { *byte } else { b'.' };
    buffer.iter().take(length).map(shown).collect()
}

/// The value as text, unchanged but for what is not UTF-8.
pub(crate) fn plain_text(value: &Value<'_>) -> String {
    String::from_utf8_lossy(&plain_bytes(value)).into_owned()
}

/// Adds the value as messages show it: control characters escaped as JSON does, what is not UTF-8 as U+FFFD.
///
/// A terminal that shows a message must not be driven by what a process called its files.
pub(crate) fn push_sanitised(message: &mut String, value: &Value<'_>) {
    for character in String::from_utf8_lossy(&plain_bytes(value)).chars() {
        match character {
            '\u{8}' => message.push_str("\\b"),
            '\u{c}' => message.push_str("\\f"),
            '\n' => message.push_str("\\n"),
            '\r' => message.push_str("\\r"),
            '\t' => message.push_str("\\t"),
            control if control.is_control() => {
                // Writing into a String cannot fail.
                let _ = write!(message, "\\u{:04x}", u32::from(control));
            }
            other => message.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use fields::Value;

    use super::{plain_text, printable, push_sanitised};

    /// Scenario: a file name that tries to drive a terminal, and one that is not UTF-8. Guarantees: neither gets through.
    #[test]
    fn messages_hold_no_control_characters() {
        let mut message = String::new();
        push_sanitised(&mut message, &Value::bytes(&b"a\x1b[2J\nb\xff\x7f\xc2\x9b"[..]));
        assert_eq!(message, "a\\u001b[2J\\nb\u{fffd}\\u007f\\u009b");
    }

    /// Scenario: values with several parts. Guarantees: Falco's text for lists and ancestors.
    #[test]
    fn several_values_have_falcos_text() {
        let parts = || vec![Value::Uint(1), Value::Bool(true), Value::Int(-1)];
        assert_eq!(plain_text(&Value::List(parts())), "(1,true,-1)");
        assert_eq!(plain_text(&Value::AnyOf(parts())), "1 true -1");
        assert_eq!(plain_text(&Value::Double(1.25)), "1.2");
        assert_eq!(plain_text(&Value::Double(3.0)), "3.0");
    }

    /// Scenario: raw bytes, few and many. Guarantees: dots for what cannot be printed, and Falco's bound.
    #[test]
    fn buffers_show_what_can_be_printed() {
        assert_eq!(printable(b"GET / \r\n\0\xffz~\x7f"), b"GET / ....z~.");
        assert_eq!(printable(&[b'a'; 1022]).len(), 1022);
        assert_eq!(printable(&[b'a'; 1023]).len(), 1021);
    }
}
