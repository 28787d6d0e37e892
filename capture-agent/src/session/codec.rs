//! The stream's encoding: batches go out as the bytes that they already are.

use bytes::BufMut as _;
use eyrie_proto::{
    SliceDecoder,
    capture::{CaptureRequest, CaptureResponse},
};
use prost::Message;
use telemetry::observe::Count;
use tonic::{
    Status,
    codec::{Codec, EncodeBuf, Encoder},
};

use crate::stream::BatchFrame;

/// What gRPC puts before each message: whether it is compressed, and its length.
const MESSAGE_HEADER_BYTES: u64 = 5;

/// A message to the engine.
#[derive(Debug)]
pub(super) enum Upstream {
    /// Anything but a batch.
    Message(Box<CaptureRequest>),
    /// A batch whose events are serialised.
    Batch(Box<BatchFrame>),
}

/// Writes [`Upstream`] as `CaptureRequest`, reads `CaptureResponse`.
#[derive(Debug, Default)]
pub(super) struct CaptureCodec {
    sent_bytes: Count,
}

/// The writing half of [`CaptureCodec`].
#[derive(Debug)]
pub(super) struct UpstreamEncoder {
    sent_bytes: Count,
}

// === impl CaptureCodec ===

impl CaptureCodec {
    /// Counts what goes up, in bytes of messages with their headers; what HTTP/2 adds (9 bytes to each frame) and TLS is not in it.
    pub(super) fn new(sent_bytes: Count) -> Self {
        Self { sent_bytes }
    }
}

impl Codec for CaptureCodec {
    type Encode = Upstream;
    type Decode = CaptureResponse;
    type Encoder = UpstreamEncoder;
    type Decoder = SliceDecoder<CaptureResponse>;

    fn encoder(&mut self) -> Self::Encoder {
        UpstreamEncoder { sent_bytes: self.sent_bytes.clone() }
    }

    fn decoder(&mut self) -> Self::Decoder {
        SliceDecoder::default()
    }
}

// === impl UpstreamEncoder ===

impl Encoder for UpstreamEncoder {
    type Item = Upstream;
    type Error = Status;

    fn encode(&mut self, item: Upstream, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let room = buffer.remaining_mut();
        let result = match item {
            Upstream::Message(message) => message.encode(buffer),
            Upstream::Batch(frame) => frame.encode(buffer),
        };
        let written = u64::try_from(room.saturating_sub(buffer.remaining_mut())).unwrap_or(u64::MAX);
        self.sent_bytes.add(written.saturating_add(MESSAGE_HEADER_BYTES));
        result.map_err(|error| Status::internal(format!("cannot encode a message: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::{
        capture::{CaptureRequest, ClockReading, capture_request},
        event::{Event, Exit, event::Kind},
    };
    use prost::Message;

    use crate::stream::{Limits, Outbox};

    /// Scenario: a batch is written by the codec and read by prost. Guarantees: the frame is the wire format of the
    /// ordinary message, and credit counts the size that prost would.
    #[test]
    fn a_frame_is_the_ordinary_message() {
        let mut outbox = Outbox::new(7, Limits { batch_events: 3, ..Limits::default() });
        outbox.resume(None, 1 << 20, 1 << 20).unwrap();
        let event = |status| Event {
            boot_ns: 5,
            kind: Some(Kind::Exit(Exit { status, ..Exit::default() })),
            ..Event::default()
        };
        let events: Vec<_> = (0..3).map(event).collect();
        for event in &events {
            outbox.push(event, 9).unwrap();
        }
        let frame = outbox.next_to_send(ClockReading { boot_ns: 10, epoch_ns: 11 }).unwrap();
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).unwrap();
        let request = CaptureRequest::decode(bytes.as_slice()).unwrap();
        let Some(capture_request::Kind::Batch(batch)) = request.kind else { panic!("not a batch") };
        assert_eq!(batch.events, events);
        assert_eq!((batch.epoch, batch.first_sequence, batch.event_count), (7, 1, 3));
        assert_eq!(batch.encoded_len(), frame.batch_size());
    }
}
