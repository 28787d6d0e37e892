//! Reaches a watched file in the ways that rules on paths could miss, and others that they must not mind: one act for each run, by
//! its name, in a folder that the program fills and empties.
//!
//! Only the tests of capture plans run it. An act that fails to reach what it is meant to reach fails; what is meant to fail does.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, reason = "a part of the tests")]

mod connections;
mod files;
mod opens;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// What an act is done in. Each run has its own.
struct Ground {
    /// With the watched and the other directory.
    folder: PathBuf,
}

type Act = fn(&Ground) -> anyhow::Result<()>;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (act, folder) = (arguments.next().context("no act")?, arguments.next().context("no folder")?);
    let acts = [opens::ACTS, files::ACTS, connections::ACTS].concat();
    let (_, perform) = acts.iter().find(|(name, _)| **name == *act).context("no such act")?;
    let ground = Ground { folder: folder.into() };
    ground.fill()?;
    perform(&ground)?;
    ground.empty()
}

// === impl Ground ===

impl Ground {
    fn watched(&self) -> PathBuf {
        self.folder.join("watched")
    }

    fn secret(&self) -> PathBuf {
        self.watched().join("secret")
    }

    fn other(&self) -> PathBuf {
        self.folder.join("other")
    }

    fn fill(&self) -> anyhow::Result<()> {
        for folder in [self.watched(), self.other()] {
            fs::create_dir_all(folder.join("inner"))?;
        }
        fs::write(self.secret(), "secret")?;
        fs::write(self.other().join("plain"), "plain")?;
        Ok(())
    }

    /// Acts may have moved what is here, or changed the root.
    fn empty(&self) -> anyhow::Result<()> {
        if !self.folder.exists() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let is_folder = path.is_dir() && !path.is_symlink();
            if is_folder { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
        Ok(())
    }
}

/// Opens a file that has to be there, and reads it.
fn read(path: impl AsRef<Path>) -> anyhow::Result<()> {
    let path = path.as_ref();
    fs::read(path).map(drop).with_context(|| format!("cannot read {}", path.display()))
}
