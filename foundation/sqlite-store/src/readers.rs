//! Reading, beside the writer.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::fault::StoreFault;

/// Reads at the same time; each has a connection with SQLite's page cache of 2 MiB.
const CONNECTIONS: usize = 4;
/// Readers wait for nobody but a writer that recovers the log after a crash.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// More than any of our stores has for reading.
const KEPT_STATEMENTS: usize = 32;

/// The connections for reading. One is made when it is first needed and kept.
#[derive(Debug)]
pub struct Readers {
    path: Arc<Path>,
    permits: Semaphore,
    idle: Arc<Mutex<Vec<Connection>>>,
}

// === impl Readers ===

impl Readers {
    /// For the database at `path`.
    pub fn new(path: Arc<Path>) -> Self {
        Self { path, permits: Semaphore::new(CONNECTIONS), idle: Arc::default() }
    }

    /// Runs `read` on one of the connections, away from the async threads.
    pub async fn run<T, F>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, F> + Send + 'static,
    ) -> Result<T, F>
    where
        T: Send + 'static,
        F: From<StoreFault> + Send + 'static,
    {
        let _permit = self.permits.acquire().await.map_err(|_| StoreFault::Closed)?;
        let (path, idle) = (Arc::clone(&self.path), Arc::clone(&self.idle));
        let work = move || {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match kept {
                Some(connection) => connection,
                None => open(&path)?,
            };
            // After an error the connection is not kept: the next one starts afresh.
            let result = read(&mut connection)?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok(result)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| StoreFault::Closed)?
    }

    /// Closes the connections that nobody uses. The last connection to a database to be closed tidies up, which these cannot:
    /// they only read.
    pub fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn open(path: &Path) -> Result<Connection, StoreFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
    Ok(connection)
}
