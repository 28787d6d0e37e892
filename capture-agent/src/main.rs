//! `capture-agent` as a process. Exit codes are those of [`service_runtime::ExitStatus`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

use capture_agent::{Agent, Config, Replaying, Running, Settings, StartError};
use service_runtime::ExitStatus;
use telemetry::{Checks, Instruments, ServiceIdentity};

/// The agent as a process of its own.
struct Process;

/// What it does.
enum Task {
    Capturing(Running),
    Replaying(Replaying),
}

impl service_runtime::Service for Process {
    const NAME: &'static str = "capture-agent";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const IDENTITY: ServiceIdentity =
        ServiceIdentity { name: "eyrie-agent", version: env!("CARGO_PKG_VERSION") };
    const ABOUT: &'static str = "Captures what happens on this host and streams it to an engine.\n\n\
        Needs root, or the capabilities CAP_BPF and CAP_PERFMON (to attach), CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH (to \
        read other users' processes at the start). Whatever else it has it gives up before it starts, and has the kernel \
        refuse it the calls that it never makes.\n\n\
        With --replay it sends a recording in place of that, needs neither, and ends when all of it is acked.\n\n\
        Exit codes: 0 ended as asked, 1 failed, 2 wrong usage or configuration, 77 the privileges or the kernel do not \
        allow capture.";
    type Settings = Settings;
    type Running = Task;
    type Error = StartError;

    fn before_start(config: &Config) -> Result<(), StartError> {
        if !config.are_privileges_kept {
            capture_agent::give_up_privileges()?;
        }
        Ok(())
    }

    async fn start(config: Config, instruments: Instruments) -> Result<Task, StartError> {
        match config.replay.clone() {
            Some(recording) => Agent::replay(config, &recording, instruments).await.map(Task::Replaying),
            None => Agent::start(config, instruments).await.map(Task::Capturing),
        }
    }

    /// The stream needs little, and the host's processors are for its work.
    fn worker_threads() -> Option<usize> {
        Some(1)
    }

    fn status_of(error: &StartError) -> ExitStatus {
        if error.is_privilege() { ExitStatus::NotPermitted } else { ExitStatus::Failed }
    }
}

impl service_runtime::Running for Task {
    type Error = StartError;

    fn name(&self) -> &'static str {
        match self {
            Self::Capturing(running) => service_runtime::Running::name(running),
            Self::Replaying(replaying) => replaying.name(),
        }
    }

    fn checks(&self) -> Checks {
        match self {
            Self::Capturing(running) => running.checks(),
            Self::Replaying(replaying) => replaying.checks(),
        }
    }

    async fn failed(&mut self) -> StartError {
        match self {
            Self::Capturing(running) => running.failed().await,
            Self::Replaying(replaying) => replaying.failed().await,
        }
    }

    async fn ended(&mut self) -> Result<(), StartError> {
        match self {
            Self::Capturing(running) => running.ended().await,
            Self::Replaying(replaying) => replaying.ended().await,
        }
    }

    async fn shutdown(self) {
        match self {
            Self::Capturing(running) => {
                running.shutdown().await;
            }
            Self::Replaying(replaying) => {
                replaying.shutdown().await;
            }
        }
    }
}

fn main() -> ExitCode {
    service_runtime::run::<Process>()
}
