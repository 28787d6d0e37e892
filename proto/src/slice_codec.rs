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
