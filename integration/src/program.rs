//! Eyrie's programs as processes.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How long anything in a test may take before it counts as failed. Generous: machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The packages of all programs that the tests run.
const PACKAGES: &[&str] = &["eyrie", "capture-agent", "engine-service", "metadata-service"];

/// Where the programs were built.
static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// Builds these packages' programs; before anything else, who does not need all.
pub fn build_only(packages: &[&str]) -> anyhow::Result<()> {
    let folder = BUILT.get_or_init(|| build(packages).map_err(|error| format!("{error:#}")));
    folder.as_ref().map(drop).map_err(|error| anyhow::anyhow!("{error}"))
}

/// The path of one of the workspace's programs, built if it is not up to date.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    let folder = BUILT.get_or_init(|| build(PACKAGES).map_err(|error| format!("{error:#}")));
    folder.as_ref().map(|folder| folder.join(name)).map_err(|error| anyhow::anyhow!("{error}"))
}

/// Builds what the tests run, with the profile that the tests were built with.
fn build(packages: &[&str]) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    // Tests are one folder deeper than programs.
    let mut folders = own.ancestors().skip(1).skip_while(|folder| folder.ends_with("deps"));
    let folder = folders.next().context("this runs outside a target folder")?.to_owned();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--locked", "--bins"]);
    cargo.args(packages.iter().flat_map(|package| ["-p", package]));
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    // Build scripts of dependencies ask to be run again when these are others, and all that is above them is built anew.
    let is_of_caller = |name: &OsString| {
        let prefixes = [&b"CARGO_PKG_"[..], b"CARGO_MANIFEST_"];
        prefixes.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix))
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_caller(name)) {
        cargo.env_remove(name);
    }
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().context("cannot run cargo")?;
    ensure!(status.success(), "the programs under test could not be built");
    Ok(folder)
}

/// A port of 127.0.0.1 that was free a moment ago.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    output: PathBuf,
    log: PathBuf,
}

// === impl Program ===

impl Program {
    /// Starts the program `name` with `arguments`. Its standard output goes to `NAME.out` and its standard error to
    /// `NAME.log` in `folder`, appended to what a predecessor left there.
    pub fn start<A: AsRef<OsStr>>(
        name: &str,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        Self::spawn(Command::new(built(name)?), name, arguments, folder)
    }

    /// The same where each of `files`, which are pairs of source and target, is in the place of a file of the system, for this program
    /// alone.
    pub fn start_with_files<A: AsRef<OsStr>>(
        files: &[(&Path, &str)],
        name: &str,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new("unshare");
        // The shell takes two arguments for each, and becomes the program.
        let script = r#"while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done; shift; exec "$@""#;
        command.args(["--mount", "sh", "-ec", script, "sh"]);
        for (source, target) in files {
            command.arg(source).arg(target);
        }
        command.arg("--").arg(built(name)?);
        Self::spawn(command, name, arguments, folder)
    }

    fn spawn<A: AsRef<OsStr>>(
        mut command: Command,
        name: &str,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let output = folder.join(format!("{name}.out"));
        let log = folder.join(format!("{name}.log"));
        let append = |path: &Path| File::options().create(true).append(true).open(path);
        let child = command
            .env_remove("RUST_BACKTRACE")
            // Several run at a time, and would all want the same ports; who looks at the pages says where.
            // Tests may run on a machine of a cloud, and ask nobody outside.
            .env("EYRIE_AGENT_CLOUD_METADATA", "off")
            .envs(["ENGINE", "AGENT", "METADATA"].map(|name| (format!("EYRIE_{name}_ADMIN_LISTEN"), "none")))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(append(&output)?)
            .stderr(append(&log)?)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name: name.to_owned(), child, output, log })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it where it is (SIGSTOP), until [`Program::go_on`].
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on (SIGCONT).
    pub fn go_on(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("no pid")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Ends it without a chance to clean up (SIGKILL).
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("{} did not end; its log:\n{}", self.name, self.log_text())
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// What it wrote to standard error.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The lines that it wrote to standard output.
    pub fn output_lines(&self) -> anyhow::Result<Vec<String>> {
        Ok(BufReader::new(File::open(&self.output)?).lines().collect::<Result<_, _>>()?)
    }

    /// Waits until its log contains `text`.
    pub fn wait_for_log(&mut self, text: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.log_text().contains(text) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{} ended ({status}) before it said {text:?}; its log:\n{}",
                    self.name,
                    self.log_text()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("{} never said {text:?}; its log:\n{}", self.name, self.log_text())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
