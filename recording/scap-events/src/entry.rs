//! What an entry of a recording may take, found out before it is decoded. Files of our own format and the pieces that
//! `.scap` files carry are held to the same.

use eyrie_proto::recording::{RecordingEntry, recording_entry::Kind};
use prost::{
    DecodeError, Message as _,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

/// Bytes of one serialised entry. An agent's message has at most 1 MiB; the rest is for other writers.
pub const MAX_ENTRY_BYTES: usize = 4 << 20;
/// Events, processes or facts of one entry. Each may be of two bytes in the file and takes some 600 in memory, so a
/// hostile entry costs at most 40 MiB.
pub const MAX_ELEMENTS: usize = 65_536;

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// More bytes than are held at once.
    #[error("has {bytes} bytes, and entries have up to {MAX_ENTRY_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// More than is held at once when it is decoded.
    #[error("has {elements} events or processes, and entries have up to {MAX_ELEMENTS}")]
    TooMany {
        /// Events, processes and facts.
        elements: usize,
    },
    /// It is no message.
    #[error("cannot be decoded: {0}")]
    Undecodable(#[from] DecodeError),
    /// A newer version of the contract has it.
    #[error("is of a kind that this program does not know")]
    UnknownKind,
}

/// The piece that a serialised entry is; nothing is decoded that would take more than an entry may.
pub fn decode(entry: &[u8]) -> Result<Kind, EntryError> {
    check(entry)?;
    RecordingEntry::decode(entry)?.kind.ok_or(EntryError::UnknownKind)
}

/// Whether a serialised entry keeps to the bounds. What is no message keeps to them: decoding explains it.
pub fn check(entry: &[u8]) -> Result<(), EntryError> {
    let bytes = entry.len();
    if bytes > MAX_ENTRY_BYTES {
        return Err(EntryError::TooLong { bytes });
    }
    match count(entry) {
        Some(elements) if elements > MAX_ELEMENTS => Err(EntryError::TooMany { elements }),
        _ => Ok(()),
    }
}

/// The fields on the way to what is repeated and large: batch.batch.events, base_state.processes, base_state.facts,
/// late_facts.facts (numbers of `recording.proto` and `capture.proto`).
const PATHS: [&[u32]; 4] = [&[3, 1, 4], &[2, 2], &[2, 3], &[4, 2]];

/// How many events, processes and facts a serialised entry has; `None` if it is no message, which decoding explains.
fn count(entry: &[u8]) -> Option<usize> {
    PATHS.iter().try_fold(0, |sum, path| Some(sum + along(entry, path)?))
}

/// How many fields there are along one path.
fn along(mut message: &[u8], path: &[u32]) -> Option<usize> {
    let Some((field, rest)) = path.split_first() else { return Some(1) };
    let mut sum = 0;
    while !message.is_empty() {
        let (tag, wire_type) = decode_key(&mut message).ok()?;
        if tag != *field || wire_type != WireType::LengthDelimited {
            skip_field(wire_type, tag, &mut message, DecodeContext::default()).ok()?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
        let (inner, behind) = message.split_at_checked(length)?;
        sum += along(inner, rest)?;
        message = behind;
    }
    Some(sum)
}
