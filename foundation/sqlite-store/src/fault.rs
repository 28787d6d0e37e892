//! What can go wrong with a store, by what can be done about it.

use rusqlite::ErrorCode as Code;

/// A failure inside a store, before it is known whose it is; the detail is SQLite's or the system's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFault {
    /// No room on the file system, or the database's own limit is reached.
    #[error("no space left: {0}")]
    Full(String),
    /// The disk, or permissions.
    #[error("cannot read or write: {0}")]
    Io(String),
    /// What is there is not what was written.
    #[error("damaged: {0}")]
    Damaged(String),
    /// Another process has the directory.
    #[error("another process uses it")]
    InUse,
    /// The layout is of a later version.
    #[error("its layout has version {0}, which is newer than this program")]
    NewerSchema(i64),
    /// The store is shutting down.
    #[error("it is closed")]
    Closed,
    /// A mistake of ours.
    #[error("{0}")]
    Internal(String),
}

impl From<rusqlite::Error> for StoreFault {
    fn from(error: rusqlite::Error) -> Self {
        let detail = error.to_string();
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => Self::Full(detail),
            Some(
                Code::SystemIoFailure
                | Code::CannotOpen
                | Code::ReadOnly
                | Code::PermissionDenied
                | Code::DatabaseBusy
                | Code::DatabaseLocked
                | Code::FileLockingProtocolFailed
                | Code::OutOfMemory,
            ) => Self::Io(detail),
            Some(Code::DatabaseCorrupt | Code::NotADatabase | Code::SchemaChanged | Code::TypeMismatch) => {
                Self::Damaged(detail)
            }
            _ => Self::Internal(detail),
        }
    }
}
