//! What can go wrong with a log.

use std::path::{Path, PathBuf};

use sqlite_store::StoreFault;

use super::sqlite;

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
    /// What a fault of the store in `path` means for a log.
    pub(super) fn of_store(path: &Path, fault: &StoreFault) -> Self {
        let (path, detail) = (path.to_owned(), fault.to_string());
        match fault {
            StoreFault::Full(_) => Self::Full { path, detail },
            StoreFault::Io(_) => Self::Io { path, detail },
            StoreFault::Damaged(_) => Self::Damaged { path, detail },
            StoreFault::InUse => Self::InUse { path },
            StoreFault::NewerSchema(found) => {
                Self::NewerSchema { path, found: *found, known: sqlite::SCHEMA_VERSION }
            }
            StoreFault::Closed => Self::Closed { path },
            StoreFault::Internal(_) => Self::Internal { path, detail },
        }
    }

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
