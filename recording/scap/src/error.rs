//! What can be wrong with a file.

use std::io;

use crate::block::BlockType;

/// Why reading ended. Everything before `offset`, which counts uncompressed bytes, was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The input could not be read.
    #[error("cannot read at offset {offset}: {source}")]
    Io {
        /// Bytes of uncompressed content before it.
        offset: u64,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The gzip around the blocks is damaged.
    #[error(
        "the gzip stream is damaged after {offset} uncompressed bytes ({source}); what comes before was read, \
         the rest is lost: copy or fetch the file again"
    )]
    Gzip {
        /// Bytes of uncompressed content before it.
        offset: u64,
        /// What the decoder says.
        #[source]
        source: io::Error,
    },
    /// The file ends within a block, or its gzip stream within itself.
    #[error(
        "the file is cut off: {what} at offset {offset} lacks {missing} bytes or more; what comes before was read. The \
         recorder was stopped while it wrote, or the copy is not complete"
    )]
    Truncated {
        /// Where the block begins that is not whole.
        offset: u64,
        /// The block's type, or what was expected there.
        what: String,
        /// At least so many bytes are not there.
        missing: u64,
    },
    /// It is something else.
    #[error("this is no .scap file but {found}; {advice}")]
    NotScap {
        /// What it seems to be.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// Written on a machine of the other byte order.
    #[error(
        "the section at offset {offset} was written on a big-endian machine, which nobody reads; record it again"
    )]
    ByteOrder {
        /// Where the section begins.
        offset: u64,
    },
    /// Written by a later format.
    #[error(
        "the section at offset {offset} is of format {major}.{minor}; format 1 is read: take a newer eyrie"
    )]
    Version {
        /// Where the section begins.
        offset: u64,
        /// Its format.
        major: u16,
        /// Its format's minor number.
        minor: u16,
    },
    /// A section's first bytes are not those of a section.
    #[error(
        "the section header at offset {offset} {reason}; the file is damaged there, what comes before was read"
    )]
    Section {
        /// Where it begins.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A block says a length that no block has.
    #[error(
        "the block at offset {offset} (type {block_type}) says that it has {length} bytes; a block has at least 12, and of \
         this type at most {limit}. The file is damaged there, what comes before was read"
    )]
    BlockLength {
        /// Where the block begins.
        offset: u64,
        /// Its type.
        block_type: BlockType,
        /// What it says.
        length: u32,
        /// At most so many are read of its type.
        limit: u32,
    },
    /// A block's length at its end is not that at its beginning.
    #[error(
        "the block at offset {offset} (type {block_type}) says {length} bytes at its beginning and {trailer} at its end. The \
         file is damaged there, what comes before was read"
    )]
    Trailer {
        /// Where the block begins.
        offset: u64,
        /// Its type.
        block_type: BlockType,
        /// The length at its beginning.
        length: u32,
        /// The length at its end.
        trailer: u32,
    },
}

/// Why writing ended, or what cannot be said in the format.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The output could not be written.
    #[error("cannot write: {0}")]
    Io(#[from] io::Error),
    /// The event's code is not in the table.
    #[error("there is no event with the code {code}; take one of the table")]
    UnknownCode {
        /// The code.
        code: u16,
    },
    /// A parameter is longer than its length can say.
    #[error(
        "parameter {name} of event {event} has {length} bytes, at most {limit} can be written; shorten it"
    )]
    ParameterTooLong {
        /// The event's name.
        event: &'static str,
        /// The parameter's name.
        name: &'static str,
        /// Its bytes.
        length: usize,
        /// The bound.
        limit: usize,
    },
    /// An event, or a list of what was there before, is larger than a block may be.
    #[error(
        "a block of type {block_type} would have {length} bytes, at most {limit} are read again; leave some out"
    )]
    BlockTooLarge {
        /// The block's type.
        block_type: BlockType,
        /// Bytes with frame.
        length: usize,
        /// The bound.
        limit: u32,
    },
    /// An interface's addresses are not of one family.
    #[error(
        "the addresses of interface {name} are of different families; give address, netmask and broadcast of one"
    )]
    MixedFamilies {
        /// The interface.
        name: String,
    },
    /// What stands before the events came after one.
    #[error(
        "{what} would come after events, where readers refuse them; write them first, or begin another section"
    )]
    AfterEvents {
        /// What.
        what: &'static str,
    },
}

// === impl ReadError ===

impl ReadError {
    /// The file is whole up to where it ends; everything before was read.
    pub fn is_truncated(&self) -> bool {
        matches!(self, Self::Truncated { .. })
    }
}
