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
        Value::Double(number) => Cow::Owned(number.to_string().into_bytes()),
        Value::Ip(ip) => Cow::Owned(ip.to_string().into_bytes()),
        Value::List(values) => Cow::Owned([b"(", &*joined(values, b","), b")"].concat()),
        Value::AnyOf(values) => Cow::Owned(joined(values, b" ")),
        Value::NamedIp(ip) => Cow::Borrowed(ip.names().next().unwrap_or_default().as_bytes()),
        Value::EitherEnd(ends) => Cow::Owned(joined(&**ends, b",")),
    }
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

    use super::{plain_text, push_sanitised};

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
    }
}
