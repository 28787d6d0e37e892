//! The capture agent's binary: reads flags and environment, runs the agent, ends on SIGTERM or SIGINT.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use anyhow::Context as _;
use capture_agent::{Agent, Arguments, Config, StartError};
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// EX_USAGE of sysexits.h.
const EXIT_USAGE: u8 = 64;
/// EX_NOPERM of sysexits.h.
const EXIT_NOT_PERMITTED: u8 = 77;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too, and are no error.
            let code = if error.use_stderr() { EXIT_USAGE } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let config = match Config::try_from(arguments) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("capture-agent: {error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let filter = EnvFilter::try_from_env("EYRIE_AGENT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("capture-agent: {error:#}");
            let is_privilege = error
                .downcast_ref::<StartError>()
                .is_some_and(|error| matches!(error, StartError::Kernel(error) if error.is_privilege()));
            ExitCode::from(if is_privilege { EXIT_NOT_PERMITTED } else { 1 })
        }
    }
}

fn run(config: Config) -> anyhow::Result<()> {
    // One thread: the stream needs little, and the host's processors are for its work.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let running = Agent::start(config).await?;
        let mut look = tokio::time::interval(std::time::Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = look.tick() => anyhow::ensure!(running.is_capturing(), "the capture thread has failed"),
            }
        }
        let summary = running.shutdown().await;
        eprintln!("capture-agent: ended, {} events unacked", summary.unacked_events);
        Ok(())
    })
}
