//! `capture-agent` as a process. Exit codes are those of [`service_runtime::ExitStatus`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

use capture_agent::{Agent, Config, Running, Settings, StartError};
use service_runtime::ExitStatus;
use telemetry::{Instruments, ServiceIdentity};

/// The agent as a process of its own.
struct Process;

impl service_runtime::Service for Process {
    const NAME: &'static str = "capture-agent";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const IDENTITY: ServiceIdentity =
        ServiceIdentity { name: "eyrie-agent", version: env!("CARGO_PKG_VERSION") };
    const ABOUT: &'static str = "Captures what happens on this host and streams it to an engine.\n\n\
        Needs root, or the capabilities CAP_BPF and CAP_PERFMON (to attach), CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH (to \
        read other users' processes at the start). Whatever else it has it gives up before it starts, and has the kernel \
        refuse it the calls that it never makes.\n\n\
        Exit codes: 0 ended as asked, 1 failed, 2 wrong usage or configuration, 77 the privileges or the kernel do not \
        allow capture.";
    type Settings = Settings;
    type Running = Running;
    type Error = StartError;

    fn before_start(config: &Config) -> Result<(), StartError> {
        if !config.are_privileges_kept {
            capture_agent::give_up_privileges()?;
        }
        Ok(())
    }

    async fn start(config: Config, instruments: Instruments) -> Result<Running, StartError> {
        Agent::start(config, instruments).await
    }

    /// The stream needs little, and the host's processors are for its work.
    fn worker_threads() -> Option<usize> {
        Some(1)
    }

    fn status_of(error: &StartError) -> ExitStatus {
        if error.is_privilege() { ExitStatus::NotPermitted } else { ExitStatus::Failed }
    }
}

fn main() -> ExitCode {
    service_runtime::run::<Process>()
}
