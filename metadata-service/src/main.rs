//! `metadata-service`: parses its configuration, starts, runs until it is told to end, and drains.
//!
//! Exit codes: 0 after a clean end, 1 if it could not start or failed, 2 if the configuration is not valid.
#![forbid(unsafe_code)]

use std::{io::IsTerminal as _, process::ExitCode, time::Duration};

use clap::Parser as _;
use metadata_service::{
    Config, ConfigError, MetadataService,
    config::{Arguments, Settings},
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

const INVALID_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let print_config = arguments.print_config;
    let config = match configure(arguments) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("metadata-service: {error}");
            return INVALID_CONFIGURATION.into();
        }
    };
    let result = if print_config { print(&config) } else { run(config) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Our errors name their causes themselves.
            eprintln!("metadata-service: {error}");
            ExitCode::FAILURE
        }
    }
}

fn configure(arguments: Arguments) -> Result<Config, ConfigError> {
    let file = arguments.config.as_deref().map(Settings::read).transpose()?;
    arguments.settings.or(file.unwrap_or_default()).resolve()
}

fn print(config: &Config) -> anyhow::Result<()> {
    use std::io::Write as _;
    let text = toml::to_string(&Settings::from(config))?;
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn run(config: Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal)
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut running = MetadataService::start(config).await?;
        tokio::select! {
            error = running.failed() => return Err(error.into()),
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        tracing::info!("draining");
        running.shutdown().await;
        Ok(())
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}
