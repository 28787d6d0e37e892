//! `engine-service`: parses its configuration, starts, runs until it is told to end, and drains.
#![forbid(unsafe_code)]

use std::{io::IsTerminal as _, process::ExitCode};

use clap::Parser as _;
use engine_service::Config;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let config = Config::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal)
        .with_writer(std::io::stderr)
        .init();
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Our errors name their causes themselves.
            eprintln!("engine-service: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut running = config.start().await?;
        tokio::select! {
            error = running.failed() => return Err(error.into()),
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        tracing::info!("draining");
        running.shutdown().await;
        Ok(())
    });
    // A printer that is stuck in a write must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}
