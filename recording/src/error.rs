//! What can be wrong with a recording.

use std::{io, path::PathBuf};

use scap_events::{export::ExportError, import::ImportError};

use crate::VERSION;

/// Why a recording cannot be read or written. Everything before the offset was read, or is in the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// There is no such file, or it may not be read.
    #[error("cannot open the recording {}: {source}", path.display())]
    Open {
        /// As it was given.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It would overwrite something.
    #[error("{} is there already; choose another name, or say that it is to be replaced (--force)", path.display())]
    Exists {
        /// As it was given.
        path: PathBuf,
    },
    /// The file cannot be made.
    #[error("cannot make the recording {}: {source}", path.display())]
    Create {
        /// As it was given.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Neither of the formats.
    #[error(
        "this is no recording: it begins with {found}; recordings of Eyrie's begin with \\x89EYRIE, .scap files with a section block or as gzip"
    )]
    UnknownFormat {
        /// The first bytes, escaped; "nothing" of an empty file.
        found: String,
    },
    /// Written by a newer program.
    #[error(
        "the file at offset {offset} has version {found} of the format, and this program reads up to {VERSION}; read it with the program that wrote it, or a newer one"
    )]
    Version {
        /// Of the magic.
        offset: u64,
        /// The version.
        found: u32,
    },
    /// The system failed to read.
    #[error("cannot read the recording at offset {offset}: {source}")]
    Read {
        /// Bytes of the file before it.
        offset: u64,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It ends within a block: its writer was killed, or its copy is not whole.
    #[error(
        "the recording ends at offset {end} within the block that begins at {offset}: it was cut off; everything before the block was read"
    )]
    Truncated {
        /// Where the block begins.
        offset: u64,
        /// Where the file ends.
        end: u64,
    },
    /// A block that is not what was written.
    #[error("the block at offset {offset} {fault}: the file is damaged; everything before it was read")]
    Block {
        /// Where it begins.
        offset: u64,
        /// What contradicts what.
        fault: &'static str,
    },
    /// A whole block with an entry that is none.
    #[error("entry {index} of the block at offset {offset} {detail}; everything before it was read")]
    Entry {
        /// Where the block begins.
        offset: u64,
        /// Of the entry, from 0.
        index: u64,
        /// What is wrong.
        detail: String,
    },
    /// A `.scap` file, or what is not one after all.
    #[error(transparent)]
    Scap(Box<ImportError>),
    /// What `.scap` cannot say.
    #[error("cannot write the recording as .scap: {source}")]
    Export {
        /// What it is.
        #[source]
        source: Box<ExportError>,
    },
    /// An entry that no reader would take.
    #[error(
        "cannot write an entry that {detail}; no reader would take it: make several of one that is too large, and keep to the order of a stream"
    )]
    EntryRefused {
        /// What is wrong.
        detail: String,
    },
    /// The system failed to write: the disk is full, or nobody reads.
    #[error("cannot write the recording: {source}; what was written up to offset {kept_bytes} can be read")]
    Write {
        /// Bytes of whole blocks that were handed over.
        kept_bytes: u64,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

// === impl RecordingError ===

impl RecordingError {
    /// Of what begins with `head`.
    pub(crate) fn unknown_format(head: &[u8]) -> Self {
        let found = if head.is_empty() { "nothing".to_owned() } else { head.escape_ascii().to_string() };
        Self::UnknownFormat { found }
    }
}

// Boxed: most errors are none of these, and every result would be as large.
impl From<ImportError> for RecordingError {
    fn from(error: ImportError) -> Self {
        Self::Scap(Box::new(error))
    }
}
