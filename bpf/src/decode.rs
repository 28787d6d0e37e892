use std::{error, fmt};

use crate::{
    layout::{Field, Header, RECORD_BYTES_MAX, Reader, kind},
    record::Record,
};

#[cfg(test)]
mod tests;

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes end within the fixed part of the record.
    TooShort {
        /// Bytes that would have been needed, at least.
        needed: usize,
        /// Bytes that there are.
        length: usize,
    },
    /// The record says another size than it has, or one that no record has.
    BadSize {
        /// What its header says.
        stated: u32,
        /// Bytes that there are.
        length: usize,
    },
    /// A kind that this version does not know, from newer programs: to be counted and skipped.
    UnknownKind {
        /// The kind.
        kind: u16,
    },
    /// A variable part lies outside the record or in its fixed part.
    BadOffset {
        /// The field that points to it.
        field: &'static str,
        /// Where it would begin.
        offset: u32,
        /// Its length.
        length: u32,
        /// Size of the record.
        size: usize,
    },
}

/// Decodes one record: all of `bytes`.
///
/// Takes what the ring hands out. Bytes behind the fixed part that nothing points to are allowed, so that newer programs
/// may append to a record.
pub fn decode(bytes: &[u8]) -> Result<Record<'_>, DecodeError> {
    let header = Header::read(&mut Reader::new(bytes, Header::SIZE), "header")?;
    if usize::try_from(header.size) != Ok(bytes.len()) {
        return Err(DecodeError::BadSize { stated: header.size, length: bytes.len() });
    }
    Ok(match header.kind {
        kind::FORK => Record::Fork(read(bytes)?),
        kind::EXEC => Record::Exec(read(bytes)?),
        kind::EXIT => Record::Exit(read(bytes)?),
        kind::FAILED_EXEC => Record::FailedExec(read(bytes)?),
        kind::OPEN => Record::Open(read(bytes)?),
        kind::CONNECT => Record::Connect(read(bytes)?),
        kind::CHANGE_DIRECTORY => Record::ChangeDirectory(read(bytes)?),
        kind::TASK => Record::Task(read(bytes)?),
        kind::CALL => Record::Call(read(bytes)?),
        kind::DETAILED_CALL => Record::DetailedCall(read(bytes)?),
        kind::URING_REQUEST => Record::UringRequest(read(bytes)?),
        kind::URING_COMPLETION => Record::UringCompletion(read(bytes)?),
        kind::CGROUP => Record::Cgroup(read(bytes)?),
        kind => return Err(DecodeError::UnknownKind { kind }),
    })
}

/// The first record and what is behind it; `None` where its end is still to come.
pub type Split<'a> = Result<Option<(&'a [u8], &'a [u8])>, DecodeError>;

/// Cuts the first record off a stream of them, such as the snapshot's iterator yields.
///
/// The record is not decoded: use [`decode`]. After an error the stream cannot be followed any further.
pub fn split_first(stream: &[u8]) -> Split<'_> {
    let Some(size) = stream.first_chunk() else { return Ok(None) };
    let stated = u32::from_ne_bytes(*size);
    match usize::try_from(stated) {
        Ok(size) if (Header::SIZE..=RECORD_BYTES_MAX).contains(&size) => Ok(stream.split_at_checked(size)),
        _ => Err(DecodeError::BadSize { stated, length: stream.len() }),
    }
}

fn read<'a, T: Field<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    T::read(&mut Reader::new(bytes, T::SIZE), "record")
}

// === impl DecodeError ===

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { needed, length } => {
                write!(f, "record of {length} bytes ends in its fixed part, which needs {needed}")
            }
            Self::BadSize { stated, length } => {
                write!(f, "record says that it has {stated} bytes, but {length} are here")
            }
            Self::UnknownKind { kind } => write!(f, "record is of unknown kind {kind}"),
            Self::BadOffset { field, offset, length, size } => write!(
                f,
                "{field} at {offset} with {length} bytes is outside the variable parts of a record of {size}"
            ),
        }
    }
}

impl error::Error for DecodeError {}
