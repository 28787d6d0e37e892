//! Quoted strings: reading their escapes, and writing them as Falco does (`filter/escaping.cpp`).

/// Why a quoted string's inside cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EscapeError {
    /// Where the backslash stands, in bytes from the start of the inside.
    pub(crate) offset: usize,
    pub(crate) message: String,
}

/// The characters that the inside of a string quoted with `quote` stands for.
///
/// Bytes and not text, since `\xHH` can give what is no UTF-8.
pub(crate) fn unescape(inside: &str, quote: u8) -> Result<Vec<u8>, EscapeError> {
    let mut result = Vec::with_capacity(inside.len());
    let mut bytes = inside.bytes().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        if byte != b'\\' {
            result.push(byte);
            continue;
        }
        let fail = |message: String| EscapeError { offset, message };
        let Some((_, escaped)) = bytes.next() else {
            return Err(fail("unfinished string escape sequence: \\".to_owned()));
        };
        result.push(match escaped {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'/' => b'/',
            // A backslash before a blank was never right; Falco reads it as a backslash alone for old rules' sake.
            b'\\' | b' ' => b'\\',
            b'"' | b'\'' if escaped == quote => quote,
            b'"' => return Err(fail("invalid \\\" escape in '-quoted string".to_owned())),
            b'\'' => return Err(fail("invalid \\' escape in \"-quoted string".to_owned())),
            b'x' => {
                let digits = (bytes.next(), bytes.next());
                let (Some((_, high)), Some((_, low))) = digits else {
                    return Err(fail("two hexadecimal digits have to follow \\x".to_owned()));
                };
                match (hex_digit(high), hex_digit(low)) {
                    (Some(high), Some(low)) => high << 4 | low,
                    _ => return Err(fail("two hexadecimal digits have to follow \\x".to_owned())),
                }
            }
            _ => {
                let rest = inside.get(offset + 1..).and_then(|rest| rest.chars().next()).unwrap_or('?');
                return Err(fail(format!("unsupported string escape sequence: \\{rest}")));
            }
        });
    }
    Ok(result)
}

/// `value` as Falco writes it in `condition_compiled`: quoted only if it holds a blank, a quote, a backslash or a
/// control character.
///
/// That is not always readable again (`a(b` and the empty string stay bare); see [`quote_for_reading`].
pub(crate) fn quote_as_falco(value: &[u8]) -> String {
    let plain = value.iter().all(|&byte| !needs_quotes(byte)) && std::str::from_utf8(value).is_ok();
    if plain { String::from_utf8_lossy(value).into_owned() } else { format!("\"{}\"", escaped(value)) }
}

/// `value` so that the parser reads it back as the same bytes.
pub(crate) fn quote_for_reading(value: &[u8]) -> String {
    let bare = !value.is_empty()
        && std::str::from_utf8(value).is_ok()
        && value.iter().all(|&byte| !needs_quotes(byte) && !matches!(byte, b'(' | b')' | b'=' | b',' | 0x0b));
    if bare {
        return String::from_utf8_lossy(value).into_owned();
    }
    let mut inside = escaped(value);
    // A quote does not close behind a backslash, not even behind an escaped one: write a last backslash as a number.
    if inside.ends_with("\\\\") {
        inside.truncate(inside.len() - 2);
        inside.push_str("\\x5c");
    }
    format!("\"{inside}\"")
}

/// The bytes that pairs of hexadecimal digits stand for.
pub(crate) fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| match pair {
            [high, low] => Some(hex_digit(*high)? << 4 | hex_digit(*low)?),
            _ => None,
        })
        .collect()
}

fn escaped(value: &[u8]) -> String {
    let mut result = String::with_capacity(value.len());
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\u{8}' => result.push_str("\\b"),
                '\u{c}' => result.push_str("\\f"),
                '\n' => result.push_str("\\n"),
                '\r' => result.push_str("\\r"),
                '\t' => result.push_str("\\t"),
                '\\' => result.push_str("\\\\"),
                '"' => result.push_str("\\\""),
                control if control.is_ascii_control() => push_hex(&mut result, control as u8),
                other => result.push(other),
            }
        }
        chunk.invalid().iter().for_each(|&byte| push_hex(&mut result, byte));
    }
    result
}

fn needs_quotes(byte: u8) -> bool {
    matches!(byte, b' ' | b'\\' | b'"' | b'\'') || byte.is_ascii_control()
}

fn push_hex(result: &mut String, byte: u8) {
    result.push_str(&format!("\\x{byte:02x}"));
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every escape that Falco knows gives its byte, in either quote.
    #[test]
    fn escapes_give_their_bytes() {
        assert_eq!(unescape(r"a\b\f\n\r\t\\\/", b'"').unwrap(), b"a\x08\x0c\n\r\t\\/");
        assert_eq!(unescape(r#"\""#, b'"').unwrap(), b"\"");
        assert_eq!(unescape(r"\'", b'\'').unwrap(), b"'");
        assert_eq!(unescape(r"\x41\xfF", b'\'').unwrap(), b"A\xff");
        assert_eq!(unescape(r"a\ b", b'"').unwrap(), b"a\\b");
    }

    /// What Falco refuses is refused, with the place of the backslash.
    #[test]
    fn unknown_escapes_are_refused() {
        assert_eq!(unescape(r"ab\q", b'"').unwrap_err().offset, 2);
        assert!(unescape(r"\'", b'"').unwrap_err().message.contains("invalid"));
        assert!(unescape(r#"\""#, b'\'').unwrap_err().message.contains("invalid"));
        assert!(unescape(r"\x4", b'"').is_err());
        assert!(unescape(r"\xgg", b'"').is_err());
        assert!(unescape("\\é", b'"').unwrap_err().message.ends_with('é'));
    }

    /// Falco quotes only where it must.
    #[test]
    fn falco_quotes_only_where_needed() {
        assert_eq!(quote_as_falco(b"bash"), "bash");
        assert_eq!(quote_as_falco(b"(systemd)"), "(systemd)");
        assert_eq!(quote_as_falco(b"a b"), "\"a b\"");
        assert_eq!(quote_as_falco(b"it's"), "\"it's\"");
        assert_eq!(quote_as_falco(b"a\\b"), "\"a\\\\b\"");
        assert_eq!(quote_as_falco(b"a\\"), "\"a\\\\\"");
        assert_eq!(quote_for_reading(b"(systemd)"), "\"(systemd)\"");
        assert_eq!(quote_for_reading(b""), "\"\"");
        assert_eq!(quote_for_reading(b"a\\"), "\"a\\x5c\"");
    }

    /// Only whole pairs of hexadecimal digits are bytes.
    #[test]
    fn unhex_takes_whole_pairs() {
        assert_eq!(unhex(b"cafeBABE").unwrap(), [0xca, 0xfe, 0xba, 0xbe]);
        assert_eq!(unhex(b"abc"), None);
        assert_eq!(unhex(b"zz"), None);
        assert_eq!(unhex(b"").unwrap(), b"");
    }
}
