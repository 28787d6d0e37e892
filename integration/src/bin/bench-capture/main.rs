//! What capture by the rules' plan costs, against goals that are set by what Falco costs.
//!
//! One part measures one thing ([`Part`]): how much slower fixed workloads become and what agent and engine spend on them, what of it
//! is the BPF programs', memory, a mixed load of which most has to stay in the kernel, and both processors at once. Each gives
//! [`Goal`](goals::Goal)s and tables; one table of goals ends it. The load is pinned to processor 0; agent, engine and this program to
//! processor 1, but for the part with both.
//!
//! Not for: comparing machines. docs/performance.md says how it is measured.
#![forbid(unsafe_code)]

mod both;
mod ending;
mod goals;
mod machine;
mod memory;
mod mixed;
mod mixed_load;
mod peer;
mod profile;
mod programs;
mod recorded;
mod report;
mod workloads;

use std::{
    fs::File,
    io::Write as _,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use integration::measured::{
    attached::{Arm, Attached},
    needs::{Needs, OBSERVER_CPU, pin_to},
    workload::{self, Load, Workload},
};

use self::{machine::Machine, report::Report};

/// Between the start of agent and engine and what is measured: what the start itself set going has ended by then. Also between what is
/// measured and a reading: the agent reads the programs' counters once a second.
const SETTLE: Duration = Duration::from_secs(2);
/// Rounds, unless a number is given.
const ROUNDS: usize = 31;
/// Rounds of `--quick`.
const QUICK_ROUNDS: usize = 3;
/// Of how many parts `--quick` does a workload's iterations.
const QUICK_SHARE: u64 = 5;

/// Measures what capture by the rules' plan costs, and says which goals are met.
#[derive(Debug, Parser)]
struct Arguments {
    /// Paired rounds of the four workloads
    #[arg(long, value_name = "COUNT")]
    rounds: Option<NonZeroUsize>,

    /// Only this part; may be repeated
    #[arg(long, value_name = "PART", value_enum)]
    only: Vec<Part>,

    /// Few rounds with fewer iterations: to try it, not to believe it
    #[arg(long)]
    quick: bool,

    /// Iterations of a workload instead of those that peers were measured with; may be repeated
    #[arg(long, value_name = "WORKLOAD=COUNT", value_parser = workload::iterations)]
    iterations: Vec<(Workload, u64)>,

    /// The source of the workloads
    #[arg(long, value_name = "FILE", env = "EYRIE_SYSCALL_LOAD")]
    load: Option<PathBuf>,

    /// The folder with the stock rules
    #[arg(long, value_name = "DIRECTORY", env = "EYRIE_STOCK_RULES")]
    rules: Option<PathBuf>,

    /// Print the result as Markdown
    #[arg(long)]
    markdown: bool,

    /// Write all figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Sample agent, engine and load by perf as well, and print where their time goes
    #[arg(long)]
    profile: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the mixed load once in a folder that was prepared for it; the measurement starts it so
    MixedLoad {
        /// The folder
        folder: PathBuf,
    },
}

/// Something that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Part {
    /// The four workloads, bare and with 93 stock rules.
    Workloads,
    /// How long the BPF programs run for an iteration.
    Programs,
    /// The agent's memory when nothing happens.
    Memory,
    /// A mixed load: what stays in the kernel, and what goes over the wire.
    Mixed,
    /// `io` on both processors at once.
    Both,
}

/// What parts need.
#[derive(Debug)]
struct Bench {
    load: Load,
    rules: PathBuf,
    folder: tempfile::TempDir,
    rounds: usize,
    is_quick: bool,
    is_profiled: bool,
    iterations: Vec<(Workload, u64)>,
}

// === impl Part ===

impl Part {
    fn measure(self, bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
        match self {
            Self::Workloads => workloads::measure(bench, report),
            Self::Programs => programs::measure(bench, report),
            Self::Memory => memory::measure(bench, report),
            Self::Mixed => mixed::measure(bench, report),
            Self::Both => both::measure(bench, report),
        }
    }
}

// === impl Bench ===

impl Bench {
    fn iterations(&self, workload: Workload) -> u64 {
        let given = self.iterations.iter().rev().find(|(of, _)| *of == workload);
        let usual = workload.default_iterations() / if self.is_quick { QUICK_SHARE } else { 1 };
        given.map_or(usual, |(_, count)| *count)
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Agent and engine with the stock rules, or nothing, once they have settled.
    fn start(&self, arm: Arm) -> anyhow::Result<Attached> {
        let attached = Attached::start(arm, &self.rules, self.folder())?;
        if arm != Arm::Bare {
            std::thread::sleep(SETTLE);
        }
        Ok(attached)
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(Command::MixedLoad { folder }) = &arguments.command {
        mixed_load::run(folder)?;
        return Ok(ExitCode::SUCCESS);
    }
    let needs = Needs::new(arguments.load.as_deref(), arguments.rules.as_deref());
    if let Some(missing) = needs.missing() {
        eprintln!("bench-capture: not measured: this needs {missing}");
        // What was asked for by name is there, or that is an error.
        let is_asked = arguments.load.is_some() || arguments.rules.is_some();
        return Ok(if is_asked { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    // Opened first: that it cannot be is not to be found out after half an hour.
    let json = arguments.json.as_ref().map(|path| {
        File::create(path).with_context(|| format!("cannot write the figures to {}", path.display()))
    });
    let json = json.transpose()?;
    // Built before this program pins itself, and what it starts with it.
    integration::program::build_only(&["eyrie", "capture-agent", "engine-service"])?;
    // With a short path: sockets are made in there.
    let folder = tempfile::Builder::new().prefix("eyrie-bench-").tempdir_in("/tmp")?;
    ending::end_in_order(folder.path().to_owned())?;
    let bench = Bench {
        load: Load::compile(&needs.load, folder.path())?,
        rules: needs.rules,
        folder,
        rounds: arguments
            .rounds
            .map_or(if arguments.quick { QUICK_ROUNDS } else { ROUNDS }, NonZeroUsize::get),
        is_quick: arguments.quick,
        is_profiled: arguments.profile,
        iterations: arguments.iterations.clone(),
    };
    let report = measure(&arguments, &bench)?;
    println!("{}", report.text(arguments.markdown));
    if let Some(mut file) = json {
        writeln!(file, "{:#}", report.json())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(arguments: &Arguments, bench: &Bench) -> anyhow::Result<Report> {
    let parts: Vec<Part> = Part::value_variants()
        .iter()
        .copied()
        .filter(|part| arguments.only.is_empty() || arguments.only.contains(part))
        .collect();
    let mut report = Report::new(bench.rounds, bench.is_quick, Machine::read()?);
    pin_to(&[OBSERVER_CPU])?;
    for part in parts {
        let began = Instant::now();
        part.measure(bench, &mut report)?;
        let name = part.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        report.took(name, began.elapsed());
    }
    report.ended(Machine::read()?);
    Ok(report)
}
