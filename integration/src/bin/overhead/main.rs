//! What capturing costs the host: fixed workloads of system calls, bare and with an agent attached.
//!
//! The workloads are those that peers were measured with (`tools/syscall-load.c` of the data beside the project, compiled
//! here). One round measures every arm, one after the other, in an order that is rotated from round to round; arms are
//! compared within a round, so that what changes slowly on a machine is in all of them alike. The load is pinned to
//! processor 0; agent, engine and this program to processor 1.
//!
//! Not for: comparing machines, or finding out what of a program is slow. docs/performance.md has results.
#![forbid(unsafe_code)]

mod arm;
mod load;
mod process;
mod report;
mod statistics;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use rustix::thread::{CpuSet, sched_setaffinity};

use self::{
    arm::{Arm, Attached},
    load::{Clock, Load, Workload},
    report::{Figures, Measurement},
};

/// Where agent, engine and this program run.
const OBSERVER_CPU: usize = 1;
/// Between the start of an arm and its first workload: what the start itself set going has ended by then.
const SETTLE: Duration = Duration::from_secs(1);

/// Measures what capturing costs fixed workloads of system calls.
#[derive(Debug, Parser)]
struct Arguments {
    /// Paired rounds; fewer than 6 give no intervals
    #[arg(long, value_name = "COUNT", default_value_t = 31)]
    rounds: usize,

    /// Iterations of a workload instead of those that peers were measured with; may be repeated
    #[arg(long, value_name = "WORKLOAD=COUNT", value_parser = load::iterations)]
    iterations: Vec<(Workload, u64)>,

    /// Which time is measured; the processor's where the machine has other work
    #[arg(long, value_enum, default_value_t)]
    clock: Clock,

    /// The source of the workloads
    #[arg(long, value_name = "FILE", env = "EYRIE_SYSCALL_LOAD")]
    load: Option<PathBuf>,

    /// The folder with the stock rules
    #[arg(long, value_name = "DIRECTORY", env = "EYRIE_STOCK_RULES")]
    rules: Option<PathBuf>,

    /// Print the result as Markdown
    #[arg(long)]
    markdown: bool,
}

// === impl Arguments ===

impl Arguments {
    fn load(&self) -> PathBuf {
        self.load.clone().unwrap_or_else(|| beside_the_project("tools/syscall-load.c"))
    }

    fn rules(&self) -> PathBuf {
        self.rules.clone().unwrap_or_else(|| beside_the_project("data/falco-rules"))
    }

    fn iterations(&self, workload: Workload) -> u64 {
        let given = self.iterations.iter().rev().find(|(of, _)| *of == workload);
        given.map_or(workload.default_iterations(), |(_, count)| *count)
    }

    /// What is missing to measure at all.
    fn missing(&self) -> Option<String> {
        let is_missing = |path: &Path| !path.exists();
        if !rustix::process::geteuid().is_root() {
            Some("root".to_owned())
        } else if is_missing(Path::new("/sys/kernel/btf/vmlinux")) {
            Some("a kernel with BTF".to_owned())
        } else if std::thread::available_parallelism().is_ok_and(|count| count.get() <= OBSERVER_CPU) {
            Some("a second processor".to_owned())
        } else {
            [self.load(), self.rules()]
                .into_iter()
                .find(|path| is_missing(path))
                .map(|path| path.display().to_string())
        }
    }
}

fn beside_the_project(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(path)
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(missing) = arguments.missing() {
        eprintln!("overhead: not measured: this needs {missing}");
        return Ok(ExitCode::SUCCESS);
    }
    let folder = tempfile::TempDir::with_prefix("eyrie-overhead-")?;
    // Built before this program pins itself, and what it starts with it.
    integration::program::build_only(&["capture-agent", "engine-service"])?;
    let load = Load::compile(&arguments.load(), folder.path())?;
    let mut observers = CpuSet::new();
    observers.set(OBSERVER_CPU);
    sched_setaffinity(None, &observers).context("cannot pin this program to a processor")?;
    let figures = measure(&arguments, &load, folder.path())?;
    report::print(&figures, arguments.markdown);
    Ok(ExitCode::SUCCESS)
}

fn measure(arguments: &Arguments, load: &Load, folder: &Path) -> anyhow::Result<Figures> {
    for workload in Workload::ALL {
        load.run(workload, arguments.iterations(workload) / 10 + 1, arguments.clock)
            .context("the warming up")?;
    }
    let steps = arguments.rounds * Arm::ALL.len() * Workload::ALL.len();
    let progress = ProgressBar::new(steps.try_into()?);
    progress.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} (about {eta} left)")?);
    let mut figures = Figures::default();
    for round in 0..arguments.rounds {
        let mut arms = Arm::ALL;
        arms.rotate_left(round % Arm::ALL.len());
        for arm in arms {
            let mut attached = Attached::start(arm, &arguments.rules(), folder)?;
            std::thread::sleep(SETTLE);
            for workload in Workload::ALL {
                progress.set_message(format!("{arm}: {workload}"));
                let foreign_before = attached.foreign_programs()?;
                let before = attached.usage()?;
                let ns = load.run(workload, arguments.iterations(workload), arguments.clock)?;
                attached.is_done()?;
                let used = attached.usage()?.since(&before);
                let is_disturbed = foreign_before || attached.foreign_programs()?;
                figures.add(arm, workload, Measurement { ns_per_iteration: ns, used, is_disturbed });
                progress.inc(1);
            }
            attached.stop()?;
        }
    }
    progress.finish_and_clear();
    Ok(figures)
}
