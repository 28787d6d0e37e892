//! What can go wrong with a log.

use std::path::PathBuf;

/// Why a log did not do what it was asked for. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AlertLogError {
    /// No room on the file system, or the log's own limit is reached.
    #[error(
        "no space left for the alert log {}: nothing is acknowledged until there is; free space on its file system ({detail})",
        path.display()
    )]
    Full {
        /// The log's file.
        path: PathBuf,
        /// What the store says.
        detail: String,
    },
    /// The file system fails.
    #[error("cannot read or write the alert log {}: check its disk and permissions ({detail})", path.display())]
    Io {
        /// The log's file.
        path: PathBuf,
        /// What the store says.
        detail: String,
    },
    /// Another process uses the log.
    #[error(
        "the alert log {} is in use by another engine: stop that one, or give this one another --data-dir",
        path.display()
    )]
    InUse {
        /// The log's file.
        path: PathBuf,
    },
    /// The file is no log, or was damaged.
    #[error(
        "the alert log {} is damaged or not an alert log: move it and its -wal and -shm files away to start with an \
         empty one, or restore a backup ({detail})",
        path.display()
    )]
    Damaged {
        /// The log's file.
        path: PathBuf,
        /// What the store says.
        detail: String,
    },
    /// The file was written by a newer version.
    #[error(
        "the alert log {} has schema version {found}, this engine knows up to {known}: run the newer engine again, or \
         give this one another --data-dir",
        path.display()
    )]
    NewerSchema {
        /// The log's file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest version that we know.
        known: i64,
    },
    /// The log was closed.
    #[error("the alert log {} is closed: the engine is shutting down", path.display())]
    Closed {
        /// The log's file.
        path: PathBuf,
    },
    /// Anything else: a fault of ours.
    #[error("the alert log {} failed: {detail}; please report this", path.display())]
    Internal {
        /// The log's file.
        path: PathBuf,
        /// What the store says.
        detail: String,
    },
}

// === impl AlertLogError ===

impl AlertLogError {
    /// Whether the same call may succeed later without anybody changing the program or the file.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Full { .. } | Self::Io { .. } => true,
            Self::InUse { .. }
            | Self::Damaged { .. }
            | Self::NewerSchema { .. }
            | Self::Closed { .. }
            | Self::Internal { .. } => false,
        }
    }
}
