use super::Writer;
use crate::decode::DecodeError;

/// Reads the fixed part of a record from its start, and the variable parts that it points to.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    record: &'a [u8],
    at: usize,
    /// Where variable parts may begin: behind the fixed part.
    parts_from: usize,
}

/// Something that lies in the fixed part of a record.
pub(crate) trait Field<'a>: Sized {
    /// Bytes that it takes there.
    const SIZE: usize;

    /// Takes it from where the reader is; `name` is the field's, for errors.
    fn read(reader: &mut Reader<'a>, name: &'static str) -> Result<Self, DecodeError>;

    /// Puts it where the writer is.
    fn write(&self, writer: &mut Writer);
}

/// A gap that keeps the fields behind it aligned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserved<const BYTES: usize>;

// === impl Reader ===

impl<'a> Reader<'a> {
    /// A reader of `record`, whose fixed part has `fixed` bytes.
    pub(crate) fn new(record: &'a [u8], fixed: usize) -> Self {
        Self { record, at: 0, parts_from: fixed }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let too_short =
            DecodeError::TooShort { needed: self.at.saturating_add(N), length: self.record.len() };
        let bytes = self.record.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or(too_short)?;
        self.at += N;
        Ok(*bytes)
    }

    fn part(&self, field: &'static str, offset: u32, length: u32) -> Result<&'a [u8], DecodeError> {
        if length == 0 {
            return Ok(&[]);
        }
        let outside = DecodeError::BadOffset { field, offset, length, size: self.record.len() };
        let start = usize::try_from(offset).ok().filter(|start| *start >= self.parts_from);
        let end = offset.checked_add(length).and_then(|end| usize::try_from(end).ok());
        match (start, end) {
            (Some(start), Some(end)) => self.record.get(start..end).ok_or(outside),
            _ => Err(outside),
        }
    }
}

// === impl Field ===

macro_rules! number {
    ($($type:ty),*) => { $(
        impl Field<'_> for $type {
            const SIZE: usize = size_of::<$type>();

            fn read(reader: &mut Reader<'_>, _: &'static str) -> Result<Self, DecodeError> {
                Ok(Self::from_ne_bytes(reader.take()?))
            }

            fn write(&self, writer: &mut Writer) {
                writer.fixed(&self.to_ne_bytes());
            }
        }
    )* };
}
number!(u16, u32, u64, i32, i64);

impl<const N: usize> Field<'_> for [u8; N] {
    const SIZE: usize = N;

    fn read(reader: &mut Reader<'_>, _: &'static str) -> Result<Self, DecodeError> {
        reader.take()
    }

    fn write(&self, writer: &mut Writer) {
        writer.fixed(self);
    }
}

impl<const N: usize> Field<'_> for [u64; N] {
    const SIZE: usize = N * size_of::<u64>();

    fn read(reader: &mut Reader<'_>, name: &'static str) -> Result<Self, DecodeError> {
        let mut words = [0; N];
        for word in &mut words {
            *word = Field::read(reader, name)?;
        }
        Ok(words)
    }

    fn write(&self, writer: &mut Writer) {
        for word in self {
            word.write(writer);
        }
    }
}

impl<const N: usize> Field<'_> for Reserved<N> {
    const SIZE: usize = N;

    fn read(reader: &mut Reader<'_>, _: &'static str) -> Result<Self, DecodeError> {
        reader.take::<N>().map(|_| Self)
    }

    fn write(&self, writer: &mut Writer) {
        writer.fixed(&[0; N]);
    }
}

/// A variable part: in place there is a span of offset and length.
impl<'a> Field<'a> for &'a [u8] {
    const SIZE: usize = 2 * size_of::<u32>();

    fn read(reader: &mut Reader<'a>, name: &'static str) -> Result<Self, DecodeError> {
        let offset = Field::read(reader, name)?;
        let length = Field::read(reader, name)?;
        reader.part(name, offset, length)
    }

    fn write(&self, writer: &mut Writer) {
        writer.part(self);
    }
}
