//! Writing our own format.

use std::io::{self, Write};

use eyrie_proto::recording::recording_entry::Kind;
use prost::encoding::encode_varint;
use scap_events::entry;
use zstd::bulk::Compressor;

use crate::{
    Counts, MAX_ENTRY_BYTES, RecordingError,
    block::{BLOCK_BYTES, BlockHeader, MAGIC, VERSION},
    counts::Tally,
    grammar::Place,
};

/// zstd's own default.
const COMPRESSION_LEVEL: i32 = 3;

/// Writes streams block by block. Its memory is that of one block, raw and packed.
///
/// What was written is in the file only after [`Writer::flush`] or [`Writer::finish`], or when a block is full.
pub struct Writer<W> {
    output: W,
    compressor: Compressor<'static>,
    /// The entries of the block that is being filled.
    raw: Vec<u8>,
    packed: Vec<u8>,
    place: Place,
    kept_bytes: u64,
    tally: Tally,
}

// === impl Writer ===

impl<W: Write> Writer<W> {
    /// Begins a file.
    pub fn new(mut output: W) -> Result<Self, RecordingError> {
        let failed = |source| RecordingError::Write { kept_bytes: 0, source };
        let compressor = Compressor::new(COMPRESSION_LEVEL).map_err(failed)?;
        let preamble = [MAGIC.as_slice(), &VERSION.to_le_bytes()].concat();
        output.write_all(&preamble).map_err(failed)?;
        Ok(Self {
            output,
            compressor,
            raw: Vec::with_capacity(BLOCK_BYTES),
            packed: Vec::new(),
            place: Place::Nowhere,
            kept_bytes: preamble.len() as u64,
            tally: Tally::default(),
        })
    }

    /// Adds one piece. Nothing of it is written if it is refused.
    pub fn write(&mut self, kind: &Kind) -> Result<(), RecordingError> {
        let place = self.place.after(kind).map_err(refused)?;
        let length = kind.encoded_len();
        if length > MAX_ENTRY_BYTES {
            return Err(refused(format!("has {length} bytes")));
        }
        if !self.raw.is_empty() && self.raw.len() + length > BLOCK_BYTES {
            self.end_block()?;
        }
        let begin = self.raw.len();
        encode_varint(length as u64, &mut self.raw);
        let body = self.raw.len();
        kind.encode(&mut self.raw);
        if let Err(error) = entry::check(self.raw.get(body..).unwrap_or_default()) {
            self.raw.truncate(begin);
            return Err(refused(error.to_string()));
        }
        if matches!(kind, Kind::Header(_)) && self.place.is_open() {
            self.tally.counts.cut_off_streams += 1;
        }
        self.place = place;
        self.tally.add(kind);
        Ok(())
    }

    /// Hands everything written so far to the system, so that a reader finds it even if this process is killed.
    pub fn flush(&mut self) -> Result<(), RecordingError> {
        if !self.raw.is_empty() {
            self.end_block()?;
        }
        self.output.flush().map_err(|source| self.failed(source))
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<W, RecordingError> {
        self.flush()?;
        Ok(self.output)
    }

    /// Bytes handed over so far, all of whole blocks.
    pub fn bytes(&self) -> u64 {
        self.kept_bytes
    }

    /// What was written so far.
    pub fn counts(&self) -> &Counts {
        &self.tally.counts
    }

    fn end_block(&mut self) -> Result<(), RecordingError> {
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(self.raw.len()));
        let packed = self.compressor.compress_to_buffer(&self.raw, &mut self.packed);
        packed.map_err(|source| self.failed(source))?;
        let header = BlockHeader::new(self.raw.len(), &self.packed).to_bytes();
        let written = self.output.write_all(&header).and_then(|()| self.output.write_all(&self.packed));
        written.map_err(|source| self.failed(source))?;
        self.kept_bytes += (header.len() + self.packed.len()) as u64;
        self.raw.clear();
        // What one large entry took is not kept.
        self.raw.shrink_to(BLOCK_BYTES);
        Ok(())
    }

    fn failed(&self, source: io::Error) -> RecordingError {
        RecordingError::Write { kept_bytes: self.kept_bytes, source }
    }
}

impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = formatter.debug_struct("Writer");
        fields
            .field("kept_bytes", &self.kept_bytes)
            .field("counts", &self.tally.counts)
            .finish_non_exhaustive()
    }
}

fn refused(detail: String) -> RecordingError {
    RecordingError::EntryRefused { detail }
}
