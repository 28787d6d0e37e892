//! Daemons that a test starts: all that is theirs lies in a folder of its own, and they end with the test.

use std::{
    fs::File,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

/// For a daemon to take connections: seconds on a busy machine.
const START_WITHIN: Duration = Duration::from_secs(60);
/// For it to end what it started, once it is asked to.
const END_WITHIN: Duration = Duration::from_secs(20);

/// A daemon that listens at a Unix socket. Dropping it asks it to end, and ends it if it does not.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
}

// === impl Daemon ===

impl Daemon {
    /// Starts it and waits until it takes connections. What it writes goes to `log`.
    pub(crate) fn start(mut command: Command, socket: &Path, log: PathBuf) -> anyhow::Result<Self> {
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let name = command.get_program().to_string_lossy().into_owned();
        let mut daemon = Self { child: command.spawn().with_context(|| format!("cannot start {name}"))? };
        let deadline = Instant::now() + START_WITHIN;
        while UnixStream::connect(socket).is_err() {
            let ended = daemon.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("{name} takes no connections ({ended:?}): {said}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Asked first, as it has to end others; without unsafe code that takes a program.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let deadline = Instant::now() + END_WITHIN;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
