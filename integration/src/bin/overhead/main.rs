//! What capturing costs the host: fixed workloads of system calls, bare and with an agent attached.
//!
//! The workloads are those that peers were measured with (`tools/syscall-load.c` of the data beside the project, compiled
//! here). One round measures every arm, one after the other, in an order that is rotated from round to round; arms are
//! compared within a round, so that what changes slowly on a machine is in all of them alike. The load is pinned to
//! processor 0; agent, engine and this program to processor 1.
//!
//! Not for: comparing machines, or finding out what of a program is slow. docs/performance.md has results.
#![forbid(unsafe_code)]

mod report;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use integration::measured::{
    attached::{Arm, Attached},
    needs::{Needs, OBSERVER_CPU, pin_to},
    workload::{self, Clock, Load, Workload},
};

use self::report::{Figures, Measurement};

/// Between the start of an arm and its first workload: what the start itself set going has ended by then.
const SETTLE: Duration = Duration::from_secs(1);

/// Measures what capturing costs fixed workloads of system calls.
#[derive(Debug, Parser)]
struct Arguments {
    /// Paired rounds; fewer than 6 give no intervals
    #[arg(long, value_name = "COUNT", default_value_t = 31)]
    rounds: usize,

    /// Iterations of a workload instead of those that peers were measured with; may be repeated
    #[arg(long, value_name = "WORKLOAD=COUNT", value_parser = workload::iterations)]
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
    fn iterations(&self, workload: Workload) -> u64 {
        let given = self.iterations.iter().rev().find(|(of, _)| *of == workload);
        given.map_or(workload.default_iterations(), |(_, count)| *count)
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let needs = Needs::new(arguments.load.as_deref(), arguments.rules.as_deref());
    if let Some(missing) = needs.missing() {
        eprintln!("overhead: not measured: this needs {missing}");
        return Ok(ExitCode::SUCCESS);
    }
    let folder = tempfile::TempDir::with_prefix("eyrie-overhead-")?;
    // Built before this program pins itself, and what it starts with it.
    integration::program::build_only(&["capture-agent", "engine-service"])?;
    let load = Load::compile(&needs.load, folder.path())?;
    pin_to(&[OBSERVER_CPU])?;
    let figures = measure(&arguments, &load, &needs.rules, folder.path())?;
    report::print(&figures, arguments.markdown);
    Ok(ExitCode::SUCCESS)
}

fn measure(arguments: &Arguments, load: &Load, rules: &Path, folder: &Path) -> anyhow::Result<Figures> {
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
            let mut attached = Attached::start(arm, rules, folder)?;
            std::thread::sleep(SETTLE);
            for workload in Workload::ALL {
                progress.set_message(format!("{arm}: {workload}"));
                let foreign_before = attached.foreign_programs()?;
                let before = attached.reading()?;
                let ns = load.run(workload, arguments.iterations(workload), arguments.clock)?;
                attached.is_done()?;
                let used = attached.reading()?.since(&before);
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
