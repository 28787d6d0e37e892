//! Where a store lives.

use std::{
    fs::{DirBuilder, File, TryLockError},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::fault::StoreFault;

/// What a store keeps is for its own user: alerts show command lines and file names.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// A directory that this process has to itself for as long as this lives; killed or not.
#[derive(Debug)]
pub struct Place {
    database: Arc<Path>,
    /// The lock goes with the file.
    _lock: File,
}

// === impl Place ===

impl Place {
    /// Takes `directory`, making it if it does not exist, for a database called `name`. The error comes with the file that
    /// it is about.
    pub fn take(directory: &Path, name: &str) -> Result<Self, (PathBuf, StoreFault)> {
        let database = directory.join(name);
        let io = |path: &Path, error: std::io::Error| (path.to_owned(), StoreFault::Io(error.to_string()));
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(directory)
            .map_err(|error| io(directory, error))?;
        let open = |path: &Path| {
            let mut options = File::options();
            options.create(true).truncate(false).write(true).mode(FILE_MODE);
            options.open(path).map_err(|error| io(path, error))
        };
        let path = directory.join("lock");
        let lock = open(&path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err((database, StoreFault::InUse)),
            Err(TryLockError::Error(error)) => return Err(io(&path, error)),
        }
        // SQLite gives the files beside it the mode of this one.
        open(&database)?;
        Ok(Self { database: database.into(), _lock: lock })
    }

    /// The database's file.
    pub fn database(&self) -> &Arc<Path> {
        &self.database
    }
}
