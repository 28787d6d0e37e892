//! How parameters become text (userspace/libsinsp/event.cpp).

use std::borrow::Cow;

use super::{
    EMPTY, Parameter, Raw, errno_name, flags,
    schema::{Radix, Shape},
};
use crate::{
    descriptor::{Subject, name_of},
    time, user,
    view::{EventView, PathNames},
};

/// AT_FDCWD of linux/fcntl.h.
const AT_FDCWD: i128 = -100;
/// A user or group id of -1: none, or unchanged.
const NO_ID: i128 = 0xffff_ffff;

// === impl Parameter ===

impl<'a> Parameter<'a> {
    /// The value as Falco has it, where it is a number.
    pub(super) fn number(&self) -> Option<i128> {
        let number = match (&self.raw, self.shape) {
            (Raw::Signed(number), Shape::Unsigned(bits, _)) => cut(number.cast_unsigned(), bits).into(),
            (Raw::Signed(number), _) => (*number).into(),
            (Raw::Unsigned(bits), Shape::Flags(table) | Shape::Mode(table)) => {
                flags::set_of_kernel(*bits, table).into()
            }
            (Raw::Unsigned(number), Shape::Enum(table, unknown)) => {
                flags::one_of_kernel(*number, table, unknown.unwrap_or(*number)).into()
            }
            (Raw::Unsigned(number), Shape::Unsigned(bits, _)) => cut(*number, bits).into(),
            (Raw::Unsigned(number), Shape::Signed) => number.cast_signed().into(),
            (Raw::Unsigned(number) | Raw::Falco(number), _) => (*number).into(),
            (Raw::Descriptor(number, _), _) => (*number).into(),
            (Raw::Directory(path), _) => path.directory_fd.into(),
            (Raw::Empty | Raw::Path(_) | Raw::Bytes(_) | Raw::Texts(_), _) => return None,
        };
        Some(number)
    }

    pub(super) fn raw_text(&self) -> Cow<'a, [u8]> {
        if let Some(number) = self.number() {
            return Cow::Owned(number_text(number, self.shape).into_bytes());
        }
        match &self.raw {
            Raw::Path(path) if path.is_unreadable => Cow::Borrowed(b"<NA>"),
            Raw::Path(path) => Cow::Borrowed(&*path.requested),
            Raw::Bytes(bytes) if matches!(self.shape, Shape::Bytes | Shape::Dynamic(_)) => printable(bytes),
            Raw::Bytes(bytes) => bytes.clone(),
            Raw::Texts(texts) => Cow::Owned(texts.join(&b' ')),
            _ => Cow::Borrowed(EMPTY),
        }
    }

    pub(super) fn resolved_text(&self, view: &EventView<'a>) -> Option<Cow<'a, [u8]>> {
        // Parameters are what the program gave, whichever names count elsewhere.
        let view = &EventView { paths: PathNames::AskedFor, ..*view };
        let number = self.number();
        let bits = || u64::try_from(number?).ok();
        let id = || u32::try_from(number?).ok();
        let resolved = match (self.shape, &self.raw) {
            (Shape::Path, Raw::Path(path)) => {
                let is_relative = !path.requested.starts_with(b"/");
                is_relative
                    .then(|| name_of(path, view))
                    .flatten()
                    .filter(|meant| **meant != *path.requested)?
            }
            (Shape::Path, Raw::Bytes(_)) => return None,
            (Shape::Fd, Raw::Descriptor(0.., Some(subject))) if subject.descriptor.is_some() => {
                fd_text(subject, view)?
            }
            (Shape::Fd, Raw::Directory(path)) if path.directory_fd >= 0 => directory_text(&path.base)?,
            (Shape::Fd, _) if number? == AT_FDCWD => named("AT_FDCWD"),
            (Shape::Errno | Shape::Fd, _) | (Shape::Dynamic(_), Raw::Signed(_)) => {
                named(errno_name(i64::try_from(number?).ok()?)?)
            }
            (Shape::Flags(table) | Shape::Mode(table), _) => owned(flags::names(bits()?, table)),
            (Shape::Enum(table, _), _) => owned(flags::names_of_one(bits()?, table)),
            (Shape::Pid, _) => Cow::Borrowed(view.host.process(id()?)?.comm()),
            (Shape::Uid | Shape::Gid, _) if number? == NO_ID => named("<NONE>"),
            (Shape::Uid, _) => Cow::Borrowed(user::name_of(view, id()?)),
            (Shape::Gid, _) => Cow::Borrowed(user::name_of_group(view, id()?)),
            (Shape::Signal, _) => named(flags::signal(bits()?)?),
            (Shape::Duration, _) => owned(seconds_text(bits()?)),
            _ => return None,
        };
        Some(resolved).filter(|text| !text.is_empty())
    }
}

fn named<'a>(name: &'static str) -> Cow<'a, [u8]> {
    Cow::Borrowed(name.as_bytes())
}

fn owned<'a>(text: String) -> Cow<'a, [u8]> {
    Cow::Owned(text.into_bytes())
}

fn cut(number: u64, bits: u32) -> u64 {
    number & (u64::MAX >> (u64::BITS.saturating_sub(bits)))
}

fn number_text(number: i128, shape: Shape) -> String {
    match shape {
        Shape::Unsigned(_, Radix::Hexadecimal) => format!("{number:X}"),
        Shape::Dynamic(Radix::Hexadecimal) if number >= 0 => format!("{number:X}"),
        Shape::Unsigned(_, Radix::Octal) | Shape::Mode(_) if number != 0 => format!("0{number:o}"),
        Shape::Uid | Shape::Gid if number == NO_ID => "-1".to_owned(),
        Shape::Time => u64::try_from(number).ok().and_then(time::date_time).unwrap_or_default(),
        _ => number.to_string(),
    }
}

/// Nanoseconds as seconds, in the form that C's `%lg` has: six digits, an exponent for what is very small or large.
fn seconds_text(nanoseconds: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "six digits are shown")]
    let seconds = nanoseconds as f64 / 1e9;
    let scientific = format!("{seconds:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    match usize::try_from(5 - exponent) {
        Ok(decimals @ 0..=9) => format!("{}s", without_zeros(&format!("{seconds:.decimals$}"))),
        _ => format!("{}e{}{:02}s", without_zeros(mantissa), sign(exponent), exponent.unsigned_abs()),
    }
}

fn sign(number: i32) -> char {
    if number < 0 { '-' } else { '+' }
}

/// Without the zeros at the end of a fraction.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// Bytes with a dot for each that cannot be printed; nothing at all is Falco's empty parameter.
fn printable<'a>(bytes: &Cow<'a, [u8]>) -> Cow<'a, [u8]> {
    if bytes.is_empty() {
        return Cow::Borrowed(EMPTY);
    }
    let is_printable = |byte: &u8| matches!(byte, b' '..=b'~');
    if bytes.iter().all(is_printable) {
        return bytes.clone();
    }
    Cow::Owned(bytes.iter().map(|byte| if is_printable(byte) { *byte } else { b'.' }).collect())
}

/// `<f>/path`, `<4t>client->server`.
fn fd_text<'a>(subject: &Subject<'a>, view: &EventView<'a>) -> Option<Cow<'a, [u8]>> {
    let mut text = vec![b'<'];
    text.extend_from_slice(subject.type_character()?.as_bytes());
    // The transport by its first letter.
    text.extend(subject.transport().and_then(|transport| transport.bytes().next()));
    text.push(b'>');
    text.extend_from_slice(&subject.name(view).unwrap_or_default());
    Some(Cow::Owned(text))
}

fn directory_text<'a>(path: &[u8]) -> Option<Cow<'a, [u8]>> {
    (!path.is_empty()).then(|| Cow::Owned([b"<d>", path].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: bytes that can be printed, that cannot, and none. Guarantees: dots as Falco has them, and its NULL.
    #[test]
    fn bytes_are_shown_printable() {
        for (bytes, expected) in
            [(&b"GET / \r\n"[..], &b"GET / .."[..]), (b"\x00~\xff", b".~."), (b"", b"NULL")]
        {
            assert_eq!(&*printable(&Cow::Borrowed(bytes)), expected);
        }
    }

    /// Scenario: intervals from nanoseconds to minutes. Guarantees: seconds without needless digits.
    #[test]
    fn intervals_are_seconds() {
        for (nanoseconds, expected) in
            [(1_500_000_000, "1.5s"), (0, "0s"), (100_000, "0.0001s"), (1_500, "1.5e-06s")]
        {
            assert_eq!(seconds_text(nanoseconds), expected);
        }
    }
}
