//! Recordings of our own workloads, in `integration/corpus`: what they are, how they are made, and what is in them.
//!
//! `make corpus` makes them anew. A recording of a host has everything that happens there; what is kept of it is what the
//! generator's own descendants did ([`narrow`]), with a host that has no name.

mod narrow;
mod summary;

use std::path::PathBuf;

pub use self::{
    narrow::{HOSTNAME, narrow},
    summary::{Summary, summary},
};

/// The ports of loopback that acts connect to: one that counts as outside by [`OUTSIDE_RULES`], and one that does not. Fixed, as rules that are
/// replayed have to name them.
pub const PORTS: [u16; 2] = [47_811, 47_812];
/// Lets the first of [`PORTS`] count as outside.
pub const OUTSIDE_RULES: &str =
    "- macro: leaves_the_host\n  condition: or fd.sport=47811\n  override:\n    condition: append\n";
/// Of each file, and of all together: they are in the repository.
pub const MAX_FILE_BYTES: u64 = 300 << 10;
/// See [`MAX_FILE_BYTES`].
pub const MAX_ALL_BYTES: u64 = 2 << 20;

/// Where they are.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// All of them, by name.
pub fn files() -> anyhow::Result<Vec<PathBuf>> {
    let mut files = std::fs::read_dir(folder())?
        .map(|entry| Ok(entry?.path()))
        .filter(|path| path.as_ref().is_ok_and(|path| path.extension().is_some_and(|it| it == "eyrie")))
        .collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
