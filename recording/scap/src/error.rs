//! What can be wrong with a file.

use std::io;

/// Why reading ended. Everything before `offset` was read.
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
}

/// Why writing ended, or what cannot be said in the format.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The output could not be written.
    #[error("cannot write: {0}")]
    Io(#[from] io::Error),
}
