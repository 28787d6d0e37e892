//! `engine-service` as a process. Exit codes are those of [`service_runtime::ExitStatus`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

use engine_service::{Config, EngineError, Running, Settings};
use telemetry::{Instruments, ServiceIdentity};

/// The engine as a process of its own.
struct Process;

impl service_runtime::Service for Process {
    const NAME: &'static str = "engine-service";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const IDENTITY: ServiceIdentity =
        ServiceIdentity { name: "eyrie-engine", version: env!("CARGO_PKG_VERSION") };
    const ABOUT: &'static str = "Evaluates the streams of capture agents against Falco rules; keeps, prints and streams \
        the alerts.\n\n\
        Exit codes: 0 ended as asked, 1 failed, 2 wrong usage or configuration.";
    type Settings = Settings;
    type Running = Running;
    type Error = EngineError;

    async fn start(config: Config, instruments: Instruments) -> Result<Running, EngineError> {
        config.start(instruments).await
    }
}

fn main() -> ExitCode {
    service_runtime::run::<Process>()
}
