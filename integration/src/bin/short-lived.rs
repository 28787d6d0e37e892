//! Starts short-lived containers, each of which trips a rule, and prints what became of the alerts.
//!
//! `make short-lived` runs it; docs/performance.md has results.
#![forbid(unsafe_code)]

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use integration::short_lived::{AT_ONCE, CONTAINERS, Load, ShortLived};

/// Measures how many alerts of short-lived containers are complete when they are first sent.
#[derive(Debug, Parser)]
struct Arguments {
    /// Containers of podman that are started
    #[arg(long, value_name = "COUNT", default_value_t = CONTAINERS)]
    containers: usize,

    /// So many at a time
    #[arg(long, value_name = "COUNT", default_value_t = AT_ONCE)]
    at_once: usize,

    /// How long the engine holds an alert back for its metadata; alerts that go out before are amended
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 500)]
    wait_ms: u64,

    /// The agent is not told where podman's storage is
    #[arg(long)]
    storage_untold: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let Arguments { containers, at_once, wait_ms, storage_untold } = Arguments::parse();
    anyhow::ensure!(
        rustix::process::geteuid().is_root(),
        "loading BPF programs and starting containers need root"
    );
    let proof = ShortLived::start(&["--metadata-wait-ms", &wait_ms.to_string()], !storage_untold).await?;
    let begin = Instant::now();
    let load = Load::begin(&proof.images, containers, at_once);
    let started = tokio::task::block_in_place(|| load.finish())?;
    let took = begin.elapsed().as_secs_f64();
    let report = proof.judge(&started).await?;
    println!("{report}\nstarted                     {at_once} at a time, in {took:.1} s");
    let faults = report.faults();
    faults.iter().for_each(|fault| println!("fault: {fault}"));
    proof.three.terminate()?;
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
