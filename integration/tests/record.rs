//! `eyrie record` on the real kernel: what actors did is in the file, with the state before it, and what was not to be in it is not.
//!
//! A recording has what everybody on the machine does. The tests look for what their own actors did, which have a tag on their
//! command lines, and print nothing else.
#![allow(clippy::indexing_slicing, reason = "all of it is a test")]

use std::{
    collections::BTreeMap,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, ensure};
use eyrie_proto::{
    event::{Event, ProcessState, event::Kind as EventKind},
    recording::{RecordingEnd, RecordingTrailer, recording_entry::Kind},
};
use integration::{
    eventually,
    program::{Program, built},
};
use recording::{Counts, RecordingError};
use tempfile::TempDir;
use test_requirements::{Requirement, requires};

/// What an actor has on its command line and in its environment.
const SECRET: &str = "kB7-hunter2-x9";

/// What there is of a recording.
#[derive(Default)]
struct Read {
    processes: Vec<ProcessState>,
    events: Vec<Event>,
    trailer: Option<RecordingTrailer>,
    redactions: Vec<String>,
    counts: Counts,
    error: Option<RecordingError>,
}

/// A shell that exists before a recording begins, and then runs a command line for each line it is given.
struct Actor(Child);

// === impl Read ===

impl Read {
    fn of(path: &Path) -> Self {
        let mut read = Self::default();
        let mut source = match recording::open(path) {
            Ok(source) => source,
            Err(error) => return Self { error: Some(error), ..read },
        };
        loop {
            match source.next() {
                Ok(Some(kind)) => read.take(kind),
                Ok(None) => break,
                Err(error) => {
                    read.error = Some(error);
                    break;
                }
            }
        }
        read.counts = source.counts();
        read
    }

    fn take(&mut self, kind: Kind) {
        match kind {
            Kind::Header(header) => self.redactions = header.redactions,
            Kind::BaseState(part) => self.processes.extend(part.processes),
            Kind::Batch(recorded) => self.events.extend(recorded.batch.unwrap_or_default().events),
            Kind::LateFacts(_) => {}
            Kind::Trailer(trailer) => self.trailer = Some(trailer),
        }
    }

    /// Command lines of executed programs that have the tag on them.
    fn executed(&self, tag: &str) -> Vec<String> {
        let line = |event: &Event| match &event.kind {
            Some(EventKind::Exec(exec)) => {
                Some(String::from_utf8_lossy(&exec.arguments.join(&b' ')).into_owned())
            }
            _ => None,
        };
        self.events.iter().filter_map(line).filter(|line| line.contains(tag)).collect()
    }

    /// How often a file was opened.
    fn opened(&self, path: &Path) -> usize {
        let wanted = path.as_os_str().as_encoded_bytes();
        let is_it = |event: &&Event| match &event.kind {
            Some(EventKind::Open(open)) => open.path.as_ref().is_some_and(|path| path.requested == wanted),
            _ => false,
        };
        self.events.iter().filter(is_it).count()
    }
}

// === impl Actor ===

impl Actor {
    fn start() -> anyhow::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-s", "an-actor"]).env("ACTOR_PASSWORD", SECRET);
        Ok(Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    fn act(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.0.stdin.as_mut().context("no input")?;
        Ok(writeln!(input, "{line}")?)
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn folder() -> anyhow::Result<TempDir> {
    Ok(TempDir::with_prefix_in("eyrie-record-", "/tmp")?)
}

/// A recorder that has begun: its file has a base state.
async fn recorder(file: &Path, options: &[&str], folder: &Path) -> anyhow::Result<Program> {
    let file_name = file.to_str().context("not UTF-8")?;
    let mut program = Program::start("eyrie", [&["record", file_name, "--json"], options].concat(), folder)?;
    eventually(|| {
        ensure!(program.is_running()?, "it ended: {}", program.log_text());
        Ok((!Read::of(file).processes.is_empty()).then_some(()))
    })
    .await?;
    Ok(program)
}

/// What a recorder says at its end.
fn summary(program: &Program) -> anyhow::Result<BTreeMap<String, serde_json::Value>> {
    let lines = program.output_lines()?;
    Ok(serde_json::from_str(lines.last().context("no summary")?)?)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The file's bytes with everything in it unpacked: each piece is written anew, one a file.
fn unpacked(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut source = recording::open(file)?;
    let mut bytes = Vec::new();
    while let Some(kind) = source.next()? {
        kind.encode(&mut bytes);
    }
    Ok(bytes)
}

/// Scenario: in each format an actor exists, a recording begins, the actor executes programs with a secret and opens a file, the recording
/// is ended by a signal. Guarantees: the file is its owner's alone, has the actor in its base state, each of its programs and opens, a trailer
/// that counts what is there, and nothing of the secret; the summary says the same. The name is taken from then on.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_actor_does_is_recorded() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    for name in ["a.eyrie", "a.scap"] {
        record_an_actor(name).await.context(name)?;
    }
    Ok(())
}

async fn record_an_actor(name: &str) -> anyhow::Result<()> {
    let (folder, mut actor) = (folder()?, Actor::start()?);
    let (file, victim) = (folder.path().join(name), folder.path().join("victim"));
    std::fs::write(&victim, "x")?;
    let options = ["--redact-secrets", "--redact", "hunter[0-9]", "--redact-data"];
    let mut program = recorder(&file, &options, folder.path()).await?;
    let victim_name = victim.display();
    actor.act(&format!("/bin/true tag-first --password={SECRET}"))?;
    actor.act(&format!("/bin/true tag-second --api-key {SECRET}"))?;
    actor.act(&format!("/bin/cat {victim_name} {victim_name}"))?;
    eventually(|| Ok((Read::of(&file).opened(&victim) >= 2).then_some(()))).await?;
    ensure!(program.terminate()?.success(), "{}", program.log_text());

    let read = Read::of(&file);
    ensure!(read.error.is_none(), "{:?}", read.error);
    assert_eq!(std::fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
    let pid = actor.0.id();
    let shell = read.processes.iter().find(|it| it.process.is_some_and(|key| key.pid == pid));
    let shell = shell.context("the actor is not in the base state")?;
    assert_eq!(shell.arguments, [b"-s".to_vec(), b"an-actor".to_vec()]);
    assert!(shell.environment.contains(&b"ACTOR_PASSWORD=<redacted>".to_vec()));
    assert_eq!(read.executed("tag-first"), ["tag-first --password=<redacted>"]);
    assert_eq!(read.executed("tag-second"), ["tag-second --api-key <redacted>"]);
    assert_eq!(read.opened(&victim), 2);
    assert!(!contains(&unpacked(&file)?, "hunter2"), "the secret is in the file");
    // Not the expression: it may be the secret itself.
    assert_eq!(read.redactions, ["argument: pattern of 11 bytes", "well-known secrets", "data as well"]);
    let trailer = read.trailer.context("no trailer")?;
    assert_eq!((trailer.end(), trailer.event_count), (RecordingEnd::Complete, read.events.len() as u64));
    let summary = summary(&program)?;
    assert_eq!(summary["events"], read.events.len());
    assert_eq!(
        (&summary["end"], &summary["bytes"]),
        (&"complete".into(), &std::fs::metadata(&file)?.len().into())
    );

    let again = Command::new(built("eyrie")?).arg("record").arg(&file).output()?;
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force"));
    assert_eq!(Read::of(&file).events.len(), read.events.len());
    Ok(())
}

/// Scenario: a recorder is killed a moment after an actor acted. Guarantees: what it had written is readable with the actor's acts, and the
/// file says that it was cut off.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_recorder_leaves_what_it_had() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let (folder, mut actor) = (folder()?, Actor::start()?);
    let file = folder.path().join("a.eyrie");
    let mut program = recorder(&file, &[], folder.path()).await?;
    actor.act("/bin/true tag-before-the-kill")?;
    eventually(|| Ok((Read::of(&file).executed("tag-before-the-kill").len() == 1).then_some(()))).await?;
    program.kill()?;
    let read = Read::of(&file);
    assert!(matches!(read.error, None | Some(RecordingError::Truncated { .. })), "{:?}", read.error);
    assert_eq!(read.executed("tag-before-the-kill").len(), 1);
    assert_eq!((read.trailer, read.counts.cut_off_streams), (None, 1));
    Ok(())
}

/// Scenario: a recording with a condition on one file, in which an actor opens that and another. Guarantees: of the opens only those that
/// meet the condition are there; what is executed is there all the same; what was left out is counted, in the file and in the summary.
#[tokio::test(flavor = "multi_thread")]
async fn a_condition_leaves_the_rest_out() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let (folder, mut actor) = (folder()?, Actor::start()?);
    let name = |name: &str| folder.path().join(name);
    let (file, wanted, other): (PathBuf, PathBuf, PathBuf) = (name("a.eyrie"), name("wanted"), name("other"));
    for file in [&wanted, &other] {
        std::fs::write(file, "x")?;
    }
    let condition = format!("evt.type in (open, openat) and fd.name = {}", wanted.display());
    let mut program = recorder(&file, &["--filter", &condition], folder.path()).await?;
    actor.act(&format!("/bin/cat {} {}", other.display(), wanted.display()))?;
    eventually(|| Ok((Read::of(&file).opened(&wanted) == 1).then_some(()))).await?;
    ensure!(program.terminate()?.success(), "{}", program.log_text());
    let read = Read::of(&file);
    assert_eq!((read.opened(&wanted), read.opened(&other)), (1, 0));
    assert_eq!(read.executed("other").len(), 1);
    let trailer = read.trailer.context("no trailer")?;
    assert!(trailer.left_out_events > 0);
    assert_eq!(summary(&program)?["left_out_events"], trailer.left_out_events);
    Ok(())
}

/// Scenario: a recording of everything onto a disk with room for little, and one that may have little. Guarantees: the first ends with 1,
/// says why and what was kept, and that can be read; the second ends well and says that it is as large as it may be.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_a_recording() -> anyhow::Result<()> {
    requires!(Requirement::Kernel, Ok(()));
    let folder = folder()?;
    let (small, kept) = (folder.path().join("small"), folder.path().join("kept.eyrie"));
    std::fs::create_dir(&small)?;
    // The folder's contents are those of a small disk for the recorder alone.
    let script = r#"mount -t tmpfs -o size=64k tmpfs "$2"; "$1" record --all "$2/a.eyrie" || code=$?; cp "$2/a.eyrie" "$3"; exit $code"#;
    let recorder = Command::new("timeout")
        .args(["60", "unshare", "-m", "sh", "-c", script, "sh"])
        .arg(built("eyrie")?)
        .args([&small, &kept])
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&recorder.stderr);
    assert_eq!(recorder.status.code(), Some(1));
    assert!(said.contains("cannot write the recording: No space left"), "it does not say why");
    let read = Read::of(&kept);
    assert!(matches!(read.error, None | Some(RecordingError::Truncated { .. })), "{:?}", read.error);
    assert!(read.counts.streams == 1 && read.trailer.is_none());

    let file = folder.path().join("b.eyrie");
    let bounded = Command::new("timeout")
        .arg("60")
        .arg(built("eyrie")?)
        .args(["record", "--all", "--max-size", "20K"])
        .arg(&file)
        .stdin(Stdio::null())
        .output()?;
    assert!(bounded.status.success());
    assert!(String::from_utf8_lossy(&bounded.stderr).contains("as large as it may be"));
    let read = Read::of(&file);
    assert_eq!(read.trailer.context("no trailer")?.end(), RecordingEnd::Budget);
    Ok(())
}
