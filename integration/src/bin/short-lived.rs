//! Starts short-lived containers, each of which trips a rule, and prints what became of the alerts.
//!
//! `make short-lived` runs it; docs/performance.md has results.
#![forbid(unsafe_code)]

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use integration::short_lived::{
    AT_ONCE, CONTAINERS, LATE_AT_ONCE, Load, Quantiles, Report, ShortLived, Storage,
};
use tokio::task::block_in_place;

/// Of a hundred alerts, so many have to be complete when they are first sent.
const COMPLETE_PERCENT: usize = 99;
/// After the answer, so long may an amendment take.
const AMENDED_WITHIN: Duration = Duration::from_millis(500);

/// Measures how many alerts of short-lived containers are complete when they are first sent, and how long the others take.
#[derive(Debug, Parser)]
struct Arguments {
    /// Containers of podman that are started
    #[arg(long, value_name = "COUNT", default_value_t = CONTAINERS)]
    containers: usize,

    /// So many at a time
    #[arg(long, value_name = "COUNT", default_value_t = AT_ONCE)]
    at_once: usize,

    /// The agent is not told where podman's storage is
    #[arg(long)]
    storage_untold: bool,

    /// How long the engine holds an alert back for its metadata
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 500)]
    wait_ms: u64,

    /// Containers whose files the agent cannot see until their alerts have gone out marked; after the others
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    late: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let is_root = rustix::process::geteuid().is_root();
    anyhow::ensure!(is_root, "loading BPF programs and starting containers need root");
    let report = as_they_come(&arguments).await?;
    let mut misses = Vec::new();
    if report.complete() * 100 < arguments.containers * COMPLETE_PERCENT {
        misses.push(format!("less than {COMPLETE_PERCENT} % were complete when first sent"));
    }
    let late = answered_late(&arguments).await?;
    let amended = [report.amended(), late.amended()].concat();
    if Quantiles::of(amended).max > AMENDED_WITHIN {
        misses.push(format!("an amendment took more than {} ms", AMENDED_WITHIN.as_millis()));
    }
    misses.iter().for_each(|miss| println!("{miss}"));
    let is_right = [&report, &late].iter().all(|report| report.faults().is_empty()) && misses.is_empty();
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn as_they_come(arguments: &Arguments) -> anyhow::Result<Report> {
    let storage = if arguments.storage_untold { Storage::Untold } else { Storage::Told };
    let wait = arguments.wait_ms.to_string();
    let proof = ShortLived::start(&["--metadata-wait-ms", &wait], storage).await?;
    let begin = Instant::now();
    let load = Load::begin(&proof.images, arguments.containers, arguments.at_once);
    let started = block_in_place(|| load.finish())?;
    let (at_once, took) = (arguments.at_once, begin.elapsed().as_secs_f64());
    let report = proof.judge(&started).await?;
    println!("containers as they come, {at_once} at a time, in {took:.1} s\n{report}");
    report.faults().iter().for_each(|fault| println!("{fault}"));
    proof.three.terminate()?;
    Ok(report)
}

async fn answered_late(arguments: &Arguments) -> anyhow::Result<Report> {
    let proof = ShortLived::start(&[], Storage::Hidden).await?;
    let mut started = Vec::new();
    while started.len() < arguments.late {
        started.extend(proof.answer_late().await?);
    }
    let report = proof.judge(&started).await?;
    println!("\nanswers that come after the alerts, {LATE_AT_ONCE} at a time\n{report}");
    report.faults().iter().for_each(|fault| println!("{fault}"));
    proof.three.terminate()?;
    Ok(report)
}
