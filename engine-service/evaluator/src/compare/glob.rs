//! Shell patterns, as fnmatch(3) without flags in the C locale has them.
//!
//! `*` matches any bytes, slashes and leading dots included; `?` one byte; `[…]` one byte of a set, with ranges, `!` or
//! `^` for its complement, and classes like `[:alpha:]`; a backslash takes the next byte's meaning away. A `[` that is
//! never closed stands for itself.

/// Whether letters of either case are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// They are not.
    Exact,
    /// They are, for ASCII letters.
    Ignored,
}

/// One element of a pattern at its beginning.
enum Element<'p> {
    Star,
    Any,
    Byte(u8),
    Set { is_complement: bool, members: &'p [u8] },
}

/// Whether the whole text fits the pattern. Takes at most as many steps as the two lengths multiplied.
pub(super) fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where to go on if what follows the last star does not fit: the star takes one byte more.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        let step = match next(pattern) {
            Some((Element::Star, rest)) => {
                retry = Some((rest, text));
                pattern = rest;
                continue;
            }
            Some((element, rest)) => text
                .split_first()
                .filter(|(byte, _)| fits(&element, **byte, case))
                .map(|(_, rest_of_text)| (rest, rest_of_text)),
            None if text.is_empty() => return true,
            None => None,
        };
        match (step, retry) {
            (Some(after), _) => (pattern, text) = after,
            (None, Some((after_star, from))) => {
                let Some((_, shorter)) = from.split_first() else { return false };
                retry = Some((after_star, shorter));
                (pattern, text) = (after_star, shorter);
            }
            (None, None) => return false,
        }
    }
}

fn next(pattern: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (first, rest) = pattern.split_first()?;
    Some(match first {
        b'*' => (Element::Star, rest),
        b'?' => (Element::Any, rest),
        b'[' => set(rest).unwrap_or((Element::Byte(b'['), rest)),
        b'\\' => match rest.split_first() {
            Some((escaped, rest)) => (Element::Byte(*escaped), rest),
            None => (Element::Byte(b'\\'), rest),
        },
        byte => (Element::Byte(*byte), rest),
    })
}

/// The set whose `[` was taken; `None` if it is never closed.
fn set(pattern: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (is_complement, body) = match pattern.split_first() {
        Some((b'!' | b'^', body)) => (true, body),
        _ => (false, pattern),
    };
    let mut place = 0;
    loop {
        let rest = body.get(place..)?;
        match rest {
            // A bracket in the first place is a member.
            [b']', ..] if place > 0 => {
                return Some((
                    Element::Set { is_complement, members: body.get(..place)? },
                    body.get(place + 1..)?,
                ));
            }
            [b'[', b':', ..] => {
                place += class_length(rest).unwrap_or(1);
            }
            [b'\\', _, ..] => place += 2,
            [_, ..] => place += 1,
            [] => return None,
        }
    }
}

/// The length of `[:name:]` at the beginning.
fn class_length(text: &[u8]) -> Option<usize> {
    let end = text.windows(2).skip(2).position(|window| window == b":]")?;
    Some(end + 4)
}

fn fits(element: &Element<'_>, byte: u8, case: Case) -> bool {
    match element {
        Element::Star | Element::Any => true,
        Element::Byte(wanted) => match case {
            Case::Exact => *wanted == byte,
            Case::Ignored => wanted.eq_ignore_ascii_case(&byte),
        },
        Element::Set { is_complement, members } => {
            let is_member = match case {
                Case::Exact => is_in_set(members, byte),
                Case::Ignored => {
                    is_in_set(members, byte.to_ascii_lowercase())
                        || is_in_set(members, byte.to_ascii_uppercase())
                }
            };
            is_member != *is_complement
        }
    }
}

fn is_in_set(mut members: &[u8], byte: u8) -> bool {
    loop {
        let (is_member, rest) = match members {
            [] => return false,
            [b'[', b':', ..] if class_length(members).is_some() => {
                let length = class_length(members).unwrap_or(1);
                let name = members.get(2..length - 2).unwrap_or_default();
                (is_in_class(name, byte), members.get(length..).unwrap_or_default())
            }
            _ => {
                let Some((first, rest)) = member(members) else { return false };
                match rest {
                    // A minus in the last place is a member.
                    [b'-', after @ ..] if !after.is_empty() => {
                        let Some((last, rest)) = member(after) else { return false };
                        ((first..=last).contains(&byte), rest)
                    }
                    rest => (first == byte, rest),
                }
            }
        };
        if is_member {
            return true;
        }
        members = rest;
    }
}

/// One member, its backslash taken away.
fn member(members: &[u8]) -> Option<(u8, &[u8])> {
    match members {
        [b'\\', escaped, rest @ ..] => Some((*escaped, rest)),
        [first, rest @ ..] => Some((*first, rest)),
        [] => None,
    }
}

fn is_in_class(name: &[u8], byte: u8) -> bool {
    match name {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase(),
        b"print" => byte == b' ' || byte.is_ascii_graphic(),
        b"punct" => byte.is_ascii_punctuation(),
        // isspace(3) has the vertical tab too.
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => byte.is_ascii_uppercase(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Case, Element, fits, matches, next};

    fn naive(pattern: &[u8], text: &[u8], case: Case) -> bool {
        match next(pattern) {
            None => text.is_empty(),
            Some((Element::Star, rest)) => (0..=text.len()).any(|taken| naive(rest, &text[taken..], case)),
            Some((element, rest)) => {
                text.first().is_some_and(|byte| fits(&element, *byte, case)) && naive(rest, &text[1..], case)
            }
        }
    }

    /// Scenario: patterns with the answers that fnmatch(3) of glibc gives. Guarantees: the same ones.
    #[test]
    fn patterns_mean_what_fnmatch_says() {
        let fitting = [
            ("/etc/*", "/etc/ssh/sshd_config"),
            ("*", ".hidden"),
            ("*", ""),
            ("a?c", "a/c"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[^a-c]x", "dx"),
            ("[]a]", "]"),
            ("[a-]", "-"),
            ("[[:digit:][:upper:]]", "Q"),
            ("\\*", "*"),
            ("[\\]]", "]"),
            ("[", "["),
            ("[abc", "[abc"),
            ("*.s[oh]*", "/usr/lib/libc.so.6"),
            ("a**b", "ab"),
        ];
        for (pattern, text) in fitting {
            assert!(matches(pattern.as_bytes(), text.as_bytes(), Case::Exact), "{pattern} should fit {text}");
        }
        let others =
            [("a", "ab"), ("?", ""), ("[a-c]", "d"), ("\\*", "x"), ("[!]", "a"), ("*b", "abc"), ("A", "a")];
        for (pattern, text) in others {
            assert!(
                !matches(pattern.as_bytes(), text.as_bytes(), Case::Exact),
                "{pattern} should not fit {text}"
            );
        }
        assert!(matches(b"*.PEM", b"key.pem", Case::Ignored));
        assert!(matches(b"[A-C]", b"b", Case::Ignored));
    }

    /// Scenario: a pattern that makes backtracking matchers take exponential time. Guarantees: it ends at once.
    #[test]
    fn many_stars_take_no_exponential_time() {
        let text = [b'a'; 2000];
        let pattern = b"a*".repeat(100);
        let pattern = [&pattern[..], b"b"].concat();
        assert!(!matches(&pattern, &text, Case::Exact));
    }

    proptest! {
        /// Scenario: any pattern and text over few letters. Guarantees: the answer of a matcher that tries everything.
        #[test]
        fn a_glob_matches_what_a_naive_matcher_does(
            pattern in r"[ab*?\[\]!\\-]{0,8}", text in r"[ab\]\[-]{0,8}", is_ignored: bool
        ) {
            let case = if is_ignored { Case::Ignored } else { Case::Exact };
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text, case), naive(pattern, text, case));
        }

        /// Scenario: arbitrary bytes on both sides. Guarantees: an answer, no panic.
        #[test]
        fn no_bytes_make_a_glob_panic(pattern: Vec<u8>, text: Vec<u8>) {
            matches(&pattern, &text, Case::Exact);
        }
    }
}
