//! What replaying a long recording takes: makes one, has `eyrie replay` evaluate it in a process of its own, and prints
//! events a second, the time by stages, and the most memory that was resident.
//!
//! Not for: comparing machines, or what live capture costs (that is `overhead`). docs/performance.md has results.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::Parser;
use integration::{long_recording, program, replayed::Replayed};
use serde_json::Value;

/// In the order of a table's columns.
const STAGES: [&str; 7] = ["first_pass", "read", "decode", "apply", "evaluate", "format", "rest"];

/// Measures what replaying a long recording takes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Events of the recording
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    events: u64,

    /// How often each is replayed; medians are printed
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    rounds: usize,

    /// Formats of the recording, by the ends of files' names
    #[arg(long, value_name = "EXTENSION", value_delimiter = ',', default_value = "eyrie,scap")]
    formats: Vec<String>,

    /// The folder with the stock rules
    #[arg(long, value_name = "DIRECTORY", env = "EYRIE_STOCK_RULES")]
    rules: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.rounds > 0, "--rounds must be 1 or more");
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/falco-rules");
    let rules = arguments.rules.clone().unwrap_or(beside);
    ensure!(rules.exists(), "{} is not there: name the folder of the rules with --rules", rules.display());
    program::build_only(&["eyrie"])?;
    let folder = tempfile::tempdir()?;
    println!("| format | file, MiB | events/s | {} | all | peak RSS, MiB | alerts |", STAGES.join(" | "));
    println!("|---|---|---|{}---|---|---|", "---|".repeat(STAGES.len()));
    for format in &arguments.formats {
        let file = folder.path().join(format!("long.{format}"));
        long_recording::write(&file, arguments.events)?;
        let rounds: Vec<Value> = (0..arguments.rounds)
            .map(|_| Replayed::run(&file, &rules).map(|replayed| replayed.stats))
            .collect::<anyhow::Result<_>>()?;
        let bytes = file.metadata()?.len();
        println!("{}", row(format, bytes, &rounds)?);
    }
    Ok(())
}

fn row(format: &str, bytes: u64, rounds: &[Value]) -> anyhow::Result<String> {
    let figure = |path: &str| median(rounds, path);
    let second = |name: &str| figure(&format!("/seconds/{name}"));
    let stages = STAGES.map(|name| second(name).map(|seconds| format!("{seconds:.2}")));
    let stages: Vec<String> = stages.into_iter().collect::<anyhow::Result<_>>()?;
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let bytes = bytes as f64;
    Ok(format!(
        "| {format} | {:.1} | {:.0} | {} | {:.2} | {:.0} | {:.0} |",
        mib(bytes),
        figure("/events_per_second")?,
        stages.join(" | "),
        second("all")?,
        mib(figure("/peak_memory_bytes")?),
        figure("/alerts")?,
    ))
}

/// Of the figure at a JSON pointer.
fn median(rounds: &[Value], pointer: &str) -> anyhow::Result<f64> {
    let figure = |stats: &Value| stats.pointer(pointer).and_then(Value::as_f64);
    let figures = rounds.iter().map(|stats| figure(stats).with_context(|| format!("{pointer} is missing")));
    let mut figures: Vec<f64> = figures.collect::<anyhow::Result<_>>()?;
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().context("nothing was measured")
}
