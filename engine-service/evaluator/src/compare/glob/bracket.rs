//! `[…]` in shell patterns: a set of bytes.
//!
//! A set has single bytes, ranges, classes like `[:alpha:]`, and single bytes written as `[.x.]` or `[=x=]`; `!` or `^`
//! at its beginning means every other byte, and a bracket in the first place is a member. Where glibc 2.36 has quirks,
//! they are its: a set that is never closed is a plain bracket; a class that does not exist, a range that ends in the
//! middle of something, and a set that ends with a backslash fit nothing; whoever ignores case ignores it for bytes and
//! ranges, not for classes.

use super::Case;

/// From this length on, glibc takes no name for a class's.
const MAX_CLASS_NAME: usize = 2048;

/// What a set says of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bracket<'p> {
    /// The byte fits; this is what follows the set.
    Fits(&'p [u8]),
    DoesNotFit,
    /// The bracket opens no set: it stands for itself.
    IsNone,
}

/// One member of a set.
enum Member {
    Byte(u8),
    Class(fn(u8) -> bool),
    /// `[=x=]`, for which case counts.
    Equivalent(u8),
}

/// A part of a set, and what follows it.
type Split<'p> = (&'p [u8], &'p [u8]);

/// Why reading a set ends early.
enum Broken {
    /// It fits nothing.
    IllFormed,
    /// The pattern is at its end.
    Unclosed,
}

/// What the set behind a `[` says of a byte.
pub(super) fn matches(set: &[u8], byte: u8, case: Case) -> Bracket<'_> {
    let (is_complement, mut rest) = match set.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, set),
    };
    let mut is_first = true;
    loop {
        if !is_first && let [b']', behind @ ..] = rest {
            return if is_complement { Bracket::Fits(behind) } else { Bracket::DoesNotFit };
        }
        is_first = false;
        match item(rest, byte, case) {
            Ok((true, behind)) => match (skip(behind), is_complement) {
                (Ok(behind), false) => return Bracket::Fits(behind),
                (Ok(_), true) | (Err(Broken::IllFormed), _) => return Bracket::DoesNotFit,
                (Err(Broken::Unclosed), _) => return Bracket::IsNone,
            },
            Ok((false, behind)) => rest = behind,
            Err(Broken::IllFormed) => return Bracket::DoesNotFit,
            Err(Broken::Unclosed) => return Bracket::IsNone,
        }
    }
}

/// Whether the byte fits the next byte, range or class, and what follows that.
fn item(set: &[u8], byte: u8, case: Case) -> Result<(bool, &[u8]), Broken> {
    let (member, rest) = member(set)?;
    let start = match member {
        Member::Class(is_in) => return Ok((is_in(byte), rest)),
        Member::Equivalent(own) => return Ok((own == byte, rest)),
        Member::Byte(start) => start,
    };
    let (byte, start) = (folded(byte, case), folded(start, case));
    match rest {
        // A minus in the last place is a member.
        [b'-', b']', ..] => Ok((byte == start, rest)),
        [b'-'] if byte == start => Ok((true, rest)),
        [b'-', end @ ..] => {
            let (end, rest) = range_end(end)?;
            Ok(((start..=folded(end, case)).contains(&byte), rest))
        }
        rest => Ok((byte == start, rest)),
    }
}

fn member(set: &[u8]) -> Result<(Member, &[u8]), Broken> {
    match set {
        [] => Err(Broken::Unclosed),
        [b'\\'] => Err(Broken::IllFormed),
        [b'\\', escaped, rest @ ..] => Ok((Member::Byte(*escaped), rest)),
        [b'[', b':', name @ ..] => match class_name(name)? {
            Some((name, rest)) => Ok((Member::Class(class(name).ok_or(Broken::IllFormed)?), rest)),
            None => Ok((Member::Byte(b'['), set.get(1..).unwrap_or_default())),
        },
        [b'[', b'=', own, b'=', b']', rest @ ..] => Ok((Member::Equivalent(*own), rest)),
        [b'[', b'.', symbol @ ..] => symbol_byte(symbol).map(|(byte, rest)| (Member::Byte(byte), rest)),
        [own, rest @ ..] => Ok((Member::Byte(*own), rest)),
    }
}

fn range_end(end: &[u8]) -> Result<(u8, &[u8]), Broken> {
    match end {
        [b'[', b'.', symbol @ ..] => symbol_byte(symbol),
        [b'\\', escaped, rest @ ..] => Ok((*escaped, rest)),
        [b'\\'] | [] => Err(Broken::IllFormed),
        [own, rest @ ..] => Ok((*own, rest)),
    }
}

/// The name that ends in `:]`, and what follows; `None` if it is no name. To glibc no name has a z.
fn class_name(text: &[u8]) -> Result<Option<Split<'_>>, Broken> {
    let length = text.iter().take_while(|byte| (b'a'..=b'y').contains(byte)).count();
    if length >= MAX_CLASS_NAME {
        return Err(Broken::IllFormed);
    }
    let (name, behind) = text.split_at_checked(length).unwrap_or_default();
    Ok(behind.strip_prefix(b":]").map(|rest| (name, rest)))
}

/// The byte of `x.]`: the C locale has no symbols with longer names.
fn symbol_byte(text: &[u8]) -> Result<(u8, &[u8]), Broken> {
    match text {
        [own, b'.', b']', rest @ ..] => Ok((*own, rest)),
        _ => Err(Broken::IllFormed),
    }
}

/// What follows the `]` that closes a set of which one member fits. Members are not looked at any more.
fn skip(set: &[u8]) -> Result<&[u8], Broken> {
    let mut rest = set;
    loop {
        rest = match rest {
            [] => return Err(Broken::Unclosed),
            [b']', behind @ ..] => return Ok(behind),
            [b'\\'] => return Err(Broken::IllFormed),
            [b'\\', _, behind @ ..] => behind,
            [b'[', b':', name @ ..] => match class_name(name)? {
                Some((_, behind)) => behind,
                None => rest.get(1..).unwrap_or_default(),
            },
            [b'[', b'=', _, b'=', b']', behind @ ..] => behind,
            [b'[', b'=', ..] => return Err(Broken::IllFormed),
            // Here glibc takes a name of any length.
            [b'[', b'.', symbol @ ..] => {
                let end = symbol.windows(2).position(|window| window == b".]").ok_or(Broken::IllFormed)?;
                symbol.get(end + 2..).unwrap_or_default()
            }
            [_, behind @ ..] => behind,
        };
    }
}

fn folded(byte: u8, case: Case) -> u8 {
    match case {
        Case::Exact => byte,
        Case::Ignored => byte.to_ascii_lowercase(),
    }
}

fn class(name: &[u8]) -> Option<fn(u8) -> bool> {
    Some(match name {
        b"alnum" => |byte| byte.is_ascii_alphanumeric(),
        b"alpha" => |byte| byte.is_ascii_alphabetic(),
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => |byte| byte.is_ascii_control(),
        b"digit" => |byte| byte.is_ascii_digit(),
        b"graph" => |byte| byte.is_ascii_graphic(),
        b"lower" => |byte| byte.is_ascii_lowercase(),
        b"print" => |byte| byte == b' ' || byte.is_ascii_graphic(),
        b"punct" => |byte| byte.is_ascii_punctuation(),
        // isspace(3) has the vertical tab too.
        b"space" => |byte| byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => |byte| byte.is_ascii_uppercase(),
        b"xdigit" => |byte| byte.is_ascii_hexdigit(),
        _ => return None,
    })
}
