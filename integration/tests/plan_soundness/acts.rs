//! The acts, each by a process of its own.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};
use test_programs::Abi;

use super::by_hand;

const ACTOR: &str = env!("CARGO_BIN_EXE_path-actor");

const ACTS: &[&str] = &[
    "plainly",
    "by-links",
    "by-hard-link",
    "relatively",
    "by-dots",
    "from-directory",
    "by-openat2",
    "with-flags",
    "in-vain",
    "by-long-paths",
    "from-deleted-directory",
    "in-other-root",
    "after-renames",
    "renaming",
    "removing",
    "changing-modes",
    "linking",
    "making",
    "connecting",
    "sending",
];

/// Opens of the race.
const RACES: usize = 400;
/// Races, if in the ones before all opens went the same way.
const RACE_ATTEMPTS: usize = 10;

/// An act that was done.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) act: String,
    pub(crate) pid: u32,
    /// How often it opened the watched file, where that hangs on chance: the text that is told then is another one for each who reads it.
    pub(crate) reached: Option<usize>,
}

// === impl Done ===

impl Done {
    pub(crate) fn is_race(&self) -> bool {
        self.reached.is_some()
    }
}

/// Does everything once, one after the other, on a ground that is empty before and after. The last act is one that is always told of.
pub(crate) fn perform_all(ground: &Path) -> anyhow::Result<Vec<Done>> {
    fs::create_dir_all(ground)?;
    let mut done = Vec::new();
    for act in ACTS {
        done.push(finished(act, Command::new(ACTOR).arg(act).arg(ground))?);
    }
    done.push(by_bound_mount(ground)?);
    for (act, abi) in [("by hand", Abi::X86_64), ("by hand, of 32 bits", Abi::I386)] {
        let program = by_hand::calls(abi, ground)?;
        done.push(finished(act, &mut program.write(&folder_for(ground, "by-hand")?))?);
        by_hand::empty(ground)?;
    }
    done.push(race(ground)?);
    done.push(finished("plainly", Command::new(ACTOR).arg("plainly").arg(ground))?);
    Ok(done)
}

fn finished(act: &str, command: &mut Command) -> anyhow::Result<Done> {
    let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().context("cannot start it")?;
    let pid = child.id();
    succeed(act, child)?;
    Ok(Done { act: act.to_owned(), pid, reached: None })
}

fn succeed(act: &str, child: Child) -> anyhow::Result<()> {
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{act}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A folder beside the ground, for programs.
fn folder_for(ground: &Path, name: &str) -> anyhow::Result<std::path::PathBuf> {
    let folder = ground.parent().context("a folder in a folder")?.join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// In a mount namespace of its own the watched directory's file is seen elsewhere as well.
fn by_bound_mount(ground: &Path) -> anyhow::Result<Done> {
    let mounted = folder_for(ground, "mounted")?;
    fs::create_dir_all(ground.join("watched"))?;
    fs::write(ground.join("watched/bound"), "seen by another name")?;
    // The actor makes `secret`; until then it is not in the mounted directory, which is a part of this one.
    fs::create_dir_all(ground.join("watched/part"))?;
    fs::write(ground.join("watched/part/bound"), "seen by another name")?;
    let script = r#"mount --bind "$1" "$2"; shift 2; exec "$@""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", script, "sh"]).arg(ground.join("watched/part")).arg(&mounted);
    finished("by-bound-mount", command.arg(ACTOR).arg("by-bound-mount").arg(ground))
}

/// A race that both sides win now and then.
fn race(ground: &Path) -> anyhow::Result<Done> {
    for _ in 0..RACE_ATTEMPTS {
        let (pid, reached) = race_once(ground)?;
        if (1..RACES).contains(&reached) {
            return Ok(Done { act: "a race".to_owned(), pid, reached: Some(reached) });
        }
    }
    bail!("each of {RACE_ATTEMPTS} races had the same path in all opens")
}

/// A program opens what lies in memory that somebody else rewrites all the time, and writes a byte to what it opened. Returns its process id, and
/// how often that was the watched file.
fn race_once(ground: &Path) -> anyhow::Result<(u32, usize)> {
    let (watched, decoy) = (ground.join("watched/secret"), ground.join("weather/secret"));
    for file in [&watched, &decoy] {
        fs::create_dir_all(file.parent().context("a file in a folder")?)?;
        fs::write(file, "")?;
    }
    let folder = folder_for(ground, "race")?;
    let shared =
        File::options().create(true).truncate(true).read(true).write(true).open(folder.join("shared"))?;
    shared.set_len(4_096)?;
    let texts = [watched.as_os_str().as_encoded_bytes(), decoy.as_os_str().as_encoded_bytes()];
    shared.write_all_at(texts[0], 0)?;
    let mut child =
        by_hand::racing(&folder.join("shared"), RACES).write(&folder).stderr(Stdio::piped()).spawn()?;
    let pid = child.id();
    let mut rewritten = 0;
    while child.try_wait()?.is_none() {
        shared.write_all_at(texts[rewritten % 2], 0)?;
        rewritten += 1;
    }
    succeed("a race", child)?;
    let reached = usize::try_from(fs::metadata(&watched)?.len())?;
    by_hand::empty(ground)?;
    Ok((pid, reached))
}
