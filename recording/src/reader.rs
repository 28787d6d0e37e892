//! Reading our own format.

#[cfg(test)]
mod tests;

use std::io::{self, Read};

use eyrie_proto::recording::recording_entry::Kind;
use prost::encoding::decode_varint;
use scap_events::entry;
use zstd::bulk::Decompressor;

use crate::{
    Counts, RecordingError, Source,
    block::{BLOCK_HEADER_BYTES, BLOCK_MARK, BlockHeader, MAGIC, PREAMBLE_BYTES, VERSION},
    counts::Tally,
    grammar::Place,
};

/// Of a block's mark; a file's magic is told apart from it by as many bytes.
const MARK_BYTES: usize = BLOCK_MARK.len();

/// Reads streams entry by entry. Its memory is that of one block, raw and packed, and of one entry.
///
/// After an error there is nothing more.
pub struct Reader<R> {
    input: R,
    decompressor: Decompressor<'static>,
    /// Bytes of the file before what is read next.
    offset: u64,
    block: Block,
    packed: Vec<u8>,
    place: Place,
    tally: Tally,
    is_over: bool,
}

/// The block whose entries are handed out.
#[derive(Debug, Default)]
struct Block {
    offset: u64,
    raw: Vec<u8>,
    /// How much of it was handed out.
    position: usize,
    entries: u64,
}

// === impl Reader ===

impl<R: Read> Reader<R> {
    /// Begins to read a file of ours; what does not begin with its magic is refused.
    pub fn new(mut input: R) -> Result<Self, RecordingError> {
        let mut preamble = [0; PREAMBLE_BYTES];
        let failed = |source| RecordingError::Read { offset: 0, source };
        let length = fill(&mut input, &mut preamble).map_err(failed)?;
        check_preamble(preamble.get(..length).unwrap_or_default(), 0, length as u64)?;
        Ok(Self {
            input,
            decompressor: Decompressor::new().map_err(failed)?,
            offset: PREAMBLE_BYTES as u64,
            block: Block::default(),
            packed: Vec::new(),
            place: Place::Nowhere,
            tally: Tally::default(),
            is_over: false,
        })
    }

    fn advance(&mut self) -> Result<Option<Kind>, RecordingError> {
        while self.block.is_read() {
            if !self.next_block()? {
                return Ok(None);
            }
        }
        let kind = self.block.next_entry().and_then(|kind| Ok((self.place.after(&kind)?, kind)));
        let (place, kind) = kind.map_err(|detail| RecordingError::Entry {
            offset: self.block.offset,
            index: self.block.entries,
            detail,
        })?;
        self.block.entries += 1;
        if matches!(kind, Kind::Header(_)) && self.place.is_open() {
            self.tally.counts.cut_off_streams += 1;
        }
        self.place = place;
        self.tally.add(&kind);
        Ok(Some(kind))
    }

    /// Reads and unpacks the next block; `false` at the end of the file.
    fn next_block(&mut self) -> Result<bool, RecordingError> {
        let offset = self.offset;
        let mut mark = [0; MARK_BYTES];
        match self.fill(&mut mark)? {
            0 => return Ok(false),
            MARK_BYTES if MAGIC.starts_with(&mark) => {
                let mut rest = [0; PREAMBLE_BYTES - MARK_BYTES];
                let length = self.fill(&mut rest)?;
                let preamble = [&mark, rest.get(..length).unwrap_or_default()].concat();
                return check_preamble(&preamble, offset, self.offset).map(|()| true);
            }
            MARK_BYTES if mark != BLOCK_MARK => return Err(fault(offset, "does not begin as blocks do")),
            MARK_BYTES => {}
            _ => return Err(self.cut_off(offset)),
        }
        let mut fields = [0; BLOCK_HEADER_BYTES - MARK_BYTES];
        if self.fill(&mut fields)? < fields.len() {
            return Err(self.cut_off(offset));
        }
        let header = BlockHeader::from_fields(fields);
        if let Some(found) = header.fault() {
            return Err(fault(offset, found));
        }
        self.packed.clear();
        let packed_bytes = u64::from(header.packed_bytes);
        let read = (&mut self.input).take(packed_bytes).read_to_end(&mut self.packed);
        self.offset += self.packed.len() as u64;
        read.map_err(|source| RecordingError::Read { offset: self.offset, source })?;
        if (self.packed.len() as u64) < packed_bytes {
            return Err(self.cut_off(offset));
        }
        self.unpack(offset, header)?;
        Ok(true)
    }

    fn unpack(&mut self, offset: u64, header: BlockHeader) -> Result<(), RecordingError> {
        if header.checksum_of(&self.packed) != header.checksum {
            return Err(fault(offset, "has another checksum than its bytes"));
        }
        let raw_bytes = header.raw_bytes as usize;
        let mut raw = std::mem::take(&mut self.block.raw);
        raw.clear();
        // Never more than a block may have, whatever the frame unpacks to.
        raw.reserve_exact(raw_bytes);
        match self.decompressor.decompress_to_buffer(&self.packed, &mut raw) {
            Ok(length) if length == raw_bytes => {}
            _ => return Err(fault(offset, "does not unpack to what it says")),
        }
        self.block = Block { offset, raw, position: 0, entries: 0 };
        Ok(())
    }

    /// Fills `buffer` as far as the file goes.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, RecordingError> {
        let length = fill(&mut self.input, buffer)
            .map_err(|source| RecordingError::Read { offset: self.offset, source })?;
        self.offset += length as u64;
        Ok(length)
    }

    fn cut_off(&self, offset: u64) -> RecordingError {
        RecordingError::Truncated { offset, end: self.offset }
    }
}

impl<R: Read> Source for Reader<R> {
    fn next(&mut self) -> Result<Option<Kind>, RecordingError> {
        if self.is_over {
            return Ok(None);
        }
        let next = self.advance();
        if !matches!(next, Ok(Some(_))) {
            self.is_over = true;
            self.tally.counts.cut_off_streams += u64::from(self.place.is_open());
        }
        next
    }

    fn counts(&self) -> Counts {
        self.tally.counts.clone()
    }
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = formatter.debug_struct("Reader");
        fields.field("offset", &self.offset).field("counts", &self.tally.counts).finish_non_exhaustive()
    }
}

// === impl Block ===

impl Block {
    fn is_read(&self) -> bool {
        self.position >= self.raw.len()
    }

    /// The entry at the position; what is wrong with it if it is none.
    fn next_entry(&mut self) -> Result<Kind, String> {
        let mut rest = self.raw.get(self.position..).unwrap_or_default();
        let length = decode_varint(&mut rest).map_err(|_| "has no length".to_owned())?;
        let entry = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let entry =
            entry.ok_or_else(|| format!("says that it has {length} bytes, which its block has not"))?;
        let behind = rest.len() - entry.len();
        let kind = entry::decode(entry).map_err(|error| error.to_string())?;
        self.position = self.raw.len() - behind;
        Ok(kind)
    }
}

fn fault(offset: u64, fault: &'static str) -> RecordingError {
    RecordingError::Block { offset, fault }
}

/// What is wrong with the beginning of a file, which is at `offset` and was read up to `end`.
fn check_preamble(preamble: &[u8], offset: u64, end: u64) -> Result<(), RecordingError> {
    let (magic, version) = preamble.split_at(preamble.len().min(MAGIC.len()));
    if !MAGIC.starts_with(magic) || magic.is_empty() {
        return Err(RecordingError::unknown_format(preamble));
    }
    match <[u8; size_of::<u32>()]>::try_from(version).map(u32::from_le_bytes) {
        Ok(VERSION) => Ok(()),
        Ok(found) => Err(RecordingError::Version { offset, found }),
        Err(_) => Err(RecordingError::Truncated { offset, end }),
    }
}

/// Fills `buffer` as far as the input goes.
pub(crate) fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..)
        && !rest.is_empty()
    {
        match input.read(rest) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
