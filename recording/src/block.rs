//! Blocks: what our own files are made of.
//!
//! ```text
//!  file:   89 'E' 'Y' 'R' 'I' 'E' 0D 0A | version (u32) | block*
//!  block:  'E' 'Y' 'B' 'K' | packed length (u32) | raw length (u32) | crc32 (u32) | packed bytes
//!  raw:    ( length (varint) | RecordingEntry )*
//! ```
//!
//! Numbers are little-endian. The checksum is over both lengths and the packed bytes, which are one zstd frame. No entry
//! reaches into the next block. Whole files may be joined: where a block could begin the magic may stand as well.

use zstd::zstd_safe::compress_bound;

use crate::MAX_ENTRY_BYTES;

/// What a file begins with. Not text, and damaged by whatever turns line ends, like PNG's.
pub const MAGIC: [u8; 8] = *b"\x89EYRIE\r\n";
/// The version of the layout above; what entries say has its own, in their header.
pub const VERSION: u32 = 1;
/// Of magic and version.
pub(crate) const PREAMBLE_BYTES: usize = MAGIC.len() + size_of::<u32>();
/// What a block begins with.
pub(crate) const BLOCK_MARK: [u8; 4] = *b"EYBK";
/// Of mark, lengths and checksum.
pub(crate) const BLOCK_HEADER_BYTES: usize = 16;
/// Entries are collected up to here before they are packed: what a writer holds, and what a damaged block costs.
pub(crate) const BLOCK_BYTES: usize = 256 << 10;
/// Of one block's raw bytes: a large entry has a block for itself. A reader holds one such block, and its packed bytes.
pub(crate) const MAX_RAW_BYTES: usize = MAX_ENTRY_BYTES + MAX_LENGTH_BYTES;
/// Of an entry's length as a varint.
const MAX_LENGTH_BYTES: usize = 10;

/// What stands before a block's packed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub(crate) packed_bytes: u32,
    pub(crate) raw_bytes: u32,
    pub(crate) checksum: u32,
}

// === impl BlockHeader ===

impl BlockHeader {
    pub(crate) fn new(raw_bytes: usize, packed: &[u8]) -> Self {
        let header = Self { packed_bytes: length(packed.len()), raw_bytes: length(raw_bytes), checksum: 0 };
        Self { checksum: header.checksum_of(packed), ..header }
    }

    pub(crate) fn to_bytes(self) -> [u8; BLOCK_HEADER_BYTES] {
        let mut bytes = [0; BLOCK_HEADER_BYTES];
        let fields = [
            BLOCK_MARK,
            self.packed_bytes.to_le_bytes(),
            self.raw_bytes.to_le_bytes(),
            self.checksum.to_le_bytes(),
        ];
        for (place, field) in bytes.chunks_exact_mut(4).zip(fields) {
            place.copy_from_slice(&field);
        }
        bytes
    }

    /// Of what stands behind the mark.
    pub(crate) fn from_fields(bytes: [u8; BLOCK_HEADER_BYTES - BLOCK_MARK.len()]) -> Self {
        let mut fields = bytes.chunks_exact(4).map(|field| field.try_into().map_or(0, u32::from_le_bytes));
        let mut next = || fields.next().unwrap_or_default();
        Self { packed_bytes: next(), raw_bytes: next(), checksum: next() }
    }

    /// What is wrong with its lengths, before anything is read or reserved by them.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let (packed, raw) = (self.packed_bytes as usize, self.raw_bytes as usize);
        if raw == 0 || raw > MAX_RAW_BYTES {
            Some("says that it holds nothing, or more than a block may")
        } else if packed == 0 || packed > compress_bound(raw) {
            Some("says that it is packed into nothing, or into more than packing can make of it")
        } else {
            None
        }
    }

    /// The checksum that a block with these lengths and bytes has.
    pub(crate) fn checksum_of(&self, packed: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.packed_bytes.to_le_bytes());
        hasher.update(&self.raw_bytes.to_le_bytes());
        hasher.update(packed);
        hasher.finalize()
    }
}

/// Blocks are far smaller than 4 GiB; one that is not would be refused by every reader.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
