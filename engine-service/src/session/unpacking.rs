//! Events of a batch that came packed.

use eyrie_proto::capture::{Batch, BatchEncoding, RejectionReason};
use prost::{
    Message as _,
    encoding::{DecodeContext, decode_key, skip_field},
};
use zstd::zstd_safe::get_frame_content_size;

/// Up to here unpacking and decoding take a few hundred microseconds, and need no thread of their own.
const SHORT_BYTES: usize = 64 * 1024;

/// Of an event with what is around it: it says at least when it happened, in 8 bytes and a tag.
const LEAST_EVENT_BYTES: usize = 11;

/// Why a batch cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) reason: RejectionReason,
    pub(super) message: String,
}

/// Puts packed events where the others are, if the events have at most `limit` bytes, and says how large the batch is then: `bytes` if
/// it was not packed. With a limit of 0 it is left as it is.
pub(super) async fn unpack(batch: Box<Batch>, bytes: u64, limit: usize) -> (Box<Batch>, u64, Option<Fault>) {
    if limit == 0 || batch.encoding() != BatchEncoding::Zstd {
        return (batch, bytes, None);
    }
    let size = match size_of(&batch.packed_events, limit) {
        Ok(size) => size,
        Err(fault) => return (batch, bytes, Some(fault)),
    };
    if size <= SHORT_BYTES {
        return unpacked(batch, bytes, size);
    }
    let (id, sequence, count) = (batch.batch_id, batch.first_sequence, batch.event_count);
    let interrupted = move |_| {
        // Only by a bug of ours; what names the batch is left for its rejection.
        let empty = Batch { batch_id: id, first_sequence: sequence, event_count: count, ..Batch::default() };
        (Box::new(empty), bytes, Some(malformed("unpacking failed".to_owned())))
    };
    tokio::task::spawn_blocking(move || unpacked(batch, bytes, size)).await.unwrap_or_else(interrupted)
}

/// Of the events, as the frame says. It is not believed: no more than that is unpacked.
fn size_of(packed: &[u8], limit: usize) -> Result<usize, Fault> {
    let size = get_frame_content_size(packed).ok().flatten();
    let size =
        size.ok_or_else(|| malformed("its packed events are no zstd frame that says its size".to_owned()))?;
    match usize::try_from(size).ok().filter(|size| *size <= limit) {
        Some(size) => Ok(size),
        None => {
            let message = format!("its events have {size} bytes unpacked, the limit is {limit}");
            Err(Fault { reason: RejectionReason::TooLarge, message })
        }
    }
}

fn unpacked(mut batch: Box<Batch>, bytes: u64, size: usize) -> (Box<Batch>, u64, Option<Fault>) {
    let rows = match zstd::bulk::decompress(&batch.packed_events, size) {
        Ok(rows) => rows,
        Err(error) => {
            return (batch, bytes, Some(malformed(format!("its events cannot be unpacked: {error}"))));
        }
    };
    if let Err(fault) = has_events(&rows, batch.event_count) {
        return (batch, bytes, Some(fault));
    }
    match Batch::decode(rows.as_slice()) {
        Ok(of_events) => {
            let packed_bytes = batch.packed_events.len() as u64;
            batch.events.extend(of_events.events);
            batch.packed_events = Vec::new();
            batch.encoding = BatchEncoding::Unspecified.into();
            (batch, bytes.saturating_sub(packed_bytes).saturating_add(rows.len() as u64), None)
        }
        Err(error) => (batch, bytes, Some(malformed(format!("its packed events are none: {error}")))),
    }
}

/// Whether the rows may be so many events as the batch says. Looked at before they are decoded: an event of two bytes takes some
/// hundred in memory, and a hundred bytes unpack to half a million of them.
fn has_events(rows: &[u8], count: u32) -> Result<(), Fault> {
    let most = rows.len() / LEAST_EVENT_BYTES;
    if usize::try_from(count).map_or(true, |count| count > most) {
        return Err(malformed(format!("it says {count} events and has {} bytes of them", rows.len())));
    }
    let no_events = |error| malformed(format!("its packed events are none: {error}"));
    let (mut rest, mut found) = (rows, 0_u32);
    while !rest.is_empty() {
        let (tag, wire_type) = decode_key(&mut rest).map_err(no_events)?;
        skip_field(wire_type, tag, &mut rest, DecodeContext::default()).map_err(no_events)?;
        found = found.saturating_add(1);
        if found > count {
            return Err(malformed(format!("it says {count} events and has more")));
        }
    }
    Ok(())
}

fn malformed(message: String) -> Fault {
    Fault { reason: RejectionReason::Malformed, message }
}

#[cfg(test)]
mod tests;
