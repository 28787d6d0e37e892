//! How much an entry would take in memory, found out before it is decoded.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// Events, processes or facts of one entry. Each may be of two bytes in the file and takes some 600 in memory, so a
/// hostile entry costs at most 40 MiB.
pub const MAX_ELEMENTS: usize = 65_536;

/// The fields on the way to what is repeated and large: batch.batch.events, base_state.processes, base_state.facts,
/// late_facts.facts (numbers of `recording.proto` and `capture.proto`).
const PATHS: [&[u32]; 4] = [&[3, 1, 4], &[2, 2], &[2, 3], &[4, 2]];

/// How many events, processes and facts a serialised entry has; `None` if it is no message, which decoding explains.
pub(crate) fn count(entry: &[u8]) -> Option<usize> {
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
