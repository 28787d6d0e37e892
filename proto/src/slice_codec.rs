//! How generated services read and write messages.

use std::marker::PhantomData;

use prost::{Message, bytes::Buf as _};
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder},
};
use tonic_prost::{ProstCodec, ProstEncoder};

/// [`ProstCodec`] that decodes a message from the slice in which it lies. `ProstDecoder` has every single number taken out of the
/// buffer that more is received into, and that is slow: [`BytesMut`](prost::bytes::BytesMut) makes a note of each.
#[derive(Debug)]
pub struct SliceCodec<T, U>(PhantomData<(T, U)>);

/// The reading half of [`SliceCodec`].
#[derive(Debug)]
pub struct SliceDecoder<U>(PhantomData<U>);

// === impl SliceCodec ===

impl<T, U> Default for SliceCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for SliceCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = SliceDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        SliceDecoder::default()
    }
}

// === impl SliceDecoder ===

impl<U> Default for SliceDecoder<U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<U: Message + Default> Decoder for SliceDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let length = buffer.remaining();
        let decoded = match buffer.chunk() {
            whole if whole.len() == length => U::decode(whole),
            // Not with the buffer that tonic has.
            _ => U::decode(&*buffer.copy_to_bytes(length)),
        };
        buffer.advance(buffer.remaining());
        // As `ProstDecoder` has it, which follows grpc/doc/statuscodes.md.
        decoded.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use prost::Message as _;
    use tonic::Streaming;

    use super::*;
    use crate::capture::{Ack, Batch, BatchRejection, CaptureResponse, TraceContext, capture_response};

    /// What a decoder makes of a stream of messages, all of it in one piece; the last is the error, if there is one. Bodies are text here, which
    /// bytes below 128 are.
    fn decoded<D>(decoder: D, messages: &[&[u8]]) -> Vec<Result<D::Item, (tonic::Code, String)>>
    where
        D: Decoder<Error = Status> + Send + 'static,
    {
        let framed =
            |message: &&[u8]| [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], *message].concat();
        let body = String::from_utf8(messages.iter().flat_map(framed).collect()).unwrap();
        let mut stream = Streaming::new_request(decoder, body, None, None);
        let mut found = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match pin!(stream.message()).as_mut().poll(&mut context) {
                Poll::Ready(Ok(None)) => return found,
                Poll::Ready(Ok(Some(message))) => found.push(Ok(message)),
                Poll::Ready(Err(status)) => {
                    found.push(Err((status.code(), status.message().to_owned())));
                    return found;
                }
                Poll::Pending => panic!("all of the body is there"),
            }
        }
    }

    fn assert_same<U>(messages: &[&[u8]]) -> usize
    where
        U: Message + Default + PartialEq + std::fmt::Debug + 'static,
    {
        let plain = decoded(ProstCodec::<U, U>::default().decoder(), messages);
        assert_eq!(decoded(SliceCodec::<U, U>::default().decoder(), messages), plain, "{messages:?}");
        plain.iter().filter(|message| message.is_ok()).count()
    }

    /// Scenario: messages one after the other, empty ones among them. Guarantees: each is what was encoded, and ends where the next begins.
    #[test]
    fn messages_are_told_apart() {
        let rejection = BatchRejection { batch_id: 9, message: "no".to_owned(), ..BatchRejection::default() };
        let ack = Ack { through_sequence: 5, rejections: vec![rejection; 2], ..Ack::default() };
        let response = CaptureResponse { kind: Some(capture_response::Kind::Ack(ack)) };
        let bytes = response.encode_to_vec();
        let found = decoded(SliceDecoder::<CaptureResponse>::default(), &[&bytes, &[], &bytes]);
        assert_eq!(found, [Ok(response.clone()), Ok(CaptureResponse::default()), Ok(response)]);
    }

    /// Scenario: many short streams of keys and values at random, some of which are messages. Guarantees: they are taken, or refused with the
    /// same status, as by tonic's own codec.
    #[test]
    fn it_decodes_as_the_plain_one() {
        /// Of numbers, text, a message and what is unknown.
        const KEYS: [u8; 8] = [8, 24, 56, 88, 10, 42, 74, 120];
        let mut state = 7_u64;
        let mut below = |bound: u8| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u8::try_from((state >> 33) % u64::from(bound)).unwrap()
        };
        let (mut taken, mut all) = (0, 0);
        for _ in 0..5_000 {
            let mut message = || -> Vec<u8> {
                (0..below(4)).flat_map(|_| [KEYS[usize::from(below(8))], below(4)]).collect()
            };
            let messages = [message(), message()];
            let messages = messages.each_ref().map(Vec::as_slice);
            taken += assert_same::<TraceContext>(&messages) + assert_same::<Batch>(&messages);
            all += 2 * messages.len();
        }
        assert!(taken > all / 10 && taken < all * 9 / 10, "{taken} of {all}");
    }
}
