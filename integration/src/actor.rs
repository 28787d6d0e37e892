//! Short-lived processes that do what the rules of a test look for, when they are told to.

use std::{
    ffi::OsStr,
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, ensure};

/// A shell that waits, then opens a file in a process of its own, and ends.
///
/// Its forks and execs happen when it is started, its act when it is released: a test can put whatever it likes
/// between the two.
#[derive(Debug)]
pub struct Actor {
    child: Child,
    tag: String,
}

// === impl Actor ===

impl Actor {
    /// Starts an actor that will read `file` by `cat`. `tag` is put on the command lines of the shell and of `cat`, so
    /// that alerts can be told apart.
    pub fn start(file: &Path, tag: &str) -> anyhow::Result<Self> {
        // The shell forks a subshell first, which waits; its successor by exec, `cat`, acts. So the process that acts
        // was forked before the wait, its parent is a shell with the tag, and the act is by a program executed after.
        Self::shell("sh", r#"( read -r go; exec cat "$1" ) ; exit 0"#, file, tag)
    }

    /// Starts an actor whose waiting process itself opens the file, without another exec.
    pub fn start_without_exec(file: &Path, tag: &str) -> anyhow::Result<Self> {
        Self::start_without_exec_as("sh", file, tag)
    }

    /// The same by another shell than the system's.
    pub fn start_without_exec_as(shell: impl AsRef<OsStr>, file: &Path, tag: &str) -> anyhow::Result<Self> {
        Self::shell(shell, r#"( read -r go; read -r line < "$1" ) ; exit 0"#, file, tag)
    }

    fn shell(shell: impl AsRef<OsStr>, script: &str, file: &Path, tag: &str) -> anyhow::Result<Self> {
        let child = Command::new(shell)
            .args(["-c", script, tag])
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start a shell")?;
        Ok(Self { child, tag: tag.to_owned() })
    }

    /// What tells it from others.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Lets it act, and waits for its end.
    pub fn act(&mut self) -> anyhow::Result<()> {
        self.child.stdin.take().context("the actor has acted already")?.write_all(b"go\n")?;
        let status = self.child.wait()?;
        ensure!(status.success(), "actor {} failed: {status}", self.tag);
        Ok(())
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
