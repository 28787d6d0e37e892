//! The workloads.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};
use clap::ValueEnum;

use super::needs::LOAD_CPU;

/// A loop of some system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workload {
    /// `open`, `read` and `close` of a small file, and `getpid`.
    Io,
    /// `fork`, `execve` of /bin/true, and waiting for it.
    Fork,
    /// A connection over loopback: `socket`, `connect`, `accept4`, `setsockopt` and two `close`.
    Conn,
    /// `getpid`, which nothing asks for.
    Getpid,
}

/// Which of a workload's times is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Clock {
    /// What passes for whoever waits.
    #[default]
    Elapsed,
    /// What the workload and its children spend on the processor, which others at work on the machine make less of a difference to.
    Processor,
}

/// The compiled program.
#[derive(Debug)]
pub struct Load {
    program: PathBuf,
}

// === impl Workload ===

impl Workload {
    /// In the order of tables.
    pub const ALL: [Self; 4] = [Self::Io, Self::Fork, Self::Conn, Self::Getpid];

    /// As many as peers were measured with.
    pub fn default_iterations(self) -> u64 {
        match self {
            Self::Io => 500_000,
            Self::Fork => 2_000,
            Self::Conn => 20_000,
            Self::Getpid => 5_000_000,
        }
    }

    /// As the program takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::Fork => "fork",
            Self::Conn => "conn",
            Self::Getpid => "getpid",
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads `WORKLOAD=COUNT`.
pub fn iterations(text: &str) -> anyhow::Result<(Workload, u64)> {
    let (name, count) = text.split_once('=').context("it must be WORKLOAD=COUNT")?;
    let workload = Workload::ALL.into_iter().find(|workload| workload.name() == name);
    let workload = workload.context("the workloads are io, fork, conn and getpid")?;
    let count: u64 = count.parse().context("the count must be a number")?;
    ensure!(count > 0, "the count must be above zero");
    Ok((workload, count))
}

// === impl Load ===

impl Load {
    /// Compiles the workloads into `folder`.
    pub fn compile(source: &Path, folder: &Path) -> anyhow::Result<Self> {
        let program = folder.join("syscall-load");
        let status = Command::new("cc").arg("-O2").arg("-o").arg(&program).arg(source).status();
        ensure!(status.context("cannot run cc")?.success(), "{} does not compile", source.display());
        Ok(Self { program })
    }

    /// How one is run on a processor, to which it pins itself.
    pub fn command(&self, processor: usize, workload: Workload, iterations: u64) -> Command {
        let mut command = Command::new(&self.program);
        command.args([workload.name(), &iterations.to_string(), &processor.to_string()]);
        command
    }

    /// Runs one on processor 0, to which it pins itself; nanoseconds an iteration.
    pub fn run(&self, workload: Workload, iterations: u64, clock: Clock) -> anyhow::Result<f64> {
        self.run_on(LOAD_CPU, workload, iterations, clock)
    }

    /// The same on another processor.
    pub fn run_on(
        &self,
        processor: usize,
        workload: Workload,
        iterations: u64,
        clock: Clock,
    ) -> anyhow::Result<f64> {
        let output = self.command(processor, workload, iterations).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("the workload {workload} failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        // Its ns_per_iter is rounded to whole ones, which is a percent of getpid.
        let figure = |key: &str| {
            let word = text.split_whitespace().find_map(|word| word.strip_prefix(key)?.parse::<f64>().ok());
            word.with_context(|| format!("the workload {workload} has no {key} in {text:?}"))
        };
        let seconds = match clock {
            Clock::Elapsed => figure("wall=")?,
            Clock::Processor => figure("utime=")? + figure("stime=")?,
        };
        #[expect(clippy::cast_precision_loss, reason = "counts of iterations are far below 2^52")]
        let iterations = iterations as f64;
        Ok(seconds * 1e9 / iterations)
    }
}
