//! Batches in the encoding that the engine asked for.

use eyrie_proto::capture::BatchEncoding;
use tracing::warn;
use zstd::bulk::Compressor;

use crate::stream::BatchFrame;

/// The fastest of zstd's usual levels: higher ones take several times as long for some percent.
const LEVEL: i32 = 1;
/// Below, there is little to win.
const LEAST_BYTES: usize = 512;
/// Up to here packing takes some hundred microseconds, and needs no thread of its own.
const SHORT_BYTES: usize = 64 << 10;

/// Packs the batches of a session.
pub(super) struct Packing(Option<Compressor<'static>>);

// === impl Packing ===

impl Packing {
    /// What this agent can do besides rows.
    pub(super) const ENCODINGS: [BatchEncoding; 1] = [BatchEncoding::Zstd];

    /// Rows.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// What Welcome asks for; rows, which every engine takes, where that is something else than was offered.
    pub(super) fn new(encoding: i32) -> Self {
        match BatchEncoding::try_from(encoding) {
            Ok(BatchEncoding::Unspecified) => Self::none(),
            Ok(BatchEncoding::Zstd) => {
                let compressor = Compressor::new(LEVEL);
                Self(compressor.inspect_err(|error| warn!("batches go out as they are: {error}")).ok())
            }
            Err(_) => {
                warn!(
                    encoding,
                    "the engine asks for an encoding of batches that was not offered: they go out as rows"
                );
                Self::none()
            }
        }
    }

    /// The frame as it goes out; as it is where packing makes it no smaller. The session reads nothing meanwhile, some milliseconds at most.
    pub(super) async fn pack(&mut self, frame: BatchFrame) -> BatchFrame {
        if frame.rows.len() < LEAST_BYTES {
            return frame;
        }
        let Some(mut compressor) = self.0.take() else { return frame };
        if frame.rows.len() <= SHORT_BYTES {
            let packed = pack(&mut compressor, frame);
            self.0 = Some(compressor);
            return packed;
        }
        let kept = frame.clone();
        let packing = tokio::task::spawn_blocking(move || (pack(&mut compressor, frame), compressor));
        match packing.await {
            Ok((packed, compressor)) => {
                self.0 = Some(compressor);
                packed
            }
            // Only by a bug, or as the runtime ends.
            Err(error) => {
                warn!("batches are no longer packed, and go out as rows until the next session: {error}");
                kept
            }
        }
    }
}

fn pack(compressor: &mut Compressor<'static>, frame: BatchFrame) -> BatchFrame {
    match compressor.compress(&frame.rows) {
        Ok(packed) if packed.len() < frame.rows.len() => frame.packed(BatchEncoding::Zstd, packed),
        _ => frame,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use eyrie_proto::capture::{Batch, CaptureRequest, capture_request};
    use prost::Message;

    use super::*;

    fn frame(rows: &[u8]) -> BatchFrame {
        let header = Batch { batch_id: 7, event_count: 3, ..Batch::default() };
        BatchFrame { header, rows: Bytes::copy_from_slice(rows) }
    }

    /// What an engine reads of a frame.
    fn read(frame: &BatchFrame) -> Batch {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).unwrap();
        match CaptureRequest::decode(bytes.as_slice()).unwrap().kind {
            Some(capture_request::Kind::Batch(batch)) => batch,
            other => panic!("no batch but {other:?}"),
        }
    }

    /// Scenario: small, middling and large batches, and one that cannot be made smaller. Guarantees: an engine that unpacks them has the
    /// rows that went in; credit counts what goes out; what does not become smaller goes as it is.
    #[tokio::test]
    async fn rows_come_out_as_they_went_in() {
        let mut packing = Packing::new(BatchEncoding::Zstd.into());
        for length in [LEAST_BYTES, SHORT_BYTES, SHORT_BYTES * 4] {
            // Field 4 with two bytes each: rows of events.
            let rows = [4 << 3 | 2, 2, 8, 1].repeat(length / 4);
            let packed = packing.pack(frame(&rows)).await;
            let batch = read(&packed);
            assert_eq!((batch.batch_id, batch.event_count, batch.encoding()), (7, 3, BatchEncoding::Zstd));
            assert_eq!(zstd::bulk::decompress(&batch.packed_events, rows.len()).unwrap(), rows);
            assert_eq!(packed.batch_size(), batch.encoded_len());
            assert!(packed.batch_size() < rows.len() / 4);
        }
        let small = frame(&[4 << 3 | 2, 2, 8, 1]);
        assert_eq!(packing.pack(small.clone()).await.rows, small.rows);
        let noise: Vec<u8> = (0..LEAST_BYTES).map(|_| rand::random()).collect();
        assert_eq!(packing.pack(frame(&noise)).await.rows, noise);
    }

    /// Scenario: engines that ask for rows, and for what nobody knows. Guarantees: they get rows.
    #[tokio::test]
    async fn rows_are_had_of_every_agent() {
        let rows = vec![0; 2 * LEAST_BYTES];
        for encoding in [0, 99] {
            assert_eq!(Packing::new(encoding).pack(frame(&rows)).await.rows, rows);
        }
    }
}
