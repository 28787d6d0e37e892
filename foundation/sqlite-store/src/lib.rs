//! One writer and several readers over an SQLite database of one process.
//!
//! A store takes its [`Place`]: a directory that no other process and no other user gets at. One thread of its own writes
//! ([`Writer`]), so that what waits at the same time shares one flush to the disk; [`Readers`] read beside it (WAL). What
//! fails is told by what can be done about it ([`StoreFault`]). Tables and their meaning are the stores' own business.
#![forbid(unsafe_code)]

mod fault;
mod place;
mod readers;
mod writer;

use std::path::Path;

use rusqlite::Connection;

pub use self::{
    fault::StoreFault,
    place::Place,
    readers::Readers,
    writer::{Closed, Writer},
};

/// Opens the connection that writes, flushing to the disk at every commit, and reads the layout's version: 0 for a new
/// file.
pub fn open_for_writing(path: &Path) -> Result<(Connection, i64), StoreFault> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((connection, version))
}

#[cfg(test)]
mod tests;
