//! Acts: shell scripts that do what rules look for, and that alerts can be told by.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Write as _,
    os::{fd::AsRawFd as _, unix::process::CommandExt as _},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::ensure;
use eyrie_proto::alert::Alert;

/// Runs a script by `sh -e`, and waits for its end. `tag` is on the command line of that shell, and is the name of a folder of the act's
/// own in `folder`; the script has the path of that as `$1`, and `arguments` as `$2` and so on.
pub fn perform<A: AsRef<OsStr>>(
    script: &str,
    tag: &str,
    folder: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> anyhow::Result<()> {
    let own = folder.join(tag);
    fs::create_dir(&own)?;
    // In a file, so that no rule sees the script on a command line.
    let file = own.join("script");
    fs::write(&file, format!("shift\n{script}\n"))?;
    let output = Command::new("sh")
        .arg("-e")
        .arg(&file)
        .arg(tag)
        .arg(&own)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()?;
    ensure!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Executes a copy of `true` by a descriptor: of a memory file, or of an ordinary one.
pub fn execute_from_descriptor(is_memory: bool, tag: &str, folder: &Path) -> anyhow::Result<()> {
    let program = fs::read("/bin/true")?;
    let copy = folder.join("a copy of true");
    let file = if is_memory {
        // Not closed on exec: the child names it by its number.
        let file = rustix::fs::memfd_create("eyrie", rustix::fs::MemfdFlags::empty())?;
        let mut file = File::from(file);
        file.write_all(&program)?;
        file
    } else {
        fs::copy("/bin/true", &copy)?;
        let file = File::open(&copy)?;
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty())?;
        file
    };
    let status = Command::new(format!("/proc/self/fd/{}", file.as_raw_fd())).arg0(tag).arg(tag).status()?;
    ensure!(status.success(), "{status}");
    Ok(())
}

/// Whether the process of an alert, or one of its ancestors, was started with the tag.
pub fn is_of(alert: &Alert, tag: &str) -> bool {
    alert
        .process
        .iter()
        .chain(&alert.ancestors)
        .any(|process| process.command_line.iter().any(|argument| argument.starts_with(tag.as_bytes())))
}
