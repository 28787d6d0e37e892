//! What a service's `main` does.

use std::{fmt, io, process::ExitCode, time::Duration};

use clap::Command;

use telemetry::{Instruments, ServiceIdentity};

use crate::{
    running::{End, Running},
    settings::{Arguments, ConfigError, Settings, effective_text, layered},
    shell::{Shell, ShellError},
};

/// For threads that are stuck, such as one that writes to a pipe that nobody reads: they must not keep the process.
const STUCK_THREADS_WAIT: Duration = Duration::from_secs(1);

/// A service as a process of its own.
pub trait Service {
    /// The binary's name.
    const NAME: &'static str;
    /// Its version.
    const VERSION: &'static str;
    /// What telemetry calls it.
    const IDENTITY: ServiceIdentity;
    /// What it does; the first line is for the short help.
    const ABOUT: &'static str;
    /// What can be set.
    type Settings: Settings;
    /// The service at work.
    type Running: Running;
    /// Why it does not start, or ended by itself. The text names its causes itself.
    type Error: fmt::Display + From<<Self::Running as Running>::Error>;

    /// Called before anything else is started, and while the process has this one thread: for what threads inherit.
    fn before_start(_config: &<Self::Settings as Settings>::Config) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Starts everything.
    fn start(
        config: <Self::Settings as Settings>::Config,
        instruments: Instruments,
    ) -> impl Future<Output = Result<Self::Running, Self::Error>>;

    /// How many threads run the service's tasks; as many as there are processors if nothing is said.
    fn worker_threads() -> Option<usize> {
        None
    }

    /// Which exit code an error has.
    fn status_of(_error: &Self::Error) -> ExitStatus {
        ExitStatus::Failed
    }
}

/// What a process says at its end, for all of our programs alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: it ended as it was told to.
    Clean,
    /// 1: it could not start, it failed, or it was told twice to end.
    Failed,
    /// 2, as clap has it: flags, environment or file are wrong.
    Usage,
    /// 77, EX_NOPERM of sysexits.h: the privileges or the kernel do not allow what it is for.
    NotPermitted,
}

// === impl ExitStatus ===

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        ExitCode::from(match status {
            ExitStatus::Clean => 0,
            ExitStatus::Failed => 1,
            ExitStatus::Usage => 2,
            ExitStatus::NotPermitted => 77,
        })
    }
}

impl From<End> for ExitStatus {
    fn from(end: End) -> Self {
        match end {
            End::Drained => Self::Clean,
            End::Hurried => Self::Failed,
        }
    }
}

/// Runs the service `S` from its command line to its end.
pub fn run<S: Service>() -> ExitCode {
    let matches = match command::<S>().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version come this way too, and are no error.
            let _ = error.print();
            return if error.use_stderr() { ExitStatus::Usage } else { ExitStatus::Clean }.into();
        }
    };
    let refused = |error: &dyn fmt::Display, status: ExitStatus| {
        eprintln!("{}: {error}", S::NAME);
        ExitCode::from(status)
    };
    let arguments = match Arguments::<S::Settings>::from_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => return refused(&error, ExitStatus::Usage),
    };
    let config = match configure(&arguments) {
        Ok(config) => config,
        Err(error) => return refused(&error, ExitStatus::Usage),
    };
    if arguments.is_print {
        return match print::<S::Settings>(&config) {
            Ok(()) => ExitStatus::Clean.into(),
            Err(error) => refused(&error, ExitStatus::Failed),
        };
    }
    match serve::<S>(config) {
        Ok(Ok(end)) => ExitStatus::from(end).into(),
        Ok(Err(error)) => refused(&error, S::status_of(&error)),
        Err(error) => refused(&error, ExitStatus::Failed),
    }
}

fn command<S: Service>() -> Command {
    let about = S::ABOUT.lines().next().unwrap_or_default();
    let command = Command::new(S::NAME).version(S::VERSION).about(about).long_about(S::ABOUT);
    Arguments::<S::Settings>::augment(command)
}

fn configure<S: Settings>(arguments: &Arguments<S>) -> Result<S::Config, ConfigError> {
    layered(&arguments.settings, arguments.file.as_deref())?.resolve()
}

fn print<S: Settings>(config: &S::Config) -> Result<(), io::Error> {
    let text = effective_text::<S>(config).map_err(io::Error::other)?;
    io::Write::write_all(&mut io::stdout(), text.as_bytes())
}

/// The outer error is of the process, the inner one of the service.
fn serve<S: Service>(config: <S::Settings as Settings>::Config) -> Result<Result<End, S::Error>, ShellError> {
    if let Err(error) = S::before_start(&config) {
        return Ok(Err(error));
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = S::worker_threads() {
        builder.worker_threads(threads);
    }
    let runtime = builder.enable_all().build().map_err(ShellError::Runtime)?;
    let ended = runtime.block_on(async {
        let shell = Shell::start(S::Settings::telemetry(&config), S::IDENTITY).await?;
        let instruments = shell.instruments();
        Ok(shell.serve(S::start(config, instruments)).await)
    });
    runtime.shutdown_timeout(STUCK_THREADS_WAIT);
    ended
}
