//! Where the time goes, by `perf`: of agent and engine, and what they add to a workload, whose time in the kernel has the BPF programs'.
//!
//! It samples these processes alone, by the processor's clock, since virtual machines have no counters.

mod excess;

use std::{
    fmt::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use integration::measured::{attached::Arm, needs::LOAD_CPU, workload::Workload};
use rustix::process::{Pid, Signal, kill_process};

use self::excess::Sampled;
use crate::{Bench, workloads::as_f64};

/// A prime, so as not to keep step with anything.
const HERTZ: u32 = 1997;
/// The same for workloads, of which little is added.
const LOAD_HERTZ: u32 = 9973;
/// So many times the iterations that are measured, for the same reason.
const LONGER: u64 = 5;
/// Symbols below this share are left out.
const LEAST_PERCENT: &str = "0.5";
/// For perf to begin.
const BEGIN: Duration = Duration::from_millis(500);

/// Profiles as text, of each of the workloads; of all that missed a goal.
pub(crate) fn measure(bench: &Bench, workloads: &[Workload]) -> anyhow::Result<String> {
    let mut text = String::new();
    for workload in workloads {
        let nothing = bench.start(Arm::Bare)?;
        let bare = sampled(bench, *workload)?;
        nothing.stop()?;
        let attached = bench.start(Arm::StockRules)?;
        let (agent, engine) = attached.pids().context("no agent")?;
        let mut own = Vec::new();
        for (name, pid) in [("agent", agent), ("engine", engine)] {
            let file = bench.folder().join(format!("{name}.perf"));
            own.push((name, Sampler::of(pid, &file)?, file));
        }
        let with = sampled(bench, *workload)?;
        for (name, sampler, file) in own {
            sampler.end()?;
            let _ = writeln!(text, "\nProfile of the {name} under {workload}:\n\n```\n{}```", top(&file)?);
        }
        attached.stop()?;
        let _ = writeln!(
            text,
            "\nWhat is added to {workload}, with the kernel's part, nanoseconds an iteration:\n\n```\n{}```",
            excess::tell(&bare, &with)
        );
    }
    Ok(text)
}

/// perf at work on a process.
#[derive(Debug)]
struct Sampler(Child);

// === impl Sampler ===

impl Sampler {
    fn of(pid: u32, file: &Path) -> anyhow::Result<Self> {
        let child =
            recorder(file, HERTZ).args(["-p", &pid.to_string()]).spawn().context("cannot run perf")?;
        thread::sleep(BEGIN);
        Ok(Self(child))
    }

    fn end(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).context("no pid")?;
        kill_process(pid, Signal::INT)?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a workload, and samples it and its children.
fn sampled(bench: &Bench, workload: Workload) -> anyhow::Result<Sampled> {
    let file = bench.folder().join("load.perf");
    let iterations = bench.iterations(workload) * LONGER;
    let load = bench.load.command(LOAD_CPU, workload, iterations);
    let status = recorder(&file, LOAD_HERTZ).arg("--").arg(load.get_program()).args(load.get_args()).status();
    ensure!(status.context("cannot run perf")?.success(), "perf record failed");
    Sampled::read(&file, f64::from(LOAD_HERTZ), as_f64(iterations))
}

fn recorder(file: &Path, hertz: u32) -> Command {
    let mut perf = Command::new("perf");
    perf.args(["record", "-q", "-e", "cpu-clock", "-F", &hertz.to_string(), "-o"]).arg(file);
    perf.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    perf
}

/// The dearest symbols.
fn top(file: &Path) -> anyhow::Result<String> {
    let mut perf = perf_report(file);
    perf.args(["--sort", "comm,dso,symbol", "--percent-limit", LEAST_PERCENT]);
    let output = perf.output().context("cannot run perf")?;
    ensure!(output.status.success(), "perf report: {}", String::from_utf8_lossy(&output.stderr));
    Ok(lines(&String::from_utf8_lossy(&output.stdout)))
}

fn perf_report(file: &Path) -> Command {
    let mut perf = Command::new("perf");
    perf.args(["report", "--stdio", "-i"]).arg(file).stdin(Stdio::null());
    perf
}

/// Without comments and empty lines.
fn lines(report: &str) -> String {
    let told = report.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'));
    told.take(40).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a report as perf writes it. Guarantees: its comments are left out, and its lines kept as they are.
    #[test]
    fn reports_are_told_without_comments() {
        let report =
            "# To display\n#\n\n    62.1%  io  [kernel]  [k] x  \n     2.0%  io  libc  [.] y\n\n\n# (Tip)\n";
        assert_eq!(lines(report), "    62.1%  io  [kernel]  [k] x\n     2.0%  io  libc  [.] y\n");
    }
}
